/* Events and when they come: windows, injection, the preemption timer, the monitor trap flag.
 * SDM Vol. 3C, "Event Injection", "VMX-Preemption Timer", "Monitor Trap Flag". */
#include "arch/x86_64/cr.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/trap.h"
#include "vmm/lab/selftest.h"
#include "vmx/qual.h"

#define TIMER_TICKS 200000ull /* of the TSC */
#define TIMER_LATE  100000ull /* that it may come late: an SMI may be in between */
#define VECTOR      0x40u
#define BLOCKED_NMI BIT(3)

static enum lab_outcome timer(struct lab_cell *c, struct lab_detail *d)
{
    const u64 count = TIMER_TICKS >> c->vcpu.timer_shift;
    const u64 asked = count << c->vcpu.timer_shift;
    u64 start, took;

    lab_cell_at(c, lab_code_spin);
    vmcs_w32(VMCS_PREEMPTION_TIMER, (u32)count);
    start = rdtsc();
    LAB_EXPECT(c, EXIT_PREEMPTION_TIMER);
    took = rdtsc() - start;
    /* It counts at changes of a bit of the TSC: the first may come at once. */
    LAB_WANT(took + BIT(c->vcpu.timer_shift) >= asked && took <= asked + TIMER_LATE,
             "set to %llu ticks, came after %llu", (unsigned long long)asked,
             (unsigned long long)took);
    return lab_say(d, LAB_PASS, "set to %llu ticks, came after %llu", (unsigned long long)asked,
                   (unsigned long long)took);
}

static enum lab_outcome timer_zero(struct lab_cell *c, struct lab_detail *d)
{
    lab_cell_at(c, lab_code_call);
    vmcs_w32(VMCS_PREEMPTION_TIMER, 0);
    LAB_EXPECT(c, EXIT_PREEMPTION_TIMER);
    LAB_WANT(gs_get(&c->vcpu.guest, GS_RIP) == lab_guest_offset(lab_code_call),
             "an instruction ran before");
    return LAB_PASS;
}

/* As when another CPU's kick comes between an exit and the next entry. */
static enum lab_outcome kick(struct lab_cell *c, struct lab_detail *d)
{
    lab_cell_at(c, lab_code_call);
    trap_set_handler(VEC_NMI, vmx_expire_timer);
    trap_take_nmi();
    trap_set_handler(VEC_NMI, NULL);
    LAB_EXPECT(c, EXIT_PREEMPTION_TIMER);
    LAB_WANT(gs_get(&c->vcpu.guest, GS_RIP) == lab_guest_offset(lab_code_call),
             "an instruction ran before");
    return LAB_PASS;
}

static enum lab_outcome timer_saved(struct lab_cell *c, struct lab_detail *d)
{
    const u32 first = vmcs_r32(VMCS_PREEMPTION_TIMER);
    u32 left;

    lab_cell_set(c, WORD_VMEXIT, VMEXIT_SAVE_PREEMPTION_TIMER);
    lab_cell_at(c, lab_code_cpuid);
    LAB_EXPECT(c, EXIT_CPUID);
    left = vmcs_r32(VMCS_PREEMPTION_TIMER);
    LAB_WANT(left <= first && left > first / 2, "of %u units %u are left", first, left);
    lab_cell_at(c, lab_code_spin);
    LAB_EXPECT(c, EXIT_PREEMPTION_TIMER);
    LAB_WANT(vmcs_r32(VMCS_PREEMPTION_TIMER) == 0, "%u units are left at the end",
             vmcs_r32(VMCS_PREEMPTION_TIMER));
    return LAB_PASS;
}

static enum lab_outcome interrupt_window(struct lab_cell *c, struct lab_detail *d)
{
    lab_cell_set(c, WORD_CPU, CPU_INTERRUPT_WINDOW_EXITING);
    lab_cell_at(c, lab_code_nops);
    LAB_EXPECT(c, EXIT_VMCALL); /* IF is 0 */
    lab_cell_at(c, lab_code_sti);
    LAB_EXPECT(c, EXIT_INTERRUPT_WINDOW);
    LAB_WANT(gs_get(&c->vcpu.guest, GS_RIP) == lab_guest_offset(lab_code_sti) + 2,
             "not behind the instruction after STI");
    return LAB_PASS;
}

/* The window is open unless NMIs are blocked, whatever the entry before said. */
static enum lab_outcome nmi_window(struct lab_cell *c, struct lab_detail *d)
{
    static const struct {
        u32 blocked, reason;
        const char *when;
    } steps[] = {
        {0, EXIT_NMI_WINDOW, "not blocked"},
        {BLOCKED_NMI, EXIT_VMCALL, "blocked"},
        {0, EXIT_NMI_WINDOW, "not blocked any more"},
    };

    lab_cell_set(c, WORD_CPU, CPU_NMI_WINDOW_EXITING);
    for (u32 i = 0; i < ARRAY_LEN(steps); i++) {
        u32 reason;

        lab_cell_at(c, lab_code_nops);
        gs_set(&c->vcpu.guest, GS_INTERRUPTIBILITY, steps[i].blocked);
        reason = lab_cell_run(c);
        LAB_WANT(reason == steps[i].reason, "NMIs %s: %s instead of %s", steps[i].when,
                 lab_reason(reason), lab_reason(steps[i].reason));
    }
    return LAB_PASS;
}

static enum lab_outcome virtual_nmis(struct lab_cell *c, struct lab_detail *d)
{
    lab_cell_gate(c, VEC_NMI, lab_code_isr);
    lab_cell_at(c, lab_code_nops);
    vmcs_w32(VMCS_ENTRY_INTR_INFO, intr_info(INTR_NMI, VEC_NMI, false));
    LAB_EXPECT(c, EXIT_VMCALL);
    LAB_WANT(gs_get(&c->vcpu.guest, GS_RIP) == lab_guest_offset(lab_code_isr),
             "the NMI's handler did not run");
    LAB_WANT(gs_get(&c->vcpu.guest, GS_INTERRUPTIBILITY) & BLOCKED_NMI,
             "no virtual-NMI blocking after delivery");
    return LAB_PASS;
}

static enum lab_outcome injection(struct lab_cell *c, struct lab_detail *d)
{
    lab_cell_gate(c, VECTOR, lab_code_isr);
    lab_cell_at(c, lab_code_nops);
    gs_set(&c->vcpu.guest, GS_RFLAGS, RFLAGS_FIXED_1 | RFLAGS_IF);
    vmcs_w32(VMCS_ENTRY_INTR_INFO, intr_info(INTR_EXTERNAL, VECTOR, false));
    LAB_EXPECT(c, EXIT_VMCALL);
    LAB_WANT(gs_get(&c->vcpu.guest, GS_RIP) == lab_guest_offset(lab_code_isr),
             "the interrupt's handler did not run");
    LAB_WANT(!(vmcs_r32(VMCS_ENTRY_INTR_INFO) & INTR_INFO_VALID),
             "the entry's event stays valid after the exit");
    return LAB_PASS;
}

static enum lab_outcome exception_bitmap(struct lab_cell *c, struct lab_detail *d)
{
    lab_cell_gate(c, VEC_UD, lab_code_isr);
    lab_cell_at(c, lab_code_ud2);
    LAB_EXPECT(c, EXIT_EXCEPTION_OR_NMI);
    LAB_WANT((vmcs_r32(VMCS_EXIT_INTR_INFO) & INTR_INFO_VECTOR) == VEC_UD, "information 0x%x",
             vmcs_r32(VMCS_EXIT_INTR_INFO));
    vmcs_w32(VMCS_EXCEPTION_BITMAP, ~BIT32(VEC_UD));
    lab_cell_at(c, lab_code_ud2);
    LAB_EXPECT(c, EXIT_VMCALL);
    LAB_WANT(gs_get(&c->vcpu.guest, GS_RIP) == lab_guest_offset(lab_code_isr),
             "the guest's own handler did not run");
    return LAB_PASS;
}

static enum lab_outcome monitor_trap(struct lab_cell *c, struct lab_detail *d)
{
    lab_cell_set(c, WORD_CPU, CPU_MONITOR_TRAP_FLAG);
    lab_cell_at(c, lab_code_nops);
    LAB_EXPECT(c, EXIT_MONITOR_TRAP);
    LAB_WANT(gs_get(&c->vcpu.guest, GS_RIP) == lab_guest_offset(lab_code_nops) + 1,
             "not behind the first instruction");
    return LAB_PASS;
}

static const struct lab_test tests[] = {
    {"preemption timer", WORD_PIN, PIN_PREEMPTION_TIMER, 0, timer},
    {"preemption timer at 0", WORD_PIN, PIN_PREEMPTION_TIMER, 0, timer_zero},
    {"kick by NMI before an entry", WORD_PIN, PIN_PREEMPTION_TIMER, 0, kick},
    {"preemption timer, value saved", WORD_VMEXIT, VMEXIT_SAVE_PREEMPTION_TIMER, 0, timer_saved},
    {"interrupt-window exiting", WORD_CPU, CPU_INTERRUPT_WINDOW_EXITING, 0, interrupt_window},
    {"NMI-window exiting", WORD_CPU, CPU_NMI_WINDOW_EXITING, 0, nmi_window},
    {"virtual NMIs", WORD_PIN, PIN_VIRTUAL_NMIS, 0, virtual_nmis},
    {"injection of an interrupt", 0, 0, 0, injection},
    {"exception bitmap", 0, 0, 0, exception_bitmap},
    {"monitor trap flag", WORD_CPU, CPU_MONITOR_TRAP_FLAG, 0, monitor_trap},
};
LAB_TESTS(lab_event_tests, tests);
