/* A card on the model of e1000_model.h and a user with frames and buffers: what the tests of the
 * e1000 driver begin with. */
#pragma once
#include "tools/unit/e1000_model.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define BUFFERS     8u
#define RING_FRAMES 40u

struct frame {
    struct nic_frame f;
    struct io_segment segment[E1000_SEGMENTS];
    struct io_dma memory;
    u32 sent;
    enum io_result result;
};

struct buffer {
    struct nic_buffer b;
    struct io_dma memory;
    u32 back;
    u32 len;
    enum io_result result;
};

static struct e1000_model m;
static struct e1000 e;
static struct buffer buffers[BUFFERS];
static u32 links, losses;
static bool repost;

static inline void received(struct nic *n, struct nic_buffer *b, u32 len,
                            const struct nic_offload *offload, enum io_result result)
{
    struct buffer *buffer = CONTAINER_OF(b, struct buffer, b);

    assert_int_equal(offload->flags, 0);
    buffer->back++;
    buffer->len = len;
    buffer->result = result;
    if (repost && result == IO_DONE)
        assert_int_equal(nic_post(n, b), OK);
}

static inline void event(struct nic *n, enum nic_event what)
{
    (void)n;
    if (what == NIC_LINK)
        links++;
    else
        losses++;
}

static const struct nic_user user = {.received = received, .event = event};

static inline void sent(struct nic_frame *f, enum io_result result)
{
    struct frame *frame = CONTAINER_OF(f, struct frame, f);

    frame->sent++;
    frame->result = result;
}

static inline int setup(void **state)
{
    (void)state;
    e1000_model_open(&m);
    assert_int_equal(e1000_start(&e, &m.function, "e1000"), OK);
    e.nic.user = &user;
    links = losses = 0;
    repost = false;
    for (u32 i = 0; i < BUFFERS; i++) {
        struct buffer *b = &buffers[i];
        *b = (struct buffer){.len = 0};
        assert_int_equal(m.io.env.ops->dma_alloc(&m.io.env, 2048, 2048, IO_BUS_32, &b->memory), OK);
        b->b.memory = (struct io_segment){b->memory.at, b->memory.bus, 2048};
    }
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    nic_stop(&e.nic);
    nic_stop(&e.nic); /* again: nothing */
    for (u32 i = 0; i < BUFFERS; i++)
        m.io.env.ops->dma_free(&m.io.env, &buffers[i].memory);
    assert_int_equal(m.wrong, 0);
    assert_true(e1000_model_close(&m));
    return 0;
}

static inline void open_frame(struct frame *f, u32 len, u32 segments)
{
    memset(f, 0, sizeof(*f));
    assert_int_equal(m.io.env.ops->dma_alloc(&m.io.env, 2048, 2048, IO_BUS_32, &f->memory), OK);
    for (u32 i = 0; i < len; i++)
        ((u8 *)f->memory.at)[i] = (u8)(i * 11 + len);
    for (u32 i = 0, at = 0; i < segments; i++) {
        const u32 n = i + 1 == segments ? len - at : len / segments;
        f->segment[i] = (struct io_segment){(u8 *)f->memory.at + at, f->memory.bus + at, n};
        at += n;
    }
    f->f = (struct nic_frame){.segment = f->segment, .segments = segments, .sent = sent};
}

static inline void close_frame(const struct frame *f)
{
    m.io.env.ops->dma_free(&m.io.env, &f->memory);
}

static inline void post_all(void)
{
    for (u32 i = 0; i < BUFFERS; i++)
        assert_int_equal(nic_post(&e.nic, &buffers[i].b), OK);
    nic_kick(&e.nic);
}

/* A buffer came back once, so. */
static inline void expect_back(u32 i, u32 len, enum io_result result)
{
    assert_int_equal(buffers[i].back, 1);
    assert_int_equal(buffers[i].len, len);
    assert_int_equal(buffers[i].result, result);
}
