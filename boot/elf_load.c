/* hv.elf -> the plan of its segments; see elf_load.h.  Pure. */
#include "boot/elf_load.h"
#include "lib/mem.h"

struct elf_header {
    u8 ident[16];
    u16 type;
    u16 machine;
    u32 version;
    u64 entry;
    u64 phoff;
    u64 shoff;
    u32 flags;
    u16 ehsize;
    u16 phentsize;
    u16 phnum;
    u16 shentsize;
    u16 shnum;
    u16 shstrndx;
};
_Static_assert(sizeof(struct elf_header) == 64, "as in the ELF specification");

struct program_header {
    u32 type;
    u32 flags;
    u64 offset;
    u64 vaddr;
    u64 paddr;
    u64 filesz;
    u64 memsz;
    u64 align;
};
_Static_assert(sizeof(struct program_header) == 56, "as in the ELF specification");

enum { ET_EXEC = 2, EM_X86_64 = 62, EV_CURRENT = 1 };
enum { PF_X = 1, PF_W = 2 };
enum {
    PT_NULL = 0,
    PT_LOAD = 1,
    PT_NOTE = 4,
    PT_PHDR = 6,
    PT_GNU_STACK = 0x6474e551,
    PT_GNU_RELRO = 0x6474e552,
    PT_GNU_PROPERTY = 0x6474e553,
};

#define PHNUM_MAX   32u
#define LINKED_BASE 0xffffffff80000000ull /* -2 GiB: the kernel code model */

/* What the first 16 bytes of an ELF64 little-endian file are; ABI bytes and padding are free. */
static const u8 ident_wanted[] = {0x7f, 'E', 'L', 'F', 2, 1, EV_CURRENT};

static err_t refuse(const char **reason, const char *text)
{
    *reason = text;
    return E_INVAL;
}

static err_t check_header(const struct elf_header *h, size_t size, const char **reason)
{
    if (memcmp(h->ident, ident_wanted, sizeof(ident_wanted)) != 0)
        return refuse(reason, "not a 64-bit little-endian ELF file");
    if (h->machine != EM_X86_64)
        return refuse(reason, "not for x86-64");
    if (h->type != ET_EXEC)
        return refuse(reason, "not a statically linked executable");
    if (h->version != EV_CURRENT || h->ehsize != sizeof(*h) ||
        h->phentsize != sizeof(struct program_header))
        return refuse(reason, "its ELF header is malformed");
    if (h->phnum == 0 || h->phnum > PHNUM_MAX)
        return refuse(reason, "it has no program headers, or absurdly many");
    if (h->phoff > size || h->phnum * sizeof(struct program_header) > size - h->phoff)
        return refuse(reason, "its program headers lie outside of the file (truncated?)");
    return OK;
}

/* Types that need nothing from the loader. */
static bool may_ignore(u32 type)
{
    return type == PT_NULL || type == PT_NOTE || type == PT_PHDR || type == PT_GNU_STACK ||
           type == PT_GNU_RELRO || type == PT_GNU_PROPERTY;
}

static err_t check_segment(const struct program_header *ph, size_t size, const char **reason)
{
    if (ph->offset > size || ph->filesz > size - ph->offset)
        return refuse(reason, "a segment lies outside of the file (truncated?)");
    if (ph->filesz > ph->memsz)
        return refuse(reason, "a segment is larger in the file than in memory");
    if ((ph->flags & (PF_W | PF_X)) == (PF_W | PF_X))
        return refuse(reason, "a segment is both writable and executable");
    if (!IS_ALIGNED(ph->vaddr, PAGE_SIZE))
        return refuse(reason, "a segment is not page-aligned");
    if (ph->vaddr < LINKED_BASE)
        return refuse(reason, "a segment lies below -2 GiB");
    /* One page is kept below the end of the address space, so that no end wraps to 0. */
    if (ph->memsz > ELF_SPAN_MAX || ph->memsz > (0 - PAGE_SIZE) - ph->vaddr)
        return refuse(reason, "a segment is too large");
    return OK;
}

static u64 segment_end(const struct elf_segment *s)
{
    return ALIGN_UP(s->virt + s->mem_size, PAGE_SIZE);
}

static err_t add_segment(struct elf_plan *plan, const struct program_header *ph,
                         const char **reason)
{
    if (plan->count == ELF_SEGMENTS_MAX)
        return refuse(reason, "it has too many segments");
    if (plan->count > 0 && ph->vaddr < segment_end(&plan->segment[plan->count - 1]))
        return refuse(reason, "its segments overlap or do not ascend");
    plan->segment[plan->count++] = (struct elf_segment){
        .virt = ph->vaddr,
        .mem_size = ph->memsz,
        .file_offset = ph->offset,
        .file_size = ph->filesz,
        .writable = ph->flags & PF_W,
        .executable = ph->flags & PF_X,
    };
    return OK;
}

/* The entry must be code that the file brings, not the zeroes behind it. */
static bool entry_is_code(const struct elf_plan *plan)
{
    for (u32 i = 0; i < plan->count; i++) {
        const struct elf_segment *s = &plan->segment[i];

        if (s->executable && plan->entry - s->virt < s->file_size) /* below virt: it wraps */
            return true;
    }
    return false;
}

static err_t finish(struct elf_plan *plan, const char **reason)
{
    if (plan->count == 0)
        return refuse(reason, "it has nothing to load");
    plan->virt = plan->segment[0].virt;
    plan->span = segment_end(&plan->segment[plan->count - 1]) - plan->virt;
    if (!IS_ALIGNED(plan->virt, LARGE_PAGE_SIZE))
        return refuse(reason, "its first segment is not 2 MiB-aligned");
    if (plan->span > ELF_SPAN_MAX)
        return refuse(reason, "its segments are spread too far");
    if (!entry_is_code(plan))
        return refuse(reason, "its entry point is not in an executable segment");
    return OK;
}

err_t elf_plan(const void *image, size_t size, struct elf_plan *out, const char **reason)
{
    struct elf_header h;

    *out = (struct elf_plan){0};
    if (size < sizeof(h))
        return refuse(reason, "too short for an ELF header");
    memcpy(&h, image, sizeof(h));
    TRY(check_header(&h, size, reason));
    out->entry = h.entry;

    for (u32 i = 0; i < h.phnum; i++) {
        struct program_header ph;

        memcpy(&ph, (const u8 *)image + h.phoff + i * sizeof(ph), sizeof(ph));
        if (ph.type != PT_LOAD) {
            if (!may_ignore(ph.type))
                return refuse(reason, "it needs a dynamic loader or thread-local storage");
            continue;
        }
        if (ph.memsz == 0)
            continue;
        TRY(check_segment(&ph, size, reason));
        TRY(add_segment(out, &ph, reason));
    }
    return finish(out, reason);
}

void elf_place(const struct elf_plan *plan, const void *image, void *to)
{
    memset(to, 0, plan->span);
    for (u32 i = 0; i < plan->count; i++) {
        const struct elf_segment *s = &plan->segment[i];

        memcpy((u8 *)to + (s->virt - plan->virt), (const u8 *)image + s->file_offset, s->file_size);
    }
}
