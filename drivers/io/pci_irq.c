/* A PCI function's interrupts: its INTx line, MSI, MSI-X; see pci.h.  PCI Local Bus Specification
 * 3.0, 6.8 "Message Signaled Interrupts".  Pure. */
#include "drivers/io/pci.h"

#define LINES 16u /* an interrupt line register says 0 to 15, or that there is none */

/* MSI: offsets from the capability, bits of its control register. */
enum { MSI_CONTROL = 2, MSI_ADDRESS = 4, MSI_ADDRESS_HIGH = 8, MSI_DATA_32 = 8, MSI_DATA_64 = 12 };
enum { MSI_ENABLE = 0x01, MSI_SEVERAL = 0x70, MSI_64 = 0x80 };

/* MSI-X: offsets from the capability, bits of its control register, an entry of the table. */
enum { MSIX_CONTROL = 2, MSIX_TABLE = 4 };
enum { MSIX_SIZE = 0x07ff, MSIX_MASK_ALL = 0x4000, MSIX_ENABLE = 0x8000 };
enum { MSIX_BAR = 7 };
enum {
    ENTRY_ADDRESS = 0,
    ENTRY_ADDRESS_HIGH = 4,
    ENTRY_DATA = 8,
    ENTRY_CONTROL = 12,
    ENTRY_LEN = 16
};
enum { ENTRY_MASKED = 1 };

static void msi_write(const struct pci_function *f, u32 at, const struct io_irq *irq)
{
    const u32 control = pci_read(f, at + MSI_CONTROL, 2);
    const bool wide = control & MSI_64;

    pci_write(f, at + MSI_ADDRESS, 4, (u32)irq->address);
    if (wide)
        pci_write(f, at + MSI_ADDRESS_HIGH, 4, (u32)(irq->address >> 32));
    pci_write(f, at + (wide ? MSI_DATA_64 : MSI_DATA_32), 2, irq->data & 0xffff);
    pci_write(f, at + MSI_CONTROL, 2, (control & ~(u32)MSI_SEVERAL) | MSI_ENABLE);
}

static err_t attach_msi(const struct pci_function *f, struct io_irq *irq)
{
    struct io_env *env = f->pci->env;
    const u8 at = pci_capability(f, PCI_CAP_MSI, 0);

    if (at == 0)
        return E_NOENT;
    TRY(env->ops->irq_message(env, irq));
    if (irq->address >> 32 != 0 && !(pci_read(f, at + MSI_CONTROL, 2) & MSI_64)) {
        env->ops->irq_free(env, irq);
        return E_NOTSUP;
    }
    msi_write(f, at, irq);
    pci_command(f, PCI_COMMAND_INTX_OFF, 0);
    return OK;
}

err_t pci_irq_attach(const struct pci_function *f, u32 kinds, struct io_irq *irq)
{
    struct io_env *env = f->pci->env;

    if ((kinds & PCI_IRQ_MSI) && attach_msi(f, irq) == OK)
        return OK;
    if (!(kinds & PCI_IRQ_INTX) || f->pin == 0 || f->line >= LINES)
        return E_NOENT;
    TRY(env->ops->irq_line(env, f->line, true, irq));
    pci_command(f, 0, PCI_COMMAND_INTX_OFF);
    return OK;
}

void pci_irq_detach(const struct pci_function *f, struct io_irq *irq)
{
    struct io_env *env = f->pci->env;
    const u8 at = pci_capability(f, PCI_CAP_MSI, 0);

    if (irq->id == 0)
        return;
    pci_command(f, PCI_COMMAND_INTX_OFF, 0);
    if (at != 0)
        pci_write(f, at + MSI_CONTROL, 2, pci_read(f, at + MSI_CONTROL, 2) & ~(u32)MSI_ENABLE);
    env->ops->irq_free(env, irq);
    irq->id = 0;
}

/* ------------------------------------------------------------ MSI-X */

err_t pci_msix_open(const struct pci_function *f, struct pci_msix *m)
{
    const u8 at = pci_capability(f, PCI_CAP_MSIX, 0);
    struct io_window bar;

    if (at == 0)
        return E_NOENT;

    const u32 control = pci_read(f, at + MSIX_CONTROL, 2);
    const u32 table = pci_read(f, at + MSIX_TABLE, 4);
    const u32 entries = (control & MSIX_SIZE) + 1;

    *m = (struct pci_msix){.f = f, .capability = at, .entries = (u16)entries};
    if (pci_map_bar(f, table & MSIX_BAR, &bar) != OK || bar.ports ||
        io_part(&bar, table & ~(u32)MSIX_BAR, (u64)entries * ENTRY_LEN, &m->table) != OK)
        return E_IO;
    pci_write(f, at + MSIX_CONTROL, 2,
              (control & ~(u32)MSIX_MASK_ALL) | MSIX_ENABLE | MSIX_MASK_ALL);
    for (u32 i = 0; i < entries; i++)
        io_write32(&m->table, i * ENTRY_LEN + ENTRY_CONTROL, ENTRY_MASKED);
    pci_write(f, at + MSIX_CONTROL, 2, (control & ~(u32)MSIX_MASK_ALL) | MSIX_ENABLE);
    pci_command(f, PCI_COMMAND_INTX_OFF, 0);
    return OK;
}

err_t pci_msix_attach(const struct pci_msix *m, u32 entry, struct io_irq *irq)
{
    struct io_env *env = m->f->pci->env;
    const u32 at = entry * ENTRY_LEN;

    if (entry >= m->entries)
        return E_RANGE;
    TRY(env->ops->irq_message(env, irq));
    io_write32(&m->table, at + ENTRY_ADDRESS, (u32)irq->address);
    io_write32(&m->table, at + ENTRY_ADDRESS_HIGH, (u32)(irq->address >> 32));
    io_write32(&m->table, at + ENTRY_DATA, irq->data);
    io_write32(&m->table, at + ENTRY_CONTROL, 0);
    return OK;
}

void pci_msix_detach(const struct pci_msix *m, u32 entry, struct io_irq *irq)
{
    struct io_env *env = m->f->pci->env;

    if (irq->id == 0)
        return;
    if (entry < m->entries)
        io_write32(&m->table, entry * ENTRY_LEN + ENTRY_CONTROL, ENTRY_MASKED);
    env->ops->irq_free(env, irq);
    irq->id = 0;
}

void pci_msix_close(const struct pci_msix *m)
{
    const u32 control = pci_read(m->f, m->capability + MSIX_CONTROL, 2);

    pci_write(m->f, m->capability + MSIX_CONTROL, 2, control & ~(u32)MSIX_ENABLE);
}
