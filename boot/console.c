/* The loader's console and its refusals; see console.h. */
#include "boot/console.h"
#include "boot/firmware.h"
#include "boot/screen.h"
#include "drivers/platform/fbcon.h"
#include "drivers/platform/uart.h"
#include "lib/fmt.h"
#include "lib/mem.h"

#define LINE_MAX           512u
#define READER_TENTHS      100u /* seconds / 10 that a refusal stays on the screen */
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
static void uarts_put(u8 byte)
{
    for (u32 i = 0; i < console.uart_count; i++)
        if (console.uart[i] != 0 && !uart_put(console.uart[i], byte))
            console.uart[i] = 0;
}

static void firmware_put(char c)
{
    CHAR16 text[] = {(CHAR16)c, 0};

    if (fw.boot != NULL && fw.system->ConOut != NULL)
        fw.system->ConOut->OutputString(fw.system->ConOut, text);
}

void console_write(const char *text, size_t len)
{
    const bool firmware_only = console.uart_count == 0 && !console.has_screen;

    log_ring_put(console.ring, text, len);
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n') {
            uarts_put('\r');
            if (firmware_only)
                firmware_put('\r');
        }
        uarts_put((u8)text[i]);
        if (firmware_only)
            firmware_put(text[i]);
    }
    if (console.has_screen)
        fbcon_write(&console.screen, text, len);
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

void console_close(void)
{
    SIMPLE_INPUT_INTERFACE *in = fw.system->ConIn;

    /* What comes next on the screen would wipe the refusal away; a serial line keeps it. */
    if ((console.has_screen || console.uart_count == 0) && in != NULL) {
        EFI_INPUT_KEY key;

        say("Press a key to go back to the firmware.\n");
        for (u32 i = 0; i < READER_TENTHS && in->ReadKeyStroke(in, &key) != EFI_SUCCESS; i++)
            fw.boot->Stall(TENTH_SECOND_IN_US);
    }
    screen_restore();
}
