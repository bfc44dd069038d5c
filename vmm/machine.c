/* The guests of the configuration, one after another, and the end of the machine. */
#include "vmm/machine.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "drivers/platform/power.h"
#include "vmm/audit.h"
#include "vmm/bootinfo.h"
#include "vmm/ledger_report.h"
#include "vmm/record.h"
#include "vmm/run.h"
#include "vmm/stats_report.h"
#include "vmm/trace.h"
#include "vmm/vm.h"

#define STATUS_POWEROFF 0u
#define STATUS_STOPPED  125u

static struct vm vm;

static const struct {
    const char *name;
    u32 status;
} end_of[] = {
    [VM_RUNNING] = {"running", STATUS_STOPPED},
    [VM_END_POWEROFF] = {"poweroff", STATUS_POWEROFF},
    [VM_END_REBOOT] = {"reboot", STATUS_POWEROFF},
    [VM_END_DEBUG_EXIT] = {"debug-exit", STATUS_POWEROFF},
    [VM_END_HALTED] = {"halted", STATUS_POWEROFF},
    [VM_END_STOPPED] = {"stopped", STATUS_STOPPED},
};

static void trace_state(void)
{
    const struct vcpu *v = vm.vcpu[0];

    trace(v->trace, TRACE_GUEST_STATE, v->trace_id, vm.end, v->tsc_offset, 0);
}

/* One life of a guest, from creation to its end. */
static void run_once(u32 id, const struct config_guest *config)
{
    log_info("guest %s: %llu MiB, %s", config->name, (unsigned long long)(config->memory >> 20),
             config->kernel);
    if (vm_create(&vm, id, config) != OK) {
        vm.end = VM_END_STOPPED;
        return;
    }
    audit(&vm);
    trace_state();
    vm_run(&vm);
    trace_state();
    vm_disconnect(&vm);
    stats_report(vm.vcpu[0], config->stats == CONFIG_ON);
    if (config->trace_dump == CONFIG_ON)
        trace_lines(vm.vcpu[0]->trace, TRACE_RECORDS);
    if (config->touch == CONFIG_ON)
        log_info("guest %s: touched %llu of its %llu pages", config->name,
                 (unsigned long long)vm.touched, (unsigned long long)(config->memory / PAGE_SIZE));
    if (config->ledger == CONFIG_ON)
        ledger_report(config->name, &vm.ledger);
    audit(&vm);
    vm_destroy(&vm);
}

/* Returns the status that the guest ended with. */
static u32 run_guest(u32 id, const struct config_guest *config)
{
    u32 status;

    do {
        run_once(id, config);
        status = vm.end == VM_END_DEBUG_EXIT ? vm.end_value : end_of[vm.end].status;
        log_info("LINTEL-GUEST name=%s end=%s status=%u", config->name, end_of[vm.end].name,
                 status);
    } while (vm.end == VM_END_REBOOT && config->on_reboot == CONFIG_REBOOT_RESTART);
    return status;
}

static NORETURN void halt(void)
{
    for (;;) {
        cli();
        hlt();
    }
}

void machine_run(void)
{
    const struct config *config = &bootinfo()->config;
    u32 status = STATUS_STOPPED;

    for (u32 i = 0; i < config->guest_count; i++)
        status = run_guest(i, &config->guest[i]);
    audit(NULL);
    record_report();
    log_info("LINTEL-EXIT status=%u", status);
    switch (config->on_end) {
    case CONFIG_END_REBOOT:
    case CONFIG_END_RETURN: power_reboot();
    case CONFIG_END_HALT: halt();
    default: power_off();
    }
}
