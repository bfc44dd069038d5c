/* The program that has the devices dies and another one goes on: random traffic of virtio-blk with
 * crashes at any time, which its driver does not notice; what a network card's driver has set; and
 * what is not gone on with. */
#include "blk_collect.h"
#include "control/virtio/keep.h"
#include "control/virtio/net.h"

#define OPERATIONS 200000u

static struct virtio_kept kept;
static struct vring_journal journals[VIRTIO_QUEUES_MAX];

static void look_at_disk(const struct job *j)
{
    assert_memory_equal(disk.content + j->first * SECTOR, model + j->first * SECTOR,
                        j->sectors * SECTOR);
}

/* Requests that are in the disk are done or not; nobody is told. */
static void restart(void)
{
    const u64 where = blk.v.pci.bar[4].at, ports = blk.v.pci.bar[2].at;

    for (u32 i = 0; i < disk.count; i++)
        if (drv_random() % 2)
            fake_do(&disk, disk.in[i]);
    disk.count = 0;
    memset(&blk, 0xa5, sizeof(blk));
    memset(pool, 0xa5, sizeof(pool));
    fake_bus_init(&f);
    plug_in();
    virtio_use_journals(&blk.v, journals);
    assert_int_equal(virtio_restore(&blk.v, &kept), OK);
    assert_true(blk.v.pci.bar[4].mapped && blk.v.pci.bar[4].at == where);
    assert_true(blk.v.pci.bar[2].mapped && blk.v.pci.bar[2].at == ports);
    assert_true(f.messages >= QUEUES);
}

static void test_crashes(void **state)
{
    u32 crashes = 0;

    (void)state;
    attach(512, NULL);
    disk.disk.depth = 4, disk.disk.sectors_max = 12, disk.disk.segment_align = 4;
    memset(&kept, 0, sizeof(kept));
    virtio_use_journals(&blk.v, journals);
    start(ALL);
    memset(model, 0, sizeof(model));
    for (u32 i = 0; i < OPERATIONS; i++) {
        switch (drv_random() % 4) {
        case 0: submit(); break;
        case 1: (void)virtio_work(&blk.v); break;
        case 2: (void)disk_poll(&disk.disk); break;
        default: collect((u16)(drv_random() % QUEUES)); break;
        }
        virtio_keep(&blk.v, &kept);
        if (drv_random() % 200 == 0) {
            restart();
            crashes++;
        }
    }
    for (u32 i = 0; i < 200 * JOBS; i++) {
        (void)virtio_work(&blk.v);
        (void)disk_poll(&disk.disk);
        collect((u16)(i % QUEUES));
    }
    for (u32 i = 0; i < JOBS; i++)
        assert_false(job[i].used);
    assert_memory_equal(model, disk.content, sizeof(model));
    assert_true(done_jobs > OPERATIONS / 30 && crashes > 500);
    assert_true(blk.counters.errors == 0);
    assert_int_equal(f.says, 0);
}

/* Two copies are written in turns, and only after a change. */
static void test_turns(void **state)
{
    (void)state;
    attach(512, NULL);
    memset(&kept, 0, sizeof(kept));
    virtio_keep(&blk.v, &kept);
    const u32 first = kept.latest;
    virtio_keep(&blk.v, &kept);
    assert_int_equal(kept.latest, first);
    mem_write(&f, d.notify, 2, 0); /* a doorbell is no change */
    port_write(&f, d.ports, 2, 0);
    virtio_keep(&blk.v, &kept);
    assert_int_equal(kept.latest, first);
    SET_COMMON(&d, queue_select, 1);
    virtio_keep(&blk.v, &kept);
    assert_int_equal(kept.latest, 3 - first);
    assert_int_equal(kept.copy[kept.latest - 1].queue_select, 1);
}

static err_t restored(void)
{
    fake_bus_init(&f);
    plug_in();
    virtio_use_journals(&blk.v, journals);
    return virtio_restore(&blk.v, &kept);
}

static void test_refused(void **state)
{
    (void)state;
    attach(512, NULL);
    memset(&kept, 0, sizeof(kept));
    virtio_use_journals(&blk.v, journals);
    assert_int_equal(restored(), E_NOENT);
    attach(512, NULL);
    virtio_use_journals(&blk.v, journals);
    start(ALL);
    virtio_keep(&blk.v, &kept);
    assert_int_equal(restored(), OK);
    assert_int_equal(blk.v.status, 15);
    struct virtio_kept_copy *const c = &kept.copy[kept.latest - 1];
    for (u32 i = 0; i < sizeof(*c); i += 37) { /* any byte of it */
        ((u8 *)c)[i] ^= 0x10;
        assert_int_equal(restored(), E_INVAL);
        assert_int_equal(blk.v.status, 0);
        ((u8 *)c)[i] ^= 0x10;
    }
    assert_int_equal(restored(), OK);
    kept.latest = 3;
    assert_int_equal(restored(), E_INVAL);
}

/* The memory is not there any more: the device says so. */
static void test_memory_gone(void **state)
{
    (void)state;
    attach(512, NULL);
    virtio_use_journals(&blk.v, journals);
    start(ALL);
    virtio_keep(&blk.v, &kept);
    grant.ranges = 0;
    assert_int_equal(restored(), OK);
    assert_true(blk.v.status & VIRTIO_STATUS_NEEDS_RESET);
    assert_string_equal(f.said,
                        "disk: a queue cannot go on after a restart; the device needs a reset");
}

/* Programs die over its work: it fails, with its rings as they are, until its driver resets it. */
static void test_failed(void **state)
{
    static const char why[] = "it kills";
    u32 mark = 0;

    (void)state;
    attach(512, NULL);
    memset(&kept, 0, sizeof(kept));
    virtio_use_journals(&blk.v, journals);
    start(ALL);
    virtio_keep(&blk.v, &kept);
    grant.ranges = 0; /* a look at a ring would be noticed */
    fake_bus_init(&f);
    plug_in();
    virtio_use_mark(&blk.v, &mark, 7);
    assert_int_equal(virtio_restore_failed(&blk.v, &kept, why), OK);
    assert_int_equal(blk.v.status, 15 | VIRTIO_STATUS_NEEDS_RESET);
    assert_string_equal(f.said, "disk: it kills");
    assert_int_equal(f.messages, 1); /* of the configuration */
    virtio_kick_all(&blk.v);
    assert_false(virtio_work(&blk.v));
    virtio_keep(&blk.v, &kept);
    assert_int_equal(restored(), OK); /* and the next life has it so, too */
    assert_int_equal(blk.v.status, 15 | VIRTIO_STATUS_NEEDS_RESET);
    SET_COMMON(&d, device_status, 0);
    assert_int_equal(blk.v.status, 0);
    virtio_keep(&blk.v, &kept);
    fake_bus_init(&f);
    plug_in();
    assert_int_equal(virtio_restore_failed(&blk.v, &kept, why), OK); /* nothing to fail */
    assert_int_equal(blk.v.status, 0);
    assert_int_equal(f.says, 0);
    memset(&kept, 0, sizeof(kept));
    assert_int_equal(virtio_restore_failed(&blk.v, &kept, why), E_NOENT);
}

static u32 mark, seen_mark;

static err_t look_at_mark(struct disk *disk_below, struct disk_request *r)
{
    seen_mark = mark;
    return fake_submit(disk_below, r);
}

/* The mark names the device while its requests are looked at, and when one is done and another goes
 * on in its place; then whoever it was before again. */
static void test_mark(void **state)
{
    struct disk_ops ops;

    (void)state;
    attach(512, NULL);
    ops = *disk.disk.ops;
    ops.submit = look_at_mark;
    disk.disk.ops = &ops;
    disk.disk.depth = 1;
    virtio_use_mark(&blk.v, &mark, 7);
    start(ALL);
    mark = 3;
    seen_mark = 0;
    while (disk.refused == 0) {
        submit();
        (void)virtio_work(&blk.v);
        assert_int_equal(mark, 3);
    }
    assert_int_equal(seen_mark, 7);
    seen_mark = 0;
    (void)disk_poll(&disk.disk);
    assert_int_equal(seen_mark, 7);
    assert_int_equal(mark, 3);
}

static void test_net(void **state)
{
    static struct virtio_net net;
    static const struct virtio_net_wire wire = {.send = NULL};
    const struct virtio_net_setup setup = {
        .grant = &grant, .name = "net", .wire = &wire, .mac = {{2}}, .pairs = 2};

    (void)state;
    fake_bus_init(&f);
    assert_int_equal(virtio_net_init(&net, &setup), OK);
    assert_int_equal(pci_bus_add(&f.bus, &net.v.pci, 1), OK);
    net.v.status = 3; /* as after the first two steps of a driver */
    net.set.active_pairs = 2;
    net.set.filter.promiscuous = false;
    net.set.filter.unicast.count = 7;
    memset(&kept, 0, sizeof(kept));
    virtio_keep(&net.v, &kept);
    fake_bus_init(&f);
    assert_int_equal(virtio_net_init(&net, &setup), OK);
    assert_int_equal(pci_bus_add(&f.bus, &net.v.pci, 1), OK);
    assert_int_equal(virtio_restore(&net.v, &kept), OK);
    assert_int_equal(net.set.active_pairs, 2);
    assert_false(net.set.filter.promiscuous);
    assert_int_equal(net.set.filter.unicast.count, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crashes), cmocka_unit_test(test_turns),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_memory_gone),
        cmocka_unit_test(test_failed),  cmocka_unit_test(test_mark),
        cmocka_unit_test(test_net),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
