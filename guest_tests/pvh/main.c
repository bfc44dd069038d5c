/* What a PVH kernel finds when it starts: the processor's state, hvm_start_info, the modules and
 * the firmware's tables.  It wants the command line, the modules and the memory that
 * guest_tests/list.txt gives it.  Xen's docs/misc/pvh.pandoc and
 * xen/include/public/arch-x86/hvm/start_info.h. */
#include "guest_tests/multiboot/first.h"
#include "guest_tests/multiboot/tap.h"
#include "lib/mem.h"

#define START_INFO_MAGIC 0x336ec578u
#define MEMORY           (48 * MiB)
#define CMDLINE          "pvh  two blanks, \"quotes\", a \\ and a # sign"

/* Each module holds the decimal numbers first..last, a line each. */
static const struct {
    const char *string; /* NULL: none */
    u32 first, last;
} wanted_modules[] = {
    {"numbers \"1 to 20000\" # all", 1, 20000},
    {"seven.txt", 7, 7},
    {NULL, 7, 7},
};

extern u8 _image[], _data_end[], _image_end[];
NORETURN void pvh_main(void);

struct hvm_start_info {
    u32 magic, version, flags, nr_modules;
    u64 modlist, cmdline, rsdp, memmap;
    u32 memmap_entries, reserved;
};
_Static_assert(sizeof(struct hvm_start_info) == 56, "hvm_start_info, version 1");

struct module {
    u64 base, size, cmdline, reserved;
};

struct memmap_entry {
    u64 base, size;
    u32 type, reserved;
};
#define MEMMAP_RAM  1u
#define MEMMAP_ACPI 3u

static u8 untouched[64 * KiB] __attribute__((section(".bss.untouched")));
static const struct hvm_start_info *info;

/* The compiler is not to know the address: it takes those near 0 for mistakes. */
static const void *at(u64 address)
{
    u32 low = (u32)address;

    __asm__("" : "+r"(low));
    return (const void *)low;
}

/* ---------------------------------------------------------------- the processor */

/* All other bits of CR0 that can be written are clear; ET cannot. */
static void test_processor(void)
{
    u16 tr;

    EXPECT_EQ(first.cr0, 0x11);
    EXPECT_EQ(first.cr4, 0);
    EXPECT_EQ(first.eflags & BIT32(17), 0); /* VM */
    EXPECT_EQ(first.eflags & BIT32(9), 0);  /* IF */
    EXPECT_EQ(first.eflags & BIT32(8), 0);  /* TF */
    __asm__("str %0" : "=r"(tr));
    EXPECT_EQ(tr & 4, 0); /* not in an LDT */
}

/* CS, DS, ES and SS.  SDM Vol. 3A, "Segment Descriptors": G, D/B, present, ring 0, code that may
 * be read or data that may be written, accessed. */
static void test_segments(void)
{
    static const u32 defined[] = {0, 1, 2, 5};

    for (u32 i = 0; i < ARRAY_LEN(defined); i++) {
        const u32 n = defined[i];

        EXPECT_EQ(first.segments[n].mark, MARK);
        EXPECT_EQ(first.segments[n].rights & 0xf0ff00, n == 0 ? 0xc09b00 : 0xc09300);
        EXPECT_EQ(first.segments[n].limit, 0xffffffff);
    }
}

static void test_bss(void)
{
    EXPECT_EQ((u32)untouched, (u32)_data_end);
    for (u32 i = 0; i < sizeof(untouched); i++)
        EXPECT_EQ(untouched[i], 0);
}

/* ---------------------------------------------------------------- hvm_start_info */

static void test_start_info(void)
{
    EXPECT_EQ(info->version, 1);
    EXPECT_EQ(info->flags, 0);
    EXPECT_EQ(info->nr_modules, ARRAY_LEN(wanted_modules));
    EXPECT_EQ(info->reserved, 0);
    EXPECT(strcmp(at(info->cmdline), CMDLINE) == 0);
}

/* [base, base + len) lies in one entry of that type. */
static bool memmap_has(u64 base, u64 len, u32 type)
{
    const struct memmap_entry *e = at(info->memmap);

    for (u32 i = 0; i < info->memmap_entries; i++, e++)
        if (e->type == type && e->base <= base && base + len <= e->base + e->size)
            return true;
    return false;
}

static void test_memory_map(void)
{
    const struct memmap_entry *e = at(info->memmap);
    u64 last = 0, ram = 0;

    for (u32 i = 0; i < info->memmap_entries; i++, e++) {
        say_hex("# ", e->base);
        say_hex(" length ", e->size);
        say_hex(" type ", e->type);
        say("\n");
        EXPECT(e->size > 0 && e->base + e->size > e->base);
        EXPECT(e->type >= 1 && e->type <= 5);
        EXPECT_EQ(e->reserved, 0);
        EXPECT(e->base >= last); /* sorted, so they do not overlap either */
        last = e->base + e->size;
        ram += e->type == MEMMAP_RAM ? e->size : 0;
    }
    EXPECT(ram <= MEMORY && ram >= MEMORY - 1 * MiB);
    EXPECT(memmap_has(0, 0x1000, MEMMAP_RAM));
    EXPECT(memmap_has(MiB, MEMORY - MiB, MEMMAP_RAM));
    EXPECT(!memmap_has(0xa0000, 1, MEMMAP_RAM));
    EXPECT(!memmap_has(0xf0000, 1, MEMMAP_RAM));
    EXPECT(!memmap_has(MEMORY, 1, MEMMAP_RAM));
}

static void test_modules(void)
{
    const struct module *m = at(info->modlist);

    for (u32 i = 0; i < MIN(info->nr_modules, ARRAY_LEN(wanted_modules)); i++, m++) {
        EXPECT_EQ(m->base % PAGE_SIZE, 0);
        EXPECT_EQ(m->reserved, 0);
        EXPECT(memmap_has(m->base, m->size, MEMMAP_RAM));
        EXPECT(m->base >= (u32)_image_end);
        EXPECT(holds_numbers(at(m->base), at(m->base + m->size), wanted_modules[i].first,
                             wanted_modules[i].last));
        if (wanted_modules[i].string == NULL)
            EXPECT_EQ(m->cmdline, 0);
        else
            EXPECT(strcmp(at(m->cmdline), wanted_modules[i].string) == 0);
    }
}

/* ---------------------------------------------------------------- the firmware's tables */

static u8 sum_of(const u8 *bytes, u32 len)
{
    u8 sum = 0;

    for (u32 i = 0; i < len; i++)
        sum = (u8)(sum + bytes[i]);
    return sum;
}

/* ACPI Specification 6.5, 5.2.5 "Root System Description Pointer". */
static void test_rsdp(void)
{
    const u8 *rsdp = at(info->rsdp);
    u64 xsdt;

    EXPECT(info->rsdp != 0 && info->rsdp % 16 == 0);
    EXPECT(memmap_has(info->rsdp, 36, MEMMAP_ACPI));
    EXPECT_EQ((u32)memcmp(rsdp, "RSD PTR ", 8), 0);
    EXPECT_EQ(sum_of(rsdp, 20), 0);
    EXPECT_EQ(sum_of(rsdp, 36), 0);
    memcpy(&xsdt, rsdp + 24, sizeof(xsdt));
    EXPECT_EQ((u32)memcmp(at(xsdt), "XSDT", 4), 0);
}

/* DMTF DSP0134, 5.2.2 "SMBIOS 3.0 (64-bit) Entry Point". */
static void test_smbios(void)
{
    const u8 *entry = NULL;
    u64 tables = 0;

    for (u32 address = 0xf0000; address < 0x100000 && entry == NULL; address += 16)
        if (memcmp(at(address), "_SM3_", 5) == 0)
            entry = at(address);
    EXPECT(entry != NULL);
    if (entry == NULL)
        return;
    EXPECT_EQ(sum_of(entry, entry[6]), 0);
    memcpy(&tables, entry + 16, sizeof(tables));
    EXPECT_EQ(*(const u8 *)at(tables), 0); /* type 0 comes first */
}

static const struct {
    void (*run)(void);
    const char *name;
} tests[] = {
    {test_processor, "processor"},
    {test_segments, "segments"},
    {test_bss, "bss"},
    {test_start_info, "start_info"},
    {test_memory_map, "memory_map"},
    {test_modules, "modules"},
    {test_rsdp, "rsdp"},
    {test_smbios, "smbios"},
};

void pvh_main(void)
{
    u32 failed = 0;

    console_init();
    info = at(first.ebx);
    if (info->magic != START_INFO_MAGIC) {
        say("Bail out! no hvm_start_info\n");
        guest_exit(98);
    }
    for (u32 i = 0; i < ARRAY_LEN(tests); i++) {
        tests[i].run();
        failed += test_result(i + 1, tests[i].name) ? 0 : 1;
    }
    test_plan(ARRAY_LEN(tests));
    guest_exit((u8)failed);
}
