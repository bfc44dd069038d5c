/* See lan.h. */
#include "control/served/lan.h"
#include "control/machine/machine.h"
#include "control/memory.h"
#include "control/net/uplink.h"
#include "control/rt.h"
#include "lib/fmt.h"
#include "lib/mem.h"

#define CARD "net0"

struct lan {
    char name[16];
    bool has_card;
    struct virtio_net_wire wire;
    struct net_switch sw;
    struct uplink uplink;
};

static struct lan *lans[LANS];
static u32 lan_count;

static u64 now(void)
{
    return io_now(machine_env());
}

static enum net_verdict send(const struct virtio_net_wire *wire, struct net_port *port,
                             const struct net_frame *frame)
{
    return switch_send(&CONTAINER_OF(wire, struct lan, wire)->sw, port, frame, now());
}

static void ready(const struct virtio_net_wire *wire, struct net_port *port)
{
    switch_ready(&CONTAINER_OF(wire, struct lan, wire)->sw, port);
}

static void take_card(struct lan *lan)
{
    struct nic *const nic = machine_nic(CARD);
    err_t err;

    if (!nic) {
        say("switch %s: this machine has no network card: guests reach each other alone",
            lan->name);
        return;
    }
    err = uplink_open(&lan->uplink, &lan->sw, nic, false);
    lan->has_card = err == OK;
    if (err != OK)
        say("switch %s: its card %s cannot be used: error %d", lan->name, nic->name, err);
}

struct lan *lan_open(const char *name)
{
    struct lan *lan = NULL;

    for (u32 i = 0; i < lan_count; i++)
        if (strcmp(lans[i]->name, name) == 0)
            return lans[i];
    if (lan_count < LANS)
        lan = memory_pages(ALIGN_UP(sizeof(*lan), PAGE_SIZE) / PAGE_SIZE);
    if (!lan)
        return NULL;
    lans[lan_count++] = lan;
    (void)fmt_buf(lan->name, sizeof(lan->name), "%s", name);
    lan->wire = (struct virtio_net_wire){.send = send, .ready = ready};
    switch_init(&lan->sw);
    if (strcmp(name, LAN_WITH_CARD) == 0)
        take_card(lan);
    return lan;
}

err_t lan_attach(struct lan *lan, struct net_port *port)
{
    return switch_attach(&lan->sw, port);
}

void lan_detach(struct lan *lan, struct net_port *port)
{
    switch_detach(&lan->sw, port);
}

const struct virtio_net_wire *lan_wire(const struct lan *lan)
{
    return &lan->wire;
}

u64 lan_poll(void)
{
    u64 next = IO_NEVER;

    for (u32 i = 0; i < lan_count; i++) {
        struct lan *const lan = lans[i];

        if (lan->has_card) {
            const u64 wanted = uplink_poll(&lan->uplink);

            next = MIN(next, wanted);
        }
        if (lan->sw.waited_for) { /* otherwise the clock is not asked */
            const u64 wanted = switch_poll(&lan->sw, now());

            next = MIN(next, wanted);
        }
    }
    return next;
}

void lan_facts(const struct lan *lan, const struct net_port *port, struct manage_port *facts)
{
    const struct net_port_counters *const c = &port->counters;

    *facts = (struct manage_port){
        .lan = lan->name,
        .mac = port->mac,
        .link = port->link,
        .sent = c->in_frames,
        .received = c->out_frames,
        .refused = c->in_malformed + c->in_spoofed + c->in_vlan,
        .dropped = c->out_dropped + c->out_vlan,
    };
}

bool lan_card(u32 n, struct manage_port *facts)
{
    for (u32 i = 0; i < lan_count; i++) {
        const struct lan *const lan = lans[i];

        if (!lan->has_card || n-- != 0)
            continue;
        lan_facts(lan, &lan->uplink.port, facts);
        memcpy(facts->mac.byte, lan->uplink.nic->mac, sizeof(facts->mac.byte));
        facts->guest = "-";
        facts->name = CARD;
        return true;
    }
    return false;
}

void lan_set_link(struct lan *lan, struct net_port *port, bool up)
{
    switch_set_link(&lan->sw, port, up);
}
