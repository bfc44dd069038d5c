/* PCI configuration mechanism #1. */
#include "drivers/platform/pci.h"
#include "arch/x86_64/insn.h"

#define CONFIG_ADDRESS 0xcf8u
#define CONFIG_DATA    0xcfcu
#define CONFIG_ENABLE  BIT32(31)

#define DEVICES        32u
#define FUNCTIONS      8u
#define REG_ID         0x00u

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

bool pci_find_on_bus_0(u16 vendor, u16 device, struct pci_address *found)
{
    for (u8 d = 0; d < DEVICES; d++)
        for (u8 f = 0; f < FUNCTIONS; f++) {
            const struct pci_address at = {0, d, f};

            if (pci_config_read(at, REG_ID) == ((u32)device << 16 | vendor)) {
                *found = at;
                return true;
            }
        }
    return false;
}
