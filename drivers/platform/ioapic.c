/* See ioapic.h. */
#include "drivers/platform/ioapic.h"
#include "arch/x86_64/paging.h"

#define BASE            0xfec00000ull
#define WINDOW          0x20u
#define DATA            4u /* index in 32-bit words */
#define REDIRECTION     0x10u
#define LOW_ACTIVE      BIT32(13)
#define LEVEL_TRIGGERED BIT32(15)
#define MASKED          BIT32(16)
#define APIC_ID_SHIFT   24

static volatile u32 *registers(void)
{
    static volatile u32 *at;

    if (!at)
        at = paging_map_device((hpa_t){BASE}, WINDOW, PAGING_UC);
    return at;
}

static u32 read_low(u32 line)
{
    volatile u32 *const r = registers();

    r[0] = REDIRECTION + 2 * line;
    return r[DATA];
}

static void write_low(u32 line, u32 value)
{
    volatile u32 *const r = registers();

    r[0] = REDIRECTION + 2 * line;
    r[DATA] = value;
}

void ioapic_route(u32 line, enum ioapic_mode mode, u8 vector, u32 apic_id)
{
    static const u32 bits[IOAPIC_MODES] = {
        [IOAPIC_LEVEL_LOW] = LEVEL_TRIGGERED | LOW_ACTIVE,
        [IOAPIC_LEVEL_HIGH] = LEVEL_TRIGGERED,
    };
    volatile u32 *const r = registers();

    write_low(line, MASKED);
    r[0] = REDIRECTION + 2 * line + 1;
    r[DATA] = apic_id << APIC_ID_SHIFT;
    write_low(line, MASKED | bits[mode] | vector);
}

void ioapic_mask(u32 line, bool masked)
{
    write_low(line, (read_low(line) & ~MASKED) | (masked ? MASKED : 0));
}
