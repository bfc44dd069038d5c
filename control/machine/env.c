/* See env.h. */
#include "control/machine/env.h"
#include "control/loop.h"
#include "control/machine/lines.h"
#include "control/memory.h"
#include "control/rt.h"
#include "lib/fmt.h"

#define LOG_MAX 180u

static struct lines lines;
static bool storm;

/* ------------------------------------------------------------ registers */

static u32 in(u16 port, u32 width)
{
    u32 value = 0;

    if (width == 1)
        __asm__ volatile("inb %w1, %b0" : "+a"(value) : "Nd"(port));
    else if (width == 2)
        __asm__ volatile("inw %w1, %w0" : "+a"(value) : "Nd"(port));
    else
        __asm__ volatile("inl %w1, %0" : "+a"(value) : "Nd"(port));
    return value;
}

static void out(u16 port, u32 width, u32 value)
{
    if (width == 1)
        __asm__ volatile("outb %b0, %w1" : : "a"(value), "Nd"(port));
    else if (width == 2)
        __asm__ volatile("outw %w0, %w1" : : "a"(value), "Nd"(port));
    else
        __asm__ volatile("outl %0, %w1" : : "a"(value), "Nd"(port));
}

static u32 env_read(const struct io_window *w, u32 offset, u32 width)
{
    const u64 at = w->at + offset;

    if (w->ports)
        return in((u16)at, width);
    return width == 1 ? *(volatile u8 *)at : width == 2 ? *(volatile u16 *)at : *(volatile u32 *)at;
}

static void env_write(const struct io_window *w, u32 offset, u32 width, u32 value)
{
    const u64 at = w->at + offset;

    if (w->ports)
        out((u16)at, width, value);
    else if (width == 1)
        *(volatile u8 *)at = (u8)value;
    else if (width == 2)
        *(volatile u16 *)at = (u16)value;
    else
        *(volatile u32 *)at = value;
}

/* Page by page if some of it is here already. */
static err_t get_memory(u64 first, u64 bytes)
{
    i64 result = abi_device_memory(first, bytes);

    for (u64 at = first; result == ABI_EEXIST && at < first + bytes; at += PAGE_SIZE) {
        const i64 page = abi_device_memory(at, PAGE_SIZE);

        if (page != ABI_OK && page != ABI_EEXIST)
            result = page;
    }
    if (result == ABI_OK || result == ABI_EEXIST)
        return OK;
    return result == ABI_EPERM ? E_PERM : E_NOMEM;
}

static err_t env_map(struct io_env *env, u64 bus, u32 len, struct io_window *w)
{
    const u64 first = ALIGN_DOWN(bus, PAGE_SIZE);
    const u64 bytes = ALIGN_UP(bus + len, PAGE_SIZE) - first;

    TRY(get_memory(first, bytes));
    TRY(memory_window(first, bytes, true));
    *w = (struct io_window){.env = env, .at = bus, .len = len};
    return OK;
}

static err_t env_ports(struct io_env *env, u16 first, u32 len, struct io_window *w)
{
    *w = (struct io_window){.env = env, .at = first, .len = len, .ports = true};
    return OK;
}

/* ------------------------------------------------------------ memory */

static u32 pages_of(u64 bytes)
{
    return (u32)(ALIGN_UP(bytes, PAGE_SIZE) / PAGE_SIZE);
}

/* Pages [first, last); none of them is no error. */
static void give_back(u64 first, u64 last)
{
    if (first < last)
        memory_pages_free((void *)first, pages_of(last - first));
}

static err_t env_dma_alloc(struct io_env *env, u32 len, u32 align, u64 bus_last, struct io_dma *dma)
{
    const u64 step = MAX((u64)align, PAGE_SIZE);
    const u64 bytes = ALIGN_UP((u64)len, PAGE_SIZE);
    const u64 room = bytes + step - PAGE_SIZE;
    const u64 first = len ? (u64)memory_pages(pages_of(room)) : 0;
    const u64 at = ALIGN_UP(first, step);

    (void)env;
    if (first == 0)
        return E_NOMEM;
    give_back(first, at);
    give_back(at + bytes, first + room);
    if (at + len - 1 > bus_last) {
        give_back(at, at + bytes);
        return E_NOMEM;
    }
    *dma = (struct io_dma){(void *)at, at, len};
    return OK;
}

static void env_dma_free(struct io_env *env, const struct io_dma *dma)
{
    (void)env;
    give_back(dma->bus, dma->bus + dma->len);
}

/* ------------------------------------------------------------ time */

static u64 ticks_of_us(void)
{
    return MAX(info->tsc_hz / 1000000, 1ull);
}

static u64 env_now(struct io_env *env)
{
    (void)env;
    rt_alive();
    return time_now() / ticks_of_us();
}

static void env_delay(struct io_env *env, u32 us)
{
    const u64 end = env_now(env) + us + 1;

    while (env_now(env) < end)
        __builtin_ia32_pause();
}

u64 env_tsc(u64 us)
{
    if (us == IO_NEVER)
        return UINT64_MAX;
    return us > UINT64_MAX / ticks_of_us() ? UINT64_MAX : us * ticks_of_us();
}

/* ------------------------------------------------------------ interrupts */

static void open_line(u32 line)
{
    lines.line[line].closed = abi_irq_done(line) != ABI_OK;
}

/* The line is masked since its interrupt has come. */
static void on_line(void *ctx)
{
    struct line *const at = ctx;
    const u32 line = (u32)(at - lines.line);
    const enum line_verdict verdict = lines_serve(&lines, line);

    at->closed = true;
    if (verdict == LINE_STORM) {
        storm = true;
        say("interrupt line %u: nobody's %u times; it stays masked, its devices are polled", line,
            LINE_NOBODY);
    }
    if (verdict != LINE_TAKEN && verdict != LINE_MISS)
        return;
    open_line(line);
    /* An edge that came while the line was masked is lost. */
    if (!at->level && verdict == LINE_TAKEN)
        (void)lines_serve(&lines, line);
}

static err_t bind(u32 line, bool level)
{
    struct line *const at = &lines.line[line];
    const u32 port = loop_free_port();
    i64 result;

    if (port == 0)
        return E_NOMEM;
    /* PCI Local Bus Specification 3.0, 2.2.6 "Interrupt Pins": level sensitive, asserted low. */
    result = abi_irq_bind(line, port, level ? ABI_IRQ_LEVEL_LOW : ABI_IRQ_EDGE_HIGH);
    if (result != ABI_OK)
        return result == ABI_EPERM ? E_NOENT : E_EXIST;
    loop_on_event(port, on_line, at);
    at->bound = true;
    return OK;
}

static err_t env_irq_line(struct io_env *env, u32 line, bool level, struct io_irq *irq)
{
    struct line *const at = &lines.line[line % LINES];
    err_t err = OK;

    (void)env;
    if (line < LINES && at->bound && at->level != level)
        return E_EXIST; /* there is no way to bind it anew */
    TRY(lines_add(&lines, line, level, irq));
    if (!at->bound)
        err = bind(line, level);
    else if (at->closed && at->nobodys < LINE_NOBODY)
        open_line(line);
    if (err != OK) {
        (void)lines_remove(&lines, irq);
        irq->id = 0;
    }
    return err;
}

static err_t env_irq_message(struct io_env *env, struct io_irq *irq)
{
    (void)env;
    (void)irq;
    return E_NOTSUP; /* the boundary has lines only */
}

static void env_irq_free(struct io_env *env, struct io_irq *irq)
{
    (void)env;
    (void)lines_remove(&lines, irq);
}

bool env_storm(void)
{
    return storm;
}

/* ------------------------------------------------------------ the log */

/* What was found is told under the name by which guests know it (machine.c), not here. */
static void env_log(struct io_env *env, enum io_log level, const char *format, va_list args)
{
    char text[LOG_MAX];

    (void)env;
    if (level < IO_LOG_WARN)
        return;
    (void)fmt_vbuf(text, sizeof(text), format, args);
    say("%s: %s", level == IO_LOG_WARN ? "warning" : "error", text);
}

struct io_env *machine_env(void)
{
    static const struct io_env_ops ops = {.read = env_read,
                                          .write = env_write,
                                          .map = env_map,
                                          .ports = env_ports,
                                          .dma_alloc = env_dma_alloc,
                                          .dma_free = env_dma_free,
                                          .now = env_now,
                                          .delay = env_delay,
                                          .irq_line = env_irq_line,
                                          .irq_message = env_irq_message,
                                          .irq_free = env_irq_free,
                                          .log = env_log};
    static struct io_env env = {.ops = &ops};

    return &env;
}
