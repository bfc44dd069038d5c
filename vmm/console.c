/* Consoles.  A guest's output waits in a ring for the port: the guest never waits for a baud
 * rate, unless it fills the ring. */
#include "vmm/console.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/tsc.h"
#include "drivers/platform/fbcon.h"
#include "drivers/platform/uart.h"
#include "lib/fmt.h"
#include "vmm/board.h"
#include "vmm/record.h"

#define RING_SIZE    65536u /* a power of two */
#define BAUD         115200u
#define BITS_A_CHAR  10u
#define INPUT_HZ     100u /* how often a silent port is looked at, if that costs no exit ... */
#define INPUT_MIN_HZ 10u  /* ... and if it does */
#define SCREEN_BATCH 512u
#define VIEW_SWITCH  64u   /* bytes that switch a terminal's page to and fro */
#define REPLAY_MAX   4096u /* bytes of log, on the screen again */

static struct {
    u16 port[BOOT_UARTS_MAX];
    struct log_sink port_sink[BOOT_UARTS_MAX];
    u32 ports;
    bool has_screen;
    struct fbcon screen;
    struct log_sink screen_sink;
} host;

/* What is connected to the running guest. */
static struct {
    struct vm *vm;
    u32 port; /* index; host.ports: none */
    bool on_screen;
    u64 due, deadline;
    u32 head, port_tail, screen_tail; /* counters; modulo RING_SIZE in ring[] */
    u8 ring[RING_SIZE];
} guest = {.port = BOOT_UARTS_MAX};

/* The live view.  A terminal keeps the guest's text in its other page (xterm's alternate screen).
 */
static struct {
    bool on_port, on_screen;
    u32 len, sent;
    char text[4096]; /* for the port */
} view;

static void write_port(void *ctx, const char *text, size_t len)
{
    const u16 port = *(const u16 *)ctx;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n' && !uart_put(port, '\r'))
            return;
        if (!uart_put(port, (u8)text[i]))
            return;
    }
}

/* Whatever Lintel has to say is worth more than the live view. */
static void write_screen(void *ctx, const char *text, size_t len)
{
    fbcon_uncover(ctx);
    fbcon_write(ctx, text, len);
}

/* The loader's lines again: fbcon scrolls only text that it has written itself. */
static void replay_log(const struct log_ring *ring)
{
    fbcon_clear(&host.screen);
    log_ring_replay(ring, REPLAY_MAX, write_screen, &host.screen);
}

void console_init(const struct boot_info *info)
{
    host.ports = MIN(info->uart_count, BOOT_UARTS_MAX);
    for (u32 i = 0; i < host.ports; i++) {
        host.port[i] = info->uart[i];
        host.port_sink[i] = (struct log_sink){.write = write_port, .ctx = &host.port[i]};
        log_add_sink(&host.port_sink[i]);
    }
    if (info->fb.format != BOOT_FB_NONE) {
        void *pixels = paging_map_device((hpa_t){info->fb.base}, info->fb.size, PAGING_WC);

        if (fbcon_init(&host.screen, &info->fb, pixels) == OK) {
            host.has_screen = true;
            replay_log(phys_to_virt((hpa_t){info->log_ring}));
            host.screen_sink =
                (struct log_sink){.write = write_screen, .ctx = &host.screen, .people = true};
            log_add_sink(&host.screen_sink);
        }
    }
    guest.port = host.ports;
    log_info("console: %u serial ports, %s", host.ports,
             host.has_screen ? "one screen" : "no screen");
    if (host.has_screen)
        log_info("console: framebuffer %ux%u stride %u at 0x%llx", info->fb.width, info->fb.height,
                 info->fb.stride, (unsigned long long)info->fb.base);
}

static u32 find_port(u32 number)
{
    for (u32 i = 0; i < host.ports; i++)
        if (host.port[i] == uart_bases[number])
            return i;
    return host.ports;
}

static u32 choose_port(u32 which)
{
    if (which >= CONFIG_CONSOLE_COM1 && which <= CONFIG_CONSOLE_COM4)
        return find_port(which - CONFIG_CONSOLE_COM1);
    if (which != CONFIG_CONSOLE_AUTO)
        return host.ports;
    return find_port(1) < host.ports ? find_port(1) : 0; /* 0 is host.ports if there is none */
}

static bool has_port(void)
{
    return guest.port < host.ports;
}

/* Characters that the slower consumer has not taken yet. */
static u32 waiting(void)
{
    const u32 to_port = has_port() ? guest.head - guest.port_tail : 0;
    const u32 to_screen = guest.on_screen ? guest.head - guest.screen_tail : 0;

    return MAX(to_port, to_screen);
}

static bool tx_room(void *ctx)
{
    (void)ctx;
    return record_tx_room(waiting() < RING_SIZE);
}

static void tx(void *ctx, u8 byte)
{
    const u64 soon = rdtsc() + tsc_hz * BITS_A_CHAR / BAUD;

    (void)ctx;
    guest.ring[guest.head++ % RING_SIZE] = byte;
    guest.due = MIN(guest.due, soon); /* a few more may come and share the FIFO */
    guest.deadline = MIN(guest.deadline, soon);
    record_tx(byte, guest.due, guest.deadline);
}

void console_attach(struct vm *vm, struct board_host *board, u32 which)
{
    guest.vm = vm;
    guest.port = choose_port(which);
    guest.on_screen =
        host.has_screen && (which == CONFIG_CONSOLE_AUTO || which == CONFIG_CONSOLE_SCREEN);
    guest.head = guest.port_tail = guest.screen_tail = 0;
    view.on_port = view.on_screen = false;
    view.len = view.sent = 0;
    guest.due = guest.deadline = 0;
    log_info("LINTEL-CONSOLE guest"); /* what follows on its port is the guest's */
    if (has_port())
        host.port_sink[guest.port].paused = true;
    else if (which != CONFIG_CONSOLE_NONE && which != CONFIG_CONSOLE_SCREEN)
        log_warning("console: this machine does not have the serial port that the guest wants");
    if (guest.on_screen)
        host.screen_sink.paused = true;
    *board = (struct board_host){.tx = tx, .tx_room = tx_room};
}

static void drain_view(void)
{
    while (view.sent != view.len) {
        const u32 sent = uart_fill(host.port[guest.port], (const u8 *)&view.text[view.sent],
                                   view.len - view.sent);

        if (sent == 0)
            return;
        view.sent += sent;
    }
}

static void drain_port(void)
{
    if (has_port())
        drain_view();
    while (has_port() && !view.on_port && view.sent == view.len && guest.port_tail != guest.head) {
        const u32 at = guest.port_tail % RING_SIZE;
        const u32 count = MIN(guest.head - guest.port_tail, RING_SIZE - at);
        const u32 sent = uart_fill(host.port[guest.port], &guest.ring[at], count);

        if (sent == 0)
            return;
        guest.port_tail += sent;
    }
}

static void drain_screen(void)
{
    u32 budget = SCREEN_BATCH;

    while (guest.on_screen && guest.screen_tail != guest.head && budget) {
        const u32 at = guest.screen_tail % RING_SIZE;
        const u32 count = MIN(MIN(guest.head - guest.screen_tail, RING_SIZE - at), budget);

        fbcon_write(&host.screen, (const char *)&guest.ring[at], count);
        guest.screen_tail += count;
        budget -= count;
    }
}

/* Is there something that can be sent? */
static bool busy(void)
{
    if (has_port() && (view.sent != view.len || (!view.on_port && guest.port_tail != guest.head)))
        return true;
    return guest.on_screen && guest.screen_tail != guest.head;
}

void console_poll(u64 now)
{
    drain_port();
    drain_screen();
    guest.due = now + tsc_hz / INPUT_HZ;
    guest.deadline = now + tsc_hz / INPUT_MIN_HZ;
    if (busy())
        guest.due = guest.deadline = now + tsc_hz * (UART_TX_FIFO * BITS_A_CHAR) / BAUD;
}

void console_wake(u64 tsc)
{
    guest.due = MIN(guest.due, tsc);
    guest.deadline = MIN(guest.deadline, tsc);
}

static void view_append(const char *text)
{
    if (!has_port())
        return;
    if (view.sent == view.len)
        view.sent = view.len = 0;

    const size_t room = sizeof(view.text) - view.len;

    view.len += (u32)MIN(fmt_buf(view.text + view.len, room, "%s", text), room - 1);
}

void console_view(bool on_port, bool on_screen)
{
    if (on_port && !view.on_port)
        view_append("\x1b[?1049h\x1b[?25l");
    if (!on_port && view.on_port)
        view_append("\x1b[?25h\x1b[?1049l");
    view.on_port = on_port;
    view.on_screen = on_screen && host.has_screen;
    if (!view.on_screen)
        fbcon_uncover(&host.screen);
    console_wake(0);
}

void console_view_draw(const char *rows, u32 count, size_t stride, u32 headings)
{
    const bool to_port = view.on_port && view.len - view.sent < VIEW_SWITCH;

    if (to_port)
        view_append("\x1b[H");
    for (u32 i = 0; i < count; i++) {
        const bool heading = headings & BIT32(i);

        if (view.on_screen)
            fbcon_paint(&host.screen, i, rows + i * stride, heading);
        if (!to_port)
            continue;
        view_append(heading ? "\x1b[7m" : "");
        view_append(rows + i * stride);
        view_append(heading ? "\x1b[m" : "");
        view_append(i + 1 < count ? "\x1b[K\r\n" : "\x1b[J");
    }
}

u64 console_due(void)
{
    return guest.due;
}

u64 console_deadline(void)
{
    return guest.deadline;
}

bool console_get(u8 *byte)
{
    return has_port() && uart_get(host.port[guest.port], byte);
}

void console_detach(void)
{
    const u64 patience = rdtsc() + 10 * tsc_hz; /* a full ring takes 6 s; a dead port is left */

    console_view(false, false);
    while (busy() && rdtsc() < patience) {
        drain_port();
        drain_screen();
        cpu_pause();
    }
    if (has_port())
        host.port_sink[guest.port].paused = false;
    if (guest.on_screen)
        host.screen_sink.paused = false;
    log_info("LINTEL-CONSOLE log");
    guest.port = host.ports;
    guest.on_screen = false;
    guest.vm = NULL;
}

struct vm *console_guest(void)
{
    return guest.vm;
}
