/* Waking the other processors, one after another: each gets a number when its turn comes, and
 * whoever does not come up in time is sent back by INIT, so that the number is free for the next.
 * SDM Vol. 3A, "MP Initialization Protocol Algorithm for MP Systems", "Typical BSP Initialization
 * Sequence". */
#include "arch/x86_64/smp.h"
#include "arch/x86_64/apic.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/fpu.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/panic.h"
#include "arch/x86_64/trap.h"
#include "arch/x86_64/tsc.h"
#include "arch/x86_64/tsc_offset.h"
#include "lib/atomic.h"
#include "lib/mem.h"

/* Microseconds.  SDM: 10 ms after INIT, 200 us after the first startup IPI. */
#define AFTER_INIT    10000u
#define AFTER_STARTUP 200u
#define LIMIT_START   100000u
#define LIMIT_ANSWER  100000u
#define LIMIT_ENTRY   2000000u

#define TSC_READINGS  64u
#define TABLE_ENTRIES 512u
#define TABLE_ENTRY   3u    /* present, writable: of an entry for another table */
#define LEAF_ENTRY    0x21u /* present, accessed: read and fetch */

/* Of the processor that is being started. */
enum ap_state {
    AP_AWAY,
    AP_HERE,     /* in C, with an IDT */
    AP_ANSWERED, /* has seen an IPI and an NMI */
    AP_ENTERS,   /* written by the boot CPU: entry() may begin */
    AP_ONLINE,
    AP_REFUSED,
};

/* As in ap_trampoline.asm; offsets are from the trampoline's start until its page is known. */
struct ap_parameters {
    u16 gdt_limit;
    u32 gdt;
    u32 protected_offset;
    u16 protected_selector;
    u32 long_offset;
    u16 long_selector;
    u32 cr3;
} PACKED;

extern const u8 ap_trampoline[], ap_trampoline_end[], ap_parameters[], __hv_start[];

void ap_main(u32 id);

/* For ap_trampoline.asm. */
extern u64 ap_root;
extern u32 ap_slot;
u64 ap_root;
u32 ap_slot = AP_NOBODY;

static u32 running = 1;
static void (*entry)(void);
static enum ap_state ap_state;
static struct {
    u32 asked, answered; /* number of the reading */
    u64 theirs;
} tsc_reading;

/* The boot CPU's, for all. */
static struct {
    u64 cr0, cr4, efer, pat;
} modes;

/* What lies between the page table in low memory and the trampoline's page. */
static u64 bridge[3][TABLE_ENTRIES] __attribute__((aligned(4096)));

u32 cpu_count(void)
{
    return running;
}

/* ------------------------------------------------------------ the trampoline */

/* Tables that map the trampoline where it is and hv.elf where it belongs. */
static u64 build_bridge(hpa_t page, hpa_t root)
{
    u64 *const table = phys_to_virt(root);
    const u64 hv = (u64)__hv_start;

    memset(table, 0, PAGE_SIZE);
    table[0] = virt_to_phys(bridge[0]).v | TABLE_ENTRY;
    table[hv >> 39 & (TABLE_ENTRIES - 1)] = paging_top_entry(hv);
    bridge[0][0] = virt_to_phys(bridge[1]).v | TABLE_ENTRY;
    bridge[1][0] = virt_to_phys(bridge[2]).v | TABLE_ENTRY;
    bridge[2][page.v / PAGE_SIZE] = page.v | LEAF_ENTRY;
    return root.v;
}

static void place_trampoline(hpa_t low)
{
    u8 *const page = phys_to_virt(low);
    struct ap_parameters *const p = (void *)(page + (ap_parameters - ap_trampoline));

    assert(IS_ALIGNED(low.v, PAGE_SIZE) && low.v != 0 && low.v + SMP_LOW_PAGES * PAGE_SIZE <= MiB);
    assert(ap_trampoline_end - ap_trampoline <= (i64)PAGE_SIZE &&
           ap_parameters + sizeof(*p) == ap_trampoline_end);
    memcpy(page, ap_trampoline, (size_t)(ap_trampoline_end - ap_trampoline));
    p->gdt += (u32)low.v;
    p->protected_offset += (u32)low.v;
    p->long_offset += (u32)low.v;
    p->cr3 = (u32)build_bridge(low, (hpa_t){low.v + PAGE_SIZE});
    ap_root = read_cr3();
}

static void remove_trampoline(hpa_t low)
{
    memset(phys_to_virt(low), 0, SMP_LOW_PAGES * PAGE_SIZE);
    memset(bridge, 0, sizeof(bridge));
}

/* ------------------------------------------------------------ on the other processor */

static NORETURN void stop(enum ap_state state)
{
    store_release(&ap_state, state);
    for (;;) {
        cli();
        hlt();
    }
}

static void take_modes(void)
{
    wrmsr(MSR_EFER, modes.efer);
    wrmsr(MSR_PAT, modes.pat);
    write_cr0(modes.cr0);
    write_cr4(modes.cr4); /* CR4.PGE becomes 1: no translation of before stays */
}

/* Neither store nor load is late or early. */
static u64 tsc_now(void)
{
    __asm__ volatile("mfence\n\tlfence" : : : "memory");

    const u64 now = rdtsc();

    __asm__ volatile("lfence" : : : "memory");
    return now;
}

static void answer_tsc(void)
{
    for (u32 n = 1; n <= TSC_READINGS; n++) {
        while (load_acquire(&tsc_reading.asked) != n)
            cpu_pause();
        tsc_reading.theirs = tsc_now();
        store_release(&tsc_reading.answered, n);
    }
}

/* The IPI comes after the NMI: who sleeps is woken. */
static void answer_ipis(void)
{
    const struct cpu *const c = this_cpu();

    while (READ_ONCE(c->irq_count) == 0)
        apic_wait_until(~0ull);
    while (READ_ONCE(c->nmi_count) == 0)
        cpu_pause();
    store_release(&ap_state, AP_ANSWERED);
}

void ap_main(u32 id)
{
    percpu_init(id);
    trap_init();
    take_modes();
    fpu_init();
    apic_init_cpu();
    cpu_public[id].apic_id = apic_id();
    store_release(&ap_state, AP_HERE);
    answer_ipis();
    answer_tsc();
    while (load_acquire(&ap_state) != AP_ENTERS)
        cpu_pause();
    entry();
    stop(AP_REFUSED);
}

void smp_online(void)
{
    WRITE_ONCE(cpu_public[this_cpu()->id].online, true);
    store_release(&ap_state, AP_ONLINE);
}

/* ------------------------------------------------------------ on the boot CPU */

/* False: the processor being started is not as far within `limit` microseconds. */
static bool wait_for(enum ap_state state, u64 limit)
{
    const u64 start = rdtsc(), ticks = limit * tsc_hz / 1000000;

    while (load_acquire(&ap_state) < state)
        if (rdtsc() - start > ticks)
            return false;
        else
            cpu_pause();
    return true;
}

static bool measure_tsc(struct tsc_offset *offset)
{
    *offset = TSC_OFFSET_UNKNOWN;
    for (u32 n = 1; n <= TSC_READINGS; n++) {
        const u64 sent = tsc_now();
        u64 received;

        store_release(&tsc_reading.asked, n);
        do {
            received = rdtsc();
            if (received - sent > LIMIT_ANSWER * tsc_hz / 1000000)
                return false;
        } while (load_acquire(&tsc_reading.answered) != n);
        received = tsc_now();
        tsc_offset_note(offset, sent, tsc_reading.theirs, received);
    }
    return true;
}

/* INIT, so that nothing of it runs on; it is not in VMX operation. */
static bool leave_out(u32 apic, const char *why)
{
    apic_send_init(apic);
    log_warning("smp: the CPU with APIC id %u is left out: %s", apic, why);
    return false;
}

static bool wake(u32 apic, hpa_t page)
{
    apic_send_init(apic);
    tsc_delay_us(AFTER_INIT);
    apic_send_startup(apic, page);
    if (wait_for(AP_HERE, AFTER_STARTUP))
        return true;
    apic_send_startup(apic, page);
    return wait_for(AP_HERE, LIMIT_START);
}

static bool start(u32 id, u32 apic, hpa_t page)
{
    struct tsc_offset tsc;

    ap_state = AP_AWAY;
    tsc_reading.asked = tsc_reading.answered = 0;
    store_release(&ap_slot, id);
    if (!wake(apic, page)) {
        store_release(&ap_slot, AP_NOBODY);
        return leave_out(apic, "it does not start");
    }
    if (cpu_public[id].apic_id != apic)
        return leave_out(apic, "another one came in its place");
    apic_send_nmi(id);
    apic_send_ipi(id, APIC_VECTOR_KICK);
    if (!wait_for(AP_ANSWERED, LIMIT_ANSWER) || !measure_tsc(&tsc))
        return leave_out(apic, "it does not answer");
    if (!tsc_offset_may_be_0(&tsc)) {
        log_warning("smp: its time-stamp counter is %ld to %ld ticks ahead of the boot CPU's",
                    tsc.least, tsc.most);
        return leave_out(apic, "its time is not the boot CPU's");
    }
    store_release(&ap_state, AP_ENTERS);
    if (!wait_for(AP_ONLINE, LIMIT_ENTRY))
        panic("smp: CPU %u, APIC id %u, has stopped while it started", id, apic);
    if (load_acquire(&ap_state) == AP_REFUSED)
        return leave_out(apic, "see above");
    log_info("smp: CPU %u answers: APIC id %u, TSC equal within %ld ticks", id, apic,
             tsc.most - tsc.least);
    return true;
}

static bool already_runs(u32 apic)
{
    for (u32 i = 0; i < running; i++)
        if (cpu_public[i].apic_id == apic)
            return true;
    return false;
}

static void start_all(const u32 *apic, u32 count, hpa_t page)
{
    u32 too_many = 0;

    for (u32 i = 0; i < count; i++) {
        if (already_runs(apic[i]))
            continue;
        if (running == CPUS_MAX)
            too_many++;
        else if (!apic_can_reach(apic[i]))
            log_warning("smp: the CPU with APIC id %u is left out: it needs x2APIC mode", apic[i]);
        else
            running += start(running, apic[i], page);
    }
    if (too_many > 0)
        log_warning("smp: %u CPUs more than the %u that Lintel uses are left out", too_many,
                    CPUS_MAX);
}

/* For a panic: who is stopped finds out in its NMI handler (trap.c). */
static u32 stop_others(void)
{
    u32 told = 0;

    for (u32 i = 0; i < CPUS_MAX; i++)
        if (i != this_cpu()->id && READ_ONCE(cpu_public[i].online)) {
            apic_send_nmi(i);
            told++;
        }
    return told;
}

u32 smp_start(const struct smp_plan *plan)
{
    cpu_public[0].apic_id = apic_id();
    cpu_public[0].online = true;
    modes.cr0 = read_cr0();
    modes.cr4 = read_cr4() & ~CR4_VMXE;
    modes.efer = rdmsr(MSR_EFER);
    modes.pat = rdmsr(MSR_PAT);
    entry = plan->entry;
    panic_set_stop(stop_others);

    place_trampoline(plan->low);
    start_all(plan->apic_id, plan->count, plan->low);
    remove_trampoline(plan->low);
    log_info("smp: %u CPU%s", running, running == 1 ? "" : "s");
    return running;
}
