/* See fake_cpu.h. */
#include "tools/unit/fake_cpu.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/panic.h"
#include "arch/x86_64/smp.h"
#include "arch/x86_64/trap.h"
#include "vmm/audit.h"
#include "vmm/bootinfo.h"
#include "vmm/console.h"
#include "vmm/control_call.h"
#include "vmm/control_life.h"
#include "vmm/cpu_share.h"
#include "vmm/device_irq.h"
#include "vmm/guests.h"
#include "vmm/hostmem.h"
#include "vmm/vm_end.h"
#include "vmm/vm_memory.h"
#include "vmm/wake.h"
#include "vmx/vmcs.h"
#include "vmx/vmx.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake_cpu fake_cpu;
struct cpu_share cpu_share[CPUS_MAX];

u64 guest_state_load(struct guest_state *g, enum guest_field f)
{
    g->field[f] = fake_cpu.vmcs[f];
    g->valid |= BIT(f);
    return g->field[f];
}

static u64 *control_of(u64 encoding)
{
    switch (encoding) {
    case VMCS_ENTRY_INTR_INFO: return &fake_cpu.intr_info;
    case VMCS_ENTRY_INTR_ERROR: return &fake_cpu.intr_error;
    case VMCS_ENTRY_INSN_LEN: return &fake_cpu.insn_len;
    case VMCS_PREEMPTION_TIMER: return &fake_cpu.timer;
    case VMCS_CPU_CONTROLS: return &fake_cpu.cpu_controls;
    case VMCS_CPU2_CONTROLS: return &fake_cpu.cpu2_controls;
    case VMCS_MSR_BITMAP: return &fake_cpu.msr_bitmap;
    case VMCS_TSC_OFFSET: return &fake_cpu.tsc_offset;
    case VMCS_GUEST_INTERRUPT_STATUS: return &fake_cpu.interrupt_status;
    case VMCS_EOI_EXIT_BITMAP_0: return &fake_cpu.eoi_exits[0];
    case VMCS_EOI_EXIT_BITMAP_1: return &fake_cpu.eoi_exits[1];
    case VMCS_EOI_EXIT_BITMAP_2: return &fake_cpu.eoi_exits[2];
    case VMCS_EOI_EXIT_BITMAP_3: return &fake_cpu.eoi_exits[3];
    default: abort(); /* no file that is tested touches another */
    }
}

u64 vmread(u64 encoding)
{
    return *control_of(encoding);
}

void vmwrite(u64 encoding, u64 value)
{
    *control_of(encoding) = value;
    fake_cpu.timers += encoding == VMCS_PREEMPTION_TIMER;
    fake_cpu.tsc_offsets += encoding == VMCS_TSC_OFFSET;
    fake_cpu.status_writes += encoding == VMCS_GUEST_INTERRUPT_STATUS;
    fake_cpu.eoi_exit_writes += encoding == VMCS_EOI_EXIT_BITMAP_0;
}

void vmx_guest_reset(struct guest_state *g)
{
    for (u32 f = 0; f < GS_COUNT; f++)
        gs_set(g, (enum guest_field)f, 0);
}

u64 rdtsc(void)
{
    return fake_cpu.tsc;
}

/* Of the direct map, as guest memory is reached. */
hpa_t virt_to_phys(const void *va)
{
    return (hpa_t){(u64)va - DIRECT_MAP_BASE};
}

u64 read_cr2(void)
{
    return fake_cpu.cr2;
}

void write_cr2(u64 value)
{
    fake_cpu.cr2 = value;
}

#define FAKE_DR(n)                                                                                 \
    void write_dr##n(u64 value)                                                                    \
    {                                                                                              \
        fake_cpu.dr[n] = value;                                                                    \
    }
FAKE_DR(0)
FAKE_DR(1)
FAKE_DR(2)
FAKE_DR(3)

u64 read_dr6(void)
{
    return fake_cpu.dr6;
}

void write_dr6(u64 value)
{
    fake_cpu.dr6 = value;
}

void xsetbv(u32 index, u64 value)
{
    if (index != 0)
        abort();
    fake_cpu.xcr0 = value;
    fake_cpu.xsetbvs++;
}

void vmx_invvpid_single(u16 vpid)
{
    fake_cpu.invvpid = vpid;
    fake_cpu.invvpids++;
}

void vm_memory_show_apic(struct vm *vm, bool shown)
{
    (void)vm;
    fake_cpu.apic_shown = shown;
    fake_cpu.apic_shows++;
}

void trap_dispatch(u8 vector)
{
    fake_cpu.trap = vector;
    fake_cpu.traps++;
}

void trap_take_nmi(void)
{
    fake_cpu.nmis++;
}

u64 console_deadline(bool undisturbed)
{
    (void)undisturbed;
    return fake_cpu.console_deadline;
}

void vm_stop(struct vcpu *v, const struct exit *x, const char *why)
{
    (void)x;
    vm_end(v->vm, VM_END_STOPPED, 0);
    fake_cpu.why = why;
}

/* What the hypercalls reach: a test that looks at it has its own. */
#define OTHERWISE __attribute__((weak))
OTHERWISE u64 tsc_hz = 1000000;

OTHERWISE void log_line(enum log_level level, const char *format, ...)
{
    (void)level, (void)format;
}

void vmx_invept_single(hpa_t ept_root)
{
    (void)ept_root;
    fake_cpu.invepts++;
}

err_t device_irq_bind(u64 line, u64 port, u64 mode, u32 cpu)
{
    (void)line, (void)port, (void)mode, (void)cpu;
    return OK;
}

err_t device_irq_done(u64 line)
{
    (void)line;
    return OK;
}

OTHERWISE u32 console_keyboard(const u8 *bytes, u32 count)
{
    u32 taken = 0;

    while (taken < count && keyboard_put(&fake_cpu.keyboard, bytes[taken]))
        taken++;
    return taken;
}

OTHERWISE void console_put(struct vm *vm, u8 byte)
{
    guest_console_put(&vm->console, byte);
}

OTHERWISE enum life guest_life(u32 n)
{
    (void)n;
    return LIFE_ON;
}

OTHERWISE u32 guests_place(void)
{
    return LIVES_NONE;
}

OTHERWISE void guests_add(u32 n)
{
    (void)n;
}

OTHERWISE void guests_forget(u32 n)
{
    (void)n;
}

OTHERWISE struct config_guest *bootinfo_place(u32 n)
{
    (void)n;
    abort(); /* of a test that makes guests */
}

OTHERWISE struct vm *guest_vm(u32 n)
{
    (void)n;
    return NULL;
}

OTHERWISE struct vm *control_vm(void)
{
    return NULL;
}

OTHERWISE void console_make_front(struct vm *vm)
{
    (void)vm;
}

OTHERWISE void console_leave_front(struct vm *vm)
{
    (void)vm;
}

OTHERWISE const struct boot_info *bootinfo(void)
{
    static const struct boot_info none;

    return &none;
}

OTHERWISE u32 cpu_count(void)
{
    return 1;
}

OTHERWISE u64 log_written(void)
{
    return 0;
}

OTHERWISE size_t log_copy(u64 from, char *to, size_t most)
{
    (void)from, (void)to, (void)most;
    return 0;
}

OTHERWISE enum log_level log_change_level(u64 max)
{
    (void)max;
    return LOG_INFO;
}

OTHERWISE void audit(const struct vm *vm)
{
    (void)vm;
}

OTHERWISE const struct pmm *hostmem(void)
{
    static const struct pmm frames;

    return &frames;
}

void vcpu_wake(struct vcpu *v)
{
    fake_cpu.woken = v;
    fake_cpu.wakes++;
}

void vcpu_ask(struct vcpu *v, u64 bits)
{
    if ((atomic_or(&v->todo, bits) & bits) != bits)
        vcpu_wake(v);
}

void cpu_ask(u32 cpu, u64 what)
{
    fake_cpu.asked |= cpu == 0 ? what : 0;
}

void vcpu_end_turn_by(struct vcpu *v)
{
    fake_cpu.ended_turn = v;
}

bool control_call(struct vcpu *v, struct vcpu *control, u64 *value)
{
    (void)v, (void)control;
    fake_cpu.calls++;
    if (!fake_cpu.answers_calls)
        return false;
    if (fake_cpu.calls_left && --fake_cpu.calls_left == 0)
        fake_cpu.answers_calls = false;
    *value = fake_cpu.answer;
    v->away.waits = 0;
    return true;
}

bool control_serve(struct vcpu *v, struct exit *exit)
{
    (void)exit;
    if (!fake_cpu.serves_until)
        return false;
    fake_cpu.serves++;
    cpu_share[0].soon = NULL;
    v->turn_ends = fake_cpu.serves_until;
    (void)atomic_or(&v->todo, TODO_TURN | fake_cpu.serves_bits);
    return true;
}

bool cpu_may_sleep(const struct vcpu *v)
{
    (void)v;
    return !fake_cpu.wanted;
}

void cpu_sleep(const u64 *word, u64 until)
{
    (void)word;
    fake_cpu.slept_until = until;
}

void panic(const char *format, ...)
{
    if (fake_cpu.on_panic)
        longjmp(*fake_cpu.on_panic, 1);
    fprintf(stderr, "panic: %s\n", format);
    abort();
}
