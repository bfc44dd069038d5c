/* vmm/hc_lives.c and vmm/orders.c: what the control partition learns of guests, and what it may
 * order. */
#include "arch/x86_64/log.h"
#include "arch/x86_64/smp.h"
#include "tools/unit/fake_control.h"
#include "vmm/bootinfo.h"
#include "vmm/console.h"
#include "vmm/control_life.h"
#include "vmm/cpu_share.h"
#include "vmm/guests.h"
#include "vmm/orders.h"

#define RESTS  2u   /* guest 1: a partition that does not live */
#define GUESTS 100u /* of the configuration */
#define LAST   (GUESTS + 0ull)
#define CPUS   3u

static struct boot_info boot;
static enum life lives[CONFIG_GUESTS_MAX];
static struct vm *in_front, *left_front;
static enum log_level level;
static const char log_text[] = "0123456789";

const struct boot_info *bootinfo(void)
{
    return &boot;
}

enum life guest_life(u32 n)
{
    return lives[n];
}

struct vm *guest_vm(u32 n)
{
    return n == PARTITION - 1 ? &vm : NULL;
}

struct vm *control_vm(void)
{
    return &the_control;
}

void console_make_front(struct vm *shown)
{
    in_front = shown;
}

void console_leave_front(struct vm *hidden)
{
    left_front = hidden;
}

u32 cpu_count(void)
{
    return CPUS;
}

u64 log_written(void)
{
    return sizeof(log_text) - 1;
}

size_t log_copy(u64 from, char *to, size_t most)
{
    const size_t count = from < sizeof(log_text) - 1 ? sizeof(log_text) - 1 - from : 0;

    memcpy(to, log_text + (count ? from : 0), MIN(count, most));
    return MIN(count, most);
}

enum log_level log_change_level(u64 max)
{
    const enum log_level before = level;

    if (max <= LOG_DEBUG)
        level = (enum log_level)max;
    return before;
}

static int world_new(void **state)
{
    (void)both_new(state);
    memset(&boot, 0, sizeof(boot));
    for (u32 n = 0; n < CONFIG_GUESTS_MAX; n++)
        lives[n] = LIFE_NONE;
    boot.config.guest_count = GUESTS;
    for (u32 n = 0; n < GUESTS; n++) {
        struct config_guest *g = &boot.config.guest[n];

        snprintf(g->name, sizeof(g->name), "guest%u", n);
        g->vcpus = 2;
        g->memory = 8 * MiB;
        lives[n] = n == PARTITION - 1 ? LIFE_ON : LIFE_OVER;
    }
    while (orders_to_start() != ORDER_NONE)
        ;
    orders_show();
    in_front = left_front = NULL;
    fake_cpu.asked = 0;
    v->todo = 0;
    guest_config.vcpus = 1;
    v->cpus = 0x5;
    return 0;
}

static void test_partition(void **state)
{
    const struct abi_partition *p = control_ram(SCRAP);

    (void)state;
    vm.unadmitted = vm.paused = 1;
    v->stats->reason[EXIT_HLT].count = 3;
    v->stats->start = 100;
    fake_cpu.tsc = 1000;
    v->stats->waiting = 300;
    v->stats->stolen = 200;
    v->stats->reason[EXIT_IO].sum = 100;
    v->stats->reason[EXIT_IO].count = 40;
    assert_int_equal(call(HC_partition, PARTITION, SCRAP, 0, 0), ABI_OK);
    assert_int_equal(p->state, ABI_PARTITION_NEW);
    assert_int_equal(p->served, ABI_SERVED_DEVICES);
    assert_int_equal(p->vcpus, 1);
    assert_int_equal(p->memory, 4 * MiB);
    assert_int_equal(p->exits, 43);
    assert_int_equal(p->rest, ABI_REST_UNKNOWN);
    assert_int_equal(p->cpu[0], v->cpu);
    assert_int_equal(p->ticks, 900);
    assert_int_equal(p->asleep, 300);
    assert_int_equal(p->waiting, 200);
    assert_int_equal(p->lintel, 100);
    assert_int_equal(p->paused, 0); /* it waits for us */
    assert_string_equal(p->name, "served");
    vm.unadmitted = 0;
    assert_int_equal(call(HC_partition, PARTITION, SCRAP, 0, 0), ABI_OK);
    assert_int_equal(p->state, ABI_PARTITION_RUNS);
    assert_int_equal(p->paused, 1);
    assert_int_equal(call(HC_partition, LAST + 1, SCRAP, 0, 0), ABI_OK);
    assert_int_equal(p->state, ABI_PARTITION_NONE);
    assert_int_equal(call(HC_partition, 0, SCRAP, 0, 0), ABI_EINVAL);
    assert_int_equal(call(HC_partition, PARTITIONS, SCRAP, 0, 0), ABI_EINVAL);
    assert_int_equal(call(HC_partition, ~0ull, SCRAP, 0, 0), ABI_EINVAL);
    assert_int_equal(
        call(HC_partition, PARTITION, CONTROL_BASE + CONTROL_BYTES - sizeof(*p) + 1, 0, 0),
        ABI_EFAULT);
    assert_int_equal(call(HC_partition, PARTITION, 0, 0, 0), ABI_EFAULT);
}

/* One of lintel.conf that does not live. */
static void test_rest(void **state)
{
    static const struct {
        enum life life;
        u32 rest;
    } cases[] = {{LIFE_HELD, ABI_REST_WAITS},
                 {LIFE_DUE, ABI_REST_STARTS},
                 {LIFE_ON, ABI_REST_STARTS},
                 {LIFE_OVER, ABI_REST_ENDED}};
    const struct abi_partition *p = control_ram(SCRAP);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        lives[RESTS - 1] = cases[i].life;
        assert_int_equal(call(HC_partition, RESTS, SCRAP, 0, 0), ABI_OK);
        assert_int_equal(p->state, ABI_PARTITION_NONE);
        assert_int_equal(p->rest, cases[i].rest);
        assert_string_equal(p->name, "guest1");
        assert_int_equal(p->vcpus, 2);
        assert_int_equal(p->memory, 8 * MiB);
        assert_int_equal(p->exits, 0);
    }
    assert_int_equal(call(HC_partition, LAST + 1, SCRAP, 0, 0), ABI_OK);
    assert_int_equal(p->rest, ABI_REST_UNKNOWN);
    assert_string_equal(p->name, "");
}

static void test_start(void **state)
{
    (void)state;
    assert_int_equal(call(HC_start, PARTITION, 0, 0, 0), ABI_EEXIST);
    assert_int_equal(call(HC_start, LAST + 1, 0, 0, 0), ABI_ENOENT);
    assert_int_equal(call(HC_start, 0, 0, 0, 0), ABI_ENOENT);
    assert_int_equal(call(HC_start, PARTITIONS, 0, 0, 0), ABI_ENOENT);
    assert_int_equal(call(HC_start, ~0ull, 0, 0, 0), ABI_ENOENT);
    assert_int_equal(call(HC_start, 1ull << 32 | RESTS, 0, 0, 0), ABI_ENOENT);
    assert_int_equal(orders_to_start(), ORDER_NONE);
    assert_int_equal(fake_cpu.asked, 0);

    assert_int_equal(call(HC_start, LAST, 0, 0, 0), ABI_OK);
    assert_int_equal(call(HC_start, RESTS, 0, 0, 0), ABI_OK);
    assert_int_equal(call(HC_start, RESTS, 0, 0, 0), ABI_EEXIST); /* it is about to */
    assert_int_equal(fake_cpu.asked, CPU_CONTROL);
    assert_int_equal(orders_to_start(), RESTS - 1);
    assert_int_equal(orders_to_start(), LAST - 1);
    assert_int_equal(orders_to_start(), ORDER_NONE);
}

static void test_end(void **state)
{
    (void)state;
    assert_int_equal(call(HC_end, PARTITION, 2, 0, 0), ABI_EINVAL);
    assert_int_equal(call(HC_end, PARTITION, ~0ull, 0, 0), ABI_EINVAL);
    assert_int_equal(call(HC_end, RESTS, ABI_END_OFF, 0, 0), ABI_ENOENT);
    assert_int_equal(call(HC_end, 0, ABI_END_OFF, 0, 0), ABI_ENOENT); /* not itself */
    assert_int_equal(vm.end, VM_RUNNING);
    assert_int_equal(call(HC_end, PARTITION, ABI_END_RESET, 0, 0), ABI_OK);
    assert_int_equal(vm.end, VM_END_RESET);
    assert_true(v->todo & TODO_END);
    assert_int_equal(call(HC_end, PARTITION, ABI_END_OFF, 0, 0), ABI_ENOENT); /* it is ending */
    assert_int_equal(vm.end, VM_END_RESET);
    vm.end = VM_RUNNING;
    assert_int_equal(call(HC_end, PARTITION, ABI_END_OFF, 0, 0), ABI_OK);
    assert_int_equal(vm.end, VM_END_KILLED);
}

static void test_pause(void **state)
{
    (void)state;
    assert_int_equal(call(HC_resume, PARTITION, 0, 0, 0), ABI_EEXIST);
    assert_int_equal(call(HC_pause, PARTITION, 0, 0, 0), ABI_OK);
    assert_int_equal(vm.paused, 1);
    assert_int_equal(v->todo, TODO_RESCHED);
    assert_int_equal(call(HC_pause, PARTITION, 0, 0, 0), ABI_EEXIST);
    v->todo = 0;
    assert_int_equal(call(HC_resume, PARTITION, 0, 0, 0), ABI_OK);
    assert_int_equal(vm.paused, 0);
    assert_int_equal(v->todo, TODO_BOARD | TODO_CONSOLE);
    assert_int_equal(call(HC_pause, RESTS, 0, 0, 0), ABI_ENOENT);
    assert_int_equal(call(HC_resume, 0, 0, 0, 0), ABI_ENOENT);
    vm.end = VM_END_POWEROFF;
    assert_int_equal(call(HC_pause, PARTITION, 0, 0, 0), ABI_ENOENT);
}

/* One that waits for the control partition's devices begins by `admit` alone, unless nobody is left
 * who could say so. */
static void test_resume_before_admit(void **state)
{
    (void)state;
    vm.unadmitted = vm.paused = 1;
    assert_int_equal(call(HC_resume, PARTITION, 0, 0, 0), ABI_EPERM);
    assert_int_equal(vm.paused, 1);
    boundary.over = true;
    assert_int_equal(order_resume(PARTITION - 1), OK);
    assert_int_equal(vm.paused, 0);
    assert_int_equal(vm.unadmitted, 0);
    assert_int_equal(v->todo, TODO_BOARD | TODO_CONSOLE);
}

static void test_move(void **state)
{
    (void)state;
    assert_int_equal(call(HC_move, PARTITION, 1, 0, 0), ABI_EINVAL); /* it has one */
    assert_int_equal(call(HC_move, PARTITION, 1ull << 32, 0, 0), ABI_EINVAL);
    assert_int_equal(call(HC_move, PARTITION, 0, CPUS, 0), ABI_EINVAL);
    assert_int_equal(call(HC_move, PARTITION, 0, 64, 0), ABI_EINVAL);
    assert_int_equal(call(HC_move, PARTITION, 0, 1ull << 32, 0), ABI_EINVAL);
    assert_int_equal(call(HC_move, PARTITION, 0, 1, 0), ABI_EPERM);
    assert_int_equal(call(HC_move, RESTS, 0, 0, 0), ABI_ENOENT);
    assert_int_equal(v->away.move_to, 0);
    assert_int_equal(call(HC_move, PARTITION, 0, 2, 0), ABI_OK);
    assert_int_equal(v->away.move_to, 3);
    assert_int_equal(v->todo, TODO_RESCHED);
}

static void test_power_button(void **state)
{
    (void)state;
    assert_int_equal(call(HC_power_button, PARTITION, 0, 0, 0), ABI_EPERM);
    assert_int_equal(call(HC_power_button, RESTS, 0, 0, 0), ABI_ENOENT);
    assert_int_equal(vm.button, 0);
    pm_write(&vm.board.pm, PM1_EVENT + 3, 1, 0); /* PWRBTN_EN */
    assert_int_equal(call(HC_power_button, PARTITION, 0, 0, 0), ABI_OK);
    assert_int_equal(vm.button, 1);
    assert_int_equal(v->todo, TODO_LINES);
    assert_false(vm.board.pm.sci); /* its own vCPU does it */
}

static void test_console_show(void **state)
{
    (void)state;
    assert_int_equal(call(HC_console_show, RESTS, 0, 0, 0), ABI_ENOENT);
    assert_int_equal(call(HC_console_show, LAST + 1, 0, 0, 0), ABI_ENOENT);
    assert_int_equal(call(HC_console_show, PARTITIONS, 0, 0, 0), ABI_ENOENT);
    boot.config.guest[PARTITION - 1].console = CONFIG_CONSOLE_NONE;
    assert_int_equal(call(HC_console_show, PARTITION, 0, 0, 0), ABI_EPERM);
    orders_show();
    assert_null(in_front);
    boot.config.guest[PARTITION - 1].console = CONFIG_CONSOLE_AUTO;
    assert_int_equal(call(HC_console_show, PARTITION, 0, 0, 0), ABI_OK);
    assert_null(in_front); /* the boot CPU's business */
    assert_int_equal(fake_cpu.asked, CPU_CONTROL);
    orders_show();
    assert_ptr_equal(in_front, &vm);
    in_front = NULL;
    orders_show();
    assert_null(in_front);

    assert_int_equal(call(HC_start, RESTS, 0, 0, 0), ABI_OK);
    assert_int_equal(call(HC_console_show, RESTS, 0, 0, 0), ABI_OK); /* it is about to live */
    orders_show();
    assert_null(in_front); /* and came to nothing */
    assert_int_equal(call(HC_console_show, 0, 0, 0, 0), ABI_OK);
    orders_show();
    assert_ptr_equal(left_front, control_vm());
}

static void test_log(void **state)
{
    char *const text = control_ram(SCRAP);

    (void)state;
    assert_int_equal(call(HC_log_end, 0, 0, 0, 0), 10);
    assert_int_equal(call(HC_log_read, 3, SCRAP, 4, 0), 4);
    assert_memory_equal(text, "3456", 4);
    assert_int_equal(call(HC_log_read, 8, SCRAP, ABI_LOG_MAX, 0), 2);
    assert_memory_equal(text, "89", 2);
    assert_int_equal(call(HC_log_read, 10, SCRAP, 1, 0), ABI_ENOENT);
    assert_int_equal(call(HC_log_read, ~0ull, SCRAP, 1, 0), ABI_ENOENT);
    assert_int_equal(call(HC_log_read, 0, SCRAP, ABI_LOG_MAX + 1, 0), ABI_EINVAL);
    assert_int_equal(call(HC_log_read, 0, SCRAP, ~0ull, 0), ABI_EINVAL);
    assert_int_equal(call(HC_log_read, 0, CONTROL_BASE + CONTROL_BYTES - 4, 5, 0), ABI_EFAULT);
    assert_int_equal(call(HC_log_read, 0, ~0ull, 5, 0), ABI_EFAULT);

    level = LOG_INFO;
    assert_int_equal(call(HC_log_level, ~0ull, 0, 0, 0), LOG_INFO);
    assert_int_equal(level, LOG_INFO);
    assert_int_equal(call(HC_log_level, LOG_DEBUG, 0, 0, 0), LOG_INFO);
    assert_int_equal(level, LOG_DEBUG);
    assert_int_equal(call(HC_log_level, LOG_DEBUG + 1, 0, 0, 0), LOG_DEBUG);
    assert_int_equal(level, LOG_DEBUG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_partition, world_new),
        cmocka_unit_test_setup(test_rest, world_new),
        cmocka_unit_test_setup(test_start, world_new),
        cmocka_unit_test_setup(test_end, world_new),
        cmocka_unit_test_setup(test_pause, world_new),
        cmocka_unit_test_setup(test_resume_before_admit, world_new),
        cmocka_unit_test_setup(test_move, world_new),
        cmocka_unit_test_setup(test_power_button, world_new),
        cmocka_unit_test_setup(test_console_show, world_new),
        cmocka_unit_test_setup(test_log, world_new),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
