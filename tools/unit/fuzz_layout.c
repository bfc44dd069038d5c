/* Fuzz target for the guests that the control partition loads: the first bytes choose the memory
 * and the initial RAM disk's size, the rest is the kernel's file, every byte of which is hostile.
 * The steps stay in the guest's memory and in the files, and end in what the plan says. */
#include "layout_run.h"
#include "pc.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static struct layout l;
    static struct abi_guest_spec spec = {.kernel = "kernel", .initrd = "initrd", .vcpus = 1};
    static u8 initrd[200 * KiB];
    struct layout_files files = {.initrd = initrd};
    u8 *memory;

    if (size < 4)
        return 0;
    memset(initrd, 0x5a, sizeof(initrd));
    spec.memory = (u64)(2 + data[0] % 3) * 2 * MiB;
    files.initrd_bytes = data[1] * 700ull;
    memset(spec.cmdline, 'c', data[2]);
    spec.cmdline[data[2]] = '\0';
    files.kernel = data + 3;
    files.kernel_bytes = size - 3;
    memory = calloc(1, spec.memory);
    LAYOUT_REQUIRE(memory);
    if (layout_begin(&l, &spec, files.kernel_bytes, files.initrd_bytes, data[0] & 1) == OK) {
        layout_run(&l, memory, &files);
        if (layout_plan(&l, memory, &layout_pc) == OK) {
            layout_run(&l, memory, &files);
            LAYOUT_REQUIRE(layout_is_there(&l, memory, &files));
        } else {
            LAYOUT_REQUIRE(l.plan.reason[0] != '\0');
        }
    }
    free(memory);
    return 0;
}
