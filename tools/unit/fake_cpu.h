/* The processor below the exit handlers, for host tests: the VMCS is an array, the clock
 * stands still until a test moves it, and what a handler does to hardware is written down. */
#pragma once
#include "vmm/keyboard.h"
#include "vmx/guest_state.h"
#include <setjmp.h>

struct fake_cpu {
    u64 vmcs[GS_COUNT]; /* what guest_state_load() finds */
    u64 intr_info, intr_error, insn_len, timer, cpu_controls, tsc_offset; /* more of the VMCS */
    u64 cpu2_controls, msr_bitmap;
    bool apic_shown; /* its page, by the last vm_memory_show_apic() */
    u32 apic_shows;
    u64 tsc, cr2, dr[4], dr6, xcr0;
    u32 xsetbvs, tsc_offsets, timers, invvpids;
    u64 eoi_exits[4], interrupt_status;
    u32 eoi_exit_writes, status_writes;
    u16 invvpid; /* the last one */
    u32 traps, nmis;
    u8 trap; /* the last vector dispatched */
    u64 console_deadline;
    struct vcpu *woken; /* the last one that another CPU would have been told of */
    u32 wakes;
    u64 asked; /* of the boot CPU, cpu_ask() */
    struct keyboard keyboard;
    u32 invepts;
    const struct vcpu *ended_turn;
    u32 calls; /* of the control partition, on one CPU */
    bool answers_calls;
    u32 calls_left; /* 0: all are answered; else so many */
    u64 answer;
    u32 serves;       /* turns lent to it */
    u64 serves_until; /* the turn ends then; 0: it does not take them */
    u64 serves_bits;  /* of v->todo, set meanwhile */
    bool wanted;      /* another vCPU would use this CPU */
    u64 slept_until;
    const char *why;   /* of the last vm_stop() */
    jmp_buf *on_panic; /* NULL: a panic ends the test program */
};

extern struct fake_cpu fake_cpu;
