/* The guest of fake_guest.h with a control partition beside it, both known at the boundary. */
#pragma once
#include "tools/unit/fake_guest.h"
#include "vmm/boundary.h"
#include "vmm/gmem.h"
#include "vmm/hypercall.h"
#include "vmm/partition.h"

#define CONTROL_BASE  0x10000000ull /* gpa of its memory */
#define CONTROL_BYTES 0x10000ull
#define SCRAP         (CONTROL_BASE + 0x8000) /* where hypercalls find their structs */
#define PARTITION     1u                      /* the guest's number */
#define NOBODY        7u                      /* a partition that there is not */

static struct vm the_control;
static struct config_guest control_config = {.name = "control"};
static struct vcpu control_vcpu;
static struct abi_info *info;
static struct abi_request *slots;

static void *control_ram(u64 gpa)
{
    return (u8 *)phys_to_virt(the_control.extent[0].hpa) + (gpa - CONTROL_BASE);
}

static void new_control(void)
{
    static u8 memory[CONTROL_BYTES] __attribute__((aligned(4096)));

    memset(memory, 0, sizeof(memory));
    memset(&the_control, 0, sizeof(the_control));
    memset(&control_vcpu, 0, sizeof(control_vcpu));
    the_control.id = VM_CONTROL;
    the_control.config = &control_config;
    the_control.vcpu[the_control.vcpus++] = &control_vcpu;
    the_control.extents = 1;
    the_control.extent[0] =
        (struct vm_extent){{CONTROL_BASE}, {(u64)memory - DIRECT_MAP_BASE}, CONTROL_BYTES};
    control_vcpu.vm = &the_control;
    control_vcpu.turn_ends = ~0ull;
    info = control_ram(CONTROL_BASE);
    slots = control_ram(CONTROL_BASE + PAGE_SIZE);
}

/* A guest that is served, and the control partition waits for events. */
static int both_new(void **state)
{
    (void)state;
    guest_new(LONG);
    guest_config.served = CONFIG_SERVED_DEVICES;
    snprintf(guest_config.name, sizeof(guest_config.name), "served");
    guest_config.memory = 4 * MiB;
    new_control();
    memset(&boundary, 0, sizeof(boundary));
    boundary_open(&control_vcpu, info, slots);
    control_vcpu.cpu = 0;
    control_vcpu.away.waits = WAIT_EVENT;
    vm.served.slot = SERVED_NONE;
    assert_int_equal(boundary_enter(&vm), OK);
    partition_add(&vm);
    info->pending[0] = boundary.news = 0;
    v->shares_board = true;
    control_vcpu.todo = 0;
    fake_cpu.wakes = 0;
    return 0;
}

static UNUSED i64 call(u64 number, u64 a, u64 b, u64 c, u64 d)
{
    return hypercall(&control_vcpu, number, &(struct hc_args){{a, b, c, d}});
}

/* With a struct in its memory as the second argument. */
static UNUSED i64 call_with(u64 number, u64 partition, const void *what, size_t len)
{
    memcpy(control_ram(SCRAP), what, len);
    return call(number, partition, SCRAP, 0, 0);
}

static UNUSED i64 claim(u64 first, u64 last, enum abi_space space)
{
    const struct abi_range range = {first, last, space, 0};

    return call_with(HC_claim, PARTITION, &range, sizeof(range));
}
