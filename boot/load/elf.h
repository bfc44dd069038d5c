/* ELF files for x86, of 32 and of 64 bits, as far as their program headers.  Pure; every byte is
 * hostile. */
#pragma once
#include "boot/load/load.h"

#define ELF_LOAD      1u /* p_type */
#define ELF_NOTE      4u
#define ELF_TYPE_EXEC 2u

struct elf_layout; /* of a class */

struct elf_segment {
    u32 type;
    u64 offset, paddr, filesz, memsz; /* not checked */
};

/* NULL: not a whole ELF header for x86.  The others want a file that has one. */
const struct elf_layout *elf_layout_of(const struct load_file *kernel);
u32 elf_type(const struct load_file *kernel);
u32 elf_header_count(const struct elf_layout *elf, const struct load_file *kernel);

/* The program headers lie in the file; then elf_segment() may be asked for each. */
bool elf_headers_fit(const struct elf_layout *elf, const struct load_file *kernel);
struct elf_segment elf_segment(const struct elf_layout *elf, const struct load_file *kernel, u32 i);

/* The bytes that it has in the file lie there. */
bool elf_in_file(const struct load_file *kernel, const struct elf_segment *s);
