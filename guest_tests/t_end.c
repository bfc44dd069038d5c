/* Guests that end in a special way: the command line says how. The list has a row for each,
 * with what must be said of it. Getting to the end of the test is the failure. */
#include "guest_tests/rt/guest.h"
#include "guest_tests/rt/modes.h"

#define UNMAPPED 0xc0000000ull /* 3 GiB: no memory of these guests */
#define VGA_HOLE 0xa0000ull

static void end_halt(void)
{
    pic_mask_all();
    __asm__ volatile("cli; hlt");
}

static void end_triple_fault(void)
{
    const struct table_pointer none = {0, 0};

    __asm__ volatile("lidt %0; ud2" : : "m"(none));
}

/* #GP, then #DF, and neither has an entry in the vector table. */
static void end_real_triple_fault(void)
{
    (void)real_mode_fault(8 * 4 - 1);
}

static void end_i8042(void)
{
    outb(0x64, 0xfe);
}

static void end_cf9(void)
{
    outb(0xcf9, 0x02);
    outb(0xcf9, 0x06);
}

static void end_port92(void)
{
    outb(0x92, (u8)(inb(0x92) | 1));
}

static void end_poweroff(void)
{
    outw(0x604, (u16)(BIT(13) | inw(0x604))); /* SLP_EN; SLP_TYP is the value of \_S5 */
    for (u16 type = 0; type < 8; type++)
        outw(0x604, (u16)(BIT(13) | (u32)type << 10));
}

static void end_unmapped_read(void)
{
    (void)*(volatile u32 *)UNMAPPED;
}

static void end_unmapped_write(void)
{
    *(volatile u32 *)UNMAPPED = 1;
}

static void end_unmapped_execute(void)
{
    ((void (*)(void))UNMAPPED)();
}

static void end_hole_execute(void)
{
    ((void (*)(void))VGA_HOLE)();
}

static void end_hole_undecodable(void)
{
    __asm__ volatile("fldl (%0)" : : "r"(VGA_HOLE) : "memory");
}

static void end_page_tables_in_hole(void)
{
    write_cr3(VGA_HOLE);
}

static void end_idt_unmapped(void)
{
    const struct table_pointer far = {4095, UNMAPPED};

    __asm__ volatile("lidt %0; ud2" : : "m"(far));
}

static void end_task_switch(void)
{
    task_switch();
}

static void end_debug_exit(void)
{
    guest_exit(42);
}

static const struct {
    const char *name;
    void (*run)(void);
} ends[] = {
    {"halt", end_halt},
    {"triple-fault", end_triple_fault},
    {"real-triple-fault", end_real_triple_fault},
    {"i8042", end_i8042},
    {"cf9", end_cf9},
    {"port92", end_port92},
    {"poweroff", end_poweroff},
    {"unmapped-read", end_unmapped_read},
    {"unmapped-write", end_unmapped_write},
    {"unmapped-execute", end_unmapped_execute},
    {"hole-execute", end_hole_execute},
    {"hole-undecodable", end_hole_undecodable},
    {"page-tables-in-hole", end_page_tables_in_hole},
    {"idt-unmapped", end_idt_unmapped},
    {"task-switch", end_task_switch},
    {"debug-exit", end_debug_exit},
};

GUEST_TEST(end)
{
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        if (strcmp(cmdline, ends[i].name) == 0)
            ends[i].run();
    for (u32 i = 0; i < 1000; i++) /* a reset line may take a moment */
        (void)inb(0x80);
    FAIL("'%s' did not end the guest", cmdline);
}
