; The image of the driver tests, as drivers.efi carries it.  IMAGE: its file.
        global  drivers_flat, drivers_flat_end

        section .data align=16
drivers_flat:
        incbin  IMAGE
drivers_flat_end:
