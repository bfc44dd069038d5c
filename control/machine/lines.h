/* Who wants the machine's interrupt lines: handlers of devices, several to a line.  Pure: who binds
 * a line and opens it again is env.c. */
#pragma once
#include "drivers/io/env.h"

#define LINES       24u /* of the I/O APIC */
#define LINE_USERS  8u
#define LINE_NOBODY 1000u /* interrupts in a row */

struct line {
    struct io_irq *user[LINE_USERS]; /* NULL: free */
    bool level;                      /* of all its users */
    bool bound;                      /* its event comes; stays so */
    bool closed;                     /* masked, and not opened after its last event */
    u32 nobodys;                     /* interrupts in a row that no handler took */
};

struct lines {
    struct line line[LINES];
};

/* E_NOENT: no such line; E_INVAL: it has users that drive it the other way; E_NOMEM: too many
 * users. */
err_t lines_add(struct lines *l, u32 line, bool level, struct io_irq *irq);
/* The line that it had. */
u32 lines_remove(struct lines *l, const struct io_irq *irq);

enum line_verdict {
    LINE_IDLE,  /* has no users: stays masked */
    LINE_TAKEN, /* to be opened */
    LINE_MISS,  /* to be opened, though no handler took it */
    LINE_STORM, /* nobody's for LINE_NOBODY times: stays masked from now on */
};

/* Calls the handlers of a line that had an interrupt. */
enum line_verdict lines_serve(struct lines *l, u32 line);
