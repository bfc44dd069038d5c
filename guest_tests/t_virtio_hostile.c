/* A guest that does to its virtio devices all that a driver must not: rings full of nonsense that
 * changes while they are read, BARs over memory, ports and each other, doorbells by the hundred,
 * configuration space at random, resets under way.  seed=N rounds=N.  At the end its devices, put
 * right, work.  (docs/virtio.md, "What a driver must not do")
 *
 * Its own memory must live through what it asks for, so devices may write to the upper end of it
 * alone: tables and available rings, which are only read, then used rings, then buffers. */
#include "abi/control.h"
#include "guest_tests/rt/cmdline.h"
#include "guest_tests/virtio/blk.h"
#include "guest_tests/virtio/net.h"

#define DEVICES_MAX   8u
#define TABLE_ENTRIES 256u
#define TABLES_BYTES  (256 * KiB)
#define USED_BYTES    (512 * KiB)
#define BUFFERS_BYTES (2 * MiB)
#define QUEUES        4u
#define CFG_BYTES     20u /* of the capability that is a window into a BAR */
#define LAPIC         0xfee00000ull
#define PORTS_BAR     2u
#define FIRST_VECTOR  0x30u

struct target {
    struct virtio_device v;
    struct pci_bar bar[PCI_BARS];
    struct virtio_device by_memory; /* the same with its doorbells there */
    u16 command;
    u32 window; /* the capability */
};

static struct target target[DEVICES_MAX];
static u32 targets;
static u64 tables, used, buffers, memory_end;
static u64 broken; /* times that a device asked for a reset */

static u32 upto(u32 n)
{
    return (u32)(random_u64() >> 20) % n;
}

static bool one_in(u32 n)
{
    return upto(n) == 0;
}

static struct target *any_target(void)
{
    return &target[upto(targets)];
}

static void rest(u32 ticks)
{
    for (const u64 begin = rdtsc(); rdtsc() - begin < ticks;)
        irq_window();
}

/* ---------------------------------------------------------------- addresses */

/* Where no memory is. */
static u64 nowhere(void)
{
    const u64 bar = target[upto(targets)].bar[upto(2) * 4].at;

    switch (upto(6)) {
    case 0: return memory_end + upto(0x10000);
    case 1: return LAPIC + upto(0x2000);
    case 2: return bar + upto(0x4000);
    case 3: return ~0ull - upto(0x1000);
    case 4: return random_u64() | BIT(40);
    default: return 4 * GiB - upto(64);
    }
}

/* A buffer; any memory if the device only reads. */
static u64 buffer(bool device_writes)
{
    if (one_in(3))
        return nowhere();
    if (one_in(8))
        return memory_end - upto(64);
    if (!device_writes && one_in(3))
        return random_u64() % memory_end;
    return buffers + upto((u32)BUFFERS_BYTES);
}

static u32 length(void)
{
    static const u32 some[] = {0, 1, 12, 16, 17, 512, 513, 4096, 65536, 1 << 20, 0x7fffffff, ~0u};

    return one_in(4) ? (u32)random_u64() : some[upto(ARRAY_LEN(some))];
}

static u64 table_place(void)
{
    return one_in(10) ? nowhere() : tables + upto(16) * 4096;
}

static u64 used_place(void)
{
    return one_in(10) ? nowhere() : used + upto(16) * 4096;
}

/* ---------------------------------------------------------------- rings */

/* A request that goes deeper than the first look. */
static u64 header(void)
{
    static const u32 types[] = {VIRTIO_BLK_T_IN,      VIRTIO_BLK_T_OUT,
                                VIRTIO_BLK_T_FLUSH,   VIRTIO_BLK_T_GET_ID,
                                VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES};
    const u64 at = buffers + upto((u32)BUFFERS_BYTES - 16);

    *(struct virtio_blk_header *)at = (struct virtio_blk_header){
        .type = types[upto(ARRAY_LEN(types))], .sector = one_in(4) ? random_u64() : upto(64)};
    return at;
}

static void put_descriptor(u64 table, u32 i)
{
    struct virtq_desc *const d = (struct virtq_desc *)(table + 16ull * i);
    u16 flags = (u16)(one_in(20) ? random_u64() : random_u64() & 3);

    if (one_in(8))
        flags |= VIRTQ_DESC_F_INDIRECT;
    d->flags = 0;
    d->addr = flags & VIRTQ_DESC_F_INDIRECT ? table_place()
              : one_in(3) && !(flags & VIRTQ_DESC_F_WRITE)
                  ? header()
                  : buffer((flags & VIRTQ_DESC_F_WRITE) != 0);
    d->len = one_in(3) ? 16 * (1 + upto(4)) : length();
    d->next = (u16)(one_in(6) ? random_u64() : one_in(4) ? i : i + 1);
    d->flags = flags;
}

/* Header, a buffer or two, status: good but for what is changed later. */
static void put_chain(u64 table, u32 i)
{
    struct virtq_desc *const d = (struct virtq_desc *)(table + 16ull * i);

    d[0] = (struct virtq_desc){header(), 16, VIRTQ_DESC_F_NEXT, (u16)(i + 1)};
    d[1] =
        (struct virtq_desc){buffers + upto((u32)BUFFERS_BYTES / 2), 512 * (1 + upto(16)),
                            (u16)(VIRTQ_DESC_F_NEXT | upto(2) * VIRTQ_DESC_F_WRITE), (u16)(i + 2)};
    d[2] = (struct virtq_desc){buffers + upto((u32)BUFFERS_BYTES / 2), 1, VIRTQ_DESC_F_WRITE, 0};
}

static void fill_table(u64 table)
{
    for (u32 i = 0; i < TABLE_ENTRIES - 2; i++) {
        if (one_in(4))
            put_chain(table, i);
        else
            put_descriptor(table, i);
    }
}

static void put_available(u64 at, u16 size)
{
    volatile struct virtq_avail *const a = (volatile struct virtq_avail *)at;

    a->flags = (u16)upto(2);
    for (u32 i = 0; i < size; i++)
        a->ring[i] = (u16)(one_in(20) ? random_u64() : upto(size));
    a->ring[size] = (u16)random_u64(); /* used_event */
    a->idx = (u16)(one_in(4) ? random_u64() : upto(size) + 1);
}

/* A queue with nonsense in it, as far as the device takes the places. */
static void set_up_queue(struct target *t, u16 number)
{
    volatile struct virtio_pci_common *const c = t->v.common;
    const u64 table = table_place(), available = table_place() + 8192, used_at = used_place();
    const u16 size = (u16)(1u << upto(9));

    if (table >= tables && table < used)
        fill_table(table);
    c->queue_select = number;
    c->queue_size = (u16)(one_in(10) ? random_u64() : size);
    if (available >= tables && available < used)
        put_available(available, MAX(MIN(c->queue_size, (u16)TABLE_ENTRIES), (u16)1));
    c->queue_msix_vector = (u16)(one_in(3) ? random_u64() : upto(4));
    ((volatile u32 *)&c->queue_desc)[0] = (u32)table;
    ((volatile u32 *)&c->queue_desc)[1] = (u32)(table >> 32);
    ((volatile u32 *)&c->queue_driver)[0] = (u32)available;
    ((volatile u32 *)&c->queue_driver)[1] = (u32)(available >> 32);
    ((volatile u32 *)&c->queue_device)[0] = (u32)used_at;
    ((volatile u32 *)&c->queue_device)[1] = (u32)(used_at >> 32);
    c->queue_enable = (u16)(one_in(20) ? random_u64() : 1);
}

static void ring(struct target *t, u32 times)
{
    for (u32 i = 0; i < times; i++)
        virtio_notify(one_in(2) ? &t->v : &t->by_memory, upto(QUEUES) * t->v.notify_multiplier,
                      (u16)upto(QUEUES));
}

/* A device as it should be, but for its queues; false: it does not come to that. */
static bool begin(struct target *t)
{
    t->v.common->device_status = 0;
    for (u32 i = 0; t->v.common->device_status != 0; i++) {
        if (i == 1000)
            return false;
        rest(1000);
    }
    const u64 features = VIRTIO_F_VERSION_1 | (virtio_offered(&t->v) & random_u64());
    for (u32 half = 0; half < 2; half++) {
        t->v.common->driver_feature_select = half;
        t->v.common->driver_feature = (u32)(features >> 32 * half);
    }
    t->v.common->device_status =
        VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK;
    return true;
}

static void attack_rings(void)
{
    struct target *const t = any_target();

    if (!begin(t))
        return;
    for (u16 i = 0; i < QUEUES; i++)
        set_up_queue(t, i);
    virtio_go(&t->v);
    for (u32 i = 0; i < 20; i++) {
        ring(t, 1 + upto(3));
        for (u32 n = 0; n < 10; n++) /* while they are read */
            put_descriptor(tables + upto(16) * 4096, upto(TABLE_ENTRIES));
        if (one_in(4))
            ((volatile struct virtq_avail *)(tables + upto(18) * 4096))->idx = (u16)random_u64();
    }
    rest(upto(20000));
    broken += (t->v.common->device_status & VIRTIO_STATUS_NEEDS_RESET) != 0;
}

/* ---------------------------------------------------------------- all else */

static void attack_by_reset(void)
{
    struct target *const t = any_target();

    ring(t, 4);
    t->v.common->device_status = 0;
    if (one_in(2))
        ring(t, 4);
    t->v.common->device_status = (u8)(random_u64() & ~BIT(7));
}

/* In memory and at ports, its own, others', those around; by strings, too. */
static void attack_doorbells(void)
{
    static const u32 words[16] = {1, 2, 3};
    const struct target *const t = any_target();

    for (u32 i = 0; i < 200; i++) {
        volatile u8 *const at = t->by_memory.notify + upto(0x200);
        const u16 port =
            (u16)(one_in(4) ? ABI_PCI_PORTS - 8 + upto(0x1010) : t->v.notify_port + upto(0x40));
        const void *from = words;
        u64 count = 1 + upto(ARRAY_LEN(words));

        switch (upto(9)) {
        case 0: *at = (u8)i; break;
        case 1: *(volatile u16 *)(void *)at = (u16)i; break;
        case 2: *(volatile u32 *)(void *)at = i; break;
        case 3: *(volatile u64 *)(void *)at = i; break;
        case 4: outb(port, (u8)i); break;
        case 5: outw(port, (u16)i); break;
        case 6: outl(port, i); break;
        case 7: (void)inl(port); break;
        default: __asm__ volatile("rep outsl" : "+S"(from), "+c"(count) : "d"(port) : "memory");
        }
    }
}

static void attack_bars(void)
{
    struct target *const t = any_target();
    const u32 number = upto(3) * 2;
    const struct pci_bar *const other = &any_target()->bar[upto(3) * 2];

    switch (upto(7)) {
    case 0: pci_bar_move(t->v.pci, number, other->at); break;
    case 1: pci_bar_move(t->v.pci, number, random_u64() % memory_end); break;
    case 2: pci_bar_move(t->v.pci, number, LAPIC + upto(2) * 0x1000); break;
    case 3: pci_bar_move(t->v.pci, number, random_u64()); break;
    case 4: pci_bar_move(t->v.pci, PORTS_BAR, PCI_ADDRESS_PORT - 8 + upto(16)); break;
    case 5: pci_bar_move(t->v.pci, PORTS_BAR, ABI_PCI_PORTS - 64 + upto(0x1080)); break;
    default: pci_write32(t->v.pci, PCI_BAR0 + 4 * upto(PCI_BARS), (u32)random_u64()); break;
    }
    if (one_in(3))
        pci_command(t->v.pci, (u16)upto(8), (u16)upto(8));
}

/* Not through the window into the BAR: what it writes there is any address. */
static void attack_configuration(void)
{
    for (u32 i = 0; i < 30; i++) {
        const struct target *const t = any_target();
        const u32 at = upto(256), f = one_in(4) ? pci_function(upto(32), upto(8)) : t->v.pci;

        if (one_in(8))
            outl(PCI_ADDRESS_PORT, (u32)random_u64() & ~BIT32(31));
        if (at + 4 > t->window && at < t->window + CFG_BYTES)
            continue;
        switch (upto(4)) {
        case 0: pci_write8(f, at, (u8)random_u64()); break;
        case 1: pci_write16(f, at, (u16)random_u64()); break;
        case 2: pci_write32(f, at, (u32)random_u64()); break;
        default: (void)pci_read32(f, at); break;
        }
    }
}

/* Of any width, at any place of the BAR but over the end of a page, which ends the guest
 * (docs/caveats.md); not to the addresses of queues. */
static void attack_registers(void)
{
    struct target *const t = any_target();

    for (u32 i = 0; i < 30; i++) {
        const u32 offset = one_in(2) ? upto(0x40) : upto(0x2100);
        volatile u8 *const at = (volatile u8 *)t->v.common + offset;
        const bool may_write = offset + 8 <= offsetof(struct virtio_pci_common, queue_desc) ||
                               offset >= offsetof(struct virtio_pci_common, queue_notify_data);

        if (((u64)at & (PAGE_SIZE - 1)) + 8 > PAGE_SIZE)
            continue;
        switch (upto(may_write ? 8 : 4)) {
        case 0: (void)*at; break;
        case 1: (void)*(volatile u16 *)(void *)at; break;
        case 2: (void)*(volatile u32 *)(void *)at; break;
        case 3: (void)*(volatile u64 *)(void *)at; break;
        case 4: *at = (u8)random_u64(); break;
        case 5: *(volatile u16 *)(void *)at = (u16)random_u64(); break;
        case 6: *(volatile u32 *)(void *)at = (u32)random_u64(); break;
        default: *(volatile u64 *)(void *)at = random_u64(); break;
        }
    }
}

/* Fixed delivery: an INIT or an NMI of its own making would end this guest. */
static void attack_messages(void)
{
    struct target *const t = any_target();

    for (u32 i = 0; i < 8 && t->v.vectors != 0; i++) {
        volatile u32 *const entry = t->v.table + 4 * upto(t->v.vectors);

        entry[0] = one_in(2) ? (u32)LAPIC : (u32)nowhere();
        entry[1] = one_in(6) ? (u32)random_u64() : 0;
        entry[2] = (u32)(random_u64() & ~0xffffull) | (FIRST_VECTOR + upto(0x80));
        entry[3] = upto(2);
        (void)t->v.table[upto(0x300)];
    }
    virtio_msix_control(&t->v, (u16)random_u64());
}

/* ---------------------------------------------------------------- back in order */

static void put_right(void)
{
    for (u32 i = 0; i < targets; i++)
        pci_command(target[i].v.pci, 0, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    for (u32 i = 0; i < targets; i++) {
        for (u32 n = 0; n < PCI_BARS; n++)
            if (target[i].bar[n].size != 0)
                pci_bar_move(target[i].v.pci, n, target[i].bar[n].at);
        virtio_msix_control(&target[i].v, 0);
        pci_write16(target[i].v.pci, PCI_COMMAND, target[i].command);
    }
}

static bool add_target(u32 type, u32 nth)
{
    struct target *const t = &target[targets];

    if (targets == DEVICES_MAX || !virtio_find(&t->v, type, nth))
        return false;
    for (u32 i = 0; i < PCI_BARS; i++) {
        t->bar[i] = pci_bar(t->v.pci, i);
        i += t->bar[i].wide;
    }
    t->by_memory = t->v;
    EXPECT_TRUE(virtio_take_way(&t->by_memory, VIRTIO_BY_MEMORY));
    t->command = pci_read16(t->v.pci, PCI_COMMAND);
    while ((t->window = pci_capability(t->v.pci, PCI_CAP_VENDOR, t->window)) != 0)
        if (pci_read8(t->v.pci, t->window + 3) == VIRTIO_PCI_CAP_PCI_CFG)
            break;
    targets++;
    return true;
}

static void acknowledge(struct frame *f)
{
    (void)f;
    lapic_put(EOI, 0);
}

static void prepare(void)
{
    memory_end = machine.memory;
    buffers = ALIGN_DOWN(memory_end - BUFFERS_BYTES, PAGE_SIZE);
    used = buffers - USED_BYTES;
    tables = used - TABLES_BYTES;
    memset((void *)tables, 0, memory_end - tables);
    for (u32 n = 0; add_target(VIRTIO_ID_BLOCK, n); n++)
        ;
    for (u32 n = 0; add_target(VIRTIO_ID_NET, n); n++)
        ;
    lapic_fresh();
    for (u32 vector = FIRST_VECTOR; vector < 256; vector++)
        on_vector(vector, acknowledge);
}

GUEST_TEST(attacks)
{
    static void (*const attack[])(void) = {attack_rings,     attack_rings,     attack_rings,
                                           attack_by_reset,  attack_doorbells, attack_doorbells,
                                           attack_bars,      attack_bars,      attack_configuration,
                                           attack_registers, attack_messages};
    const u64 rounds = cmdline_number("rounds=", 2000);

    random_seed(cmdline_number("seed=", 1));
    prepare();
    if (!EXPECT_NE(targets, 0))
        return;
    for (u64 round = 0; round < rounds; round++) {
        attack[upto(ARRAY_LEN(attack))]();
        if (one_in(4))
            put_right();
    }
    put_right();
    say("LINTEL-VIRTIO hostile devices=%u rounds=%llu broken=%llu\n", targets,
        (unsigned long long)rounds, (unsigned long long)broken);
    EXPECT_TRUE(rounds < 100 || broken != 0);
}

static struct blk disk;
static u8 sector[VIRTIO_BLK_SECTOR];

GUEST_TEST(works_afterwards)
{
    if (!blk_start(&disk, 0, 0, VIRTIO_MSI_NO_VECTOR))
        SKIP("no disk");
    EXPECT_EQ(blk_read(&disk, 0, sector, sizeof(sector)), VIRTIO_BLK_S_OK);
}
