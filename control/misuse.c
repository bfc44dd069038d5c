/* See misuse.h. */
#include "control/misuse.h"
#include "abi/trace.h"
#include "control/memory.h"
#include "control/rt.h"
#include "lib/mem.h"

#define FLOOD       1000u
#define WRONG       0xffffffull
#define MSI_TO_CPU0 0xfee00000ull
#define WINDOW      (32 * GiB)  /* where nothing is mapped */
#define DEVICES     (128 * GiB) /* no RAM, and no device that a driver is for */
#define DEVICES_END (160 * GiB) /* 16384 tables; a machine with 512 MiB gives about 2500 */

u32 misuse_replies(u32 slot, u32 sequence)
{
    u32 accepted = 0;

    for (u64 s = 0; s < ABI_SLOTS; s++)
        if (s != slot)
            accepted += abi_reply(s, sequence, WRONG) == ABI_OK;
    accepted += abi_reply(slot, sequence + 1ull, WRONG) == ABI_OK;
    accepted += abi_reply(slot, sequence - 1ull, WRONG) == ABI_OK;
    accepted += abi_reply(ABI_SLOTS, sequence, WRONG) == ABI_OK;
    accepted += abi_reply(~0ull, sequence, WRONG) == ABI_OK;
    accepted += abi_reply(slot, BIT(32) + sequence, WRONG) == ABI_OK;
    return accepted;
}

/* Ranges that cannot be claimed. */
static const struct abi_range taken[] = {
    {0x3f8, 0x3ff, ABI_PORTS, 0}, /* COM1's */
    {0xcf9, 0xcff, ABI_PORTS, 0}, /* the reset port */
    {0x5c1, 0x5c1, ABI_PORTS, 0}, /* claimed */
    {0xffff, 0x10000, ABI_PORTS, 0},
    {0, PAGE_SIZE - 1, ABI_MEMORY, 0},       /* RAM */
    {0xfee00000, 0xfee00fff, ABI_MEMORY, 0}, /* the local APIC */
    {0xd0001000, 0xd0001ffe, ABI_MEMORY, 0}, /* no whole page */
    {0x600, 0x5ff, ABI_PORTS, 0},            /* upside down */
    {0x500, 0x500, 3, 0},
    {0, ~0ull, ABI_MEMORY, 0},
};
static const struct abi_doorbell bad_bells[] = {
    {.space = ABI_PORTS, .bytes = 3, .port = 9},
    {.space = ABI_PORTS, .bytes = 0, .has_value = 1, .port = 9},
    {.space = ABI_PORTS, .bytes = 4, .port = ABI_EVENTS},
    {.space = ABI_PORTS, .bytes = 4, .port = ABI_EVENT_PARTITIONS},
    {.space = 0, .bytes = 4, .port = 9},
};

static u32 accepts(u64 number, u64 a, u64 b, u64 c, u64 d)
{
    return abi_call(number, a, b, c, d) >= 0;
}

/* No claim, doorbell, interrupt. */
static u32 served_wrongly(u32 partition)
{
    const u64 nobody = info->partitions - 1, at = info->memory;
    u32 n = 0;

    for (u32 i = 0; i < ARRAY_LEN(taken); i++)
        n += accepts(HC_claim, partition, rt_physical(&taken[i]), 0, 0);
    for (u32 i = 0; i < ARRAY_LEN(bad_bells); i++)
        n += accepts(HC_doorbell, partition, rt_physical(&bad_bells[i]), 0, 0);
    n += accepts(HC_partition, 0, at, 0, 0);
    n += accepts(HC_partition, info->partitions, at, 0, 0);
    n += accepts(HC_partition, partition, at + info->memory_bytes - 8, 0, 0);
    n += accepts(HC_claim, partition, ~0ull, 0, 0);
    n += accepts(HC_claim, nobody, rt_physical(&taken[0]), 0, 0);
    n += accepts(HC_unclaim, partition, rt_physical(&taken[0]), 0, 0);
    n += accepts(HC_undoorbell, partition, rt_physical(&bad_bells[0]), 0, 0);
    n += accepts(HC_admit, nobody, 0, 0, 0);
    n += accepts(HC_release, partition, 0, 0, 0); /* it has not ended */
    n += accepts(HC_release, nobody, 0, 0, 0);
    n += accepts(HC_line, partition, 4, 1, 0); /* COM1's */
    n += accepts(HC_line, partition, 5, 2, 0);
    n += accepts(HC_line, partition, 24, 1, 0);
    n += accepts(HC_line, partition, ~0ull, 1, 0);
    n += accepts(HC_msi, partition, 0xfed00000, 0x41, 0);
    n += accepts(HC_msi, partition, MSI_TO_CPU0, 0x0f, 0);  /* a vector of exceptions */
    n += accepts(HC_msi, partition, MSI_TO_CPU0, 0x441, 0); /* an NMI */
    n += accepts(HC_msi, nobody, MSI_TO_CPU0, 0x41, 0);
    return n;
}

/* No order about who is not there, or that cannot be; nothing of a log that is not. */
static u32 ordered_wrongly(u32 partition)
{
    const u32 nobody = info->partitions - 1;
    const u64 at = info->memory;
    u32 n = 0;

    n += accepts(HC_start, partition, 0, 0, 0); /* it lives */
    n += accepts(HC_start, nobody, 0, 0, 0);
    n += accepts(HC_start, 0, 0, 0, 0);
    n += accepts(HC_end, partition, 2, 0, 0);
    n += accepts(HC_end, nobody, ABI_END_OFF, 0, 0);
    n += accepts(HC_end, 0, ABI_END_OFF, 0, 0); /* itself */
    n += accepts(HC_pause, nobody, 0, 0, 0);
    n += accepts(HC_resume, partition, 0, 0, 0);
    n += accepts(HC_resume, ~0ull, 0, 0, 0);
    n += accepts(HC_move, partition, ABI_VCPUS_MAX, 0, 0);
    n += accepts(HC_move, partition, 0, 1ull << 32, 0);
    n += accepts(HC_power_button, partition, 0, 0, 0); /* it does not listen */
    n += accepts(HC_power_button, nobody, 0, 0, 0);
    n += accepts(HC_console_show, nobody, 0, 0, 0);
    n += accepts(HC_log_read, ~0ull, at, 1, 0);
    n += accepts(HC_log_read, 0, at, ABI_LOG_MAX + 1, 0);
    n += accepts(HC_log_read, (u64)abi_log_end() - 1, 0, 1, 0); /* not its memory */
    n += (u64)abi_log_level(~0ull) > 3;                         /* it changes nothing */
    n += accepts(HC_typed, at, ABI_TYPED_MAX + 1, 0, 0);
    n += accepts(HC_typed, at + info->memory_bytes - 1, 2, 0, 0);
    return n;
}

/* No figures and no trace of who is not there, and none out of bounds; but those that there are. */
static u32 looked_wrongly(u32 partition)
{
    const u64 nobody = info->partitions - 1, end = info->memory + info->memory_bytes;
    static struct abi_vcpu_stats stats;
    static struct abi_cpu_stats cpu;
    static struct trace_record record;
    u32 n = 0;

    n += accepts(HC_vcpu_stats, nobody, 0, rt_physical(&stats), 0);
    n += accepts(HC_vcpu_stats, 0, 0, rt_physical(&stats), 0);
    n += accepts(HC_vcpu_stats, partition, ABI_VCPUS_MAX, rt_physical(&stats), 0);
    n += accepts(HC_vcpu_stats, partition, 1ull << 32, rt_physical(&stats), 0);
    n += accepts(HC_vcpu_stats, partition, 0, end - 8, 0);
    n += accepts(HC_cpu_stats, 64, rt_physical(&cpu), 0, 0);
    n += accepts(HC_cpu_stats, 1ull << 32, rt_physical(&cpu), 0, 0);
    n += accepts(HC_cpu_stats, 0, end - 8, 0, 0);
    n += !accepts(HC_vcpu_stats, partition, 0, rt_physical(&stats), 0);
    n += !stats.start || stats.lintel > stats.ticks;
    n += !accepts(HC_cpu_stats, 0, rt_physical(&cpu), 0, 0) || !cpu.traced || !cpu.vcpus;
    n += accepts(HC_trace_read, 64, cpu.traced - 1, rt_physical(&record), 1);
    n += accepts(HC_trace_read, 0, ~0ull, rt_physical(&record), 1);
    n += accepts(HC_trace_read, 0, cpu.traced - 1, end - 8, 1);
    n += accepts(HC_trace_read, 0, cpu.traced - 1, rt_physical(&record), ABI_TRACE_MAX + 1);
    n += abi_trace_read(0, cpu.traced - 1, rt_physical(&record), 1) != 1 || !record.tsc;
    n += !accepts(HC_audit, 0, 0, 0, 0);
    return n;
}

/* What nothing can be made of; each is right but for one thing. */
static const struct abi_guest_spec no_guests[] = {
    {.name = "", .memory = 4 * MiB, .vcpus = 1},
    {.name = "a guest", .memory = 4 * MiB, .vcpus = 1},
    {.name = "guest", .memory = 4 * MiB, .vcpus = 0},
    {.name = "guest", .memory = 4 * MiB, .vcpus = ABI_VCPUS_MAX + 1},
    {.name = "guest", .memory = 4 * MiB, .vcpus = 1, .held = 2},
    {.name = "guest", .memory = 2 * MiB, .vcpus = 1},
    {.name = "guest", .memory = 4 * MiB + 1, .vcpus = 1},
    {.name = "guest", .memory = 1ull << 50, .vcpus = 1},
};

/* No guest is made, none of lintel.conf's is begun or forgotten as if it was. */
static u32 made_wrongly(u32 partition)
{
    const u64 nobody = info->partitions - 1, at = info->memory;
    static struct abi_guest_spec twice = {.memory = 4 * MiB, .vcpus = 1};
    static const struct abi_registers good = {.mode = ABI_PROTECTED_32};
    static struct abi_partition p; /* too large for the stack */
    u32 n = 0;

    for (u32 i = 0; i < ARRAY_LEN(no_guests); i++)
        n += accepts(HC_create, rt_physical(&no_guests[i]), 0, 0, 0);
    n += accepts(HC_partition, partition, rt_physical(&p), 0, 0) ? 0 : 1;
    memcpy(twice.name, p.name, sizeof(twice.name));
    n += accepts(HC_create, rt_physical(&twice), 0, 0, 0);
    n += accepts(HC_create, at + info->memory_bytes - 8, 0, 0, 0);
    n += accepts(HC_create, ~0ull, 0, 0, 0);
    n += accepts(HC_spec, partition, rt_physical(&twice), 0, 0);
    n += accepts(HC_spec, nobody, rt_physical(&twice), 0, 0);
    n += accepts(HC_spec, 0, rt_physical(&twice), 0, 0);
    n += accepts(HC_registers, partition, rt_physical(&good), 0, 0); /* it runs */
    n += accepts(HC_registers, nobody, rt_physical(&good), 0, 0);
    n += accepts(HC_registers, partition, ~0ull, 0, 0);
    n += accepts(HC_forget, partition, 0, 0, 0);
    n += accepts(HC_forget, nobody, 0, 0, 0);
    n += accepts(HC_forget, 0, 0, 0, 0);
    return n;
}

/* No text, memory, device of the machine; no call of another's. */
static u32 taken_wrongly(u32 partition)
{
    const u64 at = info->memory;
    u32 n = 0;

    n += accepts(HC_log, 0, 10, 0, 0); /* not its memory */
    n += accepts(HC_log, at, 100000, 0, 0);
    n += accepts(HC_log, ~0ull, 200, 0, 0);
    n += accepts(HC_map, partition, 0, PAGE_SIZE, at); /* over its own memory */
    n += accepts(HC_map, partition, 1ull << 40, PAGE_SIZE, WINDOW);
    n += accepts(HC_map, partition, 0, 100, WINDOW);
    n += accepts(HC_map, partition, PAGE_SIZE, 0 - PAGE_SIZE, WINDOW);
    n += accepts(HC_unmap, at, 0, 0, 0);
    n += accepts(HC_device_memory, 0xfee00000, PAGE_SIZE, 0, 0);
    n += accepts(HC_device_memory, MiB, PAGE_SIZE, 0, 0);
    n += accepts(HC_device_memory, 0xfebff000, 2 * PAGE_SIZE, 0, 0);
    n += accepts(HC_device_memory, 4 * GiB - PAGE_SIZE, 2 * PAGE_SIZE, 0, 0);
    n += accepts(HC_device_memory, 1ull << 47, PAGE_SIZE, 0, 0);
    n += accepts(HC_irq_bind, 0, 9, 0, 0); /* the PIT's */
    n += accepts(HC_irq_bind, 24, 9, 0, 0);
    n += accepts(HC_irq_bind, 10, ABI_EVENTS, 0, 0);
    n += accepts(HC_irq_bind, 10, 9, 3, 0);
    n += accepts(HC_irq_done, 0, 0, 0, 0);      /* not bound by anybody */
    n += accepts(HC_grant, 0, PAGE_SIZE, 0, 0); /* a guest's call */
    n += accepts(HC_ledger_begin, 0, 0, 0, 0);
    n += accepts(HYPERCALLS, 0, 0, 0, 0);
    return n;
}

u32 misuse_calls(u32 partition)
{
    return served_wrongly(partition) + ordered_wrongly(partition) + looked_wrongly(partition) +
           made_wrongly(partition) + taken_wrongly(partition);
}

u32 misuse_tables(void)
{
    u32 n = 0;

    for (u64 at = DEVICES; at < DEVICES_END; at += LARGE_PAGE_SIZE)
        n += abi_device_memory(at, PAGE_SIZE) == ABI_OK;
    return n;
}

void misuse_smash(u32 words)
{
    volatile u64 frame[4] = {0};

    for (u32 i = 0; i < words; i++)
        frame[i] = i;
    if (frame[0])
        die("a frame that does not hold what was written");
}

void misuse_crash(void)
{
    __asm__ volatile("call *%0" : : "r"(0ull) : "memory");
}

void misuse_spin(void)
{
    for (;;)
        __asm__ volatile("pause");
}

void misuse_flood(void)
{
    for (u32 i = 0; i < FLOOD; i++) {
        say("line %u of %u", i, FLOOD);
        rt_alive(); /* a serial port takes most of a second for those that are let through */
    }
}

i64 misuse_reach(void)
{
    const u64 below = info->memory - PAGE_SIZE;

    if (memory_window(below, PAGE_SIZE, false) != OK)
        return ABI_ENOMEM;
    return (i64) * (volatile u32 *)below;
}
