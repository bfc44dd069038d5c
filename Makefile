# Lintel.  `make help` lists the targets; docs/testing.md explains them.
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

B      ?= build
DEBUG  ?= 0
RECORD ?= 0
ifeq ($(RECORD),1)
O      := $(B)/record
else ifeq ($(DEBUG),1)
O      := $(B)/debug
else
O      := $(B)
endif

CC     := gcc
LD     := ld
NASM   := nasm
CLANG  := clang
# Debian's own, which has the modules of its packages; another one may come first in PATH.
PYTHON := $(firstword $(wildcard /usr/bin/python3) python3)

# ---------------------------------------------------------------- flags
WARN     := -Wall -Wextra -Werror -Wconversion -Wshadow -Wundef -Wvla -Wstrict-prototypes \
            -Wmissing-prototypes -Wcast-align -Wpointer-arith -Wformat=2 -fno-common -fno-strict-aliasing
GCC_WARN := $(WARN) -Wimplicit-fallthrough=5
REPRO    := -ffile-prefix-map=$(CURDIR)/=
INC      := -I. -Iinclude -I$(O)/gen
STD      := -std=gnu17 -O2 -g -MMD -MP $(REPRO) -DDEBUG=$(DEBUG) $(if $(filter 1,$(RECORD)),-DRECORD)

HV_FLAGS := $(STD) $(GCC_WARN) $(INC) -ffreestanding -fno-pic -mcmodel=kernel -mno-red-zone \
            -mgeneral-regs-only -mpreferred-stack-boundary=3 -fno-stack-protector -fno-asynchronous-unwind-tables \
            -fno-omit-frame-pointer -ftrivial-auto-var-init=zero -Wstack-usage=1024 --param=logical-op-non-short-circuit=0 -flto -flto-partition=one -ffat-lto-objects
EFI_FLAGS := $(STD) $(GCC_WARN) -Wno-error=stack-usage= $(INC) -isystem /usr/include/efi \
            -isystem /usr/include/efi/x86_64 -DGNU_EFI_USE_MS_ABI -ffreestanding -fpic -fshort-wchar \
            -mno-red-zone -mgeneral-regs-only -maccumulate-outgoing-args -fno-stack-protector \
            -fno-asynchronous-unwind-tables
HOST_FLAGS := -std=gnu17 -O1 -g -MMD -MP $(WARN) $(INC) -DDEBUG=1 -DHOST_TEST=1 \
            -fsanitize=address,undefined -fno-sanitize-recover=all

# ---------------------------------------------------------------- what is in which image
# hv.elf: everything that runs in VMX root mode.
HV_C   := $(sort $(wildcard arch/x86_64/*.c arch/x86_64/lib/*.c drivers/platform/*.c ept/*.c vmx/*.c \
            vmm/*.c vmm/policy/*.c vmm/dev/*.c vmm/lab/*.c))
# What writes exits down for tools/replay: in the laboratory build (RECORD=1) alone.
RECORD_C := $(sort $(wildcard vmm/record/*.c)) vmx/entry_view.c
HV_C   := $(filter-out arch/x86_64/asm_offsets.c $(RECORD_C),$(HV_C)) $(if $(filter 1,$(RECORD)),$(RECORD_C))
HV_ASM := $(sort $(wildcard arch/x86_64/*.asm vmx/*.asm vmm/lab/*.asm))
HV_OBJ := $(HV_C:%.c=$(O)/hv/%.o) $(HV_ASM:%.asm=$(O)/hv/%.asm.o) $(O)/hv/font.o

# BOOTX64.EFI: boot/, with the loaders of guests and the tables that they find, and the pure or freestanding pieces that it shares with hv.elf.
BOOT_C := $(sort $(wildcard boot/*.c boot/load/*.c boot/pc/*.c)) $(filter-out %/json.c,$(sort $(wildcard arch/x86_64/lib/*.c))) drivers/platform/uart.c \
          drivers/platform/fbcon.c drivers/platform/pci.c vmx/delivery.c vmm/policy/cpuid_xsave.c
BOOT_ASM := $(sort $(wildcard boot/*.asm))
BOOT_OBJ := $(BOOT_C:%.c=$(O)/efi/%.o) $(BOOT_ASM:%.asm=$(O)/efi/%.asm.o) $(O)/efi/font.o

# Modules that know no hardware: compiled for the host by the unit tests and the fuzzers.
PURE_C := $(sort $(wildcard ept/*.c vmm/dev/*.c boot/load/*.c boot/pc/*.c)) vmm/board.c vmm/policy/io.c vmm/pmm.c \
          arch/x86_64/lib/json.c vmm/lab/stats.c vmm/insn.c vmm/hist.c vmm/exit_stats.c vmm/sched.c vmx/delivery.c $(wildcard tools/explain/check*.c vmx/mitigation*.c) tools/explain/dump_read.c \
          boot/caps.c boot/ctl.c boot/wishes.c boot/cpuid_table.c boot/cpuid_xsave.c boot/config_parse.c boot/config_keys.c boot/config_text.c boot/needs.c boot/clock_choice.c boot/plan_keep.c boot/elf_load.c boot/memmap.c boot/models.c boot/tables.c drivers/platform/fbcon.c \
          vmm/policy/cpuid.c vmm/policy/cpuid_topology.c vmm/policy/cpuid_xsave.c vmm/policy/msr.c vmm/policy/cr.c vmm/mmio.c vmm/tss.c vmm/pvclock.c vmm/irq.c \
          vmm/insn_execute.c \
          boot/acpi.c boot/acpi_view.c boot/power_ways.c drivers/platform/power_steps.c arch/x86_64/lib/fmt.c arch/x86_64/lib/log_ring.c
PURE_C += vmx/exit_name.c vmm/ledger.c vmm/idalloc.c vmm/guest_console.c vmm/keyboard.c vmm/lives.c
# The control partition's modules that know no hardware.
CONTROL_C := $(sort $(wildcard $(foreach d,disk guest manage net pci shell virtio,control/$d/*.c)))
PURE_C += $(CONTROL_C) control/served/device_text.c control/served/kept.c control/create/spec.c control/create/layout.c vmm/policy/devices.c control/pages.c control/lasting.c control/said.c control/scratch.c control/machine/lines.c
# Drivers of real devices: linked into programs beside the hypervisor, never into hv.elf.
IO_C   := $(sort $(wildcard drivers/io/*.c))
PURE_C += $(IO_C)
PURE_C := $(wildcard $(PURE_C))
# What touches hardware only through a few functions, which tools/unit/fake_cpu.c stands in for.
HOST_C := $(sort $(wildcard vmm/on_*.c)) vmm/policy/exit.c vmm/exit_verdict.c vmm/todo.c vmm/task.c vmm/stats_report.c vmm/keys.c vmm/ledger_report.c vmm/insn_memo.c vmm/vm_touch.c vmm/vm_counts.c vmm/vm_end.c vmm/vcpu_init.c vmm/vcpu.c vmm/vcpu_irq.c vmm/gmem.c vmm/guest_plan.c \
          vmm/msr_models.c vmm/pv.c vmm/hypercall.c vmm/hc_control.c vmm/hc_served.c vmm/hc_lives.c vmm/hc_stats.c vmm/hc_create.c vmm/vcpu_first.c vmm/orders.c vmm/hc_console.c vmm/boundary.c vmm/forward.c vmm/forward_port.c vmm/forward_finish.c vmm/partition.c vmm/grant.c vmx/event.c vmx/dump.c tools/unit/fake_cpu.c
HOST_C += $(wildcard control/machine/attach*.c) control/machine/machine.c

-include tools/targets.mk

# ---------------------------------------------------------------- images
.PHONY: all
all: $(O)/BOOTX64.EFI $(O)/hv.elf $(O)/control.elf $(O)/lintel.img $(O)/lintel.iso ## build everything

$(O)/gen/asm_offsets.inc: arch/x86_64/asm_offsets.c
	@mkdir -p $(@D)
	@$(CC) $(HV_FLAGS) -fno-lto -MF $(O)/gen/asm_offsets.d -MT $@ -S -o $(O)/gen/asm_offsets.s $<
	@sed -n 's/^[^"]*"->\([A-Z0-9_]*\) \$$*\([-0-9]*\)".*/%define \1 \2/p; s/^->\([A-Z0-9_]*\) \$$*\([-0-9]*\).*/%define \1 \2/p' \
	    $(O)/gen/asm_offsets.s > $@
	@test -s $@ || { echo "asm_offsets.inc came out empty" >&2; rm -f $@; exit 1; }

$(O)/gen/font.c: tools/mkfont.py
	@mkdir -p $(@D)
	@$(PYTHON) tools/mkfont.py > $@

$(O)/hv/font.o: $(O)/gen/font.c
	@mkdir -p $(@D)
	@$(CC) $(HV_FLAGS) -c -o $@ $<
$(O)/efi/font.o: $(O)/gen/font.c
	@mkdir -p $(@D)
	@$(CC) $(EFI_FLAGS) -c -o $@ $<

# The callers of vmx_resume() and vmx_launch(), which keep no register (vmx/enter.h).
$(foreach f,vmm/run vmm/control_call vmx/run vmm/lab/mitigations,$(O)/hv/$f.o $(O)/check/$f.analyzed): FRAMES := -fomit-frame-pointer
$(O)/hv/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC   $<"
	@$(CC) $(HV_FLAGS) $(FRAMES) -c -o $@ $<

$(O)/hv/%.asm.o: %.asm $(O)/gen/asm_offsets.inc
	@mkdir -p $(@D)
	@echo "  NASM $<"
	@$(NASM) -Wall -Werror -f elf64 -i$(O)/gen/ -MD $(@:.o=.d) -o $@ $<

$(O)/efi/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC   $< (UEFI)"
	@$(CC) $(EFI_FLAGS) -c -o $@ $<

$(O)/efi/%.asm.o: %.asm $(O)/gen/asm_offsets.inc
	@mkdir -p $(@D)
	@echo "  NASM $< (UEFI)"
	@$(NASM) -Wall -Werror -f elf64 -i$(O)/gen/ -MD $(@:.o=.d) -o $@ $<

# Debug information stays on the workstation: gdb and addr2line take hv.debug.elf.
$(O)/hv.elf: $(O)/hv.debug.elf
	@objcopy --strip-debug $< $@

$(O)/hv.debug.elf: $(HV_OBJ) linker.ld
	@echo "  LD   $(O)/hv.elf"
	@$(CC) $(HV_FLAGS) -nostdlib -static -no-pie -T linker.ld -o $@ $(HV_OBJ) \
	    -Wl,--build-id=none,-z,max-page-size=4096,-z,noexecstack,--fatal-warnings,-Map=$(O)/hv.map

# UEFI programs: the objects, then EFI_LD's libraries; out of that, the file.
EFI_LD := -nostdlib -znocombreloc --build-id=none -z noexecstack -T /usr/lib/elf_x86_64_efi.lds -shared -Bsymbolic \
          -L/usr/lib /usr/lib/crt0-efi-x86_64.o
define MAKE_EFI
@echo "  EFI  $@"
@objcopy -j .text -j .sdata -j .data -j .dynamic -j .rodata -j .dynsym -j .rel -j .rela -j '.rel.*' -j '.rela.*' \
    -j .reloc --target efi-app-x86_64 --subsystem=10 $< $@
endef
$(O)/BOOTX64.so: $(BOOT_OBJ)
	@$(LD) $(EFI_LD) $(BOOT_OBJ) -o $@ -lefi -lgnuefi

$(O)/BOOTX64.EFI: $(O)/BOOTX64.so
$(O)/drivers.efi: $(O)/drivers.so
$(O)/bare/%.efi: $(O)/bare/%.so
	$(MAKE_EFI)
$(O)/BOOTX64.EFI $(O)/drivers.efi:
	$(MAKE_EFI)

include control/control.mk

-include $(shell find $(B) -path $(B)/guests -prune -o -type f -name '*.d' -print 2>/dev/null)

.PHONY: clean help
clean: ## remove build/
	rm -rf $(B)

help: ## this list
	@awk -F':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
