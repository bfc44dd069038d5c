/* Intel's network cards; see attach.h. */
#include "control/machine/attach.h"
#include "control/machine/machine.h"
#include "drivers/io/e1000.h"
#include "lib/fmt.h"

static struct e1000 card[MACHINE_CARDS];

static bool is_e1000(const struct pci_function *f)
{
    return f->vendor == E1000_VENDOR && f->id == E1000_DEVICE;
}

static void start_e1000(struct pci_function *f)
{
    const u32 n = machine_cards();
    char text[sizeof(card[n].nic.name)];
    err_t err;

    if (n == MACHINE_CARDS) {
        machine_refuse(f, "network card", "there are too many");
        return;
    }
    fmt_buf(text, sizeof(text), "e1000 %02x:%02x.%x", f->bus, f->device, f->function);
    err = e1000_start(&card[n], f, text);
    if (err != OK) {
        machine_refuse(f, "network card", machine_reason(err));
        return;
    }
    fmt_buf(text, sizeof(text), "e1000 %04x:%04x", f->vendor, f->id);
    machine_add_card(&card[n].nic, text);
}

const struct attach attach_e1000 = {.is = is_e1000, .start = start_e1000};
