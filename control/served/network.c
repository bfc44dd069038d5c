/* See network.h. */
#include "control/served/network.h"
#include "control/memory.h"
#include "control/rt.h"
#include "control/served/device_text.h"
#include "control/served/lan.h"
#include "control/virtio/net.h"
#include "lib/fmt.h"

struct served_net {
    struct served_device device;
    struct virtio_net net;
    struct lan *lan;
};

#define PAGES (ALIGN_UP(sizeof(struct served_net), PAGE_SIZE) / PAGE_SIZE)

static void close(struct served_device *d)
{
    struct served_net *const s = CONTAINER_OF(d, struct served_net, device);

    virtio_reset(&s->net.v);
    lan_detach(s->lan, &s->net.port);
    memory_pages_free(s, PAGES);
}

static struct served_device *refused(struct served_net *s, const char *text, const char *guest,
                                     const char *why)
{
    say("guest %s: net = %s: %s", guest, text, why);
    if (s)
        memory_pages_free(s, PAGES);
    return NULL;
}

static const char *attach(struct served_net *s)
{
    switch (lan_attach(s->lan, &s->net.port)) {
    case OK: return NULL;
    case E_EXIST: return "another guest at this switch has the same mac";
    case E_INVAL: return "its mac is no address of one station";
    default: return "the switch has no port left";
    }
}

struct served_device *network_open(const char *text, const char *guest, const struct grant *grant,
                                   u32 number)
{
    struct served_net *const s = memory_pages(PAGES);
    struct virtio_net_setup setup = {.grant = grant, .pairs = NETWORK_PAIRS};
    struct net_text net;
    const char *why = "no memory; a larger control_memory helps";

    if (!s || net_text_parse(text, &net, &why) != OK)
        return refused(s, text, guest, why);
    s->lan = lan_open(net.lan);
    if (!s->lan)
        return refused(s, text, guest, "no memory for its switch, or too many switches");
    (void)fmt_buf(s->device.name, sizeof(s->device.name), "net%u", number);
    s->device.v = &s->net.v;
    s->device.close = close;
    setup.name = s->device.name;
    setup.wire = lan_wire(s->lan);
    setup.mac = net.has_mac ? net.mac : net_text_mac(guest, number);
    if (virtio_net_init(&s->net, &setup) != OK)
        die("a network card's set-up is wrong");
    (void)fmt_buf(s->net.port.name, sizeof(s->net.port.name), "%s:%s", guest, s->device.name);
    s->net.port.any_source = net.any_source;
    s->net.port.vlan = net.vlan;
    why = attach(s);
    if (why)
        return refused(s, text, guest, why);
    say("guest %s: net%u: switch %s, %02x:%02x:%02x:%02x:%02x:%02x", guest, number, net.lan,
        setup.mac.byte[0], setup.mac.byte[1], setup.mac.byte[2], setup.mac.byte[3],
        setup.mac.byte[4], setup.mac.byte[5]);
    return &s->device;
}

void network_facts(const struct served_device *d, struct manage_port *facts)
{
    const struct served_net *const s = CONTAINER_OF(d, struct served_net, device);

    lan_facts(s->lan, &s->net.port, facts);
    facts->guest = d->guest;
    facts->name = d->name;
    facts->received = s->net.counters.received;
    facts->refused += s->net.counters.malformed;
    facts->dropped += s->net.counters.dropped;
}

void network_set_link(struct served_device *d, bool up)
{
    struct served_net *const s = CONTAINER_OF(d, struct served_net, device);

    lan_set_link(s->lan, &s->net.port, up);
    virtio_net_set_link(&s->net, up);
    (void)virtio_work(d->v);
}
