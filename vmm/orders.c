/* See orders.h.  A guest stays while partition_lock() holds it. */
#include "vmm/orders.h"
#include "arch/x86_64/smp.h"
#include "vmm/bootinfo.h"
#include "vmm/boundary.h"
#include "vmm/console.h"
#include "vmm/control_life.h"
#include "vmm/cpu_share.h"
#include "vmm/guests.h"
#include "vmm/partition.h"
#include "vmm/vm_end.h"
#include "vmm/wake.h"

/* Of the last order about the front: 0: none waits. */
#define HIDE_CONTROL 1u
#define SHOW_FIRST   2u

static u64 starts[CONFIG_GUESTS_MAX / 64]; /* bit n % 64: guest n is to begin; atomic */
static u32 front;                          /* SHOW_FIRST + n; atomic */

static void ask_all(struct vm *vm, u64 bits)
{
    for (u32 i = 0; i < vm->vcpus; i++)
        vcpu_ask(vm->vcpu[i], bits);
}

/* ------------------------------------------------------------ lives */

static bool exists(u32 n)
{
    return n < CONFIG_GUESTS_MAX && guest_life(n) != LIFE_NONE;
}

static bool lives_soon(u32 n)
{
    return guest_life(n) == LIFE_ON || guest_life(n) == LIFE_DUE ||
           (READ_ONCE(starts[n / 64]) >> (n % 64) & 1);
}

err_t order_start(u32 n)
{
    if (!exists(n))
        return E_NOENT;
    if (lives_soon(n))
        return E_EXIST;
    (void)atomic_or(&starts[n / 64], BIT(n % 64));
    cpu_ask(0, CPU_CONTROL);
    return OK;
}

err_t order_forget(u32 n)
{
    if (!exists(n))
        return E_NOENT;
    if (!bootinfo_is_made(n))
        return E_PERM;
    guests_forget(n);
    return OK;
}

u32 orders_to_start(void)
{
    for (u32 word = 0; word < ARRAY_LEN(starts); word++) {
        const u64 bits = READ_ONCE(starts[word]);

        if (!bits)
            continue;
        (void)atomic_and(&starts[word], ~(bits & -bits));
        return word * 64 + (u32)__builtin_ctzll(bits);
    }
    return ORDER_NONE;
}

/* ------------------------------------------------------------ whoever lives */

/* Of a guest that is held, whose vCPUs are not about to leave; a and b as the order has them. */
typedef err_t order_function(struct vm *vm, u64 a, u64 b);

static err_t give(u32 n, order_function *order, u64 a, u64 b)
{
    u32 life;
    struct vm *vm = partition_lock(n + 1ull, &life);
    err_t err = E_NOENT;

    if (!vm)
        return E_NOENT;
    if (READ_ONCE(vm->end) == VM_RUNNING)
        err = order(vm, a, b);
    partition_unlock();
    return err;
}

static err_t end(struct vm *vm, u64 how, u64 none UNUSED)
{
    vm_end(vm, (enum vm_end)how, 0);
    return OK;
}

static err_t pause(struct vm *vm, u64 none UNUSED, u64 nor UNUSED)
{
    if (atomic_xchg(&vm->paused, 1))
        return E_EXIST;
    ask_all(vm, TODO_RESCHED);
    return OK;
}

/* Who waits for its devices goes on by `admit`, as long as there may be somebody to say so. */
static err_t resume(struct vm *vm, u64 none UNUSED, u64 nor UNUSED)
{
    if (READ_ONCE(vm->unadmitted) && !boundary_is_over())
        return E_PERM;
    (void)atomic_xchg(&vm->unadmitted, 0);
    if (!atomic_xchg(&vm->paused, 0))
        return E_EXIST;
    ask_all(vm, TODO_BOARD | TODO_CONSOLE);
    return OK;
}

static err_t move(struct vm *vm, u64 vcpu, u64 cpu)
{
    if (vcpu >= vm->vcpus || cpu >= cpu_count())
        return E_RANGE;
    if (!(vm->vcpu[vcpu]->cpus >> cpu & 1))
        return E_PERM;
    (void)atomic_xchg(&vm->vcpu[vcpu]->away.move_to, (u32)cpu + 1);
    vcpu_ask(vm->vcpu[vcpu], TODO_RESCHED);
    return OK;
}

/* Its first vCPU presses it, with the board's lock (vmm/todo.c). */
static err_t press_power_button(struct vm *vm, u64 none UNUSED, u64 nor UNUSED)
{
    if (!board_has_power_button(&vm->board))
        return E_PERM;
    WRITE_ONCE(vm->button, 1);
    vcpu_ask(vm->vcpu[0], TODO_LINES);
    return OK;
}

err_t order_end(u32 n, enum vm_end how)
{
    return give(n, end, how, 0);
}

err_t order_pause(u32 n)
{
    return give(n, pause, 0, 0);
}

err_t order_resume(u32 n)
{
    return give(n, resume, 0, 0);
}

err_t order_move(u32 n, u64 vcpu, u64 cpu)
{
    return give(n, move, vcpu, cpu);
}

err_t order_press_power_button(u32 n)
{
    return give(n, press_power_button, 0, 0);
}

/* ------------------------------------------------------------ consoles */

static void ask_for_front(u32 what)
{
    (void)atomic_xchg(&front, what);
    cpu_ask(0, CPU_CONTROL);
}

err_t order_show(u32 n)
{
    if (!exists(n) || !lives_soon(n))
        return E_NOENT;
    if (bootinfo()->config.guest[n].console == CONFIG_CONSOLE_NONE)
        return E_PERM;
    ask_for_front(SHOW_FIRST + n);
    return OK;
}

void order_hide_control(void)
{
    ask_for_front(HIDE_CONTROL);
}

void orders_show(void)
{
    const u32 what = READ_ONCE(front) ? atomic_xchg(&front, 0) : 0;
    struct vm *vm = what >= SHOW_FIRST ? guest_vm(what - SHOW_FIRST) : control_vm();

    if (!what || !vm)
        return;
    if (what == HIDE_CONTROL)
        console_leave_front(vm);
    else
        console_make_front(vm);
}
