/* BARs of ports on the emulated PCI bus: decoding, moving, refusing. */
#include "pci_thing.h"

/* Ports are decoded for themselves, and nobody takes them for memory. */
static void test_ports(void **state)
{
    u64 wide;
    u32 value;

    (void)state;
    const u64 at = bar_address(&f, SLOT, IO_BAR);
    assert_int_equal(at, PORTS_FIRST);
    assert_int_equal(bar_address(&f, OTHER, IO_BAR), PORTS_FIRST + PORTS);
    assert_int_equal(cfg_read(&f, SLOT, IO_AT, 4), PORTS_FIRST | 1);
    cfg_write(&f, SLOT, PCI_COMMAND, 2, MEMORY);
    assert_false(pci_bus_io_read(&f.bus, (u16)at, 4, &value));
    cfg_write(&f, SLOT, PCI_COMMAND, 2, IO);
    assert_int_equal(f.maps, 3);
    assert_int_equal(f.unmaps, 2);
    assert_int_equal(port_read(&f, at + 8, 1), 0x08);
    assert_int_equal(port_read(&f, at + 8, 2), 0xc008);
    assert_int_equal(port_read(&f, at + 8, 4), 0xa4b0c008);
    assert_int_equal(port_read(&f, at + 7, 2), 0xffff); /* not aligned */
    assert_false(pci_bus_io_read(&f.bus, (u16)(at + PORTS - 2), 4, &value));
    assert_false(pci_bus_io_read(&f.bus, (u16)(at + PORTS), 1, &value));
    assert_false(pci_bus_memory_read(&f.bus, at, 4, &wide));
    port_write(&f, at + 12, 2, 0x12345678);
    assert_int_equal(last_bar, IO_BAR);
    assert_int_equal(last_offset, 12);
    assert_int_equal(last_width, 2);
    assert_int_equal(last_value, 0x5678);
    port_write(&f, at + 13, 2, 1);
    assert_int_equal(writes, 1);
    cfg_write(&f, SLOT, PCI_COMMAND, 2, 0);
    assert_int_equal(f.unmaps, 3);
    assert_false(pci_bus_io_write(&f.bus, (u16)at, 4, 0));
    assert_int_equal(f.says, 0);
    /* The bridge has none to decode. */
    cfg_write(&f, 0, PCI_COMMAND, 2, 0xffff);
    assert_int_equal(cfg_read(&f, 0, PCI_COMMAND, 2), MEMORY | MASTER);
}

static void test_moving_ports(void **state)
{
    static const u32 bad[] = {
        0,       0x20, 0xcf0, PORTS_FIRST - PORTS, 0xfff0, PORTS_LAST + 1, PORTS_FIRST | 0x10000,
        ~0u - 15};
    u32 value;

    (void)state;
    cfg_write(&f, SLOT, PCI_COMMAND, 2, IO);
    const u64 home = bar_address(&f, SLOT, IO_BAR);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cfg_write(&f, SLOT, IO_AT, 4, bad[i]);
        assert_int_equal(cfg_read(&f, SLOT, IO_AT, 4), bad[i] | 1);
        assert_false(dev.bar[IO_BAR].mapped);
        assert_false(pci_bus_io_read(&f.bus, (u16)bad[i], 4, &value));
        assert_false(pci_bus_io_read(&f.bus, (u16)home, 4, &value));
    }
    assert_int_equal(dev.refused, ARRAY_LEN(bad));
    assert_in_range(f.says, 3, 6);
    cfg_write(&f, SLOT, IO_AT, 4, PORTS_LAST + 1 - PORTS);
    assert_int_equal(port_read(&f, PORTS_LAST, 1), 0x0f);
    assert_false(pci_bus_io_read(&f.bus, (u16)home, 4, &value));
    /* Over another one: who was there first stays, and when that goes, it answers. */
    cfg_write(&f, OTHER, PCI_COMMAND, 2, IO);
    cfg_write(&f, OTHER, IO_AT, 4, PORTS_LAST + 1 - PORTS);
    assert_true(dev.bar[IO_BAR].mapped);
    assert_false(other.bar[IO_BAR].mapped);
    cfg_write(&f, SLOT, PCI_COMMAND, 2, 0);
    assert_true(other.bar[IO_BAR].mapped);
}

static void mapped_anywhere(void *ctx, struct pci_device *d, unsigned bar, bool now)
{
    (void)ctx, (void)d, (void)bar, (void)now;
}

/* The same number is another place in memory. */
static void test_spaces(void **state)
{
    const u64 around = ALIGN_DOWN(PORTS_FIRST, WIDE);
    const struct pci_host host = {.line = fake_line, .mapped = mapped_anywhere, .say = fake_say};

    (void)state;
    f.bus.host = &host;
    f.bus.window[0] = (struct pci_window){around, around + WIDE - 1, PCI_MEMORY};
    cfg_write(&f, SLOT, PCI_BAR0 + 8, 4, (u32)around);
    cfg_write(&f, SLOT, PCI_COMMAND, 2, MEMORY | IO);
    assert_true(dev.bar[2].mapped && dev.bar[IO_BAR].mapped);
    port_write(&f, PORTS_FIRST, 4, 0);
    assert_int_equal(last_bar, IO_BAR);
    mem_write(&f, PORTS_FIRST, 4, 0);
    assert_int_equal(last_bar, 2);
    port_write(&f, PORTS_FIRST, 4, 0);
    assert_int_equal(last_bar, IO_BAR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_ports, begin),
        cmocka_unit_test_setup(test_moving_ports, begin),
        cmocka_unit_test_setup(test_spaces, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
