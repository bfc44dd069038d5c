/* Which format is it?  The configuration says, or the image's magic numbers do.  Pure. */
#include "boot/load/load.h"
#include "boot/load/plan.h"

/* In the order of trial; the more telling magic comes first. */
static const struct format {
    u32 id; /* enum config_format */
    bool (*matches)(const struct load_file *kernel);
    err_t (*load)(const struct load_request *req, struct load_plan *plan);
} formats[] = {
    {CONFIG_FORMAT_FLAT, load_flat_matches, load_flat},
    {CONFIG_FORMAT_LINUX, load_linux_matches, load_linux},
    {CONFIG_FORMAT_MULTIBOOT, load_multiboot_matches, load_multiboot},
    {CONFIG_FORMAT_PVH, load_pvh_matches, load_pvh},
};

/* What a file that nobody loads may be instead, and the remedy. */
static const struct stranger {
    u8 magic[4];
    u32 len;
    const char *remedy;
} strangers[] = {
    {{0x7f, 'E', 'L', 'F'},
     4,
     "an ELF file without a Multiboot header or a PVH note; Linux is given as bzImage"},
    {{0x1f, 0x8b}, 2, "a gzip file; unpack it"},
    {{0xfd, '7', 'z', 'X'}, 4, "an xz file; unpack it"},
    {{'M', 'Z'}, 2, "a UEFI application without a Linux setup header"},
    {{0}, 0, "no known format; allowed: a bzImage, a Multiboot, PVH or flat image"},
};

err_t load_plan(const struct load_request *req, struct load_plan *plan)
{
    const struct load_file *kernel = &req->kernel;

    TRY(plan_begin(req, plan));
    for (u32 i = 0; i < ARRAY_LEN(formats); i++) {
        if (req->format == formats[i].id ||
            (req->format == CONFIG_FORMAT_AUTO && formats[i].matches(kernel)))
            return formats[i].load(req, plan);
    }
    if (req->format != CONFIG_FORMAT_AUTO)
        return plan_refuse(plan, E_INVAL, kernel, "format %u is unknown", req->format);

    const struct stranger *s = strangers;

    while (kernel->size < s->len || memcmp(kernel->data, s->magic, s->len) != 0)
        s++;
    return plan_refuse(plan, E_NOTSUP, kernel, "%s", s->remedy);
}
