/* Which interrupt of the local APIC goes in with the next entry, and which window is asked for,
 * without a virtual-APIC page: by vcpu_prepare(), against the rules of irq_plan(). */
#include "tools/unit/fake_guest.h"
#include "tools/unit/quiet_console.h"
#include "vmm/irq.h"
#include "vmm/todo.h"

#define INTERRUPT_WINDOW BIT(2)
#define NMI_WINDOW       BIT(22)
#define FIRST            0x61
#define SECOND           0x51

/* What there is, a bit each. */
enum { IF = 1, STI = 2, MOV_SS = 4, EXCEPTION = 8, NMI = 16, MORE = 32, HELD_BACK = 64, ALL = 128 };

static void make(u32 what)
{
    guest_new(LONG);
    lapic_reset(&v->lapic, 0);
    v->lapic.lvt[LVT_LINT0] |= 0x10000;
    vmcs(GS_RFLAGS, RFLAGS_FIXED_1 | (what & IF ? RFLAGS_IF : 0));
    vmcs(GS_INTERRUPTIBILITY, (what & STI ? 1 : 0) | (what & MOV_SS ? 2 : 0));
    if (what & EXCEPTION)
        v->pending.info = EVENT_VALID | EVENT_TYPE_HW_EXC << 8 | 6;
    v->nmi_pending = what & NMI;
    v->lapic.tpr = what & HELD_BACK ? 0x70 : 0;
    lapic_post(&v->lapic, FIRST);
    if (what & MORE)
        lapic_post(&v->lapic, SECOND);
    fake_cpu.intr_info = 0;
    v->todo = TODO_EVENT;
}

static void test_all_combinations(void **state)
{
    u32 taken = 0;

    (void)state;
    for (u32 what = 0; what < ALL; what++) {
        make(what);

        const struct irq_view view = {.exception = v->pending.info,
                                      .nmi = v->nmi_pending,
                                      .irq = !(what & HELD_BACK),
                                      .iflag = what & IF,
                                      .sti_blocking = what & STI,
                                      .movss_blocking = what & MOV_SS};
        const struct irq_plan plan = irq_plan(&view);

        assert_true(vcpu_prepare(v, &x));
        assert_int_equal(fake_cpu.intr_info, plan.ack_irq ? EVENT_VALID | FIRST : plan.inject);
        assert_int_equal(fake_cpu.cpu_controls & INTERRUPT_WINDOW,
                         plan.irq_window ? INTERRUPT_WINDOW : 0);
        assert_int_equal(fake_cpu.cpu_controls & NMI_WINDOW, plan.nmi_window ? NMI_WINDOW : 0);
        assert_int_equal(v->stats->injected, plan.ack_irq);
        assert_int_equal(v->irq_planned, view.irq && !plan.ack_irq);
        assert_int_equal(v->lapic.isr[1] >> (FIRST - 64) & 1, plan.ack_irq);
        taken += plan.ack_irq;
    }
    assert_int_equal(taken, 2); /* IF alone, with or without a second request */
}

/* A second one of the same class waits for the EOI; one of a higher class for a window. */
static void test_one_after_another(void **state)
{
    (void)state;
    make(IF | MORE);
    assert_true(vcpu_prepare(v, &x));
    assert_int_equal(fake_cpu.intr_info, EVENT_VALID | FIRST);
    assert_int_equal(fake_cpu.cpu_controls & INTERRUPT_WINDOW, 0);
    fake_cpu.intr_info = 0;
    lapic_post(&v->lapic, 0x81);
    vmcs(GS_RFLAGS, RFLAGS_FIXED_1); /* in the handler */
    v->todo = TODO_EVENT;
    assert_true(vcpu_prepare(v, &x));
    assert_int_equal(fake_cpu.intr_info, 0);
    assert_int_equal(fake_cpu.cpu_controls & INTERRUPT_WINDOW, INTERRUPT_WINDOW);
    vmcs(GS_RFLAGS, RFLAGS_FIXED_1 | RFLAGS_IF);
    v->todo = TODO_EVENT;
    assert_true(vcpu_prepare(v, &x));
    assert_int_equal(fake_cpu.intr_info, EVENT_VALID | 0x81);
    assert_int_equal(fake_cpu.cpu_controls & INTERRUPT_WINDOW, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_combinations),
        cmocka_unit_test(test_one_after_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
