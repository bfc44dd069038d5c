/* The emulated PCI bus: ports and ECAM against the table of bytes, sizing, moving and refusing of
 * BARs, INTx, MSI-X with its masks. */
#include "pci_thing.h"

static void test_add(void **state)
{
    (void)state;
    assert_int_equal(pci_bus_add(&f.bus, &dev, SLOT), E_EXIST);
    assert_int_equal(pci_bus_add(&f.bus, &dev, PCI_SLOTS), E_RANGE);
}

/* Each byte by both ways, in each width; what is not there reads as ones. */
static void test_ways(void **state)
{
    (void)state;
    assert_int_equal(cfg_read(&f, SLOT, 0, 4), DEVICE << 16 | 0x1af4);
    assert_int_equal(cfg_read(&f, 0, PCI_CLASS, 2), 0); /* a bridge, */
    assert_int_equal(cfg_read(&f, 0, PCI_CLASS + 2, 1), 6);
    for (u32 slot = 0; slot < PCI_SLOTS; slot++)
        for (u32 at = 0; at < 256; at++) {
            const bool here = slot == 0 || slot == SLOT || slot == OTHER;
            const u32 byte = cfg_read(&f, (u8)slot, at, 1);
            assert_true(here || byte == 0xff);
            assert_int_equal(byte, pci_bus_ecam_read(&f.bus, ECAM(slot) + at, 1));
            assert_int_equal(cfg_read(&f, (u8)slot, at & ~1u, 2) >> at % 2 * 8 & 0xff, byte);
            assert_int_equal(cfg_read(&f, (u8)slot, at & ~3u, 4) >> at % 4 * 8 & 0xff, byte);
            assert_int_equal(
                pci_bus_ecam_read(&f.bus, ECAM(slot) + (at & ~3u), 4) >> at % 4 * 8 & 0xff, byte);
        }
    /* Other functions, other buses, the end of the ECAM space, odd accesses. */
    assert_int_equal(pci_bus_ecam_read(&f.bus, ECAM(SLOT) + 0x1000, 4), ~0u);
    assert_int_equal(pci_bus_ecam_read(&f.bus, ECAM(SLOT) + PCI_ECAM_SIZE, 4), ~0u);
    assert_int_equal(pci_bus_ecam_read(&f.bus, ECAM(SLOT) + 0x100, 4), 0);
    assert_int_equal(pci_bus_ecam_read(&f.bus, ECAM(SLOT) + 0xffc, 4), 0);
    assert_int_equal(pci_bus_ecam_read(&f.bus, ECAM(SLOT) + 2, 4), 0);
    pci_bus_port_write(&f.bus, 0xcf8, 4, 0x80010000u | SLOT << 11);
    assert_int_equal(pci_bus_port_read(&f.bus, 0xcfc, 4), ~0u);
    pci_bus_port_write(&f.bus, 0xcf8, 4, 0x80000100u | SLOT << 11);
    assert_int_equal(pci_bus_port_read(&f.bus, 0xcfc, 4), ~0u);
    pci_bus_port_write(&f.bus, 0xcf8, 4, SLOT << 11);
    assert_int_equal(pci_bus_port_read(&f.bus, 0xcfc, 2), 0xffff);
    pci_bus_port_write(&f.bus, 0xcf8, 4, ~0u);
    assert_int_equal(pci_bus_port_read(&f.bus, 0xcf8, 4), 0x80fffffc);
    pci_bus_port_write(&f.bus, 0xcf8, 1, 0); /* not the register */
    assert_int_equal(pci_bus_port_read(&f.bus, 0xcf8, 4), 0x80fffffc);
    assert_int_equal(pci_bus_port_read(&f.bus, 0xcf9, 1), 0xff);
}

/* Every byte takes what its mask lets in, by every width, and nothing else changes. */
static void test_masks(void **state)
{
    (void)state;
    static const unsigned widths[] = {1, 2, 4};
    u8 model[256];

    for (u32 at = 0; at < 256; at++)
        model[at] = dev.config[at];
    for (u32 i = 0; i < 60000; i++) {
        const unsigned width = widths[drv_random() % 3];
        const u32 at = (u32)(drv_random() % 256), value = (u32)drv_random();
        cfg_write(&f, SLOT, at & ~(width - 1), width, value);
        for (u32 b = 0; b < width; b++) {
            u8 *const m = &model[(at & ~(width - 1)) + b];
            const u8 mask = dev.writable[(at & ~(width - 1)) + b];
            *m = (u8)((*m & ~mask) | (value >> 8 * b & mask));
        }
        assert_memory_equal(model, dev.config, sizeof(model));
    }
    assert_int_equal(cfg_read(&f, SLOT, 0x80, 4) & ~0x00ff0ff0u, 0x11223344u & ~0x00ff0ff0u);
    pci_bus_ecam_write(&f.bus, ECAM(SLOT) + 0x80, 4, 0xffffffffu);
    assert_int_equal(cfg_read(&f, SLOT, 0x80, 4), 0x11ff3ff4);
    pci_bus_ecam_write(&f.bus, ECAM(SLOT + 1) + 0x80, 4, 0);
    pci_bus_ecam_write(&f.bus, ECAM(SLOT) + 0x180, 4, 0);
    assert_int_equal(cfg_read(&f, SLOT, 0x80, 4), 0x11ff3ff4);
}

static void test_sizing(void **state)
{
    (void)state;
    for (u32 bar = 0; bar < PCI_BARS; bar++)
        cfg_write(&f, SLOT, PCI_BAR0 + 4 * bar, 4, ~0u);
    assert_int_equal(cfg_read(&f, SLOT, PCI_BAR0, 4), 0xfffff000);
    assert_int_equal(cfg_read(&f, SLOT, PCI_BAR0 + 4, 4), 0);
    assert_int_equal(cfg_read(&f, SLOT, PCI_BAR0 + 8, 4), 0xffffc00c);
    assert_int_equal(cfg_read(&f, SLOT, PCI_BAR0 + 12, 4), ~0u);
    assert_int_equal(cfg_read(&f, SLOT, IO_AT, 4), 0xfffffff1);
    assert_int_equal(cfg_read(&f, SLOT, IO_AT + 4, 4), 0);
    assert_int_equal(f.says, 0);
}

static void test_placed(void **state)
{
    u64 value;

    (void)state;
    assert_false(pci_bus_memory_read(&f.bus, bar_address(&f, SLOT, 2), 4, &value));
    cfg_write(&f, SLOT, PCI_COMMAND, 2, MEMORY);
    cfg_write(&f, OTHER, PCI_COMMAND, 2, MEMORY);
    assert_int_equal(f.maps, 4);
    const u64 at = bar_address(&f, SLOT, 2);
    assert_int_equal(at % WIDE, 0);
    assert_int_equal(mem_read(&f, at + 8, 1), 0x08);
    assert_int_equal(mem_read(&f, at + 8, 2), 0xc008);
    assert_int_equal(mem_read(&f, at + 8, 4), 0xa4b0c008);
    assert_true(mem_read(&f, at + 8, 8) == 0xa4b0c00ca4b0c008ull);
    assert_int_equal(mem_read(&f, at + 7, 4), ~0u); /* not aligned */
    assert_int_equal(mem_read(&f, at + WIDE - 1, 1), 0xff);
    assert_false(pci_bus_memory_read(&f.bus, at + WIDE - 2, 4, &value));
    mem_write(&f, at + 0x10, 8, 0x1122334455667788ull);
    assert_int_equal(writes, 2);
    assert_int_equal(last_offset, 0x14);
    assert_int_equal(last_value, 0x11223344);
    mem_write(&f, at + 0x10, 2, 0x12345678);
    assert_int_equal(last_value, 0x5678);
    assert_int_equal(last_bar, 2);
    mem_write(&f, at + 0x11, 2, 1);
    assert_int_equal(writes, 3);
    cfg_write(&f, SLOT, PCI_COMMAND, 2, 0);
    assert_int_equal(f.unmaps, 2);
    assert_false(pci_bus_memory_write(&f.bus, at, 4, 0));
    assert_int_equal(f.says, 0);
}

static void test_window_too_small(void **state)
{
    (void)state;
    f.bus.window[0].last = f.bus.window[0].first + 2 * WIDE - 1;
    assert_int_equal(pci_bars_place(&f.bus), E_NOMEM);
    f.bus.window[0].last = BUS_LAST;
    f.bus.window[1].last = f.bus.window[1].first + 2 * PORTS - 2;
    assert_int_equal(pci_bars_place(&f.bus), E_NOMEM);
    f.bus.window[1] = (struct pci_window){0}; /* no ports at all */
    assert_int_equal(pci_bars_place(&f.bus), E_NOMEM);
}

/* Where a BAR must not be, it does not answer; it does again where it may be. */
static void test_moving(void **state)
{
    static const u64 bad[] = {0,          0xa0000,    0x100000,   BUS_FIRST - WIDE, BUS_LAST + 1,
                              0xfec00000, 0xfee00000, 0xffffc000, 0x100000000ull,   ~0x3fffull};
    u64 value;

    (void)state;
    cfg_write(&f, SLOT, PCI_COMMAND, 2, MEMORY);
    const u64 home = bar_address(&f, SLOT, 2);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cfg_write(&f, SLOT, PCI_BAR0 + 8, 4, (u32)bad[i]);
        cfg_write(&f, SLOT, PCI_BAR0 + 12, 4, (u32)(bad[i] >> 32));
        assert_int_equal(bar_address(&f, SLOT, 2), bad[i]);
        assert_false(dev.bar[2].mapped);
        assert_false(pci_bus_memory_read(&f.bus, bad[i], 4, &value));
        assert_false(pci_bus_memory_read(&f.bus, home, 4, &value));
    }
    assert_true(dev.refused >= ARRAY_LEN(bad));
    assert_in_range(f.says, 3, 6); /* ever more rarely */
    cfg_write(&f, SLOT, PCI_BAR0 + 12, 4, 0);
    cfg_write(&f, SLOT, PCI_BAR0 + 8, 4, BUS_FIRST + 0x80000);
    assert_int_equal(mem_read(&f, BUS_FIRST + 0x80000, 1), 0);
    cfg_write(&f, SLOT, PCI_BAR0 + 8, 4, (u32)(BUS_LAST + 1 - WIDE));
    assert_true(dev.bar[2].mapped);
}

static void test_overlap(void **state)
{
    (void)state;
    cfg_write(&f, SLOT, PCI_COMMAND, 2, MEMORY);
    cfg_write(&f, OTHER, PCI_COMMAND, 2, MEMORY);
    const u64 mine = bar_address(&f, SLOT, 2), its = bar_address(&f, OTHER, 2);
    cfg_write(&f, SLOT, PCI_BAR0 + 8, 4, (u32)its);
    assert_false(dev.bar[2].mapped);
    assert_true(other.bar[2].mapped);
    assert_string_equal(f.said, "thing: BAR 2 at 0xc000c000, 0x4000 bytes: there is other; "
                                "it does not answer");
    /* A BAR over another one of the same device. */
    cfg_write(&f, SLOT, PCI_BAR0, 4, (u32)its + 0x1000);
    assert_false(dev.bar[0].mapped);
    /* When the other goes away, there is room. */
    cfg_write(&f, OTHER, PCI_BAR0 + 8, 4, (u32)mine);
    assert_true(other.bar[2].mapped);
    assert_int_equal(other.bar[2].at, mine);
    assert_true(dev.bar[0].mapped); /* the first one that asks has it */
    assert_false(dev.bar[2].mapped);
    cfg_write(&f, SLOT, PCI_COMMAND, 2, 0);
    assert_false(dev.bar[0].mapped);
}

static void test_line(void **state)
{
    (void)state;
    pci_set_line(&dev, true);
    assert_true(f.line[SLOT]);
    assert_true(cfg_read(&f, SLOT, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
    cfg_write(&f, SLOT, PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE);
    assert_false(f.line[SLOT]);
    assert_true(cfg_read(&f, SLOT, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
    cfg_write(&f, SLOT, PCI_COMMAND, 2, 0);
    assert_true(f.line[SLOT]);
    cfg_write(&f, SLOT, CAP + 2, 2, 0x8000); /* MSI-X on */
    assert_false(f.line[SLOT]);
    cfg_write(&f, SLOT, CAP + 2, 2, 0);
    assert_true(f.line[SLOT]);
    pci_set_line(&dev, false);
    assert_false(f.line[SLOT]);
    assert_false(cfg_read(&f, SLOT, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
}

static void test_msix(void **state)
{
    (void)state;
    cfg_write(&f, SLOT, PCI_COMMAND, 2, MEMORY | MASTER);
    const u64 table = bar_address(&f, SLOT, 0), pba = table + 0x800;
    assert_int_equal(mem_read(&f, table + 12, 4), 1);
    for (u32 i = 0; i < 4; i++) {
        mem_write(&f, table + 16 * i, 4, 0xfee01003u);
        mem_write(&f, table + 16 * i + 4, 4, 0);
        mem_write(&f, table + 16 * i + 8, 4, 0x40 + i);
    }
    assert_int_equal(mem_read(&f, table, 4), 0xfee01000);
    pci_msix_raise(&dev, 1); /* off */
    assert_int_equal(mem_read(&f, pba, 4), 0);
    cfg_write(&f, SLOT, CAP + 2, 2, 0xc000); /* on, all masked */
    mem_write(&f, table + 16 + 12, 4, ~0ull);
    assert_int_equal(mem_read(&f, table + 16 + 12, 4), 1);
    mem_write(&f, table + 16 + 12, 4, 0);
    pci_msix_raise(&dev, 1);
    pci_msix_raise(&dev, 1);
    pci_msix_raise(&dev, 2);
    pci_msix_raise(&dev, 4); /* there is none */
    pci_msix_raise(&dev, 0xffff);
    assert_int_equal(mem_read(&f, pba, 4), 6);
    assert_int_equal(f.messages, 0);
    cfg_write(&f, SLOT, CAP + 2, 2, 0x8000);
    assert_int_equal(f.messages, 1);
    assert_int_equal(f.last_data, 0x41);
    assert_int_equal(f.last_address, 0xfee01000);
    assert_int_equal(mem_read(&f, pba, 4), 4);
    mem_write(&f, table + 32 + 12, 4, 0);
    assert_int_equal(f.messages, 2);
    assert_int_equal(f.last_data, 0x42);
    pci_msix_raise(&dev, 2);
    assert_int_equal(f.messages, 3);
    mem_write(&f, pba, 4, 0xf); /* read-only */
    assert_int_equal(mem_read(&f, pba, 4), 0);
    /* Not a bus master: held back. */
    cfg_write(&f, SLOT, PCI_COMMAND, 2, MEMORY);
    pci_msix_raise(&dev, 2);
    assert_int_equal(f.messages, 3);
    cfg_write(&f, SLOT, PCI_COMMAND, 2, MEMORY | MASTER);
    assert_int_equal(f.messages, 4);
    /* Switched off, what is pending is gone. */
    pci_msix_raise(&dev, 3);
    assert_int_equal(mem_read(&f, pba, 4), 8);
    cfg_write(&f, SLOT, CAP + 2, 2, 0);
    assert_int_equal(mem_read(&f, pba, 4), 0);
    /* Bytes and what is behind the table. */
    assert_int_equal(mem_read(&f, table, 1), 0xff);
    mem_write(&f, table + 9, 1, 0);
    assert_int_equal(mem_read(&f, table + 8, 4), 0x40);
    assert_int_equal(mem_read(&f, table + 64, 4), 0);
    mem_write(&f, table + 64, 4, 7);
    assert_int_equal(mem_read(&f, table + 64, 4), 0);
}

/* A message elsewhere would be a write to memory. */
static void test_msix_address(void **state)
{
    static const u64 bad[] = {0, 0x1000, 0xfed00000, 0xfef00000, 0x1fee00000, 0xfec00000};

    (void)state;
    cfg_write(&f, SLOT, PCI_COMMAND, 2, MEMORY | MASTER);
    cfg_write(&f, SLOT, CAP + 2, 2, 0x8000);
    const u64 table = bar_address(&f, SLOT, 0);
    mem_write(&f, table + 12, 4, 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        mem_write(&f, table, 8, bad[i]);
        pci_msix_raise(&dev, 0);
    }
    assert_int_equal(f.messages, 0);
    assert_int_equal(dev.msix.refused, ARRAY_LEN(bad));
    assert_int_equal(f.says, 3);
    assert_string_equal(f.said,
                        "thing: MSI-X vector 0: 0x0fef00000 is not where interrupts are sent");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_add, begin),
        cmocka_unit_test_setup(test_ways, begin),
        cmocka_unit_test_setup(test_masks, begin),
        cmocka_unit_test_setup(test_sizing, begin),
        cmocka_unit_test_setup(test_placed, begin),
        cmocka_unit_test_setup(test_window_too_small, begin),
        cmocka_unit_test_setup(test_moving, begin),
        cmocka_unit_test_setup(test_overlap, begin),
        cmocka_unit_test_setup(test_line, begin),
        cmocka_unit_test_setup(test_msix, begin),
        cmocka_unit_test_setup(test_msix_address, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
