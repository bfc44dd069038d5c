/* The guest's SMBIOS tables; see smbios_build.h.  Section names are those of DSP0134.  Pure. */
#include "boot/pc/smbios_build.h"
#include "boot/pc/out.h"
#include "config.h"
#include "lib/mem.h"
#include "version.h"

/* 6.1.2 "Structure header format", 7 "Structure definitions". */
enum {
    TYPE_BIOS = 0,
    TYPE_SYSTEM = 1,
    TYPE_CHASSIS = 3,
    TYPE_PROCESSOR = 4,
    TYPE_MEMORY_ARRAY = 16,
    TYPE_MEMORY_DEVICE = 17,
    TYPE_MAPPED_ADDRESS = 19,
    TYPE_BOOT = 32,
    TYPE_END = 127
};
#define ENTRY_SPACE  0x20u /* for the entry point, which has 0x18 bytes */
#define ENTRY_LEN    0x18u
#define STRINGS_MAX  4u
#define NO_HANDLE    0xffffu /* there is no such structure */
#define NOT_PROVIDED 0xfffeu
#define UNKNOWN      2u

/* A structure under construction: its strings follow it. */
struct table {
    struct out *out;
    size_t start;
    const char *string[STRINGS_MAX];
    u32 strings;
};

static u32 handle_of(u32 type, u32 index)
{
    return type << 8 | index;
}

static struct table begin(struct out *o, u32 type, u32 index)
{
    const struct table t = {.out = o, .start = o->at};

    out_u8(o, type);
    out_u8(o, 0); /* length */
    out_le(o, handle_of(type, index), 2);
    return t;
}

/* The number of a string; at most STRINGS_MAX a structure. */
static void put_string(struct table *t, const char *s)
{
    t->string[t->strings++] = s;
    out_u8(t->out, t->strings);
}

/* 6.1.3 "Text strings": terminated each, and once more the last, or twice if there is none. */
static void end(const struct table *t)
{
    out_set8(t->out, t->start + 1, (u32)(t->out->at - t->start));
    for (u32 i = 0; i < t->strings; i++)
        out_text(t->out, t->string[i], strlen(t->string[i]) + 1);
    out_le(t->out, 0, t->strings ? 1 : 2);
}

/* ---------------------------------------------------- the machine */
#define BIOS_DATE                "01/01/2026" /* kernels judge by it how old a board is */
#define BIOS_SAYS_NOTHING        BIT(3) /* in the characteristics, which are about old hardware */
#define BIOS_EXTENSION_1_ACPI    BIT32(0)
#define BIOS_EXTENSION_2_VIRTUAL BIT32(4)
#define WAKE_UP_UNKNOWN          2u
#define CHASSIS_OTHER            1u
#define STATE_SAFE               3u
#define SECURITY_NONE            3u

/* 7.1 "BIOS Information (Type 0)". */
static void put_bios(struct out *o)
{
    struct table t = begin(o, TYPE_BIOS, 0);

    put_string(&t, "Lintel");
    put_string(&t, LINTEL_VERSION);
    out_le(o, 0, 2); /* starting segment: there is no code */
    put_string(&t, BIOS_DATE);
    out_u8(o, 0); /* ROM size: 64 KiB */
    out_le(o, BIOS_SAYS_NOTHING, 8);
    out_u8(o, BIOS_EXTENSION_1_ACPI);
    out_u8(o, BIOS_EXTENSION_2_VIRTUAL);
    out_le(o, 0xffffffff, 4); /* releases of BIOS and embedded controller: as the version says */
    end(&t);
}

/* 7.2 "System Information (Type 1)". */
static void put_system(struct out *o)
{
    struct table t = begin(o, TYPE_SYSTEM, 0);

    put_string(&t, "Lintel");
    put_string(&t, "Lintel virtual machine");
    put_string(&t, LINTEL_VERSION);
    out_u8(o, 0);    /* no serial number */
    out_le(o, 0, 8); /* UUID: not present */
    out_le(o, 0, 8);
    out_u8(o, WAKE_UP_UNKNOWN);
    out_le(o, 0, 2); /* no SKU number, no family */
    end(&t);
}

/* 7.4 "System Enclosure or Chassis (Type 3)". */
static void put_chassis(struct out *o)
{
    struct table t = begin(o, TYPE_CHASSIS, 0);

    put_string(&t, "Lintel");
    out_u8(o, CHASSIS_OTHER);
    out_le(o, 0, 3); /* no version, serial number, asset tag */
    out_u8(o, STATE_SAFE);
    out_u8(o, STATE_SAFE); /* power supply */
    out_u8(o, STATE_SAFE); /* thermal */
    out_u8(o, SECURITY_NONE);
    out_le(o, 0, 4); /* OEM-defined */
    out_le(o, 0, 4); /* height, power cords: unspecified; no contained elements */
    out_u8(o, 0);    /* no SKU number */
    end(&t);
}

/* 7.33 "System Boot Information (Type 32)". */
static void put_boot(struct out *o)
{
    const struct table t = begin(o, TYPE_BOOT, 0);

    out_le(o, 0, 6);
    out_u8(o, 0); /* no errors detected */
    end(&t);
}

/* ---------------------------------------------------- the processor */
#define PROCESSOR_CENTRAL         3u
#define STATUS_POPULATED_ENABLED  0x41u
#define UPGRADE_NONE              6u
#define CHARACTERISTIC_64_BIT     BIT32(2)
#define CHARACTERISTIC_MULTI_CORE BIT32(3)
#define CHARACTERISTIC_NX         BIT32(5)

/* 7.5 "Processor Information (Type 4)": one for each socket, and CPUID speaks of one package
 * with a core for each vCPU. */
static void put_processor(struct out *o, const struct smbios_guest *guest)
{
    const u32 mhz = (u32)MIN(guest->tsc_hz / 1000000, 0xffffull);
    struct table t = begin(o, TYPE_PROCESSOR, 0);

    put_string(&t, "CPU 0");
    out_u8(o, PROCESSOR_CENTRAL);
    out_u8(o, UNKNOWN); /* family: CPUID says more */
    put_string(&t, "Lintel");
    out_le(o, guest->signature, 4);
    out_le(o, guest->features, 4);
    out_u8(o, 0);      /* no version */
    out_u8(o, 0);      /* voltage: unknown */
    out_le(o, 0, 2);   /* external clock: unknown */
    out_le(o, mhz, 2); /* maximum */
    out_le(o, mhz, 2); /* current */
    out_u8(o, STATUS_POPULATED_ENABLED);
    out_u8(o, UPGRADE_NONE);
    out_le(o, NO_HANDLE, 2); /* caches: CPUID says more */
    out_le(o, NO_HANDLE, 2);
    out_le(o, NO_HANDLE, 2);
    out_le(o, 0, 3); /* no serial number, asset tag, part number */
    for (u32 i = 0; i < 3; i++)
        out_u8(o, guest->cpus); /* cores, enabled ones, threads */
    out_le(o,
           CHARACTERISTIC_64_BIT | CHARACTERISTIC_NX |
               (guest->cpus > 1 ? CHARACTERISTIC_MULTI_CORE : 0),
           2);
    out_le(o, UNKNOWN, 2);
    for (u32 i = 0; i < 3; i++)
        out_le(o, guest->cpus, 2);
    end(&t);
}

/* ---------------------------------------------------- the memory */
#define LOCATION_OTHER       1u
#define USE_SYSTEM_MEMORY    3u
#define ERROR_CORRECTION     UNKNOWN
#define CAPACITY_IS_EXTENDED 0x80000000u
#define SIZE_IS_EXTENDED     0x7fffu
#define MEMORY_TYPE_RAM      7u
#define TYPE_DETAIL_UNKNOWN  BIT32(2)
#define ADDRESS_IS_EXTENDED  0xffffffffu

/* 7.17 "Physical Memory Array (Type 16)". */
static void put_memory_array(struct out *o, u64 bytes)
{
    const bool extended = bytes / KiB >= CAPACITY_IS_EXTENDED;
    const struct table t = begin(o, TYPE_MEMORY_ARRAY, 0);

    out_u8(o, LOCATION_OTHER);
    out_u8(o, USE_SYSTEM_MEMORY);
    out_u8(o, ERROR_CORRECTION);
    out_le(o, extended ? CAPACITY_IS_EXTENDED : bytes / KiB, 4);
    out_le(o, NOT_PROVIDED, 2); /* errors */
    out_le(o, 1, 2);            /* devices */
    out_le(o, extended ? bytes : 0, 8);
    end(&t);
}

/* 7.18 "Memory Device (Type 17)". */
static void put_memory_device(struct out *o, u64 bytes)
{
    const bool extended = bytes / MiB >= SIZE_IS_EXTENDED;
    struct table t = begin(o, TYPE_MEMORY_DEVICE, 0);

    out_le(o, handle_of(TYPE_MEMORY_ARRAY, 0), 2);
    out_le(o, NOT_PROVIDED, 2); /* errors */
    out_le(o, 0xffff, 2);       /* total and data width: unknown */
    out_le(o, 0xffff, 2);
    out_le(o, extended ? SIZE_IS_EXTENDED : bytes / MiB, 2);
    out_u8(o, UNKNOWN); /* form factor */
    out_u8(o, 0);       /* of no set */
    put_string(&t, "RAM");
    out_u8(o, 0); /* no bank */
    out_u8(o, MEMORY_TYPE_RAM);
    out_le(o, TYPE_DETAIL_UNKNOWN, 2);
    out_le(o, 0, 2); /* speed: unknown */
    put_string(&t, "Lintel");
    out_le(o, 0, 3); /* no serial number, asset tag, part number */
    out_u8(o, 0);    /* rank: unknown */
    out_le(o, extended ? bytes / MiB : 0, 4);
    out_le(o, 0, 8); /* configured speed, voltages: unknown */
    end(&t);
}

/* 7.20 "Memory Array Mapped Address (Type 19)": addresses in KiB, the last one included. */
static void put_mapped_address(struct out *o, u32 index, u64 base, u64 len)
{
    const u64 last = base + len - 1;
    const bool extended = last / KiB >= ADDRESS_IS_EXTENDED;
    const struct table t = begin(o, TYPE_MAPPED_ADDRESS, index);

    out_le(o, extended ? ADDRESS_IS_EXTENDED : base / KiB, 4);
    out_le(o, extended ? ADDRESS_IS_EXTENDED : last / KiB, 4);
    out_le(o, handle_of(TYPE_MEMORY_ARRAY, 0), 2);
    out_u8(o, 1); /* partition width: devices in a row */
    out_le(o, extended ? base : 0, 8);
    out_le(o, extended ? last : 0, 8);
    end(&t);
}

static void put_memory(struct out *o, const struct smbios_guest *guest)
{
    u64 bytes = 0;

    for (u32 i = 0; i < guest->rams; i++)
        bytes += guest->ram[i].len;
    put_memory_array(o, bytes);
    put_memory_device(o, bytes);
    for (u32 i = 0; i < guest->rams; i++)
        put_mapped_address(o, i, guest->ram[i].base, guest->ram[i].len);
}

/* ---------------------------------------------------- entry point */

/* 5.2.2 "SMBIOS 3.0 (64-bit) Entry Point". */
static void put_entry(struct out *o, size_t tables)
{
    const size_t at = o->at;

    out_text(o, "_SM3_", 5);
    out_u8(o, 0); /* checksum */
    out_u8(o, ENTRY_LEN);
    out_u8(o, 3); /* version 3.0, no errata */
    out_le(o, 0, 2);
    out_u8(o, 1); /* revision of this entry point */
    out_u8(o, 0);
    out_le(o, tables, 4); /* bytes, at most */
    out_le(o, SMBIOS_GUEST_BASE + ENTRY_SPACE, 8);
    out_set8(o, at + 5, 0u - out_sum(o, at, at + ENTRY_LEN));
}

size_t smbios_build(u8 *buf, size_t size, const struct smbios_guest *guest)
{
    struct out o = {.buf = buf, .size = MIN(size, SMBIOS_GUEST_SIZE), .at = ENTRY_SPACE};

    if (guest->cpus < 1 || guest->cpus > CONFIG_VCPUS_MAX || guest->rams < 1 ||
        guest->rams > SMBIOS_RAMS_MAX)
        return 0;
    put_bios(&o);
    put_system(&o);
    put_chassis(&o);
    put_processor(&o, guest);
    put_memory(&o, guest);
    put_boot(&o);

    const struct table t = begin(&o, TYPE_END, 0);

    end(&t);

    const size_t used = o.at;

    if (used > o.size)
        return 0;
    o.at = 0; /* the entry point comes first and is written last: it says how much there is */
    put_entry(&o, used - ENTRY_SPACE);
    memset(buf + o.at, 0, ENTRY_SPACE - o.at);
    return used;
}
