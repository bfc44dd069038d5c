/* THE MMIO table.  What a PC answers where it has neither RAM nor a device.  Pure. */
#include "vmm/mmio.h"

static const struct mmio_row rows[] = {
    {0xfee00000, 0xfee00fff, MMIO_LAPIC, "local APIC"}, /* by far the most frequent: first */
    {0xfec00000, 0xfec00fff, MMIO_IOAPIC, "I/O APIC"},
    {0xa0000, 0xbffff, MMIO_OPEN_BUS, "legacy VGA window, no adapter"},
    {0xfed00000, 0xfed003ff, MMIO_OPEN_BUS, "HPET, absent"},
};
/* No row: an access stops the guest. */

const struct mmio_row *mmio_row(u32 index)
{
    return index < ARRAY_LEN(rows) ? &rows[index] : NULL;
}

enum mmio_kind mmio_find(gpa_t gpa, u32 len)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (gpa.v >= rows[i].first && gpa.v <= rows[i].last && len - 1 <= rows[i].last - gpa.v)
            return rows[i].kind;
    return MMIO_NONE;
}
