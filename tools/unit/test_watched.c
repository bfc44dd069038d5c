/* What vcpu_prepare() looks at before each entry of some vCPUs: exits that are counted, and a
 * triple fault. */
#include "tools/unit/fake_guest.h"
#include "tools/unit/quiet_console.h"
#include "vmm/todo.h"

static struct vcpu other;
static struct exit_stats other_stats;

static int fresh(void **state)
{
    (void)state;
    guest_new(LONG);
    memset(&other, 0, sizeof(other));
    memset(&other_stats, 0, sizeof(other_stats));
    other.vm = &vm;
    other.stats = &other_stats;
    v->todo = TODO_BOARD;
    return 0;
}

static void limit(u64 exits)
{
    v->counted = other.counted = true;
    vm.exits_end = exits;
}

/* One more exit of `who`, with that reason. */
static void exit_by(struct vcpu *who, u32 reason)
{
    who->stats->reason[reason].count++;
}

static void ends(enum vm_end how)
{
    assert_false(vcpu_prepare(v, &x));
    assert_int_equal(v->leave, LEAVE_ENDED);
    assert_int_equal(vm.end, how);
}

static void test_not_counted(void **state)
{
    (void)state;
    vm.exits_end = 1;
    exit_by(v, EXIT_CPUID);
    exit_by(v, EXIT_CPUID);
    assert_true(vcpu_prepare(v, &x));
    assert_int_equal(v->todo, 0); /* exits with nothing to do stay short */
    assert_int_equal(vm.end, VM_RUNNING);
}

/* Each exit comes to vcpu_prepare(), whatever it is, and ends the guest if there were enough. */
static void test_counted(void **state)
{
    (void)state;
    limit(3);
    for (u32 i = 0; i < 3; i++) {
        assert_true(vcpu_prepare(v, &x));
        assert_int_equal(v->todo, TODO_COUNT);
        exit_by(v, i);
    }
    ends(VM_END_EXPIRED);
}

static void test_of_all_vcpus(void **state)
{
    (void)state;
    limit(4);
    vm.vcpu[vm.vcpus++] = &other;
    exit_by(v, EXIT_CPUID);
    exit_by(&other, EXIT_CPUID);
    exit_by(&other, EXIT_HLT);
    assert_true(vcpu_prepare(v, &x));
    exit_by(&other, EXIT_HLT);
    ends(VM_END_EXPIRED);
    assert_true(other.todo & TODO_END); /* it is told */
}

/* An exit that is only counted does not look at the devices. */
static void test_counting_is_no_look(void **state)
{
    (void)state;
    limit(10);
    assert_true(vcpu_prepare(v, &x));
    v->deadline = 12345;
    v->todo = TODO_COUNT;
    assert_true(vcpu_prepare(v, &x));
    assert_int_equal(v->deadline, 12345);
}

/* Who sleeps has no bit set, or it would not sleep. */
static void test_asleep(void **state)
{
    (void)state;
    limit(10);
    fake_cpu.wanted = true;
    v->todo = TODO_COUNT | TODO_HALT | TODO_BOARD;
    vmcs(GS_RFLAGS, RFLAGS_FIXED_1 | RFLAGS_IF);
    assert_false(vcpu_prepare(v, &x));
    assert_int_equal(v->leave, LEAVE_ASLEEP);
    assert_int_equal(v->todo, 0);
}

static void test_triple_fault(void **state)
{
    (void)state;
    v->triple_fault = true;
    v->todo = TODO_EVENT;
    ends(VM_END_STOPPED);
    assert_non_null(strstr(fake_cpu.why, "triple fault"));
}

static void test_triple_fault_of_a_counted_one(void **state)
{
    (void)state;
    limit(10);
    v->triple_fault = true;
    v->todo = TODO_EVENT | TODO_COUNT;
    ends(VM_END_STOPPED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_not_counted, fresh),
        cmocka_unit_test_setup(test_counted, fresh),
        cmocka_unit_test_setup(test_of_all_vcpus, fresh),
        cmocka_unit_test_setup(test_counting_is_no_look, fresh),
        cmocka_unit_test_setup(test_asleep, fresh),
        cmocka_unit_test_setup(test_triple_fault, fresh),
        cmocka_unit_test_setup(test_triple_fault_of_a_counted_one, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
