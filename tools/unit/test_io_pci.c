/* drivers/io/pci.c and pci_irq.c against a made-up configuration space. */
#include "drivers/io/pci.h"
#include "tools/unit/fake_io.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ECAM 0xe0000000ull

/* A bus with two devices and a bridge, behind which there is one more; 256 bytes each. */
struct space {
    u8 bytes[4][256];
    u32 bar_mask[4][PCI_BARS];
    u32 address; /* the register at 0xcf8 */
    bool decoded_while_measured;
    u8 msix[4096];
};

static const struct {
    u8 bus, device, function;
} place[4] = {{0, 1, 0}, {0, 1, 3}, {0, 30, 0}, {5, 2, 0}};

static void put(struct space *s, u32 f, u32 offset, u32 width, u64 value)
{
    memcpy(&s->bytes[f][offset], &value, width);
}

static u32 get(const struct space *s, u32 f, u32 offset, u32 width)
{
    u32 value = 0;

    memcpy(&value, &s->bytes[f][offset], width);
    return value;
}

static int find(u32 bus, u32 device, u32 function)
{
    for (int i = 0; i < 4; i++)
        if (place[i].bus == bus && place[i].device == device && place[i].function == function)
            return i;
    return -1;
}

static void config_write(struct space *s, int f, u32 offset, u32 width, u32 value)
{
    if (f < 0 || offset + width > 256)
        return;
    if (offset >= PCI_BAR && offset < PCI_BAR + 4 * PCI_BARS && width == 4) {
        const u32 i = (offset - PCI_BAR) / 4;
        const u32 fixed = get(s, (u32)f, offset, 4) & ~s->bar_mask[f][i] & 0xf;

        s->decoded_while_measured |= (get(s, (u32)f, PCI_COMMAND, 2) & 3) != 0;
        value = (value & s->bar_mask[f][i]) | fixed;
    }
    put(s, (u32)f, offset, width, value);
}

static u32 bus_read(struct fake_io *io, bool ports, u64 at, u32 width)
{
    struct space *s = io->device;
    u32 a = s->address, offset;
    int f;

    if (ports) {
        if (at < 0xcfc || !(a & BIT32(31)))
            return ~0u;
        offset = (a & 0xfc) + (u32)(at - 0xcfc);
    } else if (at >= ECAM && at < ECAM + (16 << 20)) {
        a = (u32)(at - ECAM) >> 4 & 0x00ffff00; /* as in the register */
        offset = (u32)at & 0xfff;
    } else {
        u32 value = ~0u;

        if (at >= 0xfe000000 && at + width <= 0xfe000000 + sizeof(s->msix))
            memcpy(&value, &s->msix[at - 0xfe000000], width);
        return value;
    }
    f = find(a >> 16 & 0xff, a >> 11 & 31, a >> 8 & 7);
    return f < 0 || offset + width > 256 ? ~0u >> (32 - 8 * width) : get(s, (u32)f, offset, width);
}

static void bus_write(struct fake_io *io, bool ports, u64 at, u32 width, u32 value)
{
    struct space *s = io->device;
    u32 a = s->address;

    if (ports && at == 0xcf8 && width == 4) {
        s->address = value;
    } else if (ports && at >= 0xcfc) {
        config_write(s, find(a >> 16 & 0xff, a >> 11 & 31, a >> 8 & 7),
                     (a & 0xfc) + (u32)(at - 0xcfc), width, value);
    } else if (!ports && at >= ECAM && at < ECAM + (16 << 20)) {
        a = (u32)(at - ECAM) >> 4 & 0x00ffff00;
        config_write(s, find(a >> 16 & 0xff, a >> 11 & 31, a >> 8 & 7), (u32)at & 0xfff, width,
                     value);
    } else if (!ports && at >= 0xfe000000 && at + width <= 0xfe000000 + sizeof(s->msix)) {
        memcpy(&s->msix[at - 0xfe000000], &value, width);
    }
}

static void identify(struct space *s, u32 f, u16 vendor, u16 id, u32 class, u8 header)
{
    put(s, f, PCI_VENDOR, 2, vendor);
    put(s, f, PCI_DEVICE, 2, id);
    put(s, f, PCI_CLASS, 4, class);
    put(s, f, PCI_HEADER_TYPE, 1, header);
}

static void make_space(struct space *s)
{
    memset(s, 0, sizeof(*s));
    identify(s, 0, 0x8086, 0x7000, 0x06010002, 0x80);
    identify(s, 1, 0x8086, 0x7010, 0x01018001, 0);
    identify(s, 2, 0x1b36, 0x000c, 0x06040000, 1);
    identify(s, 3, 0x1af4, 0x1042, 0x01000001, 0);
    put(s, 2, 0x19, 1, 5);
    put(s, 2, 0x1a, 1, 5);
    put(s, 1, PCI_BAR + 16, 4, 0xc041);
    s->bar_mask[1][4] = 0xfff0; /* 16 ports, upper half hard-wired */
    put(s, 1, PCI_COMMAND, 2, 5);
    put(s, 3, PCI_BAR, 4, 0xfe000000);
    s->bar_mask[3][0] = 0xfffff000;
    put(s, 3, PCI_BAR + 16, 4, 0x0000000c);
    put(s, 3, PCI_BAR + 20, 4, 0x8);
    s->bar_mask[3][4] = 0xffffc000;
    s->bar_mask[3][5] = 0xffffffff;
    put(s, 3, PCI_COMMAND, 2, 7);
    put(s, 3, PCI_STATUS, 2, 0x10);
    put(s, 3, PCI_CAPABILITIES, 1, 0x40);
    put(s, 3, 0x40, 4, 0x00005009 | 0x10000000); /* vendor -> 0x50 */
    put(s, 3, 0x50, 4, 0x00006011 | 0x00030000); /* MSI-X of 4 entries -> 0x60 */
    put(s, 3, 0x54, 4, 0x800);
    put(s, 3, 0x60, 4, 0x00007005 | 0x00800000); /* MSI, 64-bit -> 0x70 */
    put(s, 3, 0x70, 4, 0x00000009);
    put(s, 3, PCI_INTERRUPT_PIN, 1, 1);
    put(s, 3, PCI_INTERRUPT_LINE, 1, 11);
}

/* What every test begins with. */
struct fixture {
    struct space space;
    struct fake_io io;
    struct pci pci;
    struct pci_function found[8];
    u32 count;
};

static void open_and_scan(struct fixture *x)
{
    make_space(&x->space);
    fake_io_open(&x->io, &x->space);
    x->io.read = bus_read;
    x->io.write = bus_write;
    assert_int_equal(pci_open_ports(&x->pci, &x->io.env), OK);
    assert_int_equal(pci_scan(&x->pci, x->found, 8, &x->count), OK);
}

static void check_found(const struct pci_function *found, u32 count)
{
    assert_int_equal(count, 4);
    for (u32 i = 0; i < 4; i++) {
        assert_int_equal(found[i].bus, place[i].bus);
        assert_int_equal(found[i].device, place[i].device);
        assert_int_equal(found[i].function, place[i].function);
    }
    assert_int_equal(found[1].class, 1);
    assert_int_equal(found[1].interface, 0x80);
    assert_int_equal(found[2].secondary, 5);
    assert_int_equal(found[3].id, 0x1042);
    assert_int_equal(found[3].pin, 1);
    assert_int_equal(found[3].line, 11);
}

static void test_scan_by_ports_and_by_ecam(void **state)
{
    struct fixture x;
    struct pci ecam;

    (void)state;
    open_and_scan(&x);
    check_found(x.found, x.count);
    assert_int_equal(pci_open_ecam(&ecam, &x.io.env, ECAM, 0, 15), OK);
    assert_int_equal(pci_scan(&ecam, x.found, 8, &x.count), OK);
    check_found(x.found, x.count);
    assert_int_equal(pci_scan(&ecam, x.found, 3, &x.count), E_RANGE);
    assert_int_equal(x.count, 4);
    assert_int_equal(pci_open_ecam(&ecam, &x.io.env, ECAM, 3, 2), E_INVAL);
    assert_true(fake_io_close(&x.io));
}

/* A bridge that points at itself or up, and a device that is 0x0000, lead nowhere. */
static void test_scan_of_nonsense_ends(void **state)
{
    struct fixture x;

    (void)state;
    open_and_scan(&x);
    put(&x.space, 2, 0x19, 1, 0);
    put(&x.space, 1, PCI_VENDOR, 2, 0);
    assert_int_equal(pci_scan(&x.pci, x.found, 8, &x.count), OK);
    assert_int_equal(x.count, 2);
    assert_true(fake_io_close(&x.io));
}

static void test_bars_are_measured_and_left(void **state)
{
    struct fixture x;
    struct io_window w;

    (void)state;
    open_and_scan(&x);
    x.space.decoded_while_measured = false;
    pci_measure_bars(&x.found[1]);
    pci_measure_bars(&x.found[3]);
    assert_false(x.space.decoded_while_measured);
    assert_int_equal(x.found[1].bar[4].kind, PCI_BAR_PORTS);
    assert_int_equal(x.found[1].bar[4].base, 0xc040);
    assert_int_equal(x.found[1].bar[4].len, 16);
    assert_int_equal(x.found[1].bar[0].kind, PCI_BAR_NONE);
    assert_int_equal(x.found[3].bar[0].len, 4096);
    assert_int_equal(x.found[3].bar[4].base, 0x800000000ull);
    assert_int_equal(x.found[3].bar[4].len, 0x4000);
    assert_true(x.found[3].bar[4].prefetchable);
    assert_int_equal(x.found[3].bar[5].kind, PCI_BAR_NONE);
    assert_int_equal(get(&x.space, 1, PCI_BAR + 16, 4), 0xc041);
    assert_int_equal(get(&x.space, 3, PCI_BAR + 20, 4), 8);
    assert_int_equal(get(&x.space, 3, PCI_COMMAND, 2), 7);
    assert_int_equal(pci_map_bar(&x.found[3], 4, &w), OK);
    assert_int_equal(w.at, 0x800000000ull);
    assert_int_equal(pci_map_bar(&x.found[1], 4, &w), OK);
    assert_true(w.ports);
    assert_int_equal(pci_map_bar(&x.found[3], 1, &w), E_NOENT);
    assert_int_equal(pci_map_bar(&x.found[3], 6, &w), E_NOENT);
    assert_true(fake_io_close(&x.io));
}

/* Masks with holes and places that are not aligned: no BAR at all. */
static void test_bars_of_nonsense(void **state)
{
    struct fixture x;

    (void)state;
    open_and_scan(&x);
    x.space.bar_mask[3][0] = 0xff0ff000;
    put(&x.space, 3, PCI_BAR + 16, 4, 0x0000100c);
    pci_measure_bars(&x.found[3]);
    assert_int_equal(x.found[3].bar[0].kind, PCI_BAR_NONE);
    x.space.bar_mask[1][4] = 0;
    pci_measure_bars(&x.found[1]);
    assert_int_equal(x.found[1].bar[4].kind, PCI_BAR_NONE);
    assert_true(fake_io_close(&x.io));
}

static void test_capabilities(void **state)
{
    struct fixture x;
    const struct pci_function *f = &x.found[3];

    (void)state;
    open_and_scan(&x);
    assert_int_equal(pci_capability(f, PCI_CAP_VENDOR, 0), 0x40);
    assert_int_equal(pci_capability(f, PCI_CAP_VENDOR, 0x40), 0x70);
    assert_int_equal(pci_capability(f, PCI_CAP_VENDOR, 0x70), 0);
    assert_int_equal(pci_capability(f, PCI_CAP_EXPRESS, 0), 0);
    put(&x.space, 3, 0x71, 1, 0x40); /* a ring */
    assert_int_equal(pci_capability(f, PCI_CAP_EXPRESS, 0), 0);
    put(&x.space, 3, 0x41, 1, 0x10); /* into the header */
    assert_int_equal(pci_capability(f, PCI_CAP_MSIX, 0), 0);
    put(&x.space, 3, PCI_STATUS, 2, 0);
    assert_int_equal(pci_capability(f, PCI_CAP_VENDOR, 0), 0);
    assert_true(fake_io_close(&x.io));
}

static bool count_it(void *arg)
{
    ++*(u32 *)arg;
    return true;
}

static void test_msi_and_its_line(void **state)
{
    struct fixture x;
    u32 called = 0;
    struct io_irq irq = {.handler = count_it, .arg = &called};

    (void)state;
    open_and_scan(&x);
    assert_int_equal(pci_irq_attach(&x.found[3], PCI_IRQ_MSI | PCI_IRQ_INTX, &irq), OK);
    assert_int_equal(get(&x.space, 3, 0x62, 2), 0x81);
    assert_int_equal(get(&x.space, 3, 0x64, 4), irq.address);
    assert_int_equal(get(&x.space, 3, 0x6c, 2), irq.data);
    assert_true(get(&x.space, 3, PCI_COMMAND, 2) & PCI_COMMAND_INTX_OFF);
    assert_true(fake_message(&x.io, irq.data));
    assert_int_equal(called, 1);
    pci_irq_detach(&x.found[3], &irq);
    assert_int_equal(get(&x.space, 3, 0x62, 2), 0x80);
    assert_false(fake_message(&x.io, irq.data));

    x.io.no_messages = true;
    assert_int_equal(pci_irq_attach(&x.found[3], PCI_IRQ_MSI | PCI_IRQ_INTX, &irq), OK);
    assert_false(get(&x.space, 3, PCI_COMMAND, 2) & PCI_COMMAND_INTX_OFF);
    assert_int_equal(fake_line(&x.io, 11), 1);
    assert_int_equal(called, 2);
    pci_irq_detach(&x.found[3], &irq);
    assert_int_equal(pci_irq_attach(&x.found[1], PCI_IRQ_MSI | PCI_IRQ_INTX, &irq), E_NOENT);
    assert_true(fake_io_close(&x.io));
}

static void test_msix(void **state)
{
    struct fixture x;
    struct pci_msix m;
    u32 called = 0;
    struct io_irq irq = {.handler = count_it, .arg = &called};

    (void)state;
    open_and_scan(&x);
    pci_measure_bars(&x.found[3]);
    assert_int_equal(pci_msix_open(&x.found[3], &m), OK);
    assert_int_equal(m.entries, 4);
    assert_int_equal(get(&x.space, 3, 0x52, 2), 0x8003);
    assert_int_equal(x.space.msix[0x800 + 3 * 16 + 12], 1);
    assert_int_equal(pci_msix_attach(&m, 4, &irq), E_RANGE);
    assert_int_equal(pci_msix_attach(&m, 3, &irq), OK);
    assert_int_equal(x.space.msix[0x800 + 3 * 16 + 12], 0);
    assert_int_equal(x.space.msix[0x800 + 3 * 16 + 8], irq.data & 0xff);
    assert_int_equal(x.space.msix[0x800 + 3 * 16 + 3], 0xfe);
    pci_msix_detach(&m, 3, &irq);
    assert_int_equal(x.space.msix[0x800 + 3 * 16 + 12], 1);
    pci_msix_close(&m);
    assert_int_equal(get(&x.space, 3, 0x52, 2), 0x0003);
    put(&x.space, 3, 0x54, 4, 0xff8); /* the table sticks out of its BAR */
    assert_int_equal(pci_msix_open(&x.found[3], &m), E_IO);
    put(&x.space, 3, 0x54, 4, 6); /* no such BAR */
    assert_int_equal(pci_msix_open(&x.found[3], &m), E_IO);
    assert_int_equal(pci_msix_open(&x.found[1], &m), E_NOENT);
    assert_true(fake_io_close(&x.io));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scan_by_ports_and_by_ecam),
        cmocka_unit_test(test_scan_of_nonsense_ends),
        cmocka_unit_test(test_bars_are_measured_and_left),
        cmocka_unit_test(test_bars_of_nonsense),
        cmocka_unit_test(test_capabilities),
        cmocka_unit_test(test_msi_and_its_line),
        cmocka_unit_test(test_msix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
