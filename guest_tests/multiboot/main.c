/* What a Multiboot kernel finds when it starts: the processor's state, multiboot_info, and the
 * modules.  It wants the command line, the modules and the memory that guest_tests/list.txt
 * gives it.  "Multiboot Specification version 0.6.96". */
#include "guest_tests/multiboot/first.h"
#include "guest_tests/multiboot/tap.h"
#include "lib/mem.h"

#define LOADER_MAGIC 0x2badb002u
#define MEMORY       (48 * MiB)
#define CMDLINE      "multiboot  two blanks, \"quotes\", a \\ and a # sign"
#define LOADER_NAME  "Lintel"

/* Each module holds the decimal numbers first..last, a line each. */
static const struct {
    const char *string;
    u32 first, last;
} wanted_modules[] = {
    {"numbers \"1 to 20000\" # all", 1, 20000},
    {"seven.txt", 7, 7},
    {"", 7, 7},
    {"numbers again", 1, 20000},
};

extern u8 _image[], _data_end[], _image_end[];
NORETURN void multiboot_main(void);

struct multiboot_info {
    u32 flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr;
    u32 syms[4], mmap_length, mmap_addr, drives_length, drives_addr, config_table;
    u32 boot_loader_name, apm_table;
};
_Static_assert(offsetof(struct multiboot_info, boot_loader_name) == 64, "multiboot_info");
#define INFO_MEMORY  BIT32(0)
#define INFO_CMDLINE BIT32(2)
#define INFO_MODS    BIT32(3)
#define INFO_MMAP    BIT32(6)
#define INFO_NAME    BIT32(9)
#define INFO_WANTED  (INFO_MEMORY | INFO_CMDLINE | INFO_MODS | INFO_MMAP | INFO_NAME)

struct module {
    u32 start, end, string, reserved;
};

/* The next entry begins `size` bytes behind `base`. */
struct mmap_entry {
    u32 size;
    u64 base, len;
    u32 type;
} PACKED;
#define MMAP_RAM 1u

/* Right behind the loaded bytes (link.ld). */
static u8 untouched[64 * KiB] __attribute__((section(".bss.untouched")));

static const struct multiboot_info *info;

/* The compiler is not to know the address: it takes those near 0 for mistakes. */
static const void *at(u32 address)
{
    __asm__("" : "+r"(address));
    return (const void *)address;
}

/* ---------------------------------------------------------------- the processor */

static void test_processor(void)
{
    EXPECT_EQ(first.eax, LOADER_MAGIC);
    EXPECT_EQ(first.cr0 & BIT32(0), 1);     /* PE */
    EXPECT_EQ(first.cr0 & BIT32(31), 0);    /* PG */
    EXPECT_EQ(first.cr4 & BIT32(5), 0);     /* PAE */
    EXPECT_EQ(first.eflags & BIT32(17), 0); /* VM */
    EXPECT_EQ(first.eflags & BIT32(9), 0);  /* IF */
}

/* SDM Vol. 3A, "Segment Descriptors": G, D/B, present, ring 0, code that may be read or data
 * that may be written, accessed. */
static void test_segments(void)
{
    for (u32 i = 0; i < ARRAY_LEN(first.segments); i++) {
        EXPECT_EQ(first.segments[i].mark, MARK);
        EXPECT_EQ(first.segments[i].rights & 0xf0ff00, i == 0 ? 0xc09b00 : 0xc09300);
        EXPECT_EQ(first.segments[i].limit, 0xffffffff);
    }
}

/* Addresses that differ in bit 20 alone are different memory. */
static void test_a20(void)
{
    static volatile u32 here;
    volatile u32 *const there = (volatile u32 *)((u32)&here ^ (u32)MiB);
    const u32 before = *there;

    here = 0x12345678;
    *there = 0x87654321;
    EXPECT_EQ(here, 0x12345678);
    EXPECT_EQ(*there, 0x87654321);
    *there = before;
}

static void test_bss(void)
{
    EXPECT_EQ((u32)untouched, (u32)_data_end);
    for (u32 i = 0; i < sizeof(untouched); i++)
        EXPECT_EQ(untouched[i], 0);
}

static void test_cpuid(void)
{
    u32 leaf = 0, vendor[3];

    __asm__ volatile("cpuid" : "+a"(leaf), "=b"(vendor[0]), "=d"(vendor[1]), "=c"(vendor[2]));
    EXPECT(leaf >= 1);
    EXPECT_EQ((u32)memcmp(vendor, "GenuineIntel", sizeof(vendor)), 0);
}

/* The 8259's mask register can be read back. */
static void test_port(void)
{
    for (u32 i = 0; i < 8; i++) {
        outb(0x21, (u8)BIT32(i));
        EXPECT_EQ(inb(0x21), BIT32(i));
    }
    outb(0x21, 0xff);
}

/* ---------------------------------------------------------------- multiboot_info */

static void test_flags(void)
{
    EXPECT_EQ(first.ebx & 3, 0);
    EXPECT_EQ(info->flags & INFO_WANTED, INFO_WANTED);
    EXPECT_EQ(info->flags & ~INFO_WANTED, 0); /* of what this test does not look at */
}

static const struct mmap_entry *mmap_first(void)
{
    return at(info->mmap_addr);
}

/* NULL: that was the last. */
static const struct mmap_entry *mmap_next(const struct mmap_entry *entry)
{
    const u32 next = (u32)entry + sizeof(entry->size) + entry->size;

    return next < info->mmap_addr + info->mmap_length ? at(next) : NULL;
}

/* [base, base + len) lies in one entry of that type. */
static bool mmap_has(u64 base, u64 len, bool ram)
{
    for (const struct mmap_entry *e = mmap_first(); e != NULL; e = mmap_next(e))
        if ((e->type == MMAP_RAM) == ram && e->base <= base && base + len <= e->base + e->len)
            return true;
    return false;
}

static void test_memory_map(void)
{
    u64 last = 0, ram = 0;
    u32 used = 0;

    for (const struct mmap_entry *e = mmap_first(); e != NULL; e = mmap_next(e)) {
        say_hex("# ", e->base);
        say_hex(" length ", e->len);
        say_hex(" type ", e->type);
        say("\n");
        EXPECT(e->size >= sizeof(*e) - sizeof(e->size));
        EXPECT(e->len > 0 && e->base + e->len > e->base);
        EXPECT(e->type >= 1 && e->type <= 5);
        EXPECT(e->base >= last); /* sorted, so they do not overlap either */
        last = e->base + e->len;
        ram += e->type == MMAP_RAM ? e->len : 0;
        used += sizeof(e->size) + e->size;
    }
    EXPECT_EQ(used, info->mmap_length);
    EXPECT(ram <= MEMORY && ram >= MEMORY - 1 * MiB);
    EXPECT(mmap_has(0, 0x1000, true));
    EXPECT(mmap_has(MiB, MEMORY - MiB, true));
    EXPECT(!mmap_has(0x9fc00, 1, true)); /* extended BIOS data area */
    EXPECT(!mmap_has(0xa0000, 1, true));
    EXPECT(mmap_has(0xf0000, 1, false)); /* the ROM's place */
    EXPECT(mmap_has(0xfffff, 1, false));
    EXPECT(!mmap_has(MEMORY, 1, true));
}

/* mem_lower and mem_upper say in KiB what the map says. */
static void test_memory_sizes(void)
{
    EXPECT(info->mem_lower > 0 && info->mem_lower <= 640);
    EXPECT(mmap_has(0, info->mem_lower * KiB, true));
    EXPECT(!mmap_has(0, (info->mem_lower + 1) * KiB, true));
    EXPECT_EQ(info->mem_upper * KiB, MEMORY - MiB);
}

/* The words that a BIOS leaves for those who ask nobody else: the segment of the extended BIOS
 * data area, and KiB of conventional memory; the area's first byte is its length in KiB. */
static void test_bios_data(void)
{
    const u32 ebda = *(const volatile u16 *)at(0x40e) * 16u;

    EXPECT_EQ(*(const volatile u16 *)at(0x413), info->mem_lower);
    EXPECT_EQ(ebda, info->mem_lower * KiB);
    EXPECT(!mmap_has(ebda, 1, true));
    EXPECT(mmap_has(ebda, *(const volatile u8 *)at(ebda) * KiB, false));
    EXPECT_EQ(*(const volatile u8 *)at(ebda), (0xa0000 - ebda) / KiB);
}

static void test_strings(void)
{
    EXPECT(strcmp(at(info->cmdline), CMDLINE) == 0);
    EXPECT(strncmp(at(info->boot_loader_name), LOADER_NAME, strlen(LOADER_NAME)) == 0);
}

/* ---------------------------------------------------------------- modules */

static void test_modules(void)
{
    const struct module *module = at(info->mods_addr);

    EXPECT_EQ(info->mods_count, ARRAY_LEN(wanted_modules));
    for (u32 i = 0; i < MIN(info->mods_count, ARRAY_LEN(wanted_modules)); i++, module++) {
        EXPECT_EQ(module->start % PAGE_SIZE, 0);
        EXPECT(module->end >= module->start);
        EXPECT_EQ(module->reserved, 0);
        EXPECT(strcmp(at(module->string), wanted_modules[i].string) == 0);
        EXPECT(holds_numbers(at(module->start), at(module->end), wanted_modules[i].first,
                             wanted_modules[i].last));
    }
}

/* ---------------------------------------------------------------- where everything lies */

#define RANGES_MAX (6 + 2 * ARRAY_LEN(wanted_modules))

static struct range {
    u64 base, len;
} ranges[RANGES_MAX];
static u32 range_count;

static void add_range(u32 base, u32 len)
{
    if (len > 0 && range_count < RANGES_MAX)
        ranges[range_count++] = (struct range){base, len};
}

static void add_string(u32 address)
{
    add_range(address, strlen(at(address)) + 1);
}

/* All in RAM, and nothing on top of anything else. */
static void test_places(void)
{
    const struct module *module = at(info->mods_addr);

    range_count = 0;
    add_range((u32)_image, (u32)(_image_end - _image));
    add_range(first.ebx, sizeof(*info));
    add_range(info->mmap_addr, info->mmap_length);
    add_range(info->mods_addr, info->mods_count * sizeof(struct module));
    add_string(info->cmdline);
    add_string(info->boot_loader_name);
    for (u32 i = 0; i < info->mods_count; i++) {
        add_range(module[i].start, module[i].end - module[i].start);
        add_string(module[i].string);
    }
    EXPECT(range_count >= 6);
    for (u32 i = 0; i < range_count; i++) {
        EXPECT(mmap_has(ranges[i].base, ranges[i].len, true));
        for (u32 k = 0; k < i; k++)
            EXPECT(ranges[i].base + ranges[i].len <= ranges[k].base ||
                   ranges[k].base + ranges[k].len <= ranges[i].base);
    }
}

static const struct {
    void (*run)(void);
    const char *name;
} tests[] = {
    {test_processor, "processor"},
    {test_segments, "segments"},
    {test_a20, "a20"},
    {test_bss, "bss"},
    {test_flags, "flags"},
    {test_memory_map, "memory_map"},
    {test_memory_sizes, "memory_sizes"},
    {test_bios_data, "bios_data"},
    {test_strings, "strings"},
    {test_modules, "modules"},
    {test_places, "places"},
    {test_cpuid, "cpuid"},
    {test_port, "port"},
};

void multiboot_main(void)
{
    u32 failed = 0;

    console_init();
    if (first.eax != LOADER_MAGIC) {
        say("Bail out! no multiboot_info\n");
        guest_exit(98);
    }
    info = at(first.ebx);
    for (u32 i = 0; i < ARRAY_LEN(tests); i++) {
        tests[i].run();
        failed += test_result(i + 1, tests[i].name) ? 0 : 1;
    }
    test_plan(ARRAY_LEN(tests));
    guest_exit((u8)failed);
}
