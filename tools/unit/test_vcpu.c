/* Going on after an instruction, raising events, and what a vCPU says of its mode. */
#include "tools/unit/fake_guest.h"

#define BS BIT(14)

static void test_skip_insn(void **state)
{
    (void)state;
    // clang-format off
    static const struct {
        enum mode mode; u64 rip, flags, blocked, debugctl; u32 len; u64 want_rip, want_blocked, want_debug;
    } cases[] = {
        { LONG,   0x1000,                 0,         0,  0, 2,  0x1002,                 0, 0  },
        { LONG,   0xfffffffe,             0,         0,  0, 3,  0x100000001,            0, 0  },
        { LONG,   0x7ffffffffffe,         0,         0,  0, 2,  0x800000000000,         0, 0  },
        { LONG,   0xffffffffffffffff,     0,         0,  0, 2,  1,                      0, 0  },
        { COMPAT, 0xfffffffe,             0,         0,  0, 3,  1,                      0, 0  },
        { PAE,    0xfffffffe,             0,         0,  0, 2,  0,                      0, 0  },
        { FLAT32, 0xfffffffd,             0,         0,  0, 2,  0xffffffff,             0, 0  },
        { REAL,   0xfffe,                 0,         0,  0, 2,  0x10000,                0, 0  },
        { LONG,   0x1000,                 0,         1,  0, 15, 0x100f,                 0, 0  }, /* STI */
        { LONG,   0x1000,                 0,         2,  0, 1,  0x1001,                 0, 0  }, /* MOV SS */
        { LONG,   0x1000,                 0,         8,  0, 1,  0x1001,                 8, 0  }, /* NMI stays */
        { LONG,   0x1000,                 0,         11, 0, 1,  0x1001,                 8, 0  },
        { LONG,   0x1000,                 RFLAGS_TF, 0,  0, 1,  0x1001,                 0, BS },
        { LONG,   0x1000,                 RFLAGS_TF, 2,  0, 1,  0x1001,                 0, BS },
        { LONG,   0x1000,                 RFLAGS_TF, 0,  DEBUGCTL_BTF, 1, 0x1001,       0, 0  },
        { LONG,   0x1000,                 0,         0,  DEBUGCTL_BTF, 1, 0x1001,       0, 0  },
        { LONG,   0xffffffff,             RFLAGS_TF, 1,  0, 1,  0x100000000,            0, BS },
    };
    // clang-format on
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        guest_new(cases[i].mode);
        vmcs(GS_RIP, cases[i].rip);
        vmcs(GS_RFLAGS, cases[i].flags | RFLAGS_FIXED_1);
        vmcs(GS_INTERRUPTIBILITY, cases[i].blocked);
        vmcs(GS_DEBUGCTL, cases[i].debugctl);
        vcpu_skip_insn(v, cases[i].len);
        assert_int_equal(now(GS_RIP), cases[i].want_rip);
        assert_int_equal(now(GS_INTERRUPTIBILITY), cases[i].want_blocked);
        assert_int_equal(now(GS_PENDING_DEBUG), cases[i].want_debug);
        assert_int_equal(now(GS_RFLAGS), cases[i].flags | RFLAGS_FIXED_1);
    }
}

/* A breakpoint that waits for the end of MOV SS blocking is not lost to the single-step. */
static void test_single_step_adds_to_what_is_pending(void **state)
{
    (void)state;
    guest_new(LONG);
    vmcs(GS_RFLAGS, RFLAGS_TF);
    vmcs(GS_PENDING_DEBUG, 0x1001);
    vcpu_skip_insn(v, 1);
    assert_int_equal(now(GS_PENDING_DEBUG), 0x1001 | BS);
}

static void test_mode(void **state)
{
    static const u32 bits[] = {
        [REAL] = 16, [FLAT32] = 32, [PAGED32] = 32, [PAE] = 32, [COMPAT] = 32, [LONG] = 64};

    (void)state;
    for (u32 m = REAL; m <= LONG; m++) {
        guest_new((enum mode)m);
        assert_int_equal(vcpu_code_bits(v), bits[m]);
        for (u32 cpl = 0; cpl < 4; cpl++) {
            set_cpl(cpl);
            exited();
            assert_int_equal(vcpu_cpl(v), cpl);
        }
    }
    guest_new(COMPAT); /* 16-bit code under IA-32e */
    vmcs(GS_CS_AR, 0x009b);
    assert_int_equal(vcpu_code_bits(v), 16);
    guest_new(FLAT32); /* outside IA-32e mode the L bit means nothing */
    vmcs(GS_CS_AR, 0xe09b);
    assert_int_equal(vcpu_code_bits(v), 32);
}

/* SDM Vol. 3A, "Segmentation in IA-32e Mode"; outside 64-bit code linear addresses have 32 bits. */
static void test_linear_addresses(void **state)
{
    // clang-format off
    static const struct { enum mode mode; u32 segment; u64 base, offset, want; } cases[] = {
        { LONG,    0, 0x1000,             0x20,               0x20               }, /* ES */
        { LONG,    3, 0x1000,             0xffff800000000000, 0xffff800000000000 },
        { LONG,    4, 0x1000,             0x20,               0x1020             }, /* FS */
        { LONG,    5, 0xffff800000000000, 0x20,               0xffff800000000020 }, /* GS */
        { LONG,    5, 0xffffffffffffffff, 0x20,               0x1f               },
        { COMPAT,  0, 0x1000,             0x20,               0x1020             },
        { COMPAT,  3, 0xfffffff0,         0x20,               0x10               },
        { PAGED32, 3, 0xfffffff0,         0x20,               0x10               },
        { FLAT32,  5, 0xfffffff0,         0xfffffff0,         0xffffffe0         },
        { REAL,    2, 0xffff0,            0xffff,             0x10ffef           },
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        guest_new(cases[i].mode);
        for (u32 s = 0; s < 6; s++)
            vmcs((enum guest_field)(GS_ES_BASE + s), 0x123000 + s);
        vmcs((enum guest_field)(GS_ES_BASE + cases[i].segment), cases[i].base);
        assert_int_equal(vcpu_linear(v, cases[i].segment, cases[i].offset), cases[i].want);
    }
}

static void test_raise(void **state)
{
    (void)state;
    guest_new(LONG);
    vcpu_raise(v, VEC_GP, 0x18);
    assert_int_equal(v->pending.info, 0x80000b0d);
    assert_int_equal(v->pending.error, 0x18);
    assert_int_equal(v->todo, TODO_EVENT);
    guest_new(LONG);
    vcpu_raise(v, VEC_UD, NO_ERROR_CODE);
    assert_int_equal(v->pending.info, 0x80000306);
    assert_int_equal(v->pending.error, 0);
    guest_new(REAL); /* real mode has no error codes */
    vcpu_raise(v, VEC_GP, 0x18);
    assert_int_equal(v->pending.info, 0x8000030d);
    assert_int_equal(v->pending.error, 0);
    guest_new(LONG);
    vcpu_raise_page_fault(v, 0x123456789, 6);
    assert_page_fault(0x123456789, 6);
}

/* SDM Vol. 3B, "Debug Control Register (DR7)" and Vol. 1 on RF: a fault's image of EFLAGS has RF
 * set, and VM entry pushes the RF that it finds; without it an instruction breakpoint on the
 * faulting instruction would be taken twice. */
static void test_fault_sets_rf(void **state)
{
    (void)state;
    guest_new(LONG);
    vcpu_raise(v, VEC_GP, 0);
    assert_int_equal(now(GS_RFLAGS), RFLAGS_FIXED_1 | RFLAGS_RF);
    assert_int_equal(now(GS_RIP), RIP);
}

static void test_second_fault(void **state)
{
    // clang-format off
    static const struct { enum mode mode; u32 first; u8 second; u32 want, want_error; bool shutdown; } cases[] = {
        { LONG, 0,          13, 0x80000b0d, 0x10, false },
        { LONG, 0x80000b0d, 13, 0x80000b08, 0,    false }, /* #GP, #GP */
        { LONG, 0x80000b0e, 14, 0x80000b08, 0,    false }, /* #PF, #PF */
        { LONG, 0x80000b0d, 14, 0x80000b0e, 0x10, false }, /* #GP, #PF */
        { LONG, 0x80000b0e, 13, 0x80000b08, 0,    false }, /* #PF, #GP */
        { LONG, 0x80000030, 13, 0x80000b0d, 0x10, false }, /* an interrupt, #GP */
        { LONG, 0x80000b08, 13, 0x80000b08, 0x77, true  }, /* #DF, #GP */
        { REAL, 0x8000030d, 13, 0x80000308, 0,    false }, /* VM entry refuses an error code here */
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        guest_new(cases[i].mode);
        v->pending = (struct event){.info = cases[i].first, .error = 0x77};
        vcpu_raise(v, cases[i].second, 0x10);
        assert_int_equal(v->pending.info, cases[i].want);
        assert_int_equal(v->pending.error, cases[i].want_error);
        assert_int_equal(v->triple_fault, cases[i].shutdown);
        assert_int_equal(v->todo, TODO_EVENT);
    }
}

static void test_reset(void **state)
{
    (void)state;
    guest_new(LONG);
    v->pending.info = 0x80000b0d;
    v->irq_planned = v->extint_planned = v->nmi_pending = v->triple_fault = true;
    v->xcr0 = 7, v->lapic.tpr = 0x30, v->tsc_adjust = 5, v->tsc_offset = 9;
    v->todo = TODO_HALT;
    memset(v->msr_held, 0xa5, sizeof(v->msr_held));
    vcpu_reset(v);
    assert_int_equal(v->pending.info, 0);
    assert_false(v->irq_planned || v->extint_planned || v->nmi_pending || v->triple_fault);
    assert_int_equal(v->xcr0, XCR0_X87);
    assert_int_equal(v->lapic.tpr, 0);
    assert_int_equal(v->tsc_adjust, 0);
    assert_int_equal(v->todo, TODO_BOARD);
    assert_int_equal(now(GS_CR0), CR0_ET | CR0_NE);
    assert_int_equal(now(GS_CR0_SHADOW), CR0_ET);
    assert_int_equal(now(GS_CR4), CR4_VMXE | CR4_MCE);
    assert_int_equal(now(GS_CR4_SHADOW), 0);
    assert_int_equal(v->msr_held[msr_find(MSR_FEATURE_CONTROL)->slot], FEATURE_CONTROL_LOCK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_skip_insn),
        cmocka_unit_test(test_single_step_adds_to_what_is_pending),
        cmocka_unit_test(test_mode),
        cmocka_unit_test(test_linear_addresses),
        cmocka_unit_test(test_raise),
        cmocka_unit_test(test_fault_sets_rf),
        cmocka_unit_test(test_second_fault),
        cmocka_unit_test(test_reset),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
