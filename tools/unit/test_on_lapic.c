/* The local APIC and the I/O APIC as MMIO: which accesses reach a register, and what makes the run
 * loop look. */
#include "vmm/vcpu_irq.h"

#include "tools/unit/mmio_guest.h"

static void lapic_store(u32 offset, u32 value, u32 *todo)
{
    mapped(LONG);
    lapic_reset(&v->lapic, 0);
    v->irq_planned = false;
    v->deadline = ~0ull;
    code(CODE("\x89\x03"));
    r[RAX] = value;
    v->todo = 0;
    assert_int_equal(violation(LAPIC_BASE + offset, WRITE | LINEAR), RESUME);
    *todo = (u32)v->todo;
}

static void test_local_apic(void **state)
{
    u32 todo;

    (void)state;
    lapic_store(0x80, 0x35, &todo); /* TPR */
    assert_int_equal(v->lapic.tpr, 0x35);
    assert_int_equal(todo, 0);
    code(CODE("\x8b\x03"));
    vmcs(GS_RIP, RIP);
    exited();
    assert_int_equal(violation(LAPIC_BASE + 0x80, READ | LINEAR), RESUME);
    assert_int_equal(r[RAX], 0x35);
    code(CODE("\x8a\x03")); /* one byte of a register */
    exited();
    assert_int_equal(violation(LAPIC_BASE + 0x32, READ | LINEAR), RESUME);
    assert_int_equal(r[RAX] & 0xff, 0x05);
    lapic_store(0x82, 0x77, &todo); /* not a register */
    assert_int_equal(v->lapic.tpr, 0);
    lapic_store(0x300, 0x40031, &todo); /* an IPI to itself */
    assert_int_equal(todo, TODO_BOARD);
    assert_int_equal(lapic_pending(&v->lapic), 0x31);
    mapped(LONG); /* the timer moves the next deadline */
    lapic_reset(&v->lapic, 0);
    v->lapic.lvt[LVT_TIMER] = 0x40;
    v->deadline = fake_cpu.tsc + 1000000;
    code(CODE("\x89\x03"));
    r[RAX] = 100;
    v->todo = 0;
    assert_int_equal(violation(LAPIC_BASE + 0x380, WRITE | LINEAR), RESUME);
    assert_int_equal(v->todo, TODO_BOARD);
    assert_true(v->lapic.deadline - fake_cpu.tsc <= 200);
}

static u64 ioapic_store(u32 offset, u32 value)
{
    code(CODE("\x89\x03"));
    vmcs(GS_RIP, RIP);
    r[RAX] = value;
    v->todo = 0;
    assert_int_equal(violation(IOAPIC_BASE + offset, WRITE | LINEAR), RESUME);
    return v->todo;
}

/* From a line of the board to IRR, and from the EOI back. */
static void test_io_apic(void **state)
{
    (void)state;
    mapped(LONG);
    lapic_reset(&v->lapic, 0);
    v->deadline = ~0ull;
    assert_int_equal(ioapic_store(0, 0x10 + 2 * 9), 0);
    assert_int_equal(ioapic_store(0x10, 0x8039), 0); /* level, vector 0x39 */
    ioapic_toggle(&v->vm->board.ioapic, 9);
    assert_int_equal(ioapic_store(0x10, 0x8039), TODO_BOARD);
    code(CODE("\x8b\x03"));
    vmcs(GS_RIP, RIP);
    assert_int_equal(violation(IOAPIC_BASE + 0x10, READ | LINEAR), RESUME);
    assert_int_equal(r[RAX], 0x9039); /* waiting */
    vcpu_take_messages(v);
    assert_int_equal(lapic_ack(&v->lapic), 0x39);
    assert_true(v->vm->board.ioapic.remote_irr & BIT32(9));
    ioapic_toggle(&v->vm->board.ioapic, 9);
    code(CODE("\x89\x03"));
    vmcs(GS_RIP, RIP);
    v->todo = 0;
    assert_int_equal(violation(LAPIC_BASE + 0xb0, WRITE | LINEAR), RESUME);
    assert_int_equal(v->vm->board.ioapic.remote_irr, 0);
    assert_int_equal(v->todo, TODO_BOARD);
    assert_int_equal(v->lapic.eoi, LAPIC_NO_VECTOR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_local_apic),
        cmocka_unit_test(test_io_apic),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
