/* See console.h.  A guest's output waits in a ring for the port: the guest never waits for a baud
 * rate, unless it is in front and fills the ring. */
#include "vmm/console.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/tsc.h"
#include "drivers/platform/uart.h"
#include "vmm/boundary.h"
#include "vmm/cpu_share.h"
#include "vmm/keyboard.h"
#include "vmm/outlet.h"
#include "vmm/record.h"
#include "vmm/vm.h"
#include "vmm/wake.h"

#define BAUD         115200u
#define BITS_A_CHAR  10u
#define INPUT_HZ     100u /* how often a silent port is looked at, if that costs no exit ... */
#define INPUT_MIN_HZ 10u  /* ... and if it does */
#define SCREEN_BATCH 512u
#define PATIENCE     3u /* seconds; a full ring takes 1.4, a dead port is left */

static struct vm *front[OUTLETS]; /* NULL: the log's */
static u32 kept_for[OUTLETS];     /* id + 1 of a guest that restarts; 0: nobody */

/* Where the control partition is in front: the guest that was there, or NULL, and how much of the
 * log was written then. */
static struct vm *beneath[OUTLETS];
static u64 log_then[OUTLETS];

/* Those with a console, the one that is there for the longest time first. */
static struct vm *connected[CONFIG_GUESTS_MAX];
static u32 connections;

static bool in_line[OUTLETS]; /* what was sent last did not end a line */

static struct keyboard keyboard;

static u64 due, deadline, urgent; /* urgent: for what is not input */
static bool is_told;              /* of what is typed */

void console_init(const struct boot_info *info)
{
    outlet_init(info);
}

/* ------------------------------------------------------------ who is in front */

static enum guest_console_reader reader_at(u32 o)
{
    return o == OUTLET_SCREEN ? READER_SCREEN : READER_PORT;
}

static bool wants(const struct vm *vm, u32 o)
{
    return vm->console.outlet[reader_at(o)] == o;
}

static void give(u32 n, struct vm *vm)
{
    struct log_sink *sink = &outlet[n].sink;
    struct vm *before = front[n];

    front[n] = NULL;
    if (before) {
        if (in_line[n])
            sink->write(sink->ctx, "\n", 1);
        in_line[n] = false;
        log_to(sink, "LINTEL-CONSOLE log"); /* what follows is the log */
        guest_console_attend(&before->console, reader_at(n), false);
        vcpu_ask(before->vcpu[0], TODO_CONSOLE); /* it may wait for room */
        console_tell(before);
    }
    sink->paused = vm != NULL;
    if (!vm)
        return;
    if (vm->id != VM_CONTROL)
        beneath[n] = NULL;
    else if (before) /* else it may be back after its death */
        beneath[n] = before;
    log_then[n] = log_written();
    log_to(sink, "LINTEL-CONSOLE guest name=%s", vm->config->name);
    front[n] = vm;
    guest_console_attend(&vm->console, reader_at(n), true);
    console_wake(0);
}

/* The one that was there before, or has waited longest. */
static void give_to_next(u32 n)
{
    const bool was_control = front[n] && front[n]->id == VM_CONTROL;

    if (beneath[n]) {
        give(n, beneath[n]);
        return;
    }
    for (u32 i = 0; i < connections; i++)
        if (wants(connected[i], n)) {
            give(n, connected[i]);
            return;
        }
    give(n, NULL);
    if (was_control) /* a port may be the log's alone */
        log_again(&outlet[n].sink, log_then[n]);
}

void console_make_front(struct vm *vm)
{
    for (u32 n = 0; n < OUTLETS; n++)
        if (wants(vm, n) && front[n] != vm)
            give(n, vm);
}

void console_leave_front(struct vm *vm)
{
    for (u32 n = 0; n < OUTLETS; n++)
        if (front[n] == vm)
            give_to_next(n);
}

void console_call(struct vm *control, u32 n)
{
    const u32 port = control->console.outlet[READER_PORT];

    if (n != OUTLET_SCREEN && n != port) {
        if (port != OUTLET_NONE && front[port] == control)
            give_to_next(port);
        control->console.outlet[READER_PORT] = n;
    }
    console_make_front(control);
}

bool console_is_front(const struct vm *vm)
{
    for (u32 n = 0; n < OUTLETS; n++)
        if (front[n] == vm)
            return true;
    return false;
}

struct vm *console_front(u32 n)
{
    return front[n];
}

/* ------------------------------------------------------------ guests come and go */

static u32 choose_port(u32 which)
{
    if (which >= CONFIG_CONSOLE_COM1 && which <= CONFIG_CONSOLE_COM4)
        return outlet_of_com(which - CONFIG_CONSOLE_COM1);
    if (which != CONFIG_CONSOLE_AUTO)
        return OUTLET_NONE;
    if (outlet_of_com(1) != OUTLET_NONE)
        return outlet_of_com(1);
    return outlet[0].exists ? 0 : OUTLET_NONE;
}

static u32 choose_screen(u32 which)
{
    if (which != CONFIG_CONSOLE_AUTO && which != CONFIG_CONSOLE_SCREEN)
        return OUTLET_NONE;
    return outlet[OUTLET_SCREEN].exists ? OUTLET_SCREEN : OUTLET_NONE;
}

/* The control partition may have been called to another one, and is in front there again. */
static u32 kept_port(const struct vm *vm, u32 port)
{
    for (u32 n = 0; n < BOOT_UARTS_MAX; n++)
        if (kept_for[n] == vm->id + 1)
            return n;
    return port;
}

static bool tx_room(void *ctx)
{
    const struct vm *vm = ctx;

    return record_tx_room(guest_console_room(&vm->console));
}

void console_put(struct vm *vm, u8 byte)
{
    guest_console_put(&vm->console, byte);
    if (this_cpu()->id != 0) {
        if (guest_console_wakes(&vm->console))
            cpu_ask(0, CPU_CONSOLE);
    } else if (vm->console.attended) { /* a few more may come and share the FIFO */
        console_wake(rdtsc() + tsc_hz * BITS_A_CHAR / BAUD);
    }
}

static void tx(void *ctx, u8 byte)
{
    console_put(ctx, byte);
    if (this_cpu()->id == 0)
        record_tx(byte, due, deadline);
}

/* The control partition's is shown when somebody asks for it, and never comes up by itself. */
static bool waits_its_turn(const struct vm *vm)
{
    return vm->id != VM_CONTROL;
}

static bool is_free_for(u32 n, const struct vm *vm)
{
    return !front[n] && (kept_for[n] ? kept_for[n] == vm->id + 1 : waits_its_turn(vm));
}

void console_attach(struct vm *vm, struct board_host *host)
{
    const u32 which = vm->config->console;
    const u32 port = kept_port(vm, choose_port(which)), on_screen = choose_screen(which);

    if (port == OUTLET_NONE && which != CONFIG_CONSOLE_NONE && which != CONFIG_CONSOLE_SCREEN)
        log_warning("guest %s: this machine does not have the serial port that it wants",
                    vm->config->name);
    guest_console_init(&vm->console);
    vm->console.outlet[READER_PORT] = port;
    vm->console.outlet[READER_SCREEN] = on_screen;
    *host = (struct board_host){.ctx = vm, .tx = tx, .tx_room = tx_room};
    if (waits_its_turn(vm))
        connected[connections++] = vm;
    due = deadline = urgent = 0;
    for (u32 n = 0; n < OUTLETS; n++) {
        if (!wants(vm, n))
            continue;
        if (is_free_for(n, vm)) {
            kept_for[n] = 0;
            give(n, vm);
        } else if (waits_its_turn(vm)) {
            log_info("guest %s: its console waits behind another guest's", vm->config->name);
        }
    }
}

void console_forget(u32 id)
{
    for (u32 n = 0; n < OUTLETS; n++) {
        if (kept_for[n] != id + 1)
            continue;
        kept_for[n] = 0;
        if (!front[n])
            give_to_next(n);
    }
}

static bool has_unsent(const struct vm *vm)
{
    for (u32 n = 0; n < OUTLETS; n++)
        if (front[n] == vm && guest_console_has_output(&vm->console, reader_at(n)))
            return true;
    return false;
}

static void disconnect(const struct vm *vm)
{
    u32 kept = 0;

    for (u32 i = 0; i < connections; i++)
        if (connected[i] != vm)
            connected[kept++] = connected[i];
    connections = kept;
    for (u32 n = 0; n < OUTLETS; n++)
        if (beneath[n] == vm)
            beneath[n] = NULL;
}

/* Who looks there sees why the guest was stopped, whoever comes next. */
static void leave(u32 n, const struct vm *vm, bool comes_back)
{
    const u64 since = vm->id == VM_CONTROL ? log_then[n] + 1 : vm->stopped_at;

    give(n, NULL);
    if (since)
        log_again(&outlet[n].sink, since - 1);
    if (comes_back)
        kept_for[n] = vm->id + 1;
    else
        give_to_next(n);
}

void console_detach(struct vm *vm, bool comes_back)
{
    const u64 patience = rdtsc() + PATIENCE * tsc_hz;

    while (has_unsent(vm) && rdtsc() < patience) {
        console_poll(rdtsc());
        cpu_pause();
    }
    disconnect(vm);
    for (u32 n = 0; n < OUTLETS; n++)
        if (front[n] == vm)
            leave(n, vm, comes_back);
}

/* ------------------------------------------------------------ characters */

/* From the guest in front to the device, as much as that takes now. */
static void drain(u32 n, u32 most)
{
    u8 bytes[SCREEN_BATCH];
    u32 count, sent;

    if (!front[n])
        return;
    do {
        struct guest_console *g = &front[n]->console;

        count = guest_console_peek(g, reader_at(n), bytes, MIN(most, SCREEN_BATCH));
        sent = count ? outlet_send(n, bytes, count) : 0;
        guest_console_take(g, reader_at(n), sent);
        if (sent)
            in_line[n] = bytes[sent - 1] != '\n';
    } while (sent && n != OUTLET_SCREEN);
}

/* Is there something that can be sent? */
static bool busy(void)
{
    for (u32 n = 0; n < OUTLETS; n++)
        if (front[n] && guest_console_has_output(&front[n]->console, reader_at(n)))
            return true;
    return false;
}

void console_poll(u64 now)
{
    for (u32 n = 0; n < OUTLETS; n++)
        if (outlet[n].exists)
            drain(n, n == OUTLET_SCREEN ? SCREEN_BATCH : UART_TX_FIFO);
    due = now + tsc_hz / INPUT_HZ;
    deadline = now + tsc_hz / INPUT_MIN_HZ;
    urgent = is_told ? ~0ull : deadline;
    if (busy())
        due = deadline = urgent = now + tsc_hz * (UART_TX_FIFO * BITS_A_CHAR) / BAUD;
}

void console_wake(u64 tsc)
{
    due = MIN(due, tsc);
    deadline = MIN(deadline, tsc);
    urgent = MIN(urgent, tsc);
}

void console_is_told(void)
{
    is_told = true;
}

u64 console_due(void)
{
    return due;
}

u64 console_deadline(bool undisturbed)
{
    return undisturbed ? urgent : deadline;
}

u32 console_keyboard(const u8 *bytes, u32 count)
{
    u32 taken = 0;

    while (taken < count && keyboard_put(&keyboard, bytes[taken]))
        taken++;
    cpu_ask(0, CPU_CONSOLE);
    return taken;
}

bool console_get(u32 n, u8 *byte)
{
    return n == OUTLET_SCREEN ? keyboard_get(&keyboard, byte) : outlet_get(n, byte);
}

bool console_typed(struct vm *vm, u8 *byte)
{
    return !READ_ONCE(vm->console.event) && guest_console_get(&vm->console, byte);
}

void console_tell(struct vm *vm)
{
    const u32 event = guest_console_news(&vm->console);

    if (event)
        event_post(event);
}
