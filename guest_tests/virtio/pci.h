/* PCI bus 0 by the ports 0xcf8 and 0xcfc, as a test's drivers use it.  A function is named by what
 * selects its register 0 at port 0xcf8: pci_function().
 * PCI Local Bus Specification 3.0, "Configuration Space", "Software Generation of Configuration
 * Transactions". */
#pragma once
#include "guest_tests/rt/guest.h"

#define PCI_ADDRESS_PORT 0xcf8u
#define PCI_DATA_PORT    0xcfcu
#define PCI_SLOTS        32u
#define PCI_BARS         6u
#define PCI_NONE         0u /* no function */
#define PCI_ABSENT       0xffffffffu

// clang-format off
enum {
    PCI_ID = 0x00, PCI_COMMAND = 0x04, PCI_STATUS = 0x06, PCI_REVISION = 0x08, PCI_CLASS = 0x0a,
    PCI_HEADER = 0x0e, PCI_BAR0 = 0x10, PCI_SUBSYSTEM = 0x2c, PCI_CAPABILITIES = 0x34, PCI_LINE = 0x3c,
    PCI_PIN = 0x3d,
};
enum { PCI_CAP_VENDOR = 0x09, PCI_CAP_MSIX = 0x11 };
// clang-format on

#define PCI_COMMAND_IO       0x0001u
#define PCI_COMMAND_MEMORY   0x0002u
#define PCI_COMMAND_MASTER   0x0004u
#define PCI_COMMAND_NO_INTX  0x0400u
#define PCI_STATUS_INTERRUPT 0x0008u
#define PCI_STATUS_CAPS      0x0010u
#define PCI_HEADER_MANY      0x80u
#define PCI_BAR_PORTS        1u
#define PCI_BAR_WIDE         4u
#define PCI_MSIX_ENABLE      0x8000u
#define PCI_MSIX_MASK_ALL    0x4000u
#define PCI_MSIX_SIZE        0x07ffu

/* Of bus 0. */
static inline u32 pci_function(u32 slot, u32 function)
{
    return BIT32(31) | slot << 11 | function << 8;
}

static inline u32 pci_slot(u32 f)
{
    return f >> 11 & 31;
}

static inline u32 pci_read32(u32 f, u32 at)
{
    outl(PCI_ADDRESS_PORT, f | (at & 0xfc));
    return inl(PCI_DATA_PORT);
}

static inline u16 pci_read16(u32 f, u32 at)
{
    outl(PCI_ADDRESS_PORT, f | (at & 0xfc));
    return inw((u16)(PCI_DATA_PORT + (at & 2)));
}

static inline u8 pci_read8(u32 f, u32 at)
{
    outl(PCI_ADDRESS_PORT, f | (at & 0xfc));
    return inb((u16)(PCI_DATA_PORT + (at & 3)));
}

static inline void pci_write32(u32 f, u32 at, u32 value)
{
    outl(PCI_ADDRESS_PORT, f | (at & 0xfc));
    outl(PCI_DATA_PORT, value);
}

static inline void pci_write16(u32 f, u32 at, u16 value)
{
    outl(PCI_ADDRESS_PORT, f | (at & 0xfc));
    outw((u16)(PCI_DATA_PORT + (at & 2)), value);
}

static inline void pci_write8(u32 f, u32 at, u8 value)
{
    outl(PCI_ADDRESS_PORT, f | (at & 0xfc));
    outb((u16)(PCI_DATA_PORT + (at & 3)), value);
}

/* Whether the bus is Lintel's, by its host bridge. */
static inline bool pci_is_lintel(void)
{
    return pci_read32(pci_function(0, 0), PCI_ID) == 0x00081b36;
}

/* Sets and clears bits of the command register. */
void pci_command(u32 f, u16 set, u16 clear);
/* The n-th function on bus 0 with this id (device << 16 | vendor); PCI_NONE: there is none. */
u32 pci_find(u32 id, u32 nth);
/* The offset of the next capability of this kind behind `after` (0: the first); 0: none. */
u32 pci_capability(u32 f, u8 kind, u32 after);

/* A BAR as it is now. */
struct pci_bar {
    u64 at, size; /* size 0: there is none */
    bool ports;   /* these are ports, not addresses */
    bool wide;    /* 64 bits: the next one is its upper half */
};
/* Decoding is off meanwhile. */
struct pci_bar pci_bar(u32 f, u32 number);
/* Also while decoding is on. */
void pci_bar_move(u32 f, u32 number, u64 at);
