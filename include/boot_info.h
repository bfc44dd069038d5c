/* What boot/ (the UEFI application) hands to hv.elf.  All addresses are physical.
 * Everything that this struct points to lies in memory of type BOOT_MEM_LINTEL,
 * _MODULE or _ACPI.  hv.elf checks magic, version, size and checksum before it
 * believes a word. */
#pragma once
#include "acpi_info.h"
#include "config.h"
#include "cpuid_policy.h"
#include "guest_plan.h"
#include "lib/types.h"
#include "power_plan.h"
#include "processor_model.h"
#include "vmx_facts.h"

#define BOOT_INFO_MAGIC   0x544f4f424c544e4cull /* "LNTLBOOT" */
#define BOOT_INFO_VERSION 9u
#define BOOT_MEM_MAX      512u
#define BOOT_MODULES_MAX  64u
#define BOOT_PATH_MAX     CONFIG_PATH_MAX
#define BOOT_UARTS_MAX    4u

enum boot_mem_type {
    BOOT_MEM_RESERVED, /* leave alone */
    BOOT_MEM_USABLE,   /* free RAM, boot services memory included */
    BOOT_MEM_LINTEL,   /* hv.elf, boot_info, first page tables, log ring */
    BOOT_MEM_MODULE,   /* files loaded for the guests, and their plans */
    BOOT_MEM_ACPI,     /* ACPI tables (reclaimable) and NVS */
    BOOT_MEM_RUNTIME,  /* UEFI runtime code and data */
    BOOT_MEM_MMIO,     /* device memory */
    BOOT_MEM_TYPES
};

enum boot_mem_cache { BOOT_CACHE_WB = 1, BOOT_CACHE_WT = 2, BOOT_CACHE_WC = 4, BOOT_CACHE_UC = 8 };

/* Sorted by base, page-aligned, not overlapping, neighbours of one kind merged. */
struct boot_mem {
    u64 base;
    u64 len;   /* bytes */
    u32 type;  /* enum boot_mem_type */
    u32 cache; /* boot_mem_cache bits that the firmware allows; 0: it did not say */
};

struct boot_module {
    char path[BOOT_PATH_MAX]; /* as in lintel.conf */
    u64 base;
    u64 size; /* bytes */
};

/* Where the laboratory's result goes.  For the loader to read when hv.elf has come back. */
struct boot_lab {
    u64 text;     /* JSON */
    u64 capacity; /* bytes */
    u64 len;      /* bytes written by hv.elf */
};

enum boot_fb_format { BOOT_FB_NONE, BOOT_FB_BGRX, BOOT_FB_RGBX };

struct boot_fb {
    u64 base;
    u64 size;
    u32 width, height, stride; /* pixels */
    u32 format;                /* enum boot_fb_format; 32 bits a pixel */
    u32 column, row;           /* text cursor, so that the console goes on where it was */
};

struct boot_info {
    u64 magic;
    u32 version;
    u32 size;     /* sizeof(struct boot_info) */
    u32 checksum; /* makes the 32-bit sum of all words of this struct 0 */
    u32 uart_count;
    u16 uart[BOOT_UARTS_MAX]; /* I/O bases that answered the loop-back test, initialised 115200 8n1
                               */
    u64 hv_base, hv_size;     /* hv.elf in memory: one contiguous physical block */
    u64 hv_virt;              /* linked address of hv_base */
    u64 tables_root;          /* CR3 of the hand-over page tables (identity + hv.elf) */
    u64 rsdp;                 /* 0: none; hv.elf takes acpi instead */
    u64 tsc_hz;               /* ticks per second of the time-stamp counter (boot/clock.c); not 0 */
    u64 tsc_at_start;         /* TSC when the application started */
    u64 wall_time; /* seconds since 1970-01-01 UTC at wall_tsc; 0: the firmware did not know */
    u64 wall_tsc;
    /* struct boot_lab; 0: run the guests.  With it the firmware is still there: hv.elf touches no
     * memory but that of mem[] and no device but the consoles, and returns from its entry point, by
     * RET on the stack and the page tables that it got, out of VMX operation. */
    u64 lab;
    u32 has_acpi; /* 0: no tables, or none that can be read; acpi then has processors alone */
    struct acpi_info acpi;
    struct power_plan off, reset;
    struct processor_model processor;
    struct vmx_facts vmx;
    struct cpuid_policy cpuid; /* for a guest of one processor that has KVM's interface */
    /* The control partition's program as it lies in memory, with its zeroes, of BOOT_MEM_MODULE;
     * its first byte is linked at -2 GiB.  0: there is none. */
    u64 control_base, control_size;
    u64 control_entry; /* bytes from there */
    u64 plans;         /* a struct guest_plan for each guest of config, of BOOT_MEM_MODULE */
    u64 log_ring;      /* struct log_ring */
    u64 log_ring_size;
    struct boot_fb fb;
    u32 mem_count;
    u32 module_count;
    struct boot_mem mem[BOOT_MEM_MAX];
    struct boot_module module[BOOT_MODULES_MAX];
    struct config config;
};

/* Sum of the struct as 32-bit words; 0 means intact. */
static inline u32 boot_info_sum(const struct boot_info *info)
{
    const u32 *word = (const u32 *)(const void *)info;
    u32 sum = 0;

    for (size_t i = 0; i < sizeof(*info) / sizeof(*word); i++)
        sum += word[i];
    return sum;
}

_Static_assert(sizeof(struct boot_info) % 4 == 0, "the checksum works on 32-bit words");
