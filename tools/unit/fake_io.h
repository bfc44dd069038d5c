/* An environment for drivers (drivers/io/env.h) on the host: the test is the device.  DMA memory is
 * an arena with bus addresses of its own, so that a wrong one is seen; the clock is a number. */
#pragma once
#include "drivers/io/env.h"
#include "lib/fmt.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAKE_BUS    0x10000000ull /* of the arena's first byte */
#define FAKE_ARENA  (512 * KiB)
#define FAKE_BLOCKS 64u
#define FAKE_IRQS   32u

struct fake_io {
    struct io_env env;
    void *device;
    /* Set by the test.  `at`: a port, or a bus address. */
    u32 (*read)(struct fake_io *io, bool ports, u64 at, u32 width);
    void (*write)(struct fake_io *io, bool ports, u64 at, u32 width, u32 value);
    bool no_messages;
    u32 allocations_left; /* of DMA memory */

    u64 now; /* microseconds; reading the clock takes one */
    struct io_irq *irq[FAKE_IRQS];
    u32 line[FAKE_IRQS]; /* of an interrupt line; else ~0 */
    u32 irqs;
    struct io_dma block[FAKE_BLOCKS];
    u32 blocks;
    char log[4096];
    size_t log_len;
    u8 *arena;
};

static inline struct fake_io *fake_of(struct io_env *env)
{
    return CONTAINER_OF(env, struct fake_io, env);
}

static inline u32 fake_read(const struct io_window *w, u32 offset, u32 width)
{
    struct fake_io *io = fake_of(w->env);

    return io->read(io, w->ports, w->at + offset, width);
}

static inline void fake_write(const struct io_window *w, u32 offset, u32 width, u32 value)
{
    struct fake_io *io = fake_of(w->env);

    io->write(io, w->ports, w->at + offset, width, value);
}

static inline err_t fake_map(struct io_env *env, u64 bus, u32 len, struct io_window *w)
{
    *w = (struct io_window){.env = env, .at = bus, .len = len};
    return OK;
}

static inline err_t fake_ports(struct io_env *env, u16 first, u32 len, struct io_window *w)
{
    *w = (struct io_window){.env = env, .at = first, .len = len, .ports = true};
    return OK;
}

/* First fit; blocks are sorted. */
static inline err_t fake_dma_alloc(struct io_env *env, u32 len, u32 align, u64 bus_last,
                                   struct io_dma *dma)
{
    struct fake_io *io = fake_of(env);
    u64 at = 0;
    u32 i = 0;

    if (io->allocations_left == 0 || io->blocks == FAKE_BLOCKS || len == 0)
        return E_NOMEM;
    for (;; i++) {
        at = ALIGN_UP(at, (u64)align);
        if (i == io->blocks || at + len <= io->block[i].bus - FAKE_BUS)
            break;
        at = io->block[i].bus - FAKE_BUS + io->block[i].len;
    }
    if (at + len > FAKE_ARENA || FAKE_BUS + at + len - 1 > bus_last)
        return E_NOMEM;
    memmove(&io->block[i + 1], &io->block[i], (io->blocks - i) * sizeof(io->block[0]));
    *dma = (struct io_dma){io->arena + at, FAKE_BUS + at, len};
    memset(dma->at, 0, len);
    io->block[i] = *dma;
    io->blocks++;
    io->allocations_left--;
    return OK;
}

static inline void fake_dma_free(struct io_env *env, const struct io_dma *dma)
{
    struct fake_io *io = fake_of(env);

    for (u32 i = 0; i < io->blocks; i++)
        if (io->block[i].bus == dma->bus) {
            memmove(&io->block[i], &io->block[i + 1], (io->blocks - i - 1) * sizeof(io->block[0]));
            io->blocks--;
            return;
        }
    abort(); /* not allocated */
}

/* The memory at a bus address, if it is inside of one allocated block; else NULL. */
static inline void *fake_at(struct fake_io *io, u64 bus, u64 len)
{
    for (u32 i = 0; i < io->blocks; i++) {
        const struct io_dma *b = &io->block[i];

        if (bus >= b->bus && bus - b->bus <= b->len && len <= b->len - (bus - b->bus))
            return (u8 *)b->at + (bus - b->bus);
    }
    return NULL;
}

static inline u64 fake_now(struct io_env *env)
{
    return fake_of(env)->now++;
}

static inline void fake_delay(struct io_env *env, u32 us)
{
    fake_of(env)->now += us;
}

static inline err_t fake_attach(struct io_env *env, u32 line, struct io_irq *irq)
{
    struct fake_io *io = fake_of(env);

    if (io->irqs == FAKE_IRQS)
        return E_NOMEM;
    io->line[io->irqs] = line;
    io->irq[io->irqs++] = irq;
    irq->id = io->irqs; /* positions are not used again */
    irq->address = 0xfee00000;
    irq->data = 0x4000 | irq->id;
    return OK;
}

static inline err_t fake_irq_line(struct io_env *env, u32 line, bool level, struct io_irq *irq)
{
    (void)level;
    return fake_attach(env, line, irq);
}

static inline err_t fake_irq_message(struct io_env *env, struct io_irq *irq)
{
    return fake_of(env)->no_messages ? E_NOTSUP : fake_attach(env, ~0u, irq);
}

static inline void fake_irq_free(struct io_env *env, struct io_irq *irq)
{
    struct fake_io *io = fake_of(env);

    if (irq->id == 0 || irq->id > io->irqs || io->irq[irq->id - 1] != irq)
        abort(); /* not attached */
    io->irq[irq->id - 1] = NULL;
}

/* The message `data` arrives: calls its handler, if there is one. */
static inline bool fake_message(struct fake_io *io, u32 data)
{
    const u32 id = data & 0xfff;

    if (data >> 12 != 4 || id == 0 || id > io->irqs || io->irq[id - 1] == NULL)
        return false;
    io->irq[id - 1]->count++;
    return io->irq[id - 1]->handler(io->irq[id - 1]->arg);
}

/* A line rises: calls all its handlers; how many said that it was theirs. */
static inline u32 fake_line(struct fake_io *io, u32 line)
{
    u32 taken = 0;

    for (u32 i = 0; i < io->irqs; i++)
        if (io->irq[i] != NULL && io->line[i] == line) {
            io->irq[i]->count++;
            taken += io->irq[i]->handler(io->irq[i]->arg);
        }
    return taken;
}

static inline void fake_log(struct io_env *env, enum io_log level, const char *format, va_list args)
{
    struct fake_io *io = fake_of(env);
    const size_t room = sizeof(io->log) - io->log_len;
    const size_t len = fmt_vbuf(io->log + io->log_len, room, format, args);

    (void)level;
    if (len + 2 > room) { /* full: the oldest lines do not matter to a test that says so much */
        io->log_len = 0;
        return;
    }
    io->log_len += len;
    io->log[io->log_len++] = '\n';
    io->log[io->log_len] = '\0';
}

static const struct io_env_ops fake_io_ops = {
    .read = fake_read,
    .write = fake_write,
    .map = fake_map,
    .ports = fake_ports,
    .dma_alloc = fake_dma_alloc,
    .dma_free = fake_dma_free,
    .now = fake_now,
    .delay = fake_delay,
    .irq_line = fake_irq_line,
    .irq_message = fake_irq_message,
    .irq_free = fake_irq_free,
    .log = fake_log,
};

static inline void fake_io_open(struct fake_io *io, void *device)
{
    *io = (struct fake_io){.env = {.ops = &fake_io_ops},
                           .device = device,
                           .allocations_left = ~0u,
                           .arena = malloc(FAKE_ARENA)};
    if (io->arena == NULL)
        abort();
}

/* False: the driver kept DMA memory or interrupts. */
static inline bool fake_io_close(struct fake_io *io)
{
    bool clean = io->blocks == 0;

    for (u32 i = 0; i < io->irqs; i++)
        clean = clean && io->irq[i] == NULL;
    free(io->arena);
    return clean;
}
