/* A machine whose every register reads as the input says: enumeration and the start of each driver
 * end, and what did not start keeps nothing. */
#include "drivers/io/virtio_blk.h"
#include "drivers/io/virtio_net.h"
#include "tools/unit/fuzz_io.h"

#define FUNCTIONS 4u

static struct fuzz_input in;
static struct virtio_blk blk;
static struct virtio_net net;

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t len);

static u32 read_input(struct fake_io *io, bool ports, u64 at, u32 width)
{
    (void)io, (void)ports, (void)at;
    return fuzz_take(&in, width);
}

static void write_nothing(struct fake_io *io, bool ports, u64 at, u32 width, u32 value)
{
    (void)io, (void)ports, (void)at, (void)width, (void)value;
}

static void start(struct fake_io *io, struct pci_function *f)
{
    const u16 ids[] = {f->id, 0x1041, 0x1042};

    f->vendor = 0x1af4;
    for (u32 i = 0; i < ARRAY_LEN(ids); i++) {
        f->id = ids[i];
        (void)virtio_quieten(f);
        if (virtio_blk_start(&blk, f, &io->env, 4) == OK)
            disk_stop(&blk.disk);
        if (virtio_net_start(&net, f, &io->env) == OK)
            nic_stop(&net.nic);
    }
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t len)
{
    struct fake_io io;
    struct pci pci;
    struct pci_function found[FUNCTIONS];
    u32 count;

    in = (struct fuzz_input){bytes, bytes + len};
    fake_io_open(&io, NULL);
    io.hurry = 1000;
    io.read = read_input;
    io.write = write_nothing;
    if (pci_open_ports(&pci, &io.env) != OK)
        abort();
    pci.bus_last = 3;
    if (pci_scan(&pci, found, FUNCTIONS, &count) != OK && count <= FUNCTIONS)
        abort();
    for (u32 i = 0; i < MIN(count, FUNCTIONS); i++)
        start(&io, &found[i]);
    if (!fake_io_close(&io))
        abort();
    return 0;
}
