/* See terminal.h.  Nothing is kept here: what the guest sends stays in its buffers until the
 * console has room, and what is typed stays in the console until the guest has a buffer for it. */
#include "control/served/terminal.h"
#include "control/loop.h"
#include "control/memory.h"
#include "control/rt.h"
#include "control/served/device_text.h"
#include "control/virtio/console.h"
#include "lib/fmt.h"

struct served_terminal {
    struct served_device device;
    struct virtio_console console;
    u32 event; /* 0: none */
};

#define PAGES (ALIGN_UP(sizeof(struct served_terminal), PAGE_SIZE) / PAGE_SIZE)

_Static_assert(VIRTIO_CONSOLE_BYTES <= ABI_CONSOLE_MAX, "one call takes them");

/* There is input, or room for output. */
static void on_event(void *ctx)
{
    struct served_terminal *const s = ctx;

    virtio_console_input(&s->console);
    virtio_console_room(&s->console);
}

/* A guest that ends has no console any more: its driver waits, and is gone soon. */
static u32 moved(i64 result)
{
    return result > 0 ? (u32)result : 0;
}

static u32 output(void *ctx, const u8 *bytes, u32 len)
{
    const struct served_terminal *const s = ctx;

    return moved(abi_console_write(s->device.partition, rt_physical(bytes), len));
}

static u32 input(void *ctx, u8 *bytes, u32 len)
{
    const struct served_terminal *const s = ctx;

    return moved(abi_console_read(s->device.partition, rt_physical(bytes), len));
}

/* Without a driver what is typed is for COM1. */
static void driver(void *ctx, bool is_there)
{
    const struct served_terminal *const s = ctx;

    (void)abi_console_events(s->device.partition, is_there ? s->event : 0);
}

static void free_all(struct served_terminal *s)
{
    if (s->event)
        loop_on_event(s->event, NULL, NULL);
    memory_pages_free(s, PAGES);
}

static void close(struct served_device *d)
{
    struct served_terminal *const s = CONTAINER_OF(d, struct served_terminal, device);

    virtio_reset(&s->console.v);
    free_all(s);
}

static struct served_device *refused(struct served_terminal *s, const char *text, const char *guest,
                                     const char *why)
{
    say("guest %s: hvc = %s: %s", guest, text, why);
    if (s)
        free_all(s);
    return NULL;
}

struct served_device *terminal_open(const char *text, const char *guest, const struct grant *grant)
{
    static const struct virtio_console_ops ops = {
        .output = output, .input = input, .driver = driver};
    struct served_terminal *const s = memory_pages(PAGES);
    const char *why = "no memory; a larger control_memory helps";

    if (!s || switch_text_parse(text, &why) != OK)
        return refused(s, text, guest, why);
    s->event = loop_free_port();
    if (!s->event)
        return refused(s, text, guest, "no event port is left; fewer devices help");
    loop_on_event(s->event, on_event, s);
    (void)fmt_buf(s->device.name, sizeof(s->device.name), "hvc0");
    s->device.v = &s->console.v;
    s->device.close = close;
    virtio_console_init(&s->console, grant, s->device.name, &ops, s);
    say("guest %s: hvc0: its console", guest);
    return &s->device;
}
