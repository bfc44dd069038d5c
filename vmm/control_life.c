/* See control_life.h. */
#include "vmm/control_life.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/tsc.h"
#include "drivers/platform/pci.h"
#include "lib/mem.h"
#include "vmm/audit.h"
#include "vmm/bootinfo.h"
#include "vmm/boundary.h"
#include "vmm/console.h"
#include "vmm/control_image.h"
#include "vmm/device_irq.h"
#include "vmm/gmem.h"
#include "vmm/grant.h"
#include "vmm/hc_console.h"
#include "vmm/hostmem.h"
#include "vmm/partition.h"
#include "vmm/placement.h"
#include "vmm/stats_report.h"
#include "vmm/vm_end.h"
#include "vmm/vm_memory.h"
#include "vmm/wake.h"

/* A life that was shorter than this is followed by a pause, which doubles from one such life to the
 * next. */
#define SHORT_LIFE_MS  1000u
#define PAUSE_FIRST_MS 10u
#define PAUSE_MOST_MS  2000u

static struct {
    struct vm *vm; /* NULL: it does not live */
    u32 life;
    u32 pause_ms; /* before the next one, if this one is short */
    u64 began;    /* TSC */
    bool stopping;
} control;

static struct config_guest config = {
    .name = "control",
    .vcpus = 1,
    .priority = SCHED_PRIORITIES - 1,
    .weight = SCHED_WEIGHT_DEFAULT,
    .paravirt = CONFIG_OFF,
    .apicv = CONFIG_APICV_OFF,
    .console = CONFIG_CONSOLE_AUTO,
};

static const char *const reasons[] = {
    [VM_END_POWEROFF] = "it asked for a power-off",
    [VM_END_REBOOT] = "it asked for a reset",
    [VM_END_DEBUG_EXIT] = "it wrote to a debug-exit port",
    [VM_END_HALTED] = "it halted for ever",
    [VM_END_STOPPED] = "it did what it must not",
    [VM_END_KILLED] = "killed",
    [VM_END_RESET] = "reset",
    [VM_END_EXPIRED] = "it gave no sign of life",
};

bool control_exists(void)
{
    return bootinfo()->control_base != 0;
}

struct vm *control_vm(void)
{
    return control.vm;
}

static u64 ms(u64 n)
{
    return n * (tsc_hz / 1000);
}

static void fill_info(const struct vm *vm, struct abi_info *info)
{
    const struct vm_extent *ram = &vm->extent[0];

    *info = (struct abi_info){
        .magic = ABI_INFO_MAGIC,
        .version = ABI_VERSION,
        .revision = ABI_REVISION,
        .memory = ram->gpa.v,
        .memory_bytes = ram->len,
        .image = ram->gpa.v + CONTROL_IMAGE_AT,
        .image_bytes = bootinfo()->control_size,
        .slots = ram->gpa.v + CONTROL_SLOTS_AT,
        .tsc_hz = tsc_hz,
        .life = control.life,
        .may_poll = bootinfo()->config.control_poll,
        .partitions = PARTITIONS,
        .pending[0] = BIT(ABI_EVENT_PARTITIONS), /* those that are there already */
    };
}

/* At the TSC value `at`; its TSC is the machine's. */
static void start(struct vm *vm, u64 at)
{
    const struct vm_extent *ram = &vm->extent[0];
    struct abi_info *info = gmem_pointer(vm, ram->gpa, sizeof(*info));
    struct vcpu *v = vm->vcpu[0];

    fill_info(vm, info);
    v->tsc_offset = 0;
    v->away.waits = WAIT_TIME;
    v->wake = at;
    audit(vm);
    boundary_open(v, info, (struct abi_request *)(void *)((u8 *)info + CONTROL_SLOTS_AT));
    vm->attached = vm->vcpus;
    vcpu_attach(v, placement(v));
}

static void make(u64 at)
{
    struct vm *vm = hostmem_pages(sizeof(*vm));

    if (!vm || vm_create(vm, VM_CONTROL, &config) != OK) {
        hostmem_pages_free(vm, sizeof(*vm));
        log_error("control partition: it cannot be made; nothing is served");
        boundary_close(true);
        console_forget(VM_CONTROL);
        return;
    }
    control.vm = vm;
    control.began = at;
    start(vm, at);
}

void control_begin(void)
{
    config.memory = bootinfo()->config.control_memory;
    config.cpus = bootinfo()->config.control_cpus;
    control.pause_ms = PAUSE_FIRST_MS;
    if (!control_exists())
        return;
    log_info("control partition: %llu MiB, %s", (unsigned long long)(config.memory >> 20),
             bootinfo()->config.control);
    make(rdtsc());
}

/* TSC at which the next life may begin. */
static u64 next_begin(u64 now)
{
    const bool is_short = now - control.began < ms(SHORT_LIFE_MS);
    const u64 pause = is_short ? ms(control.pause_ms) : 0;

    control.pause_ms = is_short ? MIN(2 * control.pause_ms, PAUSE_MOST_MS) : PAUSE_FIRST_MS;
    return now + pause;
}

void control_look_after(void)
{
    struct vm *vm = control.vm;

    if (!vm || load_acquire(&vm->attached) != 0)
        return;
    boundary_close(control.stopping);
    grant_drop_all();
    device_irq_drop_all();
    hc_console_drop_all();
    if (!control.stopping)
        log_error("control partition died: %s; life %u ends", reasons[vm->end], control.life);
    log_info("control partition: bus mastering of %u devices switched off", pci_stop_masters());
    vm_disconnect(vm, !control.stopping);
    if (control.stopping)
        stats_report(vm->vcpu[0], false);
    audit(vm);
    vm_destroy(vm);
    hostmem_pages_free(vm, sizeof(*vm));
    control.vm = NULL;
    if (control.stopping) {
        vm_memory_forget_control();
        return;
    }
    control.life++;
    make(next_begin(rdtsc()));
}

bool control_stop(void)
{
    if (!control.vm)
        return true;
    control.stopping = true;
    vm_end(control.vm, VM_END_KILLED, 0);
    return false;
}
