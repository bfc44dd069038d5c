/* The loader's console and its refusals; see console.h. */
#include "boot/console.h"
#include "boot/firmware.h"
#include "boot/screen.h"
#include "boot/uart_open.h"
#include "drivers/platform/fbcon.h"
#include "drivers/platform/uart.h"
#include "lib/fmt.h"
#include "lib/mem.h"

#define LINE_MAX           512u
#define READER_SECONDS     10u /* that a refusal stays on the screen */
#define REPLAY_MAX         4096u
#define TENTHS             10u
#define KEYS_MAX           64u /* looked at in one go */
#define TENTH_SECOND_IN_US 100000u

static struct {
    struct log_ring *ring;
    u32 uart_count;
    u16 uart[BOOT_UARTS_MAX];
    bool has_screen;
    struct fbcon screen;
    char reason[LINE_MAX];
} console;

static void open_uarts(struct boot_info *info)
{
    _Static_assert(UART_PORTS <= BOOT_UARTS_MAX, "room for every port");

    for (u32 i = 0; i < UART_PORTS; i++) {
        if (!uart_probe(uart_bases[i]))
            continue;
        uart_init(uart_bases[i]);
        console.uart[console.uart_count++] = uart_bases[i];
        info->uart[info->uart_count++] = uart_bases[i];
    }
}

void console_open(struct boot_info *info, struct log_ring *ring)
{
    console.ring = ring;
    open_uarts(info);
    if (screen_open(&info->fb) != OK)
        return;
    if (fbcon_init(&console.screen, &info->fb, (volatile void *)info->fb.base) != OK) {
        info->fb = (struct boot_fb){.format = BOOT_FB_NONE};
        return;
    }
    fbcon_clear(&console.screen);
    console.has_screen = true;
}

/* A port that stopped taking bytes is not asked again, or each byte would wait for it. */
static bool uarts_put(u8 byte)
{
    bool taken = false;

    for (u32 i = 0; i < console.uart_count; i++) {
        if (console.uart[i] != 0 && !uart_put(console.uart[i], byte))
            console.uart[i] = 0;
        taken = taken || console.uart[i] != 0;
    }
    return taken;
}

static void firmware_put(char c)
{
    CHAR16 text[] = {(CHAR16)c, 0};

    if (fw.boot != NULL && fw.system->ConOut != NULL)
        fw.system->ConOut->OutputString(fw.system->ConOut, text);
}

bool console_write_serial(const char *text, size_t len)
{
    bool taken = console.uart_count > 0;

    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n')
            uarts_put('\r');
        taken = uarts_put((u8)text[i]);
    }
    return taken;
}

static void firmware_write(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n')
            firmware_put('\r');
        firmware_put(text[i]);
    }
}

static void screen_write(void *ctx, const char *text, size_t len)
{
    fbcon_write(ctx, text, len);
}

void console_write(const char *text, size_t len)
{
    log_ring_put(console.ring, text, len);
    console_write_serial(text, len);
    if (console.has_screen)
        screen_write(&console.screen, text, len);
    else if (console.uart_count == 0)
        firmware_write(text, len);
}

void console_resume(const struct boot_fb *fb)
{
    if (!console.has_screen || fbcon_init(&console.screen, fb, (volatile void *)fb->base) != OK)
        return;
    fbcon_clear(&console.screen);
    log_ring_replay(console.ring, REPLAY_MAX, screen_write, &console.screen);
}

static void say_args(const char *format, va_list args)
{
    char line[LINE_MAX];
    const size_t len = fmt_vbuf(line, sizeof(line), format, args);

    console_write(line, MIN(len, sizeof(line) - 1));
}

void say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say_args(format, args);
    va_end(args);
}

void refuse_silently(const char *reason)
{
    if (console.reason[0] == '\0')
        fmt_buf(console.reason, sizeof(console.reason), "%s", reason);
}

err_t refuse(err_t err, const char *format, ...)
{
    char reason[LINE_MAX];
    va_list args;

    va_start(args, format);
    fmt_vbuf(reason, sizeof(reason), format, args);
    va_end(args);
    refuse_silently(reason);
    say("  %s\n", reason);
    return err;
}

const char *refusal(void)
{
    return console.reason;
}

void console_save_cursor(struct boot_fb *fb)
{
    if (!console.has_screen)
        return;
    fb->column = console.screen.column;
    fb->row = console.screen.row;
}

bool console_typed(const char *characters, bool *any)
{
    SIMPLE_INPUT_INTERFACE *in = fw.system->ConIn;
    EFI_INPUT_KEY key;
    bool found = false;

    *any = false;
    for (u32 i = 0; in != NULL && i < KEYS_MAX && in->ReadKeyStroke(in, &key) == EFI_SUCCESS; i++) {
        *any = true;
        for (const char *c = characters; *c != '\0'; c++)
            found = found || key.UnicodeChar == (CHAR16)*c;
    }
    return found;
}

void console_wait(const char *what, u32 seconds)
{
    bool any;

    if ((!console.has_screen && console.uart_count > 0) || fw.system->ConIn == NULL)
        return; /* a serial line keeps what it has shown */
    console_typed("", &any);
    say("Press a key to %s.\n", what);
    for (u32 i = 0; i < seconds * TENTHS; i++) {
        console_typed("", &any);
        if (any)
            return;
        fw.boot->Stall(TENTH_SECOND_IN_US);
    }
}

void console_close(void)
{
    console_wait("go back to the firmware", READER_SECONDS);
    screen_restore();
}
