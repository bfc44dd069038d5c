/* See layout.h.  Pure. */
#include "control/create/layout.h"
#include "lib/fmt.h"
#include "lib/mem.h"
#include "pc.h"

_Static_assert((u32)LOAD_LONG_64 == ABI_LONG_64 && (u32)LOAD_PROTECTED_32 == ABI_PROTECTED_32,
               "one numbering");

/* The initial RAM disk's first byte, for the loaders: they plan where it goes, and look at nothing
 * of it. */
static const u64 initrd_data = BIT(62);

static void add_step(struct layout *l, enum layout_kind kind, u64 to, u64 from, u64 len)
{
    if (len != 0)
        l->step[l->steps++] = (struct layout_step){kind, to, from, len};
}

/* ------------------------------------------------------------ before the plan */

/* As if lintel.conf had it. */
static void configure(struct layout *l)
{
    const struct abi_guest_spec *const spec = l->spec;

    memset(&l->config, 0, sizeof(l->config)); /* any format, no modules */
    l->config.memory = spec->memory;
    l->config.vcpus = spec->vcpus;
    memcpy(l->config.devices, spec->devices, sizeof(l->config.devices));
    memcpy(l->config.kernel, spec->kernel, sizeof(l->config.kernel));
    memcpy(l->config.initrd, spec->initrd, sizeof(l->config.initrd));
    memcpy(l->config.cmdline, spec->cmdline, sizeof(l->config.cmdline));
}

err_t layout_begin(struct layout *l, const struct abi_guest_spec *spec, u64 kernel_bytes,
                   u64 initrd_bytes, bool is_dirty)
{
    const u64 low = MIN(spec->memory, VM_PCI_HOLE);

    l->spec = spec;
    l->kernel_bytes = kernel_bytes;
    l->initrd_bytes = initrd_bytes;
    l->steps = 0;
    configure(l);
    if (kernel_bytes > low - MiB) {
        fmt_buf(l->plan.reason, sizeof(l->plan.reason),
                "%.60s has %llu KiB; give the guest more --memory", spec->kernel,
                (unsigned long long)(kernel_bytes / KiB));
        return E_RANGE;
    }
    l->file_at = ALIGN_DOWN(low - kernel_bytes, PAGE_SIZE);
    if (is_dirty) {
        add_step(l, LAYOUT_CLEAR, 0, 0, VM_LOW_END);
        add_step(l, LAYOUT_CLEAR, VM_HIGH_ROM, 0, low - VM_HIGH_ROM);
        add_step(l, LAYOUT_CLEAR, 4 * GiB, 0, spec->memory - low);
    }
    add_step(l, LAYOUT_READ_KERNEL, l->file_at, 0, kernel_bytes);
    return OK;
}

/* ------------------------------------------------------------ behind it */

static bool is_of_kernel(const struct layout *l, const struct load_segment *s)
{
    return (u64)s->from - (u64)l->kernel < l->kernel_bytes;
}

static bool overlap(u64 a, u64 a_len, u64 b, u64 b_len)
{
    return a < b + b_len && b < a + a_len;
}

/* One part of the kernel after the other leaves its file; what is moved later must be there still.
 */
static bool move_kernel(struct layout *l)
{
    for (u32 i = 0; i < l->plan.segments; i++) {
        const struct load_segment *const s = &l->plan.segment[i];

        if (is_of_kernel(l, s))
            add_step(l, LAYOUT_MOVE, s->to.v, l->file_at + ((u64)s->from - (u64)l->kernel), s->len);
    }
    for (u32 i = 0; i < l->steps; i++)
        for (u32 later = i + 1; later < l->steps; later++)
            if (overlap(l->step[i].to, l->step[i].len, l->step[later].from, l->step[later].len))
                return false;
    return true;
}

/* What of the file is in no part's place becomes 0, as the rest of the memory is: from `at` on as
 * far as the next part, then behind that. */
static void clear_file(struct layout *l)
{
    const u64 end = l->file_at + l->kernel_bytes;
    const u32 moves = l->steps;
    u64 at = l->file_at;

    while (at < end) {
        u64 next = end, behind = end;

        for (u32 i = 0; i < moves; i++) {
            const struct layout_step *const s = &l->step[i];

            if (s->to + s->len > at && s->to < next) {
                next = MAX(s->to, at);
                behind = s->to + s->len;
            }
        }
        add_step(l, LAYOUT_CLEAR, at, 0, next - at);
        at = behind;
    }
}

static void place_others(struct layout *l)
{
    for (u32 i = 0; i < l->plan.segments; i++) {
        const struct load_segment *const s = &l->plan.segment[i];
        const u64 in_scratch = (u64)s->from - (u64)l->plan.scratch;

        if (s->len == 0 || is_of_kernel(l, s))
            continue;
        if (in_scratch < sizeof(l->plan.scratch))
            add_step(l, LAYOUT_COPY, s->to.v, in_scratch, s->len);
        else
            add_step(l, LAYOUT_READ_INITRD, s->to.v, (u64)s->from - initrd_data, s->len);
    }
}

err_t layout_plan(struct layout *l, u8 *memory, const struct layout_machine *machine)
{
    const struct pc_guest guest = {.config = &l->config,
                                   .tsc_hz = machine->tsc_hz,
                                   .signature = machine->signature,
                                   .features = machine->features,
                                   .module = l->file,
                                   .modules = ARRAY_LEN(l->file)};

    l->kernel = memory + l->file_at;
    l->file[0] = (struct boot_module){.base = (u64)l->kernel, .size = l->kernel_bytes};
    l->file[1] = (struct boot_module){.base = initrd_data, .size = l->initrd_bytes};
    memcpy(l->file[0].path, l->config.kernel, sizeof(l->file[0].path));
    memcpy(l->file[1].path, l->config.initrd, sizeof(l->file[1].path));
    l->steps = 0;
    TRY(pc_plan(&guest, &l->plan));
    if (!move_kernel(l)) {
        fmt_buf(l->plan.reason, sizeof(l->plan.reason),
                "%.60s: its parts and the file do not find room beside each other; give the guest "
                "more --memory",
                l->spec->kernel);
        return E_NOMEM;
    }
    clear_file(l);
    place_others(l);
    return OK;
}

struct abi_registers layout_registers(const struct layout *l)
{
    const struct load_plan *const p = &l->plan;

    return (struct abi_registers){.mode = p->mode,
                                  .gdt_limit = p->gdt_limit,
                                  .gdt = p->gdt.v,
                                  .rip = p->rip,
                                  .cr3 = p->cr3,
                                  .rsp = p->rsp,
                                  .rax = p->rax,
                                  .rbx = p->rbx,
                                  .rsi = p->rsi,
                                  .rdi = p->rdi};
}
