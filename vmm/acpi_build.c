/* The guest's ACPI tables; see acpi_build.h.  ACPI Specification 6.5, 5.2 "ACPI System
 * Description Tables" and 20 "ACPI Machine Language (AML) Specification".  Pure. */
#include "vmm/acpi_build.h"
#include "lib/mem.h"
#include "vmm/dev/ioapic.h"
#include "vmm/dev/lapic.h"
#include "vmm/dev/pm.h"

/* Bytes are counted also when they no longer fit: one check at the end is enough. */
struct out {
    u8 *buf;
    size_t size, at;
};

static void put8(struct out *o, u32 v)
{
    if (o->at < o->size)
        o->buf[o->at] = (u8)v;
    o->at++;
}

static void put_le(struct out *o, u64 v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        put8(o, (u8)(v >> 8 * i));
}

static void put_text(struct out *o, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        put8(o, (u8)s[i]);
}

static void align(struct out *o, size_t to)
{
    while (o->at % to)
        put8(o, 0);
}

static void set8(struct out *o, size_t at, u32 v)
{
    if (at < o->size)
        o->buf[at] = (u8)v;
}

static u8 sum(const struct out *o, size_t from, size_t to)
{
    u8 total = 0;
    for (size_t i = from; i < MIN(to, o->size); i++)
        total = (u8)(total + o->buf[i]);
    return total;
}

/* ---------------------------------------------------- AML */
// clang-format off
enum { AML_NAME = 0x08, AML_BYTE = 0x0a, AML_DWORD = 0x0c, AML_STRING = 0x0d, AML_SCOPE = 0x10, AML_BUFFER = 0x11,
       AML_PACKAGE = 0x12, AML_EXT = 0x5b, AML_EXT_DEVICE = 0x82 };
enum { RES_IRQ_NO_FLAGS = 0x22, RES_IO = 0x47, RES_IO_DECODE16 = 1, RES_END = 0x79 };
// clang-format on

/* Begins something with a PkgLength, always in its two-byte form (up to 4095 bytes),
 * which aml_end() fills in. */
static size_t aml_begin(struct out *o, u8 opcode)
{
    if (opcode == AML_EXT_DEVICE)
        put8(o, AML_EXT);
    put8(o, opcode);
    put_le(o, 0, 2);
    return o->at - 2;
}

static void aml_end(struct out *o, size_t length_at)
{
    const size_t len = o->at - length_at; /* PkgLength counts itself */
    set8(o, length_at, (u32)(0x40 | (len & 0x0f)));
    set8(o, length_at + 1, (u32)(len >> 4));
}

static void aml_name(struct out *o, const char name[static 4])
{
    put8(o, AML_NAME);
    put_text(o, name, 4);
}

static void aml_byte(struct out *o, u8 v)
{
    put8(o, AML_BYTE);
    put8(o, v);
}

static u32 hex_digit(char c)
{
    return (u32)(c <= '9' ? c - '0' : c - 'A' + 10);
}

/* "PNP0501" as an EISA id: three letters of five bits, four hexadecimal digits, the most
 * significant byte first. */
static void aml_eisa_id(struct out *o, const char id[static 7])
{
    const u32 letters = (u32)(id[0] & 31) << 10 | (u32)(id[1] & 31) << 5 | (u32)(id[2] & 31);
    const u32 number =
        hex_digit(id[3]) << 12 | hex_digit(id[4]) << 8 | hex_digit(id[5]) << 4 | hex_digit(id[6]);
    put8(o, AML_DWORD);
    put8(o, letters >> 8);
    put8(o, letters);
    put8(o, number >> 8);
    put8(o, number);
}

/* ---------------------------------------------------- the devices */
#define NO_IRQ 16

struct device {
    char name[5], id[8];
    u8 uid, irq;
    struct {
        u16 base;
        u8 len;
    } io[3]; /* len 0: unused */
};

// clang-format off
static const struct device devices[] = {
    /* name    id         uid irq     ports */
    {"PIC_", "PNP0000", 0, 2,      {{0x020, 2}, {0x0a0, 2}, {0x4d0, 2}}},
    {"TIMR", "PNP0100", 0, 0,      {{0x040, 4}}},
    {"RTC_", "PNP0B00", 0, 8,      {{0x070, 2}}},
    {"COM1", "PNP0501", 1, 4,      {{0x3f8, 8}}},
    {"SYSR", "PNP0C02", 0, NO_IRQ, {{0x092, 1}, {PM1_EVENT, PM_TIMER + 4 - PM1_EVENT}}},
};
// clang-format on

static void put_resources(struct out *o, const struct device *d)
{
    aml_name(o, "_CRS");
    const size_t buffer = aml_begin(o, AML_BUFFER);
    put8(o, AML_BYTE); /* BufferSize */
    const size_t size_at = o->at;
    put8(o, 0);
    for (size_t i = 0; i < ARRAY_LEN(d->io) && d->io[i].len; i++) {
        put8(o, RES_IO);
        put8(o, RES_IO_DECODE16);
        put_le(o, d->io[i].base, 2); /* minimum and maximum base are the same: fixed */
        put_le(o, d->io[i].base, 2);
        put8(o, 1); /* alignment */
        put8(o, d->io[i].len);
    }
    if (d->irq != NO_IRQ) {
        put8(o, RES_IRQ_NO_FLAGS);
        put_le(o, BIT32(d->irq), 2);
    }
    put8(o, RES_END);
    put8(o, 0); /* checksum: not used */
    set8(o, size_at, (u32)(o->at - size_at - 1));
    aml_end(o, buffer);
}

/* A processor: its _UID is the one in the MADT. */
static void put_processor(struct out *o)
{
    const size_t device = aml_begin(o, AML_EXT_DEVICE);
    put_text(o, "CPU0", 4);
    aml_name(o, "_HID");
    put8(o, AML_STRING);
    put_text(o, "ACPI0007", 9);
    aml_name(o, "_UID");
    aml_byte(o, 0);
    aml_end(o, device);
}

static void put_device(struct out *o, const struct device *d)
{
    const size_t device = aml_begin(o, AML_EXT_DEVICE);
    put_text(o, d->name, 4);
    aml_name(o, "_HID");
    aml_eisa_id(o, d->id);
    aml_name(o, "_UID");
    aml_byte(o, d->uid);
    put_resources(o, d);
    aml_end(o, device);
}

/* ---------------------------------------------------- tables */
static size_t begin_table(struct out *o, const char signature[static 4], u8 revision)
{
    const size_t table = o->at;
    put_text(o, signature, 4);
    put_le(o, 0, 4); /* length */
    put8(o, revision);
    put8(o, 0); /* checksum */
    put_text(o, "LINTEL", 6);
    put_text(o, "LINTELPC", 8);
    put_le(o, 1, 4);
    put_text(o, "LNTL", 4);
    put_le(o, 1, 4);
    return table;
}

static void end_table(struct out *o, size_t table)
{
    const size_t len = o->at - table;
    for (unsigned i = 0; i < 4; i++)
        set8(o, table + 4 + i, (u8)(len >> 8 * i));
    set8(o, table + 9, 0u - sum(o, table, o->at));
}

/* \_S5: what to write to SLP_TYP for power off; \_SB: the devices. */
static void put_dsdt(struct out *o)
{
    const size_t table = begin_table(o, "DSDT", 2);
    aml_name(o, "_S5_");
    const size_t package = aml_begin(o, AML_PACKAGE);
    put8(o, 4);
    aml_byte(o, PM_SLP_TYP_S5);
    aml_byte(o, PM_SLP_TYP_S5);
    aml_byte(o, 0);
    aml_byte(o, 0);
    aml_end(o, package);
    const size_t scope = aml_begin(o, AML_SCOPE);
    put_text(o, "_SB_", 4);
    put_processor(o);
    for (size_t i = 0; i < ARRAY_LEN(devices); i++)
        put_device(o, &devices[i]);
    aml_end(o, scope);
    end_table(o, table);
}

static void put_facs(struct out *o)
{
    align(o, 64);
    put_text(o, "FACS", 4);
    put_le(o, 64, 4);
    for (unsigned i = 0; i < 24; i++) /* no hardware signature, waking vector, lock, flags */
        put8(o, 0);
    put8(o, 2); /* version */
    for (unsigned i = 0; i < 31; i++)
        put8(o, 0);
}

/* Generic Address Structure in I/O space; access: 1 byte, 2 word, 3 double word. */
static void put_gas(struct out *o, u16 port, u8 bits, u8 access)
{
    put8(o, port ? 1 : 0);
    put8(o, bits);
    put8(o, 0);
    put8(o, access);
    put_le(o, port, 8);
}

// clang-format off
enum { FADT_WBINVD = BIT32(0), FADT_PROC_C1 = BIT32(2), FADT_NO_POWER_BUTTON = BIT32(4),
       FADT_NO_SLEEP_BUTTON = BIT32(5), FADT_NO_FIXED_RTC = BIT32(6), FADT_TMR_VAL_EXT = BIT32(8),
       FADT_RESET_REG_SUP = BIT32(10) };
enum { ARCH_LEGACY_DEVICES = BIT32(0), ARCH_NO_VGA = BIT32(2), ARCH_NO_MSI = BIT32(3),
       ARCH_NO_ASPM = BIT32(4) }; /* bit 1, 8042, is clear: Linux does not look for a keyboard */
// clang-format on

static void put_fadt(struct out *o, u64 facs, u64 dsdt)
{
    const size_t table = begin_table(o, "FACP", 6);
    put_le(o, facs, 4);
    put_le(o, dsdt, 4);
    put8(o, 0);      /* reserved */
    put8(o, 0);      /* Preferred_PM_Profile: unspecified */
    put_le(o, 9, 2); /* SCI_INT */
    put_le(o, 0, 4); /* SMI_CMD: always in ACPI mode */
    put_le(o, 0, 4); /* ACPI_ENABLE, ACPI_DISABLE, S4BIOS_REQ, PSTATE_CNT */
    put_le(o, PM1_EVENT, 4);
    put_le(o, 0, 4); /* PM1b */
    put_le(o, PM1_CONTROL, 4);
    put_le(o, 0, 8); /* PM1b, PM2 */
    put_le(o, PM_TIMER, 4);
    put_le(o, 0, 8);     /* GPE0, GPE1 */
    put8(o, 4);          /* PM1_EVT_LEN */
    put8(o, 2);          /* PM1_CNT_LEN */
    put8(o, 0);          /* PM2_CNT_LEN */
    put8(o, 4);          /* PM_TMR_LEN */
    put_le(o, 0, 4);     /* GPE0_BLK_LEN, GPE1_BLK_LEN, GPE1_BASE, CST_CNT */
    put_le(o, 0xfff, 2); /* P_LVL2_LAT: no C2 */
    put_le(o, 0xfff, 2); /* P_LVL3_LAT: no C3 */
    put_le(o, 0, 8);     /* FLUSH_SIZE, FLUSH_STRIDE, DUTY_OFFSET, DUTY_WIDTH, DAY_ALRM, MON_ALRM */
    put8(o, 0x32);       /* CENTURY */
    put_le(o, ARCH_LEGACY_DEVICES | ARCH_NO_VGA | ARCH_NO_MSI | ARCH_NO_ASPM, 2);
    put8(o, 0);
    put_le(o,
           FADT_WBINVD | FADT_PROC_C1 | FADT_NO_POWER_BUTTON | FADT_NO_SLEEP_BUTTON |
               FADT_NO_FIXED_RTC | FADT_TMR_VAL_EXT | FADT_RESET_REG_SUP,
           4);
    put_gas(o, 0xcf9, 8, 1);
    put8(o, 6);      /* RESET_VALUE */
    put_le(o, 0, 2); /* ARM_BOOT_ARCH */
    put8(o, 5);      /* FADT minor version */
    put_le(o, 0, 8); /* X_FIRMWARE_CTRL: the 32-bit one is used */
    put_le(o, dsdt, 8);
    put_gas(o, PM1_EVENT, 32, 2);
    put_gas(o, 0, 0, 0); /* PM1b */
    put_gas(o, PM1_CONTROL, 16, 2);
    put_gas(o, 0, 0, 0); /* PM1b */
    put_gas(o, 0, 0, 0); /* PM2 */
    put_gas(o, PM_TIMER, 32, 3);
    put_gas(o, 0, 0, 0);        /* GPE0 */
    put_gas(o, 0, 0, 0);        /* GPE1 */
    put_gas(o, 0, 0, 0);        /* SLEEP_CONTROL_REG */
    put_gas(o, 0, 0, 0);        /* SLEEP_STATUS_REG */
    put_text(o, "LINTEL\0", 8); /* Hypervisor Vendor Identity */
    end_table(o, table);
}

// clang-format off
enum { MADT_LOCAL_APIC, MADT_IO_APIC, MADT_OVERRIDE, MADT_LOCAL_NMI = 4 };
enum { MADT_PCAT_COMPAT = 1, MADT_ENABLED = 1, MADT_ALL_PROCESSORS = 0xff };
enum { MPS_CONFORMS = 0x0, MPS_HIGH_LEVEL = 0xd }; /* as the bus does; active high, level */
// clang-format on

static void put_override(struct out *o, u8 irq, u32 pin, u16 mps_flags)
{
    put8(o, MADT_OVERRIDE);
    put8(o, 10);
    put8(o, 0); /* ISA */
    put8(o, irq);
    put_le(o, pin, 4);
    put_le(o, mps_flags, 2);
}

/* One local APIC a processor, the I/O APIC and what is wired to it as board.c does. */
static void put_madt(struct out *o)
{
    const size_t table = begin_table(o, "APIC", 5);
    put_le(o, LAPIC_BASE, 4);
    put_le(o, MADT_PCAT_COMPAT, 4); /* there are 8259s, too */
    put8(o, MADT_LOCAL_APIC);
    put8(o, 8);
    put8(o, 0); /* _UID of the processor's device */
    put8(o, 0); /* APIC ID */
    put_le(o, MADT_ENABLED, 4);
    put8(o, MADT_IO_APIC);
    put8(o, 12);
    put8(o, 0); /* I/O APIC ID */
    put8(o, 0);
    put_le(o, IOAPIC_BASE, 4);
    put_le(o, 0, 4); /* its first global interrupt */
    put_override(o, 0, 2, MPS_CONFORMS);
    put_override(o, 9, 9, MPS_HIGH_LEVEL);
    put8(o, MADT_LOCAL_NMI);
    put8(o, 6);
    put8(o, MADT_ALL_PROCESSORS);
    put_le(o, MPS_CONFORMS, 2);
    put8(o, 1); /* LINT1 */
    end_table(o, table);
}

static void put_xsdt(struct out *o, u64 fadt, u64 madt)
{
    const size_t table = begin_table(o, "XSDT", 1);
    put_le(o, fadt, 8);
    put_le(o, madt, 8);
    end_table(o, table);
}

static void put_rsdp(struct out *o, u64 xsdt)
{
    const size_t at = o->at;
    put_text(o, "RSD PTR ", 8);
    put8(o, 0); /* checksum of the first 20 bytes */
    put_text(o, "LINTEL", 6);
    put8(o, 2);       /* revision: ACPI 2.0 and later */
    put_le(o, 0, 4);  /* no RSDT */
    put_le(o, 36, 4); /* length */
    put_le(o, xsdt, 8);
    put_le(o, 0, 4); /* checksum of all bytes, reserved */
    set8(o, at + 8, 0u - sum(o, at, at + 20));
    set8(o, at + 32, 0u - sum(o, at, at + 36));
}

#define RSDP_SPACE 64

size_t acpi_build(u8 *buf, size_t size)
{
    struct out o = {.buf = buf, .size = MIN(size, ACPI_GUEST_SIZE), .at = RSDP_SPACE};
    put_facs(&o);
    const u64 facs = ACPI_GUEST_BASE + o.at - 64;
    const u64 dsdt = ACPI_GUEST_BASE + o.at;
    put_dsdt(&o);
    align(&o, 16);
    const u64 fadt = ACPI_GUEST_BASE + o.at;
    put_fadt(&o, facs, dsdt);
    align(&o, 16);
    const u64 madt = ACPI_GUEST_BASE + o.at;
    put_madt(&o);
    align(&o, 16);
    const u64 xsdt = ACPI_GUEST_BASE + o.at;
    put_xsdt(&o, fadt, madt);
    const size_t used = o.at;
    if (used > o.size)
        return 0;
    o.at = 0; /* the RSDP comes first and is written last: it points at the others */
    put_rsdp(&o, xsdt);
    memset(buf + o.at, 0, RSDP_SPACE - o.at);
    return used;
}
