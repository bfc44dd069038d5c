/* vmm/guest_plan.c: which plans of the loader's hv.elf applies. */
#include "lib/mem.h"
#include "tools/unit/plan_world.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct guest_plan plan;

static int begin(void **state)
{
    (void)state;
    world_make();
    plan = world_plan();
    return 0;
}

static void expect(const char *fault)
{
    const char *got = guest_plan_fault(&plan, &vm, &info);

    if (!fault)
        assert_null(got);
    else
        assert_string_equal(got ? got : "no fault", fault);
}

static void test_a_good_one(void **state)
{
    (void)state;
    expect(NULL);
    plan.mode = LOAD_PROTECTED_32;
    plan.cr3 = 0;
    plan.rbx = 0xffffffff;
    expect(NULL);
    plan.segments = 0; /* its guest runs in zeroes, and that is its own affair */
    expect(NULL);
}

static void test_the_loaders_refusal(void **state)
{
    (void)state;
    memcpy(plan.reason, "vmlinuz: no", 12);
    plan.segments = 1000;
    expect("vmlinuz: no");
    memset(plan.reason, 'x', sizeof(plan.reason));
    expect("a refusal without an end");
}

static void test_counts(void **state)
{
    (void)state;
    plan.segments = LOAD_SEGMENTS_MAX + 1;
    expect("its plan: too many segments");
    plan.segments = ~0u;
    expect("its plan: too many segments");
    plan.segments = LOAD_SEGMENTS_MAX;
    for (u32 i = 0; i < LOAD_SEGMENTS_MAX; i++)
        plan.segment[i] = world_segment(MiB + i, WORLD_FROM, 1, 1);
    expect(NULL);
}

static void test_where_segments_go(void **state)
{
    // clang-format off
    static const struct { u64 to, len, room; const char *fault; } cases[] = {
        {0x10000,                0, 0,                       "its plan: a segment is longer than its room"},
        {0x10000,                2, 1,                       "its plan: a segment is longer than its room"},
        {0x10000,                1, VM_LOW_END - 0x10000,    NULL},
        {0x10000,                1, VM_LOW_END - 0x10000 + 1, "its plan: a segment is outside of the guest's RAM"},
        {VM_LOW_END,             1, 1,                       "its plan: a segment is outside of the guest's RAM"},
        {VM_HIGH_ROM - 1,        1, 1,                       "its plan: a segment is outside of the guest's RAM"},
        {VM_HIGH_ROM,            1, 1,                       NULL},
        {WORLD_LOW_RAM - 1,      1, 1,                       NULL},
        {WORLD_LOW_RAM - 1,      1, 2,                       "its plan: a segment is outside of the guest's RAM"},
        {WORLD_HIGH_RAM,         1, WORLD_HIGH_LEN,          NULL},
        {WORLD_HIGH_RAM,         1, WORLD_HIGH_LEN + 1,      "its plan: a segment is outside of the guest's RAM"},
        {WORLD_HIGH_RAM - 1,     1, 2,                       "its plan: a segment is outside of the guest's RAM"},
        {~0ull,                  1, 2,                       "its plan: a segment is outside of the guest's RAM"},
        {0x10000,                1, ~0ull,                   "its plan: a segment is outside of the guest's RAM"},
        {0x10000,                1, 0ull - 0x10000,          "its plan: a segment is outside of the guest's RAM"},
    };
    // clang-format on

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        plan.segments = 1;
        plan.segment[0] = world_segment(cases[i].to, WORLD_FROM, cases[i].len, cases[i].room);
        expect(cases[i].fault);
    }
}

static void test_where_bytes_come_from(void **state)
{
    static const char fault[] = "its plan: a segment's bytes are not the loader's";
    const u64 end = WORLD_FROM + WORLD_LEN;
    const struct {
        u64 from, len;
        bool good;
    } cases[] = {
        {WORLD_FROM, WORLD_LEN, true},
        {WORLD_FROM, WORLD_LEN + 1, false},
        {WORLD_FROM - 1, 1, false},
        {WORLD_FROM - 1, 2, false},
        {end - 1, 1, true},
        {end - 1, 2, false},
        {end, 1, false}, /* Lintel's own */
        {end + PAGE_SIZE, PAGE_SIZE, true},
        {end + PAGE_SIZE, PAGE_SIZE + 1, false},
        {MiB, 1, false},
        {PAGE_SIZE, 1, false},
        {0, 1, false},
        {~0ull, 2, false},
        {WORLD_FROM, MiB, false},
        {end, 0, true}, /* zeroes alone come from nowhere */
        {~0ull, 0, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        plan.segment[0] = world_segment(MiB, cases[i].from, cases[i].len, 2 * MiB);
        expect(cases[i].good ? NULL : fault);
        assert_int_equal(guest_plan_is_loaders(&info, cases[i].from, cases[i].len),
                         cases[i].good && cases[i].from != ~0ull);
    }
}

static void test_overlaps(void **state)
{
    static const char fault[] = "its plan: two segments overlap";

    (void)state;
    plan.segment[2] = world_segment(0xff000, WORLD_FROM, 1, 0x1000);
    expect(NULL);
    plan.segment[2].room++;
    expect(fault);
    plan.segment[2] = world_segment(3 * MiB, WORLD_FROM, 1, 1);
    expect(NULL);
    plan.segment[2].to.v--;
    expect(fault);
    plan.segment[2] = plan.segment[1];
    expect(fault);
    plan.segment[2] = world_segment(0x10100, WORLD_FROM, 1, 1); /* inside */
    expect(fault);
}

static void test_registers(void **state)
{
    (void)state;
    plan.mode = LOAD_PROTECTED_32 + 1;
    expect("its plan: an unknown mode");
    plan = world_plan();
    for (u32 i = 0; i < 3; i++) {
        static const u64 rip[] = {4 * GiB, VM_LOW_END, WORLD_LOW_RAM};

        plan.rip = rip[i];
        expect("its plan: RIP is not in the first 4 GiB of the guest's RAM");
    }
    plan = world_plan();
    plan.rsp = ~0ull;
    expect(NULL);
    plan.cr3 = 0x12008;
    expect("its plan: CR3 is not a page of the guest's RAM");
    plan.cr3 = WORLD_LOW_RAM;
    expect("its plan: CR3 is not a page of the guest's RAM");
    plan = world_plan();
    plan.gdt_limit = 0x1e;
    expect("its plan: the GDT is too short, or not in the guest's RAM");
    plan.gdt_limit = 0x1f;
    plan.gdt.v = VM_LOW_END - 0x20;
    expect(NULL);
    plan.gdt.v++;
    expect("its plan: the GDT is too short, or not in the guest's RAM");
}

static void test_protected_mode(void **state)
{
    static const char fault[] = "its plan: protected mode with 64-bit registers or paging";
    u64 *const general[] = {&plan.rsp, &plan.rax, &plan.rbx, &plan.rsi, &plan.rdi, &plan.cr3};

    (void)state;
    plan.mode = LOAD_PROTECTED_32;
    expect(fault); /* CR3 */
    plan.cr3 = 0;
    expect(NULL);
    for (size_t i = 0; i < ARRAY_LEN(general); i++) {
        *general[i] = 4 * GiB;
        expect(fault);
        *general[i] = 0;
    }
    expect(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_good_one, begin),
        cmocka_unit_test_setup(test_the_loaders_refusal, begin),
        cmocka_unit_test_setup(test_counts, begin),
        cmocka_unit_test_setup(test_where_segments_go, begin),
        cmocka_unit_test_setup(test_where_bytes_come_from, begin),
        cmocka_unit_test_setup(test_overlaps, begin),
        cmocka_unit_test_setup(test_registers, begin),
        cmocka_unit_test_setup(test_protected_mode, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
