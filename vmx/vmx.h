/* The processor's virtualization, with no idea of what a guest is for: what vmm/ calls.
 * SDM Vol. 3C, chapters "Introduction to VMX" to "VM Exits". */
#pragma once
#include "lib/types.h"
#include "vmx/caps.h"
#include "vmx/controls.h"
#include "vmx/delivery.h"
#include "vmx/exit.h"
#include "vmx/guest_state.h"

/* A virtual processor's mechanism half. Owner: the CPU that it is loaded on. */
struct vmx_vcpu {
    struct guest_state guest; /* first: vmx_enter() gets &guest.regs */
    hpa_t vmcs;
    u32 host_cpu; /* whose state is in it as the host's */
    bool launched;
    void (*resume)(void), (*launch)(void); /* variants of entry.asm */
    u32 pin, cpu; /* current pin-based and primary processor-based controls */
    u32 cpu2;     /* secondary ones, as negotiated */
    hpa_t msr_bitmap, x2apic_msr_bitmap;
    u32 timer_shift; /* preemption timer: TSC ticks >> shift */
    u64 timer_round; /* what rounds up: its unit in ticks, less 1 */
    u64 timer_most;  /* ticks that it can hold */
};

struct vmx_vcpu_config {
    hpa_t vmcs_page; /* one zeroed page, exclusive */
    hpa_t ept_root;
    u16 vpid; /* not 0 */
    hpa_t msr_bitmap, io_bitmap_a, io_bitmap_b;
    hpa_t x2apic_msr_bitmap; /* with an APIC page: in place of the other in x2APIC mode */
    u32 exception_bitmap;
    u64 cr0_mask, cr4_mask; /* bits that belong to the hypervisor */
    u64 tsc_offset;
    /* For a processor that delivers interrupts itself (vmx_facts()): the page of the
     * virtual registers, and the one whose guest-physical place is the APIC's.  0: neither. */
    hpa_t apic_page, apic_access;
    /* A loop of PAUSE that lasts exits: vmx_facts().  For a vCPU that shares its
     * CPU. */
    bool pause_loops;
    /* enum mitigation, of vmx_mitigation_plan()->possible: what of MITIGATE_ENTRY and _EXIT is done
     * on this virtual CPU's way in and out.  Other than the plan's flags it is for measuring only.
     */
    u32 mitigations;
    /* MOV to and from debug registers exits, and RDTSCP is undefined. */
    bool bare;
};

enum vmx_result {
    VMX_EXITED,
    VMX_EXIT_UNKNOWN, /* for a reason beyond exit_reasons.def */
    /* no guest instruction ran: */
    VMX_FAIL_INVALID, /* no current VMCS */
    VMX_FAIL_VALID,   /* vmx_instruction_error() */
    VMX_ENTRY_REFUSED /* the guest's state is wrong: x->reason and x->qual */
};

/* In place of an exit reason, whose bits 30:28 say nothing that can happen here. */
#define VMX_FAILED_INVALID BIT32(28)
#define VMX_FAILED_VALID   BIT32(29)

/* Before anything else here: what the loader has found out.  The log gets the controls. */
void vmx_init(const struct vmx_facts *facts);
const struct vmx_facts *vmx_facts(void);
/* True if the word was negotiated with all of these bits set. */
static inline bool vmx_has_control(enum vmx_word word, u64 bits)
{
    return (vmx_facts()->word[word].value & bits) == bits;
}

/* This CPU: compare with the boot CPU, set and lock IA32_FEATURE_CONTROL if unlocked, fix CR0/CR4,
 * VMXON with the given zeroed page. */
err_t vmx_cpu_enable(hpa_t vmxon_page);
void vmx_cpu_disable(void);

/* Writes controls, host state and the guest state after reset; leaves the VMCS current on this CPU.
 * The host state is this CPU's of now: CR0, CR3, CR4, EFER and PAT must not change later. */
void vmx_vcpu_setup(struct vmx_vcpu *v, const struct vmx_vcpu_config *config);
/* On this CPU from now on; no other may have it loaded.  A release on another, before, is what
 * makes that so.  SDM Vol. 3C, "Software Use of Virtual-Machine Control Structures". */
void vmx_vcpu_load(struct vmx_vcpu *v);
void vmx_vcpu_release(struct vmx_vcpu *v); /* VMCLEAR; the page may be freed after */
/* Architectural state after INIT/power-up into the cache (real mode, CS:IP f000:fff0). */
void vmx_guest_reset(struct guest_state *g);

/* vmx_run(), a turn of the guest, is in enter.h. */
u32 vmx_instruction_error(void);
/* The current VMCS and this processor's capabilities into the log, at every level, for
 * tools/explain/; cpu: which CPU this is, or the dumps of two at once were one. */
void vmx_dump(u32 cpu);

/* Event for the next entry (qual.h makes `info`): SDM "VM-Entry Controls for Event Injection".
 * insn_len counts for software interrupts and exceptions only. */
void vmx_inject(struct vmx_vcpu *v, u32 info, u32 error, u32 insn_len);
void vmx_inject_interrupt(struct vmx_vcpu *v, u8 vector); /* an external one, in short */
void vmx_set_irq_window(struct vmx_vcpu *v, bool on);
void vmx_set_nmi_window(struct vmx_vcpu *v, bool on);
void vmx_close_windows(struct vmx_vcpu *v); /* both */
/* Exit after `ticks` TSC ticks in the guest; the remainder is saved at each exit.  The timer cannot
 * be switched off: with large values it holds 2^32 - 1 units, so that an EXIT_PREEMPTION_TIMER
 * nobody asked for may come, and means nothing.  After that exit the remainder is 0, which would
 * end every entry before its first instruction: the caller sets the timer anew (vmm/run.c does, by
 * TODO_BOARD). */
void vmx_set_timer(struct vmx_vcpu *v, u64 ticks);
/* The next entry on this CPU ends before its first instruction, by EXIT_PREEMPTION_TIMER, unless
 * vmx_set_timer() comes in between: who is to notice a kick sets the timer first and looks for the
 * reason of the kick after that.  Nothing happens if no VMCS is current.  For the NMI's handler. */
void vmx_expire_timer(void);
/* For a VMCS with an APIC page.  SDM Vol. 3C, "Guest Non-Register State" and "Controls for APIC
 * Virtualization". */
u16 vmx_interrupt_status(const struct vmx_vcpu *v); /* RVI, SVI << 8 */
void vmx_set_interrupt_status(struct vmx_vcpu *v, u16 status);
void vmx_request_interrupt(struct vmx_vcpu *v, u8 vector); /* RVI becomes at least this */
void vmx_set_eoi_exits(struct vmx_vcpu *v, const u64 vectors[4]);
/* The guest's APIC is in another mode (VMX_APIC_IN_MEMORY at first).  The caller executes INVEPT:
 * SDM Vol. 3C, "Issues Pertaining to Page Size and TLB Management" of APIC-access virtualization.
 */
void vmx_set_apic_mode(struct vmx_vcpu *v, enum vmx_apic_mode mode);
void vmx_set_tsc_offset(struct vmx_vcpu *v, u64 offset);

void vmx_invept_single(hpa_t ept_root);
void vmx_invvpid_single(u16 vpid);
void vmx_invept_all(void);
