/* Fuzz target for the switch: any frames from a guest, in any pieces, with any offload, and memory
 * that changes while they are handed on.  Nobody gets a frame that says it is from somebody else.
 */
#include "control/net/switch.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!(cond))                                                                               \
            abort();                                                                               \
    } while (0)

/* 0 sends; 1: a guest that takes partial sums; 2: one that does not; 3: a wire */
#define PORTS 4u

static struct net_switch s;
static struct net_port port[PORTS];
static u8 *memory; /* the sender's */
static u32 memory_len;

static bool deliver(struct net_port *p, const struct net_frame *f)
{
    u8 bytes[NET_FRAME_MAX];
    u32 len = 0;

    REQUIRE(p != &port[0] && f->len <= NET_FRAME_MAX && f->segments <= NET_SEGMENTS_MAX + 1);
    for (u32 i = 0; i < f->segments; i++) {
        REQUIRE(f->segment[i].len <= f->len - len);
        memcpy(bytes + len, f->segment[i].at, f->segment[i].len);
        len += f->segment[i].len;
    }
    REQUIRE(len == f->len);
    REQUIRE(memcmp(bytes + 6, port[0].mac.byte, 6) == 0 || f->offload.sum_start);
    REQUIRE(bytes[12] != 0x81 || bytes[13] != 0);
    if (bytes[12] == 8 && bytes[13] == 6)
        REQUIRE(memcmp(bytes + 22, port[0].mac.byte, 6) == 0);
    REQUIRE(p->sum_partial || f->offload.flags == 0);
    if (f->offload.flags)
        REQUIRE(f->offload.flags == NIC_SUM_PARTIAL &&
                (u32)f->offload.sum_start + f->offload.sum_offset + 2 <= len);
    for (u32 i = 0; i < memory_len; i++) /* what the sender does meanwhile */
        memory[i] ^= 0x55;
    return bytes[len - 1] & 3;
}

static void resume(struct net_port *p)
{
    (void)p;
}

static void attach(void)
{
    static const struct net_port_ops ops = {deliver, resume};

    switch_init(&s);
    for (u32 i = 0; i < PORTS; i++) {
        port[i] = (struct net_port){.ops = &ops, .mac = {{2, 0, 0, 0, 0, (u8)i}}, .link = true};
        port[i].sum_partial = i == 1;
        port[i].uplink = i == 3;
        REQUIRE(switch_attach(&s, &port[i]) == OK);
    }
}

/* Header: length of the frame, of its first pieces, offload; then the frame. */
static size_t send(const u8 *data, size_t size, u64 now)
{
    struct io_segment segment[4];
    struct net_frame f = {segment, 0, 0, {0}};
    const u32 len = (u32)MIN(size - 10, (u32)(data[0] | (data[1] & 7) << 8));
    u32 at = 0;

    memory = malloc(len + 1);
    memory_len = len;
    memcpy(memory, data + 10, len);
    if (data[1] & 0x10 && len >= 12)
        memcpy(memory + 6, port[0].mac.byte, 6); /* it would be refused otherwise */
    for (u32 i = 0; i < 4; i++) {
        const u32 part = i == 3 ? len - at : MIN(len - at, data[2 + i]);

        if (part || i == 3)
            segment[f.segments++] = (struct io_segment){memory + at, 0, part};
        at += part;
    }
    f.len = len;
    f.offload = (struct nic_offload){
        .flags = data[5] & 3, .sum_start = (u16)(data[6] | data[7] << 8), .sum_offset = data[8]};
    if (f.offload.flags == 3)
        f.offload.flags = data[9];
    (void)switch_send(&s, &port[0], &f, now);
    free(memory);
    return 10 + len;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    u64 now = 0;

    attach();
    while (size > 10) {
        const size_t used = send(data, size, now);

        now += data[9] * 1000u;
        data += used;
        size -= used;
        (void)switch_poll(&s, now);
    }
    return 0;
}
