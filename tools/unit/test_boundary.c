/* vmm/boundary.c: events, requests and replies, waits, and what happens when the control partition
 * dies. */
#include "arch/x86_64/tsc.h"
#include "tools/unit/fake_control.h"
#include "vmm/cpu_share.h"

static bool is_pending(u32 port)
{
    return info->pending[port / 64] >> (port % 64) & 1;
}

static void test_events(void **state)
{
    (void)state;
    event_post(5);
    assert_true(is_pending(5));
    assert_int_equal(fake_cpu.wakes, 1);
    assert_true(control_vcpu.todo & TODO_WAKE);
    control_vcpu.todo = 0;
    event_post(5); /* it is the same event */
    assert_int_equal(fake_cpu.wakes, 1);
    event_post(255);
    assert_true(is_pending(255));
    assert_int_equal(fake_cpu.wakes, 2);
}

static void test_masks(void **state)
{
    (void)state;
    info->mask[1] = BIT(6);
    event_post(70);
    assert_true(is_pending(70));
    assert_int_equal(fake_cpu.wakes, 0);
    assert_int_equal(boundary_wait(&control_vcpu, ~0ull, fake_cpu.tsc),
                     0); /* it does not end a wait, either */
    assert_int_equal(control_vcpu.away.waits, WAIT_EVENT);
}

static void test_polling(void **state)
{
    (void)state;
    info->polling = 1;
    event_post(9);
    v->forward.at = (struct forwarded_access){.space = ABI_PORTS, .address = 1, .bytes = 1};
    assert_true(boundary_request(v, NULL));
    assert_true(is_pending(9));
    assert_int_equal(info->requests[0], 1);
    assert_int_equal(fake_cpu.wakes, 0);
}

/* One that runs looks by itself before it waits. */
static void test_running(void **state)
{
    (void)state;
    control_vcpu.away.waits = WAIT_NOTHING;
    event_post(9);
    assert_int_equal(fake_cpu.wakes, 0);
    assert_int_equal(boundary_wait(&control_vcpu, ~0ull, fake_cpu.tsc), BIT(ABI_NEWS_EVENTS));
    assert_int_equal(control_vcpu.away.waits, WAIT_NOTHING);
}

/* An event ends one wait, and says in which word it is. */
static void test_news(void **state)
{
    (void)state;
    control_vcpu.away.waits = WAIT_NOTHING;
    event_post(9);
    event_post(200);
    assert_int_equal(boundary_wait(&control_vcpu, ~0ull, fake_cpu.tsc),
                     BIT(ABI_NEWS_EVENTS) | BIT(ABI_NEWS_EVENTS + 3));
    assert_int_equal(boundary_wait(&control_vcpu, ~0ull, fake_cpu.tsc), 0);
    v->forward.at = (struct forwarded_access){.space = ABI_PORTS, .address = 1, .bytes = 1};
    assert_true(boundary_request(v, NULL));
    control_vcpu.vmx.guest.regs.r[RAX] = 0;
    assert_true(boundary_wait_is_over(&control_vcpu));
    assert_int_equal(control_vcpu.vmx.guest.regs.r[RAX], BIT(ABI_NEWS_REQUESTS));
}

/* A doorbell on its own CPU lets the guest go on for a while; on another it is woken. */
static void test_rings(void **state)
{
    struct cpu_share *c = &cpu_share[0];

    (void)state;
    memset(c, 0, sizeof(*c));
    c->running = v;
    v->turn_ends = ~0ull;
    event_ring(v, 9);
    assert_true(is_pending(9));
    assert_int_equal(fake_cpu.wakes, 0);
    assert_ptr_equal(c->soon, &control_vcpu);
    assert_ptr_equal(fake_cpu.ended_turn, v);
    assert_true(v->turn_ends != ~0ull && v->turn_ends > fake_cpu.tsc);
    event_ring(v, 10); /* no more to do */
    assert_int_equal(fake_cpu.wakes, 0);
    c->soon = NULL;
    control_vcpu.cpu = 1;
    event_ring(v, 11);
    assert_int_equal(fake_cpu.wakes, 1);
    assert_ptr_equal(c->soon, NULL);
    c->running = NULL;
}

static void test_wait(void **state)
{
    (void)state;
    assert_int_equal(call(HC_wait, fake_cpu.tsc + 1000, 0, 0, 0), 0);
    assert_int_equal(control_vcpu.away.waits, WAIT_EVENT);
    assert_true(control_vcpu.todo & TODO_WAIT);
    assert_int_equal(the_control.dies_at, ~0ull); /* nobody expects a sign of life */
    assert_false(boundary_wait_is_over(&control_vcpu));
    fake_cpu.tsc += 1000;
    assert_true(boundary_wait_is_over(&control_vcpu));
    assert_int_equal(control_vcpu.away.waits, WAIT_NOTHING);
    assert_true(the_control.dies_at > fake_cpu.tsc && the_control.dies_at != ~0ull);
    assert_int_equal(control_vcpu.turn_ends, the_control.dies_at);
    assert_int_equal(boundary_wait(&control_vcpu, fake_cpu.tsc, fake_cpu.tsc),
                     0); /* that time is over */
    assert_int_equal(control_vcpu.away.waits, WAIT_NOTHING);
}

static void test_wait_for_its_time(void **state)
{
    (void)state;
    control_vcpu.away.waits = WAIT_TIME; /* before its life begins */
    control_vcpu.wake = fake_cpu.tsc + 10;
    event_post(9);
    assert_false(boundary_wait_is_over(&control_vcpu));
    fake_cpu.tsc += 10;
    assert_true(boundary_wait_is_over(&control_vcpu));
}

static void request(u64 address)
{
    v->forward.at = (struct forwarded_access){
        .space = ABI_MEMORY, .address = address, .bytes = 4, .write = true, .value = 99};
    assert_true(boundary_request(v, NULL));
}

static void test_replies(void **state)
{
    (void)state;
    request(0xd0000000);
    assert_int_equal(info->requests[0], 1);
    assert_int_equal(v->away.waits, WAIT_REPLY);
    assert_int_equal(fake_cpu.wakes, 1);

    const struct abi_request *s = &slots[0];

    assert_int_equal(s->partition, PARTITION);
    assert_int_equal(s->space, ABI_MEMORY);
    assert_int_equal(s->address, 0xd0000000);
    assert_int_equal(s->value, 99);
    assert_int_equal(s->bytes, 4);
    assert_true(s->write);
    assert_int_equal(boundary_reply(0, s->sequence + 1, 1), E_NOENT);
    assert_int_equal(boundary_reply(1, s->sequence, 1), E_NOENT);
    assert_int_equal(boundary_reply(ABI_SLOTS, s->sequence, 1), E_RANGE);
    assert_false(v->forward.replied);
    boundary.news = 0;       /* it knows by now */
    slots[0].sequence ^= 77; /* what stands in its memory means nothing */
    assert_int_equal(call(HC_reply_wait, 0, s->sequence ^ 77, 1234, ~0ull), ABI_OK);
    assert_true(v->forward.replied);
    assert_int_equal(v->forward.value, 1234);
    assert_true(v->todo & TODO_WAKE);
    assert_int_equal(call(HC_reply, 0, s->sequence ^ 77, 1, 0), ABI_ENOENT); /* a second time */
    assert_int_equal(call(HC_reply, 0, BIT(32) | (s->sequence ^ 77), 1, 0), ABI_EINVAL);
}

/* The time for a sign of life stands still while it has no CPU, from the last sign on. */
static void test_signs_of_life(void **state)
{
    const u64 each = 500 * (tsc_hz / 1000), now = 10 * each;

    (void)state;
    boundary_goes_on(&control_vcpu, now);
    assert_int_equal(the_control.dies_at, now + each);
    control_vcpu.left = now - 7 * each; /* it has waited before */
    boundary_runs(&control_vcpu, now + 2 * each);
    assert_int_equal(the_control.dies_at, now + 3 * each);
    control_vcpu.left = now + 2 * each + 5; /* it had run for 5 ticks */
    boundary_runs(&control_vcpu, now + 6 * each);
    assert_int_equal(the_control.dies_at, now + 7 * each - 5);
    boundary_runs(v, now + 9 * each); /* a guest */
    assert_int_equal(the_control.dies_at, now + 7 * each - 5);
    the_control.dies_at = ~0ull;
    boundary_runs(&control_vcpu, now + 9 * each);
    assert_int_equal(the_control.dies_at, ~0ull);
}

static void test_sequences_differ(void **state)
{
    u32 first;

    (void)state;
    request(1);
    first = slots[0].sequence;
    assert_int_equal(boundary_reply(0, first, 0), OK);
    request(2);
    assert_int_not_equal(slots[0].sequence, first);
    assert_int_equal(boundary_reply(0, first, 0), E_NOENT);
}

static void test_end(void **state)
{
    (void)state;
    request(0xd0000000);
    boundary_close(true);
    assert_true(v->forward.replied);
    assert_int_equal(v->forward.value, ~0ull);
    v->forward.at = (struct forwarded_access){.space = ABI_PORTS, .bytes = 1};
    assert_false(boundary_request(v, NULL));
    event_post(9);
    assert_false(is_pending(9));
}

/* The info page and the slots are new; what was in them is not believed. */
static void next_life(void)
{
    memset(info, 0, sizeof(*info));
    memset(slots, 0xee, sizeof(*slots));
    boundary_open(&control_vcpu, info, slots);
}

/* A request outlives the death, whether it was looked at or not; one reply belongs to it. */
static void test_death(void **state)
{
    u32 sequence;

    (void)state;
    request(0xd0000000);
    sequence = slots[0].sequence;
    info->requests[0] = 0;
    boundary_close(false);
    assert_false(v->forward.replied);
    next_life();
    assert_int_equal(info->requests[0], 1);
    assert_int_equal(slots[0].address, 0xd0000000);
    assert_int_not_equal(slots[0].sequence, sequence);
    assert_int_equal(boundary_reply(0, sequence, 1), E_NOENT);
    assert_int_equal(boundary_reply(0, slots[0].sequence, 5), OK);
    assert_int_equal(v->forward.value, 5);
}

static void test_request_while_down(void **state)
{
    struct vcpu *at_hand = NULL;

    (void)state;
    boundary_close(false);
    v->forward.at = (struct forwarded_access){.space = ABI_PORTS, .address = 0x500, .bytes = 4};
    assert_true(boundary_request(v, &at_hand));
    assert_null(at_hand);
    assert_int_equal(v->away.waits, WAIT_REPLY);
    assert_int_equal(info->requests[0], 0);
    next_life();
    assert_int_equal(info->requests[0], 1);
    assert_int_equal(slots[0].address, 0x500);
}

/* It dies over a request once, over another one's, and over the first one again. */
static void test_deadly_request(void **state)
{
    (void)state;
    request(0xd0000000);
    info->serving = 1;
    boundary_close(false);
    next_life();
    info->serving = 2;
    boundary_close(false);
    assert_false(v->forward.replied);
    next_life();
    info->serving = 1;
    boundary_close(false);
    assert_true(v->forward.replied);
    assert_int_equal(v->forward.value, ~0ull);
    next_life();
    assert_int_equal(info->requests[0], 0);
    request(0xd0000000); /* the next one is innocent */
    info->serving = 1;
    boundary_close(false);
    assert_false(v->forward.replied);
}

static void test_guest_leaves(void **state)
{
    u32 sequence;

    (void)state;
    request(0xd0000000);
    sequence = slots[0].sequence;
    boundary_leave(&vm);
    assert_int_equal(vm.served.slot, SERVED_NONE);
    assert_int_equal(boundary_reply(0, sequence, 0), E_NOENT);
    assert_false(v->forward.replied);
    boundary_leave(&vm); /* nothing more */
}

/* As many virtual CPUs as there are slots, in rows; one more is refused. */
static void test_slots(void **state)
{
    static struct vm guests[ABI_SLOTS / 8 + 1];

    (void)state;
    boundary_leave(&vm);
    for (u32 i = 0; i < ABI_SLOTS / 8; i++) {
        guests[i].vcpus = 8;
        assert_int_equal(boundary_enter(&guests[i]), OK);
        assert_int_equal(guests[i].served.slot, 8 * i);
    }
    guests[ABI_SLOTS / 8].vcpus = 1;
    assert_int_equal(boundary_enter(&guests[ABI_SLOTS / 8]), E_NOMEM);
    boundary_leave(&guests[3]);
    assert_int_equal(boundary_enter(&guests[ABI_SLOTS / 8]), OK);
    assert_int_equal(guests[ABI_SLOTS / 8].served.slot, 24);
    guests[3].vcpus = 8;
    assert_int_equal(boundary_enter(&guests[3]), E_NOMEM);
    guests[3].vcpus = 7;
    assert_int_equal(boundary_enter(&guests[3]), OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_events, both_new),
        cmocka_unit_test_setup(test_masks, both_new),
        cmocka_unit_test_setup(test_polling, both_new),
        cmocka_unit_test_setup(test_running, both_new),
        cmocka_unit_test_setup(test_news, both_new),
        cmocka_unit_test_setup(test_rings, both_new),
        cmocka_unit_test_setup(test_wait, both_new),
        cmocka_unit_test_setup(test_wait_for_its_time, both_new),
        cmocka_unit_test_setup(test_replies, both_new),
        cmocka_unit_test_setup(test_signs_of_life, both_new),
        cmocka_unit_test_setup(test_sequences_differ, both_new),
        cmocka_unit_test_setup(test_end, both_new),
        cmocka_unit_test_setup(test_death, both_new),
        cmocka_unit_test_setup(test_request_while_down, both_new),
        cmocka_unit_test_setup(test_deadly_request, both_new),
        cmocka_unit_test_setup(test_guest_leaves, both_new),
        cmocka_unit_test_setup(test_slots, both_new),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
