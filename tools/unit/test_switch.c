/* control/net/switch.c: against a switch that is as simple as can be, over a million frames; and
 * what that one does not show. */
#include "control/net/switch.h"
#include "tools/unit/net_frames.h"
#include "tools/unit/random.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define PORTS     6u /* 0 to 2: guests; 3: a guest with any address; 4, 5: wires */
#define ADDRESSES 24u
#define FRAMES    1000000u

/* An owner of a port: keeps the last frame. */
struct owner {
    struct net_port port;
    bool full;
    u32 delivered, resumed;
    u8 bytes[NET_FRAME_MAX];
    u32 len;
    struct nic_offload offload;
};

static struct net_switch s;
static struct owner owner[PORTS];
static struct random r;

static bool deliver(struct net_port *port, const struct net_frame *frame)
{
    struct owner *const o = port->context;

    if (o->full)
        return false;
    o->len = 0;
    assert_true(frame->segments <= NET_SEGMENTS_MAX + 1);
    for (u32 i = 0; i < frame->segments; i++) {
        memcpy(o->bytes + o->len, frame->segment[i].at, frame->segment[i].len);
        o->len += frame->segment[i].len;
    }
    assert_int_equal(o->len, frame->len);
    o->offload = frame->offload;
    o->delivered++;
    return true;
}

static void resume(struct net_port *port)
{
    ((struct owner *)port->context)->resumed++;
}

static const struct net_port_ops ops = {deliver, resume};

static int fresh(void **state)
{
    (void)state;
    r.state = 5;
    switch_init(&s);
    memset(owner, 0, sizeof(owner));
    for (u32 i = 0; i < PORTS; i++) {
        owner[i].port = (struct net_port){.ops = &ops,
                                          .context = &owner[i],
                                          .mac = frame_mac(i),
                                          .uplink = i >= 4,
                                          .any_source = i == 3,
                                          .vlan = i % 2,
                                          .sum_partial = i % 3 == 0,
                                          .link = true};
        owner[i].port.mac.byte[3] = 1;
        assert_int_equal(switch_attach(&s, &owner[i].port), OK);
        assert_int_equal(owner[i].port.number, i);
    }
    return 0;
}

static enum net_verdict send(u32 port, const u8 *bytes, u32 len, struct nic_offload offload,
                             u64 now)
{
    struct io_segment segment[4];
    struct net_frame f = {segment, 0, len, offload};

    for (u32 at = 0; at < len;) {
        u32 part = len - at;

        if (f.segments < 3 && random_percent(&r, 50))
            part = random_below(&r, part + 1);
        segment[f.segments++] = (struct io_segment){(u8 *)bytes + at, 0, part};
        at += part;
    }
    return switch_send(&s, &owner[port].port, &f, now);
}

static enum net_verdict send_plain(u32 port, const u8 *bytes, u32 len, u64 now)
{
    return send(port, bytes, len, (struct nic_offload){0}, now);
}

/* ------------------------------------------------------------ the dumb switch */

/* Where each address was seen last. */
static struct {
    u8 mac[6];
    u32 port;
    u64 seen;
    bool known;
} dumb[64];

static u32 dumb_count;

static u32 dumb_row(const u8 *mac)
{
    for (u32 i = 0; i < dumb_count; i++)
        if (memcmp(dumb[i].mac, mac, 6) == 0)
            return i;
    assert_true(dumb_count < ARRAY_LEN(dumb));
    memcpy(dumb[dumb_count].mac, mac, 6);
    dumb[dumb_count].known = false;
    return dumb_count++;
}

static u32 dumb_own(const u8 *mac)
{
    for (u32 i = 0; i < 4; i++)
        if (memcmp(owner[i].port.mac.byte, mac, 6) == 0)
            return i;
    return PORTS;
}

struct expected {
    enum net_verdict verdict;
    bool to[PORTS];
};

static bool dumb_sees(u32 port, const u8 *frame)
{
    return owner[port].port.link && !owner[port].full &&
           (owner[port].port.vlan || frame[12] != 0x81);
}

static struct expected dumb_send(u32 from, const u8 *frame, u64 now)
{
    struct expected e = {NET_REFUSED, {false}};
    const u32 source_own = dumb_own(frame + 6), own = dumb_own(frame);
    u32 to = PORTS;

    if (!owner[from].port.link) {
        e.verdict = NET_TAKEN;
        return e;
    }
    if ((frame[6] & 1) || (frame[12] == 0x81 && !owner[from].port.vlan))
        return e;
    if (from < 3 ? source_own != from : source_own != PORTS && source_own != from)
        return e;
    if (source_own == PORTS) {
        const u32 row = dumb_row(frame + 6);

        dumb[row].port = from;
        dumb[row].seen = now;
        dumb[row].known = true;
    }
    e.verdict = NET_TAKEN;
    if (own != PORTS)
        to = own;
    else if (!(frame[0] & 1)) {
        const u32 row = dumb_row(frame);

        if (dumb[row].known && now - dumb[row].seen <= MAC_AGE_US)
            to = dumb[row].port;
    }
    for (u32 i = 0; i < PORTS; i++) {
        const bool wires = i >= 4 && from >= 4;
        const bool meant = to != PORTS ? to == i : (frame[0] & 1) || i >= 3;

        e.to[i] = i != from && !wires && meant && dumb_sees(i, frame);
    }
    return e;
}

/* ------------------------------------------------------------ a million frames */

static void random_address(u8 *at)
{
    if (random_percent(&r, 45))
        memcpy(at, owner[random_below(&r, 4)].port.mac.byte, 6);
    else if (random_percent(&r, 15))
        memset(at, 0xff, 6);
    else
        memcpy(at, frame_mac(100 + random_below(&r, ADDRESSES)).byte, 6);
}

static u32 random_frame(u32 from, u8 *frame)
{
    const u32 len = 14 + 4 + random_below(&r, random_percent(&r, 5) ? 1497 : 60);

    for (u32 i = 12; i < len; i++)
        frame[i] = (u8)(i * 7 + len);
    random_address(frame);
    random_address(frame + 6);
    if (from < 3 && random_percent(&r, 90))
        memcpy(frame + 6, owner[from].port.mac.byte, 6);
    frame_put16(frame + 12, random_percent(&r, 10) ? 0x8100 : 0x0800);
    frame_put16(frame + 16, 0x0800);
    return len;
}

/* The frame as that owner has to get it. */
static void require_frame(const struct owner *o, const u8 *frame, u32 len,
                          struct nic_offload offload)
{
    static u8 wanted[NET_FRAME_MAX];
    const u32 at = (u32)offload.sum_start + offload.sum_offset;
    u64 sum = 0;

    assert_int_equal(o->len, len);
    memcpy(wanted, frame, len);
    if (offload.flags && !o->port.sum_partial) {
        for (u32 i = offload.sum_start; i < len; i++)
            sum += (i - offload.sum_start) % 2 ? frame[i] : (u64)frame[i] << 8;
        sum = 0xffff - sum % 0xffff;
        assert_int_equal((o->bytes[at] << 8 | o->bytes[at + 1]) % 0xffff, sum % 0xffff);
        wanted[at] = o->bytes[at];
        wanted[at + 1] = o->bytes[at + 1];
        assert_int_equal(o->offload.flags, 0);
    } else
        assert_int_equal(o->offload.flags, offload.flags);
    assert_memory_equal(o->bytes, wanted, len);
}

static void test_model(void **state)
{
    static u8 frame[NET_FRAME_MAX];
    u64 now = 1, delivered = 0, sums = 0, verdicts[3] = {0};

    (void)state;
    dumb_count = 0;
    for (u32 n = 0; n < FRAMES; n++) {
        const u32 from = random_below(&r, PORTS), len = random_frame(from, frame);
        struct nic_offload offload = {0};
        const struct expected e = dumb_send(from, frame, now);
        u32 before[PORTS];

        if (random_percent(&r, 40) && len >= 60 && frame[12] == 8)
            offload =
                (struct nic_offload){.flags = NIC_SUM_PARTIAL, .sum_start = 34, .sum_offset = 6};
        for (u32 i = 0; i < PORTS; i++)
            before[i] = owner[i].delivered;
        verdicts[e.verdict]++;
        assert_int_equal(send(from, frame, len, offload, now), e.verdict);
        for (u32 i = 0; i < PORTS; i++) {
            assert_int_equal(owner[i].delivered - before[i], e.to[i]);
            if (e.to[i])
                require_frame(&owner[i], frame, len, offload);
            delivered += e.to[i];
        }
        now += random_percent(&r, 1) ? random_below(&r, 20000000) : 10;
        if (random_percent(&r, 1))
            switch_set_link(&s, &owner[random_below(&r, PORTS)].port, random_percent(&r, 80));
    }
    for (u32 i = 0; i < PORTS; i++) {
        delivered -= owner[i].port.counters.out_frames;
        sums += owner[i].port.counters.sums;
        verdicts[NET_REFUSED] -= owner[i].port.counters.in_spoofed +
                                 owner[i].port.counters.in_vlan +
                                 owner[i].port.counters.in_malformed;
    }
    assert_int_equal(delivered, 0);
    assert_int_equal(verdicts[NET_REFUSED], 0);
    assert_true(sums > 10000);
}

/* ------------------------------------------------------------ what is special */

static void plain(u8 *frame, struct net_mac to, struct net_mac from)
{
    memset(frame, 0, 64);
    (void)frame_ethernet(frame, to, from, 0x0800);
}

static void test_malformed(void **state)
{
    static const u32 lengths[] = {13, 1515, 1519, 1514}; /* the tag is missing for 1515 */
    u8 frame[2000] = {0};
    struct io_segment segment[NET_SEGMENTS_MAX + 1] = {{frame, 0, 60}};
    struct net_frame f = {segment, 1, 60, {0}};
    const u32 guest = 0;

    (void)state;
    plain(frame, owner[1].port.mac, owner[0].port.mac);
    assert_int_equal(switch_send(&s, &owner[guest].port, &f, 1), NET_TAKEN);
    f.len = 61;
    assert_int_equal(switch_send(&s, &owner[guest].port, &f, 1), NET_REFUSED);
    for (u32 i = 0; i < ARRAY_LEN(lengths); i++) {
        f.len = segment[0].len = lengths[i];
        assert_int_equal(switch_send(&s, &owner[guest].port, &f, 1),
                         lengths[i] == 1514 ? NET_TAKEN : NET_REFUSED);
    }
    f.segments = 0;
    assert_int_equal(switch_send(&s, &owner[guest].port, &f, 1), NET_REFUSED);
    f.segments = NET_SEGMENTS_MAX + 1;
    assert_int_equal(switch_send(&s, &owner[guest].port, &f, 1), NET_REFUSED);
    f.segments = 1;
    f.offload = (struct nic_offload){.flags = NIC_SEGMENT_TCP4};
    assert_int_equal(switch_send(&s, &owner[guest].port, &f, 1), NET_REFUSED);
    f.offload = (struct nic_offload){.flags = NIC_SUM_PARTIAL, .sum_start = 13, .sum_offset = 0};
    assert_int_equal(switch_send(&s, &owner[guest].port, &f, 1), NET_REFUSED);
    f.offload.sum_start = 1513;
    assert_int_equal(switch_send(&s, &owner[guest].port, &f, 1), NET_REFUSED);
    f.offload.sum_start = f.offload.sum_offset = 0xffff;
    assert_int_equal(switch_send(&s, &owner[guest].port, &f, 1), NET_REFUSED);
    f.offload = (struct nic_offload){.flags = NIC_SUM_GOOD};
    assert_int_equal(switch_send(&s, &owner[guest].port, &f, 1), NET_TAKEN);
    assert_int_equal(owner[1].offload.flags, 0); /* a guest cannot say so */
    assert_int_equal(owner[guest].port.counters.in_malformed, 10);
    frame[6] |= 1;
    assert_int_equal(switch_send(&s, &owner[4].port, &f, 1), NET_REFUSED);
}

/* A guest that changes its frame while it is handed on. */
static u8 *changing;

static bool deliver_changing(struct net_port *port, const struct net_frame *frame)
{
    const bool taken = deliver(port, frame);

    changing[11] ^= 0xff;
    return taken;
}

static void test_changing(void **state)
{
    static const struct net_port_ops changing_ops = {deliver_changing, resume};
    u8 frame[64];

    (void)state;
    changing = frame;
    for (u32 i = 0; i < PORTS; i++)
        owner[i].port.ops = &changing_ops;
    plain(frame, frame_mac(0), owner[0].port.mac);
    memset(frame, 0xff, 6);
    assert_int_equal(send_plain(0, frame, 64, 1), NET_TAKEN);
    for (u32 i = 1; i < PORTS; i++) {
        assert_int_equal(owner[i].delivered, 1);
        assert_memory_equal(owner[i].bytes + 6, owner[0].port.mac.byte, 6);
    }
}

/* Waits, is told, and tries again; or gives up on who does not listen. */
static void test_waiting(void **state)
{
    u8 frame[64];
    u64 now = 1000;

    (void)state;
    plain(frame, owner[1].port.mac, owner[0].port.mac);
    owner[1].full = true;
    assert_int_equal(send_plain(0, frame, 64, now), NET_WAIT);
    assert_int_equal(switch_poll(&s, now), now + SWITCH_STALL_US);
    owner[1].full = false;
    switch_ready(&s, &owner[1].port);
    assert_int_equal(owner[0].resumed, 1);
    assert_int_equal(send_plain(0, frame, 64, now), NET_TAKEN);
    assert_int_equal(owner[1].delivered, 1);
    owner[1].full = true;
    assert_int_equal(send_plain(0, frame, 64, now), NET_WAIT);
    assert_int_equal(switch_poll(&s, now + SWITCH_STALL_US - 1), now + SWITCH_STALL_US);
    now += SWITCH_STALL_US;
    assert_int_equal(switch_poll(&s, now), IO_NEVER);
    assert_int_equal(owner[0].resumed, 2);
    assert_int_equal(send_plain(0, frame, 64, now), NET_TAKEN); /* dropped */
    assert_int_equal(send_plain(0, frame, 64, now), NET_TAKEN);
    assert_int_equal(owner[1].port.counters.out_dropped, 2);
    assert_int_equal(owner[0].port.counters.in_waits, 2);
    owner[1].full = false; /* it listens again: who sends waits again, too */
    assert_int_equal(send_plain(0, frame, 64, now), NET_TAKEN);
    owner[1].full = true;
    assert_int_equal(send_plain(0, frame, 64, now), NET_WAIT);

    /* a wire does not wait, and frames for many wait for nobody */
    plain(frame, owner[1].port.mac, frame_mac(300));
    assert_int_equal(send_plain(4, frame, 64, now), NET_TAKEN);
    plain(frame, owner[1].port.mac, owner[2].port.mac);
    memset(frame, 0xff, 6);
    assert_int_equal(send_plain(2, frame, 64, now), NET_TAKEN);
    assert_int_equal(owner[1].port.counters.out_dropped, 4);

    /* the receiver goes away, or its cable */
    owner[0].resumed = 0;
    switch_set_link(&s, &owner[1].port, false);
    assert_int_equal(owner[0].resumed, 1);
    plain(frame, owner[1].port.mac, owner[0].port.mac);
    assert_int_equal(send_plain(0, frame, 64, now), NET_TAKEN);
    switch_set_link(&s, &owner[1].port, true);
    assert_int_equal(send_plain(0, frame, 64, now), NET_WAIT);
    switch_detach(&s, &owner[1].port);
    assert_int_equal(owner[0].resumed, 2);
    assert_int_equal(send_plain(0, frame, 64, now), NET_TAKEN); /* for nobody now */
    assert_int_equal(switch_attach(&s, &owner[1].port), OK);
    assert_int_equal(owner[1].port.number, 1);
}

static void test_attach(void **state)
{
    static struct owner more[SWITCH_PORTS];
    struct owner twin = {.port = owner[0].port};

    (void)state;
    assert_int_equal(switch_attach(&s, &twin.port), E_EXIST);
    memset(twin.port.mac.byte, 0, 6);
    assert_int_equal(switch_attach(&s, &twin.port), E_INVAL);
    twin.port.mac.byte[0] = 1;
    assert_int_equal(switch_attach(&s, &twin.port), E_INVAL);
    for (u32 i = PORTS; i < SWITCH_PORTS; i++) {
        more[i].port = (struct net_port){.ops = &ops, .context = &more[i], .uplink = true};
        assert_int_equal(switch_attach(&s, &more[i].port), OK);
    }
    twin.port.uplink = true;
    assert_int_equal(switch_attach(&s, &twin.port), E_NOMEM);
}

/* A storm of addresses makes the table forget, but no guest's own address. */
static void test_storm(void **state)
{
    u8 frame[64];

    (void)state;
    for (u32 i = 0; i < 60000; i++) {
        plain(frame, owner[0].port.mac, frame_mac(i % 256 + 256));
        frame[7] = (u8)(i >> 8);
        frame[8] = (u8)i;
        assert_int_equal(send_plain(4, frame, 64, i), NET_TAKEN);
        assert_int_equal(owner[0].delivered, i + 1);
    }
    assert_int_equal(owner[1].delivered, 0);
    plain(frame, owner[2].port.mac, owner[0].port.mac);
    assert_int_equal(send_plain(0, frame, 64, 60000), NET_TAKEN);
    assert_int_equal(owner[2].delivered, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_malformed, fresh), cmocka_unit_test_setup(test_changing, fresh),
        cmocka_unit_test_setup(test_waiting, fresh),   cmocka_unit_test_setup(test_attach, fresh),
        cmocka_unit_test_setup(test_storm, fresh),     cmocka_unit_test_setup(test_model, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
