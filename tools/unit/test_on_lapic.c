/* The local APIC and the I/O APIC as MMIO: which accesses reach a register, and what makes the run
 * loop look. */
#include "vmm/dev/lapic_page.h"
#include "vmm/vcpu_init.h"
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
    assert_int_equal(todo, TODO_EVENT); /* no device has to be looked at for that */
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
    assert_int_equal(v->todo, TODO_EVENT);
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

/* ---- x2APIC mode ---- */

#define BASE_XAPIC  0xfee00900ull
#define BASE_X2APIC 0xfee00d00ull
#define BASE_OFF    0xfee00100ull

static enum verdict wrmsr_of(u32 msr, u64 value)
{
    r[RCX] = msr, r[RAX] = (u32)value, r[RDX] = value >> 32;
    return on_wrmsr(v, &x);
}

static enum verdict rdmsr_of(u32 msr, u64 *value)
{
    r[RCX] = msr;
    const enum verdict verdict = on_rdmsr(v, &x);

    *value = r[RDX] << 32 | (u32)r[RAX];
    return verdict;
}

/* By the software model alone. */
static void test_x2apic_without_a_page(void **state)
{
    u64 value;

    (void)state;
    msr_policy_init();
    mapped(LONG);
    lapic_reset(&v->lapic, 0);
    msr_held_reset(v->msr_held);
    v->deadline = ~0ull;
    v->irq_planned = false;
    v->todo = 0;
    fake_cpu.apic_shows = 0;
    assert_int_equal(wrmsr_of(0x808, 0), FAULT_GP); /* xAPIC mode has none */
    assert_int_equal(rdmsr_of(0x802, &value), FAULT_GP);
    assert_int_equal(wrmsr_of(0x1b, BASE_X2APIC | BIT(9)), FAULT_GP);
    assert_int_equal(wrmsr_of(0x1b, BASE_XAPIC), NEXT);
    assert_int_equal(v->todo, 0);
    assert_int_equal(wrmsr_of(0x1b, BASE_X2APIC), NEXT);
    assert_int_equal(v->todo, TODO_BOARD);
    assert_int_equal(rdmsr_of(0x1b, &value), NEXT);
    assert_int_equal(value, BASE_X2APIC);
    assert_int_equal(wrmsr_of(0x1b, BASE_XAPIC), FAULT_GP);
    assert_int_equal(rdmsr_of(0x803, &value), NEXT);
    assert_int_equal(value, 0x50014);
    assert_int_equal(rdmsr_of(0x80b, &value), FAULT_GP);
    v->todo = 0;
    assert_int_equal(wrmsr_of(0x83f, 0x55), NEXT);
    assert_int_equal(v->todo, TODO_EVENT);
    assert_int_equal(lapic_ack(&v->lapic), 0x55);
    v->todo = 0;
    assert_int_equal(wrmsr_of(0x80b, 0), NEXT);
    assert_int_equal(wrmsr_of(0x80b, 1), FAULT_GP);
    assert_int_equal(v->todo, 0);
    assert_int_equal(wrmsr_of(0x830, 0x66), NEXT); /* to physical ID 0: oneself */
    assert_int_equal(v->todo, TODO_EVENT);
    assert_int_equal(lapic_ack(&v->lapic), 0x66);
    v->todo = 0;
    assert_int_equal(wrmsr_of(0x830, 1ull << 32 | 0x66), NEXT); /* to nobody */
    assert_int_equal(v->todo, 0);
    code(CODE("\x8b\x03")); /* the page does not answer */
    vmcs(GS_RIP, RIP);
    exited();
    assert_int_equal(violation(LAPIC_BASE + 0x30, READ | LINEAR), RESUME);
    assert_int_equal(r[RAX], 0xffffffff);
    code(CODE("\x89\x03"));
    vmcs(GS_RIP, RIP);
    r[RAX] = 0x35;
    assert_int_equal(violation(LAPIC_BASE + 0x80, WRITE | LINEAR), RESUME);
    assert_int_equal(v->lapic.tpr, 0);
    assert_int_equal(fake_cpu.apic_shows, 0); /* there is no page */
}

static void test_switched_off(void **state)
{
    u64 value;

    (void)state;
    mapped(LONG);
    lapic_reset(&v->lapic, 0);
    msr_held_reset(v->msr_held);
    lapic_post(&v->lapic, 0x55);
    assert_int_equal(wrmsr_of(0x1b, BASE_OFF), NEXT);
    assert_int_equal(rdmsr_of(0x1b, &value), NEXT);
    assert_int_equal(value, BASE_OFF);
    assert_false(lapic_has_requests(&v->lapic));
    assert_true(lapic_takes_extint(&v->lapic));
    code(CODE("\x8b\x03"));
    vmcs(GS_RIP, RIP);
    exited();
    assert_int_equal(violation(LAPIC_BASE + 0x30, READ | LINEAR), RESUME);
    assert_int_equal(r[RAX], 0xffffffff);
    assert_int_equal(wrmsr_of(0x1b, BASE_X2APIC), FAULT_GP);
    assert_int_equal(wrmsr_of(0x1b, BASE_XAPIC), NEXT);
    assert_int_equal(v->lapic.svr, 0xff);
    assert_false(lapic_takes_extint(&v->lapic));
}

static void test_page_follows_the_mode(void **state)
{
    u64 value;

    (void)state;
    with_page();
    msr_held_reset(v->msr_held);
    v->vmx.cpu2 = 0x1010ea;
    v->vmx.msr_bitmap.v = 0x1000, v->vmx.x2apic_msr_bitmap.v = 0x2000;
    page[0x80 / 4] = 0x20;
    lapic_message(&v->lapic, &(struct apic_message){.vector = 0x45, .level = true});
    vcpu_post_interrupts(v);
    assert_int_equal(fake_cpu.eoi_exits[1], BIT(5));
    assert_int_equal(wrmsr_of(0x1b, BASE_X2APIC), NEXT);
    assert_int_equal(fake_cpu.cpu2_controls, 0x1012fa);
    assert_int_equal(fake_cpu.msr_bitmap, 0x2000);
    assert_false(fake_cpu.apic_shown);
    assert_int_equal(fake_cpu.interrupt_status, 0x45); /* what is requested stays */
    assert_int_equal(rdmsr_of(0x808, &value), NEXT);
    assert_int_equal(value, 0x20);
    assert_int_equal(rdmsr_of(0x822, &value), NEXT);
    assert_int_equal(value, BIT(5));
    page[0x3f0 / 4] = 0x05; /* the processor leaves an illegal self-IPI to us */
    x.qual = 0x3f0;
    assert_int_equal(on_apic_write(v, &x), RESUME);
    assert_int_equal(wrmsr_of(0x828, 0), NEXT);
    assert_int_equal(rdmsr_of(0x828, &value), NEXT);
    assert_int_equal(value, 0x60);
    assert_int_equal(wrmsr_of(0x1b, BASE_OFF), NEXT);
    assert_int_equal(fake_cpu.cpu2_controls, 0x1012ea);
    assert_int_equal(fake_cpu.msr_bitmap, 0x1000);
    assert_int_equal(fake_cpu.interrupt_status, 0);
    assert_int_equal(fake_cpu.eoi_exits[1], 0);
    assert_int_equal(page[0x80 / 4], 0);
    assert_false(fake_cpu.apic_shown);
    assert_int_equal(wrmsr_of(0x1b, BASE_XAPIC), NEXT);
    assert_int_equal(fake_cpu.cpu2_controls, 0x1012eb);
    assert_true(fake_cpu.apic_shown);
    const u32 shows = fake_cpu.apic_shows;
    assert_int_equal(wrmsr_of(0x1b, BASE_XAPIC), NEXT);
    assert_int_equal(fake_cpu.apic_shows, shows);
    v->apic_page = NULL;
}

/* The 8259s are set up, and IRQ 0 rises. */
static void raise_irq0(struct vcpu *vcpu)
{
    struct pic_pair *p = &vcpu->vm->board.pic;

    pic_reset(p);
    pic_write(p, 0x20, 0x11), pic_write(p, 0x21, 0x20), pic_write(p, 0x21, 4),
        pic_write(p, 0x21, 1);
    pic_write(p, 0x21, 0xfe);
    pic_toggle(p, 0);
}

/* The I/O APIC's ExtINT messages let one vector of the 8259s in. */
static void test_extint_message(void **state)
{
    (void)state;
    mapped(LONG);
    lapic_reset(&v->lapic, 0);
    v->lapic.lvt[LVT_LINT0] = 0x10700;
    assert_false(lapic_takes_extint(&v->lapic));
    vcpu_send_message(v, NULL, &(struct apic_message){.mode = DELIVER_EXTINT});
    assert_true(lapic_takes_extint(&v->lapic));
    assert_false(vcpu_extint_pending(v)); /* nothing asks */
    raise_irq0(v);
    assert_true(vcpu_extint_pending(v));
    assert_int_equal(vcpu_irq_ack(v), 0x20);
    assert_false(lapic_takes_extint(&v->lapic)); /* one it was */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_local_apic),
        cmocka_unit_test(test_io_apic),
        cmocka_unit_test(test_posting),
        cmocka_unit_test(test_apic_access),
        cmocka_unit_test(test_apic_write_and_eoi),
        cmocka_unit_test(test_x2apic_without_a_page),
        cmocka_unit_test(test_switched_off),
        cmocka_unit_test(test_page_follows_the_mode),
        cmocka_unit_test(test_extint_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
