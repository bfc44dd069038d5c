/* A machine of several virtio devices (fake_virtio.h) on one PCI bus, for control/machine: slot 1 +
 * n is device n, its registers and its MSI-X table a place of their own, as firmware has given
 * them; an AHCI controller is in the last slot.  Interrupts are the line alone, as in the control
 * partition. */
#pragma once
#include "tools/unit/fake_virtio.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define VM_DEVICES   8u
#define VM_STEP      0x10000u /* between the places of two devices */
#define VM_AHCI_SLOT 31u

static struct {
    struct fake_io io;
    struct fake_virtio device[VM_DEVICES];
    u32 devices;
    u32 address;       /* of configuration space */
    bool expect_quiet; /* nothing is mapped or taken while a device may do DMA */
    u32 calls;         /* of map and dma_alloc */
    bool no_memory;    /* there is none for DMA */
} machine;

/* ------------------------------------------------------------ the bus */

static u8 *vm_config(u32 n)
{
    return machine.device[n].config;
}

/* The device in the selected slot; NULL: none of ours. */
static struct fake_virtio *vm_selected(void)
{
    const u32 slot = machine.address >> 11 & 31;

    return (machine.address >> 8 & ~0x7800f8u) == 0 || machine.address >> 16 != 0x8000 ||
                   slot == 0 || slot > machine.devices
               ? NULL
               : &machine.device[slot - 1];
}

/* What drivers have taken and attached is the devices', too. */
static void vm_share(struct fake_virtio *d)
{
    d->io = machine.io;
    d->io.device = d;
    d->config_address = 0x80000800 | (machine.address & 0xfc);
}

/* Of memory: the device there, and the address as fake_virtio.h knows it. */
static struct fake_virtio *vm_at(u64 *at)
{
    const u64 base = *at >= FV_REGISTERS ? FV_REGISTERS : FV_MSIX;
    const u64 n = (*at - base) / VM_STEP;

    if (*at < FV_MSIX || n >= machine.devices)
        return NULL;
    *at -= n * VM_STEP;
    return &machine.device[n];
}

static u32 vm_ahci(u32 offset, u32 width)
{
    const u32 header[] = {0x29228086, 0, 0x01060102, 0};
    u32 value = 0;

    if (offset + width <= sizeof(header))
        memcpy(&value, (const u8 *)header + offset, width);
    return value;
}

static u32 vm_read(struct fake_io *io, bool ports, u64 at, u32 width)
{
    struct fake_virtio *const d = ports ? vm_selected() : vm_at(&at);

    (void)io;
    if (ports && machine.address >> 11 == (0x80000000u >> 11 | VM_AHCI_SLOT))
        return vm_ahci((machine.address & 0xfc) + (u32)(at - 0xcfc), width);
    if (d == NULL)
        return ~0u >> (32 - 8 * width);
    vm_share(d);
    return fv_read(&d->io, ports, at, width);
}

/* A BAR keeps its place: its size is a step's part. */
static void vm_write(struct fake_io *io, bool ports, u64 at, u32 width, u32 value)
{
    (void)io;
    if (ports && at == 0xcf8) {
        machine.address = value;
        return;
    }

    struct fake_virtio *const d = ports ? vm_selected() : vm_at(&at);

    if (d == NULL)
        return;
    vm_share(d);
    fv_write(&d->io, ports, at, width, value);
}

/* ------------------------------------------------------------ the environment */

static bool vm_quiet(u32 n)
{
    return machine.device[n].stuck || (machine.device[n].status == 0 && !(vm_config(n)[4] & 4));
}

static void vm_look(void)
{
    machine.calls++;
    for (u32 n = 0; machine.expect_quiet && n < machine.devices; n++)
        if (!vm_quiet(n))
            fail_msg("device %u runs when memory is taken", n);
    machine.expect_quiet = false; /* what starts runs */
}

static err_t vm_map(struct io_env *env, u64 bus, u32 len, struct io_window *w)
{
    vm_look();
    return fake_map(env, bus, len, w);
}

static err_t vm_dma_alloc(struct io_env *env, u32 len, u32 align, u64 bus_last, struct io_dma *dma)
{
    vm_look();
    return machine.no_memory ? E_NOMEM : fake_dma_alloc(env, len, align, bus_last, dma);
}

static void vm_new(void)
{
    static struct io_env_ops ops;

    memset(&machine, 0, sizeof(machine));
    ops = fake_io_ops;
    ops.map = vm_map;
    ops.dma_alloc = vm_dma_alloc;
    fake_io_open(&machine.io, NULL);
    machine.io.env.ops = &ops;
    machine.io.read = vm_read;
    machine.io.write = vm_write;
    machine.io.no_messages = true;
    machine.io.hurry = 1000;
}

/* One more device, in the next slot; `running`: as an earlier life left it. */
static struct fake_virtio *vm_add(u32 type, u64 features, bool running)
{
    const u32 n = machine.devices++;
    struct fake_virtio *const d = &machine.device[n];
    struct pci_function f;
    struct pci pci;

    fv_open(d, type, type == VIRTIO_NET ? 3 : 1, 128, 3, features, &pci, &f);
    fv_put(d->config, PCI_CLASS, 4, type == VIRTIO_NET ? 0x02000001 : 0x01000001);
    fv_put(d->config, PCI_BAR, 4, FV_REGISTERS + n * VM_STEP);
    fv_put(d->config, PCI_BAR + 4, 4, FV_MSIX + n * VM_STEP);
    d->config[PCI_COMMAND] = running ? 6 : 2;
    d->status = running ? 15 : 0;
    d->queue[0].enable = running;
    return d;
}
