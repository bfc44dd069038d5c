/* The PCI transport, on the simplest device and as a driver finds it: capabilities, registers, the
 * status machine, feature negotiation, vectors, resets of one queue and of all, the window in the
 * configuration space, and what happens to a device whose ring is broken. */
#include "rng_driver.h"

static void test_ids(void **state)
{
    (void)state;
    assert_int_equal(cfg_read(&f, SLOT, PCI_VENDOR_ID, 4), 0x10441af4);
    assert_int_equal(cfg_read(&f, SLOT, PCI_REVISION, 1), 1);
    assert_int_equal(COMMON(&d, num_queues), 1);
    assert_true(drv_offered(&d) == ALL);
    SET_COMMON(&d, device_feature_select, 2);
    assert_int_equal(COMMON(&d, device_feature), 0);
    assert_int_equal(COMMON(&d, queue_size), VIRTIO_RNG_QUEUE_SIZE);
    SET_COMMON(&d, queue_select, 1); /* there is none */
    assert_int_equal(COMMON(&d, queue_size), 0);
    assert_int_equal(COMMON(&d, queue_enable), 0);
    SET_COMMON(&d, queue_enable, 1);
    assert_int_equal(COMMON(&d, queue_enable), 0);
}

static void test_features(void **state)
{
    // clang-format off
    static const struct { u64 features; bool good; } cases[] = {
        { 0, false }, { VIRTIO_F_VERSION_1, true }, { ALL, true }, { ALL & ~VIRTIO_F_VERSION_1, false },
        { ALL | BIT(0), false }, { ALL | BIT(63), false }, { VIRTIO_F_VERSION_1 | BIT(33), false },
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(drv_negotiate(&d, cases[i].features), cases[i].good);
        /* FEATURES_OK freezes them. */
        SET_COMMON(&d, driver_feature_select, 0);
        SET_COMMON(&d, driver_feature, 0x12345678);
        assert_int_equal(COMMON(&d, driver_feature),
                         cases[i].good ? (u32)cases[i].features : 0x12345678);
    }
    assert_true(f.says > 0);
    /* Bits above the 64 that there are. */
    SET_COMMON(&d, device_status, 0);
    SET_COMMON(&d, driver_feature_select, 1);
    SET_COMMON(&d, driver_feature, 1);
    SET_COMMON(&d, driver_feature_select, 2);
    SET_COMMON(&d, driver_feature, 1);
    SET_COMMON(&d, device_status, 3);
    SET_COMMON(&d, device_status, 11);
    assert_int_equal(COMMON(&d, device_status), 3);
}

static void test_status(void **state)
{
    (void)state;
    SET_COMMON(&d, device_status, VIRTIO_STATUS_DRIVER_OK);
    assert_int_equal(COMMON(&d, device_status), 0);
    assert_string_equal(f.said, "rng: DRIVER_OK without FEATURES_OK; ignored");
    run(ALL);
    assert_int_equal(COMMON(&d, device_status), RUNNING);
    SET_COMMON(&d, device_status, VIRTIO_STATUS_ACKNOWLEDGE); /* bits are never taken back */
    assert_int_equal(COMMON(&d, device_status), RUNNING);
    SET_COMMON(&d, device_status, VIRTIO_STATUS_NEEDS_RESET); /* the device's own */
    assert_int_equal(COMMON(&d, device_status), RUNNING);
    SET_COMMON(&d, device_status, VIRTIO_STATUS_FAILED);
    assert_int_equal(COMMON(&d, device_status), RUNNING | VIRTIO_STATUS_FAILED);
    assert_false(virtio_running(&rng.v, 0));
    SET_COMMON(&d, device_status, 0);
    assert_int_equal(COMMON(&d, device_status), 0);
    assert_int_equal(COMMON(&d, config_msix_vector), VIRTIO_MSI_NO_VECTOR);
    assert_int_equal(COMMON(&d, queue_enable), 0);
    assert_int_equal(COMMON(&d, queue_size), VIRTIO_RNG_QUEUE_SIZE);
    run(ALL);
    assert_int_equal(ask(1), 1);
}

/* Nothing is taken before DRIVER_OK, without bus mastering, or of a queue that is not enabled; it
 * is as soon as this changes, without another kick. */
static void test_not_before(void **state)
{
    const struct drv_buffer b = {DATA_AT, 16, true};
    u32 head, len;

    (void)state;
    assert_true(drv_negotiate(&d, ALL));
    drv_queue(&d, &q, 0, 8, ALL);
    (void)drv_add(&q, &b, 1, 0, 0);
    (void)drv_show(&q);
    drv_kick(&d, 0);
    work();
    assert_false(drv_used(&q, &head, &len));
    cfg_write(&f, SLOT, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    drv_ok(&d);
    work();
    assert_false(drv_used(&q, &head, &len));
    cfg_write(&f, SLOT, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    work();
    assert_true(drv_used(&q, &head, &len));
    assert_int_equal(len, 16);
}

static void test_kick_before(void **state)
{
    const struct drv_buffer b = {DATA_AT, 16, true};
    u32 head, len;

    (void)state;
    assert_true(drv_negotiate(&d, ALL));
    drv_queue(&d, &q, 0, 8, ALL);
    (void)drv_add(&q, &b, 1, 0, 0);
    (void)drv_show(&q);
    drv_kick(&d, 0);
    work();
    drv_ok(&d);
    work();
    assert_true(drv_used(&q, &head, &len));
}

static void test_queue_registers(void **state)
{
    (void)state;
    SET_COMMON(&d, queue_enable, 1);
    assert_int_equal(COMMON(&d, queue_enable), 0);
    assert_string_equal(f.said, "rng: a queue was enabled before FEATURES_OK; ignored");
    assert_true(drv_negotiate(&d, ALL));
    static const u16 bad[] = {0, 3, 32, 0x8000, 0xffff};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        SET_COMMON(&d, queue_size, bad[i]);
        assert_int_equal(COMMON(&d, queue_size), VIRTIO_RNG_QUEUE_SIZE);
    }
    SET_COMMON(&d, queue_msix_vector, 1);
    assert_int_equal(COMMON(&d, queue_msix_vector), 1);
    SET_COMMON(&d, queue_msix_vector, 2); /* there are two */
    assert_int_equal(COMMON(&d, queue_msix_vector), VIRTIO_MSI_NO_VECTOR);
    SET_COMMON(&d, queue_desc, 0x1122334455667788ull);
    assert_true(mem_read(&f, d.common + 0x20, 8) == 0x1122334455667788ull);
    mem_write(&f, d.common + 0x24, 4, 0xaabbccdd);
    assert_true(mem_read(&f, d.common + 0x20, 8) == 0xaabbccdd55667788ull);
    /* Not their width: */
    mem_write(&f, d.common + 0x20, 2, 0x9999);
    assert_true(mem_read(&f, d.common + 0x20, 8) == 0xaabbccdd55667788ull);
    assert_int_equal(mem_read(&f, d.common + 0x20, 1), 0);
    assert_int_equal(mem_read(&f, d.common + 0x3c, 4), 0);
    /* An enabled queue does not move. */
    drv_queue(&d, &q, 0, 8, ALL);
    SET_COMMON(&d, queue_size, 4);
    SET_COMMON(&d, queue_device, 0);
    assert_int_equal(COMMON(&d, queue_size), 8);
    assert_int_equal(mem_read(&f, d.common + 0x30, 8), q.used_at);
    SET_COMMON(&d, queue_enable, 0);
    assert_int_equal(COMMON(&d, queue_enable), 1);
}

static void test_queue_reset(void **state)
{
    (void)state;
    run(ALL);
    assert_int_equal(ask(1), 1);
    SET_COMMON(&d, queue_reset, 1);
    assert_int_equal(COMMON(&d, queue_reset), 0);
    assert_int_equal(COMMON(&d, queue_enable), 0);
    assert_int_equal(COMMON(&d, queue_size), VIRTIO_RNG_QUEUE_SIZE);
    drv_kick(&d, 0);
    work();
    drv_queue(&d, &q, 0, 4, ALL); /* another size, while the device runs */
    assert_int_equal(ask(5), 5);
    assert_int_equal(COMMON(&d, device_status), RUNNING);
    /* Not negotiated: */
    run(ALL & ~VIRTIO_F_RING_RESET);
    SET_COMMON(&d, queue_reset, 1);
    assert_int_equal(COMMON(&d, queue_enable), 1);
}

/* While a back end works on a chain, a reset waits, and nothing is given back. */
static void test_reset_waits(void **state)
{
    (void)state;
    run(ALL);
    virtio_hold(&rng.v, 0);
    virtio_hold(&rng.v, 0);
    SET_COMMON(&d, device_status, 0);
    assert_int_equal(COMMON(&d, device_status), RUNNING);
    SET_COMMON(&d, device_status, 1); /* ignored, and so is */
    SET_COMMON(&d, queue_enable, 1);
    assert_int_equal(COMMON(&d, queue_enable), 0);
    virtio_give(&rng.v, 0, 0, 1);
    virtio_release(&rng.v, 0);
    work();
    assert_int_equal(q.used->idx, 0);
    assert_int_equal(COMMON(&d, device_status), RUNNING);
    virtio_release(&rng.v, 0);
    assert_int_equal(COMMON(&d, device_status), 0);
    run(ALL);
    virtio_hold(&rng.v, 0);
    SET_COMMON(&d, queue_reset, 1);
    assert_int_equal(COMMON(&d, queue_reset), 1);
    assert_int_equal(COMMON(&d, queue_enable), 1);
    SET_COMMON(&d, queue_enable, 1);
    virtio_give(&rng.v, 0, 0, 1);
    virtio_release(&rng.v, 0);
    assert_int_equal(COMMON(&d, queue_reset), 0);
    assert_int_equal(COMMON(&d, queue_enable), 0);
    assert_int_equal(q.used->idx, 0);
}

static void test_line(void **state)
{
    (void)state;
    cfg_write(&f, SLOT, 0x42, 2, 0); /* MSI-X off */
    assert_true(drv_negotiate(&d, VIRTIO_F_VERSION_1));
    drv_queue(&d, &q, 0, 8, VIRTIO_F_VERSION_1);
    drv_ok(&d);
    assert_int_equal(ask(1), 1);
    assert_int_equal(f.messages, 0);
    assert_true(f.line[SLOT]);
    assert_int_equal(mem_read(&f, d.isr, 1), VIRTIO_ISR_QUEUE);
    assert_false(f.line[SLOT]);
    assert_int_equal(mem_read(&f, d.isr, 1), 0);
    const u32 generation = COMMON(&d, config_generation);
    virtio_config_changed(&rng.v);
    assert_int_equal(COMMON(&d, config_generation), generation + 1);
    assert_true(f.line[SLOT]);
    assert_int_equal(mem_read(&f, d.isr, 1), VIRTIO_ISR_CONFIG);
    q.avail->flags = VIRTQ_AVAIL_NO_INTERRUPT;
    assert_int_equal(ask(1), 1);
    assert_false(f.line[SLOT]);
}

static void test_broken_ring(void **state)
{
    (void)state;
    run(ALL);
    q.avail->ring[0] = 77;
    q.avail_idx++;
    (void)drv_show(&q);
    drv_kick(&d, 0);
    work();
    assert_int_equal(COMMON(&d, device_status), RUNNING | VIRTIO_STATUS_NEEDS_RESET);
    assert_int_equal(f.says, 1);
    assert_string_equal(f.said,
                        "rng: queue 0: there is no such descriptor (chain 77, descriptor 77); "
                        "the device needs a reset");
    assert_int_equal(f.data_count[32], 1); /* the configuration interrupt */
    drv_kick(&d, 0);
    work();
    assert_int_equal(f.says, 1);
    run(ALL); /* which resets it */
    assert_int_equal(ask(3), 3);
    /* A queue outside of the memory is found at once. */
    assert_true(drv_negotiate(&d, ALL));
    SET_COMMON(&d, queue_desc, DRV_END);
    SET_COMMON(&d, queue_enable, 1);
    assert_int_equal(COMMON(&d, queue_enable), 0);
    assert_true(COMMON(&d, device_status) & VIRTIO_STATUS_NEEDS_RESET);
}

/* By each of the BARs, and by the window in the configuration space to each with decoding off. */
static void test_doorbells(void **state)
{
    enum { CAP = 0xa0, DATA = CAP + 16 };
    static const struct {
        u32 bar, offset;
        bool window;
    } ways[] = {{VIRTIO_PCI_PORTS_BAR, 0, false},
                {VIRTIO_PCI_BAR, VIRTIO_PCI_NOTIFY_AT, false},
                {VIRTIO_PCI_PORTS_BAR, 0, true},
                {VIRTIO_PCI_BAR, VIRTIO_PCI_NOTIFY_AT, true}};
    const struct drv_buffer b = {DATA_AT, 16, true};
    const u32 decoding = PCI_COMMAND_IO | PCI_COMMAND_MEMORY;
    u32 head, len;

    (void)state;
    run(ALL);
    assert_int_equal(d.multiplier, VIRTIO_PCI_BELL);
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        cfg_write(&f, SLOT, PCI_COMMAND, 2, PCI_COMMAND_MASTER | (ways[i].window ? 0 : decoding));
        cfg_write(&f, SLOT, CAP + 4, 1, ways[i].bar);
        cfg_write(&f, SLOT, CAP + 8, 4, ways[i].offset);
        cfg_write(&f, SLOT, CAP + 12, 4, 2);
        work(); /* a new bus master's queues are looked at */
        (void)drv_add(&q, &b, 1, 0, 0);
        (void)drv_show(&q);
        work();
        assert_false(drv_used(&q, &head, &len)); /* nobody has rung */
        if (ways[i].window)
            cfg_write(&f, SLOT, DATA, 2, 0);
        else if (ways[i].bar == VIRTIO_PCI_BAR)
            mem_write(&f, d.notify, 2, 0);
        else
            port_write(&f, d.ports, 2, 0);
        work();
        assert_true(drv_used(&q, &head, &len));
    }
    cfg_write(&f, SLOT, PCI_COMMAND, 2, decoding);
    assert_int_equal(port_read(&f, d.ports, 4), 0);
    assert_int_equal(mem_read(&f, d.notify, 4), 0);
    port_write(&f, d.ports + 1, 1, 0); /* between two doorbells */
    assert_int_equal(COMMON(&d, device_status), RUNNING);
}

/* As firmware does it that has mapped no BAR. */
static void test_window(void **state)
{
    enum { CAP = 0xa0 };

    (void)state;
    assert_int_equal(cfg_read(&f, SLOT, CAP + 3, 1), VIRTIO_PCI_CAP_PCI_CFG);
    cfg_write(&f, SLOT, PCI_COMMAND, 2, 0);
    cfg_write(&f, SLOT, CAP + 4, 1, VIRTIO_PCI_BAR);
    cfg_write(&f, SLOT, CAP + 8, 4, offsetof(struct virtio_pci_common, num_queues));
    cfg_write(&f, SLOT, CAP + 12, 4, 2);
    assert_int_equal(cfg_read(&f, SLOT, CAP + 16, 2), 1);
    cfg_write(&f, SLOT, CAP + 8, 4, offsetof(struct virtio_pci_common, device_status));
    cfg_write(&f, SLOT, CAP + 12, 4, 1);
    cfg_write(&f, SLOT, CAP + 16, 4, 0xffffff03);
    assert_int_equal(cfg_read(&f, SLOT, CAP + 16, 1), 3);
    assert_int_equal(rng.v.status, 3);
    static const struct {
        u32 bar, offset, length;
    } nowhere[] = {{0, 0, 4}, {5, 0, 4}, {0xff, 0, 4}, {4, 0x4000, 4}, {4, ~3u, 4}, {4, 2, 4},
                   {4, 0, 3}, {4, 0, 8}, {2, 4, 4},    {2, 2, 4},      {2, ~3u, 4}};
    for (size_t i = 0; i < ARRAY_LEN(nowhere); i++) {
        cfg_write(&f, SLOT, CAP + 4, 1, nowhere[i].bar);
        cfg_write(&f, SLOT, CAP + 8, 4, nowhere[i].offset);
        cfg_write(&f, SLOT, CAP + 12, 4, nowhere[i].length);
        cfg_write(&f, SLOT, CAP + 16, 4, 0);
        assert_int_equal(cfg_read(&f, SLOT, CAP + 16, 4), ~0u);
    }
    assert_int_equal(rng.v.status, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_ids, begin),
        cmocka_unit_test_setup(test_features, begin),
        cmocka_unit_test_setup(test_status, begin),
        cmocka_unit_test_setup(test_not_before, begin),
        cmocka_unit_test_setup(test_kick_before, begin),
        cmocka_unit_test_setup(test_queue_registers, begin),
        cmocka_unit_test_setup(test_queue_reset, begin),
        cmocka_unit_test_setup(test_reset_waits, begin),
        cmocka_unit_test_setup(test_line, begin),
        cmocka_unit_test_setup(test_broken_ring, begin),
        cmocka_unit_test_setup(test_doorbells, begin),
        cmocka_unit_test_setup(test_window, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
