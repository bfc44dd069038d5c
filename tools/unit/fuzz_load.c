/* Fuzz target for the loaders.  The first bytes choose the format, the guest's memory and
 * the sizes of the other files; the rest is the kernel. */
#include "load_check.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define CHOICES 8u

static u8 *copy_of(const u8 *data, size_t size)
{
    u8 *copy = malloc(size ? size : 1); /* its own block: ASan sees a read behind the end */

    if (!copy)
        abort();
    if (size)
        memcpy(copy, data, size);
    return copy;
}

static void set_memory(struct load_request *req, u8 choice)
{
    load_check_memory(req, (u64)(4 + 2 * (choice & 63)) * MiB << (choice >> 6) * 3);
    if (choice == 0xff) { /* nothing but a scrap of low memory */
        req->memories = 1;
        req->memory[0] = (struct load_memory){0x11000, 0x9000, LOAD_RAM};
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static struct load_request req;
    static struct load_plan plan;
    static u8 other[3 * PAGE_SIZE];
    char cmdline[512];

    if (size < CHOICES)
        return 0;
    memset(&req, 0, sizeof(req));
    memset(&plan, 0xa5, sizeof(plan));
    req.format = data[0] % (CONFIG_FORMAT_PVH + 1);
    set_memory(&req, data[1]);
    req.initrd = (struct load_file){other, data[2] * 48u, "initrd", NULL};
    req.modules = data[3] & (CONFIG_GUEST_MODULES - 1);
    for (u32 i = 0; i < req.modules; i++)
        req.module[i] = (struct load_file){other, data[4] * 48u, "module", "a string"};
    memset(cmdline, 'c', sizeof(cmdline));
    cmdline[data[5] * 2] = 0;
    req.cmdline = cmdline;

    u8 *image = copy_of(data + CHOICES, size - CHOICES);

    req.kernel = (struct load_file){image, size - CHOICES, "kernel", NULL};
    if (load_plan(&req, &plan) == OK) {
        if (load_check(&req, &plan) || plan.reason[0] != 0)
            abort();
    } else {
        const size_t len = strnlen(plan.reason, sizeof(plan.reason));

        if (len == 0 || len == sizeof(plan.reason) || plan.segments != 0)
            abort();
    }
    free(image);
    return 0;
}
