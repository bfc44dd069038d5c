/* One virtual processor.  Owner: the CPU that runs it (no lock); lifetime: its VM's. */
#pragma once
#include "arch/x86_64/cr.h"
#include "lib/types.h"
#include "vmm/dev/lapic.h"
#include "vmm/dev/lapic_mail.h"
#include "vmm/exit_stats.h"
#include "vmm/forward.h"
#include "vmm/insn_memo.h"
#include "vmm/policy/msr.h"
#include "vmm/sched.h"
#include "vmm/trace.h"
#include "vmm/vcpu_switch.h"
#include "vmx/vmx.h"

struct vm;

/* Work to do before the next entry; one word, tested once.  Others set bits, too: vmm/wake.h. */
enum vcpu_todo {
    TODO_BOARD = 1,     /* a device's interrupt line, deadline or wish may have changed */
    TODO_EVENT = 2,     /* an event is waiting to be injected, or a window is open */
    TODO_HALT = 4,      /* HLT: no entry until an event */
    TODO_END = 8,       /* none at all: vm->end is set */
    TODO_MAIL = 16,     /* there is something in the mailbox */
    TODO_RESCHED = 32,  /* its CPU has something else to do */
    TODO_YIELD = 64,    /* it waits for another vCPU, as it seems */
    TODO_CONSOLE = 128, /* something was typed, or there is room to send again */
    TODO_TURN = 256,    /* its turn has begun, or ends at another time: its timer is to be set */
    TODO_COUNT = 512,   /* nothing but a look at how many exits there were: v->counted */
    TODO_WAKE = 1024,   /* what it waits for may have come: v->away.waits */
    TODO_LINES = 2048,  /* the control partition has moved interrupt lines: vm->served.lines */
    TODO_WAIT = 4096,   /* it has nothing to do but to wait: v->away.waits */
};

/* What ends LEAVE_WAITS, but its time. */
#define WAIT_ENDS (TODO_WAKE | TODO_END | TODO_RESCHED)

/* Why vcpu_run() has returned. */
enum vcpu_leave {
    LEAVE_TURN_OVER, /* it wants to go on */
    LEAVE_YIELD,     /* the same, but others first */
    LEAVE_ASLEEP,    /* until v->wake, or until it is told something */
    LEAVE_WAITS,     /* until v->wake, or TODO_WAKE */
    LEAVE_PAUSED,    /* until v->vm->paused is 0, and it is told so */
    LEAVE_MOVES,     /* to the CPU that v->move_to names */
    LEAVE_ENDED,     /* v->vm->end is set */
};

#define CPU_NONE         0xffffffffu

#define EVENT_VALID      BIT32(31)
#define EVENT_HAS_ERROR  BIT32(11)
#define EVENT_TYPE(info) ((info) >> 8 & 7)

/* An event in the format of the VM-entry interruption-information field. */
struct event {
    u32 info;     /* 0: none */
    u32 error;    /* if EVENT_HAS_ERROR */
    u32 insn_len; /* software interrupts and exceptions */
};

/* KVM's MSRs (abi/kvm.h), as the guest wrote them; vmm/pv.h. */
struct pv_vcpu {
    u64 wall_clock, system_time, steal_time, eoi;
    u32 wall_version, time_version, steal_version; /* even: of what is in guest memory */
    u64 stolen;                                    /* TSC ticks */
    u8 eoi_vector; /* in service, but not in the local APIC's ISR: the guest may end it in memory */
};

struct vcpu {
    struct vmx_vcpu vmx; /* first */
    struct vm *vm;
    u32 id;
    u64 todo;             /* enum vcpu_todo; atomic */
    bool shares_board;    /* with other vCPUs, or with the control partition */
    struct event pending; /* an exception, or an interrupted delivery to repeat */
    u64 deadline;         /* TSC that the preemption timer was last set for */
    u64 outside; /* the part of it that is not the local APIC's: board, console, its turn */
    /* vcpu_irq_pending() and vcpu_extint_pending() when events were last planned */
    bool irq_planned, extint_planned;
    struct lapic lapic;
    u32 *apic_page;   /* virtual-APIC page (vmm/dev/lapic_page.h); NULL: lapic is all there is */
    u64 eoi_exits[4]; /* the EOI-exit bitmap in the VMCS */
    bool nmi_pending;
    bool nmi_in_service; /* one went in, and the vCPU did not leave its CPU after its end since */
    bool asleep;         /* in HLT, or waits_for_sipi */
    bool waits_for_sipi;
    /* vcpu_prepare() has to look at before each entry; watched is not 0: one of them is set. */
    union {
        struct {
            bool triple_fault; /* raising an exception during #DF ended in shutdown */
            bool counted;      /* its guest has so many exits to live: vm->exits_end */
        };
        u16 watched;
    };
    struct insn_memo insn_memo[INSN_MEMOS];
    u32 misfits; /* exits in a row whose instruction was another one by then */
    u64 xcr0;
    u64 tsc_offset;
    u64 tsc_adjust;
    u64 msr_held[MSR_HELD_MAX]; /* slots of the HELD rows */
    struct exit_stats *stats;   /* its own */
    u64 msr_refused;
    struct trace_ring *trace; /* of the CPU that runs it */
    u16 trace_id;             /* vm << 8 | vcpu */
    u64 trace_exit;           /* the head of its exits' records: trace_id << 16 | TRACE_EXIT */
    u16 vpid;

    /* Its place among the CPUs. */
    struct sched_entity sched;
    u32 cpu; /* the one that it belongs to */
    union {
        struct {
            u32 move_to; /* + 1: the one that it is to go to; 0: none; atomic */
            u16 waits;   /* enum wait_kind (vmm/boundary.h); atomic */
            u16 flush;   /* its EPT has lost mappings that its CPU may remember; atomic */
        };
        u64 any;
    } away;
    u32 loaded_on;           /* whose processor may hold something of it, or CPU_NONE */
    u64 cpus;                /* those that it may run on, a bit each */
    bool pinned;             /* stays where it is */
    bool tsc_offset_changed; /* while its VMCS was not current */
    enum vcpu_leave leave;
    u32 yielded_to; /* the last one of its guest's */
    u64 wake;       /* LEAVE_ASLEEP, LEAVE_WAITS: TSC, ~0: never */
    u64 turn_ends;  /* TSC by which it has to leave */
    u64 left;       /* TSC when it left; 0: it never ran */
    struct vcpu_switched switched;

    struct lapic_mail mail; /* from others */

    struct pv_vcpu pv;
    struct forward forward;
};

#define EVENT_TYPE_EXT_INT     0u
#define EVENT_TYPE_NMI         2u
#define EVENT_TYPE_HW_EXC      3u
#define EVENT_TYPE_SW_INT      4u
#define EVENT_TYPE_PRIV_SW_EXC 5u
#define EVENT_TYPE_SW_EXC      6u

#define NO_ERROR_CODE          (-1)

/* What INIT leaves: registers and local APIC as after a reset; CR0.CD and NW, extended state, the
 * TSC and the MSRs that are no control registers stay.  The vCPU is loaded.  SDM Vol. 3A,
 * "Processor State After Reset". */
void vcpu_init(struct vcpu *v);
/* Power-up state: everything that INIT or RESET defines and the reset values of the MSR table. */
void vcpu_reset(struct vcpu *v);

/* Raise a fault in the guest at its next entry; merges with one already pending by the
 * double-fault rules (SDM Vol. 3A, "Double Fault Exception").  error: NO_ERROR_CODE or a code. */
void vcpu_raise(struct vcpu *v, u8 vector, i64 error);
void vcpu_raise_event(struct vcpu *v, struct event e);
void vcpu_raise_page_fault(struct vcpu *v, u64 gva, u32 error);

#define VCPU_BLOCKED_BY_INSN 3u /* interruptibility state: blocking by STI, by MOV SS */
#define VCPU_BLOCKED_BY_NMI  8u
#define PENDING_DEBUG_BS     BIT(14)

/* The rest of vcpu_advance(), after it, if there is one. */
NOINLINE void vcpu_advance_slow(struct vcpu *v, u64 len);

/* Not 0: moving RIP by `len` bytes was not all, vcpu_advance_slow() has the rest: the instruction
 * was in the shadow of STI or MOV SS, or RFLAGS.TF is set, or RIP passed a multiple of 4 GiB. */
static inline __attribute__((always_inline)) u64 vcpu_has_advanced(const struct vcpu *v, u64 len)
{
    const u64 *field = v->vmx.guest.field, rip = field[GS_RIP]; /* all three: GS_READ_AT_EXIT */

    return (field[GS_INTERRUPTIBILITY] & VCPU_BLOCKED_BY_INSN) | (field[GS_RFLAGS] & RFLAGS_TF) |
           (rip ^ (rip - len)) >> 32;
}

/* Moves RIP by `len` bytes, and returns the same. */
static inline __attribute__((always_inline)) u64 vcpu_advance(struct vcpu *v, u64 len)
{
    struct guest_state *g = &v->vmx.guest;

    g->field[GS_RIP] += len;
    g->dirty |= BIT(GS_RIP);
    return vcpu_has_advanced(v, len);
}

/* Ends blocking by STI and by MOV SS. */
static inline void vcpu_end_shadow(struct vcpu *v)
{
    struct guest_state *g = &v->vmx.guest;

    if (g->field[GS_INTERRUPTIBILITY] & VCPU_BLOCKED_BY_INSN) { /* GS_READ_AT_EXIT */
        g->field[GS_INTERRUPTIBILITY] &= ~(u64)VCPU_BLOCKED_BY_INSN;
        g->dirty |= BIT(GS_INTERRUPTIBILITY);
    }
}

/* The instruction that exited is done: advance RIP, end STI and MOV-SS blocking, and single-step if
 * RFLAGS.TF says so. */
static inline void vcpu_skip_insn(struct vcpu *v, u64 len)
{
    if (unlikely(vcpu_advance(v, len)))
        vcpu_advance_slow(v, len);
}

#define SEGMENT_DPL (3u << 5) /* of SS: the CPL */
u8 vcpu_cpl(struct vcpu *v);
/* Code segment's default size in bits: 16, 32 or 64. */
u32 vcpu_code_bits(struct vcpu *v);
/* Linear address of segment:offset; segment: 0 ES, 1 CS, 2 SS, 3 DS, 4 FS, 5 GS. */
u64 vcpu_linear(struct vcpu *v, u32 segment, u64 offset);
