/* The life of a guest: created from its configuration, run, stopped, destroyed. */
#include "vmm/vm.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/tsc.h"
#include "lib/mem.h"
#include "vmm/bootinfo.h"
#include "vmm/console.h"
#include "vmm/hostmem.h"
#include "vmm/policy/io.h"
#include "vmm/record.h"
#include "vmm/vcpu_life.h"
#include "vmm/vcpu_load.h"
#include "vmm/vm_image.h"
#include "vmm/vm_memory.h"

static void make_cpuid(struct vm *vm)
{
    const struct cpuid_guest guest = {.cpus = vm->config->vcpus,
                                      .paravirt = vm->config->paravirt == CONFIG_ON,
                                      .pv_eoi = !vcpu_gets_apic_page(vm)};

    record_host(vm, &guest);
    cpuid_policy_make(&vm->cpuid, &bootinfo()->cpuid, &guest);
}

static void mark_by_port(void *ctx, u32 value)
{
    struct vm *vm = ctx;

    u64 counts[EXIT_REASONS];

    vm_exit_counts(vm, counts);
    (void)ledger_write(&vm->ledger, counts, value);
}

/* All clocks begin now, the guest's TSCs and its system time at 0. */
static void start_time(struct vm *vm, const struct board_host *host)
{
    const u64 now = rdtsc(), wall_time = bootinfo_wall_time();

    record_board(vm, now, wall_time);
    board_init(&vm->board, host, tsc_hz, now, wall_time, vm->config->memory,
               (u16)vm->config->debug_exit);
    pvclock_start(&vm->clock, tsc_hz, now, wall_time);
    vm->dies_at = vm->config->lifetime ? now + vm->config->lifetime * (tsc_hz / 1000) : ~0ull;
    for (u32 i = 0; i < vm->vcpus; i++) {
        vm->vcpu[i]->tsc_offset = 0 - now;
        vm->vcpu[i]->tsc_offset_changed = true;
    }
}

/* A debug-exit port is looked at only where nothing else is. */
static err_t check_debug_exit(const struct config_guest *config)
{
    const struct io_row *row = io_find((u16)config->debug_exit);
    const bool ledger = config->ledger == CONFIG_ON && config->debug_exit == LEDGER_PORT;

    if (config->debug_exit == 0 || (row->action == IO_REFUSE && !ledger))
        return OK;
    log_error("guest %s: debug_exit = 0x%x is the port of: %s; choose another, like 0xf4",
              config->name, config->debug_exit, ledger ? "the ledger" : row->name);
    return E_INVAL;
}

static err_t create_vcpus(struct vm *vm)
{
    for (u32 i = 0; i < vm->config->vcpus; i++)
        TRY(vcpu_create(vm, i));
    return OK;
}

static void destroy_vcpus(struct vm *vm)
{
    while (vm->vcpus)
        vcpu_destroy(vm->vcpu[vm->vcpus - 1]);
}

err_t vm_create(struct vm *vm, u32 id, const struct config_guest *config)
{
    struct board_host board_host;
    err_t err;

    vcpu_put_aside(); /* each new VMCS is current for a while */
    memset(vm, 0, sizeof(*vm));
    vm->id = id;
    vm->config = config;
    vm->served.slot = SERVED_NONE;
    TRY(check_debug_exit(config));
    err = vm_memory_create(vm);
    if (err != OK) {
        log_error("guest %s: no memory: it wants %llu MiB, %llu MiB are free", config->name,
                  (unsigned long long)(config->memory >> 20),
                  (unsigned long long)(hostmem()->free_frames >> 8));
        return err;
    }
    make_cpuid(vm);
    err = create_vcpus(vm);
    if (err == OK)
        err = vm_image_load(vm);
    if (err != OK) {
        vm_destroy(vm);
        return err;
    }
    console_attach(vm, &board_host);
    vm->at_console = true;
    ledger_start(&vm->ledger);
    if (config->ledger == CONFIG_ON)
        board_host.mark = mark_by_port;
    start_time(vm, &board_host);
    return OK;
}

void vm_disconnect(struct vm *vm, bool comes_back)
{
    if (vm->at_console)
        console_detach(vm, comes_back);
    vm->at_console = false;
}

void vm_destroy(struct vm *vm)
{
    vm_disconnect(vm, false);
    destroy_vcpus(vm);
    vm_memory_destroy(vm);
}
