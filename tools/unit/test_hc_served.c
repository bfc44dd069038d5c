/* vmm/hc_served.c: what the control partition may ask for a guest, and all that it may not. */
#include "tools/unit/fake_control.h"
#include "vmm/cpu_share.h"

static void test_admit(void **state)
{
    (void)state;
    vm.unadmitted = vm.paused = 1;
    assert_int_equal(call(HC_admit, NOBODY, 0, 0, 0), ABI_ENOENT);
    assert_int_equal(vm.paused, 1);
    assert_int_equal(call(HC_admit, PARTITION, 0, 0, 0), ABI_OK);
    assert_int_equal(vm.paused, 0);
    assert_true(v->todo & TODO_BOARD);
    vm.paused = 1; /* by somebody else */
    assert_int_equal(call(HC_admit, PARTITION, 0, 0, 0), ABI_OK);
    assert_int_equal(vm.paused, 1);
}

/* Over, and its memory waits for the control partition. */
static void test_release(void **state)
{
    const struct abi_partition *p = control_ram(SCRAP);

    (void)state;
    fake_cpu.asked = 0;
    assert_int_equal(call(HC_release, PARTITION, 0, 0, 0), ABI_EINVAL); /* it runs */
    assert_int_equal(call(HC_release, NOBODY, 0, 0, 0), ABI_ENOENT);
    assert_int_equal(vm.released, 0);
    vm.release_by = 1;
    assert_int_equal(call(HC_partition, PARTITION, SCRAP, 0, 0), ABI_OK);
    assert_int_equal(p->state, ABI_PARTITION_ENDS);
    assert_int_equal(fake_cpu.asked, 0);
    assert_int_equal(call(HC_release, PARTITION, 0, 0, 0), ABI_OK);
    assert_int_equal(vm.released, 1);
    assert_int_equal(fake_cpu.asked, CPU_CONTROL);
}

static void test_nobody_else_is_served(void **state)
{
    (void)state;
    boundary_leave(&vm);
    assert_int_equal(claim(0x500, 0x50f, ABI_PORTS), ABI_EPERM);
    assert_int_equal(call(HC_line, PARTITION, 5, 1, 0), ABI_EPERM);
    assert_int_equal(call(HC_msi, PARTITION, 0xfee00000, 0x41, 0), ABI_EPERM);
    assert_int_equal(call(HC_admit, PARTITION, 0, 0, 0), ABI_EPERM);
}

/* What a guest's PCI bus has, no model has. */
static void test_pci_bus(void **state)
{
    u64 taken = 0;

    (void)state;
    assert_int_equal(claim(0xcf8, 0xcff, ABI_PORTS), ABI_OK);
    assert_int_equal(claim(ABI_PCI_PORTS, ABI_PCI_PORTS_LAST, ABI_PORTS), ABI_OK);
    assert_int_equal(claim(ABI_PCI_MEMORY, ABI_PCI_MEMORY_LAST, ABI_MEMORY), ABI_OK);
    assert_int_equal(claim(ABI_PCI_ECAM, ABI_PCI_ECAM_LAST, ABI_MEMORY), ABI_OK);
    /* Doorbells at its ports in a row have each its own place. */
    for (u32 i = 0; i < SERVED_BELLS; i++)
        taken |= BIT(served_bell_place(ABI_PCI_PORTS + 4 * i));
    assert_true(taken == ~0ull);
}

static void test_claims(void **state)
{
    static const struct {
        struct abi_range range;
        i64 result;
    } cases[] = {
        {{0x500, 0x50f, ABI_PORTS, 0}, ABI_OK},
        {{0x500, 0x50f, ABI_PORTS, 0}, ABI_OK}, /* an earlier life's */
        {{0x500, 0x50e, ABI_PORTS, 0}, ABI_EEXIST},
        {{0x4ff, 0x500, ABI_PORTS, 0}, ABI_EEXIST},
        {{0x50f, 0x510, ABI_PORTS, 0}, ABI_EEXIST},
        {{0x510, 0x510, ABI_PORTS, 0}, ABI_OK},
        {{0xf4, 0xf4, ABI_PORTS, 0}, ABI_EEXIST}, /* its debug-exit port */
        {{0x3f0, 0x3f8, ABI_PORTS, 0}, ABI_EEXIST},
        {{0xffff, 0xffff, ABI_PORTS, 0}, ABI_OK},
        {{0xffff, 0x10000, ABI_PORTS, 0}, ABI_EEXIST},
        {{0x500, 0x4ff, ABI_PORTS, 0}, ABI_EINVAL},
        {{0x700, 0x700, 3, 0}, ABI_EINVAL},
        {{0x700, 0x700, ABI_PORTS, 1}, ABI_EINVAL},
        {{0xd0000000, 0xd0000fff, ABI_MEMORY, 0}, ABI_OK},
        {{0xd0000000, 0xd0001fff, ABI_MEMORY, 0}, ABI_EEXIST},
        {{0xd0001000, 0xd0001ffe, ABI_MEMORY, 0}, ABI_EEXIST},
        {{0xd0001001, 0xd0001fff, ABI_MEMORY, 0}, ABI_EEXIST},
        {{0, ~0ull, ABI_MEMORY, 0}, ABI_EEXIST},
        {{MID_END - PAGE_SIZE, MID_END + PAGE_SIZE - 1, ABI_MEMORY, 0}, ABI_EEXIST},
        {{MID_END, MID_END + PAGE_SIZE - 1, ABI_MEMORY, 0}, ABI_OK},
        {{LOW_END, LOW_END + PAGE_SIZE - 1, ABI_MEMORY, 0}, ABI_EEXIST}, /* the VGA window */
        {{0xfee00000, 0xfee00fff, ABI_MEMORY, 0}, ABI_EEXIST},
        {{0xfed00000, 0xfed00fff, ABI_MEMORY, 0},
         ABI_EEXIST}, /* a part of the page is the HPET's */
        {{BIT(40) - PAGE_SIZE, BIT(40) - 1, ABI_MEMORY, 0}, ABI_OK},
        {{BIT(40), BIT(40) + PAGE_SIZE - 1, ABI_MEMORY, 0}, ABI_EEXIST},
        {{0xcf9, 0xcff, ABI_PORTS, 0}, ABI_EEXIST}, /* the reset port's own accesses */
        {{0xcf8, 0xcff, ABI_PORTS, 0}, ABI_OK},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (call_with(HC_claim, PARTITION, &cases[i].range, sizeof(cases[i].range)) !=
            cases[i].result)
            fail_msg("case %zu", i);
    assert_int_equal(call(HC_claim, PARTITION, 0, 0, 0), ABI_EFAULT);
    assert_int_equal(call(HC_claim, NOBODY, SCRAP, 0, 0), ABI_ENOENT);
    assert_true(served_range_has(&vm.served, ABI_MEMORY, 0xd0000fff, 1));
    assert_false(served_range_has(&vm.served, ABI_MEMORY, 0xd0001000, 1));
    assert_int_equal(call_with(HC_unclaim, PARTITION, &cases[13].range, sizeof(cases[13].range)),
                     ABI_OK);
    assert_false(served_range_has(&vm.served, ABI_MEMORY, 0xd0000fff, 1));
    assert_int_equal(call_with(HC_unclaim, PARTITION, &cases[13].range, sizeof(cases[13].range)),
                     ABI_ENOENT);
}

static void test_claims_are_bounded(void **state)
{
    (void)state;
    for (u32 i = 0; i < SERVED_RANGES; i++)
        assert_int_equal(claim(0x1000 + i, 0x1000 + i, ABI_PORTS), ABI_OK);
    assert_int_equal(claim(0x2000, 0x2000, ABI_PORTS), ABI_ENOMEM);

    const struct abi_range one = {0x1003, 0x1003, ABI_PORTS, 0};

    assert_int_equal(call_with(HC_unclaim, PARTITION, &one, sizeof(one)), ABI_OK);
    assert_int_equal(claim(0x2000, 0x2000, ABI_PORTS), ABI_OK);
    assert_int_equal(vm.served.ranges, SERVED_RANGES);
}

static u32 count_bells(void)
{
    u32 count = 0;

    for (u32 i = 0; i < SERVED_BELLS; i++)
        count += vm.served.bell[i].space == ABI_PORTS || vm.served.bell[i].space == ABI_MEMORY;
    return count;
}

/* The event that a write rings; 0: none. */
static u32 rings(u32 space, u64 address, u32 bytes, u64 value)
{
    const struct served_bell *b = served_bell_of(&vm.served, space, address, bytes, &value);

    return b ? b->port : 0;
}

static i64 bell(u64 number, u64 address, u32 port)
{
    const struct abi_doorbell d = {.space = ABI_MEMORY, .address = address, .port = port};

    return call_with(number, PARTITION, &d, sizeof(d));
}

static void test_doorbells(void **state)
{
    static const struct {
        struct abi_doorbell bell;
        i64 result;
    } cases[] = {
        {{.space = ABI_PORTS, .address = 0x500, .bytes = 4, .port = 9}, ABI_OK},
        {{.space = ABI_PORTS, .address = 0x500, .bytes = 4, .port = 10}, ABI_OK},
        {{.space = ABI_PORTS, .address = 0x504, .bytes = 0, .port = 9}, ABI_OK},
        {{.space = ABI_MEMORY,
          .address = 0xd0000ff8,
          .bytes = 8,
          .has_value = 1,
          .value = 3,
          .port = 255},
         ABI_OK},
        {{.space = ABI_MEMORY, .address = 0xd0000ffc, .bytes = 8, .port = 255}, ABI_EINVAL},
        {{.space = ABI_MEMORY, .address = 0xd0001000, .port = 255}, ABI_EINVAL},
        {{.space = ABI_MEMORY, .address = 0x500, .port = 255}, ABI_EINVAL},
        {{.space = ABI_PORTS, .address = 0x4ff, .port = 9}, ABI_EINVAL},
        {{.space = ABI_PORTS, .address = 0xcf8, .port = 9}, ABI_OK},
        {{.space = ABI_PORTS, .address = 0xcf9, .port = 9},
         ABI_EINVAL}, /* claimed, but the board's */
        {{.space = ABI_PORTS, .bytes = 3, .port = 9}, ABI_EINVAL},
        {{.space = ABI_PORTS, .bytes = 16, .port = 9}, ABI_EINVAL},
        {{.space = ABI_PORTS, .bytes = 0, .has_value = 1, .port = 9}, ABI_EINVAL},
        {{.space = ABI_PORTS, .bytes = 1, .has_value = 2, .port = 9}, ABI_EINVAL},
        {{.space = ABI_PORTS, .bytes = 1, .port = ABI_EVENTS}, ABI_EINVAL},
        {{.space = ABI_PORTS, .bytes = 1, .port = ABI_EVENT_PARTITIONS}, ABI_EINVAL},
        {{.space = 0, .bytes = 1, .port = 9}, ABI_EINVAL},
    };

    (void)state;
    assert_int_equal(claim(0x500, 0x50f, ABI_PORTS), ABI_OK);
    assert_int_equal(claim(0xcf8, 0xcff, ABI_PORTS), ABI_OK);
    assert_int_equal(claim(0xd0000000, 0xd0000fff, ABI_MEMORY), ABI_OK);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (call_with(HC_doorbell, PARTITION, &cases[i].bell, sizeof(cases[i].bell)) !=
            cases[i].result)
            fail_msg("case %zu", i);
    assert_int_equal(count_bells(), 4);
    assert_int_equal(rings(ABI_PORTS, 0x500, 4, 0), 10); /* the later one counts */
    assert_int_equal(rings(ABI_PORTS, 0x500, 2, 0), 0);
    assert_int_equal(rings(ABI_MEMORY, 0x500, 4, 0), 0);
    assert_int_equal(rings(ABI_PORTS, 0x504, 1, 0), 9);
    assert_int_equal(rings(ABI_MEMORY, 0xd0000ff8, 8, 3), 255);
    assert_int_equal(rings(ABI_MEMORY, 0xd0000ff8, 8, 4), 0);
    assert_ptr_equal(served_bell_of(&vm.served, ABI_MEMORY, 0xd0000ff8, 8, NULL), NULL);
    assert_int_equal(call_with(HC_undoorbell, PARTITION, &cases[0].bell, sizeof(cases[0].bell)),
                     ABI_OK);
    assert_int_equal(call_with(HC_undoorbell, PARTITION, &cases[0].bell, sizeof(cases[0].bell)),
                     ABI_ENOENT);
    assert_int_equal(call(HC_doorbell, PARTITION, ~0ull, 0, 0), ABI_EFAULT);
}

/* All at one place of the table, which has no room for more. */
static void test_doorbells_in_each_others_way(void **state)
{
    const u64 first = 0xd0000000, step = 0x10100; /* changes nothing of served_bell_place() */

    (void)state;
    assert_int_equal(claim(first, first + 0xffffff, ABI_MEMORY), ABI_OK);
    for (u32 i = 0; i < SERVED_BELLS; i++)
        assert_int_equal(bell(HC_doorbell, first + i * step, i + 1), ABI_OK);
    assert_int_equal(bell(HC_doorbell, first + SERVED_BELLS * step, 9), ABI_ENOMEM);
    assert_int_equal(rings(ABI_MEMORY, first + SERVED_BELLS * step, 4, 0), 0);
    for (u32 i = 0; i < SERVED_BELLS; i++)
        assert_int_equal(rings(ABI_MEMORY, first + i * step, 4, 0), i + 1);
    for (u32 i = 0; i < SERVED_BELLS - 1; i++) /* those behind are still found */
        assert_int_equal(bell(HC_undoorbell, first + i * step, 1), ABI_OK);
    assert_int_equal(rings(ABI_MEMORY, first, 4, 0), 0);
    assert_int_equal(rings(ABI_MEMORY, first + (SERVED_BELLS - 1) * step, 4, 0), SERVED_BELLS);
    assert_int_equal(bell(HC_doorbell, first + (SERVED_BELLS - 1) * step, 7), ABI_OK);
    assert_int_equal(count_bells(), 1);
    assert_int_equal(bell(HC_doorbell, first, 8), ABI_OK);
    assert_int_equal(rings(ABI_MEMORY, first, 4, 0), 8);
}

/* They go with the claim. */
static void test_unclaimed_doorbells(void **state)
{
    const struct abi_range range = {0xd0000000, 0xd0000fff, ABI_MEMORY, 0};

    (void)state;
    assert_int_equal(claim(range.first, range.last, range.space), ABI_OK);
    assert_int_equal(claim(range.last + 1, range.last + PAGE_SIZE, range.space), ABI_OK);
    assert_int_equal(bell(HC_doorbell, range.last - 3, 5), ABI_OK);
    assert_int_equal(bell(HC_doorbell, range.last + 1, 6), ABI_OK);
    assert_int_equal(call_with(HC_unclaim, PARTITION, &range, sizeof(range)), ABI_OK);
    assert_int_equal(rings(ABI_MEMORY, range.last - 3, 4, 0), 0);
    assert_int_equal(rings(ABI_MEMORY, range.last + 1, 4, 0), 6);
}

static void test_lines(void **state)
{
    static const u8 of_models[] = {0, 1, 2, 4, 8, 9, 13, 24, 31, 255};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(of_models); i++)
        assert_int_equal(call(HC_line, PARTITION, of_models[i], 1, 0), ABI_EINVAL);
    assert_int_equal(call(HC_line, PARTITION, 5, 2, 0), ABI_EINVAL);
    assert_int_equal(call(HC_line, NOBODY, 5, 1, 0), ABI_ENOENT);
    assert_int_equal(vm.served.lines, 0);
    assert_int_equal(call(HC_line, PARTITION, 5, 1, 0), ABI_OK);
    assert_int_equal(call(HC_line, PARTITION, 23, 1, 0), ABI_OK);
    assert_true(v->todo & TODO_LINES);
    board_set_lines(&vm.board, vm.served.lines);
    assert_true(pic_line(&vm.board.pic, 5));
    assert_int_equal(vm.board.ioapic.lines & BOARD_FREE_LINES, BIT(5) | BIT(23));
    assert_int_equal(call(HC_line, PARTITION, 5, 0, 0), ABI_OK);
    board_set_lines(&vm.board, vm.served.lines);
    assert_false(pic_line(&vm.board.pic, 5));
    assert_int_equal(vm.board.ioapic.lines & BOARD_FREE_LINES, BIT(23));
    board_set_lines(&vm.board, ~0u); /* the models' own lines are theirs */
    assert_false(pic_line(&vm.board.pic, 4));
}

static void test_messages(void **state)
{
    static const struct {
        u64 address, data;
        i64 result;
    } cases[] = {
        {0xfee00000, 0x41, ABI_OK},
        {0xfeeff00c, 0x1ff, ABI_OK},       /* to the lowest priority of all, logical */
        {0xfee00000, 0x0f, ABI_EINVAL},    /* a vector of exceptions */
        {0xfee00000, 0x441, ABI_EINVAL},   /* NMI */
        {0xfee00000, 0x541, ABI_EINVAL},   /* INIT */
        {0xfee00000, 0x8041, ABI_EINVAL},  /* level-triggered */
        {0xfee00000, 0x10041, ABI_EINVAL}, /* reserved */
        {0xfed00000, 0x41, ABI_EINVAL},
        {0x1fee00000, 0x41, ABI_EINVAL},
    };

    (void)state;
    lapic_reset(&v->lapic, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (call(HC_msi, PARTITION, cases[i].address, cases[i].data, 0) != cases[i].result)
            fail_msg("case %zu", i);
    assert_true(v->todo & TODO_MAIL);
    assert_int_equal(call(HC_msi, NOBODY, 0xfee00000, 0x41, 0), ABI_ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_admit, both_new),
        cmocka_unit_test_setup(test_release, both_new),
        cmocka_unit_test_setup(test_nobody_else_is_served, both_new),
        cmocka_unit_test_setup(test_pci_bus, both_new),
        cmocka_unit_test_setup(test_claims, both_new),
        cmocka_unit_test_setup(test_claims_are_bounded, both_new),
        cmocka_unit_test_setup(test_doorbells, both_new),
        cmocka_unit_test_setup(test_doorbells_in_each_others_way, both_new),
        cmocka_unit_test_setup(test_unclaimed_doorbells, both_new),
        cmocka_unit_test_setup(test_lines, both_new),
        cmocka_unit_test_setup(test_messages, both_new),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
