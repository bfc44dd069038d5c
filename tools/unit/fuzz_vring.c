/* A split virtqueue whose memory changes after every load.  Input: eight bytes of set-up; what the
 * memory holds at first; then, each load takes two bytes of the input, which are xored into the
 * memory somewhere near.  Invariants: no piece outside of the grant (the sanitizer watches the
 * arrays), all pieces within the room, bytes that add up, at most as many chains outstanding as
 * there are descriptors, a broken ring silent for good, and nothing but the used ring written. */
#include "abi/virtio.h"
#include "control/guest/fetch.h"
#include "control/virtio/ring.h"
#include "lib/mem.h"
#include "tools/unit/fuzz_input.h"
#include <stdlib.h>

#define CHECK(c)                                                                                   \
    do {                                                                                           \
        if (!(c))                                                                                  \
            abort();                                                                               \
    } while (0)

#define RANGE  1024u
#define BASE   0x10000ull
#define SECOND (BASE + RANGE)          /* right behind it for the guest */
#define THIRD  (0ull - (u64)RANGE - 1) /* as far up as a range can be */
#define ROOM   20u
#define SETUP  10u
#define CHAINS 40u

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static _Alignas(64) u8 low[RANGE];
static _Alignas(64) u8 high[RANGE];
static _Alignas(64) u8 top[RANGE];

/* The other side writes: where we have just read, or somewhere else. */
static void change(const void *at)
{
    static u8 *const range[] = {low, high, top};

    if (input_left < 2)
        return;
    const u8 where = next(), what = next();
    for (u32 i = 0; i < ARRAY_LEN(range); i++)
        if ((const u8 *)at >= range[i] && (const u8 *)at < range[i] + RANGE)
            range[i][((u32)((const u8 *)at - range[i]) + where % 32u) % RANGE] ^= what;
    low[where * 4u % RANGE] ^= (u8)(where & what);
}

u16 fetch16(const void *at)
{
    u16 v;

    memcpy(&v, at, sizeof(v));
    change(at);
    return v;
}

void fetch_desc(struct virtq_desc *to, const void *at)
{
    memcpy(to, at, sizeof(*to));
    change(at);
}

void fetch_bytes(void *to, const void *at, size_t len)
{
    memcpy(to, at, len);
    change(at);
}

static bool inside(const struct io_segment *s)
{
    static u8 *const range[] = {low, high, top};

    for (u32 i = 0; i < ARRAY_LEN(range); i++)
        if ((u8 *)s->at >= range[i] && (u8 *)s->at < range[i] + RANGE)
            return s->len <= (size_t)(range[i] + RANGE - (u8 *)s->at);
    return false;
}

static void check_chain(const struct vring_chain *c, const struct vring *r)
{
    u64 outs = 0, ins = 0;

    CHECK(c->outs + c->ins <= c->room && c->head < r->place.size);
    for (u32 i = 0; i < c->outs + c->ins; i++) {
        CHECK(c->segment[i].len != 0 && inside(&c->segment[i]));
        *(i < c->outs ? &outs : &ins) += c->segment[i].len;
    }
    CHECK(outs == c->out_bytes && ins == c->in_bytes);
}

/* Most often where a queue may be. */
static u64 address(u8 byte)
{
    return byte < 0xf0 ? BASE + byte * 8u : byte < 0xf8 ? THIRD + (byte & 7) * 128u : ~0ull - byte;
}

static bool set_up(struct vring *r, const struct grant *g, const u8 *d)
{
    struct vring_place p = {.size = (u16)(d[0] & 0x80 ? d[0] : 1u << d[0] % 6),
                            .desc = {address(d[1]) & ~15ull},
                            .avail = {address(d[2]) & ~1ull},
                            .used = {address(d[3]) & ~3ull},
                            .event_idx = d[4] & 1,
                            .indirect = d[4] & 2};
    if (d[4] & 0x80)
        p.desc.v += d[5] % 32, p.used.v += d[5] / 32;
    const bool good = vring_start(r, g, &p) == OK;
    CHECK(good == (r->fault.error == VRING_OK));
    if (!good)
        return false;
    CHECK(p.size != 0 && (p.size & (p.size - 1)) == 0 && p.desc.v % 16 == 0 && p.used.v % 4 == 0);
    /* Somewhere in the middle of a queue's life. */
    r->next_avail = r->seen_avail = (u16)(d[6] << 8 | d[7]);
    r->used_idx = r->signalled = (u16)(d[8] << 8 | d[9]);
    return true;
}

static void silent(struct vring *r, struct vring_chain *c)
{
    static struct vring_fault none;
    const struct vring_fault fault = r->fault;
    char text[200];

    CHECK(memcmp(&none, &fault, sizeof(none)) != 0);
    vring_fault_text(&fault, text, sizeof(text));
    CHECK(text[0] != 0);
    CHECK(!vring_take(r, c) && !vring_publish(r) && !vring_want_kicks(r, true));
    CHECK(memcmp(&r->fault, &fault, sizeof(fault)) == 0);
}

/* Publishing writes the used ring alone: whether the three areas are apart. */
static void traffic(struct vring *r)
{
    struct io_segment room[ROOM];
    struct vring_chain c = {.segment = room, .room = 1 + next() % ROOM};
    u16 heads[CHAINS];
    u32 held = 0;

    for (u32 i = 0; i < CHAINS && r->fault.error == VRING_OK; i++) {
        const u8 op = next();
        if (op % 4 != 0 && held < CHAINS && vring_take(r, &c)) {
            check_chain(&c, r);
            heads[held++] = c.head;
        } else if (held != 0) {
            vring_give(r, heads[--held], op);
        }
        if (op % 16 == 5 && held != 0) {
            vring_untake(r, heads[held - 1]);
            held--;
        }
        CHECK(r->open == held && r->open <= r->place.size);
        if (op % 8 == 2)
            (void)vring_publish(r);
        if (op % 8 == 3)
            (void)vring_want_kicks(r, op & 0x80);
    }
    if (r->fault.error != VRING_OK)
        silent(r, &c);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct grant g = {.ranges = 0};
    struct vring r;

    if (size < SETUP)
        return 0;
    input = data + SETUP, input_left = size - SETUP;
    memset(low, 0, sizeof(low));
    memset(high, 0, sizeof(high));
    memset(top, 0, sizeof(top));
    CHECK(grant_add(&g, (gpa_t){BASE}, RANGE, low, 0) == OK);
    CHECK(grant_add(&g, (gpa_t){SECOND}, RANGE, high, 0) == OK);
    CHECK(grant_add(&g, (gpa_t){THIRD}, RANGE, top, 0) == OK);
    const size_t first = MIN(input_left / 2, RANGE);
    memcpy(data[4] & 4 ? high : low, input, first);
    input += first, input_left -= first;
    if (set_up(&r, &g, data))
        traffic(&r);
    return 0;
}
