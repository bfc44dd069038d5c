/* The local APIC with a virtual-APIC page: posting, status, priorities and registers; then random
 * operations against the software model, with a processor here that delivers from the page. */
#include "lapic_regs.h"
#include "vmm/dev/lapic_page.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static lapic_page page;
static struct lapic l;

static int setup(void **state)
{
    (void)state;
    memset(page, 0xa5, sizeof(page));
    lapic_page_reset(page);
    l = fresh();
    return 0;
}

static u32 top;

static u32 posted(void)
{
    u32 count = 99;
    top = lapic_page_post(&l, page, &count);
    return count;
}

static void post(u8 vector)
{
    lapic_post(&l, vector);
    assert_int_equal(posted(), 1);
}

static bool pending(void)
{
    return lapic_page_pending(page, lapic_page_status(page));
}

/* What the processor does when it delivers RVI (SDM Vol. 3C, "Virtual-Interrupt Delivery"). */
static u32 deliver(void)
{
    const u32 vector = lapic_page_status(page) & 0xff;
    assert_true(pending());
    page[(IRR + vector / 32 * 16) / 4] &= ~BIT32(vector % 32);
    page[(ISR + vector / 32 * 16) / 4] |= BIT32(vector % 32);
    return vector;
}

static u32 rdp(u32 offset)
{
    return lapic_page_read(&l, page, offset, 0);
}

static void wrp(u32 offset, u32 value)
{
    lapic_page_write(&l, page, offset, value, 0);
}

static void test_post(void **state)
{
    (void)state;
    assert_int_equal(lapic_page_status(page), 0);
    assert_false(pending());
    assert_int_equal(posted(), 0);
    assert_int_equal(top, 0);
    for (u32 vector = 16; vector < 256; vector++) {
        (void)setup(NULL);
        post((u8)vector);
        assert_int_equal(top, vector);
        assert_int_equal(page[(IRR + vector / 32 * 16) / 4], BIT32(vector % 32));
        assert_int_equal(lapic_page_status(page), vector);
        assert_true(pending());
        assert_int_equal(lapic_pending(&l), LAPIC_NO_VECTOR);
        assert_int_equal(deliver(), vector);
        assert_int_equal(lapic_page_status(page), vector << 8);
        assert_int_equal(rdp(PPR), vector & 0xf0);
        wrp(EOI, 0);
        assert_int_equal(lapic_page_status(page), 0);
    }
    for (u32 vector = 16; vector < 256; vector++)
        lapic_post(&l, (u8)vector);
    assert_int_equal(posted(), 240);
    assert_int_equal(top, 255);
    assert_int_equal(lapic_page_status(page), 255);
}

static void test_registers(void **state)
{
    (void)state;
    wrp(TPR, 0xffffff35);
    assert_int_equal(page[TPR / 4], 0x35);
    assert_int_equal(rdp(TPR), 0x35);
    assert_int_equal(rdp(PPR), 0x35);
    page[ICR_LOW / 4] = 0xffffffff; /* the processor stores what the guest wrote */
    assert_int_equal(rdp(ICR_LOW), 0xccfff);
    wrp(ICR_LOW, SELF | 0x51);
    assert_int_equal(rdp(ICR_LOW), SELF | 0x51);
    assert_int_equal(rdp(IRR + 0x20), 1u << 0x11); /* also before it is posted */
    assert_int_equal(posted(), 1);
    assert_int_equal(rdp(IRR + 0x20), 1u << 0x11);
    (void)deliver();
    assert_int_equal(rdp(ISR + 0x20), 1u << 0x11);
    assert_int_equal(rdp(IRR + 0x20), 0);
    assert_int_equal(rdp(ID), 3u << 24);
    assert_int_equal(rdp(VERSION), 0x00050014);
    assert_int_equal(rdp(ISR + 0x21), 0);
    wrp(THERMAL, 0x31);
    assert_int_equal(rdp(THERMAL), 0x31);
    assert_int_equal(page[THERMAL / 4], 0); /* the page holds no more than it has to */
}

/* An EOI that exited for another reason than its level. */
static void test_eoi(void **state)
{
    (void)state;
    lapic_message(&l, &(struct apic_message){.vector = 0x45, .level = true});
    lapic_message(&l, &(struct apic_message){.vector = 0x99});
    assert_int_equal(posted(), 2);
    assert_int_equal(deliver(), 0x99);
    assert_false(pending());
    wrp(EOI, 0);
    assert_int_equal(l.eoi, LAPIC_NO_VECTOR);
    assert_int_equal(deliver(), 0x45);
    assert_int_equal(rdp(TMR + 0x20), 1u << 5);
    wrp(EOI, 0);
    assert_int_equal(l.eoi, 0x45);
    assert_int_equal(lapic_page_status(page), 0);
    l.eoi = LAPIC_NO_VECTOR;
    wrp(EOI, 0); /* nothing in service */
    assert_int_equal(l.eoi, LAPIC_NO_VECTOR);
}

/* The same operations on a local APIC without a page: what can be seen is the same. */
static void test_against_the_software_model(void **state)
{
    (void)state;
    struct lapic soft = fresh();
    srand(99);
    for (unsigned i = 0; i < 1000000; i++) {
        const u32 value = (u32)rand() & 0xff;
        switch (rand() % 5) {
        case 0:
            lapic_post(&soft, (u8)value);
            lapic_post(&l, (u8)value);
            break;
        case 1:
            wr(&soft, TPR, value % 3 ? value % 64 : value);
            wrp(TPR, value % 3 ? value % 64 : value);
            break;
        case 2:
            wr(&soft, EOI, 0);
            wrp(EOI, 0);
            break;
        case 3:
            wr(&soft, ICR_LOW, SELF | value);
            wrp(ICR_LOW, SELF | value);
            break;
        default:
            (void)posted();
            assert_int_equal(pending(), lapic_pending(&soft) != LAPIC_NO_VECTOR);
            if (pending())
                assert_int_equal(deliver(), lapic_ack(&soft));
            break;
        }
        assert_int_equal(rdp(PPR), rd(&soft, PPR));
        assert_int_equal(rdp(TPR), rd(&soft, TPR));
        assert_int_equal(rdp(ICR_LOW), rd(&soft, ICR_LOW));
        for (u32 word = 0; word < 8; word++) {
            assert_int_equal(rdp(ISR + word * 16), rd(&soft, ISR + word * 16));
            assert_int_equal(rdp(IRR + word * 16), rd(&soft, IRR + word * 16));
        }
    }
}

static u64 rdx(u32 msr)
{
    u64 value = 0;
    assert_int_equal(lapic_page_msr_read(&l, page, msr, &value, 0), OK);
    return value;
}

static err_t wrx(u32 msr, u64 value)
{
    return lapic_page_msr_write(&l, page, msr, value, 0);
}

/* The page goes on into x2APIC mode, but for ICR; off, it is empty. */
static void test_modes(void **state)
{
    u64 value;
    (void)state;
    assert_int_equal(lapic_page_msr_read(&l, page, 0x808, &value, 0), E_INVAL);
    assert_int_equal(wrx(0x808, 0), E_INVAL);
    wrp(TPR, 0x30);
    page[ICR_LOW / 4] = 0xffffffff; /* by the processor: an interrupt to itself */
    post(0x71);
    assert_int_equal(deliver(), 0x71);
    assert_int_equal(lapic_page_write_base(&l, page, 0xfee00400, 0), E_INVAL);
    assert_int_equal(lapic_page_write_base(&l, page, 0xfee00c00, 0), OK);
    assert_int_equal(rdx(0x808), 0x30);
    assert_int_equal(rdx(0x80a), 0x70);
    assert_int_equal(rdx(0x813), 1 << 0x11);
    assert_int_equal(rdx(0x830), 0xccfff);
    assert_int_equal(wrx(0x830, 0x500000000 | 0x31), OK);
    assert_int_equal(rdx(0x830), 0x500000031);
    assert_int_equal(page[ICR_LOW / 4], 0xffffffff);
    assert_int_equal(wrx(0x80b, 1), E_INVAL);
    assert_int_equal(lapic_page_status(page), 0x7100);
    assert_int_equal(wrx(0x80b, 0), OK);
    assert_int_equal(lapic_page_status(page), 0);
    assert_int_equal(wrx(0x808, 0x100), E_INVAL);
    assert_int_equal(wrx(0x808, 0x45), OK);
    assert_int_equal(page[TPR / 4], 0x45);
    assert_int_equal(lapic_page_candidate(&l, page), 0x45);
    assert_int_equal(wrx(0x83f, 0x52), OK);
    assert_int_equal(rdx(0x822), 1 << 0x12); /* also before it is posted */
    assert_int_equal(posted(), 1);
    assert_int_equal(rdx(0x822), 1 << 0x12);
    assert_int_equal(lapic_page_msr_read(&l, page, 0x83f, &value, 0), E_INVAL);
    assert_int_equal(lapic_page_write_base(&l, page, 0xfee00c00, 0), OK); /* nothing new */
    assert_int_equal(page[TPR / 4], 0x45);
    assert_int_equal(lapic_page_write_base(&l, page, 0xfee00000, 0), OK);
    assert_int_equal(page[TPR / 4] | lapic_page_status(page), 0);
    assert_int_equal(lapic_page_candidate(&l, page), LAPIC_NO_CANDIDATE);
    assert_int_equal(lapic_page_write_base(&l, page, 0xfee00800, 0), OK);
    assert_int_equal(rdp(ICR_LOW), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_post, setup),
        cmocka_unit_test_setup(test_registers, setup),
        cmocka_unit_test_setup(test_eoi, setup),
        cmocka_unit_test_setup(test_modes, setup),
        cmocka_unit_test_setup(test_against_the_software_model, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
