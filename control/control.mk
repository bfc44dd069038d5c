# control.elf: the control partition's program.  Included by Makefile.
# What other folders add to it is listed here: modules of control/*/ and drivers/io/ that are linked
# into it.
CONTROL_MODULES := $(sort $(wildcard $(foreach d,create disk guest machine manage net pci served shell virtio,control/$d/*.c) \
                   $(addprefix drivers/io/,ata*.c e1000*.c ide*.c virt*.c))) \
                   $(addprefix drivers/io/,disk.c nic.c pci.c pci_irq.c prd.c ps2.c scancode.c)
CONTROL_C := $(sort $(wildcard control/*.c)) arch/x86_64/lib/fmt.c arch/x86_64/lib/json.c arch/x86_64/lib/mem.c arch/x86_64/lib/str.c
CONTROL_C += $(CONTROL_MODULES)
# It loads the guests that it makes.
CONTROL_C += $(sort $(wildcard boot/load/*.c boot/pc/*.c))
CONTROL_OBJ := $(CONTROL_C:%.c=$(O)/control/%.o) $(patsubst %.asm,$(O)/control/%.asm.o,$(sort $(wildcard control/*.asm)))
CONTROL_FLAGS := $(filter-out -fno-stack-protector,$(HV_FLAGS)) -fstack-protector-strong -mstack-protector-guard=global

$(O)/control/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC   $< (control)"
	@$(CC) $(CONTROL_FLAGS) -c -o $@ $<
$(O)/control/%.asm.o: %.asm
	@mkdir -p $(@D)
	@echo "  NASM $< (control)"
	@$(NASM) -Wall -Werror -f elf64 -MD $(@:.o=.d) -o $@ $<

# Calls of these appear when the linker's optimiser has taken unused functions out already.
$(O)/control/arch/x86_64/lib/mem.o: CONTROL_FLAGS += -fno-lto

$(O)/control.elf: $(O)/control.debug.elf
	@objcopy --strip-debug $< $@
$(O)/control.debug.elf: $(CONTROL_OBJ) control/control.ld
	@echo "  LD   $(O)/control.elf"
	@$(CC) $(CONTROL_FLAGS) -nostdlib -static -no-pie -T control/control.ld -o $@ $(CONTROL_OBJ) \
	    -Wl,-u,memset,-u,memcpy,-u,memmove \
	    -Wl,--build-id=none,-z,max-page-size=4096,-z,noexecstack,--fatal-warnings,-Map=$(O)/control.map
