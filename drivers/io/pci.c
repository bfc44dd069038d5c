/* PCI functions: configuration space, enumeration, BARs, capabilities; see pci.h.  Pure. */
#include "drivers/io/pci.h"

#define CONFIG_PORTS        0xcf8u
#define CONFIG_PORTS_LEN    8u
#define CONFIG_ADDRESS      0u /* in the window */
#define CONFIG_DATA         4u
#define CONFIG_ENABLE       BIT32(31)
#define CONFIG_LEN          256u
#define ECAM_LEN            4096u /* of one function */
#define ECAM_BUS_SHIFT      20u

#define DEVICES             32u
#define FUNCTIONS           8u
#define BUSES               256u
#define NOBODY              0xffffu
#define HEADER_SEVERAL      0x80u
#define HEADER_LAYOUT       0x7fu
#define LAYOUT_DEVICE       0u
#define LAYOUT_BRIDGE       1u
#define BRIDGE_SECONDARY    0x19u
#define BRIDGE_SUBORDINATE  0x1au
#define BRIDGE_BARS         2u

#define STATUS_CAPABILITIES BIT32(4)
#define CAPABILITY_FIRST    0x40u
/* 192 bytes behind the header, of four bytes at least each. */
#define CAPABILITIES_MAX 48u

#define BAR_PORTS        BIT32(0)
#define BAR_TYPE         0x6u
#define BAR_64           0x4u
#define BAR_PREFETCHABLE BIT32(3)
#define BAR_PORTS_MASK   0xfffffffcu
#define BAR_MEMORY_MASK  0xfffffff0u
#define PORTS_LAST       0xffffu

err_t pci_open_ports(struct pci *pci, struct io_env *env)
{
    *pci = (struct pci){.env = env, .bus_last = BUSES - 1};
    return env->ops->ports(env, CONFIG_PORTS, CONFIG_PORTS_LEN, &pci->ports);
}

err_t pci_open_ecam(struct pci *pci, struct io_env *env, u64 base, u8 bus_first, u8 bus_last)
{
    if (bus_first > bus_last)
        return E_INVAL;

    const u32 len = (u32)(bus_last - bus_first + 1) << ECAM_BUS_SHIFT;

    *pci = (struct pci){.env = env, .bus_first = bus_first, .bus_last = bus_last};
    return env->ops->map(env, base + ((u64)bus_first << ECAM_BUS_SHIFT), len, &pci->ecam);
}

static bool inside(u32 offset, u32 width, u32 len)
{
    return (width == 1 || width == 2 || width == 4) && offset % width == 0 && offset < len;
}

static u32 ecam_offset(const struct pci_function *f, u32 offset)
{
    return (u32)(f->bus - f->pci->bus_first) << ECAM_BUS_SHIFT | (u32)f->device << 15 |
           (u32)f->function << 12 | offset;
}

static void select(const struct pci_function *f, u32 offset)
{
    io_write32(&f->pci->ports, CONFIG_ADDRESS,
               CONFIG_ENABLE | (u32)f->bus << 16 | (u32)f->device << 11 | (u32)f->function << 8 |
                   (offset & 0xfc));
}

u32 pci_read(const struct pci_function *f, u32 offset, u32 width)
{
    const struct pci *pci = f->pci;
    const u32 ones = 0xffffffffu >> (32 - 8 * MIN(width, 4u));

    if (pci->ecam.len != 0)
        return inside(offset, width, ECAM_LEN) ? io_read(&pci->ecam, ecam_offset(f, offset), width)
                                               : ones;
    if (!inside(offset, width, CONFIG_LEN))
        return ones;
    select(f, offset);
    return io_read(&pci->ports, CONFIG_DATA + offset % 4, width);
}

void pci_write(const struct pci_function *f, u32 offset, u32 width, u32 value)
{
    const struct pci *pci = f->pci;

    if (pci->ecam.len != 0) {
        if (inside(offset, width, ECAM_LEN))
            io_write(&pci->ecam, ecam_offset(f, offset), width, value);
    } else if (inside(offset, width, CONFIG_LEN)) {
        select(f, offset);
        io_write(&pci->ports, CONFIG_DATA + offset % 4, width, value);
    }
}

/* ------------------------------------------------------------ enumeration */

static void read_header(struct pci_function *f)
{
    const u32 class = pci_read(f, PCI_CLASS, 4);

    f->id = (u16)pci_read(f, PCI_DEVICE, 2);
    f->header = pci_read(f, PCI_HEADER_TYPE, 1) & HEADER_LAYOUT;
    f->revision = (u8) class;
    f->interface = (u8)(class >> 8);
    f->subclass = (u8)(class >> 16);
    f->class = (u8)(class >> 24);
    f->line = (u8)pci_read(f, PCI_INTERRUPT_LINE, 1);
    f->pin = (u8)pci_read(f, PCI_INTERRUPT_PIN, 1);
    if (f->pin > 4)
        f->pin = 0;
    if (f->header == LAYOUT_BRIDGE) {
        f->secondary = (u8)pci_read(f, BRIDGE_SECONDARY, 1);
        f->subordinate = (u8)pci_read(f, BRIDGE_SUBORDINATE, 1);
    } else if (f->header == LAYOUT_DEVICE) {
        f->subsystem_vendor = (u16)pci_read(f, PCI_SUBSYSTEM_VENDOR, 2);
        f->subsystem = (u16)pci_read(f, PCI_SUBSYSTEM, 2);
    }
}

/* Is there a function, and is it the first of several? */
static bool probe(struct pci *pci, u32 bus, u32 device, u32 function, struct pci_function *f)
{
    *f = (struct pci_function){
        .pci = pci, .bus = (u8)bus, .device = (u8)device, .function = (u8)function};
    f->vendor = (u16)pci_read(f, PCI_VENDOR, 2);
    if (f->vendor == NOBODY || f->vendor == 0)
        return false;
    read_header(f);
    return true;
}

/* The functions of one device; `reached` gets the buses behind its bridges.  Firmware numbers a bus
 * behind a bridge higher than the one before it: so one way through the numbers meets all, and a
 * bridge that says something else leads nowhere. */
static void scan_device(struct pci *pci, u32 bus, u32 device, bool reached[BUSES],
                        struct pci_function *found, u32 max, u32 *count)
{
    u32 functions = 1;

    for (u32 function = 0; function < functions; function++) {
        struct pci_function f;

        if (!probe(pci, bus, device, function, &f))
            continue;
        if (function == 0 && (pci_read(&f, PCI_HEADER_TYPE, 1) & HEADER_SEVERAL))
            functions = FUNCTIONS;
        if (f.header == LAYOUT_BRIDGE && f.secondary > bus)
            reached[f.secondary] = true;
        if (*count < max)
            found[*count] = f;
        (*count)++;
    }
}

err_t pci_scan(struct pci *pci, struct pci_function *found, u32 max, u32 *count)
{
    bool reached[BUSES] = {false};

    *count = 0;
    reached[pci->bus_first] = true;
    for (u32 bus = pci->bus_first; bus <= pci->bus_last; bus++)
        for (u32 device = 0; reached[bus] && device < DEVICES; device++)
            scan_device(pci, bus, device, reached, found, max, count);
    return *count <= max ? OK : E_RANGE;
}

/* ------------------------------------------------------------ capabilities */

u8 pci_capability(const struct pci_function *f, u8 id, u8 after)
{
    if (!(pci_read(f, PCI_STATUS, 2) & STATUS_CAPABILITIES))
        return 0;

    bool behind = after == 0;
    u32 at = pci_read(f, PCI_CAPABILITIES, 1) & 0xfc;

    for (u32 steps = 0; steps < CAPABILITIES_MAX && at >= CAPABILITY_FIRST; steps++) {
        if (behind && pci_read(f, at, 1) == id)
            return (u8)at;
        behind = behind || at == after;
        at = pci_read(f, at + 1, 1) & 0xfc;
    }
    return 0;
}

/* ------------------------------------------------------------ BARs */

/* What a register reads as after all ones were written; it is left as it was. */
static u32 writable(const struct pci_function *f, u32 offset)
{
    const u32 before = pci_read(f, offset, 4);

    pci_write(f, offset, 4, 0xffffffff);
    const u32 bits = pci_read(f, offset, 4);

    pci_write(f, offset, 4, before);
    return bits;
}

static struct pci_bar measure_ports(const struct pci_function *f, u32 offset, u32 value)
{
    const u32 mask = writable(f, offset) & BAR_PORTS_MASK;
    /* The upper half may be hard-wired to zero. */
    const u32 len = (~(mask | ~PORTS_LAST) & PORTS_LAST) + 1;

    if (mask == 0)
        return (struct pci_bar){0};
    return (struct pci_bar){.kind = PCI_BAR_PORTS, .base = value & BAR_PORTS_MASK, .len = len};
}

static struct pci_bar measure_memory(const struct pci_function *f, u32 offset, u32 value, bool wide)
{
    u64 mask = writable(f, offset) & BAR_MEMORY_MASK;
    u64 base = value & BAR_MEMORY_MASK;

    if (wide) {
        base |= (u64)pci_read(f, offset + 4, 4) << 32;
        mask |= (u64)writable(f, offset + 4) << 32;
    } else if (mask != 0) {
        mask |= 0xffffffff00000000ull;
    }
    if (mask == 0)
        return (struct pci_bar){0};
    return (struct pci_bar){.kind = PCI_BAR_MEMORY,
                            .base = base,
                            .len = ~mask + 1,
                            .prefetchable = value & BAR_PREFETCHABLE};
}

/* A length that is no power of two, or a place that is not aligned to it, is nonsense. */
static bool plausible(const struct pci_bar *bar)
{
    return bar->len != 0 && (bar->len & (bar->len - 1)) == 0 && IS_ALIGNED(bar->base, bar->len) &&
           (bar->kind != PCI_BAR_PORTS || bar->base + bar->len - 1 <= PORTS_LAST);
}

void pci_measure_bars(struct pci_function *f)
{
    const u32 bars = f->header == LAYOUT_DEVICE   ? PCI_BARS
                     : f->header == LAYOUT_BRIDGE ? BRIDGE_BARS
                                                  : 0;
    const u32 command = pci_read(f, PCI_COMMAND, 2);

    pci_command(f, 0, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
    for (u32 i = 0; i < PCI_BARS; i++)
        f->bar[i] = (struct pci_bar){0};
    for (u32 i = 0; i < bars; i++) {
        const u32 offset = PCI_BAR + 4 * i;
        const u32 value = pci_read(f, offset, 4);
        const bool wide = !(value & BAR_PORTS) && (value & BAR_TYPE) == BAR_64 && i + 1 < bars;
        const struct pci_bar bar = value & BAR_PORTS ? measure_ports(f, offset, value)
                                                     : measure_memory(f, offset, value, wide);

        if (plausible(&bar))
            f->bar[i] = bar;
        i += wide;
    }
    pci_write(f, PCI_COMMAND, 2, command);
}

err_t pci_map_bar(const struct pci_function *f, u32 bar, struct io_window *w)
{
    struct io_env *env = f->pci->env;

    if (bar >= PCI_BARS || f->bar[bar].kind == PCI_BAR_NONE || f->bar[bar].base == 0)
        return E_NOENT;

    const struct pci_bar *b = &f->bar[bar];
    const u32 len = (u32)MIN(b->len, (u64)1 << 31); /* nothing here has more registers */

    return b->kind == PCI_BAR_PORTS ? env->ops->ports(env, (u16)b->base, len, w)
                                    : env->ops->map(env, b->base, len, w);
}

void pci_command(const struct pci_function *f, u16 set, u16 clear)
{
    const u32 before = pci_read(f, PCI_COMMAND, 2);

    pci_write(f, PCI_COMMAND, 2, (before | set) & ~(u32)clear);
}
