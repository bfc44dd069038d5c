/* The log: for humans, one line per event, to every console and to the memory ring.
 * Never on an exit's fast path; a guest causes traces, not log lines. */
#pragma once
#include "lib/log_ring.h"
#include "lib/types.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

struct log_sink {
    void (*write)(void *ctx, const char *text, size_t len);
    void *ctx;
    bool paused; /* a guest's console owns the device now; panics write all the same */
    bool people; /* takes nothing that only programs can read */
    struct log_sink *next;
};

/* Lines get "[seconds.micros] " of the TSC in front once its frequency is known, save those that
 * begin with "LINTEL-": these are for machines, which look for them at a line's start, and go
 * out at every level. */
void log_init(struct log_ring *ring);   /* NULL: none */
void log_set_level(enum log_level max); /* what goes to sinks; the ring takes everything */
/* The same; a number that is no level changes nothing.  Returns what it was. */
enum log_level log_change_level(u64 max);
void log_add_sink(struct log_sink *sink);
void log_line(enum log_level level, const char *format, ...)
    PRINTF_LIKE(2, 3); /* adds the newline */
/* A line "LINTEL-..." out of many for programs: neither the memory ring nor a screen takes it. */
void log_bulk(const char *format, ...) PRINTF_LIKE(1, 2);
/* A line for programs to one sink alone, whether it is paused or not; the memory ring takes it,
 * too. After it nothing but what others had begun to write before goes to a sink that is paused. */
void log_to(struct log_sink *sink, const char *format, ...) PRINTF_LIKE(2, 3);
/* How many bytes the memory ring ever got, and once more for one sink what it got since then. */
u64 log_written(void);
void log_again(struct log_sink *sink, u64 since);
/* At most so many bytes of them, from number `from` on; 0: that one is not there, or no longer. */
size_t log_copy(u64 from, char *to, size_t most);
void log_set_clock(u64 hz); /* TSC ticks per second */
void log_seize(void); /* panic: from now on nobody else begins a line; gives up after a while, as
                       * when this CPU itself was writing one */
void log_force(void); /* panic: all sinks, all levels, no lock from now on */

#define log_error(...)   log_line(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)   log_line(LOG_DEBUG, __VA_ARGS__)
