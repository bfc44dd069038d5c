/* boot/plan_keep.c: where a plan's bytes are when its scratch is gone. */
#include "boot/plan_keep.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define USED 5000u

static struct load_plan work;
static struct guest_plan plan;
static u8 *kept; /* exactly as long as it has to be: AddressSanitizer watches its ends */

static int begin(void **state)
{
    (void)state;
    memset(&work, 0, sizeof(work));
    memset(&plan, 0xa5, sizeof(plan));
    work.scratch_used = USED;
    for (u32 i = 0; i < LOAD_SCRATCH_SIZE; i++)
        work.scratch[i] = (u8)(i * 7 + i / 256);
    kept = malloc(USED);
    assert_non_null(kept);
    return 0;
}

static int end(void **state)
{
    (void)state;
    free(kept);
    return 0;
}

static void add(const u8 *from, u64 len)
{
    const u32 n = work.segments++;

    work.segment[n] = (struct load_segment){
        .to = {MiB + n * PAGE_SIZE}, .from = from, .len = len, .room = len + n + 1};
}

static void test_addresses(void **state)
{
    static const u8 image[64];
    u8 *const scratch = work.scratch;
    const struct {
        const u8 *from;
        u64 len;
        i64 offset; /* in what is kept; -1: it stays where it was */
    } cases[] = {
        {scratch, 1, 0},
        {scratch, USED, 0},
        {scratch + 1, USED - 1, 1},
        {scratch + 4096, 16, 4096},
        {scratch + USED - 1, 1, USED - 1},
        {scratch + USED, 0, -1}, /* an image may lie there */
        {scratch + USED, 1, -1},
        {scratch - 1, 1, -1},
        {image, sizeof(image), -1},
        {NULL, 0, -1},
        {(const u8 *)~0ull, 0, -1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        add(cases[i].from, cases[i].len);
    plan_keep(&work, kept, &plan);
    assert_int_equal(plan.segments, ARRAY_LEN(cases));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct guest_segment *s = &plan.segment[i];

        assert_int_equal(s->from.v, cases[i].offset < 0 ? (u64)cases[i].from
                                                        : (u64)kept + (u64)cases[i].offset);
        assert_int_equal(s->to.v, work.segment[i].to.v);
        assert_int_equal(s->len, cases[i].len);
        assert_int_equal(s->room, cases[i].len + i + 1);
        if (cases[i].offset >= 0)
            assert_memory_equal((const void *)s->from.v, cases[i].from, s->len);
    }
}

/* What is kept does not change with the scratch, which is made anew for the next guest. */
static void test_bytes_are_copied(void **state)
{
    (void)state;
    add(work.scratch + 100, 50);
    plan_keep(&work, kept, &plan);
    memset(work.scratch, 0, sizeof(work.scratch));
    for (u32 i = 0; i < USED; i++)
        assert_int_equal(kept[i], (u8)(i * 7 + i / 256));
    assert_ptr_equal((const u8 *)plan.segment[0].from.v, kept + 100);
}

/* All places are used; what is behind the last segment is empty. */
static void test_counts(void **state)
{
    (void)state;
    for (u32 i = 0; i < LOAD_SEGMENTS_MAX; i++)
        add(work.scratch + i, 1);
    plan_keep(&work, kept, &plan);
    assert_int_equal(plan.segments, LOAD_SEGMENTS_MAX);
    for (u32 i = 0; i < LOAD_SEGMENTS_MAX; i++)
        assert_int_equal(plan.segment[i].from.v, (u64)kept + i);
    work.segments = 1;
    plan_keep(&work, kept, &plan);
    assert_int_equal(plan.segment[1].from.v | plan.segment[1].to.v | plan.segment[1].len |
                         plan.segment[1].room,
                     0);
}

static void test_nothing_was_made(void **state)
{
    (void)state;
    work.scratch_used = 0;
    add(work.scratch, 1);
    plan_keep(&work, kept, &plan);
    assert_int_equal(plan.segment[0].from.v, (u64)work.scratch);
}

static void test_registers(void **state)
{
    (void)state;
    work.mode = LOAD_PROTECTED_32;
    work.rip = 1, work.rsp = 2, work.rax = 3, work.rbx = 4, work.rsi = 5, work.rdi = 6;
    work.cr3 = 7, work.gdt.v = 8, work.gdt_limit = 9;
    strcpy(work.reason, "old");
    plan_keep(&work, kept, &plan);
    assert_int_equal(plan.mode, LOAD_PROTECTED_32);
    assert_int_equal(plan.rip, 1);
    assert_int_equal(plan.rsp, 2);
    assert_int_equal(plan.rax, 3);
    assert_int_equal(plan.rbx, 4);
    assert_int_equal(plan.rsi, 5);
    assert_int_equal(plan.rdi, 6);
    assert_int_equal(plan.cr3, 7);
    assert_int_equal(plan.gdt.v, 8);
    assert_int_equal(plan.gdt_limit, 9);
    assert_int_equal(plan.reason[0], 0); /* it is a plan, not a refusal */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_addresses, begin, end),
        cmocka_unit_test_setup_teardown(test_bytes_are_copied, begin, end),
        cmocka_unit_test_setup_teardown(test_counts, begin, end),
        cmocka_unit_test_setup_teardown(test_nothing_was_made, begin, end),
        cmocka_unit_test_setup_teardown(test_registers, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
