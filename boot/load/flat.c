/* The flat 64-bit image of the test guests: include/abi/flat.h.  Pure. */
#include "abi/flat.h"
#include "boot/load/plan.h"

bool load_flat_matches(const struct load_file *kernel)
{
    return kernel->size >= sizeof(struct flat_header) && get64(kernel->data) == FLAT_MAGIC;
}

static err_t check_header(const struct load_request *req, struct load_plan *plan,
                          struct flat_header *header)
{
    const struct load_file *kernel = &req->kernel;

    if (kernel->size < sizeof(*header))
        return plan_refuse(plan, E_INVAL, kernel,
                           "%llu bytes are too few for a flat image's header",
                           (unsigned long long)kernel->size);
    memcpy(header, kernel->data, sizeof(*header));
    if (header->magic != FLAT_MAGIC)
        return plan_refuse(plan, E_INVAL, kernel,
                           "magic 0x%llx is not a flat image's; use format = auto",
                           (unsigned long long)header->magic);
    if (header->version != FLAT_VERSION)
        return plan_refuse(plan, E_NOTSUP, kernel, "version %u of the flat format; build it for %u",
                           header->version, FLAT_VERSION);
    if (header->image_size < sizeof(*header) || header->image_size > kernel->size)
        return plan_refuse(plan, E_INVAL, kernel,
                           "image_size 0x%llx, but the file has 0x%llx bytes; is "
                           "it truncated?",
                           (unsigned long long)header->image_size,
                           (unsigned long long)kernel->size);
    if (header->entry < sizeof(*header) || header->entry >= header->image_size)
        return plan_refuse(plan, E_INVAL, kernel, "entry 0x%x is not inside of the image's code",
                           header->entry);
    return OK;
}

static u64 ram_size(const struct load_request *req)
{
    u64 sum = 0; /* cannot wrap: the ranges are sorted and do not overlap */

    for (u32 i = 0; i < req->memories; i++)
        if (req->memory[i].type == LOAD_RAM)
            sum += req->memory[i].len;
    return sum;
}

static err_t place_image(const struct load_request *req, struct load_plan *plan,
                         const struct flat_header *header)
{
    struct plan_bytes image = {"the image", req->kernel.data, header->image_size, 0};

    if (__builtin_add_overflow(header->image_size, header->bss_size, &image.room) ||
        image.room > 4 * GiB - FLAT_LOAD_GPA)
        return plan_refuse(plan, E_RANGE, &req->kernel, "bss_size 0x%llx goes beyond 4 GiB",
                           (unsigned long long)header->bss_size);
    return plan_place_at(req, plan, &req->kernel, FLAT_LOAD_GPA, &image);
}

err_t load_flat(const struct load_request *req, struct load_plan *plan)
{
    struct flat_header header = {0};
    struct flat_start start = {.magic = FLAT_START_MAGIC, .tsc_hz = req->tsc_hz};

    TRY(plan_begin(req, plan));
    TRY(check_header(req, plan, &header));
    if (req->initrd.size || req->modules)
        return plan_refuse(plan, E_NOTSUP, &req->kernel,
                           "a flat image takes no initrd and no module; "
                           "remove them from lintel.conf");
    TRY(place_image(req, plan, &header));
    TRY(plan_cmdline(req, plan, &start.cmdline_gpa));

    u8 *page = plan_low(req, plan, "flat_start", sizeof(start), &plan->rdi);

    if (!page)
        return E_NOMEM;
    start.memory = ram_size(req);
    start.rsdp_gpa = req->rsdp.v;
    memcpy(page, &start, sizeof(start));
    TRY(plan_mode(req, plan, LOAD_LONG_64));
    plan->rip = FLAT_LOAD_GPA + header.entry;
    return OK;
}
