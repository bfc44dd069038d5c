/* The hypercall gate, by the lines of include/abi/hypercalls.def. */
#include "abi/errors.h"
#include "tools/unit/fake_guest.h"
#include "vmm/hypercall.h"

/* The table once more, with what each call gives a new guest: a line that is added wants one here.
 */
static const struct {
    u64 number;
    const char *name;
    i64 result;
} want[] = {
    {0, "abi_version", 1 << 16 | 8}, {1, "ledger_begin", ABI_EPERM},
    {2, "ledger_end", ABI_EPERM},    {3, "grant", ABI_EPERM},
    {4, "revoke", ABI_EPERM},        {5, "log", ABI_EPERM},
    {6, "wait", ABI_EPERM},          {7, "reply", ABI_EPERM},
    {8, "reply_wait", ABI_EPERM},    {9, "partition", ABI_EPERM},
    {10, "admit", ABI_EPERM},        {11, "claim", ABI_EPERM},
    {12, "unclaim", ABI_EPERM},      {13, "doorbell", ABI_EPERM},
    {14, "undoorbell", ABI_EPERM},   {15, "line", ABI_EPERM},
    {16, "msi", ABI_EPERM},          {17, "map", ABI_EPERM},
    {18, "unmap", ABI_EPERM},        {19, "device_memory", ABI_EPERM},
    {20, "irq_bind", ABI_EPERM},     {21, "irq_done", ABI_EPERM},
    {22, "release", ABI_EPERM},      {23, "console_write", ABI_EPERM},
    {24, "console_read", ABI_EPERM}, {25, "console_events", ABI_EPERM},
    {26, "start", ABI_EPERM},        {27, "end", ABI_EPERM},
    {28, "pause", ABI_EPERM},        {29, "resume", ABI_EPERM},
    {30, "move", ABI_EPERM},         {31, "power_button", ABI_EPERM},
    {32, "console_show", ABI_EPERM}, {33, "log_end", ABI_EPERM},
    {34, "log_read", ABI_EPERM},     {35, "log_level", ABI_EPERM},
    {36, "vcpu_stats", ABI_EPERM},   {37, "cpu_stats", ABI_EPERM},
    {38, "trace_read", ABI_EPERM},   {39, "audit", ABI_EPERM},
    {40, "create", ABI_EPERM},       {41, "spec", ABI_EPERM},
    {42, "registers", ABI_EPERM},    {43, "forget", ABI_EPERM},
    {44, "typed", ABI_EPERM},
};

static const struct {
    u64 number;
    const char *name;
} calls[] = {
#define HYPERCALL(number, name, who, argc, args, result, text) {number, #name},
#include "abi/hypercalls.def"
};

static void test_every_call(void **state)
{
    static const struct hc_args args;

    (void)state;
    assert_int_equal(ARRAY_LEN(calls), ARRAY_LEN(want));
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        guest_new(LONG);
        assert_int_equal(calls[i].number, want[i].number);
        assert_string_equal(calls[i].name, want[i].name);
        assert_int_equal(hypercall(v, want[i].number, &args), want[i].result);
    }
}

static void test_numbers_without_a_line(void **state)
{
    static const struct hc_args args = {{~0ull, ~0ull, ~0ull, ~0ull}};

    (void)state;
    guest_new(LONG);
    for (u64 number = 0; number < 100000; number++) {
        bool listed = false;

        for (size_t i = 0; i < ARRAY_LEN(calls); i++)
            listed |= calls[i].number == number;
        if (!listed)
            assert_int_equal(hypercall(v, number, &args), ABI_ENOSYS);
    }
    for (u32 bit = 17; bit < 64; bit++)
        assert_int_equal(hypercall(v, BIT(bit), &args), ABI_ENOSYS);
    assert_int_equal(hypercall(v, ~0ull, &args), ABI_ENOSYS);
}

static u64 call(u64 number, u64 a, u64 b)
{
    return (u64)hypercall(v, number, &(struct hc_args){{a, b}});
}

static void test_ledger_calls(void **state)
{
    const struct ledger_entry *e = &vm.ledger.op[LEDGER_OP_user0];

    (void)state;
    guest_new(LONG);
    ledger_start(&vm.ledger);
    assert_int_equal(call(1, LEDGER_OP_user0, 0), (u64)ABI_EPERM);
    assert_int_equal(call(2, LEDGER_OP_boot, 0), (u64)ABI_EPERM);
    assert_int_equal(vm.ledger.refused, 0);

    guest_config.ledger = CONFIG_ON;
    assert_int_equal(call(1, LEDGER_OP_user0, 0), (u64)ABI_EINVAL); /* boot has not ended */
    assert_int_equal(call(2, LEDGER_OP_boot, 0), ABI_OK);
    assert_int_equal(call(1, LEDGER_OP_user0, 0), ABI_OK);
    stats.reason[EXIT_VMCALL].count += 3; /* the mark's own, and two of the operation */
    stats.reason[EXIT_CPUID].count += 2;
    assert_int_equal(call(2, LEDGER_OP_user0, 1000), ABI_OK);
    assert_int_equal(e->count, 1000);
    assert_int_equal(e->exits[EXIT_VMCALL], 2);
    assert_int_equal(ledger_exits(e), 4);
    assert_int_equal(call(1, 1ull << 32 | LEDGER_OP_user0, 0), (u64)ABI_EINVAL);
    assert_int_equal(vm.ledger.refused, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call),
        cmocka_unit_test(test_numbers_without_a_line),
        cmocka_unit_test(test_ledger_calls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
