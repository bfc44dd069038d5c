/* The log: one line is put together on the stack and then goes to the ring and to every sink. */
#include "arch/x86_64/log.h"
#include "arch/x86_64/insn.h"
#include "lib/atomic.h"
#include "lib/fmt.h"
#include "lib/mem.h"

#define LINE_MAX        400u
#define SEIZE_POLLS_MAX 1000000u

static struct log_ring *log_memory;
static struct log_sink *sinks;
static enum log_level sink_level = LOG_INFO;
static u64 clock_hz; /* 0: not known yet */
static bool forced;
static u32 locked;

static const char machine_mark[] = "LINTEL-";

static const char *const level_mark[] = {
    [LOG_ERROR] = "error: ",
    [LOG_WARNING] = "warning: ",
    [LOG_INFO] = "",
    [LOG_DEBUG] = "",
};

void log_init(struct log_ring *ring)
{
    log_memory = ring;
}

void log_set_level(enum log_level max)
{
    sink_level = max;
}

enum log_level log_change_level(u64 max)
{
    const enum log_level before = sink_level;

    if (max <= LOG_DEBUG)
        sink_level = (enum log_level)max;
    return before;
}

void log_add_sink(struct log_sink *sink)
{
    sink->next = sinks;
    sinks = sink;
}

void log_set_clock(u64 hz)
{
    clock_hz = hz;
}

void log_seize(void)
{
    for (u32 i = 0; i < SEIZE_POLLS_MAX && atomic_xchg(&locked, 1) != 0; i++)
        cpu_pause();
}

void log_force(void)
{
    forced = true;
}

static void lock(void)
{
    while (!forced && atomic_xchg(&locked, 1) != 0)
        cpu_pause();
}

static void unlock(void)
{
    store_release(&locked, 0);
}

static size_t put_prefix(char *line, enum log_level level)
{
    const u64 now = rdtsc();
    size_t len = 0;

    if (clock_hz != 0)
        len = fmt_buf(line, LINE_MAX, "[%5lu.%06lu] ", now / clock_hz,
                      now % clock_hz * 1000000 / clock_hz);
    return len + fmt_buf(line + len, LINE_MAX - len, "%s",
                         forced ? "" : level_mark[level]); /* a panic's record needs no marks */
}

/* To the ring and the sinks; a sink that a guest's console took over waits for a panic. */
static void emit(enum log_level level, const char *line, size_t len)
{
    lock();
    if (log_memory != NULL)
        log_ring_put(log_memory, line, len);
    if (forced || level <= sink_level)
        for (struct log_sink *sink = sinks; sink != NULL; sink = sink->next)
            if (forced || !sink->paused)
                sink->write(sink->ctx, line, len);
    unlock();
}

/* Behind `len` bytes of the line: the text, cut off if it is too long, and the newline.  Returns
 * how many there are now. */
static size_t end_line(char line[LINE_MAX], size_t len, const char *format, va_list args)
{
    len += fmt_vbuf(line + len, LINE_MAX - 1 - len, format, args);
    len = MIN(len, LINE_MAX - 2); /* cut off: what is there ends with a terminator */
    line[len] = '\n';
    return len + 1;
}

void log_bulk(const char *format, ...)
{
    char line[LINE_MAX];
    va_list args;

    va_start(args, format);

    const size_t len = end_line(line, 0, format, args);

    va_end(args);
    lock();
    for (struct log_sink *sink = sinks; sink != NULL; sink = sink->next)
        if (!sink->people && (forced || !sink->paused))
            sink->write(sink->ctx, line, len);
    unlock();
}

void log_to(struct log_sink *sink, const char *format, ...)
{
    char line[LINE_MAX];
    va_list args;

    va_start(args, format);

    const size_t len = end_line(line, 0, format, args);

    va_end(args);
    lock();
    if (log_memory != NULL)
        log_ring_put(log_memory, line, len);
    sink->write(sink->ctx, line, len);
    unlock();
}

u64 log_written(void)
{
    return log_memory != NULL ? READ_ONCE(log_memory->written) : 0;
}

void log_again(struct log_sink *sink, u64 since)
{
    lock();
    if (log_memory != NULL)
        log_ring_replay(log_memory, log_memory->written - since, sink->write, sink->ctx);
    unlock();
}

size_t log_copy(u64 from, char *to, size_t most)
{
    size_t count = 0;

    lock();
    if (log_memory != NULL)
        count = log_ring_copy(log_memory, from, to, most);
    unlock();
    return count;
}

void log_line(enum log_level level, const char *format, ...)
{
    const bool for_machines = strncmp(format, machine_mark, sizeof(machine_mark) - 1) == 0;
    char line[LINE_MAX];
    size_t len = for_machines ? 0 : put_prefix(line, level);
    va_list args;

    va_start(args, format);
    len = end_line(line, len, format, args);
    va_end(args);
    emit(for_machines ? LOG_ERROR : level, line, len);
}
