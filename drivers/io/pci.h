/* PCI functions: configuration space by ports and by ECAM, enumeration, BARs, capabilities,
 * interrupts.  PCI Local Bus Specification 3.0, chapter 6 "Configuration Space"; PCI-to-PCI Bridge
 * Architecture Specification, chapter 3; PCI Express Base Specification, "PCI Express Enhanced
 * Configuration Access Mechanism (ECAM)".
 *
 * Firmware has numbered the buses and placed the BARs; this moves nothing. */
#pragma once
#include "drivers/io/env.h"

#define PCI_BARS 6u

/* Registers of configuration space that drivers use. */
enum {
    PCI_VENDOR = 0x00,
    PCI_DEVICE = 0x02,
    PCI_COMMAND = 0x04,
    PCI_STATUS = 0x06,
    PCI_CLASS = 0x08, /* revision, interface, subclass, class: a byte each */
    PCI_HEADER_TYPE = 0x0e,
    PCI_BAR = 0x10,
    PCI_SUBSYSTEM_VENDOR = 0x2c,
    PCI_SUBSYSTEM = 0x2e,
    PCI_CAPABILITIES = 0x34,
    PCI_INTERRUPT_LINE = 0x3c,
    PCI_INTERRUPT_PIN = 0x3d,
};

enum {
    PCI_COMMAND_IO = 0x001,
    PCI_COMMAND_MEMORY = 0x002,
    PCI_COMMAND_MASTER = 0x004,
    PCI_COMMAND_INTX_OFF = 0x400,
};

enum { PCI_CAP_MSI = 0x05, PCI_CAP_VENDOR = 0x09, PCI_CAP_EXPRESS = 0x10, PCI_CAP_MSIX = 0x11 };

/* One segment group's configuration space. */
struct pci {
    struct io_env *env;
    struct io_window ports; /* 0xcf8 to 0xcff; without length if there is ECAM */
    struct io_window ecam;
    u8 bus_first, bus_last;
};

enum pci_bar_kind { PCI_BAR_NONE, PCI_BAR_PORTS, PCI_BAR_MEMORY };

struct pci_bar {
    enum pci_bar_kind kind;
    u64 base; /* bus address or port; 0: not placed */
    u64 len;  /* bytes */
    bool prefetchable;
};

struct pci_function {
    struct pci *pci;
    u8 bus, device, function;
    u8 header;                       /* layout: 0 a device, 1 a bridge */
    u16 vendor, id;                  /* of the device */
    u16 subsystem_vendor, subsystem; /* of layout 0 */
    u8 class, subclass, interface, revision;
    u8 pin;                    /* 0: uses no INTx line, else 1 (A) to 4 (D) */
    u8 line;                   /* as firmware routed it to the 8259s */
    u8 secondary, subordinate; /* of layout 1 */
    struct pci_bar
        bar[PCI_BARS]; /* pci_measure_bars(): none before; of a 64-bit BAR the second is none */
};

/* Configuration space through the ports 0xcf8 and 0xcfc (buses 0 to 255), or through ECAM: `base`
 * is the address of bus 0, as the ACPI table MCFG gives it with the buses.  Errors: the
 * environment's. */
err_t pci_open_ports(struct pci *pci, struct io_env *env);
err_t pci_open_ecam(struct pci *pci, struct io_env *env, u64 base, u8 bus_first, u8 bus_last);

/* width: 1, 2 or 4; offset: a multiple of it, below 256 (4096 with ECAM).  All ones from outside.
 */
u32 pci_read(const struct pci_function *f, u32 offset, u32 width);
void pci_write(const struct pci_function *f, u32 offset, u32 width, u32 value);

/* All functions on the first bus and behind its bridges, in order; `count` is how many there
 * are, at most `max` were written.  E_RANGE: there are more than that.  While a BAR is measured,
 * the function does not decode: no other processor may use it. */
err_t pci_scan(struct pci *pci, struct pci_function *found, u32 max, u32 *count);

/* The offset of the first capability with this id behind the capability at `after` (0: of all);
 * 0: there is none.  Ends after 48 steps, whatever the list looks like. */
u8 pci_capability(const struct pci_function *f, u8 id, u8 after);

/* Fills in f->bar.  A BAR is measured by writing it, and meanwhile the function does not decode:
 * call this before anybody uses the device. */
void pci_measure_bars(struct pci_function *f);

/* Makes a window of a BAR that was measured.  E_NOENT: no such BAR, or firmware has not placed it.
 */
err_t pci_map_bar(const struct pci_function *f, u32 bar, struct io_window *w);

/* Sets and clears bits of the command register. */
void pci_command(const struct pci_function *f, u16 set, u16 clear);

/* ------------------------------------------------------------ interrupts */

/* Kinds of interrupts, for pci_irq_attach(). */
#define PCI_IRQ_MSI  BIT32(0)
#define PCI_IRQ_INTX BIT32(1)

/* Attaches the one interrupt of a function, whose handler and arg are set in `irq`: MSI if `kinds`
 * and the function have it, else its INTx line.  E_NOENT: the function has neither.  Other errors:
 * the environment's. */
err_t pci_irq_attach(const struct pci_function *f, u32 kinds, struct io_irq *irq);
void pci_irq_detach(const struct pci_function *f, struct io_irq *irq);

/* A function's MSI-X table. */
struct pci_msix {
    const struct pci_function *f;
    struct io_window table;
    u8 capability;
    u16 entries;
};

/* All entries masked, MSI-X on, INTx off.  E_NOENT: no MSI-X.  E_IO: the table is not inside of a
 * BAR. */
err_t pci_msix_open(const struct pci_function *f, struct pci_msix *m);
/* Attaches irq to an entry and unmasks it.  E_RANGE: no such entry.  Other errors: the
 * environment's. */
err_t pci_msix_attach(const struct pci_msix *m, u32 entry, struct io_irq *irq);
void pci_msix_detach(const struct pci_msix *m, u32 entry, struct io_irq *irq);
void pci_msix_close(const struct pci_msix *m);
