/* See elf.h.  System V ABI, chapter 4 "Object Files" and chapter 5 "Program Loading and Dynamic
 * Linking".  Pure. */
#include "boot/load/elf.h"
#include "boot/load/plan.h"

#define ELF_MAGIC   0x464c457fu
#define ELFCLASS32  1u
#define ELFCLASS64  2u
#define ELFDATA2LSB 1u
#define EM_386      3u
#define EM_X86_64   62u
#define EHDR_CLASS  4u
#define EHDR_DATA   5u
#define EHDR_TYPE   16u
#define EHDR_MACH   18u

/* Where a class has its fields. */
struct elf_layout {
    u32 machine, ehdr_size, phdr_size;
    u32 phoff, phentsize, phnum;              /* in the file's header */
    u32 word;                                 /* bytes of an address, an offset or a size */
    u32 p_offset, p_paddr, p_filesz, p_memsz; /* in a program header; p_type is at 0 */
};
static const struct elf_layout elf32 = {EM_386, 52, 32, 28, 42, 44, 4, 4, 12, 16, 20};
static const struct elf_layout elf64 = {EM_X86_64, 64, 56, 32, 54, 56, 8, 8, 24, 32, 40};

static u64 get_word(const struct elf_layout *elf, const u8 *at)
{
    return elf->word == 8 ? get64(at) : get32(at);
}

const struct elf_layout *elf_layout_of(const struct load_file *kernel)
{
    const u8 *data = kernel->data;

    if (kernel->size < elf32.ehdr_size || get32(data) != ELF_MAGIC ||
        data[EHDR_DATA] != ELFDATA2LSB)
        return NULL;

    const struct elf_layout *elf = data[EHDR_CLASS] == ELFCLASS32   ? &elf32
                                   : data[EHDR_CLASS] == ELFCLASS64 ? &elf64
                                                                    : NULL;

    return elf && kernel->size >= elf->ehdr_size && get16(data + EHDR_MACH) == elf->machine ? elf
                                                                                            : NULL;
}

bool elf_headers_fit(const struct elf_layout *elf, const struct load_file *kernel)
{
    const u64 phoff = get_word(elf, kernel->data + elf->phoff);
    const u64 len = (u64)get16(kernel->data + elf->phnum) * elf->phdr_size;

    return get16(kernel->data + elf->phentsize) == elf->phdr_size && phoff <= kernel->size &&
           len <= kernel->size - phoff;
}

u32 elf_header_count(const struct elf_layout *elf, const struct load_file *kernel)
{
    return get16(kernel->data + elf->phnum);
}

struct elf_segment elf_segment(const struct elf_layout *elf, const struct load_file *kernel, u32 i)
{
    const u8 *phdr =
        kernel->data + get_word(elf, kernel->data + elf->phoff) + (u64)i * elf->phdr_size;

    return (struct elf_segment){.type = get32(phdr),
                                .offset = get_word(elf, phdr + elf->p_offset),
                                .paddr = get_word(elf, phdr + elf->p_paddr),
                                .filesz = get_word(elf, phdr + elf->p_filesz),
                                .memsz = get_word(elf, phdr + elf->p_memsz)};
}

bool elf_in_file(const struct load_file *kernel, const struct elf_segment *s)
{
    return s->offset <= kernel->size && s->filesz <= kernel->size - s->offset;
}

u32 elf_type(const struct load_file *kernel)
{
    return get16(kernel->data + EHDR_TYPE);
}
