/* The processor's instructions as functions, for programs that run as guests.
 * One line of inline assembly each; nothing here catches a fault (see guest.h). */
#pragma once
#include "lib/types.h"

struct cpuid {
    u32 eax, ebx, ecx, edx;
};

struct table_pointer { /* operand of LGDT, LIDT, SGDT, SIDT in 64-bit mode */
    u16 limit;
    u64 base;
} PACKED;

static inline struct cpuid cpuid(u32 leaf, u32 subleaf)
{
    struct cpuid r;
    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "0"(leaf), "2"(subleaf));
    return r;
}

static inline u64 rdmsr(u32 msr)
{
    u32 low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
    return (u64)high << 32 | low;
}

static inline void wrmsr(u32 msr, u64 value)
{
    __asm__ volatile("wrmsr" : : "a"((u32)value), "d"((u32)(value >> 32)), "c"(msr) : "memory");
}

static inline u64 xgetbv(u32 index)
{
    u32 low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(index));
    return (u64)high << 32 | low;
}

static inline void xsetbv(u32 index, u64 value)
{
    __asm__ volatile("xsetbv" : : "a"((u32)value), "d"((u32)(value >> 32)), "c"(index) : "memory");
}

static inline u64 rdtsc(void)
{
    u32 low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (u64)high << 32 | low;
}

/* VMCALL with the ABI's registers (include/abi/hypercalls.def). */
static inline u64 vmcall(u64 number, u64 a, u64 b)
{
    u64 result = number;
    __asm__ volatile("vmcall" : "+a"(result) : "D"(a), "S"(b) : "memory");
    return result;
}

#define CPU_REGISTER(name)                                                                         \
    static inline u64 read_##name(void)                                                            \
    {                                                                                              \
        u64 value;                                                                                 \
        __asm__ volatile("mov %%" #name ", %0" : "=r"(value) : : "memory");                        \
        return value;                                                                              \
    }                                                                                              \
    static inline void write_##name(u64 value)                                                     \
    {                                                                                              \
        __asm__ volatile("mov %0, %%" #name : : "r"(value) : "memory");                            \
    }
CPU_REGISTER(cr0)
CPU_REGISTER(cr2)
CPU_REGISTER(cr3)
CPU_REGISTER(cr4)
CPU_REGISTER(cr8)
CPU_REGISTER(dr0)
CPU_REGISTER(dr1)
CPU_REGISTER(dr2)
CPU_REGISTER(dr3)
CPU_REGISTER(dr6)
CPU_REGISTER(dr7)
#undef CPU_REGISTER

#define CPU_PORT(suffix, type)                                                                     \
    static inline type in##suffix(u16 port)                                                        \
    {                                                                                              \
        type value;                                                                                \
        __asm__ volatile("in %1, %0" : "=a"(value) : "d"(port) : "memory");                        \
        return value;                                                                              \
    }                                                                                              \
    static inline void out##suffix(u16 port, type value)                                           \
    {                                                                                              \
        __asm__ volatile("out %0, %1" : : "a"(value), "d"(port) : "memory");                       \
    }
CPU_PORT(b, u8)
CPU_PORT(w, u16)
CPU_PORT(l, u32)
#undef CPU_PORT

static inline u64 read_flags(void)
{
    u64 flags;
    __asm__ volatile("pushfq; pop %0" : "=r"(flags) : : "memory");
    return flags;
}

static inline void cpu_cli(void)
{
    __asm__ volatile("cli" : : : "memory");
}

static inline void cpu_sti(void)
{
    __asm__ volatile("sti" : : : "memory");
}

static inline void cpu_pause(void)
{
    __asm__ volatile("pause" : : : "memory");
}

static inline void cpu_sti_hlt(void)
{
    __asm__ volatile("sti; hlt" : : : "memory");
}

static inline void invlpg(u64 address)
{
    __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

/* Bits that several tests name; SDM Vol. 3A, "Control Registers", "Extended Feature Enable". */
#define CR0_PE         BIT(0)
#define CR0_MP         BIT(1)
#define CR0_EM         BIT(2)
#define CR0_TS         BIT(3)
#define CR0_ET         BIT(4)
#define CR0_NE         BIT(5)
#define CR0_WP         BIT(16)
#define CR0_AM         BIT(18)
#define CR0_NW         BIT(29)
#define CR0_CD         BIT(30)
#define CR0_PG         BIT(31)
#define CR4_VME        BIT(0)
#define CR4_PVI        BIT(1)
#define CR4_TSD        BIT(2)
#define CR4_DE         BIT(3)
#define CR4_PSE        BIT(4)
#define CR4_PAE        BIT(5)
#define CR4_MCE        BIT(6)
#define CR4_PGE        BIT(7)
#define CR4_PCE        BIT(8)
#define CR4_OSFXSR     BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_LA57       BIT(12)
#define CR4_VMXE       BIT(13)
#define CR4_SMXE       BIT(14)
#define CR4_PCIDE      BIT(17)
#define CR4_OSXSAVE    BIT(18)

#define MSR_EFER       0xc0000080u
#define EFER_SCE       BIT(0)
#define EFER_LME       BIT(8)
#define EFER_LMA       BIT(10)
#define EFER_NXE       BIT(11)

#define FLAG_CF        BIT(0)
#define FLAG_TF        BIT(8)
#define FLAG_IF        BIT(9)
#define FLAG_RF        BIT(16)
#define FLAG_VM        BIT(17)
#define FLAG_AC        BIT(18)
