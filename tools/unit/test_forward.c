/* vmm/forward.c under the handlers of port and memory accesses: what becomes a request, and how an
 * instruction goes on with its replies. */
#include "tools/unit/fake_control.h"

#define PAGE 0xd0000000ull

static int claimed(void **state)
{
    both_new(state);
    assert_int_equal(claim(0x500, 0x50f, ABI_PORTS), ABI_OK);
    assert_int_equal(claim(PAGE, PAGE + PAGE_SIZE - 1, ABI_MEMORY), ABI_OK);
    return 0;
}

static void io(u16 port, u32 bytes, bool in)
{
    exited();
    x = (struct exit){.reason = EXIT_IO,
                      .qual = (u64)port << 16 | (bytes - 1) | (in ? BIT(3) : 0),
                      .insn_len = 1};
}

/* The control partition's answer, and what the vCPU does with it. */
static void answered(u64 value)
{
    const struct exit other = {.reason = EXIT_CPUID};

    assert_false(forward_finish(v, &x));
    assert_int_equal(boundary_reply(0, slots[0].sequence, value), OK);
    assert_true(forward_finish(v, &other)); /* the exit of now means nothing */
    assert_int_equal(v->away.waits, WAIT_NOTHING);
}

static void test_port_read(void **state)
{
    (void)state;
    r[RAX] = ~0ull;
    io(0x502, 2, true);
    assert_int_equal(on_io(v, &x), RESUME);
    assert_int_equal(slots[0].space, ABI_PORTS);
    assert_int_equal(slots[0].address, 0x502);
    assert_int_equal(slots[0].bytes, 2);
    assert_false(slots[0].write);
    assert_int_equal(r[RAX], ~0ull);
    assert_int_equal(now(GS_RIP), RIP);
    answered(0x123456789);
    assert_int_equal(r[RAX], 0xffffffffffff6789);
    assert_int_equal(now(GS_RIP), RIP + 1);
    assert_int_equal(vm.board.refused, 0);
}

static void test_port_write(void **state)
{
    (void)state;
    r[RAX] = 0x1122334455;
    io(0x50c, 4, false);
    assert_int_equal(on_io(v, &x), RESUME);
    assert_true(slots[0].write);
    assert_int_equal(slots[0].value, 0x22334455);
    answered(0);
    assert_int_equal(now(GS_RIP), RIP + 1);
}

/* Over the end, and beside it: the board's, as ever. */
static void test_other_ports(void **state)
{
    (void)state;
    io(0x50e, 4, true);
    assert_int_equal(on_io(v, &x), NEXT);
    io(0x4ff, 1, true);
    assert_int_equal(on_io(v, &x), NEXT);
    io(0x510, 1, false);
    assert_int_equal(on_io(v, &x), NEXT);
    assert_int_equal(info->requests[0], 0);
    assert_int_equal(vm.board.refused, 3);
}

static void memory(const u8 *code, u32 len, u64 gpa, bool write)
{
    identity(0, MID_END, PTE_RW);
    map(PAGE, PAGE, PTE_RW);
    memcpy(ram(RIP), code, len);
    exited();
    x = (struct exit){.reason = EXIT_EPT_VIOLATION,
                      .gpa = {gpa},
                      .gla = gpa,
                      .qual = (write ? BIT(1) : BIT(0)) | BIT(7) | BIT(8)};
}

static void test_memory_read(void **state)
{
    static const u8 mov_eax_rbx[] = {0x8b, 0x03};

    (void)state;
    r[RAX] = ~0ull;
    memory(mov_eax_rbx, sizeof(mov_eax_rbx), PAGE + 8, false);
    r[RBX] = PAGE + 8;
    assert_int_equal(on_ept_violation(v, &x), RESUME);
    assert_int_equal(v->away.waits, WAIT_REPLY);
    assert_int_equal(slots[0].space, ABI_MEMORY);
    assert_int_equal(slots[0].address, PAGE + 8);
    answered(0x99aabbccddeeff00);
    assert_int_equal(r[RAX], 0xddeeff00);
    assert_int_equal(now(GS_RIP), RIP + 2);
}

/* Two requests, each made once: the second run of the handler finds the first one's reply. */
static void test_read_modify_write(void **state)
{
    static const u8 add_rbx_eax[] = {0x01, 0x03};

    (void)state;
    memory(add_rbx_eax, sizeof(add_rbx_eax), PAGE, true);
    r[RBX] = PAGE;
    r[RAX] = 5;
    assert_int_equal(on_ept_violation(v, &x), RESUME);
    assert_false(slots[0].write);
    assert_false(forward_finish(v, &x));
    assert_int_equal(boundary_reply(0, slots[0].sequence, 100), OK);
    assert_false(forward_finish(v, &x)); /* for the write, now */
    assert_true(slots[0].write);
    assert_int_equal(slots[0].value, 105);
    assert_int_equal(now(GS_RIP), RIP);
    answered(0);
    assert_int_equal(now(GS_RIP), RIP + 2);
    assert_int_equal(v->forward.done, 0);
}

/* The guest has changed the instruction meanwhile: it is looked at anew. */
static void test_instruction_changes(void **state)
{
    static const u8 mov_eax_rbx[] = {0x8b, 0x03};

    (void)state;
    memory(mov_eax_rbx, sizeof(mov_eax_rbx), PAGE, false);
    r[RBX] = PAGE;
    assert_int_equal(on_ept_violation(v, &x), RESUME);
    assert_false(forward_finish(v, &x));
    ((u8 *)ram(RIP))[0] = 0x8a; /* mov al, [rbx] */
    assert_int_equal(boundary_reply(0, slots[0].sequence, 0x77), OK);
    assert_false(forward_finish(v, &x));
    assert_int_equal(slots[0].bytes, 1);
    answered(0x66);
    assert_int_equal(r[RAX] & 0xff, 0x66);
}

/* Its CPU runs the control partition at once: nothing waits. */
static void test_calls(void **state)
{
    static const u8 add_rbx_eax[] = {0x01, 0x03};

    (void)state;
    fake_cpu.answers_calls = true;
    fake_cpu.answer = 0x1234;
    r[RAX] = ~0ull;
    io(0x502, 1, true);
    assert_int_equal(on_io(v, &x), NEXT);
    assert_int_equal(r[RAX], 0xffffffffffffff34);
    assert_int_equal(fake_cpu.calls, 1);
    memory(add_rbx_eax, sizeof(add_rbx_eax), PAGE, true);
    r[RBX] = PAGE;
    r[RAX] = 5;
    assert_int_equal(on_ept_violation(v, &x), RESUME);
    assert_int_equal(fake_cpu.calls, 3);
    assert_int_equal(slots[0].value, 0x1239);
    assert_int_equal(now(GS_RIP), RIP + 2);
}

/* The first of two accesses was answered at once, the second is not: the first is not repeated. */
static void test_call_then_wait(void **state)
{
    static const u8 add_rbx_eax[] = {0x01, 0x03};
    u32 first;

    (void)state;
    memory(add_rbx_eax, sizeof(add_rbx_eax), PAGE, true);
    r[RBX] = PAGE;
    r[RAX] = 5;
    fake_cpu.answers_calls = true;
    fake_cpu.answer = 100;
    fake_cpu.calls_left = 1;
    assert_int_equal(on_ept_violation(v, &x), RESUME);
    first = slots[0].sequence;
    assert_int_equal(v->away.waits, WAIT_REPLY);
    assert_true(slots[0].write);
    assert_int_equal(slots[0].value, 105);
    answered(0);
    assert_int_equal(slots[0].sequence, first);
    assert_int_equal(now(GS_RIP), RIP + 2);
}

/* What an instruction before has left in the log is not this one's. */
static void test_log_is_of_one_exit(void **state)
{
    static const u8 mov_eax_rbx[] = {0x8b, 0x03};

    (void)state;
    fake_cpu.answers_calls = true;
    for (u32 i = 0; i < 3 * FORWARD_LOG; i++) {
        fake_cpu.answer = i;
        memory(mov_eax_rbx, sizeof(mov_eax_rbx), PAGE, false);
        r[RBX] = PAGE;
        assert_int_equal(on_ept_violation(v, &x), RESUME);
        assert_int_equal(r[RAX], i);
        stats.reason[EXIT_EPT_VIOLATION].count++;
    }
}

static void test_down(void **state)
{
    (void)state;
    boundary_close(true);
    r[RAX] = 0;
    io(0x500, 4, true);
    assert_int_equal(on_io(v, &x), NEXT);
    assert_int_equal(r[RAX], 0xffffffff);
    io(0x500, 4, false);
    assert_int_equal(on_io(v, &x), NEXT);
}

static void test_doorbells_ring(void **state)
{
    static const struct abi_doorbell bells[] = {
        {.space = ABI_PORTS, .address = 0x500, .bytes = 2, .port = 70},
        {.space = ABI_PORTS, .address = 0x504, .bytes = 4, .has_value = 1, .value = 7, .port = 71},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bells); i++)
        assert_int_equal(call_with(HC_doorbell, PARTITION, &bells[i], sizeof(bells[i])), ABI_OK);
    io(0x500, 2, false);
    assert_int_equal(on_io(v, &x), NEXT); /* it does not wait */
    assert_int_equal(info->pending[1], BIT(6));
    assert_int_equal(v->away.waits, WAIT_NOTHING);
    r[RAX] = 7;
    io(0x504, 4, false);
    assert_int_equal(on_io(v, &x), NEXT);
    assert_int_equal(info->pending[1], BIT(6) | BIT(7));
    info->pending[1] = 0;
    r[RAX] = 8;
    io(0x504, 4, false);
    assert_int_equal(on_io(v, &x), RESUME); /* an ordinary write */
    assert_int_equal(info->pending[1], 0);
    assert_int_equal(info->requests[0], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_port_read, claimed),
        cmocka_unit_test_setup(test_port_write, claimed),
        cmocka_unit_test_setup(test_other_ports, claimed),
        cmocka_unit_test_setup(test_memory_read, claimed),
        cmocka_unit_test_setup(test_read_modify_write, claimed),
        cmocka_unit_test_setup(test_instruction_changes, claimed),
        cmocka_unit_test_setup(test_calls, claimed),
        cmocka_unit_test_setup(test_call_then_wait, claimed),
        cmocka_unit_test_setup(test_log_is_of_one_exit, claimed),
        cmocka_unit_test_setup(test_down, claimed),
        cmocka_unit_test_setup(test_doorbells_ring, claimed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
