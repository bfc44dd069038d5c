/* See outlet.h. */
#include "vmm/outlet.h"
#include "arch/x86_64/paging.h"
#include "drivers/platform/fbcon.h"
#include "drivers/platform/uart.h"

#define REPLAY_MAX 4096u /* bytes of log, on the screen again */

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

static void write_screen(void *ctx, const char *text, size_t len)
{
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

bool outlet_get(u32 n, u8 *byte)
{
    return outlet[n].exists && uart_get(outlet[n].port, byte);
}
