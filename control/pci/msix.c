/* MSI-X of an emulated PCI device: table, pending bits, masks; see pci.h.
 * PCI Local Bus Specification 3.0, "MSI-X Capability and Table Structure".  Pure. */
#include "control/pci/pci.h"
#include "lib/fmt.h"

enum { WORD_ADDRESS, WORD_UPPER, WORD_DATA, WORD_CONTROL, WORDS };

#define CONTROL_MASKED 1u
#define CAP_CONTROL    2u    /* of the capability */
#define CAP_ENABLE     0x80u /* in the upper byte of its control word */
#define CAP_MASK_ALL   0x40u

/* SDM Vol. 3A, "Message Address Register Format". */
#define MESSAGE_ADDRESS      0xfee00000u
#define MESSAGE_ADDRESS_MASK 0xfff00000u

static u8 cap_control(const struct pci_device *d)
{
    return d->msix.cap ? d->config[d->msix.cap + CAP_CONTROL + 1] : 0;
}

bool pci_msix_enabled(const struct pci_device *d)
{
    return (cap_control(d) & CAP_ENABLE) != 0;
}

static void send(struct pci_device *d, u16 vector)
{
    const u32 *const e = d->msix.entry[vector];
    char text[96];

    if (e[WORD_UPPER] == 0 && (e[WORD_ADDRESS] & MESSAGE_ADDRESS_MASK) == MESSAGE_ADDRESS) {
        d->bus->host->message(d->bus->ctx, e[WORD_ADDRESS], e[WORD_DATA]);
        return;
    }
    d->msix.refused++;
    if ((d->msix.refused & (d->msix.refused - 1)) != 0)
        return;
    (void)fmt_buf(text, sizeof(text), "MSI-X vector %u: 0x%x%08x is not where interrupts are sent",
                  vector, e[WORD_UPPER], e[WORD_ADDRESS]);
    d->bus->host->say(d->bus->ctx, d, text);
}

/* A message is a write to memory: only a bus master sends it. */
static bool may_send(const struct pci_device *d, u16 vector)
{
    return (cap_control(d) & (CAP_ENABLE | CAP_MASK_ALL)) == CAP_ENABLE &&
           pci_command_has(d, PCI_COMMAND_MASTER) &&
           !(d->msix.entry[vector][WORD_CONTROL] & CONTROL_MASKED);
}

void pci_msix_raise(struct pci_device *d, u16 vector)
{
    if (vector >= d->msix.vectors || !pci_msix_enabled(d))
        return;
    if (may_send(d, vector))
        send(d, vector);
    else
        d->msix.pending |= BIT32(vector);
}

void pci_msix_update(struct pci_device *d)
{
    if (!pci_msix_enabled(d))
        d->msix.pending = 0;
    for (u32 left = d->msix.pending; left != 0; left &= left - 1) {
        const u16 vector = (u16)__builtin_ctz(left);
        if (!may_send(d, vector))
            continue;
        d->msix.pending &= ~BIT32(vector);
        send(d, vector);
    }
}

u32 pci_msix_read(const struct pci_device *d, u32 offset, unsigned width)
{
    const struct pci_msix *const m = &d->msix;

    if (width != 4 || offset % 4 != 0)
        return ~0u;
    if (offset == m->pba)
        return m->pending;
    if (offset / 16 < m->vectors)
        return m->entry[offset / 16][offset / 4 % WORDS];
    return 0;
}

void pci_msix_write(struct pci_device *d, u32 offset, unsigned width, u32 value)
{
    if (width != 4 || offset % 4 != 0 || offset / 16 >= d->msix.vectors)
        return;
    u32 *const word = &d->msix.entry[offset / 16][offset / 4 % WORDS];
    *word = value;
    if (offset / 4 % WORDS == WORD_ADDRESS)
        *word &= ~3u;
    if (offset / 4 % WORDS == WORD_CONTROL)
        *word &= CONTROL_MASKED;
    pci_msix_update(d);
}
