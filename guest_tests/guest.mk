# Guest test images: $(O)/guest_tests/<name>.flat from guest_tests/t_<name>.c, and
# $(O)/native.elf, which starts the same images on the bare machine.
# Tests run in the order of their file. FAULTS() is a setjmp() whose rule (rt/guest.h) the
# compiler cannot check without crying wolf.
GUEST_FLAGS := $(filter-out -mcmodel=kernel,$(HV_FLAGS)) -mcmodel=small -fno-toplevel-reorder -Wno-clobbered
GUEST_IMAGES := $(patsubst guest_tests/t_%.c,$(O)/guest_tests/%.flat,$(sort $(wildcard guest_tests/t_*.c)))
GUEST_RT := $(sort $(wildcard guest_tests/rt/*.c)) arch/x86_64/lib/fmt.c arch/x86_64/lib/mem.c arch/x86_64/lib/str.c
GUEST_RT_OBJ := $(GUEST_RT:%.c=$(O)/guest/%.o) \
                $(patsubst %.asm,$(O)/guest/%.asm.o,$(sort $(wildcard guest_tests/rt/*.asm)))

$(O)/guest/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC   $< (guest)"
	@$(CC) $(GUEST_FLAGS) -c -o $@ $<

$(O)/guest/%.asm.o: %.asm
	@mkdir -p $(@D)
	@echo "  NASM $< (guest)"
	@$(NASM) -Wall -Werror -f elf64 -MD $(@:.o=.d) -o $@ $<

$(O)/guest_tests/%.flat: $(O)/guest/guest_tests/t_%.o $(GUEST_RT_OBJ) guest_tests/rt/guest.ld
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(LD) -nostdlib -static --build-id=none -z max-page-size=4096 -z noexecstack \
	    --no-warn-rwx-segments --fatal-warnings -T guest_tests/rt/guest.ld -Map=$(@:.flat=.map) \
	    -o $(@:.flat=.elf) $(GUEST_RT_OBJ) $<
	@objcopy -O binary $(@:.flat=.elf) $@

.SECONDARY: $(GUEST_IMAGES:$(O)/guest_tests/%.flat=$(O)/guest/guest_tests/t_%.o)
.SECONDARY: $(GUEST_RT_OBJ)

# ---------------------------------------------------------------- native.elf
NATIVE_C := $(sort $(wildcard guest_tests/native/*.c vmm/load/*.c arch/x86_64/lib/*.c)) drivers/platform/uart.c
NATIVE_ASM := $(sort $(wildcard guest_tests/native/*.asm))
NATIVE_OBJ := $(NATIVE_C:%.c=$(O)/hv/%.o) $(NATIVE_ASM:%.asm=$(O)/hv/%.asm.o)

$(O)/native.elf: $(NATIVE_OBJ) linker.ld
	@echo "  LD   $@"
	@$(LD) -nostdlib -static --build-id=none -z max-page-size=4096 -z noexecstack --fatal-warnings \
	    -T linker.ld -o $@ $(NATIVE_OBJ)
