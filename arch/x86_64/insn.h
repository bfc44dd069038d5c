/* Instructions that C cannot say, one function each, without policy.  VMX instructions are in
 * vmx/.  SDM Vol. 2, "Instruction Set Reference". */
#pragma once
#include "lib/types.h"

struct cpuid_regs {
    u32 eax, ebx, ecx, edx;
};

/* Operand of LGDT, LIDT, SGDT, SIDT in 64-bit mode. */
struct descriptor_ptr {
    u16 limit;
    u64 base;
} PACKED;

static inline struct cpuid_regs cpuid(u32 leaf, u32 subleaf)
{
    struct cpuid_regs r;

    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "a"(leaf), "c"(subleaf));
    return r;
}

/* ------------------------------------------------------------ model-specific registers */

static inline u64 rdmsr(u32 msr)
{
    u32 lo, hi;

    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
    return (u64)hi << 32 | lo;
}

static inline void wrmsr(u32 msr, u64 value)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

/* ------------------------------------------------------------ control and debug registers */

#define INSN_REGISTER(reg)                                                                         \
    static inline u64 read_##reg(void)                                                             \
    {                                                                                              \
        u64 value;                                                                                 \
                                                                                                   \
        __asm__ volatile("mov %%" #reg ", %0" : "=r"(value) : : "memory");                         \
        return value;                                                                              \
    }                                                                                              \
                                                                                                   \
    static inline void write_##reg(u64 value)                                                      \
    {                                                                                              \
        __asm__ volatile("mov %0, %%" #reg : : "r"(value) : "memory");                             \
    }

INSN_REGISTER(cr0)
INSN_REGISTER(cr3)
INSN_REGISTER(cr4)
INSN_REGISTER(cr8)
INSN_REGISTER(dr7)

/* CR4.OSXSAVE must be set. */
static inline u64 xgetbv(u32 index)
{
    u32 lo, hi;

    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(index) : "memory");
    return (u64)hi << 32 | lo;
}

/* ------------------------------------------------------------ what the exit handlers execute */

#ifdef HOST_TEST /* tools/unit/fake_cpu.c */
u64 rdtsc(void);
u64 read_cr2(void);
void write_cr2(u64 value);
void write_dr0(u64 value);
void write_dr1(u64 value);
void write_dr2(u64 value);
void write_dr3(u64 value);
u64 read_dr6(void);
void write_dr6(u64 value);
void xsetbv(u32 index, u64 value);
#else
static inline u64 rdtsc(void)
{
    u64 value;

    /* In one piece: the compiler would move the sum to another register. */
    __asm__ volatile("rdtsc\n\tshl $32, %%rdx\n\tor %%rdx, %0"
                     : "=a"(value)
                     :
                     : "rdx", "cc", "memory");
    return value;
}

INSN_REGISTER(cr2)
INSN_REGISTER(dr0)
INSN_REGISTER(dr1)
INSN_REGISTER(dr2)
INSN_REGISTER(dr3)
INSN_REGISTER(dr6)

static inline void xsetbv(u32 index, u64 value)
{
    __asm__ volatile("xsetbv" : : "c"(index), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}
#endif
#undef INSN_REGISTER

/* ------------------------------------------------------------ I/O ports */

static inline u8 inb(u16 port)
{
    u8 value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline u16 inw(u16 port)
{
    u16 value;

    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline u32 inl(u16 port)
{
    u32 value;

    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline void outb(u16 port, u8 value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void outw(u16 port, u16 value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void outl(u16 port, u32 value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

/* ------------------------------------------------------------ address translation */

static inline void invlpg(const void *va)
{
    __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static inline void wbinvd(void)
{
    __asm__ volatile("wbinvd" : : : "memory");
}

/* ------------------------------------------------------------ system registers */

static inline void lgdt(const struct descriptor_ptr *gdt)
{
    __asm__ volatile("lgdt %0" : : "m"(*gdt) : "memory");
}

static inline void lidt(const struct descriptor_ptr *idt)
{
    __asm__ volatile("lidt %0" : : "m"(*idt) : "memory");
}

static inline void sgdt(struct descriptor_ptr *gdt)
{
    __asm__ volatile("sgdt %0" : "=m"(*gdt));
}

static inline void sidt(struct descriptor_ptr *idt)
{
    __asm__ volatile("sidt %0" : "=m"(*idt));
}

static inline void lldt(u16 selector)
{
    __asm__ volatile("lldt %0" : : "r"(selector) : "memory");
}

static inline void ltr(u16 selector)
{
    __asm__ volatile("ltr %0" : : "r"(selector) : "memory");
}

static inline u16 str(void)
{
    u16 selector;

    __asm__ volatile("str %0" : "=r"(selector));
    return selector;
}

#define INSN_SELECTOR(reg)                                                                         \
    static inline u16 read_##reg(void)                                                             \
    {                                                                                              \
        u16 selector;                                                                              \
                                                                                                   \
        __asm__ volatile("mov %%" #reg ", %0" : "=r"(selector));                                   \
        return selector;                                                                           \
    }

INSN_SELECTOR(cs)
INSN_SELECTOR(ss)
INSN_SELECTOR(ds)
INSN_SELECTOR(es)
INSN_SELECTOR(fs)
INSN_SELECTOR(gs)
#undef INSN_SELECTOR

/* ------------------------------------------------------------ flow */

static inline u64 read_rflags(void)
{
    u64 flags;

    __asm__ volatile("pushfq\n\tpopq %0" : "=r"(flags) : : "memory");
    return flags;
}

static inline void cli(void)
{
    __asm__ volatile("cli" : : : "memory");
}

static inline void sti(void)
{
    __asm__ volatile("sti" : : : "memory");
}

static inline void hlt(void)
{
    __asm__ volatile("hlt" : : : "memory");
}

static inline void cpu_pause(void)
{
    __asm__ volatile("pause" : : : "memory");
}
