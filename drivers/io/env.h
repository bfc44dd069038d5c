/* What a driver gets from its surroundings: registers, memory for DMA, a clock, interrupts, a log.
 * The control partition, the bare test image and the host's unit tests each fill in one
 * struct io_env; a driver knows nothing else of where it runs.
 *
 * The rules of drivers/io:
 * - No locks and no reentrance: the calls into the drivers of one environment come one at a time.
 *   Interrupt handlers are such calls, too: the environment notes an interrupt where it happens and
 *   calls the handler later.
 * - No allocation but of DMA memory; a driver's state is a struct of the caller's.
 * - Devices are not trusted: what a register or DMA memory says is read once and judged.
 * - Nothing waits for a device without a limit in microseconds. */
#pragma once
#include "lib/atomic.h"
#include "lib/types.h"
#include <stdarg.h>

struct io_env;

/* ------------------------------------------------------------ registers */

/* A run of a device's registers, in I/O ports or in device memory.  The environment makes it;
 * `at` is the environment's: the first port, or an address that it can dereference. */
struct io_window {
    struct io_env *env;
    u64 at;
    u32 len; /* bytes */
    bool ports;
};

/* ------------------------------------------------------------ DMA memory */

#define IO_BUS_32 0xffffffffull /* the highest address that a 32-bit device reaches */

/* Memory that a device reads and writes: contiguous on the bus, coherent with the processor's
 * caches, zeroed when allocated. */
struct io_dma {
    void *at; /* the driver's view: hostile and concurrent, as a guest's memory is */
    u64 bus;  /* the device's view of the first byte */
    u32 len;  /* bytes */
};

/* A piece of the memory that a request reads or fills.  The submitter keeps it in place, reachable
 * for the device at `bus` and for the driver at `at`, until the request is done. */
struct io_segment {
    void *at;
    u64 bus;
    u32 len; /* bytes */
};

/* ------------------------------------------------------------ interrupts */

/* True: the interrupt was this device's.  Of a line that several devices share each handler is
 * called; one that is nobody's many times is masked by the environment.  A device's line has to be
 * low when its handler returns: the environment opens the line again after the last handler. */
typedef bool io_irq_fn(void *arg);

/* An interrupt that is attached.  Filled in by the environment. */
struct io_irq {
    u32 id;      /* the environment's; 0: none */
    u32 data;    /* of a message-signalled interrupt: what the device has to write, */
    u64 address; /*   and where (bus address) */
    u64 count;   /* how often the handler was called */
    io_irq_fn *handler;
    void *arg;
};

/* ------------------------------------------------------------ the environment */

enum io_log { IO_LOG_DEBUG, IO_LOG_INFO, IO_LOG_WARN, IO_LOG_ERROR };

struct io_env_ops {
    /* `width`: 1, 2 or 4 bytes; offset + width <= w->len holds, and offset is a multiple of width.
     */
    u32 (*read)(const struct io_window *w, u32 offset, u32 width);
    void (*write)(const struct io_window *w, u32 offset, u32 width, u32 value);
    /* Makes a window of `len` bytes of device memory at a bus address, uncached; of `len` ports.
     * The same may be mapped more than once.
     * E_PERM: not this environment's to touch.  E_NOMEM: no address space left. */
    err_t (*map)(struct io_env *env, u64 bus, u32 len, struct io_window *w);
    err_t (*ports)(struct io_env *env, u16 first, u32 len, struct io_window *w);
    /* `align`: a power of two; a block that is not longer than `align` crosses no multiple of it.
     * `bus_last`: the last byte is not above this address.  E_NOMEM. */
    err_t (*dma_alloc)(struct io_env *env, u32 len, u32 align, u64 bus_last, struct io_dma *dma);
    void (*dma_free)(struct io_env *env, const struct io_dma *dma);
    /* Microseconds since some moment; never backwards. */
    u64 (*now)(struct io_env *env);
    /* At least that many microseconds pass.  Handlers are not called meanwhile. */
    void (*delay)(struct io_env *env, u32 us);
    /* Attach irq->handler.  `line`: as the PCI function's interrupt line register or an ISA device
     * names it (0 to 15), active low and level-triggered if `level`.  irq stays where it is until
     * irq_free(), after which the handler is not called.  E_NOENT: no such line.  E_NOTSUP: no
     * message-signalled interrupts here.  E_NOMEM: no vector left. */
    err_t (*irq_line)(struct io_env *env, u32 line, bool level, struct io_irq *irq);
    err_t (*irq_message)(struct io_env *env, struct io_irq *irq);
    void (*irq_free)(struct io_env *env, struct io_irq *irq);
    /* One line, without a line feed.  Format: include/lib/fmt.h. */
    void (*log)(struct io_env *env, enum io_log level, const char *format, va_list args);
};

struct io_env {
    const struct io_env_ops *ops;
    void *context; /* the environment's own */
};

/* ------------------------------------------------------------ calls */

/* All ones for what is outside of the window or not aligned, as of a device that is not there. */
static inline u32 io_read(const struct io_window *w, u32 offset, u32 width)
{
    if (width > w->len || offset > w->len - width || offset % width != 0)
        return 0xffffffffu >> (32 - 8 * width);
    return w->env->ops->read(w, offset, width);
}

/* Nothing is written outside of the window. */
static inline void io_write(const struct io_window *w, u32 offset, u32 width, u32 value)
{
    if (width <= w->len && offset <= w->len - width && offset % width == 0)
        w->env->ops->write(w, offset, width, value);
}

static inline u8 io_read8(const struct io_window *w, u32 offset)
{
    return (u8)io_read(w, offset, 1);
}

static inline u16 io_read16(const struct io_window *w, u32 offset)
{
    return (u16)io_read(w, offset, 2);
}

static inline u32 io_read32(const struct io_window *w, u32 offset)
{
    return io_read(w, offset, 4);
}

static inline void io_write8(const struct io_window *w, u32 offset, u8 value)
{
    io_write(w, offset, 1, value);
}

static inline void io_write16(const struct io_window *w, u32 offset, u16 value)
{
    io_write(w, offset, 2, value);
}

static inline void io_write32(const struct io_window *w, u32 offset, u32 value)
{
    io_write(w, offset, 4, value);
}

/* A part of a window; E_RANGE if it is not inside. */
static inline err_t io_part(const struct io_window *w, u64 offset, u64 len, struct io_window *part)
{
    if (len > w->len || offset > w->len - len)
        return E_RANGE;
    *part = *w;
    part->at += offset;
    part->len = (u32)len;
    return OK;
}

static inline u64 io_now(struct io_env *env)
{
    return env->ops->now(env);
}

/* Orders the driver's accesses to DMA memory with those of the device: io_publish() what was
 * written before, before what is written after it (a ring's entries, then its index, then a
 * doorbell); io_fence() also keeps a load behind an earlier store. */
static inline void io_publish(void)
{
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

static inline void io_fence(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline void io_log(struct io_env *env, enum io_log level, const char *format, ...)
    PRINTF_LIKE(3, 4);
static inline void io_log(struct io_env *env, enum io_log level, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    env->ops->log(env, level, format, args);
    va_end(args);
}

/* The time that poll() functions return if they need not be called again without an interrupt. */
#define IO_NEVER UINT64_MAX

/* What happened to a request in the end. */
enum io_result {
    IO_DONE,
    IO_ERROR,       /* the device says that it failed, or answers nonsense */
    IO_TIMEOUT,     /* the device did not answer in time, and was reset */
    IO_RESET,       /* somebody reset the device while the request was in it */
    IO_NO_MEDIUM,   /* there is none in the drive, or it was changed */
    IO_READ_ONLY,   /* the device says so */
    IO_UNSUPPORTED, /* the device says that it cannot do this */
    IO_GONE,        /* stopped, removed, or so broken that it was given up */
};

/* What a driver has seen since it was started. */
struct io_counts {
    u64 requests;   /* accepted: requests of a disk, frames to send of a network card */
    u64 received;   /* frames */
    u64 errors;     /* requests that did not end as IO_DONE; frames received in error */
    u64 interrupts; /* that were this device's */
    u64 kicks;      /* doorbells, or starts of a DMA engine */
    u64 timeouts;
    u64 resets;
    u64 nonsense; /* answers of the device that cannot be: bad ids, lengths, indices */
};
