/* GDT and TSS of one CPU.  SDM Vol. 3A, "Segment Descriptors", "TSS Descriptor in 64-bit mode". */
#include "arch/x86_64/seg.h"
#include "arch/x86_64/insn.h"

/* Descriptor bits.  Base and limit of code and data do not count in 64-bit mode. */
#define DESC_ACCESSED    BIT(40)
#define DESC_WRITABLE    BIT(41) /* of code: readable */
#define DESC_CODE        BIT(43)
#define DESC_CODE_DATA   BIT(44)
#define DESC_PRESENT     BIT(47)
#define DESC_LONG        BIT(53)
#define DESC_TSS64_AVAIL (9ull << 40)

/* What a code or data segment needs in any case.  The accessed bit is set beforehand, so that
 * the processor never has to write to the GDT. */
#define DESC_COMMON (DESC_PRESENT | DESC_CODE_DATA | DESC_WRITABLE | DESC_ACCESSED)

static void gdt_fill(struct cpu_tables *t)
{
    const u64 base = (u64)&t->tss;
    const u64 limit = sizeof(t->tss) - 1;

    t->gdt[SEL_NULL / 8] = 0;
    t->gdt[SEL_CODE / 8] = DESC_COMMON | DESC_CODE | DESC_LONG;
    t->gdt[SEL_DATA / 8] = DESC_COMMON;
    t->gdt[SEL_TSS / 8] = DESC_PRESENT | DESC_TSS64_AVAIL | limit | (base & 0xffffff) << 16 |
                          (base >> 24 & 0xff) << 56;
    t->gdt[SEL_TSS / 8 + 1] = base >> 32;
}

static void load_segments(void)
{
    __asm__ volatile("pushq %0\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\n\t"
                     "movl %1, %%ds\n\t"
                     "movl %1, %%es\n\t"
                     "movl %1, %%ss\n\t"
                     "movl %2, %%fs\n\t"
                     "movl %2, %%gs\n\t"
                     :
                     : "i"(SEL_CODE), "r"(SEL_DATA), "r"(SEL_NULL)
                     : "rax", "memory");
}

void seg_init(struct cpu_tables *t, const u64 ist_top[IST_END])
{
    gdt_fill(t);
    t->gdt_limit = sizeof(t->gdt) - 1;
    t->gdt_base = (u64)t->gdt;
    t->tss_base = (u64)&t->tss;
    t->tss = (struct tss){.io_map_base = sizeof(t->tss)}; /* beyond the limit: no bitmap */
    for (unsigned i = IST_NONE + 1; i < IST_END; i++)
        t->tss.ist[i - 1] = ist_top[i];

    const struct descriptor_ptr gdtr = {t->gdt_limit, t->gdt_base};

    lgdt(&gdtr);
    load_segments();
    lldt(SEL_NULL);
    ltr(SEL_TSS);
}
