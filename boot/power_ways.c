/* What switches machines off, and on again.  See power_ways.h. */
#include "boot/power_ways.h"
#include "lib/fmt.h"
#include "lib/mem.h"

/* PM1 control register */
#define PM1_SCI_EN         BIT32(0)
#define PM1_SLP_TYP_SHIFT  10
#define PM1_SLP_TYP        (7u << PM1_SLP_TYP_SHIFT)
#define PM1_SLP_EN         BIT32(13)
#define PM1_KEPT           (0xffffu & ~(PM1_SLP_TYP | PM1_SLP_EN))
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

#define KEYBOARD_US          300000u
#define ENABLE_US            3000000u

#define PCI_DEVICES          32u
#define PCI_FUNCTIONS        8u
#define PCI_ID               0u

/* Chipsets whose PM block a PCI function names: where its base and its enable bit are, and the
 * SLP_TYP of S5.  ICH9's is 7 in silicon and 0 in QEMU; 0 means "working" in silicon. */
static const struct chipset_pm {
    const char *name;
    u32 id; /* device << 16 | vendor */
    u8 base_register;
    u32 base_mask;
    u8 enable_register;
    u32 enable_bit;
    u32 s5_type[2];
    u32 s5_types;
} chipsets[] = {
    // clang-format off
    /* name   id          base  mask    enable  bit       S5 */
    {"PIIX4", 0x71138086, 0x40, 0xffc0, 0x80,   BIT32(0), {0},    1},
    {"ICH9",  0x29188086, 0x40, 0xff80, 0x44,   BIT32(7), {7, 0}, 2},
    // clang-format on
};

/* Emulated boards: no 440FX ever had a CPU with VMX, so this one can only be Bochs (or QEMU). */
#define EMULATOR_HOST_BRIDGE 0x12378086u
#define BOCHS_SHUTDOWN_PORT  0x8900u

static struct power_way *add_way(struct power_plan *plan, const char *name)
{
    struct power_way *way = &plan->way[plan->ways++];

    *way = (struct power_way){0};
    fmt_buf(way->name, sizeof(way->name), "%s", name);
    return way;
}

static void add_step(struct power_way *way, struct power_step step)
{
    way->step[way->steps++] = step;
}

static void out(struct power_way *way, u16 port, u8 width, u32 mask, u32 value)
{
    add_step(way, (struct power_step){.op = POWER_WRITE,
                                      .space = POWER_IO,
                                      .width = width,
                                      .mask = mask,
                                      .value = value,
                                      .address = port});
}

/* One byte to an ACPI register. */
static void write_register(struct power_way *way, const struct acpi_reg *reg, u32 value)
{
    struct power_step s = {.op = POWER_WRITE, .width = 1, .value = value, .address = reg->address};

    switch (reg->space) {
    case ACPI_SPACE_MEMORY: s.space = POWER_MEMORY; break;
    case ACPI_SPACE_IO: s.space = POWER_IO; break;
    default: /* segment 0, bus 0: device in bits 47:32, function in 31:16, offset in 15:0 */
        s.space = POWER_PCI;
        s.address = (reg->address >> 32 & (PCI_DEVICES - 1)) << 11 |
                    (reg->address >> 16 & (PCI_FUNCTIONS - 1)) << 8 | (reg->address & 0xff);
        break;
    }
    add_step(way, s);
}

/* SLP_TYP first and then, with it, SLP_EN, as the specification's example does. */
static void enter_s5(struct power_way *way, u16 control, u32 type)
{
    const u32 value = type << PM1_SLP_TYP_SHIFT;

    out(way, control, 2, PM1_KEPT, value);
    out(way, control, 2, PM1_KEPT, value | PM1_SLP_EN);
}

/* Asks the firmware's SMI handler to hand the PM registers over, and waits until it has. */
static void leave_legacy_mode(struct power_way *way, const struct acpi_info *acpi)
{
    struct power_step enabled = {.op = POWER_SKIP,
                                 .space = POWER_IO,
                                 .width = 2,
                                 .mask = PM1_SCI_EN,
                                 .value = PM1_SCI_EN,
                                 .us = ENABLE_US,
                                 .address = acpi->pm1a_control};

    if (acpi->smi_command == 0 || acpi->acpi_enable == 0)
        return;
    add_step(way, enabled);
    out(way, acpi->smi_command, 1, 0, acpi->acpi_enable);
    enabled.op = POWER_WAIT;
    add_step(way, enabled);
}

static void off_acpi_s5(struct power_way *way, const struct acpi_info *acpi)
{
    if (!acpi || !acpi->has_s5 || acpi->pm1a_control == 0)
        return;
    leave_legacy_mode(way, acpi);
    enter_s5(way, acpi->pm1a_control, acpi->s5_type_a);
    if (acpi->pm1b_control != 0)
        enter_s5(way, acpi->pm1b_control, acpi->s5_type_b);
}

static void off_acpi_reduced(struct power_way *way, const struct acpi_info *acpi)
{
    if (acpi && acpi->has_s5 && acpi->sleep_control.present)
        write_register(way, &acpi->sleep_control,
                       (u32)acpi->s5_type_a << SLEEP_TYP_SHIFT | SLEEP_EN);
}

static void add_chipset(struct power_way *way, const struct chipset_pm *c,
                        const struct power_pci *pci, u8 device, u8 function)
{
    const u32 base = pci->read(pci->ctx, device, function, c->base_register) & c->base_mask;

    if (base == 0)
        return;
    fmt_buf(way->note, sizeof(way->note), "%s, power management ports at 0x%x", c->name, base);
    add_step(way, (struct power_step){.op = POWER_WRITE,
                                      .space = POWER_PCI,
                                      .width = 4,
                                      .mask = ~c->enable_bit,
                                      .value = c->enable_bit,
                                      .address = (u64)device << 11 | (u64)function << 8 |
                                                 c->enable_register});
    for (u32 t = 0; t < c->s5_types; t++)
        enter_s5(way, (u16)(base + PM1_CONTROL_OFFSET), c->s5_type[t]);
}

/* The first function that is one of them: a board has one chipset. */
static void off_chipset(struct power_way *way, const struct power_pci *pci)
{
    for (u32 n = 0; n < PCI_DEVICES * PCI_FUNCTIONS && way->steps == 0; n++) {
        const u8 device = (u8)(n / PCI_FUNCTIONS), function = (u8)(n % PCI_FUNCTIONS);
        const u32 id = pci->read(pci->ctx, device, function, PCI_ID);

        for (u32 c = 0; c < ARRAY_LEN(chipsets); c++)
            if (chipsets[c].id == id)
                add_chipset(way, &chipsets[c], pci, device, function);
    }
}

static void off_emulator(struct power_way *way, const struct power_pci *pci)
{
    if (pci->read(pci->ctx, 0, 0, PCI_ID) != EMULATOR_HOST_BRIDGE)
        return;
    for (const char *c = "Shutdown"; *c; c++)
        out(way, BOCHS_SHUTDOWN_PORT, 1, 0, (u8)*c);
}

void power_ways_off(const struct acpi_info *acpi, const struct power_pci *pci,
                    struct power_plan *plan)
{
    plan->ways = 0;
    off_acpi_s5(add_way(plan, "ACPI S5"), acpi);
    off_acpi_reduced(add_way(plan, "ACPI sleep control register"), acpi);
    off_chipset(add_way(plan, "chipset power management"), pci);
    off_emulator(add_way(plan, "emulator's shutdown port"), pci);
}

void power_ways_reset(const struct acpi_info *acpi, struct power_plan *plan)
{
    struct power_way *way;

    plan->ways = 0;
    way = add_way(plan, "ACPI reset register");
    if (acpi && acpi->reset.present)
        write_register(way, &acpi->reset, acpi->reset_value);
    way = add_way(plan, "reset control port 0xcf9");
    out(way, RESET_CONTROL_PORT, 1, 0, RESET_CONTROL_HARD);
    out(way, RESET_CONTROL_PORT, 1, 0, RESET_CONTROL_GO);
    way = add_way(plan, "keyboard controller");
    add_step(way, (struct power_step){.op = POWER_WAIT,
                                      .space = POWER_IO,
                                      .width = 1,
                                      .mask = KEYBOARD_INPUT_FULL,
                                      .us = KEYBOARD_US,
                                      .address = KEYBOARD_PORT});
    out(way, KEYBOARD_PORT, 1, 0, KEYBOARD_PULSE_RESET);
}
