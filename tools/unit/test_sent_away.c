/* A vCPU that is told to keep off its CPU, or to go to another one. */
#include "tools/unit/fake_guest.h"
#include "tools/unit/quiet_console.h"
#include "vmm/todo.h"
#include "vmm/vcpu_first.h"
#include "vmm/vm_end.h"

static int fresh(void **state)
{
    (void)state;
    guest_new(LONG);
    v->todo = TODO_RESCHED;
    return 0;
}

static void leaves(enum vcpu_leave why)
{
    assert_false(vcpu_prepare(v, &x));
    assert_int_equal(v->leave, why);
}

static void test_paused(void **state)
{
    (void)state;
    vm.paused = 1;
    leaves(LEAVE_PAUSED);
    assert_int_equal(v->todo, 0); /* it can be blocked */
    v->todo = TODO_BOARD;
    leaves(LEAVE_PAUSED);
    vm.paused = 0;
    v->todo = TODO_BOARD;
    assert_true(vcpu_prepare(v, &x));
}

/* In HLT it is paused, too, and sleeps on after that. */
static void test_paused_asleep(void **state)
{
    (void)state;
    vm.paused = 1;
    v->todo = TODO_HALT;
    leaves(LEAVE_PAUSED);
    assert_true(v->asleep);
}

static void test_ends_all_the_same(void **state)
{
    (void)state;
    vm.paused = 1;
    v->away.move_to = 2;
    vm_end(&vm, VM_END_KILLED, 0);
    leaves(LEAVE_ENDED);
}

static void test_moves(void **state)
{
    (void)state;
    v->away.move_to = 1; /* to CPU 0 */
    leaves(LEAVE_MOVES);
    v->away.move_to = 3;
    vm.paused = 1; /* first it stands still */
    v->todo = TODO_RESCHED;
    leaves(LEAVE_PAUSED);
}

/* Nothing but its registers lets one begin whose guest waits for an image. */
static void test_waits_for_its_registers(void **state)
{
    static const struct abi_registers first = {.mode = ABI_PROTECTED_32, .rip = 0x100000};

    (void)state;
    vcpu_wait_for_first(v);
    vm.paused = 1;
    leaves(LEAVE_PAUSED);
    vm.paused = 0;
    v->todo = TODO_BOARD | TODO_CONSOLE; /* somebody has let it go on */
    leaves(LEAVE_WAITS);
    v->todo = TODO_WAKE;
    leaves(LEAVE_WAITS);
    assert_int_equal(vm_give_first(&vm, &first), OK);
    assert_true(v->todo & TODO_WAKE);
    assert_true(vcpu_prepare(v, &x));
    assert_int_equal(gs_get(&v->vmx.guest, GS_RIP), 0x100000);
    v->todo = TODO_BOARD;
    assert_true(vcpu_prepare(v, &x));
}

static void test_ends_without_registers(void **state)
{
    (void)state;
    vcpu_wait_for_first(v);
    vm_end(&vm, VM_END_KILLED, 0);
    leaves(LEAVE_ENDED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_paused, fresh),
        cmocka_unit_test_setup(test_paused_asleep, fresh),
        cmocka_unit_test_setup(test_ends_all_the_same, fresh),
        cmocka_unit_test_setup(test_moves, fresh),
        cmocka_unit_test_setup(test_waits_for_its_registers, fresh),
        cmocka_unit_test_setup(test_ends_without_registers, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
