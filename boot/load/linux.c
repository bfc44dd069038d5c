/* Linux: a bzImage for x86-64 by its 64-bit boot protocol (Linux's
 * Documentation/arch/x86/boot.rst, "64-bit Boot Protocol").  memtest86+ 6 and later speaks
 * it too, but is not relocatable and knows the command line's first 255 bytes.  Pure. */
#include "boot/load/plan.h"

/* Offsets in the file, and the same in boot_params (the "zero page"). */
enum {
    BP_ACPI_RSDP_ADDR = 0x070,
    BP_EXT_RAMDISK_IMAGE = 0x0c0,
    BP_EXT_RAMDISK_SIZE = 0x0c4,
    BP_E820_ENTRIES = 0x1e8,
    HDR_START = 0x1f1,
    HDR_SETUP_SECTS = 0x1f1,
    HDR_SYSSIZE = 0x1f4,
    HDR_VID_MODE = 0x1fa,
    HDR_BOOT_FLAG = 0x1fe,
    HDR_JUMP_OFFSET = 0x201,
    HDR_MAGIC = 0x202,
    HDR_VERSION = 0x206,
    HDR_TYPE_OF_LOADER = 0x210,
    HDR_LOADFLAGS = 0x211,
    HDR_CODE32_START = 0x214,
    HDR_RAMDISK_IMAGE = 0x218,
    HDR_RAMDISK_SIZE = 0x21c,
    HDR_CMD_LINE_PTR = 0x228,
    HDR_INITRD_ADDR_MAX = 0x22c,
    HDR_KERNEL_ALIGNMENT = 0x230,
    HDR_RELOCATABLE = 0x234,
    HDR_MIN_ALIGNMENT = 0x235,
    HDR_XLOADFLAGS = 0x236,
    HDR_CMDLINE_SIZE = 0x238,
    HDR_SETUP_DATA = 0x250,
    HDR_PREF_ADDRESS = 0x258,
    HDR_INIT_SIZE = 0x260,
    HDR_NEEDED = 0x264,  /* all of the fields above lie before */
    HDR_END_MAX = 0x290, /* room for the header in boot_params */
    BP_E820_TABLE = 0x2d0,
    BP_SIZE = 0x1000
};

#define E820_ENTRY_SIZE     20u
#define BOOT_FLAG           0xaa55u
#define MAGIC_HDRS          0x53726448u /* "HdrS" */
#define VERSION_64          0x020cu     /* 2.12: the first with xloadflags */
#define LOADED_HIGH         BIT32(0)
#define CAN_USE_HEAP        BIT32(7)
#define XLF_KERNEL_64       BIT32(0)
#define XLF_ABOVE_4G        BIT32(1)
#define TYPE_UNDEFINED      0xffu
#define VID_MODE_NORMAL     0xffffu
#define ENTRY_64            0x200u
#define SECTOR              512u
#define HIGH_MEMORY         MiB
#define IDENTITY_MAPPED_END (4 * GiB)

struct linux_image {
    u32 version, loadflags, xloadflags;
    u32 header_end; /* file offset */
    const u8 *code; /* the protected-mode part */
    u64 code_len;
    u64 room; /* what the kernel uses from its first byte on, before it knows the memory map */
    u64 alignment, min_alignment;
    u64 pref_address;
    bool relocatable;
    u64 base; /* where it is placed */
    u64 initrd_base;
    u64 cmdline_base;
};

bool load_linux_matches(const struct load_file *kernel)
{
    return kernel->size >= HDR_NEEDED && get16(kernel->data + HDR_BOOT_FLAG) == BOOT_FLAG &&
           get32(kernel->data + HDR_MAGIC) == MAGIC_HDRS;
}

static err_t check_magic(const struct load_request *req, struct load_plan *plan,
                         struct linux_image *image)
{
    const struct load_file *kernel = &req->kernel;

    if (kernel->size < HDR_NEEDED)
        return plan_refuse(plan, E_INVAL, kernel,
                           "%llu bytes are too few for a Linux setup header; is "
                           "it truncated?",
                           (unsigned long long)kernel->size);
    if (!load_linux_matches(kernel))
        return plan_refuse(plan, E_INVAL, kernel,
                           "no Linux setup header; give the bzImage (vmlinuz)");
    image->version = get16(kernel->data + HDR_VERSION);
    if (image->version < VERSION_64)
        return plan_refuse(plan, E_NOTSUP, kernel,
                           "boot protocol %u.%02u; needed: 2.12 (Linux 3.8) or "
                           "later",
                           image->version >> 8, image->version & 0xff);
    image->xloadflags = get16(kernel->data + HDR_XLOADFLAGS);
    if (!(image->xloadflags & XLF_KERNEL_64))
        return plan_refuse(plan, E_NOTSUP, kernel,
                           "xloadflags 0x%x: no 64-bit entry point; give a kernel "
                           "for x86-64",
                           image->xloadflags);
    image->loadflags = kernel->data[HDR_LOADFLAGS];
    if (!(image->loadflags & LOADED_HIGH))
        return plan_refuse(plan, E_NOTSUP, kernel, "loadflags 0x%x: a zImage; give a bzImage",
                           image->loadflags);
    /* The jump over the header tells where it ends. */
    image->header_end = HDR_MAGIC + (u32)kernel->data[HDR_JUMP_OFFSET];
    if (image->header_end < HDR_NEEDED || image->header_end > HDR_END_MAX ||
        image->header_end > kernel->size)
        return plan_refuse(plan, E_INVAL, kernel,
                           "setup header ends at 0x%x; needed: 0x%x to 0x%x in "
                           "the file",
                           image->header_end, HDR_NEEDED, HDR_END_MAX);
    return OK;
}

static err_t check_code(const struct load_request *req, struct load_plan *plan,
                        struct linux_image *image)
{
    const struct load_file *kernel = &req->kernel;
    const u32 sects = kernel->data[HDR_SETUP_SECTS];
    const u64 start = (u64)((sects ? sects : 4) + 1) * SECTOR; /* 0 means 4, by tradition */
    const u64 claimed = (u64)get32(kernel->data + HDR_SYSSIZE) * 16;

    if (start >= kernel->size)
        return plan_refuse(plan, E_INVAL, kernel,
                           "setup_sects %u: code would start behind the file's "
                           "end; is it truncated?",
                           sects);
    image->code = kernel->data + start;
    image->code_len = kernel->size - start;
    /* syssize is rounded up to paragraphs of 16 bytes; a signature may follow the code. */
    if (claimed > image->code_len + 15)
        return plan_refuse(plan, E_INVAL, kernel,
                           "syssize says 0x%llx bytes of code, the file has "
                           "0x%llx; is it truncated?",
                           (unsigned long long)claimed, (unsigned long long)image->code_len);
    image->code_len = MIN(image->code_len, claimed);
    if (image->code_len <= ENTRY_64)
        return plan_refuse(plan, E_INVAL, kernel,
                           "syssize: 0x%llx bytes of code do not reach the entry "
                           "point",
                           (unsigned long long)image->code_len);
    image->room = MAX(image->code_len, get32(kernel->data + HDR_INIT_SIZE));
    return OK;
}

static err_t check_placement(const struct load_request *req, struct load_plan *plan,
                             struct linux_image *image)
{
    const u8 *data = req->kernel.data;
    const u32 shift = data[HDR_MIN_ALIGNMENT];

    image->relocatable = data[HDR_RELOCATABLE] != 0;
    image->pref_address = get64(data + HDR_PREF_ADDRESS);
    image->alignment = get32(data + HDR_KERNEL_ALIGNMENT);
    if (image->alignment == 0 || image->alignment & (image->alignment - 1) || shift > 31)
        return plan_refuse(plan, E_INVAL, &req->kernel,
                           "kernel_alignment 0x%llx, min_alignment %u: not "
                           "powers of two below 4 GiB",
                           (unsigned long long)image->alignment, shift);
    image->min_alignment = shift ? MIN(BIT(shift), image->alignment) : image->alignment;
    return OK;
}

/* At its preferred address; else, if it is relocatable, at the lowest place in high memory
 * with the best alignment that exists. */
static err_t place_kernel(const struct load_request *req, struct load_plan *plan,
                          struct linux_image *image)
{
    const struct plan_bytes bytes = {"the kernel (init_size)", image->code, image->code_len,
                                     image->room};
    const bool aligned = IS_ALIGNED(image->pref_address, image->alignment);
    u64 end;

    image->base = image->pref_address;
    if (__builtin_add_overflow(image->base, image->room, &end) || end > IDENTITY_MAPPED_END)
        end = 0;
    if (!image->relocatable && end == 0)
        return plan_refuse(plan, E_RANGE, &req->kernel,
                           "pref_address 0x%llx + 0x%llx bytes is above "
                           "4 GiB and the kernel is not relocatable",
                           (unsigned long long)image->base, (unsigned long long)image->room);
    if (!image->relocatable || (end != 0 && aligned && image->base != 0 &&
                                plan_is_free(req, plan, image->base, image->room)))
        return plan_place_at(req, plan, &req->kernel, image->base, &bytes);

    struct plan_window window = {HIGH_MEMORY, IDENTITY_MAPPED_END, image->alignment, false};

    while (!plan_find(req, plan, &window, image->room, &image->base) &&
           window.align / 2 >= image->min_alignment)
        window.align /= 2;
    image->alignment = window.align;
    return plan_place(req, plan, &req->kernel, &window, &bytes, &image->base);
}

/* As high as the kernel allows, page-aligned and with its last page to itself. */
static err_t place_initrd(const struct load_request *req, struct load_plan *plan,
                          struct linux_image *image)
{
    const struct load_file *initrd = &req->initrd;
    struct plan_bytes bytes = {"the initrd", initrd->data, initrd->size, 0};
    const u64 max = (u64)get32(req->kernel.data + HDR_INITRD_ADDR_MAX) + 1;
    struct plan_window window = {HIGH_MEMORY, max, PAGE_SIZE, true};

    if (initrd->size == 0)
        return OK;
    if (initrd->size > UINT64_MAX - PAGE_SIZE)
        return plan_refuse(plan, E_RANGE, initrd, "size 0x%llx", (unsigned long long)initrd->size);
    bytes.room = ALIGN_UP(initrd->size, PAGE_SIZE);

    /* A kernel that says so takes it from anywhere; older bootstraps want it low all the same. */
    if (image->xloadflags & XLF_ABOVE_4G &&
        !plan_find(req, plan, &window, bytes.room, &image->initrd_base))
        window.high = UINT64_MAX;
    return plan_place(req, plan, initrd, &window, &bytes, &image->initrd_base);
}

static err_t place_cmdline(const struct load_request *req, struct load_plan *plan,
                           struct linux_image *image)
{
    const u32 max = get32(req->kernel.data + HDR_CMDLINE_SIZE);
    const size_t len = req->cmdline ? strnlen(req->cmdline, CONFIG_CMDLINE_MAX) : 0;

    if (len > max)
        return plan_refuse(plan, E_RANGE, &req->kernel,
                           "cmdline has %u bytes, this kernel's cmdline_size "
                           "is %u; shorten it",
                           (u32)len, max);
    return plan_cmdline(req, plan, &image->cmdline_base);
}

static void fill_e820(const struct load_request *req, u8 *params)
{
    params[BP_E820_ENTRIES] = (u8)req->memories;
    for (u32 i = 0; i < req->memories; i++) {
        u8 *entry = params + BP_E820_TABLE + i * E820_ENTRY_SIZE;

        put64(entry, req->memory[i].base);
        put64(entry + 8, req->memory[i].len);
        put32(entry + 16, req->memory[i].type);
    }
}

/* All zero, then the image's own header, then what the loader writes.  screen_info stays
 * zero: there is no display. */
static void fill_boot_params(const struct load_request *req, const struct linux_image *image,
                             u8 *params)
{
    const u8 *data = req->kernel.data;

    memcpy(params + HDR_START, data + HDR_START, image->header_end - HDR_START);
    put64(params + BP_ACPI_RSDP_ADDR, req->rsdp.v);
    put16(params + HDR_VID_MODE, VID_MODE_NORMAL);
    params[HDR_TYPE_OF_LOADER] = TYPE_UNDEFINED;
    params[HDR_LOADFLAGS] =
        (u8)(image->loadflags & ~CAN_USE_HEAP); /* that is the real-mode code's */
    put32(params + HDR_CODE32_START, (u32)image->base);
    put32(params + HDR_KERNEL_ALIGNMENT, (u32)image->alignment);
    put32(params + HDR_CMD_LINE_PTR, (u32)image->cmdline_base);
    put64(params + HDR_SETUP_DATA, 0);
    put32(params + HDR_RAMDISK_IMAGE, (u32)image->initrd_base);
    put32(params + BP_EXT_RAMDISK_IMAGE, (u32)(image->initrd_base >> 32));
    put32(params + HDR_RAMDISK_SIZE, (u32)req->initrd.size);
    put32(params + BP_EXT_RAMDISK_SIZE, (u32)(req->initrd.size >> 32));
    fill_e820(req, params);
}

err_t load_linux(const struct load_request *req, struct load_plan *plan)
{
    struct linux_image image = {0};

    TRY(plan_begin(req, plan));
    TRY(check_magic(req, plan, &image));
    TRY(check_code(req, plan, &image));
    TRY(check_placement(req, plan, &image));
    if (req->modules)
        return plan_refuse(plan, E_NOTSUP, &req->kernel, "Linux takes no module; use initrd");
    TRY(place_kernel(req, plan, &image));
    TRY(place_cmdline(req, plan, &image));

    u8 *params = plan_low(req, plan, "boot_params", BP_SIZE, &plan->rsi);

    if (!params)
        return E_NOMEM;
    TRY(plan_mode(req, plan, LOAD_LONG_64));
    TRY(place_initrd(req, plan, &image));
    fill_boot_params(req, &image, params);
    plan->rip = image.base + ENTRY_64;
    return OK;
}
