/* An emulated PCI bus of a guest: number 0, up to 32 devices with one function and a type-0 header
 * each.  What a device is, is a table of configuration bytes with write masks, up to six BARs, and
 * a few functions behind them. PCI Local Bus Specification 3.0, "Configuration Space", "Base
 * Addresses", "MSI-X Capability and Table Structure"; PCI Express Base Specification, "Enhanced
 * Configuration Access Mechanism".  Pure. Owner: the guest's entry in the control partition; not
 * shared between threads. */
#pragma once
#include "lib/types.h"

#define PCI_SLOTS       32u
#define PCI_BARS        6u
#define PCI_CONFIG_SIZE 256u /* bytes; the rest of the 4 KiB of the ECAM reads as 0 */
#define PCI_WINDOWS     2u
#define PCI_VECTORS_MAX 32u /* of MSI-X, a device */
#define PCI_ECAM_SIZE   MiB /* bytes of one bus */

/* Registers ("Type 00h Configuration Space Header"). */
// clang-format off
enum {
    PCI_VENDOR_ID = 0x00, PCI_DEVICE_ID = 0x02, PCI_COMMAND = 0x04, PCI_STATUS = 0x06, PCI_REVISION = 0x08,
    PCI_CLASS = 0x09, PCI_CACHE_LINE = 0x0c, PCI_HEADER_TYPE = 0x0e, PCI_BAR0 = 0x10, PCI_BAR_END = 0x28,
    PCI_SUBSYSTEM_VENDOR = 0x2c, PCI_SUBSYSTEM_ID = 0x2e, PCI_CAPABILITIES = 0x34, PCI_IRQ_LINE = 0x3c,
    PCI_IRQ_PIN = 0x3d,
};
enum { PCI_CAP_VENDOR = 0x09, PCI_CAP_MSIX = 0x11 };
// clang-format on

#define PCI_COMMAND_IO           0x0001u
#define PCI_COMMAND_MEMORY       0x0002u
#define PCI_COMMAND_MASTER       0x0004u
#define PCI_COMMAND_INTX_DISABLE 0x0400u
#define PCI_STATUS_INTERRUPT     0x0008u
#define PCI_STATUS_CAPABILITIES  0x0010u

struct pci_device;
struct pci_bus;

/* Bytes of the configuration space: their value after a reset, and the bits that a guest writes. */
struct pci_config_row {
    u8 at, bytes; /* 1 to 4 */
    u32 value, writable;
};

struct pci_device_ops {
    /* An access to a BAR: 1, 2 or 4 bytes, aligned, inside of it. */
    u32 (*bar_read)(struct pci_device *d, unsigned bar, u32 offset, unsigned width);
    void (*bar_write)(struct pci_device *d, unsigned bar, u32 offset, unsigned width, u32 value);
    /* Each may be NULL: before the configuration bytes are read, and after a guest has changed some
     * as far as they are writable.  `width` bytes at `at`, none beyond the end. */
    void (*config_read)(struct pci_device *d, u32 at, unsigned width);
    void (*config_written)(struct pci_device *d, u32 at, unsigned width);
};

enum pci_space { PCI_MEMORY, PCI_PORTS, PCI_SPACES };

struct pci_bar {
    /* Bytes, a power of two: in memory from 4 KiB to 2 GiB, of ports from 4 to 256; 0: there is
     * none. */
    u64 size;
    enum pci_space space;
    /* In memory: */
    bool wide; /* 64 bits: the next one is its upper half */
    bool prefetchable;
    /* Where it answers now; nowhere if it is not mapped. */
    bool mapped;
    u64 at; /* gpa, or the first port */
};

struct pci_msix {
    u8 cap; /* where the capability is; 0: none */
    u8 bar; /* holds the table, and the pending bits at `pba` */
    u16 vectors;
    u32 pba;
    u32 pending;                   /* one bit a vector */
    u32 entry[PCI_VECTORS_MAX][4]; /* address, upper address, data, control */
    u64 refused;                   /* messages that are no interrupts */
};

/* Constant after pci_device_init() but for the guest's doing. */
struct pci_device {
    const struct pci_device_ops *ops;
    struct pci_bus *bus;
    const char *name; /* for people */
    u8 slot;
    u8 config[PCI_CONFIG_SIZE], writable[PCI_CONFIG_SIZE];
    struct pci_bar bar[PCI_BARS];
    struct pci_msix msix;
    bool line;     /* the device asks for INTA */
    bool line_out; /* and the host has been told */
    u64 refused;   /* places of BARs that were no good */
};

/* The bus's surroundings. */
struct pci_host {
    /* A message-signalled interrupt for the guest.  `address` is 0xfeexxxxx. */
    void (*message)(void *ctx, u32 address, u32 data);
    /* Pin INTA of a slot is pulled, or let go. */
    void (*line)(void *ctx, u8 slot, bool pulled);
    /* A BAR begins or ceases to answer at bar->at: accesses there are to come to
     * pci_bus_memory_read() and _write(), or pci_bus_io_read() and _write(), from now on, or no
     * more. */
    void (*mapped)(void *ctx, struct pci_device *d, unsigned bar, bool now);
    /* A line for the log, about what a guest has done wrong. */
    void (*say)(void *ctx, const struct pci_device *d, const char *text);
};

/* Guest-physical addresses, or ports, where BARs may lie: no RAM, no device of the board. */
struct pci_window {
    u64 first, last; /* the first and the last byte; last 0: none */
    enum pci_space space;
};

struct pci_bus {
    const struct pci_host *host;
    void *ctx;
    struct pci_window window[PCI_WINDOWS];
    u32 address;                           /* what was written to port 0xcf8 */
    struct pci_device *device[PCI_SLOTS];  /* by slot; NULL: it is empty */
    struct pci_device *present[PCI_SLOTS]; /* the same without gaps */
    u32 devices;                           /* how many */
    struct pci_device *last;               /* that was accessed by a BAR, by */
    unsigned last_bar;                     /*   this one: the next access is likely there, too */
};

/* ---- the bus (bus.c) ---- */

void pci_bus_init(struct pci_bus *b, const struct pci_host *host, void *ctx,
                  const struct pci_window window[PCI_WINDOWS]);
/* E_RANGE: no such slot; E_EXIST: it is taken. */
err_t pci_bus_add(struct pci_bus *b, struct pci_device *d, u8 slot);

/* Ports 0xcf8 to 0xcff, 1, 2 or 4 bytes. */
u32 pci_bus_port_read(struct pci_bus *b, u16 port, unsigned width);
void pci_bus_port_write(struct pci_bus *b, u16 port, unsigned width, u32 value);
/* `offset` bytes into the ECAM area of PCI_ECAM_SIZE bytes. */
u32 pci_bus_ecam_read(struct pci_bus *b, u32 offset, unsigned width);
void pci_bus_ecam_write(struct pci_bus *b, u32 offset, unsigned width, u32 value);
/* 1, 2, 4 or 8 bytes at a gpa.  False: no BAR is there.  What a device does not answer reads as
 * ones; 8 bytes are two times 4. */
bool pci_bus_memory_read(struct pci_bus *b, u64 gpa, unsigned width, u64 *value);
bool pci_bus_memory_write(struct pci_bus *b, u64 gpa, unsigned width, u64 value);
/* 1, 2 or 4 bytes at a port of a BAR; the same way. */
bool pci_bus_io_read(struct pci_bus *b, u16 port, unsigned width, u32 *value);
bool pci_bus_io_write(struct pci_bus *b, u16 port, unsigned width, u32 value);

/* ---- a device's configuration space (config.c) ---- */

/* Registers that each device has, then `rows`, then d->bar[], which is filled in before; of a
 * device that has no ports, the guest cannot switch those on. */
void pci_device_init(struct pci_device *d, const struct pci_device_ops *ops, const char *name,
                     const struct pci_config_row *rows, size_t n);
u32 pci_config_read(struct pci_device *d, u32 at, unsigned width);
void pci_config_write(struct pci_device *d, u32 at, unsigned width, u32 value);
static inline bool pci_command_has(const struct pci_device *d, u16 bits)
{
    return ((d->config[PCI_COMMAND] | d->config[PCI_COMMAND + 1] << 8) & bits) == bits;
}
/* Pulls the pin INTA, or lets it go; it is quiet while MSI-X is on, or the guest has disabled it.
 */
void pci_set_line(struct pci_device *d, bool pulled);

/* ---- BARs (bar.c) ---- */

/* After a change of any: those that moved or were switched off cease to answer, those that may do
 * so begin to.  One that is not wholly in a window of its space, or where another one is, does
 * not. */
void pci_bars_update(struct pci_bus *b);
/* Gives each BAR a place in the first window of its space, which lies below 4 GiB, as a PC's
 * firmware does.  E_NOMEM: no room. */
err_t pci_bars_place(struct pci_bus *b);

/* ---- MSI-X (msix.c) ---- */

bool pci_msix_enabled(const struct pci_device *d);
/* Sends the message of a vector, or notes it as pending while it is masked.  Nothing if MSI-X is
 * off or there is no such vector. */
void pci_msix_raise(struct pci_device *d, u16 vector);
/* The BAR with table and pending bits: 4 bytes at a time, else ones and nothing. */
u32 pci_msix_read(const struct pci_device *d, u32 offset, unsigned width);
void pci_msix_write(struct pci_device *d, u32 offset, unsigned width, u32 value);
/* After a change of the capability: what is no longer masked is sent. */
void pci_msix_update(struct pci_device *d);
