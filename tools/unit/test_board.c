/* The board as a guest sees it, through its ports: the wiring of lines and deadlines, split
 * accesses, the ways to end, the small devices, and whole sequences of Linux's drivers. */
#include "abi/ledger.h"
#include "vmm/board.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HZ 10000000ull

static struct board b;
static char sent[64];
static size_t sent_len, room_left;

static void tx(void *ctx, u8 byte)
{
    assert_ptr_equal(ctx, sent);
    assert_true(room_left > 0);
    room_left--;
    if (sent_len < sizeof(sent))
        sent[sent_len++] = (char)byte;
}

static bool tx_room(void *ctx)
{
    assert_ptr_equal(ctx, sent);
    return room_left > 0;
}

static int setup(void **state)
{
    (void)state;
    const struct board_host host = {.ctx = sent, .tx = tx, .tx_room = tx_room};
    sent_len = 0;
    room_left = ~0ul;
    board_init(&b, &host, HZ, 0, 1700000000, 256 * MiB, 0xf4);
    return 0;
}

static u32 in(u16 port, u8 size, u64 now)
{
    u32 value = 0;
    (void)board_port_read(&b, port, size, now, &value);
    return value;
}

static void out(u16 port, u8 size, u32 value, u64 now)
{
    (void)board_port_write(&b, port, size, value, now);
}

static void init_pics(void)
{
    static const u16 seq[][2] = {{0x20, 0x11}, {0x21, 0x30}, {0x21, 0x04}, {0x21, 0x01},
                                 {0xa0, 0x11}, {0xa1, 0x38}, {0xa1, 0x02}, {0xa1, 0x01}};
    for (size_t i = 0; i < ARRAY_LEN(seq); i++)
        out(seq[i][0], 1, seq[i][1], 0);
}

static void test_timer_interrupt(void **state)
{
    (void)state;
    init_pics();
    assert_true(b.deadline == CLOCK_NEVER);
    out(0x43, 1, 0x34, 0);
    if (b.pic.intr) /* OUT0 went high with the mode: hardware does that too */
        assert_int_equal(board_irq_ack(&b), 0x30), out(0x20, 1, 0x60, 0);
    out(0x40, 1, 11932 & 0xff, 0);
    out(0x40, 1, 11932 >> 8, 0);
    u64 n = 0;
    while (b.deadline < HZ) {
        const u64 due = b.deadline;
        board_tick(&b, due - 1);
        assert_false(board_irq_pending(&b)); /* not a tick early */
        board_tick(&b, due);
        assert_true(board_irq_pending(&b));
        assert_true(b.deadline > due);
        assert_int_equal(board_irq_ack(&b), 0x30);
        assert_false(board_irq_pending(&b));
        out(0x20, 1, 0x60, due);
        n++;
    }
    assert_in_range(n, 99, 100);
    board_tick(&b, 10 * HZ); /* late by 900 periods: one interrupt */
    assert_int_equal(board_irq_ack(&b), 0x30);
    out(0x20, 1, 0x60, 10 * HZ);
    board_tick(&b, 10 * HZ);
    assert_false(board_irq_pending(&b));
}

static void test_rtc_interrupt(void **state)
{
    (void)state;
    init_pics();
    out(0x70, 2, 0x420b, 0); /* one word to 0x70: index 0x0b, data 0x42: PIE */
    assert_int_equal(in(0x71, 1, 0), 0x42);
    assert_in_range(b.deadline, HZ / 1024, HZ / 1024 + 1);
    board_tick(&b, b.deadline);
    assert_int_equal(board_irq_ack(&b), 0x38);
    out(0xa0, 1, 0x60, 20000);
    out(0x20, 1, 0x62, 20000);
    assert_false(board_irq_pending(&b)); /* its line is still high, and it is edge-triggered */
    assert_true(b.deadline == CLOCK_NEVER);
    out(0x70, 1, 0x0c, 20000);
    assert_int_equal(in(0x71, 1, 20000) & 0xc0, 0xc0);
    assert_true(b.deadline > 20000 && b.deadline != CLOCK_NEVER);
    board_tick(&b, b.deadline);
    assert_true(board_irq_pending(&b));
}

static void test_console(void **state)
{
    (void)state;
    init_pics();
    out(0x3fa, 1, 1, 0);
    out(0x3fc, 1, 8, 0);
    for (const char *s = "Linux"; *s; s++) {
        assert_int_equal(in(0x3fd, 1, 0), 0x60);
        out(0x3f8, 1, (u8)*s, 0);
    }
    assert_memory_equal(sent, "Linux", 5);
    out(0x3f9, 1, 3, 0); /* transmitter empty: an interrupt at once */
    assert_int_equal(board_irq_ack(&b), 0x34);
    assert_int_equal(in(0x3fa, 1, 0), 0xc2);
    out(0x20, 1, 0x64, 0);
    assert_false(board_irq_pending(&b));
    room_left = 2; /* the host's UART is busy: the rest waits in the FIFO */
    out(0x3f8, 1, 'a', 0);
    out(0x3f8, 1, 'b', 0);
    (void)in(0x3fa, 1, 0);
    out(0x3f8, 1, 'c', 0);
    assert_int_equal(in(0x3fd, 1, 0), 0);
    assert_int_equal(sent_len, 7);
    board_console_drained(&b, 0);
    assert_int_equal(sent_len, 7);
    room_left = 100;
    board_console_drained(&b, 0);
    assert_int_equal(sent_len, 8);
    assert_int_equal(in(0x3fd, 1, 0), 0x60);
    assert_true(board_irq_pending(&b));
    (void)in(0x3fa, 1, 0);
    assert_false(board_irq_pending(&b)); /* the line fell before the acknowledgement */
    assert_true(board_console_room(&b));
    board_console_input(&b, 'q');
    assert_int_equal(board_irq_ack(&b), 0x34);
    assert_int_equal(in(0x3f8, 1, 0), 'q');
    for (unsigned i = 0; i < 16; i++)
        board_console_input(&b, 'x');
    assert_false(board_console_room(&b));
}

static void test_endings(void **state)
{
    static const struct {
        u16 port;
        u8 size;
        u32 first, value;
        enum board_wish wish;
    } cases[] = {
        {0x604, 2, 0x1400, 0x3400, BOARD_POWER_OFF}, /* acpi_hw_legacy_sleep(): type, then enable */
        {0x605, 1, 0, 0x34, BOARD_POWER_OFF},
        {0x604, 2, 0x1400, 0x3000, BOARD_NOTHING}, /* SLP_TYP 4 is no state of this machine */
        {0x604, 2, 0, 0x1400, BOARD_NOTHING},      /* no SLP_EN */
        {0xcf9, 1, 0x02, 0x06, BOARD_RESET},       /* native_machine_emergency_restart(): CF9 */
        {0xcf9, 1, 0, 0x0e, BOARD_RESET},
        {0xcf9, 1, 0, 0x0a, BOARD_NOTHING},
        {0x64, 1, 0xae, 0xfe, BOARD_RESET}, /* mach_reboot_fixups, keyboard pulse */
        {0x64, 1, 0, 0xff, BOARD_NOTHING},
        {0x64, 1, 0, 0xf1, BOARD_NOTHING},
        {0x92, 1, 0, 0x01, BOARD_RESET},
        {0x92, 1, 0, 0x02, BOARD_NOTHING},
        {0xf4, 1, 0x31, 0x42, BOARD_DEBUG_EXIT},
        {0xf4, 4, 0x31, 0x42, BOARD_DEBUG_EXIT},
        {0xf5, 1, 0, 0x42, BOARD_NOTHING},
        {0x80, 1, 0, 0xff, BOARD_NOTHING},
        {0x606, 2, 0, 0xffff, BOARD_NOTHING},
        {0x600, 4, 0, 0xffffffff, BOARD_NOTHING},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        setup(state);
        out(cases[i].port, cases[i].size, cases[i].first, 0);
        out(cases[i].port, cases[i].size, cases[i].value, 0);
        assert_int_equal(b.wish, cases[i].wish);
        if (b.wish == BOARD_DEBUG_EXIT)
            assert_int_equal(b.wish_value, 0x31); /* the first wish stands */
        board_reset(&b, 0);
        assert_int_equal(b.wish, BOARD_NOTHING);
    }
    setup(state);
    b.debug_exit_port = 0;
    assert_false(board_port_write(&b, 0, 1, 1, 0)); /* port 0 means: none */
    assert_int_equal(b.wish, BOARD_NOTHING);
    out(0x64, 1, 0xd1, 0); /* the reset line as a bit of the output port */
    out(0x60, 1, 0x01, 0);
    assert_int_equal(b.wish, BOARD_NOTHING);
    out(0x64, 1, 0xd0, 0);
    assert_int_equal(in(0x60, 1, 0), 0x01);
    out(0x64, 1, 0xd1, 0);
    out(0x64, 1, 0xae, 0); /* another command instead of the byte */
    out(0x60, 1, 0x00, 0);
    assert_int_equal(b.wish, BOARD_NOTHING);
    out(0x64, 1, 0xd1, 0);
    out(0x60, 1, 0x02, 0);
    assert_int_equal(b.wish, BOARD_RESET);
}

static u32 marks[8], mark_count;

static void note_mark(void *ctx, u32 value)
{
    assert_ptr_equal(ctx, sent);
    marks[mark_count++] = value;
}

/* The ledger's port is there for guests that may use it, and only to be written. */
static void test_ledger_port(void **state)
{
    setup(state);
    assert_false(board_port_write(&b, LEDGER_PORT, 1, 0x10, 0));
    b.host.mark = note_mark;
    mark_count = 0;
    assert_true(board_port_write(&b, LEDGER_PORT, 1, 0x10, 0));
    assert_true(board_port_write(&b, LEDGER_PORT, 2, 0x0590, 0));
    assert_true(board_port_write(&b, LEDGER_PORT, 4, 0xfffffe90, 0));
    assert_int_equal(mark_count, 3);
    assert_int_equal(marks[0], 0x10);
    assert_int_equal(marks[1], 0x590);
    assert_int_equal(marks[2], 0xfffffe90);
    assert_false(board_port_write(&b, LEDGER_PORT - 1, 4, 0x10101010, 0)); /* lies over it */
    assert_false(board_port_write(&b, LEDGER_PORT + 1, 1, 0x10, 0));
    assert_int_equal(in(LEDGER_PORT, 1, 0), 0xff);
    assert_int_equal(mark_count, 3);
}

static void test_keyboard_controller(void **state)
{
    (void)state;
    static const struct {
        u8 command, answer;
    } cases[] = {{0xaa, 0x55}, {0xab, 0x00}, {0xa9, 0x00},
                 {0xc0, 0x80}, {0xd0, 0x03}, {0x20, 0x34}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(in(0x64, 1, 0) & 3, 0);
        out(0x64, 1, cases[i].command, 0);
        assert_int_equal(in(0x64, 1, 0) & 0x0b, 9);
        assert_int_equal(in(0x60, 1, 0), cases[i].answer);
    }
    out(0x64, 1, 0x60, 0);
    out(0x60, 1, 0x47, 0);
    assert_int_equal(in(0x64, 1, 0), 0x14); /* system flag, not locked, data was last */
    out(0x64, 1, 0x20, 0);
    assert_int_equal(in(0x60, 1, 0), 0x47);
    out(0x64, 1, 0xa7, 0);
    out(0x64, 1, 0xad, 0);
    out(0x64, 1, 0x20, 0);
    assert_int_equal(in(0x60, 1, 0), 0x77);
    out(0x64, 1, 0xa8, 0);
    out(0x64, 1, 0xae, 0);
    out(0x64, 1, 0x20, 0);
    assert_int_equal(in(0x60, 1, 0), 0x47);
    out(0x64, 1, 0xd2, 0);
    out(0x60, 1, 0x99, 0);
    assert_int_equal(in(0x60, 1, 0), 0x99);
    out(0x60, 1, 0xff, 0); /* reset the keyboard: nobody answers */
    assert_int_equal(in(0x64, 1, 0) & 1, 0);
}

/* drivers/clocksource/acpi_pm.c, init_acpi_pm_clocksource(): it counts, upward only. */
static void test_pm_timer(void **state)
{
    (void)state;
    u64 now = 0;
    for (unsigned j = 0; j < 10; j++) {
        const u32 first = in(0x608, 4, now += 10) & 0xffffff;
        u32 second = first;
        while (second == first)
            second = in(0x608, 4, ++now) & 0xffffff;
        assert_int_equal(second, first + 1);
    }
    const u32 a = in(0x608, 4, 100 * HZ);
    assert_in_range(a, 357954499, 357954500);
    assert_int_equal(in(0x608, 2, 100 * HZ), a & 0xffff);
    assert_int_equal(in(0x60a, 2, 100 * HZ), a >> 16);
    assert_int_equal(in(0x60b, 1, 100 * HZ), a >> 24);
    assert_int_equal(in(0x609, 2, 100 * HZ), a >> 8 & 0xffff); /* split into bytes */
    assert_in_range(in(0x608, 4, 2000 * HZ), 2000ull * 3579545 % (1ull << 32) - 1,
                    2000ull * 3579545 % (1ull << 32));
}

static void test_pm_events(void **state)
{
    (void)state;
    init_pics();
    assert_int_equal(in(0x604, 2, 0), 1); /* SCI_EN */
    out(0x604, 2, 0, 0);
    assert_int_equal(in(0x604, 2, 0), 1);
    assert_int_equal(in(0x4d1, 1, 0), 0x02); /* the SCI is level-triggered from reset on */
    out(0x602, 2, 0xffff, 0);
    assert_int_equal(in(0x602, 2, 0), 0x0521);
    const u64 carry = (1ull << 31) * HZ / 3579545;
    assert_in_range(b.deadline, carry, carry + 2);
    assert_int_equal(in(0x600, 2, carry - 10), 0);
    board_tick(&b, b.deadline);
    assert_int_equal(board_irq_ack(&b), 0x39);
    assert_int_equal(in(0x600, 2, carry + 10), 1);
    assert_true(b.deadline == CLOCK_NEVER);
    out(0x600, 2, 0xfffe, carry + 20); /* zero bits clear nothing */
    assert_int_equal(in(0x600, 2, carry + 20), 1);
    out(0x600, 2, 1, carry + 30);
    assert_int_equal(in(0x600, 2, carry + 30), 0);
    out(0xa0, 1, 0x61, carry + 30);
    out(0x20, 1, 0x62, carry + 30);
    assert_false(board_irq_pending(&b));
    assert_in_range(b.deadline, 2 * carry, 2 * carry + 3);
    out(0x602, 2, 0, carry + 40);
    assert_true(b.deadline == CLOCK_NEVER);
    assert_int_equal(in(0x600, 2, 3 * carry), 1); /* the status also comes without enable */
    assert_int_equal(in(0x606, 2, 0), 0);
}

/* arch/x86/pci/direct.c: pci_check_type1() finds the mechanism, pci_sanity_check() no bus,
 * pci_check_type2() nothing. */
static void test_pci(void **state)
{
    (void)state;
    out(0xcfb, 1, 0x01, 0);
    const u32 saved = in(0xcf8, 4, 0);
    out(0xcf8, 4, 0x80000000, 0);
    assert_int_equal(in(0xcf8, 4, 0), 0x80000000);
    for (u32 dev = 0; dev < 32; dev++) {
        out(0xcf8, 4, 0x80000000 | dev << 11, 0);
        assert_int_equal(in(0xcfc, 4, 0), 0xffffffff);
        assert_int_equal(in(0xcfe, 2, 0), 0xffff);
        assert_int_equal(in(0xcff, 1, 0), 0xff);
    }
    out(0xcf8, 4, 0xffffffff, 0);
    assert_int_equal(in(0xcf8, 4, 0), 0x80fffffc);
    out(0xcf8, 1, 0, 0); /* narrow accesses do not reach the latch */
    out(0xcf8, 2, 0, 0);
    assert_int_equal(in(0xcf8, 4, 0), 0x80fffffc);
    assert_int_equal(in(0xcf8, 1, 0), 0xff);
    assert_int_equal(in(0xcfa, 1, 0), 0xff);
    out(0xcf8, 4, saved, 0);
    assert_int_equal(in(0xcf8, 4, 0), 0);
    assert_int_equal(b.wish, BOARD_NOTHING);
}

static void test_split_and_wrap(void **state)
{
    (void)state;
    out(0x20, 2, 0x5a00 | 0x0a, 0); /* OCW3, and the mask at the next port */
    assert_int_equal(in(0x21, 1, 0), 0x5a);
    assert_int_equal(in(0x20, 2, 0), 0x5a00);
    assert_int_equal(in(0x20, 4, 0), 0xffff5a00); /* 0x22, 0x23: nobody's */
    assert_int_equal(b.refused, 1);
    u32 value = 0;
    assert_false(board_port_read(&b, 0xffff, 4, 0, &value)); /* beyond the end is not port 0 */
    assert_true(value == 0xffffffff);
    assert_false(board_port_write(&b, 0xfffe, 4, 0, 0));
    assert_int_equal(b.refused, 3);
    const u8 mask = (u8)in(0x21, 1, 0);
    out(0xfffe, 4, 0x13131313, 0);
    assert_int_equal(in(0x21, 1, 0), mask);
    assert_int_equal(in(0x80, 2, 0), 0xff00);
    out(0x80, 1, 0x77, 0);
    assert_int_equal(in(0x80, 1, 0), 0x77);
    assert_int_equal(in(0x92, 1, 0), 0x02);
}

static void test_reset(void **state)
{
    (void)state;
    init_pics();
    out(0x43, 1, 0x34, 0);
    out(0x40, 2, 0x1000, 0); /* a word to 0x40 is LSB to channel 0 and something to channel 1 */
    out(0x40, 1, 0x10, 0);
    out(0x70, 2, 0x5a33, 0);
    out(0x70, 2, 0x420b, 0);
    assert_true(b.deadline != CLOCK_NEVER);
    out(0x3ff, 1, 0x12, 0);
    out(0xcf9, 1, 6, 0);
    board_reset(&b, 5 * HZ);
    assert_true(b.deadline == CLOCK_NEVER);
    assert_false(board_irq_pending(&b));
    assert_int_equal(in(0x3ff, 1, 5 * HZ), 0);
    assert_int_equal(in(0xcf9, 1, 5 * HZ), 0);
    out(0x70, 1, 0x33, 5 * HZ);
    assert_int_equal(in(0x71, 1, 5 * HZ), 0x5a); /* CMOS stays */
    out(0x70, 1, 0x00, 5 * HZ);
    assert_int_equal(in(0x71, 1, 5 * HZ + 10), 0x25); /* 22:13:20 + 5 s: time went on */
}

/* S36: time at the ends of the counter, or going back by a CPU's skew. */
static void test_strange_time(void **state)
{
    (void)state;
    static const u64 times[] = {0, 1, 1ull << 62, 1ull << 63, ~0ull - 1, ~0ull, 12345, 0};
    init_pics();
    out(0x43, 1, 0x34, 0);
    out(0x40, 1, 0, 0);
    out(0x40, 1, 1, 0);
    out(0x70, 2, 0x720b, 0);
    out(0x602, 2, 1, 0);
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        board_tick(&b, times[i]);
        (void)in(0x40, 1, times[i]);
        (void)in(0x608, 4, times[i]);
        out(0x70, 1, 0x0c, times[i]);
        (void)in(0x71, 1, times[i]);
    }
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_timer_interrupt),
        TEST(test_rtc_interrupt),
        TEST(test_console),
        TEST(test_endings),
        TEST(test_pm_timer),
        TEST(test_pm_events),
        TEST(test_ledger_port),
        TEST(test_keyboard_controller),
        TEST(test_pci),
        TEST(test_split_and_wrap),
        TEST(test_reset),
        TEST(test_strange_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
