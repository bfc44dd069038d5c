/* One partition: memory, a board of devices, virtual processors.
 * Lock order, when more than one CPU runs guests: vm -> pmm -> log.
 * Owner of the struct: vmm/vm.c; lifetime: vm_create() to vm_destroy(). */
#pragma once
#include "config.h"
#include "ept/ept.h"
#include "lib/types.h"
#include "vmm/board.h"
#include "vmm/ledger.h"
#include "vmm/policy/cpuid.h"
#include "vmm/pvclock.h"
#include "vmm/vcpu.h"

#define VM_EXTENTS_MAX 64u
#define VM_NONE        0xffffffffu

enum vm_end {
    VM_RUNNING,
    VM_END_POWEROFF,
    VM_END_REBOOT,
    VM_END_DEBUG_EXIT,
    VM_END_HALTED,
    VM_END_STOPPED,
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
    u32 extents;
    struct vm_extent extent[VM_EXTENTS_MAX];
    struct board board;
    struct cpuid_policy cpuid;
    struct pvclock clock;
    struct vcpu vcpu;
    struct exit_stats stats; /* of the vCPU */
    struct ledger ledger;    /* of those */
    hpa_t vmcs_page;
    enum vm_end end;
    u64 touched;     /* pages that vm_touch() mapped */
    u32 end_value;   /* VM_END_DEBUG_EXIT: the byte */
    bool at_console; /* its COM1 is connected */
};

/* Memory, EPT, board, vCPU; the image is loaded and the vCPU stands at its first instruction.
 * Errors are logged with their reason; nothing stays allocated. */
err_t vm_create(struct vm *vm, u32 id, const struct config_guest *config);
void vm_destroy(struct vm *vm);
/* Sends what is left of its output and gives the console back to the log. */
void vm_disconnect(struct vm *vm);

/* Ends the guest: `why` in words for the log; a full dump follows for a guest's own faults. */
void vm_stop(struct vm *vm, const struct exit *x, const char *why);
