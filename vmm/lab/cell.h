/* A tiny virtual machine for experiments: 2 MiB of memory with the laboratory's guest code at 0,
 * its own EPT and VMCS, and every control in the experimenter's hand.  Its guest runs in 64-bit
 * mode with interrupts off; every exception exits.  One at a time; the laboratory alone reads and
 * writes VMCS fields here, vmm/'s handlers never do. */
#pragma once
#include "ept/ept.h"
#include "vmm/lab/enter.h"
#include "vmm/lab/guest.h"
#include "vmx/vmcs.h"
#include "vmx/vmx.h"

#define CELL_SIZE LARGE_PAGE_SIZE
#define CELL_VPID 0x4c41u
/* Guest-physical, and linear in the first 4 GiB */
#define CELL_GDT     0x4000u
#define CELL_IDT     0x5000u
#define CELL_TABLES  0x6000u /* PML4, PDPT, 4 PDs, the window's PD and PT */
#define CELL_STACK   0x10000u
#define CELL_SAMPLES 0x20000u /* up to 0x30000 */
#define CELL_DATA    0x30000u /* pages for whatever an experiment wants, up to CELL_END */
#define CELL_END     0x40000u
#define CELL_PAGE(n) (CELL_DATA + (n) * (u32)PAGE_SIZE)
#define CELL_WINDOW  (4 * GiB)      /* linear: pages that point where the experimenter wants */
#define CELL_PROBE   0x200000000ull /* guest-physical: nothing is there, 1 GiB aligned */

/* What lab_cell_run() returns beside exit reasons. */
#define CELL_VMFAIL       0x10000u
#define CELL_ENTRY_FAILED 0x20000u

struct lab_cell {
    struct lab_frame frame; /* the guest's general registers */
    struct vmx_vcpu vcpu;   /* its other state is in the cache of vcpu.guest */
    struct ept ept;
    u8 *mem;
    hpa_t hpa; /* of mem */
    bool set_up, launched;
    u32 mitigations; /* enum mitigation, for vmx_run(); lab_cell_reset() obeys it */
};

/* False: no memory. */
bool lab_cell_create(struct lab_cell *c);
void lab_cell_destroy(struct lab_cell *c);
/* As new: memory, EPT (4 KiB leaves), VMCS, no cached translation. */
void lab_cell_reset(struct lab_cell *c);

/* Can the processor set all of these? */
bool lab_cell_can(enum vmx_word word, u64 bits);
void lab_cell_set(struct lab_cell *c, enum vmx_word word, u64 bits);
void lab_cell_clear(struct lab_cell *c, enum vmx_word word, u64 bits);

/* Page tables whose physical addresses are `base` and up: 0, or the cell's own without EPT. */
void lab_cell_page_tables(struct lab_cell *c, u64 base);
/* Points page n of the window to physical address `to`; returns its linear address. */
u64 lab_cell_window(struct lab_cell *c, u32 n, u64 to);
void lab_cell_gate(struct lab_cell *c, u8 vector, const u8 *label);
hpa_t lab_cell_hpa(const struct lab_cell *c, u32 gpa);
u64 *lab_cell_word(const struct lab_cell *c, u32 gpa);
/* Maps one leaf of level 0 to 2 at a guest-physical address of its alignment; the byte at `to` is
 * then at the address returned. */
u64 lab_cell_leaf(struct lab_cell *c, u64 gpa, u32 level, hpa_t to, u32 attr);
/* The EPT entry for gpa at a level: 0 is that of a 4 KiB page. */
u64 *lab_cell_ept_entry(const struct lab_cell *c, u64 gpa, u32 level);
void lab_cell_flush_ept(const struct lab_cell *c);

/* The next run begins at this code. */
void lab_cell_at(struct lab_cell *c, const u8 *label);
/* Runs until the next exit: its basic reason. */
u32 lab_cell_run(struct lab_cell *c);
/* The same with another HOST_RIP (enter.h). */
u32 lab_cell_run_stub(struct lab_cell *c, void (*stub)(void));
/* Goes on behind the instruction that exited. */
void lab_cell_skip(struct lab_cell *c);
