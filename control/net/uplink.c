/* See uplink.h.  Pure. */
#include "control/net/uplink.h"
#include "lib/fmt.h"
#include "lib/mem.h"

static struct uplink *uplink_of(const struct nic *n)
{
    return CONTAINER_OF(n->user, struct uplink, user);
}

/* ------------------------------------------------------------ to the wire */

static void put_back(struct uplink *u, struct uplink_send *send)
{
    send->next = u->free;
    u->free = send;
}

static void sent(struct nic_frame *f, enum io_result result)
{
    struct uplink *const u = f->context;

    u->failed += result != IO_DONE;
    put_back(u, CONTAINER_OF(f, struct uplink_send, frame));
    if (u->full) {
        u->full = false;
        switch_ready(u->sw, &u->port);
    }
}

static void fill(struct uplink_send *send, const struct net_frame *frame)
{
    u8 *to = send->segment.at;

    send->segment.len = frame->len;
    for (u32 i = 0; i < frame->segments; i++) {
        copy_bulk(to, frame->segment[i].at, frame->segment[i].len);
        to += frame->segment[i].len;
    }
    send->frame.offload = frame->offload;
    send->frame.offload.flags &= NIC_SUM_PARTIAL;
}

static bool deliver(struct net_port *port, const struct net_frame *frame)
{
    struct uplink *const u = port->context;
    struct uplink_send *const send = u->free;
    err_t err = E_NOMEM;

    if (send) {
        fill(send, frame);
        u->free = send->next;
        err = nic_send(u->nic, &send->frame);
        if (err != OK)
            put_back(u, send);
    }
    u->full |= err == E_NOMEM;
    u->failed += err != OK && err != E_NOMEM;
    return err != E_NOMEM; /* what the card refuses is lost, as on a wire */
}

/* Wires never wait (switch.h), so nothing is to be tried again. */
static void resume(struct net_port *port)
{
    (void)port;
}

/* ------------------------------------------------------------ from the wire */

static err_t post(struct uplink *u, struct nic_buffer *b)
{
    TRY(nic_post(u->nic, b));
    u->posted++;
    return OK;
}

static void received(struct nic *n, struct nic_buffer *b, u32 len,
                     const struct nic_offload *offload, enum io_result result)
{
    struct uplink *const u = uplink_of(n);

    u->posted--;
    if (result == IO_DONE) {
        const struct io_segment segment = {b->memory.at, b->memory.bus, len};
        struct net_frame frame = {&segment, 1, len, *offload};

        frame.offload.flags &= NIC_SUM_PARTIAL | NIC_SUM_GOOD;
        (void)switch_send(u->sw, &u->port, &frame, io_now(n->env));
    }
    if (result != IO_GONE && post(u, b) != OK)
        u->failed++; /* the card is lost: link goes down at the next poll */
}

u64 uplink_poll(struct uplink *u)
{
    u64 next;

    nic_kick(u->nic);
    next = nic_poll(u->nic);
    nic_kick(u->nic); /* for what was posted and sent meanwhile */

    const bool link = u->nic->link && !u->nic->lost;

    if (link != u->port.link)
        switch_set_link(u->sw, &u->port, link);
    return next;
}

/* ------------------------------------------------------------ life */

static void lay_out(struct uplink *u)
{
    for (u32 i = 0; i < UPLINK_SENDS + UPLINK_RECEIVES; i++) {
        const u64 at = (u64)i * UPLINK_BUFFER;
        const struct io_segment s = {(u8 *)u->memory.at + at, u->memory.bus + at, UPLINK_BUFFER};

        if (i >= UPLINK_SENDS) {
            u->receive[i - UPLINK_SENDS] = (struct nic_buffer){.memory = s};
            continue;
        }

        struct uplink_send *const send = &u->send[i];

        send->segment = s;
        send->frame = (struct nic_frame){
            .segment = &send->segment, .segments = 1, .sent = sent, .context = u};
        put_back(u, send);
    }
}

static err_t start(struct uplink *u)
{
    const u32 most = MIN(UPLINK_RECEIVES, u->nic->rx_depth);
    const err_t err = nic_receive_mode(u->nic, NIC_PROMISCUOUS);

    if (err != OK && err != E_NOTSUP) /* a card that filters nothing does, too */
        return err;
    for (u32 i = 0; i < most; i++)
        TRY(post(u, &u->receive[i]));
    nic_kick(u->nic);
    return OK;
}

err_t uplink_open(struct uplink *u, struct net_switch *sw, struct nic *nic, bool vlan)
{
    static const struct net_port_ops ops = {deliver, resume};
    struct io_env *const env = nic->env;
    err_t err;

    if (nic->buffer_min > UPLINK_BUFFER)
        return E_INVAL;
    *u = (struct uplink){.sw = sw, .nic = nic, .user = {.received = received}};
    u->port = (struct net_port){.ops = &ops,
                                .context = u,
                                .uplink = true,
                                .vlan = vlan,
                                .sum_partial = nic->features & NIC_CAN_SUM,
                                .link = nic->link};
    fmt_buf(u->port.name, sizeof(u->port.name), "%s", nic->name);
    TRY(env->ops->dma_alloc(env, (UPLINK_SENDS + UPLINK_RECEIVES) * UPLINK_BUFFER, PAGE_SIZE,
                            nic->bus_last, &u->memory));
    lay_out(u);
    err = switch_attach(sw, &u->port);
    if (err != OK) {
        env->ops->dma_free(env, &u->memory);
        return err;
    }
    nic->user = &u->user;
    err = start(u);
    if (err != OK)
        uplink_close(u);
    return err;
}

void uplink_close(struct uplink *u)
{
    struct io_env *const env = u->nic->env;

    u->full = false; /* nobody is to send now */
    u->port.link = false;
    nic_stop(u->nic);
    switch_detach(u->sw, &u->port);
    env->ops->dma_free(env, &u->memory);
}
