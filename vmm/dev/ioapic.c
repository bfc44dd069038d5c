/* I/O APIC; see ioapic.h.  Pure. */
#include "vmm/dev/ioapic.h"

#define VERSION (0x20u | (IOAPIC_PINS - 1) << 16) /* 0x20: there is an EOI register */

// clang-format off
enum { AT_SELECT = 0x00, AT_WINDOW = 0x10, AT_EOI = 0x40 };
enum { REG_ID, REG_VERSION, REG_ARBITRATION, REG_REDIRECT = 0x10 };
// clang-format on

#define ID_BITS         0x0f000000u
#define ENTRY_MODE      (7ull << 8)
#define ENTRY_LOGICAL   BIT(11)
#define ENTRY_STATUS    BIT32(12)
#define ENTRY_LOW       BIT(13) /* the pin is active when it is low */
#define ENTRY_REMOTE    BIT32(14)
#define ENTRY_LEVEL     BIT(15)
#define ENTRY_MASKED    BIT(16)
#define ENTRY_WRITABLE  0xff0000000001afffull
#define ENTRY_DEST_BITS 56

static u8 delivery_mode(u64 entry)
{
    return (u8)((entry & ENTRY_MODE) >> 8);
}

/* Only interrupts with a vector of their own get an EOI; the other modes are edges, always. */
static bool is_level(u64 entry)
{
    return (entry & ENTRY_LEVEL) && delivery_mode(entry) <= DELIVER_LOWEST;
}

static bool is_active(const struct ioapic *a, unsigned pin)
{
    return (a->lines >> pin & 1) != ((a->redirect[pin] & ENTRY_LOW) != 0);
}

/* After a change of a pin: whether it has something to send. */
static void update(struct ioapic *a, unsigned pin)
{
    const u64 entry = a->redirect[pin];
    const u32 bit = BIT32(pin);
    const bool wants =
        is_level(entry) ? is_active(a, pin) && !(a->remote_irr & bit) : (a->edges & bit) != 0;

    a->waiting = wants && !(entry & ENTRY_MASKED) ? a->waiting | bit : a->waiting & ~bit;
}

void ioapic_reset(struct ioapic *a)
{
    *a = (struct ioapic){.lines = a->lines};
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
        a->redirect[pin] = ENTRY_MASKED;
}

/* An edge at a masked pin is lost, as the data sheet says. */
void ioapic_toggle(struct ioapic *a, unsigned pin)
{
    a->lines ^= BIT32(pin);
    if (is_active(a, pin) && !(a->redirect[pin] & ENTRY_MASKED) && !is_level(a->redirect[pin]))
        a->edges |= BIT32(pin);
    update(a, pin);
}

bool ioapic_take(struct ioapic *a, struct apic_message *m)
{
    if (!a->waiting)
        return false;
    const unsigned pin = (unsigned)__builtin_ctz(a->waiting);
    const u64 entry = a->redirect[pin];
    *m = (struct apic_message){.vector = (u8)entry,
                               .mode = delivery_mode(entry),
                               .destination = (u8)(entry >> ENTRY_DEST_BITS),
                               .logical = (entry & ENTRY_LOGICAL) != 0,
                               .level = is_level(entry)};
    if (m->level)
        a->remote_irr |= BIT32(pin);
    a->edges &= ~BIT32(pin);
    update(a, pin);
    return true;
}

void ioapic_eoi(struct ioapic *a, u8 vector)
{
    for (u32 left = a->remote_irr; left; left &= left - 1) {
        const unsigned pin = (unsigned)__builtin_ctz(left);
        if ((u8)a->redirect[pin] != vector)
            continue;
        a->remote_irr &= ~BIT32(pin);
        update(a, pin);
    }
}

/* ---- registers ---- */

static void write_entry(struct ioapic *a, u32 reg, u32 value)
{
    const unsigned pin = (reg - REG_REDIRECT) / 2, shift = reg % 2 * 32;
    const u64 entry = (a->redirect[pin] & ~(0xffffffffull << shift)) | (u64)value << shift;

    a->redirect[pin] = entry & ENTRY_WRITABLE;
    if (!is_level(entry))
        a->remote_irr &= ~BIT32(pin);
    if (is_level(entry) || (entry & ENTRY_MASKED))
        a->edges &= ~BIT32(pin);
    update(a, pin);
}

static u32 read_entry(const struct ioapic *a, u32 reg)
{
    const unsigned pin = (reg - REG_REDIRECT) / 2;

    if (reg % 2)
        return (u32)(a->redirect[pin] >> 32);
    return (u32)a->redirect[pin] | (a->waiting >> pin & 1 ? ENTRY_STATUS : 0) |
           (a->remote_irr >> pin & 1 ? ENTRY_REMOTE : 0);
}

static bool is_entry(u32 reg)
{
    return reg >= REG_REDIRECT && reg < REG_REDIRECT + 2 * IOAPIC_PINS;
}

u32 ioapic_read(const struct ioapic *a, u32 offset)
{
    if (offset == AT_SELECT)
        return a->select;
    if (offset != AT_WINDOW)
        return 0;
    if (is_entry(a->select))
        return read_entry(a, a->select);
    switch (a->select) {
    case REG_ID:
    case REG_ARBITRATION: return a->id;
    case REG_VERSION: return VERSION;
    default: return 0;
    }
}

void ioapic_write(struct ioapic *a, u32 offset, u32 value)
{
    if (offset == AT_SELECT)
        a->select = (u8)value;
    else if (offset == AT_EOI)
        ioapic_eoi(a, (u8)value);
    else if (offset == AT_WINDOW && is_entry(a->select))
        write_entry(a, a->select, value);
    else if (offset == AT_WINDOW && a->select == REG_ID)
        a->id = value & ID_BITS;
}
