/* Does what a struct power_plan says.  A way without steps says that the machine has none, one that
 * is tried and returns did not work. */
#include "drivers/platform/power.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/tsc.h"
#include "drivers/platform/pci.h"
#include "drivers/platform/power_steps.h"

/* How long a machine may take to obey, microseconds. */
#define OBEY_US 300000u
/* A UART still holds up to 17 bytes of the log after its last register write. */
#define DRAIN_US 5000u

struct method {
    const struct power_plan *plan; /* NULL: none was given */
    void *memory[POWER_WAYS_MAX];  /* of each way: its register in memory, if it has one */
};

static struct method off, reset;

static void init(struct method *m, const struct power_plan *plan)
{
    for (u32 w = 0; w < MIN(plan->ways, POWER_WAYS_MAX); w++)
        for (u32 s = 0; s < MIN(plan->way[w].steps, POWER_STEPS_MAX); s++)
            if (plan->way[w].step[s].space == POWER_MEMORY && !m->memory[w])
                m->memory[w] = paging_map_device((hpa_t){plan->way[w].step[s].address}, sizeof(u32),
                                                 PAGING_UC);
    m->plan = plan;
}

void power_init(const struct power_plan *off_plan, const struct power_plan *reset_plan)
{
    /* Now, since a panic is no time for building page tables. */
    init(&off, off_plan);
    init(&reset, reset_plan);
}

static struct pci_address pci_at(const struct power_step *s)
{
    return (struct pci_address){0, (u8)(s->address >> 11 & 31), (u8)(s->address >> 8 & 7)};
}

static u32 shift_of(const struct power_step *s)
{
    return s->address % 4 * 8;
}

static u32 width_mask(const struct power_step *s)
{
    return s->width == 4 ? UINT32_MAX : BIT32(s->width * 8) - 1;
}

static u32 get(const struct power_step *s, void *memory)
{
    const u16 port = (u16)s->address;

    switch (s->space) {
    case POWER_MEMORY: return s->width == 1 ? *(volatile u8 *)memory : *(volatile u32 *)memory;
    case POWER_PCI:
        return pci_config_read(pci_at(s), (u8)(s->address & 0xfc)) >> shift_of(s) & width_mask(s);
    default: return s->width == 1 ? inb(port) : s->width == 2 ? inw(port) : inl(port);
    }
}

static void put_pci(const struct power_step *s, u32 value)
{
    const u8 offset = s->address & 0xfc;
    const u32 kept = pci_config_read(pci_at(s), offset) & ~(width_mask(s) << shift_of(s));

    pci_config_write(pci_at(s), offset, kept | value << shift_of(s));
}

static void put(const struct power_step *s, void *memory, u32 value)
{
    const u16 port = (u16)s->address;

    if (s->space == POWER_PCI)
        put_pci(s, value);
    else if (s->space == POWER_MEMORY && s->width == 1)
        *(volatile u8 *)memory = (u8)value;
    else if (s->space == POWER_MEMORY)
        *(volatile u32 *)memory = value;
    else if (s->width == 1)
        outb(port, (u8)value);
    else if (s->width == 2)
        outw(port, (u16)value);
    else
        outl(port, value);
}

static const struct power_access access = {get, put, tsc_delay_us};

static void attempt_all(const char *what, const struct method *m)
{
    cli();
    for (u32 w = 0; m->plan && w < MIN(m->plan->ways, POWER_WAYS_MAX); w++) {
        const struct power_way *way = &m->plan->way[w];

        log_info("power: %s: %s", what, way->name);
        if (way->steps == 0) {
            log_info("power: this machine has none");
            continue;
        }
        if (way->note[0])
            log_info("power: %s", way->note);
        tsc_delay_us(DRAIN_US);
        power_run(way, &access, m->memory[w]);
        tsc_delay_us(OBEY_US);
    }
}

static NORETURN void stay(const char *message)
{
    log_error("%s", message);
    for (;;) {
        cli();
        hlt();
    }
}

void power_off(void)
{
    attempt_all("off", &off);
    stay("power: it is now safe to switch off");
}

/* An exception without an IDT: triple fault, and every board resets on the shutdown cycle. */
static void triple_fault(void)
{
    const struct descriptor_ptr nothing = {0, 0};

    lidt(&nothing);
    __asm__ volatile("ud2");
}

void power_reboot(void)
{
    attempt_all("reset", &reset);
    log_info("power: reset: triple fault");
    tsc_delay_us(DRAIN_US);
    triple_fault();
    stay("power: the machine does not reset; it is now safe to switch off");
}
