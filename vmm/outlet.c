/* See outlet.h. */
#include "vmm/outlet.h"
#include "arch/x86_64/paging.h"
#include "drivers/platform/fbcon.h"
#include "drivers/platform/uart.h"
#include "lib/fmt.h"
#include "lib/mem.h"

#define VIEW_SWITCH 64u   /* bytes that switch a terminal's page to and fro */
#define REPLAY_MAX  4096u /* bytes of log, on the screen again */

struct outlet outlet[OUTLETS];

static struct fbcon screen;

static void write_port(void *ctx, const char *text, size_t len)
{
    const struct outlet *o = ctx;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n' && !uart_put(o->port, '\r'))
            return;
        if (!uart_put(o->port, (u8)text[i]))
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
    fbcon_clear(&screen);
    log_ring_replay(ring, REPLAY_MAX, write_screen, &screen);
}

static void open_port(struct outlet *o, u16 port)
{
    o->exists = true;
    o->port = port;
    o->sink = (struct log_sink){.write = write_port, .ctx = o};
    log_add_sink(&o->sink);
}

static void open_screen(struct outlet *o, const struct boot_info *info)
{
    void *pixels = paging_map_device((hpa_t){info->fb.base}, info->fb.size, PAGING_WC);

    if (fbcon_init(&screen, &info->fb, pixels) != OK)
        return;
    o->exists = true;
    replay_log(phys_to_virt((hpa_t){info->log_ring}));
    o->sink = (struct log_sink){.write = write_screen, .ctx = &screen, .people = true};
    log_add_sink(&o->sink);
}

void outlet_init(const struct boot_info *info)
{
    const u32 ports = MIN(info->uart_count, BOOT_UARTS_MAX);

    for (u32 i = 0; i < ports; i++)
        open_port(&outlet[i], info->uart[i]);
    if (info->fb.format != BOOT_FB_NONE)
        open_screen(&outlet[OUTLET_SCREEN], info);
    log_info("console: %u serial ports, %s", ports,
             outlet[OUTLET_SCREEN].exists ? "one screen" : "no screen");
    if (outlet[OUTLET_SCREEN].exists)
        log_info("console: framebuffer %ux%u stride %u at 0x%llx", info->fb.width, info->fb.height,
                 info->fb.stride, (unsigned long long)info->fb.base);
}

u32 outlet_of_com(u32 number)
{
    for (u32 n = 0; n < BOOT_UARTS_MAX; n++)
        if (outlet[n].exists && outlet[n].port == uart_bases[number])
            return n;
    return OUTLET_NONE;
}

u32 outlet_send(u32 n, const u8 *bytes, u32 count)
{
    if (n != OUTLET_SCREEN)
        return uart_fill(outlet[n].port, bytes, count);
    fbcon_write(&screen, (const char *)bytes, count);
    return count;
}

bool outlet_send_text(u32 n)
{
    struct outlet *o = &outlet[n];

    while (o->sent != o->len) {
        const u32 sent = uart_fill(o->port, (const u8 *)&o->text[o->sent], o->len - o->sent);

        if (sent == 0)
            return false;
        o->sent += sent;
    }
    return true;
}

bool outlet_get(u32 n, u8 *byte)
{
    return outlet[n].exists && n != OUTLET_SCREEN && uart_get(outlet[n].port, byte);
}

/* ------------------------------------------------------------ what covers an outlet */

static void append(struct outlet *o, const char *text)
{
    if (o->sent == o->len)
        o->sent = o->len = 0;

    const size_t room = sizeof(o->text) - o->len;

    o->len += (u32)MIN(fmt_buf(o->text + o->len, room, "%s", text), room - 1);
}

u32 outlet_say(u32 n, const char *text, u32 len)
{
    struct outlet *o = &outlet[n];

    if (o->sent == o->len)
        o->sent = o->len = 0;

    const u32 count = MIN(len, (u32)sizeof(o->text) - o->len);

    memcpy(o->text + o->len, text, count);
    o->len += count;
    return count;
}

void outlet_cover(u32 n, bool covered)
{
    struct outlet *o = &outlet[n];

    if (!o->exists || o->covered == covered)
        return;
    o->covered = covered;
    o->covers += covered;
    if (n != OUTLET_SCREEN)
        append(o, covered ? "\x1b[?1049h\x1b[?25l" : "\x1b[?25h\x1b[?1049l");
    else if (!covered)
        fbcon_uncover(&screen);
}

static void draw_on_port(struct outlet *o, const char *rows, u32 count, size_t stride, u32 headings)
{
    if (o->len - o->sent >= VIEW_SWITCH)
        return;
    append(o, "\x1b[H");
    for (u32 i = 0; i < count; i++) {
        const bool heading = headings & BIT32(i);

        append(o, heading ? "\x1b[7m" : "");
        append(o, rows + i * stride);
        append(o, heading ? "\x1b[m" : "");
        append(o, i + 1 < count ? "\x1b[K\r\n" : "\x1b[J");
    }
}

void outlet_draw(u32 n, const char *rows, u32 count, size_t stride, u32 headings)
{
    if (!outlet[n].covered)
        return;
    if (n != OUTLET_SCREEN)
        draw_on_port(&outlet[n], rows, count, stride, headings);
    for (u32 i = 0; i < count && n == OUTLET_SCREEN; i++)
        fbcon_paint(&screen, i, rows + i * stride, headings & BIT32(i));
}
