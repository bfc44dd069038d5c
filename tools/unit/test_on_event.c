/* Exceptions, NMIs, interrupts, windows, the timer. */
#include "tools/unit/fake_guest.h"
#include "vmm/event.h"

#define V           0x80000000u
#define DB          (V | 0x301)
#define INT1        (V | 0x501)
#define AC          (V | 0xb11)
#define NMI         (V | 0x202)
#define NMI_IRET    BIT32(12)
#define BLOCKED_NMI 8u
#define BS          BIT(14)

static enum verdict exception(u32 info)
{
    x.intr_info = info;
    return on_exception(v, &x);
}

static void test_host_events(void **state)
{
    (void)state;
    guest_new(LONG);
    assert_int_equal(exception(NMI), RESUME);
    assert_int_equal(fake_cpu.nmis, 1);
    assert_int_equal(v->pending.info, 0); /* the machine's, not the guest's */
    assert_int_equal(v->todo, 0);

    x.intr_info = V | 0x41;
    assert_int_equal(on_host_irq(v, &x), RESUME);
    assert_int_equal(fake_cpu.trap, 0x41);
    assert_int_equal(fake_cpu.traps, 1);
    assert_int_equal(fake_cpu.nmis, 1);
    assert_int_equal(v->todo, TODO_BOARD);
    assert_int_equal(last_record()->event, TRACE_HOST_IRQ);
    assert_int_equal(last_record()->a, 0x41);

    v->todo = 0;
    assert_int_equal(on_window(v, &x), RESUME);
    assert_int_equal(v->todo, TODO_EVENT);
    v->todo = 0;
    v->outside = 0;
    assert_int_equal(on_timer(v, &x), RESUME); /* everything is due */
    assert_int_equal(v->todo, TODO_BOARD);
    v->todo = 0;
    assert_int_equal(on_host_init(v, &x), RESUME);
    assert_int_equal(v->todo, 0);
    assert_true(unchanged());
}

/* A storm of exceptions in their own delivery gives the preemption timer no time to run. */
static void test_exceptions_and_the_clock(void **state)
{
    (void)state;
    guest_new(LONG);
    v->deadline = 5000;
    x.tsc = 5000;
    (void)exception(DB);
    assert_int_equal(v->todo & TODO_BOARD, 0);
    x.tsc = 5001;
    (void)exception(DB);
    assert_int_equal(v->todo & TODO_BOARD, TODO_BOARD);
    v->todo = 0;
    (void)exception(AC);
    assert_int_equal(v->todo & TODO_BOARD, TODO_BOARD);
}

/* The board, a console or the vCPU's CPU wants something; the local APIC's timer alone needs no
 * look at them; or nothing is due and the timer only runs on. */
static void test_timer(void **state)
{
    static const struct {
        u64 outside, lapic, todo, deadline, timer;
    } cases[] = {
        {1000, 5100, TODO_BOARD, 900, 0},     {1000, 1000, TODO_BOARD, 900, 0},
        {5000, 1000, TODO_EVENT, 5000, 4000}, {5000, 5100, 0, 5000, 4000},
        {5200, 5100, 0, 5100, 4100},
    };

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
        guest_new(LONG);
        x.tsc = 1000;
        lapic_reset(&v->lapic, 0);
        lapic_write(&v->lapic, 0xf0, 0x1ff, 0);
        lapic_write(&v->lapic, 0x320, 0x61, 0);
        v->lapic.deadline = cases[i].lapic;
        v->outside = cases[i].outside;
        v->todo = 0, v->deadline = 900;
        assert_int_equal(on_timer(v, &x), RESUME);
        assert_int_equal(v->todo, cases[i].todo);
        assert_int_equal(v->deadline, cases[i].deadline);
        assert_int_equal(fake_cpu.timer, cases[i].timer);
        assert_int_equal(lapic_pending(&v->lapic),
                         cases[i].todo == TODO_EVENT ? 0x61 : LAPIC_NO_VECTOR);
    }
}

/* One that spins gives its CPU away, and does not spin on the same PAUSE again. */
static void test_pause_loop(void **state)
{
    (void)state;
    guest_new(LONG);
    x.insn_len = 2;
    x.reason = EXIT_PAUSE;
    assert_true(exit_handle(v, on_pause, &x));
    assert_int_equal(v->todo, TODO_YIELD);
    assert_int_equal(now(GS_RIP), RIP + 2);
}

static void test_machine_checks_panic(void **state)
{
    jmp_buf env;
    volatile u32 panics = 0;

    (void)state;
    guest_new(LONG);
    fake_cpu.on_panic = &env;
    if (setjmp(env) == 0)
        (void)exception(V | 0x312);
    else
        panics++;
    if (setjmp(env) == 0)
        (void)on_machine_check(v, &x);
    else
        panics++;
    if (setjmp(env) == 0)
        (void)on_ept_misconfig(v, &x);
    else
        panics++;
    assert_int_equal(panics, 3);
    fake_cpu.on_panic = NULL;
}

/* SDM Vol. 3C, "Exit Qualification for Debug Exceptions"; Vol. 3B, "Debug Status Register". */
static void test_debug_exception(void **state)
{
    // clang-format off
    static const struct { u64 qual, dr6, dr7, debugctl, want_dr6, want_dr7, want_debugctl; } cases[] = {
        { BIT(14),   0xffff0ff0, 0x400,  0,    0xffff4ff0, 0x400, 0    }, /* single-step */
        { 0xf,       0xffff0ff0, 0x400,  0,    0xffff0fff, 0x400, 0    },
        { 2,         0xffff0ff5, 0x400,  0,    0xffff0ff2, 0x400, 0    }, /* B0-B3 are of this one */
        { 1,         0xffffeff0, 0x400,  0,    0xffffeff1, 0x400, 0    }, /* the rest sticks */
        { BIT(13),   0xffff0ff0, 0x2755, 0,    0xffff2ff0, 0x755, 0    }, /* GD goes off */
        { BIT(14),   0xffff0ff0, 0x400,  3,    0xffff4ff0, 0x400, 0    }, /* LBR and BTF go off */
        { BIT(14),   0xffff0ff0, 0x400,  2,    0xffff4ff0, 0x400, 0    },
        { BIT(14),   0xffff0ff0, 0x400,  0x41, 0xffff4ff0, 0x400, 0x40 },
        { ~0ull,     0xffff0ff0, 0x400,  0,    0xffff6fff, 0x400, 0    },
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        guest_new(LONG);
        x.qual = cases[i].qual;
        fake_cpu.dr6 = cases[i].dr6;
        vmcs(GS_DR7, cases[i].dr7);
        vmcs(GS_DEBUGCTL, cases[i].debugctl);
        assert_int_equal(exception(DB), RESUME);
        assert_int_equal(fake_cpu.dr6, cases[i].want_dr6);
        assert_int_equal(now(GS_DR7), cases[i].want_dr7);
        assert_int_equal(now(GS_DEBUGCTL), cases[i].want_debugctl);
        assert_int_equal(v->pending.info, DB);
        assert_int_equal(v->todo, TODO_EVENT);
        assert_int_equal(now(GS_RIP), RIP);
    }
}

/* SDM Vol. 3C, "Checks on Guest Non-Register State": in a shadow, with TF and without BTF, VM entry
 * insists on a pending single-step; otherwise on none. */
static void test_debug_exception_in_a_shadow(void **state)
{
    // clang-format off
    static const struct { u32 info; u64 flags, blocked, debugctl, pending, want; } cases[] = {
        { DB,   RFLAGS_TF, 1, 0,            0,      BS      }, /* POPF with TF; STI */
        { DB,   RFLAGS_TF, 2, 0,            0,      BS      },
        { INT1, RFLAGS_TF, 2, 0,            0,      BS      }, /* MOV SS; INT1 */
        { DB,   RFLAGS_TF, 2, 0,            0x1001, 0x1001 | BS },
        { DB,   RFLAGS_TF, 1, DEBUGCTL_BTF, 0,      BS      }, /* #DB has cleared BTF */
        { DB,   RFLAGS_TF, 0, 0,            0,      0       },
        { DB,   RFLAGS_TF, 8, 0,            0,      0       },
        { DB,   0,         1, 0,            0,      0       },
        { DB,   0,         2, 0,            0,      0       },
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        guest_new(LONG);
        vmcs(GS_RFLAGS, RFLAGS_FIXED_1 | cases[i].flags);
        vmcs(GS_INTERRUPTIBILITY, cases[i].blocked);
        vmcs(GS_DEBUGCTL, cases[i].debugctl);
        vmcs(GS_PENDING_DEBUG, cases[i].pending);
        x.qual = BS;
        assert_int_equal(exception(cases[i].info), RESUME);
        assert_int_equal(now(GS_PENDING_DEBUG), cases[i].want);
        assert_int_equal(now(GS_INTERRUPTIBILITY), cases[i].blocked);
    }
}

static void test_exceptions_go_on_as_they_came(void **state)
{
    (void)state;
    guest_new(LONG);
    fake_cpu.dr6 = DR6_INIT | DR6_B0;
    vmcs(GS_DR7, DR7_INIT | DR7_GD);
    x.intr_error = 0x1234, x.insn_len = 1;
    assert_int_equal(exception(AC), RESUME);
    assert_int_equal(v->pending.info, AC);
    assert_int_equal(v->pending.error, 0x1234);
    assert_int_equal(fake_cpu.dr6, DR6_INIT | DR6_B0); /* of #DB alone */
    assert_true(unchanged());
    guest_new(LONG); /* INT1: a privileged software exception wants its length */
    x.insn_len = 3;
    assert_int_equal(exception(INT1 | 0x7ffff000), RESUME); /* undefined bits do not go in */
    assert_int_equal(v->pending.info, INT1);
    assert_int_equal(v->pending.insn_len, 3);
}

static void test_redelivery(void **state)
{
    // clang-format off
    static const struct { u32 idt, want, blocked, want_blocked; } cases[] = {
        { 0,                  0,         8, 8 },
        { 0x30,               0,         8, 8 }, /* not valid */
        { V | 0x30,           V | 0x30,  8, 8 }, /* external interrupt */
        { NMI,                NMI,       8, 0 }, /* injecting it blocks NMIs anew */
        { NMI,                NMI,       9, 1 },
        { V | 0xb0e,          V | 0xb0e, 8, 8 },
        { V | 0x480,          V | 0x480, 0, 0 }, /* INT 0x80 */
        { V | 0x603,          V | 0x603, 0, 0 }, /* INT3 */
        { V | 0x7ffff480,     V | 0x480, 0, 0 },
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        guest_new(LONG);
        vmcs(GS_INTERRUPTIBILITY, cases[i].blocked);
        x.idt_info = cases[i].idt, x.idt_error = 0x66, x.insn_len = 2;
        event_redeliver(v, &x);
        assert_int_equal(v->pending.info, cases[i].want);
        if (cases[i].want) {
            assert_int_equal(v->pending.error, 0x66);
            assert_int_equal(v->pending.insn_len, 2);
        }
        assert_int_equal(v->todo, cases[i].want ? TODO_EVENT : 0);
        assert_int_equal(now(GS_INTERRUPTIBILITY), cases[i].want_blocked);
    }
}

/* An exception while an event was being delivered: SDM Vol. 3A, "Interrupt 8". */
static void test_exception_during_delivery(void **state)
{
    // clang-format off
    static const struct { u32 idt, info, want; bool shutdown; } cases[] = {
        { V | 0x30,  AC,         AC,        false },
        { V | 0xb0d, AC,         AC,        false }, /* benign: handled serially */
        { V | 0xb0d, V | 0xb0d,  V | 0xb08, false },
        { V | 0xb0e, V | 0xb0e,  V | 0xb08, false },
        { V | 0xb0d, V | 0xb0e,  V | 0xb0e, false },
        { V | 0xb08, V | 0xb0d,  V | 0xb08, true  },
        { V | 0xb08, AC,         AC,        false },
        { AC,        AC,         AC,        false }, /* CVE-2015-5307: once more, by an exit each */
        { DB,        DB,         DB,        false }, /* CVE-2015-8104 */
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        guest_new(LONG);
        x.idt_info = cases[i].idt, x.idt_error = 0x66, x.intr_error = 0x77;
        assert_int_equal(exception(cases[i].info), RESUME);
        assert_int_equal(v->pending.info, cases[i].want);
        assert_int_equal(v->triple_fault, cases[i].shutdown);
        if (cases[i].want == cases[i].info)
            assert_int_equal(v->pending.error, 0x77);
        assert_int_equal(v->todo, TODO_EVENT);
    }
}

/* SDM Vol. 3C, "Information About NMI Unblocking Due to IRET". */
static void test_nmi_unblocked_by_iret(void **state)
{
    // clang-format off
    static const struct { u32 info, idt; u64 blocked, want; } cases[] = {
        { AC | NMI_IRET,                   0,        0, BLOCKED_NMI     },
        { AC | NMI_IRET,                   0,        1, BLOCKED_NMI | 1 },
        { AC,                              0,        0, 0               },
        { AC | NMI_IRET,                   V | 0x30, 0, 0               }, /* undefined then */
        { AC | NMI_IRET,                   0x30,     0, BLOCKED_NMI     },
        { (V | 0xb08) | NMI_IRET,          0,        0, 0               }, /* #DF: undefined */
        { DB | NMI_IRET,                   0,        0, BLOCKED_NMI     },
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        guest_new(LONG);
        vmcs(GS_INTERRUPTIBILITY, cases[i].blocked);
        x.idt_info = cases[i].idt;
        assert_int_equal(exception(cases[i].info), RESUME);
        assert_int_equal(now(GS_INTERRUPTIBILITY), cases[i].want);
        assert_int_equal(v->pending.info, cases[i].info & ~NMI_IRET);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_host_events),
        cmocka_unit_test(test_exceptions_and_the_clock),
        cmocka_unit_test(test_timer),
        cmocka_unit_test(test_pause_loop),
        cmocka_unit_test(test_machine_checks_panic),
        cmocka_unit_test(test_debug_exception),
        cmocka_unit_test(test_debug_exception_in_a_shadow),
        cmocka_unit_test(test_exceptions_go_on_as_they_came),
        cmocka_unit_test(test_redelivery),
        cmocka_unit_test(test_exception_during_delivery),
        cmocka_unit_test(test_nmi_unblocked_by_iret),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
