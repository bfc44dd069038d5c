# drivers.img: a UEFI program that owns the machine and tests drivers/io on the devices it finds.
# The image is a flat one with the run-time of the guest tests; drivers.efi carries and starts it.
DRIVERS_C := $(IO_C) $(addprefix guest_tests/drivers/,env.c disk_run.c devices.c pc_devices.c t_pci_irq.c t_disk_data.c t_disk_errors.c net_frames.c t_nic.c t_nic_sum.c t_ide.c t_pc.c)
DRIVERS_OBJ := $(DRIVERS_C:%.c=$(O)/guest/%.o)
LAUNCH_OBJ := $(O)/efi/guest_tests/drivers/launch.o \
              $(patsubst %.c,$(O)/efi/%.o,$(addprefix arch/x86_64/lib/,fmt.c mem.c str.c))

$(O)/drivers.flat: $(DRIVERS_OBJ) $(GUEST_RT_OBJ) guest_tests/rt/guest.ld
	@echo "  LD   $@"
	@$(LD) -nostdlib -static --build-id=none -z max-page-size=4096 -z noexecstack \
	    --no-warn-rwx-segments --fatal-warnings -T guest_tests/rt/guest.ld -Map=$(@:.flat=.map) \
	    -o $(@:.flat=.elf) $(GUEST_RT_OBJ) $(DRIVERS_OBJ)
	@objcopy -O binary $(@:.flat=.elf) $@

$(O)/efi/guest_tests/drivers/image.asm.o: guest_tests/drivers/image.asm $(O)/drivers.flat
	@mkdir -p $(@D)
	@echo "  NASM $<"
	@$(NASM) -Wall -Werror -f elf64 -DIMAGE='"$(O)/drivers.flat"' -o $@ $<

$(O)/drivers.so: $(LAUNCH_OBJ) $(O)/efi/guest_tests/drivers/image.asm.o
	@$(LD) $(EFI_LD) -z defs $^ -o $@ -lefi -lgnuefi

$(O)/drivers.img: $(O)/drivers.efi tools/mkimage.py
	@echo "  IMG  $@"
	@$(TOOL) tools/mkimage.py img --out $@ --file EFI/BOOT/BOOTX64.EFI=$<

# A test guest in the driver tests' place: bare/NAME.img starts guest_tests/NAME.flat.
.PRECIOUS: $(O)/bare/%.asm.o $(O)/bare/%.so $(O)/bare/%.efi
$(O)/bare/%.asm.o: guest_tests/drivers/image.asm $(O)/guest_tests/%.flat
	@mkdir -p $(@D)
	@echo "  NASM $< ($*)"
	@$(NASM) -Wall -Werror -f elf64 -DIMAGE='"$(O)/guest_tests/$*.flat"' -o $@ $<
$(O)/bare/%.so: $(LAUNCH_OBJ) $(O)/bare/%.asm.o
	@$(LD) $(EFI_LD) -z defs $^ -o $@ -lefi -lgnuefi
$(O)/bare/%.img: $(O)/bare/%.efi tools/mkimage.py
	@echo "  IMG  $@"
	@$(TOOL) tools/mkimage.py img --out $@ --file EFI/BOOT/BOOTX64.EFI=$<
