/* Descriptor tables, TSSs, the look around in a task, and the handler of exceptions. */
#include "guest_tests/tasks/tasks.h"
#include "lib/mem.h"

#define STACK_BYTES 4096u
#define VECTORS     0x62u /* that trap_stubs has */
#define STUB_BYTES  16u

struct seen seen;
__typeof__(after) after;
u32 resume;
void (*task_hook)(void);
struct caught caught;

/* In pages of their own, which may be unmapped by mapping them elsewhere. */
struct tss32 main_tss __attribute__((aligned(128)));
struct tss32 task_a __attribute__((aligned(128)));
struct tss32 task_b __attribute__((aligned(128)));
struct tss16 task_16 __attribute__((aligned(64)));
u64 gdt[SEL_END / 8] __attribute__((aligned(128)));
u64 idt[256] __attribute__((aligned(4096)));
static u64 ldt[2];
static u8 stack_a[STACK_BYTES], stack_a0[STACK_BYTES], stack_b[STACK_BYTES], stack_16[STACK_BYTES];

extern const u8 trap_stubs[];
void task_body(void);

u64 descriptor(u32 base, u32 limit, u32 rights, u32 flags)
{
    return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)rights << 40 |
           (u64)(limit & 0xf0000) << 32 | (u64)flags << 52 | (u64)(base >> 24) << 56;
}

void set_gate(u32 vector, u32 selector, u32 rights, u32 offset)
{
    idt[vector] =
        (offset & 0xffff) | (u64)selector << 16 | (u64)rights << 40 | (u64)(offset >> 16) << 48;
}

u32 rights_of(u32 selector)
{
    return (u32)(gdt[selector / 8] >> 40) & 0xff;
}

u32 task_register(void)
{
    u32 tr = 0;

    __asm__ volatile("str %0" : "=r"(tr));
    return tr & 0xffff;
}

void task_body(void)
{
    seen.tr = task_register();
    __asm__ volatile("mov %%cr0, %0" : "=r"(seen.cr0));
    __asm__ volatile("mov %%cr3, %0" : "=r"(seen.cr3));
    __asm__ volatile("mov %%dr7, %0" : "=r"(seen.dr7));
    seen.own_rights = rights_of(seen.tr);
    seen.main_rights = rights_of(SEL_MAIN);
    seen.probe = paging == PAGING_OFF ? 0 : *(volatile u32 *)PROBE;
    if (task_hook)
        task_hook();
}

struct frame {
    u32 edi, esi, ebp, temp, ebx, edx, ecx, eax, vector, error, eip, cs, eflags;
    u32 esp, ss, es, ds, fs, gs; /* from CPL 3; the last four: from virtual-8086 mode */
};
void trap(struct frame *f);

/* An exception in another task ends that one. */
void trap(struct frame *f)
{
    const u32 count = caught.count;

    caught = (struct caught){.count = count + 1,
                             .vector = f->vector,
                             .error = f->error,
                             .eip = f->eip,
                             .cs = f->cs & 0xffff,
                             .eflags = f->eflags,
                             .tr = task_register()};
    __asm__ volatile("mov %%cr2, %0" : "=r"(caught.cr2));
    __asm__ volatile("mov %%dr6, %0" : "=r"(caught.dr6));
    if (f->eflags & FLAG_VM || (f->cs & 3)) {
        caught.esp = f->esp, caught.ss = f->ss & 0xffff;
        caught.es = f->es & 0xffff, caught.ds = f->ds & 0xffff;
        caught.fs = f->fs & 0xffff, caught.gs = f->gs & 0xffff;
    }
    if (caught.tr != SEL_MAIN)
        return_from_task();
    if (!resume) {
        say_hex("Bail out! exception ", f->vector);
        say_hex(" at ", f->eip);
        say("\n");
        guest_exit(99);
    }
    f->eip = resume;
    f->eflags &= ~FLAG_NT;
    resume = 0;
}

static u32 top_of(u8 *stack)
{
    return (u32)stack + STACK_BYTES;
}

static struct tss32 fresh(const u8 *entry, u8 *stack)
{
    return (struct tss32){
        .link = 0x5555,
        .esp0 = top_of(stack_a0),
        .ss0 = SEL_DATA,
        .cr3 = paging_cr3(1),
        .eip = (u32)entry,
        .eflags = FLAG_ONE,
        .gpr = {0xa0, 0xa1, 0xa2, 0xa3, top_of(stack), 0xa5, 0xa6, 0xa7},
        .segment = {SEL_DATA, SEL_CODE, SEL_DATA, SEL_DATA, SEL_DATA, SEL_DATA},
        .ldtr = SEL_LDT,
        .io_map = sizeof(struct tss32),
    };
}

static void reset_gdt(void)
{
    static const u64 none[SEL_END / 8];

    memcpy(gdt, none, sizeof(gdt));
    gdt[SEL_CODE / 8] = descriptor(0, 0xfffff, CODE0, FLAT);
    gdt[SEL_DATA / 8] = descriptor(0, 0xfffff, DATA0, FLAT);
    gdt[SEL_USER_CODE / 8] = descriptor(0, 0xfffff, CODE3, FLAT);
    gdt[SEL_USER_DATA / 8] = descriptor(0, 0xfffff, DATA3, FLAT);
    gdt[SEL_MAIN / 8] = descriptor((u32)&main_tss, sizeof(main_tss) - 1, TSS32 | BUSY, SMALL);
    gdt[SEL_A / 8] = descriptor((u32)&task_a, sizeof(task_a) - 1, TSS32, SMALL);
    gdt[SEL_B / 8] = descriptor((u32)&task_b, sizeof(task_b) - 1, TSS32, SMALL);
    gdt[SEL_GATE / 8] = (u64)SEL_A << 16 | (u64)TASK_GATE << 40;
    gdt[SEL_LDT / 8] = descriptor((u32)ldt, sizeof(ldt) - 1, LDT, SMALL);
    gdt[SEL_TSS16 / 8] = descriptor((u32)&task_16, sizeof(task_16) - 1, TSS16, SMALL);
    gdt[SEL_CODE16 / 8] = descriptor((u32)task16_entry, 0xffff, CODE0, FLAG_16BIT);
    gdt[SEL_STACK16 / 8] = descriptor((u32)stack_16, 0xffff, DATA0, FLAG_16BIT);
    ldt[0] = gdt[SEL_GATE / 8];
}

static void reset_idt(void)
{
    for (u32 vector = 0; vector < VECTORS; vector++)
        set_gate(vector, SEL_CODE, vector == 0x61 ? INT_GATE | DPL3 : INT_GATE,
                 (u32)trap_stubs + vector * STUB_BYTES);
}

void world_reset(void)
{
    const u32 cr3 = paging_cr3(0);

    memset(&seen, 0, sizeof(seen));
    memset(&after, 0, sizeof(after));
    memset(&caught, 0, sizeof(caught));
    resume = 0, task_hook = NULL;
    memset(&main_tss, 0, sizeof(main_tss));
    main_tss.cr3 = cr3;
    main_tss.link = 0x1234;
    main_tss.ldtr = SEL_LDT;
    task_a = fresh(task_entry, stack_a);
    task_b = fresh(task_entry, stack_b);
    task_16 = (struct tss16){
        .flags = FLAG_ONE,
        .gpr = {0xb0, 0xb1, 0xb2, 0xb3, STACK_BYTES, 0xb5, 0xb6, 0xb7},
        .segment = {SEL_DATA, SEL_CODE16, SEL_STACK16, SEL_DATA},
        .ldtr = SEL_LDT,
    };
    reset_gdt();
    reset_idt();
    __asm__ volatile("clts; mov %0, %%dr7" : : "r"(0x400));
    __asm__ volatile("mov %0, %%dr6" : : "r"(0xffff0ff0));
}

struct pointer {
    u16 limit;
    u32 base;
} PACKED;

void world_init(void)
{
    const struct pointer gdtr = {sizeof(gdt) - 1, (u32)gdt}, idtr = {sizeof(idt) - 1, (u32)idt};

    world_reset();
    gdt[SEL_MAIN / 8] &= ~((u64)BUSY << 40);
    __asm__ volatile("lgdt %0; lidt %1; ljmp $0x08, $1f; 1: mov %2, %%ds; mov %2, %%es; "
                     "mov %2, %%ss; mov %2, %%fs; mov %2, %%gs; lldt %w3; ltr %w4"
                     :
                     : "m"(gdtr), "m"(idtr), "r"(SEL_DATA), "r"(SEL_LDT), "r"(SEL_MAIN)
                     : "memory");
}
