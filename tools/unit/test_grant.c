/* vmm/grant.c: what of a guest's memory the control partition reaches, and for how long. */
#include "tools/unit/ept_fake.h"
#include "tools/unit/fake_control.h"
#include "vmm/grant.h"
#include "vmm/pmm.h"

#define AT 0x1000000000ull

static struct fake pages;

static int with_ept(void **state)
{
    both_new(state);
    memset(&pages, 0, sizeof(pages));
    pages.fail_in = -1;
    the_control.ept = (struct ept){.page_alloc = fake_alloc,
                                   .page_free = fake_free,
                                   .to_phys = fake_to_phys,
                                   .to_virt = fake_to_virt,
                                   .ctx = &pages,
                                   .tables_left = ~0ull,
                                   .max_leaf = 0,
                                   .phys_bits = 52};
    grant_drop_all();
    assert_int_equal(ept_init(&the_control.ept), OK);
    fake_cpu.invepts = 0;
    return 0;
}

/* Where the control partition's address leads; 0: nowhere. */
static u64 reached(u64 at)
{
    struct ept_leaf leaf;

    return ept_lookup(&the_control.ept, (gpa_t){at}, &leaf) == OK ? leaf.hpa.v : 0;
}

static i64 map_it(u64 gpa, u64 len, u64 at)
{
    return call(HC_map, PARTITION, gpa, len, at);
}

static i64 guest_call(u64 number, u64 a, u64 b)
{
    return hypercall(v, number, &(struct hc_args){{a, b, 0, 0}});
}

static void test_grants(void **state)
{
    (void)state;
    assert_int_equal(map_it(MID_BEGIN, PAGE_SIZE, AT), ABI_EPERM);
    assert_int_equal(guest_call(HC_grant, MID_BEGIN, 4 * PAGE_SIZE), 0);
    assert_int_equal(map_it(MID_BEGIN, 5 * PAGE_SIZE, AT), ABI_EPERM);
    assert_int_equal(map_it(MID_BEGIN - PAGE_SIZE, 2 * PAGE_SIZE, AT), ABI_EPERM);
    assert_int_equal(map_it(MID_BEGIN + PAGE_SIZE, PAGE_SIZE, AT + 1), ABI_EINVAL);
    assert_int_equal(map_it(MID_BEGIN + 1, PAGE_SIZE, AT), ABI_EINVAL);
    assert_int_equal(map_it(MID_BEGIN, 0, AT), ABI_EINVAL);
    assert_int_equal(map_it(MID_BEGIN, 0 - MID_BEGIN, AT), ABI_EINVAL);
    assert_int_equal(map_it(MID_BEGIN + PAGE_SIZE, 2 * PAGE_SIZE, AT), ABI_OK);
    assert_int_equal(reached(AT + 5), vm.extent[1].hpa.v + PAGE_SIZE + 5);
    assert_int_equal(reached(AT + 2 * PAGE_SIZE), 0);
    assert_int_equal(map_it(MID_BEGIN, PAGE_SIZE, AT + PAGE_SIZE), ABI_EEXIST);
    assert_true(grant_allows((gpa_t){AT + PAGE_SIZE}, (u16)(FRAME_VM + vm.id)));
    assert_false(grant_allows((gpa_t){AT + PAGE_SIZE}, (u16)(FRAME_VM + vm.id + 1)));
    assert_false(grant_allows((gpa_t){AT + 2 * PAGE_SIZE}, (u16)(FRAME_VM + vm.id)));
    assert_int_equal(call(HC_unmap, AT + PAGE_SIZE, 0, 0, 0), ABI_ENOENT);
    assert_int_equal(call(HC_unmap, AT, 0, 0, 0), ABI_OK);
    assert_int_equal(reached(AT), 0);
    assert_int_equal(fake_cpu.invepts, 1);
    assert_int_equal(call(HC_unmap, AT, 0, 0, 0), ABI_ENOENT);
    assert_int_equal(map_it(MID_BEGIN, PAGE_SIZE, BIT(48)), ABI_EINVAL); /* out of reach */
    assert_int_equal(call(HC_map, NOBODY, MID_BEGIN, PAGE_SIZE, AT), ABI_ENOENT);
}

/* All or nothing, when page tables run out in the middle of two runs of RAM. */
static void test_no_memory(void **state)
{
    (void)state;
    guest_config.served = CONFIG_SERVED_MEMORY;
    assert_int_equal(map_it(0, LOW_END, AT), ABI_OK); /* without a grant */
    assert_int_equal(call(HC_unmap, AT, 0, 0, 0), ABI_OK);
    pages.fail_in = 0;
    assert_int_equal(map_it(0, LOW_END, AT + GiB), ABI_ENOMEM);
    assert_int_equal(reached(AT + GiB), 0);
    pages.fail_in = -1;
    assert_int_equal(map_it(LOW_END, PAGE_SIZE, AT), ABI_EPERM); /* not RAM */
}

/* Wherever it maps and unmaps, the control partition gets so many tables and no more. */
static void test_tables_are_bounded(void **state)
{
    u64 at = AT;

    (void)state;
    guest_config.served = CONFIG_SERVED_MEMORY;
    the_control.ept.tables_left = 20;
    while (map_it(MID_BEGIN, PAGE_SIZE, at) == ABI_OK) {
        assert_int_equal(call(HC_unmap, at, 0, 0, 0), ABI_OK);
        at += GiB;
    }
    assert_int_equal(at, AT + 9 * GiB); /* 3 tables, and 2 for each one after it */
    assert_int_equal(map_it(MID_BEGIN, PAGE_SIZE, at), ABI_ENOMEM);
    assert_int_equal(reached(at), 0);
    assert_int_equal(pages.live, 1 + 3 + 8 * 2);
    assert_int_equal(map_it(MID_BEGIN, PAGE_SIZE, AT), ABI_OK); /* where it has been before */
    assert_int_equal(call(HC_unmap, AT, 0, 0, 0), ABI_OK);
}

static void test_revocation(void **state)
{
    const i64 first = guest_call(HC_grant, MID_BEGIN, 2 * PAGE_SIZE);
    const i64 second = guest_call(HC_grant, MID_BEGIN + 8 * PAGE_SIZE, PAGE_SIZE);

    (void)state;
    assert_int_equal(map_it(MID_BEGIN, PAGE_SIZE, AT), ABI_OK);
    assert_int_equal(map_it(MID_BEGIN + PAGE_SIZE, PAGE_SIZE, AT + GiB), ABI_OK);
    assert_int_equal(map_it(MID_BEGIN + 8 * PAGE_SIZE, PAGE_SIZE, AT + 2 * GiB), ABI_OK);
    assert_int_equal(guest_call(HC_revoke, (u64)first, 0), ABI_OK);
    assert_int_equal(reached(AT), 0);
    assert_int_equal(reached(AT + GiB), 0);
    assert_int_not_equal(reached(AT + 2 * GiB), 0);
    assert_true(control_vcpu.away.flush); /* before it goes on */
    grant_flush(&control_vcpu);
    assert_false(control_vcpu.away.flush);
    assert_int_equal(fake_cpu.invepts, 1);
    assert_int_equal(guest_call(HC_revoke, (u64)first, 0), ABI_ENOENT);
    assert_int_equal(guest_call(HC_revoke, ~0ull, 0), ABI_ENOENT);
    assert_int_equal(map_it(MID_BEGIN, PAGE_SIZE, AT), ABI_EPERM);
    grant_drop(&vm); /* the guest's end */
    assert_int_equal(reached(AT + 2 * GiB), 0);
    assert_int_equal(guest_call(HC_revoke, (u64)second, 0), ABI_OK);
}

static void test_bad_grants(void **state)
{
    (void)state;
    assert_int_equal(guest_call(HC_grant, MID_BEGIN + 1, PAGE_SIZE), ABI_EINVAL);
    assert_int_equal(guest_call(HC_grant, MID_BEGIN, 100), ABI_EINVAL);
    assert_int_equal(guest_call(HC_grant, MID_BEGIN, 0), ABI_EINVAL);
    assert_int_equal(guest_call(HC_grant, PAGE_SIZE, 0 - PAGE_SIZE), ABI_EINVAL);
    assert_int_equal(guest_call(HC_grant, MID_END, PAGE_SIZE), ABI_EFAULT);
    assert_int_equal(guest_call(HC_grant, LOW_END - PAGE_SIZE, 2 * PAGE_SIZE), ABI_EFAULT);
    for (u32 i = 0; i < SERVED_GRANTS; i++)
        assert_int_equal(guest_call(HC_grant, MID_BEGIN, PAGE_SIZE), i);
    assert_int_equal(guest_call(HC_grant, MID_BEGIN, PAGE_SIZE), ABI_ENOMEM);
    guest_config.served = CONFIG_SERVED_OFF;
    assert_int_equal(guest_call(HC_revoke, 0, 0), ABI_EPERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_grants, with_ept),
        cmocka_unit_test_setup(test_no_memory, with_ept),
        cmocka_unit_test_setup(test_tables_are_bounded, with_ept),
        cmocka_unit_test_setup(test_revocation, with_ept),
        cmocka_unit_test_setup(test_bad_grants, with_ept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
