/* The guest's ACPI tables; see acpi_build.h.  ACPI Specification 6.5, 5.2 "ACPI System
 * Description Tables".  Pure. */
#include "boot/pc/acpi_build.h"
#include "abi/control.h"
#include "boot/pc/acpi_dsdt.h"
#include "lib/mem.h"
#include "pc.h"

/* ---------------------------------------------------- tables */
static size_t begin_table(struct out *o, const char signature[static 4], u8 revision)
{
    const size_t table = o->at;
    out_text(o, signature, 4);
    out_le(o, 0, 4); /* length */
    out_u8(o, revision);
    out_u8(o, 0); /* checksum */
    out_text(o, "LINTEL", 6);
    out_text(o, "LINTELPC", 8);
    out_le(o, 1, 4);
    out_text(o, "LNTL", 4);
    out_le(o, 1, 4);
    return table;
}

static void end_table(struct out *o, size_t table)
{
    const size_t len = o->at - table;
    for (unsigned i = 0; i < 4; i++)
        out_set8(o, table + 4 + i, (u8)(len >> 8 * i));
    out_set8(o, table + 9, 0u - out_sum(o, table, o->at));
}

static void put_dsdt(struct out *o, const struct acpi_guest *guest)
{
    const size_t table = begin_table(o, "DSDT", 2);
    acpi_put_devices(o, guest->cpus, guest->pci);
    end_table(o, table);
}

static void put_facs(struct out *o)
{
    out_align(o, 64);
    out_text(o, "FACS", 4);
    out_le(o, 64, 4);
    for (unsigned i = 0; i < 24; i++) /* no hardware signature, waking vector, lock, flags */
        out_u8(o, 0);
    out_u8(o, 2); /* version */
    for (unsigned i = 0; i < 31; i++)
        out_u8(o, 0);
}

/* Generic Address Structure in I/O space; access: 1 byte, 2 word, 3 double word. */
static void put_gas(struct out *o, u16 port, u8 bits, u8 access)
{
    out_u8(o, port ? 1 : 0);
    out_u8(o, bits);
    out_u8(o, 0);
    out_u8(o, access);
    out_le(o, port, 8);
}

// clang-format off
enum { FADT_WBINVD = BIT32(0), FADT_PROC_C1 = BIT32(2), FADT_NO_SLEEP_BUTTON = BIT32(5),
       FADT_NO_FIXED_RTC = BIT32(6), FADT_TMR_VAL_EXT = BIT32(8),
       FADT_RESET_REG_SUP = BIT32(10) };
enum { ARCH_LEGACY_DEVICES = BIT32(0), ARCH_NO_VGA = BIT32(2), ARCH_NO_MSI = BIT32(3),
       ARCH_NO_ASPM = BIT32(4) }; /* bit 1, 8042, is clear: Linux does not look for a keyboard */
// clang-format on

static void put_fadt(struct out *o, const struct acpi_guest *guest, u64 facs, u64 dsdt)
{
    const size_t table = begin_table(o, "FACP", 6);
    out_le(o, 0, 4); /* FIRMWARE_CTRL: the 64-bit one is used */
    out_le(o, dsdt, 4);
    out_u8(o, 0);    /* reserved */
    out_u8(o, 0);    /* Preferred_PM_Profile: unspecified */
    out_le(o, 9, 2); /* SCI_INT */
    out_le(o, 0, 4); /* SMI_CMD: always in ACPI mode */
    out_le(o, 0, 4); /* ACPI_ENABLE, ACPI_DISABLE, S4BIOS_REQ, PSTATE_CNT */
    out_le(o, PM1_EVENT, 4);
    out_le(o, 0, 4); /* PM1b */
    out_le(o, PM1_CONTROL, 4);
    out_le(o, 0, 8); /* PM1b, PM2 */
    out_le(o, PM_TIMER, 4);
    out_le(o, 0, 8);     /* GPE0, GPE1 */
    out_u8(o, 4);        /* PM1_EVT_LEN */
    out_u8(o, 2);        /* PM1_CNT_LEN */
    out_u8(o, 0);        /* PM2_CNT_LEN */
    out_u8(o, 4);        /* PM_TMR_LEN */
    out_le(o, 0, 4);     /* GPE0_BLK_LEN, GPE1_BLK_LEN, GPE1_BASE, CST_CNT */
    out_le(o, 0xfff, 2); /* P_LVL2_LAT: no C2 */
    out_le(o, 0xfff, 2); /* P_LVL3_LAT: no C3 */
    out_le(o, 0, 8);     /* FLUSH_SIZE, FLUSH_STRIDE, DUTY_OFFSET, DUTY_WIDTH, DAY_ALRM, MON_ALRM */
    out_u8(o, 0x32);     /* CENTURY */
    out_le(o, ARCH_LEGACY_DEVICES | ARCH_NO_VGA | ARCH_NO_ASPM | (guest->pci ? 0 : ARCH_NO_MSI), 2);
    out_u8(o, 0);
    out_le(o,
           FADT_WBINVD | FADT_PROC_C1 | FADT_NO_SLEEP_BUTTON | FADT_NO_FIXED_RTC |
               FADT_TMR_VAL_EXT | FADT_RESET_REG_SUP, /* the power button is a fixed one */
           4);
    put_gas(o, 0xcf9, 8, 1);
    out_u8(o, 6);    /* RESET_VALUE */
    out_le(o, 0, 2); /* ARM_BOOT_ARCH */
    out_u8(o, 5);    /* FADT minor version */
    out_le(o, facs, 8);
    out_le(o, dsdt, 8);
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
    out_text(o, "LINTEL\0", 8); /* Hypervisor Vendor Identity */
    end_table(o, table);
}

// clang-format off
enum { MADT_LOCAL_APIC, MADT_IO_APIC, MADT_OVERRIDE, MADT_LOCAL_NMI = 4 };
enum { MADT_PCAT_COMPAT = 1, MADT_ENABLED = 1, MADT_ALL_PROCESSORS = 0xff };
enum { MPS_CONFORMS = 0x0, MPS_HIGH_LEVEL = 0xd }; /* as the bus does; active high, level */
// clang-format on

static void put_override(struct out *o, u8 irq, u32 pin, u16 mps_flags)
{
    out_u8(o, MADT_OVERRIDE);
    out_u8(o, 10);
    out_u8(o, 0); /* ISA */
    out_u8(o, irq);
    out_le(o, pin, 4);
    out_le(o, mps_flags, 2);
}

/* One local APIC a processor, the I/O APIC and what is wired to it as board.c does. */
static void put_madt(struct out *o, u32 cpus)
{
    const size_t table = begin_table(o, "APIC", 5);
    out_le(o, LAPIC_BASE, 4);
    out_le(o, MADT_PCAT_COMPAT, 4); /* there are 8259s, too */
    for (u32 cpu = 0; cpu < cpus; cpu++) {
        out_u8(o, MADT_LOCAL_APIC);
        out_u8(o, 8);
        out_u8(o, cpu); /* _UID of the processor's device */
        out_u8(o, cpu); /* APIC ID */
        out_le(o, MADT_ENABLED, 4);
    }
    out_u8(o, MADT_IO_APIC);
    out_u8(o, 12);
    out_u8(o, 0); /* I/O APIC ID */
    out_u8(o, 0);
    out_le(o, IOAPIC_BASE, 4);
    out_le(o, 0, 4); /* its first global interrupt */
    put_override(o, 0, 2, MPS_CONFORMS);
    put_override(o, 9, 9, MPS_HIGH_LEVEL);
    out_u8(o, MADT_LOCAL_NMI);
    out_u8(o, 6);
    out_u8(o, MADT_ALL_PROCESSORS);
    out_le(o, MPS_CONFORMS, 2);
    out_u8(o, 1); /* LINT1 */
    end_table(o, table);
}

/* PCI Firmware Specification, "MCFG Table Description": bus 0 alone. */
static void put_mcfg(struct out *o)
{
    const size_t table = begin_table(o, "MCFG", 1);
    out_le(o, 0, 8);
    out_le(o, ABI_PCI_ECAM, 8);
    out_le(o, 0, 2); /* segment group */
    out_u8(o, 0);    /* first bus, */
    out_u8(o, 0);    /* last */
    out_le(o, 0, 4);
    end_table(o, table);
}

/* mcfg: 0, there is none. */
static void put_xsdt(struct out *o, u64 fadt, u64 madt, u64 mcfg)
{
    const size_t table = begin_table(o, "XSDT", 1);
    out_le(o, fadt, 8);
    out_le(o, madt, 8);
    if (mcfg)
        out_le(o, mcfg, 8);
    end_table(o, table);
}

static void put_rsdp(struct out *o, u64 xsdt)
{
    const size_t at = o->at;
    out_text(o, "RSD PTR ", 8);
    out_u8(o, 0); /* checksum of the first 20 bytes */
    out_text(o, "LINTEL", 6);
    out_u8(o, 2);     /* revision: ACPI 2.0 and later */
    out_le(o, 0, 4);  /* no RSDT */
    out_le(o, 36, 4); /* length */
    out_le(o, xsdt, 8);
    out_le(o, 0, 4); /* checksum of all bytes, reserved */
    out_set8(o, at + 8, 0u - out_sum(o, at, at + 20));
    out_set8(o, at + 32, 0u - out_sum(o, at, at + 36));
}

#define RSDP_SPACE 64

size_t acpi_build(u8 *buf, size_t size, const struct acpi_guest *guest)
{
    if (guest->cpus < 1 || guest->cpus > CONFIG_VCPUS_MAX)
        return 0;
    struct out o = {.buf = buf, .size = MIN(size, ACPI_GUEST_SIZE), .at = RSDP_SPACE};
    put_facs(&o);
    const u64 facs = ACPI_GUEST_BASE + o.at - 64;
    const u64 dsdt = ACPI_GUEST_BASE + o.at;
    put_dsdt(&o, guest);
    out_align(&o, 16);
    const u64 fadt = ACPI_GUEST_BASE + o.at;
    put_fadt(&o, guest, facs, dsdt);
    out_align(&o, 16);
    const u64 madt = ACPI_GUEST_BASE + o.at;
    put_madt(&o, guest->cpus);
    out_align(&o, 16);
    const u64 mcfg = guest->pci ? ACPI_GUEST_BASE + o.at : 0;
    if (guest->pci)
        put_mcfg(&o);
    out_align(&o, 16);
    const u64 xsdt = ACPI_GUEST_BASE + o.at;
    put_xsdt(&o, fadt, madt, mcfg);
    const size_t used = o.at;
    if (used > o.size)
        return 0;
    o.at = 0; /* the RSDP comes first and is written last: it points at the others */
    put_rsdp(&o, xsdt);
    memset(buf + o.at, 0, RSDP_SPACE - o.at);
    return used;
}
