/* arch/x86_64/spinlock.h: one holder at a time, in the order of asking. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <threads.h>

#include <cmocka.h>

#include "arch/x86_64/spinlock.h"

#define THREADS 3u
#define ROUNDS  2000u

static struct spinlock lock;
static u64 count; /* read and written in two steps, under the lock */
static u32 order[THREADS], arrived;

static void *add(void *arg)
{
    for (u32 i = 0; i < ROUNDS; i++) {
        spin_lock(&lock);

        const u64 before = READ_ONCE(count);

        if (i % 64 == 0)
            thrd_yield();
        WRITE_ONCE(count, before + 1);
        spin_unlock(&lock);
    }
    return arg;
}

static void *queue(void *arg)
{
    spin_lock(&lock);
    order[arrived++] = *(const u32 *)arg;
    spin_unlock(&lock);
    return arg;
}

static void run(void *(*start)(void *), u32 wait_for_ticket)
{
    static u32 number[THREADS];
    pthread_t thread[THREADS];

    for (u32 i = 0; i < THREADS; i++) {
        number[i] = i;
        assert_int_equal(pthread_create(&thread[i], NULL, start, &number[i]), 0);
        while (wait_for_ticket && load_acquire(&lock.next) != wait_for_ticket + i)
            thrd_yield();
    }
    if (wait_for_ticket)
        spin_unlock(&lock);
    for (u32 i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
}

static void test_one_holder(void **state)
{
    (void)state;
    run(add, 0);
    assert_int_equal(count, THREADS * ROUNDS);
    assert_int_equal(lock.next, lock.serving);
}

static void test_order(void **state)
{
    (void)state;
    lock = (struct spinlock){.next = ~0u, .serving = ~0u}; /* the tickets wrap around meanwhile */
    spin_lock(&lock);
    run(queue, 1);
    for (u32 i = 0; i < THREADS; i++)
        assert_int_equal(order[i], i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_holder),
        cmocka_unit_test(test_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
