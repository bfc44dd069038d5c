/* Single operations between two stamps, and what a round trip becomes with one more thing in it. */
#include "vmm/lab/parts.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/paging.h"
#include "vmm/lab/series.h"
#include "vmx/eptp.h"

#define AREA     CELL_PAGE(0) /* the VM-entry and VM-exit MSR lists */
#define AREA_MAX 8u

enum { SINGLE_CONTEXT = 1, ALL_CONTEXTS = 2 };

/* ------------------------------------------------------------ operations alone */

static void measure_vmcs(struct lab *lab)
{
    u64 *const s = lab->sample;

    lab_cell_reset(&lab->cell);
    lab_bare_nothing(s, LAB_SERIES);
    lab_report_series(
        lab, LAB_ROW("stamps-host", "part", "nothing: LFENCE, RDTSC, MOV, LFENCE; LFENCE, RDTSC"));
    lab_bare_vmread(s, LAB_SERIES, VMCS_EXIT_REASON);
    lab_report_series(lab, LAB_ROW("vmread", "part", "VMREAD of the exit reason"));
    lab_bare_vmread(s, LAB_SERIES, VMCS_GUEST_CS_BASE);
    lab_report_series(lab, LAB_ROW("vmread-segment", "part", "VMREAD of the guest's CS base"));
    lab_bare_vmwrite(s, LAB_SERIES, VMCS_GUEST_RIP);
    lab_report_series(lab, LAB_ROW("vmwrite", "part", "VMWRITE of the guest's RIP"));
    lab_bare_vmwrite(s, LAB_SERIES, VMCS_CPU_CONTROLS);
    lab_report_series(lab, LAB_ROW("vmwrite-control", "part",
                                   "VMWRITE of the primary processor-based controls, unchanged"));
}

static void measure_msrs(struct lab *lab)
{
    u64 *const s = lab->sample;

    lab_bare_rdmsr(s, LAB_SERIES, MSR_KERNEL_GS_BASE);
    lab_report_series(lab, LAB_ROW("rdmsr-host", "part", "MOV, RDMSR of KERNEL_GS_BASE"));
    lab_bare_wrmsr(s, LAB_SERIES, MSR_KERNEL_GS_BASE, rdmsr(MSR_KERNEL_GS_BASE));
    lab_report_series(lab, LAB_ROW("wrmsr-host", "part", "3 MOV, WRMSR of KERNEL_GS_BASE"));
}

static void measure_invalidations(struct lab *lab)
{
    u64 *const s = lab->sample;
    const u64 eptp = vmx_eptp(virt_to_phys(lab->cell.ept.root));

    lab_bare_invept(s, LAB_SERIES, SINGLE_CONTEXT, eptp);
    lab_report_series(lab, LAB_ROW("invept-single", "part", "INVEPT, single-context"));
    lab_bare_invept(s, LAB_SERIES, ALL_CONTEXTS, 0);
    lab_report_series(lab, LAB_ROW("invept-all", "part", "INVEPT, all-context"));
    lab_bare_invvpid(s, LAB_SERIES, SINGLE_CONTEXT, CELL_VPID);
    lab_report_series(lab, LAB_ROW("invvpid-single", "part", "INVVPID, single-context"));
}

/* ------------------------------------------------------------ in a round trip */

#define TRIP "the round trip of floor/preemption-timer, and "

static void measure_writes(struct lab *lab)
{
    struct lab_cell *c = &lab->cell;
    u64 *const s = lab->sample;

    if (!lab_series_trip_ready(c, EXIT_PREEMPTION_TIMER))
        return;
    if (lab_trip_vmwrite(s, LAB_SERIES, VMCS_GUEST_RIP, vmcs_rn(VMCS_GUEST_RIP)))
        lab_report_series(lab, LAB_ROW("trip-rip", "part", TRIP "a VMWRITE of RIP"));
    if (lab_trip_vmwrite(s, LAB_SERIES, VMCS_CPU_CONTROLS, vmcs_r32(VMCS_CPU_CONTROLS)))
        lab_report_series(
            lab, LAB_ROW("trip-control", "part", TRIP "a VMWRITE of the primary controls"));
    if (lab_trip_vmwrite(s, LAB_SERIES, VMCS_EPTP, vmcs_r64(VMCS_EPTP)))
        lab_report_series(lab, LAB_ROW("trip-eptp", "part", TRIP "a VMWRITE of the EPTP"));
}

struct msr_entry {
    u32 index, reserved;
    u64 value;
};

static const struct msr_list {
    enum vmcs64 address;
    enum vmcs32 count;
    u32 entries;
    const char *name, *what;
} msr_lists[] = {
    {VMCS_ENTRY_MSR_LOAD_ADDR, VMCS_ENTRY_MSR_LOAD_COUNT, 1, "entry-load-1",
     TRIP "1 MSR of the VM-entry MSR-load list"},
    {VMCS_ENTRY_MSR_LOAD_ADDR, VMCS_ENTRY_MSR_LOAD_COUNT, 8, "entry-load-8", TRIP "8 of these"},
    {VMCS_EXIT_MSR_STORE_ADDR, VMCS_EXIT_MSR_STORE_COUNT, 1, "exit-store-1",
     TRIP "1 MSR of the VM-exit MSR-store list"},
    {VMCS_EXIT_MSR_STORE_ADDR, VMCS_EXIT_MSR_STORE_COUNT, 8, "exit-store-8", TRIP "8 of these"},
    {VMCS_EXIT_MSR_LOAD_ADDR, VMCS_EXIT_MSR_LOAD_COUNT, 1, "exit-load-1",
     TRIP "1 MSR of the VM-exit MSR-load list"},
    {VMCS_EXIT_MSR_LOAD_ADDR, VMCS_EXIT_MSR_LOAD_COUNT, 8, "exit-load-8", TRIP "8 of these"},
};

/* The same MSR each time, with the value that it has. */
static void measure_msr_list(struct lab *lab, const struct msr_list *list)
{
    struct lab_cell *c = &lab->cell;
    const struct lab_row row = {list->name, "part", list->what};
    struct msr_entry *entry;

    if (!lab_series_trip_ready(c, EXIT_PREEMPTION_TIMER))
        return;
    entry = (struct msr_entry *)lab_cell_word(c, AREA);
    for (u32 i = 0; i < AREA_MAX; i++)
        entry[i] = (struct msr_entry){MSR_KERNEL_GS_BASE, 0, rdmsr(MSR_KERNEL_GS_BASE)};
    vmcs_w64(list->address, lab_cell_hpa(c, AREA).v);
    vmcs_w32(list->count, list->entries);
    if (lab_trip_plain(lab->sample, LAB_SERIES))
        lab_report_series(lab, &row);
}

void lab_parts(struct lab *lab)
{
    measure_vmcs(lab);
    measure_msrs(lab);
    measure_invalidations(lab);
    measure_writes(lab);
    for (u32 i = 0; i < ARRAY_LEN(msr_lists); i++)
        measure_msr_list(lab, &msr_lists[i]);
}
