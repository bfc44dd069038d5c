/* The builder of a guest's ACPI tables for any number of processors and any size of memory: it
 * stays within what it is given, says how much it used, and Lintel's own parser finds in the tables
 * what was asked for. */
#include "boot/acpi.h"
#include "boot/pc/acpi_build.h"
#include "config.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(c)                                                                                   \
    do {                                                                                           \
        if (!(c))                                                                                  \
            abort();                                                                               \
    } while (0)

struct tables {
    const u8 *bytes;
    size_t len;
};

static const void *map(void *ctx, u64 phys, u64 len)
{
    const struct tables *t = ctx;

    if (phys < ACPI_GUEST_BASE || phys - ACPI_GUEST_BASE > t->len ||
        len > t->len - (phys - ACPI_GUEST_BASE))
        return NULL;
    return t->bytes + (phys - ACPI_GUEST_BASE);
}

static void judge(const u8 *bytes, size_t used, u32 cpus)
{
    struct tables tables = {bytes, used};
    const struct acpi_map m = {map, &tables};
    struct acpi_info info;

    CHECK(acpi_parse(&m, ACPI_GUEST_BASE, &info) == OK);
    CHECK(info.has_fadt && info.has_madt && info.has_s5);
    CHECK(info.cpu_count == cpus && info.ioapic_count == 1);
    for (u32 i = 0; i < cpus; i++)
        CHECK(info.cpu_apic_id[i] == i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static size_t needed[2][CONFIG_VCPUS_MAX + 1];
    struct {
        u32 cpus;
        u16 len;
        u8 fill;
    } PACKED in;

    if (size < sizeof(in))
        return 0;
    memcpy(&in, data, sizeof(in));
    if (in.fill & 1) /* one that there may be */
        in.cpus = in.cpus % CONFIG_VCPUS_MAX + 1;
    const bool pci = in.fill & 2;
    u8 *const buf = malloc(in.len ? in.len : 1); /* of exactly that size, for the sanitizer */

    CHECK(buf);
    memset(buf, in.fill, in.len);
    const size_t used = acpi_build(buf, in.len, &(struct acpi_guest){.cpus = in.cpus, .pci = pci});

    CHECK(used <= in.len);
    if (in.cpus < 1 || in.cpus > CONFIG_VCPUS_MAX) {
        CHECK(used == 0);
    } else if (used) {
        CHECK(!needed[pci][in.cpus] ||
              needed[pci][in.cpus] == used); /* whatever was there before */
        needed[pci][in.cpus] = used;
        judge(buf, used, in.cpus);
    } else {
        CHECK(!needed[pci][in.cpus] || in.len < needed[pci][in.cpus]);
    }
    free(buf);
    return 0;
}
