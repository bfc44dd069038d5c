/* A local APIC's MSRs; see lapic_msr.h.  SDM Vol. 3A, "Extended XAPIC (x2APIC)".  Pure. */
#include "vmm/dev/lapic_msr.h"
#include "vmm/dev/lapic_icr.h"
#include "vmm/dev/lapic_registers.h"
#include "vmm/dev/lapic_state.h"

#define BASE_MODE   (LAPIC_BASE_EN | LAPIC_BASE_EXTD)
#define NUMBER(reg) ((reg) >> 4)
#define READ_ONLY   0
#define LVT_STATUS  0x1000u /* read-only bits, which a write may have set */
#define LVT_REMOTE  0x4000u
#define ICR_ACCEPTED                                                                               \
    (0xffffffff00000000ull | ICR_WRITABLE | 0x1000u /* was the delivery status    \
                                                                      */)
#define SVR_FOCUS 0x200u /* "not supported", yet not reserved */

/* By number: whether it can be read and written, and the bits that a write may have set. */
// clang-format off
static const struct x2apic_register {
    bool read, write;
    u64 accepted;
} registers[LAPIC_MSR_LAST - LAPIC_MSR_FIRST + 1] = {
    [NUMBER(REG_ID)]            = {true,  false, READ_ONLY},
    [NUMBER(REG_VERSION)]       = {true,  false, READ_ONLY},
    [NUMBER(REG_TPR)]           = {true,  true,  0xff},
    [NUMBER(REG_PPR)]           = {true,  false, READ_ONLY},
    [NUMBER(REG_EOI)]           = {false, true,  0},
    [NUMBER(REG_LDR)]           = {true,  false, READ_ONLY},
    [NUMBER(REG_SVR)]           = {true,  true,  0x1ff | SVR_FOCUS},
    [NUMBER(REG_ISR) ... NUMBER(REG_BITMAPS_END) - 1] = {true, false, READ_ONLY},
    [NUMBER(REG_ESR)]           = {true,  true,  0},
    [NUMBER(REG_ICR_LOW)]       = {true,  true,  ICR_ACCEPTED},
    [NUMBER(REG_LVT) + LVT_TIMER]   = {true, true, 0x700ff | LVT_STATUS},
    [NUMBER(REG_LVT) + LVT_THERMAL] = {true, true, 0x107ff | LVT_STATUS},
    [NUMBER(REG_LVT) + LVT_PERFMON] = {true, true, 0x107ff | LVT_STATUS},
    [NUMBER(REG_LVT) + LVT_LINT0]   = {true, true, 0x1a7ff | LVT_STATUS | LVT_REMOTE},
    [NUMBER(REG_LVT) + LVT_LINT1]   = {true, true, 0x1a7ff | LVT_STATUS | LVT_REMOTE},
    [NUMBER(REG_LVT) + LVT_ERROR]   = {true, true, 0x100ff | LVT_STATUS},
    [NUMBER(REG_INITIAL_COUNT)] = {true,  true,  0xffffffff},
    [NUMBER(REG_CURRENT_COUNT)] = {true,  false, READ_ONLY},
    [NUMBER(REG_DIVIDE)]        = {true,  true,  0xb},
    [NUMBER(REG_SELF_IPI)]      = {false, true,  0xff},
};
// clang-format on

static bool is_legal(const struct lapic *l, u64 value)
{
    switch (value & BASE_MODE) {
    case 0: return true;
    case LAPIC_BASE_EN: return lapic_mode(l) != LAPIC_X2APIC;
    case BASE_MODE: return lapic_mode(l) != LAPIC_OFF;
    default: return false;
    }
}

/* SDM Vol. 3A, "State Changes From xAPIC Mode to x2APIC Mode": all stays but LDR, a written ID and
 * the high half of ICR. */
err_t lapic_write_base(struct lapic *l, u64 value, u64 now)
{
    if (((value ^ l->base) & ~(u64)BASE_MODE) || !is_legal(l, value))
        return E_INVAL;
    if (value == l->base)
        return OK;
    lapic_tick(l, now); /* what was due came before this write */
    if (!(value & LAPIC_BASE_EN)) {
        lapic_power_up(l, l->id, value);
        return OK;
    }
    l->icr_high = 0;
    l->base = value;
    lapic_mode_changed(l);
    return OK;
}

static const struct x2apic_register *find(const struct lapic *l, u32 msr, u32 *offset)
{
    const u32 number = msr - LAPIC_MSR_FIRST;

    if (number >= ARRAY_LEN(registers) || lapic_mode(l) != LAPIC_X2APIC)
        return NULL;
    *offset = number << 4;
    return &registers[number];
}

err_t lapic_msr_check_read(const struct lapic *l, u32 msr, u32 *offset)
{
    const struct x2apic_register *r = find(l, msr, offset);

    return r && r->read ? OK : E_INVAL;
}

err_t lapic_msr_check_write(const struct lapic *l, u32 msr, u64 value, u32 *offset)
{
    const struct x2apic_register *r = find(l, msr, offset);

    return r && r->write && !(value & ~r->accepted) ? OK : E_INVAL;
}

err_t lapic_msr_read(struct lapic *l, u32 msr, u64 *value, u64 now)
{
    u32 offset;

    TRY(lapic_msr_check_read(l, msr, &offset));
    *value = lapic_read(l, offset, now);
    if (offset == REG_ICR_LOW)
        *value |= (u64)l->icr_high << 32;
    return OK;
}

err_t lapic_msr_write(struct lapic *l, u32 msr, u64 value, u64 now)
{
    u32 offset;

    TRY(lapic_msr_check_write(l, msr, value, &offset));
    if (offset == REG_SELF_IPI) {
        lapic_tick(l, now);
        lapic_self_ipi(l, (u8)value);
        return OK;
    }
    if (offset == REG_ICR_LOW)
        l->icr_high = (u32)(value >> 32);
    lapic_write(l, offset, (u32)value, now);
    return OK;
}
