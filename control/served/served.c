/* See served.h. */
#include "control/served/served.h"
#include "control/disk/backing.h"
#include "control/loop.h"
#include "control/memory.h"
#include "control/rt.h"
#include "control/served/bus.h"
#include "control/served/device_text.h"
#include "control/served/disk.h"
#include "control/served/network.h"
#include "control/served/random.h"
#include "control/served/terminal.h"
#include "control/served/window.h"
#include "control/served/work.h"
#include "lib/mem.h"

#define DEVICES_MAX 16u

struct served {
    u32 partition;
    char name[32];
    struct served_window window;
    struct served_bus bus;
    u32 devices;
    struct served_device *device[DEVICES_MAX];
};

#define PAGES (ALIGN_UP(sizeof(struct served), PAGE_SIZE) / PAGE_SIZE)

void served_init(void)
{
    kept_init(memory_kept(), MEMORY_KEPT, info->life);
    work_init();
}

void served_finish_left(void)
{
    kept_forget_left();
    backing_finish_left();
}

static struct served_device *open_device(const struct served *s, const struct device_line *line,
                                         u32 number, u32 vcpus)
{
    switch (line->kind) {
    case DEVICE_DISK: return disk_open(line->text, s->name, &s->window.grant, number, vcpus);
    case DEVICE_NET: return network_open(line->text, s->name, &s->window.grant, number);
    case DEVICE_HVC: return terminal_open(line->text, s->name, &s->window.grant);
    case DEVICE_RNG: return random_open(line->text, s->name, &s->window.grant);
    }
    return NULL;
}

static void add(struct served *s, struct served_device *d)
{
    d->partition = s->partition;
    if (s->devices == DEVICES_MAX || bus_add(&s->bus, d) != OK) {
        say("guest %s: %s: no slot is left", s->name, d->name);
        d->close(d);
        return;
    }
    s->device[s->devices++] = d;
}

/* Disks first, whatever the order of the lines; then the others by kind. */
static NOINLINE void open_devices(struct served *s, const struct abi_partition *p)
{
    static const enum device_kind order[] = {DEVICE_DISK, DEVICE_NET, DEVICE_HVC, DEVICE_RNG};
    static struct device_line line; /* too large for the stack */
    err_t err;

    for (u32 i = 0; i < ARRAY_LEN(order); i++) {
        const char *at = p->devices;

        for (u32 number = 0; (err = device_line_next(&at, &line)) != E_NOENT;) {
            if (err != OK && i == 0)
                say("guest %s: what its configuration asks for is not known: %s", s->name,
                    line.text);
            if (err != OK || line.kind != order[i])
                continue;
            struct served_device *const d = open_device(s, &line, number++, p->vcpus);

            if (!d)
                continue;
            d->guest = s->name;
            d->kind = line.kind;
            memcpy(d->text, line.text, sizeof(d->text));
            add(s, d);
        }
    }
    if (pci_bars_place(&s->bus.pci) != OK)
        say("guest %s: no addresses are left for its devices", s->name);
}

struct served *served_open(u32 partition, const struct abi_partition *p)
{
    struct served *const s = memory_pages(PAGES);
    i64 result;

    if (!s) {
        say("guest %s: no memory to serve it; a larger control_memory helps", p->name);
        return NULL;
    }
    s->partition = partition;
    memcpy(s->name, p->name, sizeof(s->name) - 1);
    if (window_open(&s->window, partition, p->memory) != OK) {
        memory_pages_free(s, PAGES);
        return NULL;
    }
    bus_init(&s->bus, partition, p->life, s->name);
    open_devices(s, p);
    kept_forget(partition, p->life);
    for (u32 i = 0; i < s->devices; i++) {
        device_begin(s->device[i], p->life, i);
        work_add(s->device[i]);
    }
    result = bus_claim(&s->bus);
    if (result != ABI_OK)
        say("guest %s: its PCI bus cannot be claimed: error %lld", s->name, (long long)result);
    return s;
}

void served_close(struct served *s)
{
    for (u32 i = 0; i < s->devices; i++) {
        work_remove(s->device[i]);
        device_end(s->device[i]);
    }
    kept_forget(s->partition, 0);
    window_close(&s->window);
    memory_pages_free(s, PAGES);
}

void served_access(struct served *s, u32 slot, const struct abi_request *r)
{
    u64 value = r->write ? r->value : ~0ull;

    bus_access(&s->bus, r, &value);
    if (r->write) /* a doorbell, a reset, a bus master that may begin */
        loop_want_turn();
    for (u32 i = 0; i < s->devices; i++)
        device_keep(s->device[i]); /* what the guest believes to be done is not lost */
    loop_reply(slot, r->sequence, value);
}
