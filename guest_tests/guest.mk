# Guest test images: $(O)/guest_tests/<name>.flat from guest_tests/t_<name>.c, and
# $(O)/native.elf, which starts the same images on the bare machine.
# Tests run in the order of their file. FAULTS() is a setjmp() whose rule (rt/guest.h) the
# compiler cannot check without crying wolf.
GUEST_FLAGS := $(filter-out -mcmodel=kernel,$(HV_FLAGS)) -mcmodel=small -fno-toplevel-reorder -Wno-clobbered
GUEST_FLAT := $(patsubst guest_tests/t_%.c,$(O)/guest_tests/%.flat,$(sort $(wildcard guest_tests/t_*.c)))
GUEST_IMAGES := $(GUEST_FLAT)
GUEST_RT := $(sort $(wildcard guest_tests/rt/*.c)) arch/x86_64/lib/fmt.c arch/x86_64/lib/mem.c arch/x86_64/lib/str.c
GUEST_RT_OBJ := $(GUEST_RT:%.c=$(O)/guest/%.o) \
                $(patsubst %.asm,$(O)/guest/%.asm.o,$(sort $(wildcard guest_tests/rt/*.asm)))
GUEST_VIRTIO_OBJ := $(patsubst %.c,$(O)/guest/%.o,$(sort $(wildcard guest_tests/virtio/*.c)))

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
	    -o $(@:.flat=.elf) $(GUEST_RT_OBJ) $(filter-out $(GUEST_RT_OBJ),$(filter %.o,$^))
	@objcopy -O binary $(@:.flat=.elf) $@

# Guests with drivers of their own.
$(filter $(O)/guest_tests/virtio%.flat $(O)/guest_tests/bench_virtio.flat,$(GUEST_FLAT)): $(GUEST_VIRTIO_OBJ)

.SECONDARY: $(GUEST_FLAT:$(O)/guest_tests/%.flat=$(O)/guest/guest_tests/t_%.o)
.SECONDARY: $(GUEST_RT_OBJ) $(GUEST_VIRTIO_OBJ)

# ---------------------------------------------------------------- Multiboot
# multiboot.elf, and multiboot-kludge.bin: no ELF file, its header gives the addresses, and the
# bytes around the image are not to be loaded.  The modules that list.txt gives them.
MULTIBOOT_FLAGS := $(filter-out -mcmodel=kernel -mno-red-zone -flto% -ffat-lto-objects,$(HV_FLAGS)) -m32 -march=i686
MULTIBOOT_OBJ := $(patsubst %.c,$(O)/multiboot/%.o,$(sort $(wildcard guest_tests/multiboot/*.c)) \
                   arch/x86_64/lib/mem.c arch/x86_64/lib/str.c)
MULTIBOOT_MODULES := $(addprefix $(O)/guest_tests/,numbers.txt seven.txt)
GUEST_IMAGES += $(O)/guest_tests/multiboot.elf $(O)/guest_tests/multiboot-kludge.bin $(MULTIBOOT_MODULES)

$(O)/multiboot/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC   $< (32-bit guest)"
	@$(CC) $(MULTIBOOT_FLAGS) -c -o $@ $<
$(O)/multiboot/start.o: NASM_DEFINE :=
$(O)/multiboot/start-kludge.o: NASM_DEFINE := -DADDRESSES
$(O)/multiboot/start.o $(O)/multiboot/start-kludge.o: guest_tests/multiboot/start.asm
	@mkdir -p $(@D)
	@echo "  NASM $< (32-bit guest)"
	@$(NASM) -Wall -Werror -f elf32 $(NASM_DEFINE) -MD $(@:.o=.d) -o $@ $<

MULTIBOOT_LD := $(LD) -m elf_i386 -nostdlib -static --build-id=none -z max-page-size=4096 -z noexecstack \
                --fatal-warnings -T guest_tests/multiboot/link.ld
$(O)/guest_tests/multiboot.elf: $(O)/multiboot/start.o $(MULTIBOOT_OBJ) guest_tests/multiboot/link.ld
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(MULTIBOOT_LD) -o $@ $(filter %.o,$^)
$(O)/guest_tests/multiboot-kludge.bin: $(O)/multiboot/start-kludge.o $(MULTIBOOT_OBJ) guest_tests/multiboot/link.ld
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(MULTIBOOT_LD) -o $(@:.bin=.elf) $(filter %.o,$^)
	@objcopy -O binary $(@:.bin=.elf) $(@:.bin=.raw)
	@{ printf '%512s' before; cat $(@:.bin=.raw); printf '%8192s' behind; } > $@

# ---------------------------------------------------------------- PVH
# pvh.elf, and the same in a 64-bit ELF file, as vmlinux is one.
PVH_OBJ := $(patsubst %.c,$(O)/multiboot/%.o,$(sort $(wildcard guest_tests/pvh/*.c)) guest_tests/multiboot/tap.c \
             arch/x86_64/lib/mem.c arch/x86_64/lib/str.c)
GUEST_IMAGES += $(O)/guest_tests/pvh.elf $(O)/guest_tests/pvh64.elf

$(O)/multiboot/start-pvh.o: guest_tests/pvh/start.asm
	@mkdir -p $(@D)
	@echo "  NASM $< (32-bit guest)"
	@$(NASM) -Wall -Werror -f elf32 -MD $(@:.o=.d) -o $@ $<
$(O)/guest_tests/pvh.elf: $(O)/multiboot/start-pvh.o $(PVH_OBJ) guest_tests/pvh/link.ld
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(LD) -m elf_i386 -nostdlib -static --build-id=none -z max-page-size=4096 -z noexecstack \
	    --fatal-warnings -T guest_tests/pvh/link.ld -o $@ $(filter %.o,$^)
$(O)/guest_tests/pvh64.elf: $(O)/guest_tests/pvh.elf
	@objcopy -O elf64-x86-64 $< $@

# ---------------------------------------------------------------- hardware tasks
TASKS_OBJ := $(patsubst %.c,$(O)/multiboot/%.o,$(sort $(wildcard guest_tests/tasks/*.c)) guest_tests/multiboot/tap.c \
               arch/x86_64/lib/mem.c) $(O)/multiboot/tasks-start.o $(O)/multiboot/tasks-switch.o
GUEST_IMAGES += $(O)/guest_tests/tasks.elf

$(O)/multiboot/tasks-%.o: guest_tests/tasks/%.asm
	@mkdir -p $(@D)
	@echo "  NASM $< (32-bit guest)"
	@$(NASM) -Wall -Werror -f elf32 -MD $(@:.o=.d) -o $@ $<
$(O)/guest_tests/tasks.elf: $(TASKS_OBJ) guest_tests/multiboot/link.ld
	@mkdir -p $(@D)
	@echo "  LD   $@"
	@$(MULTIBOOT_LD) -o $@ $(filter %.o,$^)

$(O)/guest_tests/numbers.txt:
	@mkdir -p $(@D)
	@seq 1 20000 > $@
$(O)/guest_tests/seven.txt:
	@mkdir -p $(@D)
	@echo 7 > $@

# ---------------------------------------------------------------- native.elf
NATIVE_C := $(filter-out %/json.c,$(sort $(wildcard guest_tests/native/*.c boot/load/*.c arch/x86_64/lib/*.c))) drivers/platform/uart.c
NATIVE_ASM := $(sort $(wildcard guest_tests/native/*.asm))
NATIVE_OBJ := $(NATIVE_C:%.c=$(O)/hv/%.o) $(NATIVE_ASM:%.asm=$(O)/hv/%.asm.o)

$(O)/native.elf: $(NATIVE_OBJ) linker.ld
	@echo "  LD   $@"
	@$(LD) -nostdlib -static --build-id=none -z max-page-size=4096 -z noexecstack --fatal-warnings \
	    -T linker.ld -o $@ $(NATIVE_OBJ)

include guest_tests/drivers/drivers.mk
