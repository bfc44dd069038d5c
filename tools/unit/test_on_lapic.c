/* The local APIC and the I/O APIC as MMIO: which accesses reach a register, and what makes the run
 * loop look. */
#include "vmm/dev/lapic_page.h"
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

/* ---- with a virtual-APIC page ---- */

static lapic_page page;

static void with_page(void)
{
    mapped(LONG);
    lapic_reset(&v->lapic, 0);
    lapic_page_reset(page);
    v->apic_page = page;
    v->deadline = ~0ull;
    v->irq_planned = v->extint_planned = false;
    memset(v->eoi_exits, 0, sizeof(v->eoi_exits));
    v->todo = 0;
}

static enum verdict apic_access(u64 offset, u64 type)
{
    x.reason = EXIT_APIC_ACCESS;
    x.qual = type << 12 | offset;
    x.gla = x.gpa.v = 0xdead; /* the processor does not say */
    return on_apic_access(v, &x);
}

static void test_posting(void **state)
{
    (void)state;
    with_page();
    vcpu_post_interrupts(v);
    assert_int_equal(fake_cpu.status_writes, 0); /* nothing new: no VMWRITE */
    lapic_post(&v->lapic, 0x71);
    assert_true(vcpu_irq_pending(v));
    assert_true(vcpu_irq_wakes(v));
    assert_int_equal(fake_cpu.interrupt_status, 0x71);
    assert_int_equal(fake_cpu.eoi_exit_writes, 0);
    assert_false(vcpu_irq_pending(v)); /* it is the processor's by now */
    assert_true(vcpu_irq_wakes(v));
    page[0x80 / 4] = 0x70;
    assert_false(vcpu_irq_wakes(v)); /* held back by the TPR */
    lapic_message(&v->lapic, &(struct apic_message){.vector = 0x45, .level = true});
    vcpu_post_interrupts(v);
    assert_int_equal(fake_cpu.eoi_exits[1], BIT(5));
    assert_int_equal(fake_cpu.eoi_exit_writes, 1);
    lapic_post(&v->lapic, 0x46);
    vcpu_post_interrupts(v);
    assert_int_equal(fake_cpu.eoi_exit_writes, 1);
    lapic_post(&v->lapic, 0x45); /* an edge by now */
    vcpu_post_interrupts(v);
    assert_int_equal(fake_cpu.eoi_exits[1], 0);
    assert_int_equal(fake_cpu.interrupt_status, 0x71);
    v->apic_page = NULL;
}

static void test_apic_access(void **state)
{
    (void)state;
    with_page();
    code(CODE("\x89\x03"));
    r[RAX] = 0x10052;
    assert_int_equal(apic_access(0x330, 1), RESUME);
    assert_int_equal(now(GS_RIP), RIP + 2);
    assert_int_equal(v->lapic.lvt[LVT_THERMAL], 0x10052);
    code(CODE("\x8b\x03"));
    vmcs(GS_RIP, RIP);
    r[RAX] = 0;
    assert_int_equal(apic_access(0x330, 0), RESUME);
    assert_int_equal(r[RAX], 0x10052);
    code(CODE("\xf3\xab")); /* rep stosd: to where RDI leads */
    vmcs(GS_RIP, RIP);
    r[RDI] = LAPIC_BASE + 0x330, r[RCX] = 1, r[RAX] = 0x10053;
    assert_int_equal(apic_access(0x330, 1), RESUME);
    assert_int_equal(v->lapic.lvt[LVT_THERMAL], 0x10053);
    assert_int_equal(r[RCX], 0);
    vmcs(GS_RIP, RIP);
    for (u64 type = 2; type < 16; type++) /* fetches, event delivery, physical ones */
        assert_int_equal(apic_access(0x330, type), KILL);
    code(CODE("\x89\x03"));
    assert_int_equal(apic_access(0xffe, 1), KILL); /* it ends in another page */
    x.idt_info = 0x80000020;
    assert_int_equal(apic_access(0x330, 1), KILL);
    x.idt_info = 0;
    x.reason = EXIT_EPT_VIOLATION;
    v->apic_page = NULL;
}

static void test_apic_write_and_eoi(void **state)
{
    (void)state;
    with_page();
    page[0x300 / 4] = 0x31; /* to physical ID 0: oneself, but no self-IPI to the processor */
    x.qual = 0x300;
    assert_int_equal(on_apic_write(v, &x), RESUME);
    assert_int_equal(v->todo, TODO_BOARD);
    vcpu_attend(v); /* as the run loop does, then */
    assert_true(vcpu_irq_wakes(v));
    assert_int_equal(fake_cpu.interrupt_status, 0x31);
    assert_true(unchanged()); /* the instruction was done before the exit */
    v->todo = 0;
    board_ioapic_write(&v->vm->board, 0, 0x10 + 2 * 9);
    board_ioapic_write(&v->vm->board, 0x10, 0x8039);
    ioapic_toggle(&v->vm->board.ioapic, 9);
    vcpu_take_messages(v);
    assert_int_equal(v->vm->board.ioapic.remote_irr, BIT32(9));
    x.qual = 0x39;
    assert_int_equal(on_virtualized_eoi(v, &x), RESUME);
    assert_int_equal(v->vm->board.ioapic.remote_irr, 0);
    assert_int_equal(v->todo, TODO_BOARD);
    assert_int_equal(v->vm->board.deadline, 0); /* the line is still high: again */
    v->apic_page = NULL;
    assert_int_equal(on_apic_write(v, &x), KILL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_local_apic),
        cmocka_unit_test(test_io_apic),
        cmocka_unit_test(test_posting),
        cmocka_unit_test(test_apic_access),
        cmocka_unit_test(test_apic_write_and_eoi),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
