# Make targets beyond the images: guests, boot media, tests, checks.  Included by Makefile.
.PHONY: setup guests run test soak unit fuzz bench usb guest-tests

SETUP    ?= 1
EMULATOR ?= bochs
TOOL     := PYTHONDONTWRITEBYTECODE=1 $(PYTHON)

setup: ## install the Debian packages that are missing (SETUP=0 skips this)
ifneq ($(SETUP),0)
	@tools/setup.sh
endif

-include guest_tests/guest.mk
.PHONY: guest-images
guest-images: $(GUEST_IMAGES)

# ---------------------------------------------------------------- the Linux guest
# Downloaded once; `make clean` forgets them.
GUEST_KERNEL := $(B)/guests/cloud/vmlinuz
$(B)/guests/%/vmlinuz:
	@tools/fetch_guests.sh $(B)/guests $*
$(B)/guests/memtest86+/memtest86+x64.bin:
	@tools/fetch_guests.sh $(B)/guests memtest86+
$(B)/guests/xen/xen:
	@tools/fetch_guests.sh $(B)/guests xen
.PRECIOUS: $(B)/guests/%/vmlinuz
$(B)/guests/%/vmlinux: $(B)/guests/%/vmlinuz tools/vmlinux.py
	@echo "  ELF  $@"
	@$(TOOL) tools/vmlinux.py $< $@
# Its drivers for virtio come out of the same package; a folder from before they did is fetched again.
GUEST_MODULES := $(B)/guests/cloud/modules
$(GUEST_MODULES)/virtio_pci.ko: $(GUEST_KERNEL)
	@tools/fetch_guests.sh $(B)/guests cloud
guests: $(GUEST_KERNEL) $(O)/initramfs-run.gz $(O)/initramfs-test.gz $(O)/initramfs-storage.gz ## the Linux guest's files

# A Debian system on a disk, of Debian's packages; root is needed.
.PHONY: debian
debian: setup $(B)/guests/debian/disk.img ## a Debian system for a guest, as root: build/guests/debian
$(B)/guests/debian/disk.img: tools/mkdebian.py
	@echo "  DEBIAN $(@D)"
	@$(TOOL) tools/mkdebian.py --out $(@D)

INIT_FLAGS := -std=gnu17 -O2 -Wall -Wextra -Werror -Wconversion -Wshadow $(REPRO) -static
$(O)/guest_init/selfcheck: $(wildcard tools/guest_init/*check*.[ch])
	@mkdir -p $(@D)
	@echo "  CC   $@"
	@$(CC) $(INIT_FLAGS) -o $@ $(filter %.c,$^)
$(O)/guest_init/ledger: tools/guest_init/ledger.c include/abi/ledger.h include/abi/ledger.def
	@mkdir -p $(@D)
	@echo "  CC   $@"
	@$(CC) $(INIT_FLAGS) -Iinclude -o $@ $<
$(O)/guest_init/start: tools/guest_init/start.c include/abi/ledger.h include/abi/ledger.def
	@mkdir -p $(@D)
	@echo "  CC   $@"
	@$(CC) $(INIT_FLAGS) -Iinclude -nostdlib -ffreestanding -fno-stack-protector -fno-pic -no-pie \
	    -Wl,--build-id=none -o $@ $<

$(O)/initramfs-%.gz: tools/mkinitramfs.py $(O)/guest_init/start $(O)/guest_init/selfcheck $(O)/guest_init/ledger \
                     $(addprefix tools/guest_init/,inittab rc profile)
	@echo "  CPIO $@"
	@$(TOOL) tools/mkinitramfs.py $* --programs $(O)/guest_init --modules $(GUEST_MODULES) --out $@
$(O)/initramfs-run.gz $(O)/initramfs-storage.gz: tools/kernel_modules.py tools/guest_init/drivers $(GUEST_MODULES)/virtio_pci.ko
$(O)/initramfs-storage.gz: tools/guest_init/scenario tools/guest_init/dhcp

# ---------------------------------------------------------------- boot media
VOLUME := $(O)/BOOTX64.EFI $(O)/hv.elf tools/lintel.conf $(GUEST_KERNEL) $(O)/initramfs-run.gz
$(O)/lintel.img $(O)/lintel.iso: $(O)/lintel.%: $(VOLUME) tools/mkimage.py tools/gpt.py
	@echo "  IMG  $@"
	@$(TOOL) tools/mkimage.py $* --out $@ --file EFI/BOOT/BOOTX64.EFI=$(O)/BOOTX64.EFI \
	    --file lintel/hv.elf=$(O)/hv.elf --file lintel/lintel.conf=tools/lintel.conf \
	    --file lintel/vmlinuz=$(GUEST_KERNEL) --file lintel/initramfs.gz=$(O)/initramfs-run.gz

# With guests that have disks and networks.  The drive is the user's: what the guests write stays.
$(O)/run.img: $(O)/BOOTX64.EFI $(O)/hv.elf $(O)/control.elf tools/run.conf $(GUEST_KERNEL) $(O)/initramfs-storage.gz tools/mkimage.py tools/gpt.py
	@echo "  IMG  $@"
	@$(TOOL) tools/mkimage.py img --out $@ --file EFI/BOOT/BOOTX64.EFI=$(O)/BOOTX64.EFI \
	    --file lintel/hv.elf=$(O)/hv.elf --file lintel/control.elf=$(O)/control.elf \
	    --file lintel/lintel.conf=tools/run.conf --file lintel/vmlinuz=$(GUEST_KERNEL) \
	    --file lintel/initramfs.gz=$(O)/initramfs-storage.gz
$(O)/run-drive.img: | tools/mkdisk.py
	@echo "  IMG  $@"
	@$(TOOL) tools/mkdisk.py --out $@ --partition one=64M --partition two=64M

run: setup ## boot two guests on Bochs and give you a shell in them, or EMULATOR=qemu for QEMU/KVM
	@$(MAKE) --no-print-directory all $(O)/run.img $(O)/run-drive.img
	@$(TOOL) tools/run.py --image $(O)/run.img --drive $(O)/run-drive.img --emulator $(EMULATOR) || test $$? -eq 130 # Ctrl-]

usb: all ## write the image to a stick: make usb DEV=/dev/sdX [FORCE=1]
	@FORCE=$(FORCE) tools/usb.sh "$(DEV)" $(O)/lintel.img

# ---------------------------------------------------------------- host tests
UNIT_C := $(sort $(wildcard tools/unit/test_*.c))
FUZZ_C := $(sort $(wildcard tools/unit/fuzz_*.c))
TSAN_C := $(sort $(wildcard tools/unit/tsan_*.c))
FUZZ_FLAGS := $(HOST_FLAGS) -fsanitize=fuzzer-no-link
TSAN_FLAGS := $(filter-out -fsanitize=%,$(HOST_FLAGS)) -fsanitize=thread

# host_objects KIND,COMPILER,FLAGS: $(O)/KIND/%.o and $(O)/KIND/pure.a.  What a test links is the
# archive, so it gets only the modules it needs.
define host_objects
$(O)/$(1)/%.o: %.c
	@mkdir -p $$(@D)
	@$(2) $(3) -c -o $$@ $$<
$(O)/$(1)/font.o: $(O)/gen/font.c
	@mkdir -p $$(@D)
	@$(2) $(3) -c -o $$@ $$<
$(O)/$(1)/pure.a: Makefile $(HOST_C:%.c=$(O)/$(1)/%.o) $(PURE_C:%.c=$(O)/$(1)/%.o) $(O)/$(1)/font.o
	@rm -f $$@
	@ar rcsD $$@ $$(filter %.o,$$^)
.SECONDARY: $(HOST_C:%.c=$(O)/$(1)/%.o) $(PURE_C:%.c=$(O)/$(1)/%.o) $(UNIT_C:%.c=$(O)/$(1)/%.o) $(FUZZ_C:%.c=$(O)/$(1)/%.o)
endef
$(eval $(call host_objects,unit-gcc,$(CC),$(HOST_FLAGS)))
$(eval $(call host_objects,unit-clang,$(CLANG),$(HOST_FLAGS)))
$(eval $(call host_objects,fuzz,$(CLANG),$(FUZZ_FLAGS)))

$(O)/unit-gcc/test_%: $(O)/unit-gcc/tools/unit/test_%.o $(O)/unit-gcc/pure.a
	@echo "  TEST $@"
	@$(CC) $(HOST_FLAGS) -o $@ $^ -lcmocka
$(O)/unit-clang/test_%: $(O)/unit-clang/tools/unit/test_%.o $(O)/unit-clang/pure.a
	@echo "  TEST $@"
	@$(CLANG) $(HOST_FLAGS) -o $@ $^ -lcmocka
$(O)/fuzz/fuzz_%: $(O)/fuzz/tools/unit/fuzz_%.o $(O)/fuzz/pure.a
	@echo "  FUZZ $@"
	@$(CLANG) $(HOST_FLAGS) -fsanitize=fuzzer -o $@ $^

# Threads, under ThreadSanitizer: with the modules around the one that it includes.
TSAN_SHARED := $(filter-out %_mail.c,$(filter vmm/dev/lapic%,$(PURE_C)))
$(O)/unit-tsan/%.o: %.c
	@mkdir -p $(@D)
	@$(CLANG) $(TSAN_FLAGS) -c -o $@ $<
$(O)/unit-tsan/tsan_%: $(O)/unit-tsan/tools/unit/tsan_%.o $(TSAN_SHARED:%.c=$(O)/unit-tsan/%.o)
	@echo "  TEST $@"
	@$(CLANG) $(TSAN_FLAGS) -o $@ $^ -lpthread
.SECONDARY: $(TSAN_C:%.c=$(O)/unit-tsan/%.o) $(TSAN_SHARED:%.c=$(O)/unit-tsan/%.o)

$(O)/unit-gcc/policy_tables: $(patsubst %,$(O)/unit-gcc/tools/%.o,policy_tables put_json device_tables) $(O)/unit-gcc/pure.a
	@$(CC) $(HOST_FLAGS) -o $@ $^
# Drivers have their own: a virtio driver's types are called as a virtio device's are.
$(O)/unit-gcc/driver_tables: $(patsubst %,$(O)/unit-gcc/%.o,tools/driver_tables tools/put_json drivers/platform/uart) $(O)/unit-gcc/pure.a
	@$(CC) $(HOST_FLAGS) -o $@ $^
$(O)/unit-gcc/tools/driver_tables.o: tools/driver_tables.c control/control.mk
	@mkdir -p $(@D)
	@$(CC) $(HOST_FLAGS) -DCONTROL_DRIVERS='"$(filter drivers/io/%,$(CONTROL_MODULES))"' -c -o $@ $<
TABLES := $(O)/unit-gcc/policy_tables $(O)/unit-gcc/driver_tables

$(O)/unit-gcc/guest_tables: $(O)/unit-gcc/tools/guest_tables.o $(O)/unit-gcc/pure.a
	@$(CC) $(HOST_FLAGS) -o $@ $^

# What a refused VM entry's rules are: it reads the log of a hv.elf of the same sources.
$(O)/unit-gcc/explain: $(O)/unit-gcc/tools/explain/explain.o $(O)/unit-gcc/pure.a
	@$(CC) $(HOST_FLAGS) -o $@ $^
.PHONY: explain
explain: $(O)/unit-gcc/explain ## which rules a refused VM entry broke: make explain LOG=FILE
	@$< $(LOG)

.PHONY: unit-programs fuzz-programs
unit-programs: $(foreach kind,unit-gcc unit-clang,$(UNIT_C:tools/unit/%.c=$(O)/$(kind)/%)) \
               $(TSAN_C:tools/unit/%.c=$(O)/unit-tsan/%)
fuzz-programs: $(FUZZ_C:tools/unit/%.c=$(O)/fuzz/%)

# ---------------------------------------------------------------- running the tests
RUN_TESTS := $(TOOL) tools/run_tests.py --build $(O) --guests $(B)/guests

test: setup ## reproducible build, unit, recorded exits, fuzz, guest tests, refused plans, refusal without VT-x, drivers, Linux on virtio devices, laboratory, several CPUs and guests, Linux boot, budgets
	@$(RUN_TESTS) build reproducible unit tools replay fuzz together guest budgets linux-smp smp plans drivers lab virtio hvc shell create linux lives kills manage devices scenarios consoles live refusal report
soak: setup ## five CPU models, other kernels, Xen, longer fuzzing, two thousand lives, four guests for long, guests with several processors for long, Debian
	@$(RUN_TESTS) --fuzz-seconds 300 build fuzz guest-soak lives-soak kills-soak four-soak lab-models smp-models models kernels linux-smp-soak reboots xen disk network switch debian-qemu debian
unit: ## host unit tests, by gcc and by clang
	@$(RUN_TESTS) unit
fuzz: ## every fuzz target for 10 seconds
	@$(RUN_TESTS) fuzz
guest-tests: $(O)/BOOTX64.EFI $(O)/hv.elf ## the test guests under Lintel on Bochs
	@$(RUN_TESTS) guest
bench: setup ## cost of exits, operations and a boot: build/bench/report.html (EMULATOR=qemu: on KVM)
	@$(MAKE) --no-print-directory $(O)/BOOTX64.EFI $(O)/hv.elf $(O)/native.elf guests guest-images
	@$(TOOL) tools/bench.py --build $(O) --guests $(B)/guests --out $(O)/bench --emulator $(EMULATOR)

# ---------------------------------------------------------------- pages made of the tables
.PHONY: docs measure
docs: $(TABLES) ## the pages of docs/ that show the compiled tables
	@$(TOOL) tools/gen_docs.py $^
measure: $(O)/BOOTX64.EFI $(O)/hv.elf $(TABLES) ## the ticks in these pages, by the test guests
	@$(RUN_TESTS) guest
	@$(TOOL) tools/gen_docs.py $(TABLES) --take $(O)/measured.json

include tools/replay/replay.mk
include tools/checks.mk
