/* See devices.h.  Pure. */
#include "vmm/policy/devices.h"

struct span {
    u64 first, last;
};

#define DEVICE_PORTS(first, last, name) {first, last},
static const struct span ports[] = {
#include "vmm/policy/devices.def"
};

#define DEVICE_MEMORY(first, last, name) {first, last},
static const struct span memory[] = {
#include "vmm/policy/devices.def"
};

/* In one row: none touches the next. */
static bool have(const struct span *rows, size_t count, u64 first, u64 len)
{
    for (size_t i = 0; i < count; i++)
        if (first >= rows[i].first && first <= rows[i].last && len != 0 &&
            len - 1 <= rows[i].last - first)
            return true;
    return false;
}

bool devices_have_port(u32 first, u32 count)
{
    return have(ports, ARRAY_LEN(ports), first, count);
}

static bool overlap(u64 a, u64 a_len, u64 b, u64 b_len)
{
    return a <= b ? b - a < a_len : a - b < b_len;
}

bool devices_have_memory(const struct boot_info *boot, u64 first, u64 len)
{
    bool taken = overlap(boot->fb.base, boot->fb.size, first, len);

    for (u32 i = 0; i < boot->mem_count; i++)
        taken |= overlap(boot->mem[i].base, boot->mem[i].len, first, len);
    return !taken && have(memory, ARRAY_LEN(memory), first, len);
}

void devices_pass(u8 a[4096], u8 b[4096])
{
    for (u32 port = 0; port < 0x10000; port++) {
        u8 *page = port < 0x8000 ? a : b;

        if (devices_have_port(port, 1))
            page[port % 0x8000 / 8] &= (u8)~BIT32(port % 8);
    }
}
