/* The queues of a guest's console, with one CPU and with two. */
#include "vmm/guest_console.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define HOLDS (GUEST_CONSOLE_SIZE - 1)

static struct guest_console g;

static int fresh(void **state)
{
    (void)state;
    memset(&g, 0x5a, sizeof(g));
    guest_console_init(&g);
    return 0;
}

static u8 nth(u64 n)
{
    return (u8)(n ^ n >> 8 ^ n >> 16);
}

static void put(u64 from, u64 count)
{
    for (u64 i = 0; i < count; i++)
        guest_console_put(&g, nth(from + i));
}

/* The reader gets the bytes number `from` to `from + count - 1`, and no more. */
static void gets(enum guest_console_reader reader, u64 from, u64 count)
{
    u8 bytes[100];
    u32 got;

    while ((got = guest_console_peek(&g, reader, bytes, sizeof(bytes))) != 0) {
        for (u32 i = 0; i < got; i++)
            assert_int_equal(bytes[i], nth(from + i));
        guest_console_take(&g, reader, got);
        from += got;
        count -= got;
    }
    assert_int_equal(count, 0);
    assert_false(guest_console_has_output(&g, reader));
}

static void test_in_order(void **state)
{
    u8 bytes[8];

    (void)state;
    guest_console_attend(&g, READER_PORT, true);
    assert_int_equal(guest_console_peek(&g, READER_PORT, bytes, 8), 0);
    put(0, 5);
    assert_int_equal(guest_console_peek(&g, READER_PORT, bytes, 3), 3);
    assert_int_equal(guest_console_peek(&g, READER_PORT, bytes, 8), 5); /* nothing was taken */
    guest_console_take(&g, READER_PORT, 2);
    gets(READER_PORT, 2, 3);
    for (u64 n = 5; n < 5 * GUEST_CONSOLE_SIZE; n += 999) {
        put(n, 999);
        gets(READER_PORT, n, 999);
    }
}

static void test_full(void **state)
{
    (void)state;
    guest_console_attend(&g, READER_PORT, true);
    for (u32 i = 0; i < HOLDS; i++) {
        assert_true(guest_console_room(&g));
        put(i, 1);
    }
    assert_false(guest_console_room(&g));
    guest_console_take(&g, READER_PORT, 1);
    assert_true(guest_console_room(&g));
    put(HOLDS, 1);
    gets(READER_PORT, 1, HOLDS);
}

/* The slower one of two decides. */
static void test_two_readers(void **state)
{
    (void)state;
    guest_console_attend(&g, READER_PORT, true);
    guest_console_attend(&g, READER_SCREEN, true);
    put(0, HOLDS);
    gets(READER_SCREEN, 0, HOLDS);
    assert_false(guest_console_room(&g));
    gets(READER_PORT, 0, HOLDS);
    assert_true(guest_console_room(&g));
    put(HOLDS, HOLDS);
    gets(READER_PORT, HOLDS, HOLDS);
    assert_false(guest_console_room(&g));
    guest_console_attend(&g, READER_SCREEN, false);
    assert_true(guest_console_room(&g));
}

/* A guest behind another one goes on; who looks at it later gets the end of what it said. */
static void test_not_attended(void **state)
{
    (void)state;
    put(0, 10);
    assert_true(guest_console_room(&g));
    guest_console_attend(&g, READER_PORT, true);
    gets(READER_PORT, 0, 10);
    guest_console_attend(&g, READER_PORT, false);
    put(10, 3 * GUEST_CONSOLE_SIZE);
    assert_true(guest_console_room(&g));
    guest_console_attend(&g, READER_PORT, true);
    assert_false(guest_console_room(&g)); /* until the reader has found where it is */
    gets(READER_PORT, 10 + 3 * GUEST_CONSOLE_SIZE - HOLDS, HOLDS);
    assert_true(guest_console_room(&g));
}

static void test_wakes(void **state)
{
    (void)state;
    put(0, 1);
    assert_false(guest_console_wakes(&g)); /* nobody attends */
    guest_console_attend(&g, READER_PORT, true);
    gets(READER_PORT, 0, 1);
    put(1, 1);
    assert_true(guest_console_wakes(&g));
    put(2, 1);
    assert_false(guest_console_wakes(&g)); /* it was told */
    guest_console_attend(&g, READER_SCREEN, true);
    gets(READER_SCREEN, 0, 3);
    put(3, 1);
    assert_true(guest_console_wakes(&g)); /* the screen's */
}

static void test_typed(void **state)
{
    u8 byte;

    (void)state;
    assert_false(guest_console_get(&g, &byte));
    for (u32 round = 0; round < 3; round++) {
        for (u32 i = 0; i < GUEST_CONSOLE_TYPED; i++)
            assert_true(guest_console_type(&g, (u8)(i + round)));
        assert_false(guest_console_type(&g, 1));
        for (u32 i = 0; i < GUEST_CONSOLE_TYPED; i++) {
            assert_true(guest_console_has_typed(&g));
            assert_true(guest_console_get(&g, &byte));
            assert_int_equal(byte, (u8)(i + round));
        }
        assert_false(guest_console_has_typed(&g));
    }
}

/* ------------------------------------------------------------ two CPUs */

#define SENT      2000000ull
#define IN_FLIGHT 64u /* bytes whose stores the sender's processor may hold back: two each */

/* Waits for room, if there is a reader. */
static void send_all(struct guest_console *shared)
{
    for (u64 n = 0; n < SENT;)
        if (guest_console_room(shared))
            guest_console_put(shared, nth(n++));
        else
            (void)usleep(1);
}

/* Comes and goes.  Whatever a look gives is a run of what was sent, behind all before, up to the
 * last byte.  While it stays nothing is left out, but for what was under way when it came. */
static void test_two_cpus(void **state)
{
    struct guest_console *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    u64 next = 0;
    pid_t child;

    (void)state;
    assert_ptr_not_equal(shared, MAP_FAILED);
    guest_console_init(shared);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        send_all(shared);
        _exit(0);
    }
    for (u32 visit = 0; next < SENT; visit++) {
        u64 lost = 0;

        guest_console_attend(shared, READER_PORT, true);
        for (u32 look = 0; look < 200 + visit % 7; look++) {
            u8 bytes[16];
            const u32 got = guest_console_peek(shared, READER_PORT, bytes, sizeof(bytes));
            const u64 at = shared->tail[READER_PORT];

            assert_true(at >= next);
            lost += look ? at - next : 0;
            for (u32 i = 0; i < got; i++)
                assert_int_equal(bytes[i], nth(at + i));
            guest_console_take(shared, READER_PORT, got);
            next = at + got;
        }
        assert_true(lost <= IN_FLIGHT);
        guest_console_attend(shared, READER_PORT, false);
        for (u32 i = 0; i < visit % 5; i++)
            (void)usleep(1);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(next, SENT);
    munmap(shared, sizeof(*shared));
}

/* The control partition at the console's other end: what it is told, and how often. */
static void test_news(void **state)
{
    u8 byte;

    (void)state;
    assert_true(guest_console_type(&g, 'a'));
    assert_int_equal(guest_console_news(&g), 0); /* it is COM1's */
    g.event = 9;
    assert_int_equal(guest_console_news(&g), 9);
    assert_int_equal(guest_console_news(&g), 0); /* it knows */
    assert_true(guest_console_type(&g, 'b'));
    assert_int_equal(guest_console_news(&g), 9);
    assert_true(guest_console_get(&g, &byte));
    assert_int_equal(guest_console_news(&g), 0);
    g.event = 10; /* of its next life */
    assert_int_equal(guest_console_news(&g), 0);
}

static void test_news_of_room(void **state)
{
    u8 bytes[8];

    (void)state;
    g.event = 9;
    assert_false(guest_console_is_full(&g)); /* nobody attends */
    guest_console_attend(&g, READER_PORT, true);
    guest_console_attend(&g, READER_SCREEN, true);
    put(0, HOLDS);
    assert_int_equal(guest_console_news(&g), 0); /* nobody has asked for room */
    assert_true(guest_console_is_full(&g));
    assert_int_equal(guest_console_news(&g), 0); /* there is none */
    assert_int_equal(guest_console_peek(&g, READER_PORT, bytes, 8), 8);
    guest_console_take(&g, READER_PORT, 8);
    assert_int_equal(guest_console_news(&g), 0); /* the other reader is behind */
    guest_console_attend(&g, READER_SCREEN, false);
    assert_int_equal(guest_console_news(&g), 9);
    assert_int_equal(guest_console_news(&g), 0);
    assert_false(guest_console_is_full(&g));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_in_order, fresh),
        cmocka_unit_test_setup(test_full, fresh),
        cmocka_unit_test_setup(test_two_readers, fresh),
        cmocka_unit_test_setup(test_not_attended, fresh),
        cmocka_unit_test_setup(test_wakes, fresh),
        cmocka_unit_test_setup(test_typed, fresh),
        cmocka_unit_test_setup(test_two_cpus, fresh),
        cmocka_unit_test_setup(test_news, fresh),
        cmocka_unit_test_setup(test_news_of_room, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
