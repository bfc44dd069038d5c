/* A guest between two tasks, for tests of vmm/on_task.c: descriptor tables and TSSs in its RAM, and
 * what the processor says of a switch. */
#pragma once
#include "tools/unit/fake_guest.h"
#include "vmm/tss.h"
#include "vmx/qual.h"

#define GDT_AT  0x40000ull
#define LDT_AT  0x42000ull
#define OLD_AT  0x44f80ull /* over the end of a page */
#define NEW_AT  0x46fc0ull
#define RAM_END 0x50000ull
#define STACK   0x4f000u

enum {
    S_CODE = 0x08,
    S_DATA = 0x10,
    S_CODE3 = 0x1b,
    S_DATA3 = 0x23,
    S_OLD = 0x28,
    S_NEW = 0x30,
    S_LDT = 0x38,
    S_ODD = 0x40,
    GDT_BYTES = 0x48,
    LDT_BYTES = 16,
};

/* The 32-bit figure, as words. */
enum {
    T_LINK = 0,
    T_CR3 = 7,
    T_EIP,
    T_EFLAGS,
    T_EAX,
    T_ESP = 14,
    T_ES = 18,
    T_CS,
    T_SS,
    T_DS,
    T_FS,
    T_GS,
    T_LDT,
    T_TRAP
};

#define EVENT(type, vector) (0x80000000u | (u32)(type) << 8 | (vector))
#define WITH_ERROR          0x800u

static UNUSED u64 make_descriptor(u32 base, u32 limit, u32 rights, u32 flags)
{
    return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)rights << 40 |
           (u64)(limit >> 16 & 15) << 48 | (u64)flags << 52 | (u64)(base >> 24) << 56;
}

static u64 *gdt_entry(u32 selector)
{
    return ram(GDT_AT + (selector & ~7u));
}

static u32 *new_tss(void)
{
    return ram(NEW_AT);
}

static u32 *old_tss(void)
{
    return ram(OLD_AT);
}

static void put_cache(u32 n, u16 selector, u32 base, u32 limit, u32 rights)
{
    u64 *f = fake_cpu.vmcs;

    f[GS_ES_SEL + n] = selector, f[GS_ES_BASE + n] = base;
    f[GS_ES_LIMIT + n] = limit, f[GS_ES_AR + n] = rights;
}

static void fill_tables(void)
{
    u64 *gdt = ram(GDT_AT);

    fill(GDT_AT, 0, RAM_END - GDT_AT);
    gdt[S_CODE / 8] = make_descriptor(0, 0xfffff, 0x9b, 12);
    gdt[S_DATA / 8] = make_descriptor(0, 0xfffff, 0x93, 12);
    gdt[S_CODE3 / 8] = make_descriptor(0, 0xfffff, 0xfb, 12);
    gdt[S_DATA3 / 8] = make_descriptor(0, 0xfffff, 0xf3, 12);
    gdt[S_OLD / 8] = make_descriptor(OLD_AT, 103, 0x8b, 0);
    gdt[S_NEW / 8] = make_descriptor(NEW_AT, 103, 0x89, 0);
    gdt[S_LDT / 8] = make_descriptor(LDT_AT, LDT_BYTES - 1, 0x82, 0);
}

static void fill_new_tss(void)
{
    u32 *tss = new_tss();

    tss[T_CR3] = (u32)fake_cpu.vmcs[GS_CR3];
    tss[T_EIP] = 0x6000;
    tss[T_EFLAGS] = 2;
    for (u32 i = 0; i < 8; i++)
        tss[T_EAX + i] = 0xe0 + i;
    tss[T_ESP] = STACK;
    for (u32 i = 0; i < 6; i++)
        tss[T_ES + i] = i == 1 ? S_CODE : S_DATA;
    tss[T_LDT] = S_LDT;
}

/* `to`: FLAT32, PAGED32 or PAE. */
static UNUSED void task_guest(enum mode to)
{
    guest_new(to);
    fill_tables();
    for (u32 n = 0; n < 6; n++)
        put_cache(n, n == 1 ? S_CODE : S_DATA, 0, ~0u, n == 1 ? 0xc09b : 0xc093);
    put_cache(6, 0, 0, 0, 0x10000);
    put_cache(7, S_OLD, OLD_AT, 103, 0x8b);
    fake_cpu.vmcs[GS_DR7] = 0x400 | 0x155 | DR7_G0;
    fake_cpu.vmcs[GS_GDTR_BASE] = GDT_AT;
    fake_cpu.vmcs[GS_GDTR_LIMIT] = GDT_BYTES - 1;
    if (to >= PAGED32)
        identity(0, RAM_END, PTE_RW);
    if (to == PAE)
        memcpy(ram(fake_cpu.vmcs[GS_CR3]), &fake_cpu.vmcs[GS_PDPTE0], 32);
    fill_new_tss();
    fake_cpu.vmcs[GS_RSP] = 0x7000;
    for (u32 i = 0; i < 8; i++)
        r[i] = 0xc0 + i;
    exited();
}

static UNUSED enum verdict task_switch_to(u32 selector, enum qual_task_source source, u32 idt_info,
                                          u32 error)
{
    x.reason = EXIT_TASK_SWITCH;
    x.qual = selector | (u64)source << 30;
    x.insn_len = 7;
    x.idt_info = idt_info, x.idt_error = error;
    return on_task_switch(v, &x);
}
