/* Controls that make an instruction exit, and bitmaps: with the control it exits, without it does
 * not. SDM Vol. 3C, "Instructions That Cause VM Exits Conditionally". */
#include "arch/x86_64/msr.h"
#include "vmm/lab/selftest.h"

#define PORT              0x80u
#define BITMAP            CELL_PAGE(0) /* MSRs; I/O bitmap A */
#define BITMAP_B          CELL_PAGE(1)
#define BITMAP_READ_UPPER 1024u /* bytes: MSRs from 0xc0000000 */

struct exiting {
    enum vmx_word word;
    u32 control;
    const u8 *code;
    u32 reason;
    u32 rbx;
    bool one_way; /* without the control the guest would sleep */
};

static void at(struct lab_cell *c, const struct exiting *e)
{
    lab_cell_at(c, e->code);
    c->frame.regs.r[RBX] = e->rbx;
    c->frame.regs.r[RCX] = 0;
}

static enum lab_outcome exits(struct lab_cell *c, struct lab_detail *d, const struct exiting *e)
{
    lab_cell_set(c, e->word, e->control);
    at(c, e);
    LAB_EXPECT(c, e->reason);
    if (e->one_way)
        return LAB_PASS;
    lab_cell_clear(c, e->word, e->control);
    at(c, e);
    LAB_WANT(lab_cell_run(c) != e->reason, "it exits without the control, too");
    return LAB_PASS;
}

#define EXITING(name, in_word, bit, from, to, ...)                                                 \
    static enum lab_outcome name(struct lab_cell *c, struct lab_detail *d)                         \
    {                                                                                              \
        static const struct exiting e = {                                                          \
            .word = (in_word), .control = (bit), .code = (from), .reason = (to), __VA_ARGS__};     \
                                                                                                   \
        return exits(c, d, &e);                                                                    \
    }

EXITING(hlt, WORD_CPU, CPU_HLT_EXITING, lab_code_hlt, EXIT_HLT, .one_way = true)
EXITING(invlpg, WORD_CPU, CPU_INVLPG_EXITING, lab_code_invlpg, EXIT_INVLPG, )
EXITING(rdpmc, WORD_CPU, CPU_RDPMC_EXITING, lab_code_rdpmc, EXIT_RDPMC, )
EXITING(rdtsc, WORD_CPU, CPU_RDTSC_EXITING, lab_code_rdtsc, EXIT_RDTSC, )
EXITING(cr3_load, WORD_CPU, CPU_CR3_LOAD_EXITING, lab_code_write_cr3, EXIT_CR_ACCESS, )
EXITING(cr3_store, WORD_CPU, CPU_CR3_STORE_EXITING, lab_code_write_cr3, EXIT_CR_ACCESS, )
EXITING(mov_dr, WORD_CPU, CPU_MOV_DR_EXITING, lab_code_read_dr7, EXIT_DR_ACCESS, )
EXITING(monitor, WORD_CPU, CPU_MONITOR_EXITING, lab_code_monitor, EXIT_MONITOR, .rbx = CELL_PAGE(0))
EXITING(pause_exits, WORD_CPU, CPU_PAUSE_EXITING, lab_code_pause, EXIT_PAUSE, )
EXITING(gdtr, WORD_CPU2, CPU2_DESCRIPTOR_TABLE_EXITING, lab_code_sgdt, EXIT_GDTR_IDTR,
        .rbx = CELL_PAGE(0))
EXITING(ldtr, WORD_CPU2, CPU2_DESCRIPTOR_TABLE_EXITING, lab_code_str, EXIT_LDTR_TR, )
EXITING(wbinvd, WORD_CPU2, CPU2_WBINVD_EXITING, lab_code_wbinvd, EXIT_WBINVD, )
EXITING(rdrand, WORD_CPU2, CPU2_RDRAND_EXITING, lab_code_rdrand, EXIT_RDRAND, )
EXITING(rdseed, WORD_CPU2, CPU2_RDSEED_EXITING, lab_code_rdseed, EXIT_RDSEED, )

static enum lab_outcome pause_loop(struct lab_cell *c, struct lab_detail *d)
{
    lab_cell_set(c, WORD_CPU2, CPU2_PAUSE_LOOP_EXITING);
    vmcs_w32(VMCS_PLE_GAP, 1024); /* ticks between two PAUSEs of one loop */
    vmcs_w32(VMCS_PLE_WINDOW, 16384);
    lab_cell_at(c, lab_code_pause);
    LAB_EXPECT(c, EXIT_PAUSE);
    return LAB_PASS;
}

static enum lab_outcome msr_bitmap(struct lab_cell *c, struct lab_detail *d)
{
    const u32 bit = MSR_KERNEL_GS_BASE & 0x1fff;
    u8 *upper_reads = c->mem + BITMAP + BITMAP_READ_UPPER;

    vmcs_w64(VMCS_MSR_BITMAP, lab_cell_hpa(c, BITMAP).v);
    lab_cell_set(c, WORD_CPU, CPU_MSR_BITMAPS);
    lab_cell_at(c, lab_code_rdmsr);
    c->frame.regs.r[RCX] = MSR_KERNEL_GS_BASE;
    LAB_EXPECT(c, EXIT_VMCALL);
    upper_reads[bit / 8] |= (u8)(1u << bit % 8);
    lab_cell_at(c, lab_code_rdmsr);
    c->frame.regs.r[RCX] = MSR_KERNEL_GS_BASE;
    LAB_EXPECT(c, EXIT_RDMSR);
    return LAB_PASS;
}

static enum lab_outcome io_bitmaps(struct lab_cell *c, struct lab_detail *d)
{
    vmcs_w64(VMCS_IO_BITMAP_A, lab_cell_hpa(c, BITMAP).v);
    vmcs_w64(VMCS_IO_BITMAP_B, lab_cell_hpa(c, BITMAP_B).v);
    lab_cell_set(c, WORD_CPU, CPU_IO_BITMAPS);
    lab_cell_at(c, lab_code_in);
    c->frame.regs.r[RBX] = PORT;
    LAB_EXPECT(c, EXIT_VMCALL);
    c->mem[BITMAP + PORT / 8] |= 1u << PORT % 8;
    lab_cell_at(c, lab_code_in);
    c->frame.regs.r[RBX] = PORT;
    LAB_EXPECT(c, EXIT_IO);
    return LAB_PASS;
}

static const struct lab_test tests[] = {
    {"HLT exiting", WORD_CPU, CPU_HLT_EXITING, 0, hlt},
    {"INVLPG exiting", WORD_CPU, CPU_INVLPG_EXITING, 0, invlpg},
    {"MWAIT exiting", WORD_CPU, CPU_MWAIT_EXITING, 0, NULL},
    {"RDPMC exiting", WORD_CPU, CPU_RDPMC_EXITING, 0, rdpmc},
    {"RDTSC exiting", WORD_CPU, CPU_RDTSC_EXITING, 0, rdtsc},
    {"CR3-load exiting", WORD_CPU, CPU_CR3_LOAD_EXITING, 0, cr3_load},
    {"CR3-store exiting", WORD_CPU, CPU_CR3_STORE_EXITING, 0, cr3_store},
    {"MOV-DR exiting", WORD_CPU, CPU_MOV_DR_EXITING, 0, mov_dr},
    {"MONITOR exiting", WORD_CPU, CPU_MONITOR_EXITING, 0, monitor},
    {"PAUSE exiting", WORD_CPU, CPU_PAUSE_EXITING, 0, pause_exits},
    {"PAUSE-loop exiting", WORD_CPU2, CPU2_PAUSE_LOOP_EXITING, 0, pause_loop},
    {"descriptor-table exiting, GDTR", WORD_CPU2, CPU2_DESCRIPTOR_TABLE_EXITING, 0, gdtr},
    {"descriptor-table exiting, TR", WORD_CPU2, CPU2_DESCRIPTOR_TABLE_EXITING, 0, ldtr},
    {"WBINVD exiting", WORD_CPU2, CPU2_WBINVD_EXITING, 0, wbinvd},
    {"RDRAND exiting", WORD_CPU2, CPU2_RDRAND_EXITING, 0, rdrand},
    {"RDSEED exiting", WORD_CPU2, CPU2_RDSEED_EXITING, 0, rdseed},
    {"ENCLS exiting", WORD_CPU2, CPU2_ENCLS_EXITING, 0, NULL},
    {"ENCLV exiting", WORD_CPU2, CPU2_ENCLV_EXITING, 0, NULL},
    {"MSR bitmaps", WORD_CPU, CPU_MSR_BITMAPS, 0, msr_bitmap},
    {"I/O bitmaps", WORD_CPU, CPU_IO_BITMAPS, 0, io_bitmaps},
};
LAB_TESTS(lab_exit_tests, tests);
