/* See bus.h. */
#include "control/served/bus.h"
#include "control/pci/host_bridge.h"
#include "control/rt.h"
#include "control/virtio/pci.h"

#define CONFIG_PORT      0xcf8u
#define CONFIG_PORT_LAST 0xcffu

static const struct abi_range ranges[] = {
    {CONFIG_PORT, CONFIG_PORT_LAST, ABI_PORTS, 0},
    {ABI_PCI_MEMORY, ABI_PCI_MEMORY_LAST, ABI_MEMORY, 0},
    {ABI_PCI_ECAM, ABI_PCI_ECAM_LAST, ABI_MEMORY, 0},
    {ABI_PCI_PORTS, ABI_PCI_PORTS_LAST, ABI_PORTS, 0},
};

/* ------------------------------------------------------------ what the bus asks for */

static void message(void *ctx, u32 address, u32 data)
{
    const struct served_bus *const b = ctx;

    (void)abi_msi(b->partition, address, data);
}

/* Slots share lines.  A line is low while one of them pulls: a driver sets its I/O APIC up for that
 * (PCI Local Bus Specification 3.0, "Interrupt Pins": level sensitive, asserted low). */
static void set_line(const struct served_bus *b, u32 line)
{
    u32 level = 1;

    for (u32 slot = 0; slot < PCI_SLOTS; slot++)
        if (ABI_PCI_LINE(slot) == line && (b->pulled >> slot & 1))
            level = 0;
    (void)abi_line(b->partition, line, level);
}

static void line(void *ctx, u8 slot, bool pulled)
{
    struct served_bus *const b = ctx;

    b->pulled = pulled ? b->pulled | BIT32(slot) : b->pulled & ~BIT32(slot);
    set_line(b, ABI_PCI_LINE(slot));
}

static void mapped(void *ctx, struct pci_device *d, unsigned bar, bool now)
{
    const struct served_bus *const b = ctx;
    struct served_device *const device = b->device[d->slot];

    if (bar == VIRTIO_PCI_PORTS_BAR && device)
        device_bells_at_ports(device, d->bar[bar].at, now);
    if (bar == VIRTIO_PCI_BAR && device)
        device_bells_in_memory(device, d->bar[bar].at + VIRTIO_PCI_NOTIFY_AT);
}

static void say_of(void *ctx, const struct pci_device *d, const char *text)
{
    const struct served_bus *const b = ctx;

    say("guest %s: %s: %s", b->guest, d->name, text);
}

/* ------------------------------------------------------------ the bus */

void bus_init(struct served_bus *b, u32 partition, u32 life, const char *guest)
{
    static const struct pci_host host = {message, line, mapped, say_of};
    static const struct pci_window windows[PCI_WINDOWS] = {
        {ABI_PCI_MEMORY, ABI_PCI_MEMORY_LAST, PCI_MEMORY},
        {ABI_PCI_PORTS, ABI_PCI_PORTS_LAST, PCI_PORTS},
    };

    b->partition = partition;
    b->guest = guest;
    b->kept = kept_guest(partition, life);
    pci_bus_init(&b->pci, &host, b, windows);
    b->pci.address = b->kept->address;
    host_bridge_init(&b->bridge);
    (void)pci_bus_add(&b->pci, &b->bridge, 0);
}

err_t bus_add(struct served_bus *b, struct served_device *d)
{
    for (u8 slot = 1; slot < PCI_SLOTS; slot++) {
        if (b->device[slot])
            continue;
        b->device[slot] = d;
        return pci_bus_add(&b->pci, &d->v->pci, slot);
    }
    return E_NOMEM;
}

i64 bus_claim(const struct served_bus *b)
{
    for (u32 i = 0; i < ARRAY_LEN(ranges); i++) {
        const i64 result = abi_claim(b->partition, rt_physical(&ranges[i]));

        if (result != ABI_OK)
            return result;
    }
    for (u32 slot = 0; slot < ABI_PCI_LINES;
         slot++) /* as they are, whatever an earlier life has left */
        set_line(b, ABI_PCI_LINE(slot));
    return ABI_OK;
}

static void config_access(struct served_bus *b, const struct abi_request *r, u64 *value)
{
    if (r->write) {
        pci_bus_port_write(&b->pci, (u16)r->address, r->bytes, (u32)*value);
        b->kept->address = b->pci.address;
    } else {
        *value = pci_bus_port_read(&b->pci, (u16)r->address, r->bytes);
    }
}

static NOINLINE void io_access(struct served_bus *b, const struct abi_request *r, u64 *value)
{
    u32 narrow;

    if (r->write)
        (void)pci_bus_io_write(&b->pci, (u16)r->address, r->bytes, (u32)*value);
    else if (pci_bus_io_read(&b->pci, (u16)r->address, r->bytes, &narrow))
        *value = narrow;
}

static void port_access(struct served_bus *b, const struct abi_request *r, u64 *value)
{
    if (r->bytes > 4)
        return;
    if (r->address >= ABI_PCI_PORTS)
        io_access(b, r, value);
    else
        config_access(b, r, value);
}

/* 8 bytes are two times 4. */
static void ecam_access(struct served_bus *b, const struct abi_request *r, u64 *value)
{
    const u32 at = (u32)(r->address - ABI_PCI_ECAM), width = MIN(r->bytes, (u8)4);

    if (r->address % r->bytes != 0)
        return;
    if (!r->write)
        *value = 0;
    for (u32 done = 0; done < r->bytes; done += width) {
        if (r->write)
            pci_bus_ecam_write(&b->pci, at + done, width, (u32)(*value >> 8 * done));
        else
            *value |= (u64)pci_bus_ecam_read(&b->pci, at + done, width) << 8 * done;
    }
}

static void memory_access(struct served_bus *b, const struct abi_request *r, u64 *value)
{
    if (!r->write) {
        (void)pci_bus_memory_read(&b->pci, r->address, r->bytes, value);
        return;
    }
    if (!pci_bus_memory_write(&b->pci, r->address, r->bytes, *value))
        return;
    const struct pci_device *const d = b->pci.last; /* who has got it */

    if (b->pci.last_bar == VIRTIO_PCI_BAR && b->device[d->slot])
        device_rung(b->device[d->slot], d->bar[VIRTIO_PCI_BAR].at + VIRTIO_PCI_NOTIFY_AT,
                    r->address);
}

void bus_access(struct served_bus *b, const struct abi_request *r, u64 *value)
{
    if (r->space == ABI_PORTS)
        port_access(b, r, value);
    else if (r->address >= ABI_PCI_ECAM)
        ecam_access(b, r, value);
    else
        memory_access(b, r, value);
}
