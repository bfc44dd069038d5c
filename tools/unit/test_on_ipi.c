/* IPIs, and what INIT leaves: the messages among a guest's virtual processors. */
#include "vmm/vcpu_init.h"
#include "vmm/vcpu_irq.h"
#include "vmm/vm_end.h"
#include "vmm/wake.h"

#include "tools/unit/fake_guest.h"

/* INIT makes a processor wait; STARTUP lets it begin where its vector says, once. */
static void test_init_and_startup(void **state)
{
    const struct apic_message init = {.mode = DELIVER_INIT};
    struct apic_message startup = {.mode = DELIVER_STARTUP, .vector = 0x9a};

    (void)state;
    guest_new(LONG);
    v->id = 1; /* the bootstrap processor's INIT is another thing */
    lapic_reset(&v->lapic, 1);
    vcpu_send_message(v, &v->lapic,
                      &(struct apic_message){.mode = DELIVER_STARTUP, .destination = 1});
    vcpu_attend(v);
    assert_int_equal(now(GS_CS_BASE), 0); /* it does not wait for one */
    v->lapic.nmi = true;
    v->pending.info = EVENT_VALID;
    v->xcr0 = 7;
    fake_cpu.cr2 = 0x1234;
    for (u32 i = 0; i < 4; i++)
        fake_cpu.dr[i] = 0x1000 + i;
    fake_cpu.dr6 = 0xffff0ff1;
    vmcs(GS_PAT, 0x0407050600070106);
    vmcs(GS_SYSENTER_CS, 0x10), vmcs(GS_SYSENTER_ESP, 0x20), vmcs(GS_SYSENTER_EIP, 0x30);
    vmcs(GS_CR0_SHADOW, CR0_PE | CR0_ET | CR0_CD | CR0_NW);
    vcpu_send_message(v, &v->lapic, &(struct apic_message){.mode = init.mode, .destination = 1});
    vcpu_attend(v);
    assert_true(v->waits_for_sipi && v->asleep);
    assert_false(v->nmi_pending);
    assert_int_equal(v->pending.info, 0);
    assert_int_equal(v->xcr0, 7); /* INIT leaves extended state alone */
    assert_int_equal(fake_cpu.cr2, 0);
    for (u32 i = 0; i < 4; i++)
        assert_int_equal(fake_cpu.dr[i], 0);
    assert_int_equal(fake_cpu.dr6, DR6_INIT);
    assert_int_equal(now(GS_PAT), 0x0407050600070106); /* and MSRs */
    assert_int_equal(now(GS_SYSENTER_CS), 0x10);
    assert_int_equal(now(GS_SYSENTER_ESP), 0x20);
    assert_int_equal(now(GS_SYSENTER_EIP), 0x30);
    assert_int_equal(now(GS_CR0_SHADOW), CR0_ET | CR0_CD | CR0_NW);
    assert_int_equal(now(GS_EFER), 0);
    assert_int_equal(v->lapic.attention, 0);
    v->lapic.nmi = true; /* reaches nobody */
    vcpu_attend(v);
    assert_false(v->nmi_pending);
    startup.destination = 1;
    vcpu_send_message(v, &v->lapic, &startup);
    vcpu_attend(v);
    assert_false(v->waits_for_sipi || v->asleep);
    assert_int_equal(now(GS_CS_SEL), 0x9a00);
    assert_int_equal(now(GS_CS_BASE), 0x9a000);
    assert_int_equal(now(GS_RIP), 0);
    startup.vector = 0x12;
    vcpu_send_message(v, &v->lapic, &startup);
    vcpu_attend(v);
    assert_int_equal(now(GS_CS_SEL), 0x9a00); /* it runs already */
}

/* The bootstrap processor would begin in a firmware that is not there. */
static void test_init_of_the_first(void **state)
{
    (void)state;
    guest_new(LONG);
    lapic_reset(&v->lapic, 0);
    vcpu_send_message(v, &v->lapic, &(struct apic_message){.mode = DELIVER_INIT});
    vcpu_attend(v);
    assert_int_equal(vm.end, VM_END_REBOOT);
    assert_true(v->todo & TODO_END);
}

/* What is for another processor lies in its mailbox, and its CPU is told once. */
static void test_messages_to_others(void **state)
{
    static struct vcpu other;

    (void)state;
    guest_new(LONG);
    memset(&other, 0, sizeof(other));
    lapic_reset(&v->lapic, 0);
    lapic_reset(&other.lapic, 1);
    lapic_write(&other.lapic, 0xf0, 0x1ff, 0);
    other.vm = &vm;
    other.id = 1;
    vm.vcpu[vm.vcpus++] = &other;
    for (u32 i = 0; i < 2; i++)
        vcpu_send_message(v, &v->lapic, &(struct apic_message){.vector = 0x51, .destination = 1});
    assert_int_equal(fake_cpu.wakes, 1);
    assert_ptr_equal(fake_cpu.woken, &other);
    assert_int_equal(other.todo, TODO_MAIL);
    assert_int_equal(lapic_pending(&other.lapic), LAPIC_NO_VECTOR);
    assert_true(mail_take(&other.mail, &other.lapic));
    assert_int_equal(lapic_pending(&other.lapic), 0x51);
    assert_int_equal(lapic_pending(&v->lapic), LAPIC_NO_VECTOR);

    /* The lowest priority of all that are addressed: this one takes no interrupts. */
    vcpu_send_message(
        v, &v->lapic,
        &(struct apic_message){.vector = 0x61, .mode = DELIVER_LOWEST, .shorthand = APIC_TO_ALL});
    assert_true(mail_take(&other.mail, &other.lapic));
    assert_int_equal(lapic_pending(&other.lapic), 0x61);
    vm.vcpus = 1;
}

/* Where the processor keeps the task priority in a page, that is the one which counts. */
static void test_lowest_priority_by_the_page(void **state)
{
    static struct vcpu other;
    static u32 pages[2][1024];

    (void)state;
    guest_new(LONG);
    memset(&other, 0, sizeof(other));
    lapic_reset(&v->lapic, 0);
    lapic_reset(&other.lapic, 1);
    lapic_write(&v->lapic, 0xf0, 0x1ff, 0);
    lapic_write(&other.lapic, 0xf0, 0x1ff, 0);
    v->apic_page = pages[0];
    other.apic_page = pages[1];
    other.vm = &vm;
    other.id = 1;
    vm.vcpu[vm.vcpus++] = &other;
    for (u32 i = 0; i < 4; i++) {
        const bool to_other = i % 2;

        pages[0][0x80 / 4] = to_other ? 0x30 : 0x20;
        pages[1][0x80 / 4] = to_other ? 0x20 : 0x30;
        vcpu_send_message(v, &v->lapic,
                          &(struct apic_message){.vector = (u8)(0x61 + i),
                                                 .mode = DELIVER_LOWEST,
                                                 .shorthand = APIC_TO_ALL});
        assert_int_equal(mail_take(&other.mail, &other.lapic), to_other);
    }
    v->apic_page = NULL;
    vm.vcpus = 1;
}

/* By its own ID, not by a shorthand: with the next entry, whatever else happens. */
static void test_nmi_to_oneself(void **state)
{
    (void)state;
    guest_new(LONG);
    lapic_reset(&v->lapic, 0);
    lapic_write(&v->lapic, 0x310, 0, 0);
    lapic_write(&v->lapic, 0x300, 0x4400, 0);
    assert_true(v->lapic.attention);
    vcpu_attend(v);
    assert_true(v->nmi_pending);
    assert_false(v->lapic.attention);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init_and_startup),
        cmocka_unit_test(test_init_of_the_first),
        cmocka_unit_test(test_messages_to_others),
        cmocka_unit_test(test_lowest_priority_by_the_page),
        cmocka_unit_test(test_nmi_to_oneself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
