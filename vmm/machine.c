/* See machine.h. */
#include "vmm/machine.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/tsc.h"
#include "drivers/platform/power.h"
#include "vmm/audit.h"
#include "vmm/bootinfo.h"
#include "vmm/census.h"
#include "vmm/console.h"
#include "vmm/console_turn.h"
#include "vmm/control_life.h"
#include "vmm/cpu.h"
#include "vmm/cpu_share.h"
#include "vmm/guests.h"
#include "vmm/orders.h"
#include "vmm/record.h"

static NORETURN void halt(void)
{
    for (;;) {
        cli();
        hlt();
    }
}

static NORETURN void end_machine(void)
{
    audit(NULL);
    census_report();
    record_report();
    log_info("LINTEL-EXIT status=%u", guests_status());
    switch (bootinfo()->config.on_end) {
    case CONFIG_END_REBOOT:
    case CONFIG_END_RETURN: power_reboot();
    case CONFIG_END_HALT: halt();
    default: power_off();
    }
}

/* By somebody who may want to start another guest. */
static bool is_watched(void)
{
    const struct vm *vm = control_vm();

    return vm && console_is_front(vm);
}

static void control(void)
{
    if (census_begin()) /* the first time: the other CPUs have what they need */
        control_begin();
    control_look_after();
    for (u32 n; (n = orders_to_start()) != ORDER_NONE;)
        guests_start(n);
    guests_control();
    orders_show();
    if (guests_are_over(is_watched()) && control_stop())
        end_machine();
}

/* The boot CPU looks after the consoles and the guests' lives; the others have nothing else to do.
 */
static void between_turns(u64 todo)
{
    if (this_cpu()->id != 0)
        return;
    if ((todo & CPU_CONSOLE) || rdtsc() >= console_due())
        (void)console_turn(NULL, rdtsc());
    if ((todo & CPU_CONTROL) || rdtsc() >= guests_due())
        control();
}

static u64 due(void)
{
    return this_cpu()->id == 0 ? MIN(console_due(), guests_due()) : ~0ull;
}

static const struct cpu_duties duties = {between_turns, due, guests_vcpu_ended};

void machine_start(void)
{
    cpu_share_init(bootinfo()->config.slice * (tsc_hz / 1000));
    guests_init();
    cpu_ask(0, CPU_CONTROL);
}

void machine_run(void)
{
    cpu_loop(&duties);
}
