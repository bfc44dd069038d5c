/* One partition: memory, a board of devices, virtual processors.
 * Lock order, when more than one CPU runs guests: vm -> pmm -> log.
 * Owner of the struct: vmm/vm.c; lifetime: vm_create() to vm_destroy(). */
#pragma once
#include "arch/x86_64/spinlock.h"
#include "config.h"
#include "ept/ept.h"
#include "lib/types.h"
#include "vmm/board.h"
#include "vmm/guest_console.h"
#include "vmm/ledger.h"
#include "vmm/policy/cpuid.h"
#include "vmm/pvclock.h"
#include "vmm/served.h"
#include "vmm/vcpu.h"

#define VM_EXTENTS_MAX 64u
#define VM_VCPUS_MAX   8u
#define VM_NONE        0xffffffffu
#define VM_CONTROL     CONFIG_GUESTS_MAX /* the control partition's id; guests have those below */

enum vm_end {
    VM_RUNNING,
    VM_END_POWEROFF,
    VM_END_REBOOT,
    VM_END_DEBUG_EXIT,
    VM_END_HALTED,
    VM_END_STOPPED,
    VM_END_KILLED,  /* by order, and that is the end ... */
    VM_END_RESET,   /* ... or the begin of its next life */
    VM_END_EXPIRED, /* its lifetime was over, or it has made its exits */
};

/* The first registers of a guest that the control partition has made. */
struct vcpu_first {
    u32 given; /* `registers` is complete; atomic */
    struct abi_registers registers;
};

/* A run of RAM that is contiguous for the guest and for the host. */
struct vm_extent {
    gpa_t gpa;
    hpa_t hpa;
    u64 len; /* bytes */
};

struct vm {
    u32 id;
    const struct config_guest *config;
    struct ept ept;
    struct spinlock lock; /* of the board; only taken if v->shares_board */
    u32 extents;
    struct vm_extent extent[VM_EXTENTS_MAX];
    struct board board;
    struct cpuid_policy cpuid;
    struct pvclock clock;
    u32 vcpus;
    struct vcpu *vcpu[VM_VCPUS_MAX]; /* [i] has APIC ID i */
    struct ledger ledger;            /* of the exits of all of them */
    u32 end;                         /* enum vm_end; atomic */
    u32 paused;                      /* its vCPUs keep off their CPUs; an order's; atomic */
    u32 button;                      /* the power button is pressed, once; atomic */
    u32 unadmitted;  /* it is paused until the control partition lets it begin; atomic */
    u64 release_by;  /* TSC until which it waits, over, for the control partition; 0: it does not */
    u32 released;    /* which has let it go; atomic */
    u32 dead;        /* bit i: vcpu[i] waits for an NMI, INIT or SIPI, or for ever; atomic */
    u32 attached;    /* vCPUs that belong to a CPU; atomic */
    u64 dies_at;     /* TSC at which it is ended, ~0: never */
    u64 exits_end;   /* VM exits of all vCPUs after which it is ended, ~0: never */
    u64 touched;     /* pages that vm_touch() mapped */
    u32 end_value;   /* VM_END_DEBUG_EXIT: the byte */
    u32 arbiter;     /* lapic_arbitrate()'s turn: a hint, whoever writes it */
    bool at_console; /* its COM1 is connected */
    u64 stopped_at;  /* log_written() + 1 when vm_stop() began to say why; 0: it did not */
    struct vcpu_first first;
    struct guest_console console;
    struct served served;
};

/* Memory, EPT, board, vCPU; the image is loaded and the vCPU stands at its first instruction.
 * Errors are logged with their reason; nothing stays allocated. */
err_t vm_create(struct vm *vm, u32 id, const struct config_guest *config);
void vm_destroy(struct vm *vm);
/* Sends what is left of its output and gives up the console; comes_back: to its next life. */
void vm_disconnect(struct vm *vm, bool comes_back);

/* How often all of its vCPUs together have exited, by reason, and in all; an exit counts when it is
 * done. */
void vm_exit_counts(const struct vm *vm, u64 counts[EXIT_REASONS]);
u64 vm_exits(const struct vm *vm);
/* Ticks of all of its vCPUs together, as far as they are counted. */
struct exit_times vm_times(const struct vm *vm, u64 now);
