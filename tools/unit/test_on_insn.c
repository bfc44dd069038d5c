/* Exits of single instructions, by the SDM's rules for each. */
#include "abi/errors.h"
#include "tools/unit/fake_guest.h"
#include "vmm/hypercall.h"
#include "vmm/msr_models.h"

static enum verdict rdmsr_of(u32 msr)
{
    r[RCX] = 0xdead00000000ull | msr; /* the upper half does not count */
    r[RAX] = r[RDX] = ~0ull;
    return on_rdmsr(v, &x);
}

static enum verdict wrmsr_of(u32 msr, u64 value)
{
    r[RCX] = 0xdead00000000ull | msr;
    r[RAX] = 0xdead00000000ull | (u32)value;
    r[RDX] = 0xdead00000000ull | value >> 32;
    return on_wrmsr(v, &x);
}

static u64 edx_eax(void)
{
    assert_int_equal((r[RAX] | r[RDX]) >> 32, 0);
    return r[RDX] << 32 | r[RAX];
}

/* ---------------------------------------------------------------- CPUID */

static void add_leaf(struct cpuid_leaf *leaf, u8 count, u8 live)
{
    *leaf = (struct cpuid_leaf){(u8)vm.cpuid.entries, count, live};
    if (leaf < &vm.cpuid.basic[CPUID_BASIC_MAX] && count == 1 && !live)
        vm.cpuid.plain[leaf - vm.cpuid.basic] = &vm.cpuid.entry[vm.cpuid.entries];
    for (u32 i = 0; i < count; i++) {
        const u32 n = vm.cpuid.entries++;

        vm.cpuid.entry[n] = (struct cpuid_answer){0xa0 + n, 0xb0 + n, 0xc0 + n, 0xd0 + n};
    }
}

static void cpuid_of(u32 leaf, u32 subleaf)
{
    r[RAX] = 0x1234500000000ull | leaf;
    r[RCX] = 0x1234500000000ull | subleaf;
    r[RBX] = r[RDX] = ~0ull;
    assert_int_equal(on_cpuid(v, &x), NEXT);
    assert_true(unchanged());
}

static void assert_answer(u64 a, u64 b, u64 c, u64 d)
{
    assert_int_equal(r[RAX], a);
    assert_int_equal(r[RBX], b);
    assert_int_equal(r[RCX], c);
    assert_int_equal(r[RDX], d);
}

static void test_cpuid(void **state)
{
    (void)state;
    guest_new(LONG);
    struct cpuid_policy *p = &vm.cpuid;

    p->max_basic = 0xd;
    add_leaf(&p->basic[0], 1, CPUID_STATIC);        /* entry 0 */
    add_leaf(&p->basic[1], 1, CPUID_LIVE_FEATURES); /* 1 */
    add_leaf(&p->basic[4], 3, CPUID_STATIC);        /* 2, 3, 4 */
    add_leaf(&p->basic[7], 1, CPUID_LIVE_OSPKE);    /* 5 */
    add_leaf(&p->basic[0xd], 2, CPUID_LIVE_XSAVE);  /* 6, 7 */
    add_leaf(&p->extended[8], 1, CPUID_STATIC);     /* 8 */
    p->entry[1].ecx = 1;
    p->entry[5].ecx = 1;
    p->xsave_size[2] = 256, p->xsave_offset[2] = 576;
    v->xcr0 = XCR0_X87;

    cpuid_of(0, 99);
    assert_answer(0xa0, 0xb0, 0xc0, 0xd0);
    cpuid_of(1, 0);
    assert_answer(0xa1, 0xb1, 1, 0xd1);
    v->id = 3; /* the second vCPU's and so on have an APIC ID of their own */
    cpuid_of(1, 0);
    assert_answer(0xa1, 0x30000b1, 1, 0xd1);
    v->id = 0;
    cpuid_of(4, 2);
    assert_answer(0xa4, 0xb4, 0xc4, 0xd4);
    cpuid_of(4, 3);
    assert_answer(0, 0, 0, 0);
    cpuid_of(7, 0);
    assert_int_equal(r[RCX], 1);
    cpuid_of(0xd, 0);
    assert_int_equal(r[RBX], 576);
    cpuid_of(0x80000008, 0);
    assert_answer(0xa8, 0xb8, 0xc8, 0xd8);
    cpuid_of(0x1f, 1); /* above the highest leaf: as the highest, the subleaf in ECX */
    assert_answer(0xa7, 576, 0xc7, 0xd7);
    cpuid_of(0xffffffff, 0);
    assert_int_equal(r[RAX], 0xa6);
    cpuid_of(0x40000080, 0);
    assert_answer(0, 0, 0, 0);

    vmcs(GS_CR4, CR4_OSXSAVE | CR4_PKE);
    v->xcr0 = 7;
    cpuid_of(1, 0);
    assert_int_equal(r[RCX], 1 | BIT(27));
    cpuid_of(7, 0);
    assert_int_equal(r[RCX], 1 | BIT(4));
    cpuid_of(0xd, 0);
    assert_int_equal(r[RBX], 832);
    assert_int_equal(p->entry[1].ecx, 1); /* the policy itself stays as it is */
}

/* ---------------------------------------------------------------- RDMSR, WRMSR */

static void test_every_held_msr(void **state)
{
    const struct msr_row *row;
    u64 want[MSR_HELD_MAX];
    u32 held = 0;

    (void)state;
    for (u32 i = 0; (row = msr_row(i)); i++)
        for (u32 msr = row->first; msr <= row->last; msr++) {
            guest_new(LONG);
            if (row->read == MSR_HELD) {
                held++;
                assert_int_equal(rdmsr_of(msr), NEXT);
                assert_int_equal(edx_eax(), row->reset);
            }
            if (row->write != MSR_HELD || row->other != MSR_DENY)
                continue;
            for (u32 bit = 0; bit < 64; bit++) {
                const u64 value = row->reset ^ BIT(bit);
                const bool may = row->writable & BIT(bit);

                assert_int_equal(wrmsr_of(msr, value), may ? NEXT : FAULT_GP);
                assert_int_equal(rdmsr_of(msr), NEXT);
                assert_int_equal(edx_eax(), may ? value : row->reset);
                assert_int_equal(wrmsr_of(msr, row->reset), NEXT);
            }
            assert_int_equal(wrmsr_of(msr, row->reset ^ row->writable), NEXT);
            msr_held_reset(want); /* no neighbour's slot */
            want[row->slot + (msr - row->first)] = row->reset ^ row->writable;
            assert_memory_equal(v->msr_held, want, sizeof(want));
            assert_true(unchanged());
        }
    assert_true(held > 30);
}

static void test_refused_msrs(void **state)
{
    static const u32 none[] = {0x1a,       0x1c,       0x48,       0x49,       0x480,
                               0x491,      0x6e1,      0x800,      0x8ff,      0x1fff,
                               0x2000,     0x40000000, 0xbfffffff, 0xc0000085, 0xc0001fff,
                               0xc0002000, 0xc0010015, 0xffffffff};
    static const u32 read_only[] = {MSR_PLATFORM_ID, MSR_FEATURE_CONTROL, MSR_MTRRCAP, MSR_MCG_CAP};

    (void)state;
    guest_new(LONG);
    for (u32 i = 0; i < ARRAY_LEN(none); i++) {
        v->msr_refused = 0;
        assert_int_equal(rdmsr_of(none[i]), FAULT_GP);
        assert_int_equal(last_record()->event, TRACE_MSR_REFUSED);
        assert_int_equal(last_record()->a, none[i]);
        assert_int_equal(last_record()->b, 0);
        assert_int_equal(r[RAX] & r[RDX], ~0ull); /* untouched */
        assert_int_equal(wrmsr_of(none[i], 0x1234567890), FAULT_GP);
        assert_int_equal(last_record()->b, 1);
        assert_int_equal(last_record()->c, 0x1234567890);
        assert_int_equal(v->msr_refused, 2);
    }
    for (u32 i = 0; i < ARRAY_LEN(read_only); i++) {
        assert_int_equal(rdmsr_of(read_only[i]), NEXT);
        assert_int_equal(wrmsr_of(read_only[i], edx_eax()), FAULT_GP); /* even its own value */
    }
    assert_int_equal(wrmsr_of(MSR_BIOS_SIGN_ID, 5), NEXT); /* dropped */
    assert_int_equal(rdmsr_of(MSR_BIOS_SIGN_ID), NEXT);
    assert_int_equal(edx_eax(), 0);
    assert_true(unchanged());
}

/* Arming is one write of the preemption timer, and no look at the devices. */
static void test_tsc_deadline(void **state)
{
    (void)state;
    guest_new(LONG);
    lapic_reset(&v->lapic, 0);
    x.tsc = 5000;
    v->tsc_offset = 0ull - 2000; /* the guest's TSC is 3000 */
    v->deadline = 100000;
    v->todo = 0;
    assert_int_equal(wrmsr_of(MSR_TSC_DEADLINE, 3500), NEXT); /* the timer is in another mode */
    assert_int_equal(rdmsr_of(MSR_TSC_DEADLINE), NEXT);
    assert_int_equal(edx_eax(), 0);
    lapic_write(&v->lapic, 0x320, 0x40040, 4000);
    assert_int_equal(wrmsr_of(MSR_TSC_DEADLINE, 3500), NEXT);
    assert_int_equal(fake_cpu.timers, 1);
    assert_int_equal(fake_cpu.timer, 500);
    assert_int_equal(v->deadline, 5500);
    assert_int_equal(rdmsr_of(MSR_TSC_DEADLINE), NEXT);
    assert_int_equal(edx_eax(), 3500);
    x.tsc = 5500; /* it has come, and the exit for it has not: it must not wait for the next one */
    assert_int_equal(wrmsr_of(MSR_TSC_DEADLINE, 90000), NEXT);
    assert_int_equal(lapic_pending(&v->lapic), 0x40);
    assert_int_equal(v->todo, TODO_BOARD);
    assert_int_equal(lapic_ack(&v->lapic), 0x40);
    lapic_write(&v->lapic, 0xb0, 0, x.tsc);
    v->todo = 0;
    x.tsc = 5000;
    assert_int_equal(wrmsr_of(MSR_TSC_DEADLINE, 0), NEXT); /* off: the timer may fire for nothing */
    assert_int_equal(wrmsr_of(MSR_TSC_DEADLINE, 9000), NEXT);
    assert_int_equal(fake_cpu.timers, 1);
    assert_int_equal(v->todo, 0);
    assert_int_equal(wrmsr_of(MSR_TSC, 8999), NEXT); /* the deadline is as near as it says */
    assert_int_equal(v->lapic.deadline, 5001);
    assert_int_equal(v->todo, TODO_BOARD);
    v->todo = 0;
    assert_int_equal(wrmsr_of(MSR_TSC_DEADLINE, 8999), NEXT); /* now */
    assert_int_equal(v->todo, TODO_BOARD);
    lapic_tick(&v->lapic, x.tsc);
    assert_int_equal(lapic_pending(&v->lapic), 0x40);
    assert_int_equal(rdmsr_of(MSR_TSC_DEADLINE), NEXT);
    assert_int_equal(edx_eax(), 0);
}

/* SDM Vol. 3B, "Time-Stamp Counter Adjustment": each write moves both by the same amount. */
static void test_tsc(void **state)
{
    (void)state;
    guest_new(LONG);
    x.tsc = 5000;
    v->tsc_offset = 0ull - 2000; /* the guest's TSC is 3000 */
    assert_int_equal(wrmsr_of(MSR_TSC, 100), NEXT);
    assert_int_equal(5000 + fake_cpu.tsc_offset, 100);
    assert_int_equal(v->tsc_offset, fake_cpu.tsc_offset);
    assert_int_equal(rdmsr_of(MSR_TSC_ADJUST), NEXT);
    assert_int_equal(edx_eax(), 0ull - 2900);
    x.tsc = 6000; /* the guest's: 1100 */
    assert_int_equal(wrmsr_of(MSR_TSC_ADJUST, 0), NEXT);
    assert_int_equal(6000 + fake_cpu.tsc_offset, 4000);
    assert_int_equal(wrmsr_of(MSR_TSC_ADJUST, 7), NEXT);
    assert_int_equal(6000 + fake_cpu.tsc_offset, 4007);
    assert_int_equal(rdmsr_of(MSR_TSC_ADJUST), NEXT);
    assert_int_equal(edx_eax(), 7);
    assert_int_equal(wrmsr_of(MSR_TSC, ~0ull), NEXT); /* wraps as the counter does */
    assert_int_equal(6000 + fake_cpu.tsc_offset, ~0ull);
    assert_int_equal(v->tsc_adjust, 7 + ~0ull - 4007);
    assert_int_equal(fake_cpu.tsc_offsets, 4);
}

static void test_pat(void **state)
{
    (void)state;
    for (u32 byte = 0; byte < 8; byte++)
        for (u64 type = 0; type < 256; type++) {
            const u64 value = (0x0007040600070406ull & ~(0xffull << 8 * byte)) | type << 8 * byte;
            const bool exists =
                type == 0 || type == 1 || type == 4 || type == 5 || type == 6 || type == 7;

            guest_new(LONG);
            vmcs(GS_PAT, 0x0606060606060606);
            assert_int_equal(wrmsr_of(MSR_PAT, value), exists ? NEXT : FAULT_GP);
            assert_int_equal(now(GS_PAT), exists ? value : 0x0606060606060606);
        }
}

static void test_debugctl_xss(void **state)
{
    (void)state;
    for (u32 bit = 0; bit < 64; bit++) {
        const bool may = BIT(bit) == DEBUGCTL_BTF;

        guest_new(LONG);
        assert_int_equal(wrmsr_of(MSR_DEBUGCTL, BIT(bit)), may ? NEXT : FAULT_GP);
        assert_int_equal(now(GS_DEBUGCTL), may ? DEBUGCTL_BTF : 0);
        assert_int_equal(wrmsr_of(MSR_XSS, BIT(bit)), FAULT_GP);
    }
    guest_new(LONG);
    vmcs(GS_DEBUGCTL, DEBUGCTL_BTF);
    assert_int_equal(rdmsr_of(MSR_DEBUGCTL), NEXT);
    assert_int_equal(edx_eax(), DEBUGCTL_BTF);
    assert_int_equal(wrmsr_of(MSR_DEBUGCTL, 0), NEXT);
    assert_int_equal(now(GS_DEBUGCTL), 0);
    assert_int_equal(rdmsr_of(MSR_XSS), NEXT);
    assert_int_equal(edx_eax(), 0);
    assert_int_equal(wrmsr_of(MSR_XSS, 0), NEXT);
}

static void test_efer(void **state)
{
    const u64 lm = EFER_LME | EFER_LMA;
    const struct {
        enum mode mode;
        u64 value;
        enum verdict verdict;
        u64 want;
    } cases[] = {
        {LONG, lm | EFER_SCE, NEXT, lm | EFER_SCE},
        {LONG, EFER_LME, NEXT, lm},                /* LMA is read-only */
        {LONG, EFER_NXE, FAULT_GP, lm | EFER_NXE}, /* LME while paging */
        {LONG, lm | BIT(12), FAULT_GP, lm | EFER_NXE},
        {LONG, lm | BIT(63), FAULT_GP, lm | EFER_NXE},
        {FLAT32, lm | EFER_NXE, NEXT, EFER_LME | EFER_NXE},
        {PAGED32, EFER_LME, FAULT_GP, 0},
        {PAGED32, EFER_NXE, NEXT, EFER_NXE},
        {REAL, EFER_SCE, NEXT, EFER_SCE},
    };

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
        guest_new(cases[i].mode);
        assert_int_equal(wrmsr_of(MSR_EFER, cases[i].value), cases[i].verdict);
        assert_int_equal(now(GS_EFER), cases[i].want);
        assert_int_equal(now(GS_ENTRY_CONTROLS), fake_cpu.vmcs[GS_ENTRY_CONTROLS]);
    }
}

static void test_models_know_their_msrs_only(void **state)
{
    u64 value;

    (void)state;
    guest_new(LONG);
    assert_int_equal(msr_model_read(v, MSR_LSTAR, &value, 0), E_INVAL);
    assert_int_equal(msr_model_write(v, MSR_LSTAR, 0, 0), E_INVAL);
}

/* ---------------------------------------------------------------- XSETBV */

static void test_xsetbv(void **state)
{
    // clang-format off
    static const struct { u64 cr4; u32 cpl; u64 rcx, rax, rdx; enum verdict verdict; } cases[] = {
        { CR4_OSXSAVE, 0, 0,        7,             0,             NEXT     },
        { CR4_OSXSAVE, 0, BIT(32),  BIT(40) | 3,   BIT(32),       NEXT     }, /* 32 bits count */
        { 0,           0, 0,        7,             0,             FAULT_UD },
        { 0,           3, 1,        7,             0,             FAULT_UD }, /* #UD comes first */
        { CR4_OSXSAVE, 3, 0,        7,             0,             FAULT_GP },
        { CR4_OSXSAVE, 1, 0,        7,             0,             FAULT_GP },
        { CR4_OSXSAVE, 0, 1,        7,             0,             FAULT_GP },
        { CR4_OSXSAVE, 0, 0,        6,             0,             FAULT_GP }, /* x87 is always on */
        { CR4_OSXSAVE, 0, 0,        5,             0,             FAULT_GP }, /* AVX needs SSE */
        { CR4_OSXSAVE, 0, 0,        0xe7,          0,             FAULT_GP }, /* not offered */
        { CR4_OSXSAVE, 0, 0,        7,             BIT(31),       FAULT_GP },
        { CR4_OSXSAVE, 0, 0,        0,             0,             FAULT_GP },
    };
    // clang-format on
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        guest_new(LONG);
        v->xcr0 = fake_cpu.xcr0 = 1;
        set_cpl(cases[i].cpl);
        vmcs(GS_CR4, cases[i].cr4);
        r[RCX] = cases[i].rcx, r[RAX] = cases[i].rax, r[RDX] = cases[i].rdx;
        assert_int_equal(on_xsetbv(v, &x), cases[i].verdict);
        const bool done = cases[i].verdict == NEXT;

        assert_int_equal(fake_cpu.xsetbvs, done);
        assert_int_equal(v->xcr0, done ? (u32)cases[i].rax : 1);
        assert_int_equal(fake_cpu.xcr0, v->xcr0);
    }
}

/* ---------------------------------------------------------------- HLT, VMCALL, the rest */

static void test_hlt(void **state)
{
    (void)state;
    guest_new(LONG);
    assert_int_equal(on_hlt(v, &x), NEXT);
    assert_int_equal(v->todo, TODO_HALT);
    assert_true(unchanged());
}

/* The single-step trap after HLT wakes the processor at once. */
static void test_hlt_under_single_step(void **state)
{
    (void)state;
    guest_new(LONG);
    vmcs(GS_RFLAGS, RFLAGS_TF);
    assert_int_equal(on_hlt(v, &x), NEXT);
    assert_false(v->todo & TODO_HALT);
    guest_new(LONG); /* steps at branches only: no trap */
    vmcs(GS_RFLAGS, RFLAGS_TF);
    vmcs(GS_DEBUGCTL, DEBUGCTL_BTF);
    assert_int_equal(on_hlt(v, &x), NEXT);
    assert_true(v->todo & TODO_HALT);
}

static void test_vmcall(void **state)
{
    static const u64 numbers[] = {HYPERCALLS,  HYPERCALLS + 1, 0x7fffffff, 0x80000000,
                                  0x100000000, BIT(63),        ~0ull};

    (void)state;
    guest_new(LONG);
    for (u32 cpl = 1; cpl < 4; cpl++) {
        set_cpl(cpl);
        exited();
        r[RAX] = 0;
        assert_int_equal(on_vmcall(v, &x), FAULT_UD);
        assert_int_equal(r[RAX], 0);
    }
    set_cpl(0);
    exited();
    assert_int_equal(on_vmcall(v, &x), NEXT);
    assert_int_equal(r[RAX], ABI_VERSION << 16 | ABI_REVISION);
    for (u32 i = 0; i < ARRAY_LEN(numbers); i++) {
        r[RAX] = numbers[i];
        assert_int_equal(on_vmcall(v, &x), NEXT);
        assert_int_equal(r[RAX], (u64)ABI_ENOSYS);
    }
    assert_true(unchanged());
}

static void test_fixed_answers(void **state)
{
    (void)state;
    guest_new(LONG);
    assert_int_equal(skip_insn(v, &x), NEXT);
    assert_int_equal(refuse_ud(v, &x), FAULT_UD);
    assert_int_equal(refuse_gp(v, &x), FAULT_GP);
    assert_int_equal(stop_guest(v, &x), KILL);
    assert_true(unchanged());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cpuid),
        cmocka_unit_test(test_every_held_msr),
        cmocka_unit_test(test_refused_msrs),
        cmocka_unit_test(test_tsc),
        cmocka_unit_test(test_tsc_deadline),
        cmocka_unit_test(test_pat),
        cmocka_unit_test(test_debugctl_xss),
        cmocka_unit_test(test_efer),
        cmocka_unit_test(test_models_know_their_msrs_only),
        cmocka_unit_test(test_xsetbv),
        cmocka_unit_test(test_hlt),
        cmocka_unit_test(test_hlt_under_single_step),
        cmocka_unit_test(test_vmcall),
        cmocka_unit_test(test_fixed_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
