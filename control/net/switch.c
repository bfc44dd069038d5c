/* See switch.h.  Pure. */
#include "control/net/switch.h"
#include "control/net/checksum.h"
#include "lib/mem.h"

/* A frame on its way: judged, with its beginning copied. */
struct transit {
    struct net_switch *s;
    struct net_port *from;
    struct net_frame frame;
    struct io_segment whole; /* with the checksum, if somebody needed it */
    u64 now;
    bool tagged;
};

void switch_init(struct net_switch *s)
{
    memset(s, 0, sizeof(*s));
}

/* ------------------------------------------------------------ ports */

err_t switch_attach(struct net_switch *s, struct net_port *port)
{
    const u64 mac = mac_of(port->mac.byte);

    if (!port->uplink && (mac == 0 || mac_is_group(mac)))
        return E_INVAL;
    for (u32 i = 0; i < SWITCH_PORTS; i++) {
        if (s->slot[i].port)
            continue;
        if (!port->uplink)
            TRY(mac_add_own(&s->macs, mac, i));
        s->slot[i] = (struct switch_slot){.port = port};
        port->number = i;
        port->counters = (struct net_port_counters){0};
        return OK;
    }
    return E_NOMEM;
}

/* Those that wait for a port. */
static void resume_waiting(struct net_switch *s, u32 number)
{
    u32 waiting = s->slot[number].waiting;

    s->slot[number].waiting = 0;
    s->waited_for &= ~BIT32(number);
    for (; waiting; waiting &= waiting - 1) {
        struct net_port *const port = s->slot[__builtin_ctz(waiting)].port;

        if (port)
            port->ops->resume(port);
    }
}

void switch_detach(struct net_switch *s, struct net_port *port)
{
    const u32 number = port->number;

    mac_forget_port(&s->macs, number);
    s->slot[number].port = NULL;
    for (u32 i = 0; i < SWITCH_PORTS; i++)
        s->slot[i].waiting &= ~BIT32(number);
    resume_waiting(s, number);
}

void switch_ready(struct net_switch *s, struct net_port *port)
{
    s->slot[port->number].full = false;
    resume_waiting(s, port->number);
}

void switch_set_link(struct net_switch *s, struct net_port *port, bool up)
{
    port->link = up;
    if (!up)
        switch_ready(s, port); /* what is for it is dropped from now on */
}

u64 switch_poll(struct net_switch *s, u64 now)
{
    u64 next = IO_NEVER;

    for (u32 left = s->waited_for; left; left &= left - 1) {
        const u32 i = (u32)__builtin_ctz(left);
        const u64 end = s->slot[i].full_since + SWITCH_STALL_US;

        if (now >= end)
            resume_waiting(s, i);
        else
            next = MIN(next, end);
    }
    return next;
}

/* ------------------------------------------------------------ one frame */

static bool well_formed(const struct net_frame *f)
{
    const struct nic_offload *const o = &f->offload;
    u64 sum = 0;

    if (f->len < NIC_FRAME_MIN || f->len > NET_FRAME_MAX || f->segments == 0 ||
        f->segments > NET_SEGMENTS_MAX)
        return false;
    for (u32 i = 0; i < f->segments; i++)
        sum += f->segment[i].len;
    if (sum != f->len || (o->flags & ~(NIC_SUM_PARTIAL | NIC_SUM_GOOD)))
        return false;
    if (!(o->flags & NIC_SUM_PARTIAL))
        return true;
    return o->sum_start >= NIC_HEADER && (u32)o->sum_start + o->sum_offset + 2 <= f->len;
}

/* Copies the beginning; the list is that, then the sender's memory. */
static void take_head(struct transit *t, const struct net_frame *f)
{
    const u32 head = MIN(f->len, GUARD_BYTES);
    u32 copied = 0, count = 1;

    t->s->segment[0] = (struct io_segment){.at = t->s->head, .len = head};
    for (u32 i = 0; i < f->segments; i++) {
        const struct io_segment *const part = &f->segment[i];
        const u32 here = MIN(part->len, head - copied);

        copy_bulk(t->s->head + copied, part->at, here);
        copied += here;
        if (part->len > here)
            t->s->segment[count++] =
                (struct io_segment){(u8 *)part->at + here, part->bus + here, part->len - here};
    }
    t->frame = (struct net_frame){t->s->segment, count, f->len, f->offload};
    if (!t->from->uplink)
        t->frame.offload.flags &= (u8)~NIC_SUM_GOOD; /* nobody but hardware can say that */
}

/* The frame with its checksum: made when the first port needs it. */
static void complete_checksum(struct transit *t, struct net_frame *f)
{
    u8 *const whole = t->s->whole;
    const u32 at = (u32)f->offload.sum_start + f->offload.sum_offset;
    u32 copied = 0;

    if (t->whole.len == 0) {
        for (u32 i = 0; i < t->frame.segments; i++) {
            copy_bulk(whole + copied, t->s->segment[i].at, t->s->segment[i].len);
            copied += t->s->segment[i].len;
        }

        const u16 sum = checksum_complete(whole, f->len, f->offload.sum_start);

        whole[at] = (u8)sum;
        whole[at + 1] = (u8)(sum >> 8);
        t->whole = (struct io_segment){.at = whole, .len = f->len};
    }
    *f = (struct net_frame){&t->whole, 1, f->len, {0}};
}

enum delivered { DELIVERED, NOT_FOR_IT, NO_ROOM };

static enum delivered deliver(struct transit *t, u32 number)
{
    struct switch_slot *const slot = &t->s->slot[number];
    struct net_port *const to = slot->port;
    struct net_frame f = t->frame;

    if (!to->link)
        return NOT_FOR_IT;
    if (t->tagged && !to->vlan) {
        to->counters.out_vlan++;
        return NOT_FOR_IT;
    }

    const bool sum = (f.offload.flags & NIC_SUM_PARTIAL) && !to->sum_partial;

    if (sum)
        complete_checksum(t, &f);
    if (!to->ops->deliver(to, &f)) {
        if (!slot->full)
            slot->full_since = t->now;
        slot->full = true;
        return NO_ROOM;
    }
    slot->full = false;
    to->counters.sums += sum;
    to->counters.out_frames++;
    to->counters.out_bytes += f.len;
    return DELIVERED;
}

static void flood(struct transit *t, bool group)
{
    t->from->counters.flooded++;
    for (u32 i = 0; i < SWITCH_PORTS; i++) {
        struct net_port *const to = t->s->slot[i].port;

        if (!to || to == t->from || (to->uplink && t->from->uplink))
            continue;
        if (!group && !to->uplink && !to->any_source)
            continue;
        if (deliver(t, i) == NO_ROOM)
            to->counters.out_dropped++;
    }
}

/* To the one port.  False: the sender has to wait. */
static bool hand_on(struct transit *t, u32 number)
{
    struct switch_slot *const slot = &t->s->slot[number];

    if (slot->port == t->from || (slot->port->uplink && t->from->uplink))
        return true;
    if (deliver(t, number) != NO_ROOM)
        return true;
    if (!t->from->uplink && t->now - slot->full_since < SWITCH_STALL_US) {
        slot->waiting |= BIT32(t->from->number);
        t->s->waited_for |= BIT32(number);
        return false;
    }
    slot->port->counters.out_dropped++;
    return true;
}

/* Counts why a frame may not come in; false if it may not. */
static bool admit(struct transit *t)
{
    struct net_port *const from = t->from;
    const u8 *const head = t->s->head;
    const u64 source = mac_of(head + NET_MAC_BYTES);

    t->tagged = guard_is_tagged(head);
    if (source == 0 || mac_is_group(source) ||
        (!t->tagged && t->frame.len > NIC_HEADER + NIC_MTU)) {
        from->counters.in_malformed++;
        return false;
    }
    if (t->tagged && !from->vlan) {
        from->counters.in_vlan++;
        return false;
    }
    const struct nic_offload *const o = &t->frame.offload;
    const u32 sum_at = o->flags & NIC_SUM_PARTIAL ? (u32)o->sum_start + o->sum_offset : 0;

    if ((!from->uplink && !from->any_source &&
         !guard_allows(head, t->frame.len, &from->mac, sum_at)) ||
        !mac_learn(&t->s->macs, source, from->number, t->now)) {
        from->counters.in_spoofed++;
        return false;
    }
    return true;
}

enum net_verdict switch_send(struct net_switch *s, struct net_port *from,
                             const struct net_frame *frame, u64 now)
{
    struct transit t;

    if (!from->link)
        return NET_TAKEN;
    if (!well_formed(frame)) {
        from->counters.in_malformed++;
        return NET_REFUSED;
    }
    t.s = s;
    t.from = from;
    t.now = now;
    t.whole.len = 0;
    take_head(&t, frame);
    if (!admit(&t))
        return NET_REFUSED;

    const u64 to = mac_of(s->head);
    const u32 number = mac_is_group(to) ? MAC_NOBODY : mac_find(&s->macs, to, now);

    if (number == MAC_NOBODY)
        flood(&t, mac_is_group(to));
    else if (!hand_on(&t, number)) {
        from->counters.in_waits++;
        return NET_WAIT;
    }
    from->counters.in_frames++;
    from->counters.in_bytes += frame->len;
    return NET_TAKEN;
}
