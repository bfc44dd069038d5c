/* boot/power_ways.c: the steps that switch machines off, and reset them, and
 * drivers/platform/power_steps.c does to the registers of a machine what they say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "boot/power_ways.h"
#include "drivers/platform/power_steps.h"

/* Its PCI functions of bus 0, by what its configuration space says at an offset. */
static struct {
    u8 device, function, offset;
    u32 value;
} config[8];
static u32 configs;

static struct power_plan plan;

static u32 read_pci(void *ctx, u8 device, u8 function, u8 offset)
{
    (void)ctx;
    assert_int_equal(offset % 4, 0);
    for (u32 i = 0; i < configs; i++)
        if (config[i].device == device && config[i].function == function &&
            config[i].offset == offset)
            return config[i].value;
    return offset == 0 ? UINT32_MAX : 0;
}

static const struct power_pci pci = {.read = read_pci};

static void has(u8 device, u8 function, u8 offset, u32 value)
{
    config[configs].device = device, config[configs].function = function;
    config[configs].offset = offset, config[configs++].value = value;
}

static int setup(void **state)
{
    (void)state;
    configs = 0;
    memset(&plan, 0xff, sizeof(plan));
    return 0;
}

static void step_is(const struct power_way *way, u32 n, struct power_step wanted)
{
    const struct power_step *s = &way->step[n];

    assert_true(n < way->steps);
    assert_int_equal(s->op, wanted.op);
    assert_int_equal(s->space, wanted.space);
    assert_int_equal(s->width, wanted.width);
    assert_int_equal(s->mask, wanted.mask);
    assert_int_equal(s->value, wanted.value);
    assert_int_equal(s->us, wanted.us);
    assert_int_equal(s->address, wanted.address);
}

#define OUT(bytes, port, keep, v)                                                                  \
    (struct power_step)                                                                            \
    {                                                                                              \
        .op = POWER_WRITE, .space = POWER_IO, .width = (bytes), .mask = (keep), .value = (v),      \
        .address = (port)                                                                          \
    }

static void test_a_machine_without_anything(void **state)
{
    (void)state;
    power_ways_off(NULL, &pci, &plan);
    assert_int_equal(plan.ways, 4);
    for (u32 w = 0; w < plan.ways; w++)
        assert_int_equal(plan.way[w].steps, 0);
    assert_string_equal(plan.way[0].name, "ACPI S5");
    assert_string_equal(plan.way[1].name, "ACPI sleep control register");
    assert_string_equal(plan.way[2].name, "chipset power management");
    assert_string_equal(plan.way[3].name, "emulator's shutdown port");

    power_ways_reset(NULL, &plan);
    assert_int_equal(plan.ways, 3);
    assert_string_equal(plan.way[0].name, "ACPI reset register");
    assert_int_equal(plan.way[0].steps, 0);
    assert_int_equal(plan.way[1].steps, 2);
    step_is(&plan.way[1], 0, OUT(1, 0xcf9, 0, 2));
    step_is(&plan.way[1], 1, OUT(1, 0xcf9, 0, 6));
    assert_int_equal(plan.way[2].steps, 2);
    step_is(&plan.way[2], 0,
            (struct power_step){.op = POWER_WAIT,
                                .space = POWER_IO,
                                .width = 1,
                                .mask = 2,
                                .us = 300000,
                                .address = 0x64});
    step_is(&plan.way[2], 1, OUT(1, 0x64, 0, 0xfe));
}

static void test_s5(void **state)
{
    struct acpi_info acpi = {.has_s5 = true,
                             .s5_type_a = 5,
                             .s5_type_b = 6,
                             .pm1a_control = 0x604,
                             .pm1b_control = 0x704,
                             .smi_command = 0xb2,
                             .acpi_enable = 0xa0};
    struct power_step enabled = {.op = POWER_SKIP,
                                 .space = POWER_IO,
                                 .width = 2,
                                 .mask = 1,
                                 .value = 1,
                                 .us = 3000000,
                                 .address = 0x604};
    const struct power_way *way = &plan.way[0];

    (void)state;
    power_ways_off(&acpi, &pci, &plan);
    assert_int_equal(way->steps, 7);
    step_is(way, 0, enabled);
    step_is(way, 1, OUT(1, 0xb2, 0, 0xa0));
    enabled.op = POWER_WAIT;
    step_is(way, 2, enabled);
    step_is(way, 3, OUT(2, 0x604, 0xc3ff, 5 << 10));
    step_is(way, 4, OUT(2, 0x604, 0xc3ff, 5 << 10 | 1 << 13));
    step_is(way, 5, OUT(2, 0x704, 0xc3ff, 6 << 10));
    step_is(way, 6, OUT(2, 0x704, 0xc3ff, 6 << 10 | 1 << 13));
    assert_int_equal(plan.way[1].steps, 0);

    acpi.smi_command = 0, acpi.pm1b_control = 0; /* always in ACPI mode, one register */
    power_ways_off(&acpi, &pci, &plan);
    assert_int_equal(way->steps, 2);
    acpi.pm1a_control = 0;
    power_ways_off(&acpi, &pci, &plan);
    assert_int_equal(way->steps, 0);
    acpi.pm1a_control = 0x604, acpi.has_s5 = false;
    power_ways_off(&acpi, &pci, &plan);
    assert_int_equal(way->steps, 0);
}

static void test_registers_in_every_space(void **state)
{
    static const struct {
        struct acpi_reg reg;
        u8 space;
        u64 address;
    } rows[] = {
        {{true, ACPI_SPACE_MEMORY, 0xfed00004}, POWER_MEMORY, 0xfed00004},
        {{true, ACPI_SPACE_IO, 0xcf9}, POWER_IO, 0xcf9},
        {{true, ACPI_SPACE_PCI, 31ull << 32 | 7ull << 16 | 0xac},
         POWER_PCI,
         31 << 11 | 7 << 8 | 0xac},
        {{true, ACPI_SPACE_PCI, UINT64_MAX}, POWER_PCI, 0xffff}, /* bounded, whatever it says */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct acpi_info acpi = {.has_s5 = true,
                                       .s5_type_a = 5,
                                       .sleep_control = rows[i].reg,
                                       .reset = rows[i].reg,
                                       .reset_value = 0xfe};
        struct power_step wanted = {
            .op = POWER_WRITE, .space = rows[i].space, .width = 1, .address = rows[i].address};

        power_ways_off(&acpi, &pci, &plan);
        assert_int_equal(plan.way[1].steps, 1);
        wanted.value = 5 << 2 | 1 << 5;
        step_is(&plan.way[1], 0, wanted);
        power_ways_reset(&acpi, &plan);
        assert_int_equal(plan.way[0].steps, 1);
        wanted.value = 0xfe;
        step_is(&plan.way[0], 0, wanted);
    }
}

static void test_chipsets(void **state)
{
    const struct power_way *way = &plan.way[2];
    struct power_step enable = {.op = POWER_WRITE, .space = POWER_PCI, .width = 4};

    (void)state;
    has(1, 3, 0, 0x71138086); /* Bochs: PIIX4 */
    power_ways_off(NULL, &pci, &plan);
    assert_int_equal(way->steps, 0); /* no ports */
    has(1, 3, 0x40, 0xb001);
    power_ways_off(NULL, &pci, &plan);
    assert_string_equal(way->note, "PIIX4, power management ports at 0xb000");
    assert_int_equal(way->steps, 3);
    enable.mask = ~1u, enable.value = 1, enable.address = 1 << 11 | 3 << 8 | 0x80;
    step_is(way, 0, enable);
    step_is(way, 1, OUT(2, 0xb004, 0xc3ff, 0));
    step_is(way, 2, OUT(2, 0xb004, 0xc3ff, 1 << 13));

    configs = 0;
    has(31, 0, 0, 0x29188086);
    has(31, 0, 0x40, 0x601);
    power_ways_off(NULL, &pci, &plan);
    assert_string_equal(way->note, "ICH9, power management ports at 0x600");
    assert_int_equal(way->steps, 5);
    enable.mask = ~0x80u, enable.value = 0x80, enable.address = 31 << 11 | 0x44;
    step_is(way, 0, enable);
    step_is(way, 2, OUT(2, 0x604, 0xc3ff, 7 << 10 | 1 << 13));
    step_is(way, 4, OUT(2, 0x604, 0xc3ff, 1 << 13));
    assert_int_equal(plan.way[3].steps, 0);
}

static void test_emulator(void **state)
{
    (void)state;
    has(0, 0, 0, 0x12378086);
    power_ways_off(NULL, &pci, &plan);
    assert_int_equal(plan.way[3].steps, 8);
    for (u32 i = 0; i < 8; i++)
        step_is(&plan.way[3], i, OUT(1, 0x8900, 0, (u8) "Shutdown"[i]));
}

/* A machine with one PM1 control register, which hands over SCI_EN some time after it was asked. */
static struct {
    u32 pm1, smi, waited, ready_us, asked;
    u32 written[16], writes;
} machine;

static u32 machine_get(const struct power_step *s, void *memory)
{
    assert_null(memory);
    assert_int_equal(s->address, 0x604);
    return machine.pm1 | (machine.asked && machine.waited >= machine.ready_us);
}

static void machine_put(const struct power_step *s, void *memory, u32 value)
{
    assert_null(memory);
    if (s->address == 0xb2) {
        machine.smi = value, machine.asked++;
        return;
    }
    assert_int_equal(s->address, 0x604);
    machine.pm1 = machine.written[machine.writes++] = value;
}

static void machine_delay(u64 us)
{
    machine.waited += (u32)us;
}

static const struct power_access access_machine = {machine_get, machine_put, machine_delay};

static void test_s5_is_done(void **state)
{
    const struct acpi_info acpi = {.has_s5 = true,
                                   .s5_type_a = 5,
                                   .pm1a_control = 0x604,
                                   .smi_command = 0xb2,
                                   .acpi_enable = 0xa0};

    (void)state;
    power_ways_off(&acpi, &pci, &plan);
    memset(&machine, 0, sizeof(machine));
    machine.pm1 = 0x0202 | 7 << 10, machine.ready_us = 20000; /* bits that are kept, and SLP_TYP */
    power_run(&plan.way[0], &access_machine, NULL);
    assert_int_equal(machine.asked, 1);
    assert_int_equal(machine.smi, 0xa0);
    assert_int_equal(machine.waited, 20000);
    assert_int_equal(machine.writes, 2);
    assert_int_equal(machine.written[0], 0x0203 | 5 << 10);
    assert_int_equal(machine.written[1], 0x0203 | 5 << 10 | 1 << 13);

    /* In ACPI mode already: nobody is asked, nobody waits. */
    memset(&machine, 0, sizeof(machine));
    machine.pm1 = 1;
    power_run(&plan.way[0], &access_machine, NULL);
    assert_int_equal(machine.asked + machine.waited, 0);
    assert_int_equal(machine.writes, 2);

    /* The firmware never obeys: three seconds, and on. */
    memset(&machine, 0, sizeof(machine));
    machine.ready_us = UINT32_MAX;
    power_run(&plan.way[0], &access_machine, NULL);
    assert_int_equal(machine.waited, 3000000);
    assert_int_equal(machine.writes, 2);
}

static void test_a_count_that_is_too_large(void **state)
{
    struct power_way way = {.steps = UINT32_MAX};

    (void)state;
    memset(&machine, 0, sizeof(machine));
    for (u32 i = 0; i < POWER_STEPS_MAX; i++)
        way.step[i] = OUT(2, 0x604, 0, i);
    power_run(&way, &access_machine, NULL);
    assert_int_equal(machine.writes, POWER_STEPS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_machine_without_anything, setup),
        cmocka_unit_test_setup(test_s5, setup),
        cmocka_unit_test_setup(test_registers_in_every_space, setup),
        cmocka_unit_test_setup(test_chipsets, setup),
        cmocka_unit_test_setup(test_emulator, setup),
        cmocka_unit_test_setup(test_s5_is_done, setup),
        cmocka_unit_test_setup(test_a_count_that_is_too_large, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
