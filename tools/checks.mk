# `make check`: format and static analysis of the sources, and the house's rules.
# Included by tools/targets.mk.
.PHONY: check

FORMATTED := $(sort $(filter-out build/% $(B)/%,$(wildcard */*.[ch] */*/*.[ch] */*/*/*.[ch])))
HEADERS   := $(sort $(wildcard include/*.h include/*/*.h boot/*.h boot/*/*.h arch/x86_64/*.h arch/x86_64/lib/*.h \
               drivers/platform/*.h drivers/io/*.h ept/*.h vmx/*.h vmm/*.h vmm/*/*.h control/*.h control/*/*.h))
# The loaders of guests, which are for several images.
GUEST_C   := $(wildcard boot/load/*.c boot/pc/*.c)
CHECKED_C := $(HV_C) $(GUEST_C) $(IO_C) $(wildcard control/*.c control/*/*.c)
CHECKS    := format headers includes rings sizes sdm docs cppcheck analyzer tidy record

check: setup ## format, static analysis, and the rules for files
	@$(MAKE) --no-print-directory -k $(CHECKS:%=check-%)
	@echo "check: all is well"

.PHONY: $(CHECKS:%=check-%)
check-format:
	@echo "  CHECK format"
	@clang-format --dry-run -Werror $(FORMATTED)

# Each header compiles by itself: it includes what it uses.
check-headers: $(HEADERS:%=$(O)/check/%.alone)
$(O)/check/boot/%.h.alone: boot/%.h
	@mkdir -p $(@D)
	@echo '#include "$<"' | $(CC) $(EFI_FLAGS) -MF $@.d -MT $@ -x c -c -o $@ -
$(O)/check/%.h.alone: %.h
	@mkdir -p $(@D)
	@echo '#include "$<"' | $(CC) $(HV_FLAGS) -MF $@.d -MT $@ -x c -c -o $@ -

check-includes:
	@echo "  CHECK include directions"
	@$(TOOL) tools/check_includes.py
RING_OBJ  := $(sort $(HV_OBJ) $(GUEST_C:%.c=$(O)/hv/%.o) $(IO_C:%.c=$(O)/hv/%.o) $(CONTROL_C:%.c=$(O)/hv/%.o))
check-rings: $(RING_OBJ)
	@echo "  CHECK rings of files"
	@$(TOOL) tools/check_rings.py $(O)/hv $(RING_OBJ)
	@$(TOOL) tools/check_rings.py $(O)/control $(CONTROL_OBJ)
check-sizes:
	@echo "  CHECK sizes"
	@$(TOOL) tools/check_sizes.py
check-sdm:
	@echo "  CHECK citations of the SDM"
	@$(TOOL) tools/check_sdm.py

check-docs: $(TABLES)
	@echo "  CHECK generated pages"
	@$(TOOL) tools/gen_docs.py $^ --check

# comparePointers: the linker's section symbols.  va_end_missing: panic() does not return.
CPPCHECK_FLAGS := --quiet --error-exitcode=1 --std=c11 --platform=unix64 --inline-suppr -j2 \
    --enable=warning,portability,performance --suppress=missingIncludeSystem \
    --suppress=unknownMacro --suppress=comparePointers \
    --suppress=va_end_missing:arch/x86_64/panic.c -D__x86_64__ -D__CPPCHECK__ -DDEBUG=1
check-cppcheck:
	@echo "  CHECK cppcheck"
	@cppcheck $(CPPCHECK_FLAGS) $(INC) $(CHECKED_C)

# gcc's analyzer needs a whole compilation.
check-analyzer: $(CHECKED_C:%.c=$(O)/check/%.analyzed)
$(O)/check/%.analyzed: %.c
	@mkdir -p $(@D)
	@$(CC) $(HV_FLAGS) $(FRAMES) -fanalyzer -MF $@.d -MT $@ -c -o $@ $<

TIDY_FLAGS := -std=gnu17 -O2 -DDEBUG=1 $(if $(filter 1,$(RECORD)),-DRECORD) $(INC) -ffreestanding -mgeneral-regs-only -mno-red-zone
check-tidy: $(CHECKED_C:%.c=$(O)/check/%.tidy)
$(O)/check/%.tidy: %.c .clang-tidy
	@mkdir -p $(@D)
	@clang-tidy --quiet $< -- $(TIDY_FLAGS) 2>$@.log || { cat $@.log; exit 1; }
	@touch $@

# The recorder is in hv.elf of RECORD=1 alone.
check-record:
	@$(MAKE) --no-print-directory RECORD=1 $(foreach how,analyzed tidy,$(RECORD_C:%.c=$(B)/record/check/%.$(how)))
