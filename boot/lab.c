/* The laboratory's boot side; see lab.h.  Boot services stay: GetMemoryMap is all that hv.elf needs
 * of the firmware, and of the map it gets only what was allocated for it. */
#include "boot/lab.h"
#include "arch/x86_64/insn.h"
#include "boot/console.h"
#include "boot/cpu_state.h"
#include "boot/file.h"
#include "boot/hypervisor.h"
#include "boot/lab_call.h"
#include "boot/memory.h"
#include "lib/fmt.h"

#define LAB_MEMORY     (32 * MiB) /* for hv.elf's frames */
#define RESULT_MAX     (1 * MiB)
#define FILES_MAX      999u
#define NAME_MAX       16u
#define READER_SECONDS 60u
#define DRAIN_US       5000u /* a UART still holds up to 17 bytes */
#define PIC1_DATA      0x21u
#define PIC2_DATA      0xa1u
#define PIC_MASK_ALL   0xffu
#define RFLAGS_IF      BIT(9)

static struct {
    void *memory;
    struct boot_lab *result;
} lab;

err_t lab_prepare(struct boot_info *info, const struct elf_plan *plan)
{
    /* Below 4 GiB, since hv.elf's table of frames begins at address 0. */
    if (memory_alloc_below(4 * GiB, LAB_MEMORY, LARGE_PAGE_SIZE, BOOT_MEM_USABLE, &lab.memory) !=
            OK ||
        memory_alloc(sizeof(*lab.result) + RESULT_MAX, PAGE_SIZE, BOOT_MEM_LINTEL,
                     (void **)&lab.result) != OK)
        return refuse(E_NOMEM, "no memory for the laboratory: it needs %llu MiB in one piece",
                      LAB_MEMORY / MiB);
    *lab.result = (struct boot_lab){.text = (u64)(lab.result + 1), .capacity = RESULT_MAX};
    info->lab = (u64)lab.result;
    TRY(memory_map(info));
    TRY(hypervisor_map(info, plan, (u64)lab_call));
    return memory_map_confined(info, (u64)lab.memory, LAB_MEMORY);
}

/* hv.elf has the processor to itself.  With IF = 0 an interrupt would still make a VM exit, and be
 * taken from the firmware: the 8259s keep theirs until unmasked, and so does the local APIC. */
static void call(struct boot_info *info, const struct elf_plan *plan, u64 stack)
{
    const u64 flags = read_rflags();
    u8 masks[2];

    console_save_cursor(&info->fb);
    info->checksum = 0 - boot_info_sum(info);
    cli();
    masks[0] = inb(PIC1_DATA);
    masks[1] = inb(PIC2_DATA);
    outb(PIC1_DATA, PIC_MASK_ALL);
    outb(PIC2_DATA, PIC_MASK_ALL);
    cpu_state_save();
    lab_call((u64)info, info->tables_root, plan->entry, stack);
    cpu_state_restore();
    outb(PIC2_DATA, masks[1]);
    outb(PIC1_DATA, masks[0]);
    if (flags & RFLAGS_IF)
        sti();
    console_resume(&info->fb);
}

/* Under the first name that no earlier result has. */
static err_t save(char name[NAME_MAX])
{
    err_t err = E_EXIST;

    for (u32 i = 1; err == E_EXIST && i <= FILES_MAX; i++) {
        if (i == 1)
            fmt_buf(name, NAME_MAX, "lab.json");
        else
            fmt_buf(name, NAME_MAX, "lab-%u.json", i);
        err = file_save_new(name, (const void *)lab.result->text, lab.result->len);
    }
    if (err == E_EXIST)
        say("  there are %u results already; take them away from the boot volume\n", FILES_MAX);
    return err;
}

static void report(void)
{
    char name[NAME_MAX];

    if (save(name) == OK) {
        say("The result is in \\lintel\\%s on the volume that the machine was started from.\n",
            name);
        say("LINTEL-LAB file=\\lintel\\%s bytes=%lu\n", name, lab.result->len);
        return;
    }
    say("LINTEL-LAB begin\n");

    const bool sent = console_write_serial((const char *)lab.result->text, lab.result->len);

    say("LINTEL-LAB end bytes=%lu\n", lab.result->len);
    say("The result is %s.\n",
        sent ? "on the serial port only" : "lost: there is no serial port, either");
}

static EFI_STATUS end_machine(enum config_on_end on_end)
{
    static const struct {
        const char *what;
        EFI_RESET_TYPE type;
    } resets[] = {
        [CONFIG_END_POWEROFF] = {"switch the machine off", EfiResetShutdown},
        [CONFIG_END_REBOOT] = {"restart the machine", EfiResetCold},
    };

    say("LINTEL-EXIT status=0\n");
    if (on_end == CONFIG_END_HALT) {
        say("The machine is stopped; switch it off.\n");
        for (;;) {
            cli();
            hlt();
        }
    }
    if (on_end != CONFIG_END_RETURN) {
        console_wait(resets[on_end].what, READER_SECONDS);
        fw.boot->Stall(DRAIN_US);
        fw.system->RuntimeServices->ResetSystem(resets[on_end].type, EFI_SUCCESS, 0, NULL);
        say("The firmware does not %s.\n", resets[on_end].what); /* it does not return from it */
    }
    console_close();
    memory_free_all();
    return EFI_SUCCESS;
}

EFI_STATUS lab_session(struct boot_info *info, const struct elf_plan *plan, u64 stack)
{
    say("The laboratory begins; the machine answers again when it is done.\n");
    call(info, plan, stack);
    report();
    file_volume_close();
    return end_machine((enum config_on_end)info->config.on_end);
}
