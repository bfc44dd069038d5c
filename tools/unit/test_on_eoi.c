/* EOI without a virtual-APIC page: the short way (vmm/lapic_quick.h) is taken only where nothing
 * follows, and the other one does the rest. */
#include "vmm/vcpu_irq.h"

#include "tools/unit/mmio_guest.h"

/* An EOI that something follows from goes the way of all writes; `by` is 0x80b or a store. */
static void end_by(u32 by)
{
    v->todo = 0;
    if (by == 0x80b) {
        r[RCX] = by;
        r[RAX] = r[RDX] = 0;
        assert_int_equal(on_wrmsr(v, &x), NEXT);
    } else {
        code(CODE("\x89\x03"));
        vmcs(GS_RIP, RIP);
        assert_int_equal(violation(LAPIC_BASE + by, WRITE | LINEAR), RESUME);
    }
}

static void serving(u32 by)
{
    mapped(LONG);
    lapic_reset(&v->lapic, 0);
    if (by == 0x80b)
        assert_int_equal(vcpu_set_apic_base(v, LAPIC_BASE | 0xd00, 0), OK);
    v->irq_planned = false;
    v->deadline = ~0ull;
    lapic_post(&v->lapic, 0x91);
    assert_int_equal(lapic_ack(&v->lapic), 0x91);
}

static bool in_service(u32 vector)
{
    return v->lapic.isr[vector / 64] >> (vector % 64) & 1;
}

static void test_eoi(void **state)
{
    static const u32 ways[] = {0x80b, 0xb0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        serving(ways[i]); /* alone */
        lapic_post(&v->lapic, 0xa1);
        assert_int_equal(lapic_ack(&v->lapic), 0xa1);
        end_by(ways[i]);
        assert_int_equal(v->todo, 0);
        assert_false(in_service(0xa1));
        assert_true(in_service(0x91));

        serving(ways[i]); /* another one has waited for it */
        lapic_post(&v->lapic, 0x81);
        assert_int_equal(lapic_pending(&v->lapic), LAPIC_NO_VECTOR);
        end_by(ways[i]);
        assert_int_equal(v->todo, TODO_EVENT);
        assert_int_equal(lapic_pending(&v->lapic), 0x81);

        serving(ways[i]); /* the timer is due by then */
        v->lapic.lvt[LVT_TIMER] = 0x71;
        v->lapic.deadline = x.tsc = fake_cpu.tsc;
        end_by(ways[i]);
        assert_int_equal(lapic_pending(&v->lapic), 0x71);
        assert_true(v->todo != 0);

        serving(ways[i]); /* level-triggered: the I/O APIC's matter, too */
        lapic_message(&v->lapic, &(struct apic_message){.vector = 0xb1, .level = true});
        assert_int_equal(lapic_ack(&v->lapic), 0xb1);
        end_by(ways[i]);
        assert_int_equal(v->todo, TODO_BOARD);
        assert_false(in_service(0xb1));
        assert_true(in_service(0x91));
    }
    serving(0x80b); /* not in this mode, not with this value */
    r[RCX] = 0x80b;
    r[RAX] = 1;
    r[RDX] = 0;
    assert_int_equal(on_wrmsr(v, &x), FAULT_GP);
    assert_true(in_service(0x91));
    serving(0xb0);
    r[RAX] = 0;
    assert_int_equal(on_wrmsr(v, &x), FAULT_GP);
    assert_true(in_service(0x91));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eoi),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
