/* A guest with two runs of RAM, the low one split by the hole, and a machine with two pieces of
 * the loader's memory for guests: for the tests of vmm/guest_plan.c. */
#pragma once
#include "pc.h"
#include "vmm/guest_plan.h"

#define WORLD_LOW_RAM  (16 * MiB) /* its end */
#define WORLD_HIGH_RAM (4 * GiB)
#define WORLD_HIGH_LEN (2 * MiB)
#define WORLD_FROM     0x40000000ull
#define WORLD_LEN      0x10000ull

static struct vm vm;
static struct boot_info info;

static inline void world_add(u64 base, u64 len, enum boot_mem_type type)
{
    info.mem[info.mem_count++] = (struct boot_mem){.base = base, .len = len, .type = (u32)type};
}

static inline void world_make(void)
{
    vm.extents = 3;
    vm.extent[0] = (struct vm_extent){{0}, {0x10000000}, VM_LOW_END};
    vm.extent[1] = (struct vm_extent){{WORLD_HIGH_RAM}, {0x20000000}, WORLD_HIGH_LEN};
    vm.extent[2] =
        (struct vm_extent){{VM_HIGH_ROM}, {0x10000000 + VM_HIGH_ROM}, WORLD_LOW_RAM - VM_HIGH_ROM};
    info.mem_count = 0;
    world_add(PAGE_SIZE, 0x9f000, BOOT_MEM_USABLE);
    world_add(MiB, MiB, BOOT_MEM_LINTEL);
    world_add(WORLD_FROM, WORLD_LEN, BOOT_MEM_MODULE);
    world_add(WORLD_FROM + WORLD_LEN, PAGE_SIZE, BOOT_MEM_LINTEL);
    world_add(WORLD_FROM + WORLD_LEN + PAGE_SIZE, PAGE_SIZE, BOOT_MEM_MODULE);
}

static inline struct guest_segment world_segment(u64 to, u64 from, u64 len, u64 room)
{
    return (struct guest_segment){.to = {to}, .from = {from}, .len = len, .room = room};
}

/* What a loader would make of a small image in long mode. */
static inline struct guest_plan world_plan(void)
{
    struct guest_plan plan = {.segments = 3,
                              .mode = LOAD_LONG_64,
                              .rip = MiB + 0x200,
                              .rsi = 0x11000,
                              .cr3 = 0x12000,
                              .gdt = {0x10000},
                              .gdt_limit = 0x1f};

    plan.segment[0] = world_segment(MiB, WORLD_FROM, 0x3000, 2 * MiB);
    plan.segment[1] = world_segment(0x10000, WORLD_FROM + 0x3000, 0x8000, 0x8000);
    plan.segment[2] = world_segment(0xe0000, WORLD_FROM + 0xb000, 0x5000, 0x5000);
    return plan;
}
