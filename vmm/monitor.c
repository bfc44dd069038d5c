/* See monitor.h. */
#include "vmm/monitor.h"
#include "lib/fmt.h"
#include "lib/mem.h"
#include "vmm/console.h"
#include "vmm/cpu_share.h"
#include "vmm/monitor_parse.h"
#include "vmm/outlet.h"

#define SAID_SIZE 16384u
#define ROWS      24u
#define COLUMNS   79u

static struct {
    u32 port; /* + 1; 0: it is closed */
    bool line_waits;
    struct monitor_editor editor;
    u32 covers;     /* console_covers() of the port when it was drawn */
    u32 said, sent; /* of text[] */
    char text[SAID_SIZE];
    /* The same for the screen. */
    char row[ROWS][COLUMNS + 1];
    u32 at, column;
    bool drawn;
} monitor;

/* ------------------------------------------------------------ the screen */

static void new_row(void)
{
    monitor.column = 0;
    if (monitor.at + 1 < ROWS) {
        monitor.at++;
        return;
    }
    memmove(monitor.row[0], monitor.row[1], sizeof(monitor.row) - sizeof(monitor.row[0]));
    memset(monitor.row[ROWS - 1], 0, sizeof(monitor.row[0]));
}

static void show(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n')
            new_row();
        else if (text[i] >= ' ' && monitor.column < COLUMNS)
            monitor.row[monitor.at][monitor.column++] = text[i];
    }
    monitor.drawn = false;
}

/* The line that is being typed. */
static void show_line(void)
{
    memset(monitor.row[monitor.at], 0, sizeof(monitor.row[0]));
    monitor.column = 0;
    show(MONITOR_PROMPT, strlen(MONITOR_PROMPT));
    show(monitor.editor.line, monitor.editor.len);
}

/* ------------------------------------------------------------ the port */

static void send(const char *text, size_t len)
{
    if (monitor.sent == monitor.said)
        monitor.sent = monitor.said = 0;
    if (len > SAID_SIZE - monitor.said)
        return;
    memcpy(monitor.text + monitor.said, text, len);
    monitor.said += (u32)len;
    console_wake(0);
}

void monitor_say_text(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n')
            send("\r", 1);
        send(&text[i], 1);
    }
    show(text, len);
}

void monitor_say(const char *format, ...)
{
    char line[200];
    va_list args;

    va_start(args, format);

    const size_t len = MIN(fmt_vbuf(line, sizeof(line) - 1, format, args), sizeof(line) - 2);

    va_end(args);
    line[len] = '\n';
    monitor_say_text(line, len + 1);
}

/* All of it: it begins, or a guest that ended had the port for a while. */
static void draw_port(void)
{
    static const char fresh[] = "\x1b[?25h\x1b[H\x1b[2J";

    monitor.said = monitor.sent = 0;
    monitor.covers = console_covers(monitor.port - 1);
    send(fresh, sizeof(fresh) - 1);
    for (u32 i = 0; i <= monitor.at; i++) {
        send(monitor.row[i], strlen(monitor.row[i]));
        send("\r\n", i < monitor.at ? 2 : 0);
    }
}

void monitor_poll(void)
{
    u32 sent;

    if (!monitor.port)
        return;
    if (console_covers(monitor.port - 1) != monitor.covers)
        draw_port();
    sent = console_say(monitor.port - 1, monitor.text + monitor.sent, monitor.said - monitor.sent);
    monitor.sent += sent;
    if (monitor.drawn)
        return;
    console_cover(OUTLET_SCREEN, true);
    console_draw(OUTLET_SCREEN, monitor.row[0], ROWS, sizeof(monitor.row[0]), 0);
    monitor.drawn = true;
}

/* ------------------------------------------------------------ comes and goes */

static void open(u32 port)
{
    static const char welcome[] = "Lintel's monitor; 'help' lists the commands, 'leave' or Ctrl-\\ "
                                  "leads back\n" MONITOR_PROMPT;

    memset(monitor.row, 0, sizeof(monitor.row));
    monitor.at = monitor.column = 0;
    monitor.said = monitor.sent = 0;
    monitor.line_waits = false;
    monitor_editor_init(&monitor.editor);
    monitor.port = port + 1;
    console_cover(port, true);
    show(welcome, sizeof(welcome) - 1);
    draw_port();
}

void monitor_close(void)
{
    if (!monitor.port)
        return;
    console_cover(monitor.port - 1, false);
    console_cover(OUTLET_SCREEN, false);
    monitor.port = 0;
    cpu_ask(0, CPU_CONTROL); /* perhaps it was all that kept the machine running */
}

void monitor_toggle(u32 port)
{
    const bool here = monitor_is_at(port);

    monitor_close();
    if (!here)
        open(port);
}

bool monitor_is_open(void)
{
    return monitor.port != 0;
}

bool monitor_is_at(u32 port)
{
    return monitor.port == port + 1;
}

bool monitor_can_type(void)
{
    return !monitor.line_waits;
}

void monitor_type(u8 byte)
{
    char echo[MONITOR_ECHO];
    const bool complete = monitor_editor_type(&monitor.editor, byte, echo);

    send(echo, strlen(echo));
    show_line();
    if (!complete)
        return;
    show("\n", 1);
    monitor.line_waits = true;
    cpu_ask(0, CPU_MONITOR);
}

const char *monitor_line(void)
{
    return monitor.port && monitor.line_waits ? monitor.editor.line : NULL;
}

void monitor_next_line(void)
{
    monitor_editor_next(&monitor.editor);
    monitor.line_waits = false;
    monitor_say_text(MONITOR_PROMPT, strlen(MONITOR_PROMPT));
}
