/* The 8042 and its keyboard; see ps2.h. */
#include "drivers/io/ps2.h"
#include "lib/mem.h"

enum { STATUS_FULL = 0x01, STATUS_BUSY = 0x02, STATUS_MOUSE = 0x20, STATUS_BAD = 0xc0 };
enum {
    READ_CONFIG = 0x20,
    WRITE_CONFIG = 0x60,
    MOUSE_OFF = 0xa7,
    SELF_TEST = 0xaa,
    KEYBOARD_TEST = 0xab,
    KEYBOARD_OFF = 0xad,
    KEYBOARD_ON = 0xae,
};
enum {
    CONFIG_INTERRUPT = 0x01,
    CONFIG_MOUSE_INTERRUPT = 0x02,
    CONFIG_KEYBOARD_OFF = 0x10,
    CONFIG_MOUSE_OFF = 0x20,
    CONFIG_TRANSLATE = 0x40,
};
enum { SELF_TEST_GOOD = 0x55, KEYBOARD_TEST_GOOD = 0x00 };
enum { KEYBOARD_SCAN = 0xf4, KEYBOARD_RESET = 0xff };
enum { KEYBOARD_GOOD = 0xaa, KEYBOARD_ACK = 0xfa, KEYBOARD_RESEND = 0xfe };
enum { KEYBOARD_OVERRUN = 0xff };
#define NOTHING      0xffu /* what no device reads as */

#define STEP_US      10u
#define COMMAND_US   50000u
#define ANSWER_US    100000u
#define SELF_TEST_US 500000u
#define RESET_US     1000000u /* the keyboard's own test takes up to 500 ms */
#define BYTES_A_TURN 32u
#define RESENDS      3u
_Static_assert((PS2_EVENTS & (PS2_EVENTS - 1)) == 0, "a power of two");

static u8 status_of(const struct ps2 *p)
{
    return io_read8(&p->control, 0);
}

static err_t wait_for(struct ps2 *p, u8 mask, u8 value, u32 limit_us)
{
    const u64 end = io_now(p->env) + limit_us;

    for (;;) {
        const bool last = io_now(p->env) >= end;
        const u8 status = status_of(p);
        if (status == NOTHING)
            return E_NOENT;
        if ((status & mask) == value)
            return OK;
        if (last)
            return E_IO;
        p->env->ops->delay(p->env, STEP_US);
    }
}

static err_t command(struct ps2 *p, u8 value)
{
    TRY(wait_for(p, STATUS_BUSY, 0, COMMAND_US));
    io_write8(&p->control, 0, value);
    return OK;
}

static err_t put(struct ps2 *p, u8 value)
{
    TRY(wait_for(p, STATUS_BUSY, 0, COMMAND_US));
    io_write8(&p->data, 0, value);
    return OK;
}

static err_t get(struct ps2 *p, u32 limit_us, u8 *value)
{
    TRY(wait_for(p, STATUS_FULL, STATUS_FULL, limit_us));
    *value = io_read8(&p->data, 0);
    return OK;
}

/* Bytes that nobody waits for. */
static void drain(struct ps2 *p)
{
    for (u32 i = 0; i < BYTES_A_TURN && (status_of(p) & STATUS_FULL); i++) {
        (void)io_read8(&p->data, 0);
        p->env->ops->delay(p->env, STEP_US);
    }
}

static err_t ask(struct ps2 *p, u8 question, u32 limit_us, u8 *answer)
{
    TRY(command(p, question));
    return get(p, limit_us, answer);
}

static err_t configure(struct ps2 *p, u32 set, u32 clear)
{
    p->config = (u8)((p->config & ~clear) | set);
    TRY(command(p, WRITE_CONFIG));
    return put(p, p->config);
}

/* A command to the keyboard, which it acknowledges.  E_IO: it does not. */
static err_t tell(struct ps2 *p, u8 value, u32 limit_us)
{
    u8 answer;

    for (u32 i = 0; i < RESENDS; i++) {
        TRY(put(p, value));
        TRY(get(p, limit_us, &answer));
        if (answer == KEYBOARD_ACK)
            return OK;
        if (answer != KEYBOARD_RESEND)
            break;
    }
    return E_IO;
}

static err_t test_controller(struct ps2 *p)
{
    u8 answer;

    TRY(command(p, KEYBOARD_OFF));
    TRY(command(p, MOUSE_OFF));
    drain(p);
    TRY(ask(p, READ_CONFIG, ANSWER_US, &p->config));
    TRY(configure(p, CONFIG_TRANSLATE, CONFIG_INTERRUPT | CONFIG_MOUSE_INTERRUPT));
    TRY(ask(p, SELF_TEST, SELF_TEST_US, &answer));
    if (answer != SELF_TEST_GOOD)
        return E_IO;
    TRY(ask(p, KEYBOARD_TEST, ANSWER_US, &answer));
    return answer == KEYBOARD_TEST_GOOD ? OK : E_IO;
}

static err_t test_keyboard(struct ps2 *p)
{
    u8 answer;

    TRY(command(p, KEYBOARD_ON));
    /* The self test may have reset the configuration. */
    TRY(configure(p, CONFIG_TRANSLATE | CONFIG_MOUSE_OFF,
                  CONFIG_INTERRUPT | CONFIG_MOUSE_INTERRUPT | CONFIG_KEYBOARD_OFF));
    drain(p);
    /* Silence is no keyboard, and anything else a broken one. */
    const err_t err = tell(p, KEYBOARD_RESET, RESET_US);
    if (err != OK)
        return status_of(p) & STATUS_FULL ? E_IO : E_NOENT;
    TRY(get(p, RESET_US, &answer));
    if (answer != KEYBOARD_GOOD)
        return E_IO;
    return tell(p, KEYBOARD_SCAN, ANSWER_US);
}

static err_t reach(struct ps2 *p, struct io_env *env)
{
    memset(p, 0, sizeof(*p));
    p->env = env;
    TRY(env->ops->ports(env, PS2_DATA_PORT, 1, &p->data));
    TRY(env->ops->ports(env, PS2_CONTROL_PORT, 1, &p->control));
    return status_of(p) == NOTHING ? E_NOENT : OK;
}

err_t ps2_start(struct ps2 *p, struct io_env *env)
{
    TRY(reach(p, env));
    TRY(test_controller(p));
    return test_keyboard(p);
}

err_t ps2_go_on(struct ps2 *p, struct io_env *env)
{
    TRY(reach(p, env));
    drain(p);
    TRY(command(p, KEYBOARD_ON));
    return configure(p, CONFIG_TRANSLATE | CONFIG_MOUSE_OFF, 0);
}

static void take_byte(struct ps2 *p, u8 status, u8 byte)
{
    struct key_event event;

    if (status & STATUS_MOUSE)
        return;
    if ((status & STATUS_BAD) || byte == 0 || byte == KEYBOARD_OVERRUN) {
        p->bad++;
        scancode_resync(&p->scancode);
        return;
    }
    if (!scancode_take(&p->scancode, byte, &event) || event.key == KEY_NONE)
        return;
    if (p->head - p->tail == PS2_EVENTS)
        p->lost++;
    else
        p->event[p->head++ % PS2_EVENTS] = event;
}

static bool take_bytes(struct ps2 *p)
{
    bool any = false;

    for (u32 i = 0; i < BYTES_A_TURN; i++) {
        const u8 status = status_of(p);
        if (status == NOTHING || !(status & STATUS_FULL))
            break;
        take_byte(p, status, io_read8(&p->data, 0));
        any = true;
    }
    return any;
}

bool ps2_take(struct ps2 *p, struct key_event *event)
{
    if (p->head == p->tail)
        return false;
    *event = p->event[p->tail++ % PS2_EVENTS];
    return true;
}

void ps2_poll(struct ps2 *p)
{
    (void)take_bytes(p);
}

static bool on_interrupt(void *arg)
{
    struct ps2 *p = (struct ps2 *)arg;
    const bool mine = take_bytes(p);

    p->interrupts += mine;
    if (mine && p->told)
        p->told(p);
    return mine;
}

void ps2_interrupts(struct ps2 *p, bool on)
{
    p->irq.handler = on_interrupt;
    p->irq.arg = p;
    if (on && p->irq.id == 0 && p->env->ops->irq_line(p->env, PS2_LINE, false, &p->irq) != OK) {
        p->irq.id = 0;
        io_log(p->env, IO_LOG_WARN, "keyboard: no interrupt line; it has to be polled");
        return;
    }
    if (configure(p, on ? CONFIG_INTERRUPT : 0, on ? 0 : CONFIG_INTERRUPT) != OK)
        io_log(p->env, IO_LOG_WARN, "keyboard: the controller takes no configuration");
}

void ps2_stop(struct ps2 *p)
{
    (void)command(p, KEYBOARD_OFF);
    (void)configure(p, 0, CONFIG_INTERRUPT);
    if (p->irq.id != 0)
        p->env->ops->irq_free(p->env, &p->irq);
    p->irq.id = 0;
}
