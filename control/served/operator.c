/* See operator.h.  Bytes wait in the console while an answer has not gone out: what is said needs
 * no more room than one command's. */
#include "control/served/operator.h"
#include "control/loop.h"
#include "control/manage/manage.h"
#include "control/manage/outbox.h"
#include "control/rt.h"
#include "control/served/world.h"
#include "lib/fmt.h"
#include "lib/mem.h"

#define OWN          0u /* the control partition's number */
#define SAID_SIZE    (64u * 1024)
#define JSON_SIZE    (24u * 1024)
#define BYTES_A_TURN 32u

static struct manage manage;
static struct shell shell;
static struct outbox outbox;
static char said[SAID_SIZE], json[JSON_SIZE];

static void put(void *context UNUSED, const char *text, size_t len)
{
    outbox_put(&outbox, text, len);
}

/* False: the console is full, and tells of room. */
static bool send(void)
{
    const char *text;
    u32 len;

    while ((len = outbox_peek(&outbox, &text)) != 0) {
        const i64 taken = abi_console_write(OWN, rt_physical(text), MIN(len, (u32)ABI_CONSOLE_MAX));

        if (taken <= 0)
            return false;
        outbox_take(&outbox, (u32)taken);
    }
    return true;
}

/* ------------------------------------------------------------ top */

static void on_look(void *ctx UNUSED);

static void look_later(void)
{
    if (loop_at(time_now() + time_ms(1000ull * manage.top.seconds), on_look, NULL) == OK)
        return;
    manage.top.on = false;
    output_say(&shell.out, "too much is going on for 'top'");
}

static void on_look(void *ctx UNUSED)
{
    if (!manage.top.on)
        return;
    if (send()) /* who does not keep up sees fewer looks */
        top_look(&manage.top, manage.world, &shell.out);
    if (manage.top.on)
        look_later();
    if (!manage.top.on)
        shell_prompt(&shell);
    (void)send();
}

/* ------------------------------------------------------------ create */

#define MAKING_MS 20u
#define CTRL_C    3u

/* What was typed while an answer waits: it comes before what is typed later. */
static struct {
    u8 byte[64];
    u32 taken, count;
} ahead;

static void on_event(void *ctx);
static void on_making(void *ctx);

static void look_at_making_later(void)
{
    if (loop_at(time_now() + time_ms(MAKING_MS), on_making, NULL) == OK)
        return;
    manage.making.on = false;
    output_say(&shell.out, "too much is going on to wait for it; 'list' shows it");
    output_end(&shell.out);
    shell_prompt(&shell);
}

/* The answer is complete. */
static void end_making(void)
{
    shell_prompt(&shell);
    (void)loop_at(time_now(), on_event, NULL); /* a timer is free: the one before */
}

static void on_making(void *ctx UNUSED)
{
    making_look(&manage.making, manage.world, &shell.out);
    if (manage.making.on)
        look_at_making_later();
    else
        end_making();
}

/* Keys wait, but for the one that says that nobody does. */
static void type_ahead(u8 byte)
{
    if (byte == CTRL_C) {
        manage.making.on = false;
        loop_forget(on_making, NULL);
        output_say(&shell.out, "it goes on nevertheless; 'list' shows it");
        output_end(&shell.out);
        end_making();
    } else if (ahead.count < sizeof(ahead.byte)) {
        ahead.byte[ahead.count++] = byte;
    }
}

/* False: there is none. */
static bool next_byte(u8 *byte)
{
    if (manage.making.on || ahead.taken == ahead.count)
        return abi_console_read(OWN, rt_physical(byte), 1) == 1;
    *byte = ahead.byte[ahead.taken++];
    if (ahead.taken == ahead.count)
        ahead.taken = ahead.count = 0;
    return true;
}

/* ------------------------------------------------------------ what is typed */

static NOINLINE void type(u8 byte)
{
    if (manage.top.on) {
        manage.top.on = false;
        loop_forget(on_look, NULL);
        shell_prompt(&shell);
        return;
    }
    if (manage.making.on) {
        type_ahead(byte);
        return;
    }
    shell_type(&shell, byte);
    if (manage.top.on)
        look_later();
    if (manage.making.on)
        look_at_making_later();
}

/* More was typed, or there is room again.  Others get their turn now and then. */
static void on_event(void *ctx UNUSED)
{
    static u8 byte;

    loop_forget(on_event, NULL);
    for (u32 i = 0; i < BYTES_A_TURN; i++) {
        if (!send() || !next_byte(&byte))
            return;
        type(byte);
    }
    if (!send() || loop_at(time_now(), on_event, NULL) == OK)
        return;
    say("the shell waits for the next key: no timer is left");
}

/* ------------------------------------------------------------ comes */

static void greet(void)
{
    output_begin(&shell.out, false);
    if (info->life == 0)
        output_say(&shell.out,
                   "The control partition's shell; 'help' lists the commands, 'leave' or "
                   "Ctrl-\\ leads back to the guest");
    else
        output_say(&shell.out,
                   "The control partition died; this is life %u.  Its guests go on; 'log' may tell "
                   "why, Lintel's log does",
                   info->life);
    output_end(&shell.out);
    shell_prompt(&shell);
}

void operator_begin(void)
{
    const u32 port = loop_free_port();

    if (!port) {
        say("no shell: no event port is left");
        return;
    }
    loop_on_event(port, on_event, NULL);
    manage_init(&manage, world_open());
    outbox_init(&outbox, said, sizeof(said));
    shell_init(&shell, &manage.actions, put, NULL, json, sizeof(json));
    greet();
    if (abi_console_events(OWN, port) != ABI_OK)
        say("no shell: Lintel gives the control partition no console");
}
