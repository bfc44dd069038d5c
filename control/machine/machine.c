/* See machine.h. */
#include "control/machine/machine.h"
#include "control/loop.h"
#include "control/rt.h"
#include "drivers/io/pci.h"
#include "lib/fmt.h"
#include "lib/mem.h"

/* While a request is in a disk: an interrupt that got lost costs that long, not its time-out. */
#define LOST_IRQ_US 20000u
/* Between two looks at devices whose line is masked for good. */
#define STORM_US 10000u

static struct {
    struct disk *disk; /* its name is the one that guests know */
    const char *kind;
    bool used;
} disks[MACHINE_DISKS];
static struct nic *cards[MACHINE_CARDS];
static u32 disk_count, card_count;

/* ------------------------------------------------------------ what was found */

u32 machine_disks(void)
{
    return disk_count;
}

u32 machine_cards(void)
{
    return card_count;
}

static u32 count_of(const char *kind)
{
    u32 count = 0;

    for (u32 i = 0; i < disk_count; i++)
        count += strcmp(disks[i].kind, kind) == 0;
    return count;
}

void machine_add_disk(struct disk *d, const char *kind, const char *what)
{
    const u32 number = count_of(kind);

    disks[disk_count].disk = d;
    disks[disk_count++].kind = kind;
    say("%s%u: %s, %llu MiB, sectors of %u bytes, at %s%s", kind, number, what,
        (unsigned long long)(d->sectors * d->sector_size / MiB), d->sector_size, d->name,
        d->flags & DISK_HAS_NO_MEDIUM ? ", no medium" : "");
    fmt_buf(d->name, sizeof(d->name), "%s%u", kind, number);
}

void machine_add_card(struct nic *n, const char *what)
{
    const u8 *const mac = n->mac;

    fmt_buf(n->name, sizeof(n->name), "net%u", card_count);
    cards[card_count++] = n;
    say("%s: %s, MAC %02x:%02x:%02x:%02x:%02x:%02x, link %s", n->name, what, mac[0], mac[1], mac[2],
        mac[3], mac[4], mac[5], n->link ? "up" : "down");
}

const char *machine_reason(err_t err)
{
    switch (err) {
    case E_NOMEM: return "there is no memory for it that it reaches";
    case E_PERM: return "its registers are not among the control partition's (docs/abi.md)";
    case E_NOTSUP: return "it is not of the kind that its driver knows (docs/devices.md)";
    case E_NOENT: return "the firmware has not placed its registers";
    default: return "it does not answer";
    }
}

void machine_refuse(const struct pci_function *f, const char *what, const char *why)
{
    say("pci %02x:%02x.%x, %s %04x:%04x: not used: %s", f->bus, f->device, f->function, what,
        f->vendor, f->id, why);
}

/* ------------------------------------------------------------ who uses them */

static u64 on_turn(void)
{
    return env_tsc(machine_poll());
}

/* There is something to be polled. */
static void poll_each_turn(void)
{
    static bool does;

    if (!does)
        loop_on_turn(on_turn);
    does = true;
}

static bool is_called(u32 i, const char *name)
{
    char any[sizeof(disks[i].disk->name)];

    fmt_buf(any, sizeof(any), "drive%u", i);
    return strcmp(disks[i].disk->name, name) == 0 || strcmp(any, name) == 0;
}

struct disk *machine_disk(const char *name)
{
    for (u32 i = 0; i < disk_count; i++)
        if (is_called(i, name)) {
            disks[i].used = true;
            poll_each_turn();
            return disks[i].disk;
        }
    return NULL;
}

struct nic *machine_nic(const char *name)
{
    for (u32 i = 0; i < card_count; i++)
        if (strcmp(cards[i]->name, name) == 0) {
            poll_each_turn();
            return cards[i];
        }
    return NULL;
}

static u64 poll_disks(void)
{
    u64 next = IO_NEVER;

    for (u32 i = 0; i < disk_count; i++)
        if (disks[i].used) {
            const u64 wanted = disk_poll(disks[i].disk);

            next = MIN(next, wanted);
        }
    return next == IO_NEVER ? next : MIN(next, io_now(machine_env()) + LOST_IRQ_US);
}

static u64 poll_cards(void)
{
    u64 next = IO_NEVER;

    for (u32 i = 0; i < card_count; i++)
        if (cards[i]->user) {
            const u64 wanted = nic_poll(cards[i]);

            next = MIN(next, wanted);
        }
    return next;
}

u64 machine_poll(void)
{
    const u64 for_disks = poll_disks(), for_cards = poll_cards();
    const u64 next = MIN(for_disks, for_cards);

    return env_storm() ? MIN(next, io_now(machine_env()) + STORM_US) : next;
}
