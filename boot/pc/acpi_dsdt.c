/* The devices that a guest is told of, in AML: ACPI Specification 6.5, 20 "ACPI Machine Language
 * (AML) Specification" and 6.1.12 "_UID"; each is what vmm/board.c has.  Pure. */
#include "boot/pc/acpi_dsdt.h"
#include "abi/control.h"
#include "pc.h"

/* ---------------------------------------------------- AML */
// clang-format off
enum { AML_NAME = 0x08, AML_BYTE = 0x0a, AML_DWORD = 0x0c, AML_STRING = 0x0d, AML_SCOPE = 0x10, AML_BUFFER = 0x11,
       AML_PACKAGE = 0x12, AML_EXT = 0x5b, AML_EXT_DEVICE = 0x82 };
enum { RES_IRQ_NO_FLAGS = 0x22, RES_IO = 0x47, RES_IO_DECODE16 = 1, RES_END = 0x79, RES_MEMORY32_FIXED = 0x86,
       RES_DWORD = 0x87, RES_WORD = 0x88 };
enum { STA_PRESENT = 0x0f }; /* present, enabled, shown, functioning: 6.3.7 "_STA (Device Status)" */
// clang-format on

/* Begins something with a PkgLength, always in its two-byte form (up to 4095 bytes),
 * which aml_end() fills in. */
static size_t aml_begin(struct out *o, u8 opcode)
{
    if (opcode == AML_EXT_DEVICE)
        out_u8(o, AML_EXT);
    out_u8(o, opcode);
    out_le(o, 0, 2);
    return o->at - 2;
}

static void aml_end(struct out *o, size_t length_at)
{
    const size_t len = o->at - length_at; /* PkgLength counts itself */
    out_set8(o, length_at, (u32)(0x40 | (len & 0x0f)));
    out_set8(o, length_at + 1, (u32)(len >> 4));
}

static void aml_name(struct out *o, const char name[static 4])
{
    out_u8(o, AML_NAME);
    out_text(o, name, 4);
}

static void aml_byte(struct out *o, u8 v)
{
    out_u8(o, AML_BYTE);
    out_u8(o, v);
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
    out_u8(o, AML_DWORD);
    out_u8(o, letters >> 8);
    out_u8(o, letters);
    out_u8(o, number >> 8);
    out_u8(o, number);
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

/* A template of resources, as _CRS gives it. */
struct resources {
    size_t buffer, size_at;
};

static struct resources resources_begin(struct out *o)
{
    struct resources r;

    aml_name(o, "_CRS");
    r.buffer = aml_begin(o, AML_BUFFER);
    out_u8(o, AML_BYTE); /* BufferSize */
    r.size_at = o->at;
    out_u8(o, 0);
    return r;
}

static void resources_end(struct out *o, struct resources r)
{
    out_u8(o, RES_END);
    out_u8(o, 0); /* checksum: not used */
    out_set8(o, r.size_at, (u32)(o->at - r.size_at - 1));
    aml_end(o, r.buffer);
}

static void put_io(struct out *o, u16 base, u8 len)
{
    out_u8(o, RES_IO);
    out_u8(o, RES_IO_DECODE16);
    out_le(o, base, 2); /* minimum and maximum base are the same: fixed */
    out_le(o, base, 2);
    out_u8(o, 1); /* alignment */
    out_u8(o, len);
}

static void put_resources(struct out *o, const struct device *d)
{
    const struct resources r = resources_begin(o);

    for (size_t i = 0; i < ARRAY_LEN(d->io) && d->io[i].len; i++)
        put_io(o, d->io[i].base, d->io[i].len);
    if (d->irq != NO_IRQ) {
        out_u8(o, RES_IRQ_NO_FLAGS);
        out_le(o, BIT32(d->irq), 2);
    }
    resources_end(o, r);
}

/* A processor: its _UID is the one in the MADT. */
static void put_processor(struct out *o, u32 uid)
{
    const size_t device = aml_begin(o, AML_EXT_DEVICE);
    out_text(o, "CPU", 3);
    out_u8(o, '0' + uid);
    aml_name(o, "_HID");
    out_u8(o, AML_STRING);
    out_text(o, "ACPI0007", 9);
    aml_name(o, "_UID");
    aml_byte(o, (u8)uid);
    aml_name(o, "_STA");
    aml_byte(o, STA_PRESENT);
    aml_end(o, device);
}

static size_t begin_device(struct out *o, const char name[static 4], const char id[static 7],
                           u8 uid)
{
    const size_t device = aml_begin(o, AML_EXT_DEVICE);
    out_text(o, name, 4);
    aml_name(o, "_HID");
    aml_eisa_id(o, id);
    aml_name(o, "_UID");
    aml_byte(o, uid);
    return device;
}

static void put_device(struct out *o, const struct device *d)
{
    const size_t device = begin_device(o, d->name, d->id, d->uid);
    put_resources(o, d);
    aml_end(o, device);
}

/* ---------------------------------------------------- the PCI bus */
// clang-format off
enum { SPACE_MEMORY = 0, SPACE_IO = 1, SPACE_BUS = 2, SPACE_FIXED = 0x0c };
enum { MEMORY_WRITABLE = 1, IO_ENTIRE_RANGE = 3 };
enum { WINDOW_PRODUCER = 0, WORD_LEN = 13, MEMORY_LEN = 23, FIXED_LEN = 9 };
// clang-format on

/* 6.4.3.5.3 "Word Address Space Descriptor": of granularity 1, not translated. */
static void put_words(struct out *o, u8 space, u8 flags, u16 first, u16 last)
{
    out_u8(o, RES_WORD);
    out_le(o, WORD_LEN, 2);
    out_u8(o, space);
    out_u8(o, SPACE_FIXED | WINDOW_PRODUCER);
    out_u8(o, flags);
    out_le(o, 0, 2);
    out_le(o, first, 2);
    out_le(o, last, 2);
    out_le(o, 0, 2);
    out_le(o, last + 1u - first, 2);
}

/* 6.4.3.5.2 "DWord Address Space Descriptor". */
static void put_bus_resources(struct out *o)
{
    const struct resources r = resources_begin(o);

    put_words(o, SPACE_BUS, 0, 0, 0);
    put_io(o, 0xcf8, 8);
    put_words(o, SPACE_IO, IO_ENTIRE_RANGE, ABI_PCI_PORTS, ABI_PCI_PORTS_LAST);
    out_u8(o, RES_DWORD);
    out_le(o, MEMORY_LEN, 2);
    out_u8(o, SPACE_MEMORY);
    out_u8(o, SPACE_FIXED | WINDOW_PRODUCER);
    out_u8(o, MEMORY_WRITABLE); /* not cacheable */
    out_le(o, 0, 4);            /* granularity */
    out_le(o, ABI_PCI_MEMORY, 4);
    out_le(o, ABI_PCI_MEMORY_LAST, 4);
    out_le(o, 0, 4); /* translation */
    out_le(o, ABI_PCI_MEMORY_LAST + 1 - ABI_PCI_MEMORY, 4);
    resources_end(o, r);
}

/* 6.2.13 "_PRT (PCI Routing Table)": a device has one function, which uses INTA alone. */
static void put_routing(struct out *o)
{
    aml_name(o, "_PRT");
    const size_t table = aml_begin(o, AML_PACKAGE);
    out_u8(o, ABI_PCI_SLOTS);
    for (u32 slot = 0; slot < ABI_PCI_SLOTS; slot++) {
        const size_t row = aml_begin(o, AML_PACKAGE);
        out_u8(o, 4);
        out_u8(o, AML_DWORD);
        out_le(o, slot << 16 | 0xffff, 4);
        aml_byte(o, 0); /* INTA */
        aml_byte(o, 0); /* no link device: a global interrupt */
        aml_byte(o, (u8)ABI_PCI_LINE(slot));
        aml_end(o, row);
    }
    aml_end(o, table);
}

/* The PCI Firmware Specification wants the ECAM area among the resources of the motherboard. */
static void put_ecam(struct out *o)
{
    const size_t device = begin_device(o, "ECAM", "PNP0C02", 1);
    const struct resources r = resources_begin(o);
    out_u8(o, RES_MEMORY32_FIXED);
    out_le(o, FIXED_LEN, 2);
    out_u8(o, MEMORY_WRITABLE);
    out_le(o, ABI_PCI_ECAM, 4);
    out_le(o, ABI_PCI_ECAM_LAST + 1 - ABI_PCI_ECAM, 4);
    resources_end(o, r);
    aml_end(o, device);
}

static void put_pci(struct out *o)
{
    const size_t device = begin_device(o, "PCI0", "PNP0A03", 0);
    put_bus_resources(o);
    put_routing(o);
    aml_end(o, device);
    put_ecam(o);
}

/* \_S5: what to write to SLP_TYP for power off; \_SB: the devices. */
void acpi_put_devices(struct out *o, u32 cpus, bool pci)
{
    aml_name(o, "_S5_");
    const size_t package = aml_begin(o, AML_PACKAGE);
    out_u8(o, 4);
    aml_byte(o, PM_SLP_TYP_S5);
    aml_byte(o, PM_SLP_TYP_S5);
    aml_byte(o, 0);
    aml_byte(o, 0);
    aml_end(o, package);
    const size_t scope = aml_begin(o, AML_SCOPE);
    out_text(o, "_SB_", 4);
    for (u32 cpu = 0; cpu < cpus; cpu++)
        put_processor(o, cpu);
    for (size_t i = 0; i < ARRAY_LEN(devices); i++)
        put_device(o, &devices[i]);
    if (pci)
        put_pci(o);
    aml_end(o, scope);
}
