/* The guest of hardware tasks: descriptors, TSSs, page tables, and what was seen. */
#pragma once
#include "guest_tests/multiboot/tap.h"

enum {
    SEL_CODE = 0x08,
    SEL_DATA = 0x10,
    SEL_USER_CODE = 0x18,
    SEL_USER_DATA = 0x20,
    SEL_MAIN = 0x28, /* the TSS that the tests run in */
    SEL_A = 0x30,
    SEL_B = 0x38,
    SEL_GATE = 0x40, /* a task gate to A */
    SEL_LDT = 0x48,
    SEL_TSS16 = 0x50,
    SEL_CODE16 = 0x58,
    SEL_STACK16 = 0x60,
    SEL_ODD = 0x68, /* each test's own */
    SEL_END = 0x70,
    SEL_LOCAL_GATE = 0x04, /* the same in the LDT */
};

/* Access byte of descriptors, and the flags above. */
enum {
    CODE0 = 0x9b,
    DATA0 = 0x93,
    CODE3 = 0xfb,
    DATA3 = 0xf3,
    LDT = 0x82,
    TSS32 = 0x89,
    TSS16 = 0x81
};
enum { ABSENT = 0x80, BUSY = 2, FLAT = 0xc, SMALL = 0, FLAG_16BIT = 0 };
#define TASK_GATE 0x85u
#define INT_GATE  0x8eu
#define DPL3      0x60u

#define FLAG_RF   BIT32(16)
#define FLAG_NT   BIT32(14)
#define FLAG_VM   BIT32(17)
#define FLAG_IF   BIT32(9)
#define FLAG_ONE  BIT32(1)
#define CR0_TS    BIT32(3)

struct tss32 {
    u32 link, esp0, ss0, stacks[4], cr3, eip, eflags, gpr[8], segment[6], ldtr;
    u16 trap, io_map;
};
_Static_assert(sizeof(struct tss32) == 104, "a TSS");

struct tss16 {
    u16 link, stacks[6], ip, flags, gpr[8], segment[4], ldtr;
};
_Static_assert(sizeof(struct tss16) == 44, "a 16-bit TSS");

enum { EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI };
enum { ES, CS, SS, DS, FS, GS };

/* What a task saw (switch.asm has the first ones' offsets). */
struct seen {
    u32 gpr[8], eflags, error, count;
    u32 tr, cr0, cr3, dr7, own_rights, main_rights, probe;
};
extern struct seen seen;
extern struct {
    u32 gpr[8], eflags;
} after;
extern u32 resume; /* where an exception in the main task goes on; 0: it is a mistake */
extern u32 good_stack;
extern void (*task_hook)(void); /* run in the task, behind the look around */

/* The last exception that came to the handler. */
struct caught {
    u32 count, vector, error, eip, cs, eflags, tr, cr2, dr6, esp, ss, es, ds, fs, gs;
};
extern struct caught caught;

extern struct tss32 main_tss, task_a, task_b;
extern struct tss16 task_16;
extern u64 gdt[SEL_END / 8];
extern u64 idt[256];

void far_call(u32 selector);
void far_jump(u32 selector);
void run_int(void);
void run_int3(void);
void run_into(void);
void run_bad_load(void);
void run_bad_stack(u32 esp);
void run_touch(u32 address);
void run_hlt(void);
void run_iret(void);
NORETURN void return_from_task(void);
extern const u8 task_entry[], task_error_entry[], task_jump_entry[], task_user_entry[],
    task_leaves_entry[], task16_entry[], task16_error_entry[], v86_entry[], v86_end[];

/* world.c: everything as a test finds it. */
void world_init(void);
void world_reset(void);
u64 descriptor(u32 base, u32 limit, u32 rights, u32 flags);
void set_gate(u32 vector, u32 selector, u32 rights, u32 offset);
u32 rights_of(u32 selector);
u32 task_register(void);

/* paging.c */
enum paging { PAGING_OFF, PAGING_32BIT, PAGING_PAE, PAGINGS };
#define PROBE 0x40000000u /* another page in each address space */
#define HOLE  0x40001000u /* nothing, until page_map() */
void paging_begin(enum paging mode);
void paging_end(void);
extern enum paging paging;
u32 paging_cr3(u32 space); /* 0: the main task's, 1: another */
void page_map(u32 linear, u32 physical);
void page_unmap(u32 linear);
