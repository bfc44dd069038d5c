/* What Lintel wants to know from the firmware's ACPI tables: how to switch the machine off and on
 * again, which local and I/O APICs exist, where PCI configuration space and IOMMUs are. boot/acpi.c
 * reads it, for hv.elf, which never sees the tables. */
#pragma once
#include "lib/types.h"

#define ACPI_CPUS_MAX    64u
#define ACPI_IOAPICS_MAX 16u
#define ACPI_MCFG_MAX    8u

enum acpi_space { ACPI_SPACE_MEMORY, ACPI_SPACE_IO, ACPI_SPACE_PCI };

/* Generic address structure, checked: the address fits the space. */
struct acpi_reg {
    bool present;
    u8 space; /* enum acpi_space */
    u64 address;
};

struct acpi_ioapic {
    u32 id;
    u32 gsi_base;
    u64 address;
};

struct acpi_mcfg {
    u64 base; /* of bus 0, even if bus_first is another */
    u16 segment;
    u8 bus_first, bus_last;
};

struct acpi_info {
    bool has_fadt, has_madt, has_dmar;
    bool hardware_reduced;

    /* I/O ports; 0: none */
    u16 smi_command, pm1a_control, pm1b_control, pm_timer;
    bool pm_timer_32bit;
    u8 acpi_enable; /* write this to smi_command to leave legacy mode; 0: is in ACPI mode */

    bool has_s5;
    u8 s5_type_a, s5_type_b;       /* SLP_TYP values for PM1a and PM1b */
    struct acpi_reg sleep_control; /* hardware-reduced machines */

    struct acpi_reg reset;
    u8 reset_value;

    u64 lapic_address;
    u32 cpu_count; /* enabled processors in cpu_apic_id[]: without a MADT, by boot/processors.c */
    u32 cpus_left_out;
    u32 ioapic_count;
    u32 mcfg_count;
    u32 cpu_apic_id[ACPI_CPUS_MAX];
    struct acpi_ioapic ioapic[ACPI_IOAPICS_MAX];
    struct acpi_mcfg mcfg[ACPI_MCFG_MAX];
};
