; The ELF note of the PVH test guest, and its first instructions.  Xen's docs/misc/pvh.pandoc.
%define MAIN         pvh_main
%define PHYS32_ENTRY 18

section .note.xen align=4
        dd name_end - name, 4, PHYS32_ENTRY
name:   db "Xen", 0
name_end:
        dd start

%include "guest_tests/multiboot/first.inc"
