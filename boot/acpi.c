/* Reader of ACPI tables.  All access goes through read_le(), which knows the bounds: a table that
 * is too short for a field reads as 0 there, and 0 means "none" in every field used.  Pure. */
#include "boot/acpi.h"
#include "lib/mem.h"

#define RSDP_V1_LEN   20u
#define RSDP_V2_LEN   36u
#define RSDP_LEN_MAX  4096u
#define HEADER_LEN    36u
#define TABLE_LEN_MAX (4 * MiB)
#define TABLES_MAX    256u

#define IO_PORT_LAST  0xffffu
#define SLP_TYP_LAST  7u

/* FADT, offsets */
#define FADT_DSDT          40u
#define FADT_SMI_CMD       48u
#define FADT_ACPI_ENABLE   52u
#define FADT_PM1A_CNT      64u
#define FADT_PM1B_CNT      68u
#define FADT_PM_TMR        76u
#define FADT_FLAGS         112u
#define FADT_RESET_REG     116u
#define FADT_RESET_VALUE   128u
#define FADT_X_DSDT        140u
#define FADT_X_PM1A_CNT    172u
#define FADT_X_PM1B_CNT    184u
#define FADT_X_PM_TMR      208u
#define FADT_SLEEP_CONTROL 244u
#define FADT_TMR_VAL_EXT   BIT(8)
#define FADT_RESET_REG_SUP BIT(10)
#define FADT_HW_REDUCED    BIT(20)

/* MADT */
#define MADT_LAPIC_ADDRESS  36u
#define MADT_ENTRIES        44u
#define MADT_LAPIC          0u
#define MADT_IOAPIC         1u
#define MADT_LAPIC_OVERRIDE 5u
#define MADT_X2APIC         9u
#define MADT_CPU_ENABLED    BIT(0)
#define LAPIC_EVERYBODY     0xffu /* destinations, not ids */
#define X2APIC_EVERYBODY    0xffffffffu

#define MCFG_ENTRIES        44u
#define MCFG_ENTRY_LEN      16u

/* AML */
#define AML_ZERO    0x00u
#define AML_ONE     0x01u
#define AML_NAME    0x08u
#define AML_BYTE    0x0au
#define AML_WORD    0x0bu
#define AML_DWORD   0x0cu
#define AML_QWORD   0x0eu
#define AML_PACKAGE 0x12u
#define AML_ROOT    '\\'

struct bytes {
    const u8 *data;
    u64 len;
};

/* n <= 8 bytes, little endian; 0 if they are not all there. */
static u64 read_le(const struct bytes *b, u64 at, unsigned n)
{
    u64 value = 0;

    if (at > b->len || n > b->len - at)
        return 0;
    for (unsigned i = n; i-- > 0;)
        value = value << 8 | b->data[at + i];
    return value;
}

static bool sum_is_zero(const struct bytes *b, u64 len)
{
    u8 sum = 0;

    for (u64 i = 0; i < len; i++)
        sum = (u8)(sum + b->data[i]);
    return sum == 0;
}

static bool text_at(const struct bytes *b, u64 at, const char *text)
{
    const size_t len = strlen(text);

    return at <= b->len && len <= b->len - at && memcmp(b->data + at, text, len) == 0;
}

static bool view(const struct acpi_map *map, u64 phys, u64 len, struct bytes *out)
{
    if (phys == 0 || len > UINT64_MAX - phys)
        return false;
    *out = (struct bytes){map->map(map->ctx, phys, len), len};
    return out->data != NULL;
}

/* A whole table with a right checksum. */
static bool view_table(const struct acpi_map *map, u64 phys, struct bytes *out)
{
    struct bytes header;

    if (!view(map, phys, HEADER_LEN, &header))
        return false;

    const u64 len = read_le(&header, 4, 4);

    return len >= HEADER_LEN && len <= TABLE_LEN_MAX && view(map, phys, len, out) &&
           sum_is_zero(out, len);
}

/* ------------------------------------------------------------ \_S5 */

/* One integer of a package; moves *at behind it. */
static bool aml_integer(const struct bytes *b, u64 *at, u64 *value)
{
    static const u8 size_of[] = {
        [AML_BYTE] = 1,
        [AML_WORD] = 2,
        [AML_DWORD] = 4,
        [AML_QWORD] = 8,
    };

    if (*at >= b->len)
        return false;

    const u8 op = b->data[(*at)++];

    if (op == AML_ZERO || op == AML_ONE) {
        *value = op;
        return true;
    }
    if (op >= ARRAY_LEN(size_of) || size_of[op] == 0 || size_of[op] > b->len - *at)
        return false;
    *value = read_le(b, *at, size_of[op]);
    *at += size_of[op];
    return true;
}

/* PkgLength: counts from its own first byte, if there is one. Moves *at behind
 * it and gives the package's end, which a wrong length may put before *at. */
static bool aml_package_end(const struct bytes *b, u64 *at, u64 *end)
{
    const u8 lead = (u8)read_le(b, *at, 1);
    const unsigned more = lead >> 6;
    const u64 len = more == 0 ? lead & 0x3f : (lead & 0x0f) | read_le(b, *at + 1, more) << 4;

    if (*at > b->len || len > b->len - *at)
        return false;
    *end = *at + len;
    *at += 1 + more;
    return true;
}

/* At `at`: PackageOp with at least two integers that can be SLP_TYP values. */
static bool s5_package(const struct bytes *b, u64 at, struct acpi_info *info)
{
    u64 end, type_a, type_b;

    if (at >= b->len || b->data[at++] != AML_PACKAGE || !aml_package_end(b, &at, &end))
        return false;

    const struct bytes package = {b->data, end};

    if (read_le(&package, at++, 1) < 2)
        return false;
    if (!aml_integer(&package, &at, &type_a) || !aml_integer(&package, &at, &type_b))
        return false;
    if (type_a > SLP_TYP_LAST || type_b > SLP_TYP_LAST)
        return false;
    info->has_s5 = true;
    info->s5_type_a = (u8)type_a;
    info->s5_type_b = (u8)type_b;
    return true;
}

/* Name (_S5_, Package () {...}) anywhere in a definition block. The name is reserved for this,
 * so the form is looked for without interpreting what stands around it. */
static void find_s5(const struct bytes *aml, struct acpi_info *info)
{
    for (u64 at = HEADER_LEN; at < aml->len && !info->has_s5; at++) {
        if (aml->data[at] != AML_NAME)
            continue;

        const u64 name = at + 1 + (read_le(aml, at + 1, 1) == AML_ROOT);

        if (text_at(aml, name, "_S5_"))
            s5_package(aml, name + 4, info);
    }
}

/* ------------------------------------------------------------ FADT */

static struct acpi_reg read_reg(const struct bytes *b, u64 at)
{
    struct acpi_reg r = {
        .space = (u8)read_le(b, at, 1),
        .address = read_le(b, at + 4, 8),
    };

    r.present = r.address != 0 && r.space <= ACPI_SPACE_PCI &&
                (r.space != ACPI_SPACE_IO || r.address <= IO_PORT_LAST);
    return r.present ? r : (struct acpi_reg){0};
}

/* The extended field if it names a port, else the old 32-bit one. */
static u16 read_port(const struct bytes *b, u64 at, u64 extended_at)
{
    const struct acpi_reg x = read_reg(b, extended_at);
    const u64 port = read_le(b, at, 4);

    if (x.present && x.space == ACPI_SPACE_IO)
        return (u16)x.address;
    return port <= IO_PORT_LAST ? (u16)port : 0;
}

static void on_fadt(const struct acpi_map *map, const struct bytes *b, struct acpi_info *info)
{
    const u64 flags = read_le(b, FADT_FLAGS, 4);
    const u64 smi_command = read_le(b, FADT_SMI_CMD, 4);
    const u64 x_dsdt = read_le(b, FADT_X_DSDT, 8);
    struct bytes dsdt;

    info->has_fadt = true;
    info->hardware_reduced = flags & FADT_HW_REDUCED;
    info->smi_command = smi_command <= IO_PORT_LAST ? (u16)smi_command : 0;
    info->acpi_enable = (u8)read_le(b, FADT_ACPI_ENABLE, 1);
    info->pm1a_control = read_port(b, FADT_PM1A_CNT, FADT_X_PM1A_CNT);
    info->pm1b_control = read_port(b, FADT_PM1B_CNT, FADT_X_PM1B_CNT);
    info->pm_timer = read_port(b, FADT_PM_TMR, FADT_X_PM_TMR);
    info->pm_timer_32bit = flags & FADT_TMR_VAL_EXT;
    if (info->hardware_reduced)
        info->sleep_control = read_reg(b, FADT_SLEEP_CONTROL);
    if (flags & FADT_RESET_REG_SUP) {
        info->reset = read_reg(b, FADT_RESET_REG);
        info->reset_value = (u8)read_le(b, FADT_RESET_VALUE, 1);
    }
    if (view_table(map, x_dsdt != 0 ? x_dsdt : read_le(b, FADT_DSDT, 4), &dsdt) &&
        text_at(&dsdt, 0, "DSDT"))
        find_s5(&dsdt, info);
}

/* ------------------------------------------------------------ MADT, MCFG, the rest */

static void add_cpu(struct acpi_info *info, u64 apic_id, u64 everybody, u64 flags)
{
    if (!(flags & MADT_CPU_ENABLED) || apic_id == everybody)
        return;
    for (u32 i = 0; i < info->cpu_count; i++)
        if (info->cpu_apic_id[i] == apic_id) /* listed as LAPIC and as x2APIC */
            return;
    if (info->cpu_count == ACPI_CPUS_MAX)
        info->cpus_left_out++;
    else
        info->cpu_apic_id[info->cpu_count++] = (u32)apic_id;
}

static void add_ioapic(struct acpi_info *info, const struct bytes *entry)
{
    if (info->ioapic_count < ACPI_IOAPICS_MAX)
        info->ioapic[info->ioapic_count++] = (struct acpi_ioapic){
            .id = (u32)read_le(entry, 2, 1),
            .gsi_base = (u32)read_le(entry, 8, 4),
            .address = read_le(entry, 4, 4),
        };
}

static void on_madt(const struct acpi_map *map, const struct bytes *b, struct acpi_info *info)
{
    (void)map;
    info->has_madt = true;
    info->lapic_address = read_le(b, MADT_LAPIC_ADDRESS, 4);

    for (u64 at = MADT_ENTRIES; at < b->len;) {
        const u64 len = read_le(b, at + 1, 1);

        if (len < 2 || len > b->len - at)
            return;

        const struct bytes entry = {b->data + at, len};

        switch (b->data[at]) {
        case MADT_LAPIC:
            add_cpu(info, read_le(&entry, 3, 1), LAPIC_EVERYBODY, read_le(&entry, 4, 4));
            break;
        case MADT_X2APIC:
            add_cpu(info, read_le(&entry, 4, 4), X2APIC_EVERYBODY, read_le(&entry, 8, 4));
            break;
        case MADT_IOAPIC: add_ioapic(info, &entry); break;
        case MADT_LAPIC_OVERRIDE: info->lapic_address = read_le(&entry, 4, 8); break;
        }
        at += len;
    }
}

static void on_mcfg(const struct acpi_map *map, const struct bytes *b, struct acpi_info *info)
{
    (void)map;
    for (u64 at = MCFG_ENTRIES; at < b->len && MCFG_ENTRY_LEN <= b->len - at;
         at += MCFG_ENTRY_LEN) {
        const struct acpi_mcfg m = {
            .base = read_le(b, at, 8),
            .segment = (u16)read_le(b, at + 8, 2),
            .bus_first = b->data[at + 10],
            .bus_last = b->data[at + 11],
        };

        if (m.base != 0 && m.bus_first <= m.bus_last && info->mcfg_count < ACPI_MCFG_MAX)
            info->mcfg[info->mcfg_count++] = m;
    }
}

static void on_dmar(const struct acpi_map *map, const struct bytes *b, struct acpi_info *info)
{
    (void)map;
    (void)b;
    info->has_dmar = true;
}

static void on_ssdt(const struct acpi_map *map, const struct bytes *b, struct acpi_info *info)
{
    (void)map;
    find_s5(b, info);
}

/* Which tables are read. Others: not looked at. */
static const struct {
    char signature[5];
    bool once; /* the first one counts */
    void (*read)(const struct acpi_map *map, const struct bytes *b, struct acpi_info *info);
} readers[] = {
    {"FACP", true, on_fadt},  {"APIC", true, on_madt},  {"MCFG", true, on_mcfg},
    {"DMAR", false, on_dmar}, {"SSDT", false, on_ssdt},
};

static void read_table(const struct acpi_map *map, u64 phys, struct acpi_info *info, u32 *seen)
{
    struct bytes header, table;

    if (!view(map, phys, HEADER_LEN, &header))
        return;
    for (unsigned i = 0; i < ARRAY_LEN(readers); i++) {
        if (!text_at(&header, 0, readers[i].signature) ||
            (readers[i].once && (*seen & BIT32(i)) != 0))
            continue;
        if (view_table(map, phys, &table)) {
            *seen |= BIT32(i);
            readers[i].read(map, &table, info);
        }
    }
}

/* ------------------------------------------------------------ the way to the tables */

static err_t find_root(const struct acpi_map *map, u64 rsdp, u64 *root, unsigned *entry_len)
{
    struct bytes b;

    if (!view(map, rsdp, RSDP_V1_LEN, &b) || !text_at(&b, 0, "RSD PTR "))
        return E_NOENT;
    if (!sum_is_zero(&b, RSDP_V1_LEN))
        return E_INVAL;
    *root = read_le(&b, 16, 4);
    *entry_len = 4;
    if (read_le(&b, 15, 1) < 2)
        return OK;

    if (!view(map, rsdp, RSDP_V2_LEN, &b))
        return E_INVAL;

    const u64 len = read_le(&b, 20, 4);
    const u64 xsdt = read_le(&b, 24, 8);

    if (len < RSDP_V2_LEN || len > RSDP_LEN_MAX || !view(map, rsdp, len, &b) ||
        !sum_is_zero(&b, len))
        return E_INVAL;
    if (xsdt != 0) {
        *root = xsdt;
        *entry_len = 8;
    }
    return OK;
}

err_t acpi_parse(const struct acpi_map *map, u64 rsdp, struct acpi_info *info)
{
    struct bytes root;
    u64 root_phys;
    unsigned entry_len;
    u32 seen = 0;

    *info = (struct acpi_info){0};
    TRY(find_root(map, rsdp, &root_phys, &entry_len));
    if (!view_table(map, root_phys, &root) || !text_at(&root, 0, entry_len == 8 ? "XSDT" : "RSDT"))
        return E_INVAL;

    const u64 count = MIN((root.len - HEADER_LEN) / entry_len, (u64)TABLES_MAX);

    for (u64 i = 0; i < count; i++)
        read_table(map, read_le(&root, HEADER_LEN + i * entry_len, entry_len), info, &seen);
    return OK;
}
