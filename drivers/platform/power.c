/* Switching off and resetting: two tables of methods, tried in order.  A method that cannot be
 * tried here says so, one that is tried and returns did not work.
 * ACPI Specification, "Transitioning from the Working to the Soft Off State", "Reset Register". */
#include "drivers/platform/power.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/tsc.h"
#include "drivers/platform/pci.h"

/* PM1 control register */
#define PM1_SCI_EN         BIT32(0)
#define PM1_SLP_TYP_SHIFT  10
#define PM1_SLP_TYP        (7u << PM1_SLP_TYP_SHIFT)
#define PM1_SLP_EN         BIT32(13)
#define PM1_CONTROL_OFFSET 4u /* from the base of a chipset's PM block */

/* Sleep control register of hardware-reduced ACPI */
#define SLEEP_TYP_SHIFT      2
#define SLEEP_EN             BIT32(5)

#define RESET_CONTROL_PORT   0xcf9u
#define RESET_CONTROL_HARD   0x02u
#define RESET_CONTROL_GO     0x06u
#define KEYBOARD_PORT        0x64u
#define KEYBOARD_INPUT_FULL  0x02u
#define KEYBOARD_PULSE_RESET 0xfeu

/* How long a machine may take to obey, microseconds. */
#define OBEY_US   300000u
#define ENABLE_US 3000000u
#define POLL_US   1000u
/* A UART still holds up to 17 bytes of the log after its last register write. */
#define DRAIN_US 5000u

static const struct acpi_info *acpi;
static u8 *reset_memory;         /* the ACPI reset register, if it is in memory */
static u8 *sleep_control_memory; /* the same for the sleep control register */

/* Chipsets whose PM block a PCI function names: where its base and its enable bit are, and the
 * SLP_TYP of S5.  ICH9's is 7 in silicon and 0 in QEMU; 0 means "working" in silicon. */
static const struct chipset_pm {
    const char *name;
    u16 vendor, device;
    u8 base_register;
    u32 base_mask;
    u8 enable_register;
    u32 enable_bit;
    u32 s5_type;
} chipsets[] = {
    // clang-format off
    /* name   vendor  device  base  mask    enable  bit       S5 */
    {"PIIX4", 0x8086, 0x7113, 0x40, 0xffc0, 0x80,   BIT32(0), 0},
    {"ICH9",  0x8086, 0x2918, 0x40, 0xff80, 0x44,   BIT32(7), 7},
    {"ICH9",  0x8086, 0x2918, 0x40, 0xff80, 0x44,   BIT32(7), 0},
    // clang-format on
};

/* Emulated boards: no 440FX ever had a CPU with VMX, so this one can only be Bochs (or QEMU). */
#define EMULATOR_HOST_BRIDGE 0x12378086u
#define BOCHS_SHUTDOWN_PORT  0x8900u

static u8 *map_register(const struct acpi_reg *reg)
{
    if (!reg->present || reg->space != ACPI_SPACE_MEMORY)
        return NULL;
    return paging_map_device((hpa_t){reg->address}, 1, PAGING_UC);
}

void power_init(const struct acpi_info *info)
{
    acpi = info;
    if (info == NULL)
        return;
    /* Now, since a panic is no time for building page tables. */
    reset_memory = map_register(&info->reset);
    sleep_control_memory = map_register(&info->sleep_control);
}

/* One byte to an ACPI register; memory: where map_register() has put it. */
static void write_register(const struct acpi_reg *reg, u8 *memory, u8 value)
{
    switch (reg->space) {
    case ACPI_SPACE_MEMORY: *(volatile u8 *)memory = value; break;
    case ACPI_SPACE_IO: outb((u16)reg->address, value); break;
    case ACPI_SPACE_PCI: {
        /* Segment 0, bus 0: device in bits 47:32, function in 31:16, offset in 15:0. */
        const struct pci_address at = {0, (u8)(reg->address >> 32), (u8)(reg->address >> 16)};
        const u8 offset = (u8)reg->address;
        const unsigned shift = offset % 4 * 8;
        const u32 old = pci_config_read(at, offset);

        pci_config_write(at, offset, (old & ~(0xffu << shift)) | (u32)value << shift);
        break;
    }
    }
}

/* ------------------------------------------------------------ off */

/* Asks the firmware's SMI handler to hand the PM registers over, and waits until it has. */
static void leave_legacy_mode(void)
{
    if (acpi->smi_command == 0 || acpi->acpi_enable == 0 || (inw(acpi->pm1a_control) & PM1_SCI_EN))
        return;
    outb(acpi->smi_command, acpi->acpi_enable);
    for (u32 us = 0; us < ENABLE_US && !(inw(acpi->pm1a_control) & PM1_SCI_EN); us += POLL_US)
        tsc_delay_us(POLL_US);
}

/* SLP_TYP first and then, with it, SLP_EN, as the specification's example does. */
static void enter_s5(u16 control, u32 type)
{
    const u32 value = (inw(control) & ~(PM1_SLP_TYP | PM1_SLP_EN)) | type << PM1_SLP_TYP_SHIFT;

    outw(control, (u16)value);
    outw(control, (u16)(value | PM1_SLP_EN));
}

static bool off_acpi_s5(void)
{
    if (acpi == NULL || !acpi->has_s5 || acpi->pm1a_control == 0)
        return false;
    leave_legacy_mode();
    enter_s5(acpi->pm1a_control, acpi->s5_type_a);
    if (acpi->pm1b_control != 0)
        enter_s5(acpi->pm1b_control, acpi->s5_type_b);
    return true;
}

static bool off_acpi_reduced(void)
{
    if (acpi == NULL || !acpi->has_s5 || !acpi->sleep_control.present)
        return false;
    write_register(&acpi->sleep_control, sleep_control_memory,
                   (u8)((u32)acpi->s5_type_a << SLEEP_TYP_SHIFT | SLEEP_EN));
    return true;
}

static bool off_chipset(void)
{
    bool tried = false;

    for (unsigned i = 0; i < ARRAY_LEN(chipsets); i++) {
        const struct chipset_pm *const c = &chipsets[i];
        struct pci_address at;

        if (!pci_find_on_bus_0(c->vendor, c->device, &at))
            continue;

        const u32 base = pci_config_read(at, c->base_register) & c->base_mask;

        if (base == 0)
            continue;
        log_info("power: %s, power management ports at 0x%x", c->name, base);
        tsc_delay_us(DRAIN_US);
        pci_config_write(at, c->enable_register,
                         pci_config_read(at, c->enable_register) | c->enable_bit);
        enter_s5((u16)(base + PM1_CONTROL_OFFSET), c->s5_type);
        tried = true;
    }
    return tried;
}

static bool off_emulator(void)
{
    static const char word[] = "Shutdown";

    if (pci_config_read((struct pci_address){0, 0, 0}, 0) != EMULATOR_HOST_BRIDGE)
        return false;
    for (unsigned i = 0; i < sizeof(word) - 1; i++)
        outb(BOCHS_SHUTDOWN_PORT, (u8)word[i]);
    return true;
}

/* ------------------------------------------------------------ reset */

static bool reset_acpi(void)
{
    if (acpi == NULL || !acpi->reset.present)
        return false;
    write_register(&acpi->reset, reset_memory, acpi->reset_value);
    return true;
}

static bool reset_control_port(void)
{
    outb(RESET_CONTROL_PORT, RESET_CONTROL_HARD);
    outb(RESET_CONTROL_PORT, RESET_CONTROL_GO);
    return true;
}

static bool reset_keyboard_controller(void)
{
    for (u32 us = 0; us < OBEY_US && (inb(KEYBOARD_PORT) & KEYBOARD_INPUT_FULL); us += POLL_US)
        tsc_delay_us(POLL_US);
    outb(KEYBOARD_PORT, KEYBOARD_PULSE_RESET);
    return true;
}

/* An exception without an IDT: triple fault, and every board resets on the shutdown cycle. */
static bool reset_triple_fault(void)
{
    const struct descriptor_ptr nothing = {0, 0};

    lidt(&nothing);
    __asm__ volatile("ud2");
    return true;
}

/* ------------------------------------------------------------ the tables */

struct method {
    const char *name;
    bool (*attempt)(void); /* false: does not apply to this machine */
};

static const struct method off_methods[] = {
    {"ACPI S5", off_acpi_s5},
    {"ACPI sleep control register", off_acpi_reduced},
    {"chipset power management", off_chipset},
    {"emulator's shutdown port", off_emulator},
};

static const struct method reset_methods[] = {
    {"ACPI reset register", reset_acpi},
    {"reset control port 0xcf9", reset_control_port},
    {"keyboard controller", reset_keyboard_controller},
    {"triple fault", reset_triple_fault},
};

static void attempt_all(const char *what, const struct method *methods, size_t count)
{
    cli();
    for (size_t i = 0; i < count; i++) {
        log_info("power: %s: %s", what, methods[i].name);
        tsc_delay_us(DRAIN_US);
        if (methods[i].attempt())
            tsc_delay_us(OBEY_US);
        else
            log_info("power: this machine has none");
    }
}

static NORETURN void stay(const char *message)
{
    log_error("%s", message);
    for (;;) {
        cli();
        hlt();
    }
}

void power_off(void)
{
    attempt_all("off", off_methods, ARRAY_LEN(off_methods));
    stay("power: it is now safe to switch off");
}

void power_reboot(void)
{
    attempt_all("reset", reset_methods, ARRAY_LEN(reset_methods));
    stay("power: the machine does not reset; it is now safe to switch off");
}
