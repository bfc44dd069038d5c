/* EOIs in guest memory (MSR_KVM_PV_EOI): as good as a write to the register, in every order. */
#include "vmm/pv.h"
#include "vmm/todo.h"
#include "vmm/vcpu_irq.h"

#include "tools/unit/fake_guest.h"
#include "tools/unit/quiet_console.h"

#define AT     0x6000ull
#define VECTOR 0x41u

/* Below vmm/todo.c: nobody types, and nobody sleeps. */
static enum verdict enable(u64 value)
{
    r[RCX] = MSR_KVM_PV_EOI;
    r[RAX] = (u32)value;
    r[RDX] = value >> 32;
    return on_wrmsr(v, &x);
}

/* A program of the guest's next moves against two local APICs: one with the word in memory, and one
 * where each EOI is a write.  They must agree whenever somebody looks. */
static struct lapic plain;

static void post(u8 vector, bool level)
{
    const struct apic_message m = {.vector = vector, .mode = DELIVER_FIXED, .level = level};

    lapic_message(&plain, &m);
    lapic_message(&v->lapic, &m);
    v->todo |= TODO_BOARD;
}

static void enter(void)
{
    assert_true(vcpu_prepare(v, &x));
    while (lapic_pending(&plain) != LAPIC_NO_VECTOR && fake_cpu.intr_info & EVENT_VALID) {
        assert_int_equal(lapic_ack(&plain), fake_cpu.intr_info & 0xff);
        fake_cpu.intr_info = 0;
    }
    assert_false(fake_cpu.intr_info & EVENT_VALID);
    assert_int_equal(lapic_pending(&plain), LAPIC_NO_VECTOR);
}

static void write_eoi(void)
{
    lapic_write(&plain, 0xb0, 0, x.tsc);
    plain.eoi = LAPIC_NO_VECTOR;
    vcpu_lapic_write(v, 0xb0, 0, x.tsc);
}

/* As Linux ends an interrupt: test and clear the bit, or write EOI.  True: without an exit. */
static bool end(void)
{
    u32 *word = ram(AT);
    const bool shared = *word & 1;

    *word &= ~1u;
    lapic_write(&plain, 0xb0, 0, x.tsc);
    plain.eoi = LAPIC_NO_VECTOR;
    if (!shared)
        vcpu_lapic_write(v, 0xb0, 0, x.tsc);
    return shared;
}

static void assert_same(void)
{
    for (u32 n = 0; n < 8; n++) {
        const u32 at = 0x100 + n * 16;

        assert_int_equal(vcpu_lapic_read(v, at, x.tsc), lapic_read(&plain, at, x.tsc));
        assert_int_equal(vcpu_lapic_read(v, at + 0x100, x.tsc),
                         lapic_read(&plain, at + 0x100, x.tsc));
    }
    assert_int_equal(vcpu_lapic_read(v, 0xa0, x.tsc), lapic_read(&plain, 0xa0, x.tsc));
    assert_false(*(u32 *)ram(AT) & 1); /* who looks takes it back */
}

static void with_eoi(void)
{
    guest_new(LONG);
    lapic_reset(&v->lapic, 0);
    x.tsc = fake_cpu.tsc;
    vmcs(GS_RFLAGS, RFLAGS_FIXED_1 | RFLAGS_IF);
    lapic_reset(&plain, 0);
    v->todo = 0;
    *(u32 *)ram(AT) = 0xfffffff0; /* the other bits are the guest's */
    assert_int_equal(enable(AT | 1), NEXT);
}

static void test_eoi_in_memory(void **state)
{
    (void)state;
    with_eoi();
    post(VECTOR, false);
    enter();
    assert_int_equal(*(u32 *)ram(AT), 0xfffffff1);
    assert_true(end());
    post(VECTOR, false); /* the same again: the first is over */
    enter();
    assert_true(end());
    assert_same();
    post(VECTOR, false);
    enter();
    assert_same(); /* not ended: the guest has to write */
    assert_false(end());
    assert_same();
    post(VECTOR, false);
    enter();
    write_eoi(); /* though it need not */
    assert_same();
    post(VECTOR, true); /* the I/O APIC has to know */
    enter();
    assert_false(end());
    post(VECTOR, false);
    post(0x31, false); /* one waits behind it */
    enter();
    assert_false(end());
    enter();
    assert_true(end());
    assert_same();
}

static void test_eoi_nested(void **state)
{
    (void)state;
    with_eoi();
    post(VECTOR, false);
    enter();
    post(0x61, false); /* interrupts it */
    enter();
    assert_false(end());
    assert_false(end());
    assert_same();
    post(VECTOR, false);
    enter();
    assert_true(end());
    post(VECTOR, true); /* level-triggered this time: not ended yet */
    enter();
    assert_int_equal(v->lapic.eoi, LAPIC_NO_VECTOR);
    assert_same();
    assert_false(end());
}

static void test_eoi_off(void **state)
{
    (void)state;
    with_eoi();
    post(VECTOR, false);
    enter();
    assert_int_equal(enable(0), NEXT); /* within the handler */
    assert_int_equal(*(u32 *)ram(AT), 0xfffffff0);
    assert_false(end());
    assert_same();
    post(VECTOR, false);
    enter();
    assert_int_equal(*(u32 *)ram(AT), 0xfffffff0);
    with_eoi();
    post(VECTOR, false);
    enter();
    vm.extents = 0; /* the word is gone: as if not ended */
    pv_eoi_take(v);
    vm.extents = 3;
    assert_int_equal(v->pv.eoi, 0);
    *(u32 *)ram(AT) = 0;
    assert_same();
    with_eoi();
    vm.extents = 0;
    lapic_post(&v->lapic, VECTOR);
    v->todo |= TODO_BOARD;
    assert_true(vcpu_prepare(v, &x));
    vm.extents = 3;
    assert_int_equal(v->pv.eoi_vector, 0);
    assert_int_equal(v->lapic.isr[1], BIT(VECTOR - 64));
}

/* An interrupted handler that waits for more: HLT ends for what it can take alone. */
static void test_eoi_and_halt(void **state)
{
    (void)state;
    with_eoi();
    post(VECTOR, false);
    enter();
    lapic_post(&v->lapic, 0x31);
    assert_false(vcpu_irq_wakes(v));
    with_eoi();
    post(VECTOR, false);
    enter();
    assert_true(end());
    lapic_post(&v->lapic, 0x31);
    assert_true(vcpu_irq_wakes(v));
}

/* Every interleaving of a few moves, by chance. */
static void test_eoi_at_random(void **state)
{
    u64 random = 88172645463325252ull;
    u32 depth = 0, in_memory = 0;

    (void)state;
    with_eoi();
    for (u32 i = 0; i < 200000; i++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        const u32 pick = (u32)(random >> 33);

        switch (pick % 8) {
        case 0: post((u8)(0x30 + pick / 8 % 0x80), pick >> 20 & 1); break;
        case 1: post((u8)(0x30 + pick / 8 % 0x80), false); break;
        case 2: assert_same(); break;
        case 3: write_eoi(); break; /* though it need not */
        case 4:
            vcpu_lapic_write(v, 0x80, pick >> 10 & 0x70, x.tsc); /* TPR */
            lapic_write(&plain, 0x80, pick >> 10 & 0x70, x.tsc);
            break;
        default:
            if (end())
                in_memory++;
            depth++;
        }
        enter();
    }
    assert_true(in_memory > 1000 && depth > in_memory);
    while (plain.isr[0] | plain.isr[1] | plain.isr[2] | plain.isr[3])
        end();
    enter();
    assert_same();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eoi_in_memory), cmocka_unit_test(test_eoi_nested),
        cmocka_unit_test(test_eoi_off),       cmocka_unit_test(test_eoi_and_halt),
        cmocka_unit_test(test_eoi_at_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
