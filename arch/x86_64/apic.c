/* The host's local APIC and what must be silent beside it.  x2APIC mode is entered where the CPU
 * has it and never left: leaving it needs the APIC to be disabled, from which not every machine
 * comes back.  SDM Vol. 3A, "Advanced Programmable Interrupt Controller (APIC)". */
#include "arch/x86_64/apic.h"
#include "arch/x86_64/cpuid_bits.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/percpu.h"
#include "arch/x86_64/tsc.h"

/* Offsets in the xAPIC page; the x2APIC MSR is MSR_X2APIC_BASE + offset / 16. */
enum apic_reg {
    APIC_ID = 0x20,
    APIC_VERSION = 0x30,
    APIC_TPR = 0x80,
    APIC_EOI = 0xb0,
    APIC_SVR = 0xf0,
    APIC_LVT_CMCI = 0x2f0,
    APIC_ICR_LOW = 0x300,
    APIC_ICR_HIGH = 0x310,
    APIC_LVT_TIMER = 0x320,
    APIC_LVT_THERMAL = 0x330,
    APIC_LVT_PERF = 0x340,
    APIC_LVT_LINT0 = 0x350,
    APIC_LVT_LINT1 = 0x360,
    APIC_LVT_ERROR = 0x370,
    APIC_TIMER_COUNT = 0x380,
    APIC_TIMER_CURRENT = 0x390,
    APIC_TIMER_DIVIDE = 0x3e0,
};

#define SVR_ENABLE         BIT32(8)
#define LVT_MASKED         BIT32(16)
#define LVT_TSC_DEADLINE   (2u << 17)
#define TIMER_DIVIDE_BY_1  0xbu
#define VERSION_MAX_LVT(v) ((v) >> 16 & 0xff)

/* Interrupt command register; physical destinations only: not every emulator gives a CPU in x2APIC
 * mode its logical id. */
#define ICR_FIXED     (0u << 8)
#define ICR_NMI       (4u << 8)
#define ICR_INIT      (5u << 8)
#define ICR_STARTUP   (6u << 8)
#define ICR_PENDING   BIT32(12)
#define ICR_ASSERT    BIT32(14)
#define ICR_POLLS_MAX 1000000u
#define XAPIC_ID_MAX  0xfeu /* 0xff is everybody */
#define X2APIC_ID_MAX 0xfffffffeu

/* I/O APIC: an index and a data register */
#define IOAPIC_DEFAULT         0xfec00000ull
#define IOAPIC_DATA            4u /* index in 32-bit words */
#define IOAPIC_WINDOW          0x20u
#define IOAPIC_REG_VERSION     1u
#define IOAPIC_REG_REDIRECTION 0x10u
#define IOAPIC_LINES_MAX       240u
#define REDIRECTION_MASKED     BIT32(16)

static volatile u32 *xapic; /* NULL: x2APIC mode */
static bool has_deadline;
static u64 timer_hz; /* one-shot mode */

static u32 apic_read(enum apic_reg reg)
{
    if (xapic != NULL)
        return xapic[reg / sizeof(u32)];
    return (u32)rdmsr(MSR_X2APIC_BASE + reg / 16);
}

static void apic_write(enum apic_reg reg, u32 value)
{
    if (xapic != NULL)
        xapic[reg / sizeof(u32)] = value;
    else
        wrmsr(MSR_X2APIC_BASE + reg / 16, value);
}

u32 apic_id(void)
{
    const u32 id = apic_read(APIC_ID);

    return xapic != NULL ? id >> 24 : id;
}

void apic_eoi(void)
{
    apic_write(APIC_EOI, 0);
}

/* ------------------------------------------------------------ silence */

void apic_mask_ioapic(hpa_t base)
{
    volatile u32 *const ioapic = paging_map_device(base, IOAPIC_WINDOW, PAGING_UC);

    ioapic[0] = IOAPIC_REG_VERSION;

    const u32 version = ioapic[IOAPIC_DATA];
    const u32 lines = (version >> 16 & 0xff) + 1;

    if (version == ~0u || lines > IOAPIC_LINES_MAX) /* nobody there */
        return;
    for (u32 line = 0; line < lines; line++) {
        ioapic[0] = IOAPIC_REG_REDIRECTION + 2 * line;
        ioapic[IOAPIC_DATA] = REDIRECTION_MASKED;
    }
}

static void write_redirection(u32 line, u32 low, u32 high)
{
    volatile u32 *const ioapic =
        paging_map_device((hpa_t){IOAPIC_DEFAULT}, IOAPIC_WINDOW, PAGING_UC);

    ioapic[0] = IOAPIC_REG_REDIRECTION + 2 * line;
    ioapic[IOAPIC_DATA] = REDIRECTION_MASKED;
    ioapic[0] = IOAPIC_REG_REDIRECTION + 2 * line + 1;
    ioapic[IOAPIC_DATA] = high;
    ioapic[0] = IOAPIC_REG_REDIRECTION + 2 * line;
    ioapic[IOAPIC_DATA] = low;
}

void apic_route_line(u32 line, u8 vector)
{
    write_redirection(line, vector, apic_id() << 24);
}

void apic_mask_line(u32 line)
{
    write_redirection(line, REDIRECTION_MASKED, 0);
}

static void mask_local(void)
{
    static const struct {
        enum apic_reg reg;
        u32 lvt; /* exists if the version register's highest LVT number is at least this */
    } sources[] = {
        {APIC_LVT_TIMER, 0}, {APIC_LVT_LINT0, 1},   {APIC_LVT_LINT1, 2}, {APIC_LVT_ERROR, 3},
        {APIC_LVT_PERF, 4},  {APIC_LVT_THERMAL, 5}, {APIC_LVT_CMCI, 6},
    };
    const u32 highest = VERSION_MAX_LVT(apic_read(APIC_VERSION));

    for (unsigned i = 0; i < ARRAY_LEN(sources); i++)
        if (sources[i].lvt <= highest)
            apic_write(sources[i].reg, LVT_MASKED);
}

/* ------------------------------------------------------------ start */

static void enable(void)
{
    const bool x2apic = cpuid(1, 0).ecx & CPUID_1_ECX_X2APIC;
    u64 base = rdmsr(MSR_APIC_BASE);

    if (!(base & APIC_BASE_EN)) {
        base |= APIC_BASE_EN; /* disabled to x2APIC in one step is not a legal transition */
        wrmsr(MSR_APIC_BASE, base);
    }
    if (x2apic)
        wrmsr(MSR_APIC_BASE, base | APIC_BASE_EXTD);
    else if (xapic == NULL)
        xapic = paging_map_device((hpa_t){base & APIC_BASE_ADDRESS}, PAGE_SIZE, PAGING_UC);
}

/* Needs the LVT masked. */
static void calibrate_timer(void)
{
    const u64 window_us = 10000;

    apic_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_BY_1);
    apic_write(APIC_TIMER_COUNT, ~0u);
    tsc_delay_us(window_us);

    const u32 left = apic_read(APIC_TIMER_CURRENT);

    apic_write(APIC_TIMER_COUNT, 0);
    timer_hz = (u64)(~0u - left) * 1000000 / window_us;
}

static void set_timer_mode(void)
{
    if (has_deadline) {
        apic_write(APIC_LVT_TIMER, LVT_TSC_DEADLINE | APIC_VECTOR_TIMER);
        /* The mode must be in place before the first write of the MSR, which xAPIC's MMIO
         * store does not order (SDM Vol. 3A, "TSC-Deadline Mode"). */
        __asm__ volatile("mfence" : : : "memory");
    } else {
        apic_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_BY_1);
        apic_write(APIC_LVT_TIMER, APIC_VECTOR_TIMER);
    }
}

static void start_local(void)
{
    enable();
    mask_local();
    apic_write(APIC_TPR, 0);
    apic_write(APIC_SVR, SVR_ENABLE | APIC_VECTOR_SPURIOUS);
}

void apic_init(void)
{
    apic_mask_ioapic((hpa_t){IOAPIC_DEFAULT});
    start_local();
    has_deadline = cpuid(1, 0).ecx & CPUID_1_ECX_TSC_DEADLINE;
    if (!has_deadline)
        calibrate_timer();
    set_timer_mode();
    log_info("apic: id %u, %s, %s timer", apic_id(), xapic != NULL ? "xAPIC" : "x2APIC",
             has_deadline ? "TSC-deadline" : "one-shot");
}

void apic_init_cpu(void)
{
    start_local();
    set_timer_mode();
}

/* ------------------------------------------------------------ to other CPUs */

bool apic_can_reach(u32 id)
{
    return id <= (xapic == NULL ? X2APIC_ID_MAX : XAPIC_ID_MAX);
}

/* Returns when the APIC has sent it.  A write of the MSR is not ordered behind earlier stores (SDM
 * Vol. 3A, "MSR Access in x2APIC Mode"). */
static void send(u32 id, u32 command)
{
    if (xapic == NULL) {
        __asm__ volatile("mfence\n\tlfence" : : : "memory");
        wrmsr(MSR_X2APIC_ICR, (u64)id << 32 | command | ICR_ASSERT);
        return;
    }
    apic_write(APIC_ICR_HIGH, id << 24);
    apic_write(APIC_ICR_LOW, command | ICR_ASSERT);
    for (u32 i = 0; i < ICR_POLLS_MAX && (apic_read(APIC_ICR_LOW) & ICR_PENDING); i++)
        cpu_pause();
}

void apic_send_ipi(u32 cpu, u8 vector)
{
    send(cpu_public[cpu].apic_id, ICR_FIXED | vector);
}

void apic_send_nmi(u32 cpu)
{
    send(cpu_public[cpu].apic_id, ICR_NMI);
}

void apic_send_init(u32 id)
{
    send(id, ICR_INIT);
}

void apic_send_startup(u32 id, hpa_t page)
{
    send(id, ICR_STARTUP | (u8)(page.v / PAGE_SIZE));
}

/* ------------------------------------------------------------ idle */

/* At most a second at a time: the product stays within 64 bits, and early is allowed. */
static NOINLINE void set_count(u64 ticks)
{
    const u64 count = MIN(ticks, tsc_hz) * timer_hz / tsc_hz;

    apic_write(APIC_TIMER_COUNT, (u32)MIN(MAX(count, 1ull), (u64)UINT32_MAX));
}

void apic_timer_set(u64 deadline_tsc, u64 now)
{
    if (has_deadline)
        wrmsr(MSR_TSC_DEADLINE, deadline_tsc); /* in the past: at once */
    else
        set_count(deadline_tsc > now ? deadline_tsc - now : 0);
}

void apic_timer_stop(void)
{
    if (has_deadline)
        wrmsr(MSR_TSC_DEADLINE, 0);
    else
        apic_write(APIC_TIMER_COUNT, 0);
}

void apic_wait_until(u64 deadline_tsc)
{
    const bool limited = deadline_tsc != ~0ull;

    if (limited) {
        const u64 now = rdtsc();

        if (now >= deadline_tsc)
            return;
        apic_timer_set(deadline_tsc, now);
    }
    /* STI opens the gate only after HLT has begun: an interrupt that is already pending ends the
     * halt instead of coming just before it. */
    __asm__ volatile("sti\n\thlt\n\tcli" : : : "memory");
    if (limited)
        apic_timer_stop();
}
