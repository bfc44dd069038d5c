/* The exit table, row by row: the whole of it is written here a second time, so that a row that is
 * added or changed wants a line here; and each row goes once through exit_handle(). */
#include "tools/unit/fake_guest.h"
#include "vmm/policy/exit.h"

#define IIV   (NEED_INTR | NEED_IDTV | NEED_QUAL)
#define LEN   NEED_LEN
#define LEN_Q (NEED_LEN | NEED_QUAL)
#define NMI   0x80000202u

/* How the guest goes on. */
enum outcome { STAYS, SKIPS, UD, GP, STOPS, PANICS };

// clang-format off
static const struct {
    u32 reason;
    enum verdict (*handler)(struct vcpu *v, const struct exit *x);
    u32 needs;
    enum outcome outcome; /* of the exit below, in 64-bit mode at CPL 0 */
    struct exit exit;
    u64 rax, rcx;
} rows[] = {
    {EXIT_EXCEPTION_OR_NMI,       on_exception,     IIV,                 STAYS,  {.intr_info = NMI}, 0, 0},
    {EXIT_EXTERNAL_INTERRUPT,     on_host_irq,      NEED_INTR,           STAYS,  {.intr_info = 0x80000041}, 0, 0},
    {EXIT_TRIPLE_FAULT,           stop_guest,       0,                   STOPS,  {0}, 0, 0},
    {EXIT_INIT,                   on_host_init,     0,                   STAYS,  {0}, 0, 0},
    {EXIT_INTERRUPT_WINDOW,       on_window,        0,                   STAYS,  {0}, 0, 0},
    {EXIT_NMI_WINDOW,             on_window,        0,                   STAYS,  {0}, 0, 0},
    {EXIT_TASK_SWITCH,            on_task_switch,   LEN_Q | NEED_IDTV,   STOPS,  {0}, 0, 0}, /* none in long mode */
    {EXIT_CPUID,                  on_cpuid,         LEN,                 SKIPS,  {0}, 0, 0},
    {EXIT_GETSEC,                 refuse_ud,        0,                   UD,     {0}, 0, 0},
    {EXIT_HLT,                    on_hlt,           LEN,                 SKIPS,  {0}, 0, 0},
    {EXIT_INVD,                   skip_insn,        LEN,                 SKIPS,  {0}, 0, 0},
    {EXIT_RDPMC,                  refuse_gp,        0,                   GP,     {0}, 0, 0},
    {EXIT_RSM,                    refuse_ud,        0,                   UD,     {0}, 0, 0},
    {EXIT_VMCALL,                 on_vmcall,        LEN,                 SKIPS,  {0}, 0, 0},
    {EXIT_VMCLEAR,                refuse_ud,        0,                   UD,     {0}, 0, 0},
    {EXIT_VMLAUNCH,               refuse_ud,        0,                   UD,     {0}, 0, 0},
    {EXIT_VMPTRLD,                refuse_ud,        0,                   UD,     {0}, 0, 0},
    {EXIT_VMPTRST,                refuse_ud,        0,                   UD,     {0}, 0, 0},
    {EXIT_VMREAD,                 refuse_ud,        0,                   UD,     {0}, 0, 0},
    {EXIT_VMRESUME,               refuse_ud,        0,                   UD,     {0}, 0, 0},
    {EXIT_VMWRITE,                refuse_ud,        0,                   UD,     {0}, 0, 0},
    {EXIT_VMXOFF,                 refuse_ud,        0,                   UD,     {0}, 0, 0},
    {EXIT_VMXON,                  refuse_ud,        0,                   UD,     {0}, 0, 0},
    {EXIT_CR_ACCESS,              on_cr_access,     LEN_Q,               SKIPS,  {.qual = 8}, 0, 0},          /* MOV to CR8 */
    {EXIT_IO,                     on_io,            LEN_Q | NEED_INSN,   SKIPS,  {.qual = 0x80 << 16}, 0, 0}, /* OUT 0x80, AL */
    {EXIT_RDMSR,                  on_rdmsr,         LEN,                 SKIPS,  {0}, 0, MSR_APIC_BASE},
    {EXIT_WRMSR,                  on_wrmsr,         LEN,                 SKIPS,  {0}, 0, MSR_BIOS_SIGN_ID},
    {EXIT_MWAIT,                  refuse_ud,        0,                   UD,     {0}, 0, 0},
    {EXIT_MONITOR,                refuse_ud,        0,                   UD,     {0}, 0, 0},
    {EXIT_PAUSE,                  on_pause,         NEED_LEN,            SKIPS,  {0}, 0, 0},
    {EXIT_MACHINE_CHECK_AT_ENTRY, on_machine_check, 0,                   PANICS, {0}, 0, 0},
    {EXIT_APIC_ACCESS,            on_apic_access,   NEED_QUAL | NEED_IDTV, STOPS, {.qual = 0x2000}, 0, 0}, /* a fetch */
    {EXIT_VIRTUALIZED_EOI,        on_virtualized_eoi, NEED_QUAL,         STAYS,  {.qual = 0x39}, 0, 0},
    {EXIT_EPT_VIOLATION,          on_ept_violation, NEED_QUAL | NEED_GPA | NEED_IDTV, STOPS, {.gpa = {3 * GiB}}, 0, 0},
    {EXIT_EPT_MISCONFIG,          on_ept_misconfig, NEED_QUAL | NEED_GPA | NEED_IDTV, PANICS, {0}, 0, 0},
    {EXIT_INVEPT,                 refuse_ud,        0,                   UD,     {0}, 0, 0},
    {EXIT_RDTSCP,                 refuse_ud,        0,                   UD,     {0}, 0, 0},
    {EXIT_PREEMPTION_TIMER,       on_timer,         0,                   STAYS,  {0}, 0, 0},
    {EXIT_INVVPID,                refuse_ud,        0,                   UD,     {0}, 0, 0},
    {EXIT_WBINVD,                 skip_insn,        LEN,                 SKIPS,  {0}, 0, 0},
    {EXIT_XSETBV,                 on_xsetbv,        LEN,                 SKIPS,  {0}, XCR0_X87 | XCR0_SSE, 0},
    {EXIT_APIC_WRITE,             on_apic_write,    NEED_QUAL,           STOPS,  {.qual = 0x300}, 0, 0}, /* without a page */
    {EXIT_INVPCID,                refuse_ud,        0,                   UD,     {0}, 0, 0},
    {EXIT_VMFUNC,                 refuse_ud,        0,                   UD,     {0}, 0, 0},
    {EXIT_ENCLS,                  refuse_ud,        0,                   UD,     {0}, 0, 0},
    {EXIT_PCONFIG,                refuse_ud,        0,                   UD,     {0}, 0, 0},
    {EXIT_UMWAIT,                 refuse_ud,        0,                   UD,     {0}, 0, 0},
    {EXIT_TPAUSE,                 refuse_ud,        0,                   UD,     {0}, 0, 0},
    {EXIT_LOADIWKEY,              refuse_ud,        0,                   UD,     {0}, 0, 0},
    {EXIT_ENCLV,                  refuse_ud,        0,                   UD,     {0}, 0, 0},
    {EXIT_SEAMCALL,               refuse_ud,        0,                   UD,     {0}, 0, 0},
    {EXIT_TDCALL,                 refuse_ud,        0,                   UD,     {0}, 0, 0},
};
// clang-format on

static void test_every_row(void **state)
{
    size_t next = 0;

    (void)state;
    for (u32 reason = 0; reason < EXIT_REASONS; reason++) {
        const struct exit_row *row = exit_row(reason);

        if (next == ARRAY_LEN(rows) || rows[next].reason != reason) {
            assert_non_null(row); /* stops the guest, like a number beyond the table */
            assert_ptr_equal(row->handler, stop_guest);
            assert_int_equal(row->needs, 0);
            assert_non_null(row->why);
            continue;
        }
        assert_non_null(row);
        assert_ptr_equal(row->handler, rows[next].handler);
        assert_int_equal(row->needs, rows[next].needs);
        assert_non_null(row->why);
        next++;
    }
    assert_int_equal(next, ARRAY_LEN(rows));
    for (u32 reason = 0; reason < EXIT_REASONS; reason++) {
        assert_ptr_equal(exit_handlers[reason], exit_row(reason)->handler);
        assert_int_equal(exit_needs[reason], exit_row(reason)->needs);
    }
    assert_null(exit_row(EXIT_REASONS));
    assert_null(exit_row(~0u));
}

static enum outcome handle(exit_handler *handler)
{
    jmp_buf env;

    fake_cpu.on_panic = &env;
    if (setjmp(env) != 0) {
        fake_cpu.on_panic = NULL;
        return PANICS;
    }
    (void)exit_handle(v, handler, &x);
    fake_cpu.on_panic = NULL;
    if (vm.end == VM_END_STOPPED)
        return STOPS;
    if (now(GS_RIP) == RIP + 3)
        return SKIPS;
    assert_int_equal(now(GS_RIP), RIP);
    switch (v->pending.info) {
    case 0: return STAYS;
    case 0x80000306: return UD;
    case 0x80000b0d: assert_int_equal(v->pending.error, 0); return GP;
    default: fail_msg("event %#x", v->pending.info); return PANICS;
    }
}

static void exit_with(u32 reason, const struct exit *exit, u64 rax, u64 rcx)
{
    guest_new(LONG);
    vmcs(GS_CR4, CR4_FORCED | CR4_PAE | CR4_OSXSAVE);
    x = *exit;
    x.reason = reason;
    x.insn_len = 3;
    r[RAX] = rax, r[RCX] = rcx, r[RDX] = 0;
}

static void test_every_row_is_handled(void **state)
{
    size_t next = 0;

    (void)state;
    for (u32 reason = 0; reason < EXIT_REASONS; reason++) {
        const struct exit_row *row = exit_row(reason);
        enum outcome want = STOPS;

        if (next < ARRAY_LEN(rows) && rows[next].reason == reason) {
            exit_with(reason, &rows[next].exit, rows[next].rax, rows[next].rcx);
            want = rows[next].outcome;
            next++;
        } else {
            exit_with(reason, &(struct exit){0}, 0, 0);
        }
        if (handle(row->handler) != want)
            fail_msg("reason %u", reason);
        if (want == STOPS)
            assert_string_equal(fake_cpu.why, row->why);
    }
}

/* A row for each verdict, and what the dispatcher makes of it. */
static enum verdict verdict;

static enum verdict say(struct vcpu *vcpu, const struct exit *exit)
{
    assert_ptr_equal(vcpu, v);
    assert_ptr_equal(exit, &x);
    return verdict;
}

static void test_every_verdict(void **state)
{
    static const enum outcome outcomes[] = {
        [RESUME] = STAYS, [NEXT] = SKIPS, [FAULT_UD] = UD, [FAULT_GP] = GP, [KILL] = STOPS};

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(outcomes); i++) {
        guest_new(LONG);
        x.insn_len = 3;
        x.reason = EXIT_TASK_SWITCH;
        verdict = (enum verdict)i;
        assert_int_equal(handle(say), outcomes[i]);
        if (verdict == KILL)
            assert_string_equal(fake_cpu.why, exit_row(EXIT_TASK_SWITCH)->why);
        else
            assert_null(fake_cpu.why);
    }
}

/* Neither skipped nor ignored. */
static void test_without_a_row(void **state)
{
    (void)state;
    guest_new(LONG);
    x.insn_len = 3;
    exit_refuse(v, &x);
    assert_int_equal(vm.end, VM_END_STOPPED);
    assert_non_null(strstr(fake_cpu.why, "never asks for"));
    assert_true(unchanged());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row),
        cmocka_unit_test(test_every_row_is_handled),
        cmocka_unit_test(test_every_verdict),
        cmocka_unit_test(test_without_a_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
