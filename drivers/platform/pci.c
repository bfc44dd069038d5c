/* PCI configuration mechanism #1. */
#include "drivers/platform/pci.h"
#include "arch/x86_64/insn.h"

#define CONFIG_ADDRESS 0xcf8u
#define CONFIG_DATA    0xcfcu
#define CONFIG_ENABLE  BIT32(31)

#define DEVICES        32u
#define FUNCTIONS      8u
#define BUSES          256u
#define REG_ID         0x00u
#define REG_COMMAND    0x04u
#define REG_CLASS      0x08u
#define REG_HEADER     0x0cu
#define REG_BUSES      0x18u
#define MASTER         BIT32(2)
#define CLASS_BRIDGE   0x06u
#define HEADER_BRIDGE  1u

static void select(struct pci_address at, u8 offset)
{
    outl(CONFIG_ADDRESS, CONFIG_ENABLE | (u32)at.bus << 16 | (u32)(at.device % DEVICES) << 11 |
                             (u32)(at.function % FUNCTIONS) << 8 | (offset & 0xfcu));
}

u32 pci_config_read(struct pci_address at, u8 offset)
{
    select(at, offset);
    return inl(CONFIG_DATA);
}

void pci_config_write(struct pci_address at, u8 offset, u32 value)
{
    select(at, offset);
    outl(CONFIG_DATA, value);
}

/* True: bus mastering was on, and is off. */
static bool stop_master(struct pci_address at)
{
    const u32 command = pci_config_read(at, REG_COMMAND) & 0xffff; /* 0 changes no status */

    if (pci_config_read(at, REG_CLASS) >> 24 == CLASS_BRIDGE || !(command & MASTER))
        return false;
    pci_config_write(at, REG_COMMAND, command & ~MASTER);
    return true;
}

/* The bus behind it; 0: it is no bridge to one. */
static u8 bus_behind(struct pci_address at)
{
    if ((pci_config_read(at, REG_HEADER) >> 16 & 0x7f) != HEADER_BRIDGE)
        return 0;
    return (u8)(pci_config_read(at, REG_BUSES) >> 8);
}

static u32 stop_on_bus(u8 bus, u64 buses[BUSES / 64])
{
    u32 stopped = 0;

    for (u32 n = 0; n < DEVICES * FUNCTIONS; n++) {
        const struct pci_address at = {bus, (u8)(n / FUNCTIONS), (u8)(n % FUNCTIONS)};
        u8 behind;

        if ((pci_config_read(at, REG_ID) & 0xffff) == 0xffff)
            continue;
        stopped += stop_master(at);
        behind = bus_behind(at);
        buses[behind / 64] |= BIT(behind % 64);
    }
    return stopped;
}

u32 pci_stop_masters(void)
{
    u64 buses[BUSES / 64] = {1};
    u32 stopped = 0;

    /* A bridge's bus has a higher number than the one that it is on. */
    for (u32 bus = 0; bus < BUSES; bus++)
        if (buses[bus / 64] >> (bus % 64) & 1)
            stopped += stop_on_bus((u8)bus, buses);
    return stopped;
}
