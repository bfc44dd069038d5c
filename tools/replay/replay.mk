# Recorded exits: the replay of them, and making them anew.  Included by tools/targets.mk.
.PHONY: replay-programs record replay

RECORDINGS := $(patsubst tools/recorded/%.rec.xz,$(O)/replay/%.rec,$(wildcard tools/recorded/*.rec.xz))
$(O)/replay/%.rec: tools/recorded/%.rec.xz
	@mkdir -p $(@D)
	@xz -dc $< > $@

# The files with hooks (vmm/record.h) are compiled for it; the rest is what the unit tests have.
REPLAY_HOOKED := $(shell grep -l 'include "vmm/record.h"' $(HOST_C) $(PURE_C))
REPLAY_C      := $(REPLAY_HOOKED) $(filter-out vmm/record/machine.c,$(RECORD_C)) \
                 tools/replay/stream.c tools/replay/describe.c tools/replay/player.c

# replay_program KIND,COMPILER,MAIN,FLAGS,LINK FLAGS,MORE: tools/replay/MAIN.c with the archive of KIND.
define replay_program
$(O)/replay/$(1)/%.o: %.c
	@mkdir -p $$(@D)
	@$(2) $(4) -DRECORD -c -o $$@ $$<
$(O)/replay/$(1)/$(3): $(REPLAY_C:%.c=$(O)/replay/$(1)/%.o) $(O)/replay/$(1)/tools/replay/$(3).o $(6:%=$(O)/replay/$(1)/tools/replay/%.o) $(O)/$(1)/pure.a
	@echo "  TEST $$@"
	@$(2) $(4) $(5) -o $$@ $$^
.SECONDARY: $(REPLAY_C:%.c=$(O)/replay/$(1)/%.o) $(O)/replay/$(1)/tools/replay/$(3).o
endef
$(eval $(call replay_program,unit-gcc,$(CC),replay,$(HOST_FLAGS)))
$(eval $(call replay_program,unit-clang,$(CLANG),replay,$(HOST_FLAGS)))
$(eval $(call replay_program,fuzz,$(CLANG),fuzz_replay,$(FUZZ_FLAGS),-fsanitize=fuzzer,fuzz_rules))

# For planted faults: quick to compile, without sanitizers.
PLAIN_FLAGS := $(filter-out -fsanitize% -fno-sanitize% -O% -g,$(HOST_FLAGS)) -O0
$(eval $(call host_objects,plain,$(CC),$(PLAIN_FLAGS)))
$(eval $(call replay_program,plain,$(CC),replay,$(PLAIN_FLAGS)))
# What tools/testing/replay.py compiles and links one file anew with.
$(O)/replay/plain/commands: $(O)/replay/plain/replay
	@echo '$(CC) $(filter-out -MMD -MP,$(PLAIN_FLAGS)) -DRECORD' > $@
	@echo '$(filter %.o %.a,$(REPLAY_C:%.c=$(O)/replay/plain/%.o) $(O)/replay/plain/tools/replay/replay.o $(O)/plain/pure.a)' >> $@

replay-programs: $(RECORDINGS) $(O)/replay/unit-gcc/replay $(O)/replay/unit-clang/replay \
                 $(O)/replay/fuzz/fuzz_replay $(O)/replay/plain/commands

replay: ## recorded exits against the handlers, and faults that this must find
	@$(RUN_TESTS) replay
record: setup guests guest-images ## make the recordings of exits in tools/recorded/ anew, on Bochs
	@$(MAKE) --no-print-directory RECORD=1 $(B)/record/BOOTX64.EFI $(B)/record/hv.elf $(B)/record/initramfs-test.gz
	@$(TOOL) tools/record.py --build $(B)/record --guest-images $(B)/guest_tests --guests $(B)/guests
