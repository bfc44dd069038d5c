/* KVM's MSRs: which values they take, what is in guest memory after that. */
#include "vmm/pv.h"

#include "tools/unit/fake_guest.h"

#define AT 0x6000ull

static const u32 msrs[] = {MSR_KVM_WALL_CLOCK, MSR_KVM_SYSTEM_TIME, MSR_KVM_STEAL_TIME,
                           MSR_KVM_PV_EOI};
static const u32 sizes[] = {12, 32, 64, 4}, aligns[] = {4, 4, 64, 4};

static enum verdict wrmsr_of(u32 msr, u64 value)
{
    r[RCX] = msr | BIT(40); /* 32 bits count */
    r[RAX] = (u32)value;
    r[RDX] = value >> 32;
    return on_wrmsr(v, &x);
}

static u64 rdmsr_of(u32 msr)
{
    r[RCX] = msr;
    assert_int_equal(on_rdmsr(v, &x), NEXT);
    return r[RDX] << 32 | r[RAX];
}

static void fresh(void)
{
    guest_new(LONG);
    lapic_reset(&v->lapic, 0);
    x.tsc = vm.clock.epoch;
    v->tsc_offset = 0 - vm.clock.epoch;
}

static u64 enabling(u32 i, u64 at)
{
    return msrs[i] == MSR_KVM_WALL_CLOCK ? at : at | KVM_MSR_ENABLED;
}

/* All of RAM but [at, at + len) is as it was, filled with 0x5c. */
static void assert_untouched_around(u64 at, u64 len)
{
    for (u64 gpa = at - 128; gpa < at + len + 128; gpa++)
        if (gpa < at || gpa >= at + len)
            assert_int_equal(*(u8 *)ram(gpa), 0x5c);
}

static void test_values(void **state)
{
    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(msrs); i++) {
        const u64 good[] = {enabling(i, AT),
                            enabling(i, AT + PAGE_SIZE - aligns[i]), /* the next page, too */
                            enabling(i, LOW_END - ALIGN_UP(sizes[i], aligns[i])),
                            enabling(i, MID_BEGIN),
                            enabling(i, HIGH_END - ALIGN_UP(sizes[i], aligns[i])),
                            0};
        const u64 bad[] = {
            enabling(i, LOW_END),                                              /* the VGA window */
            enabling(i, sizes[i] > aligns[i] ? LOW_END - aligns[i] : LOW_END), /* in part */
            enabling(i, MID_BEGIN - aligns[i]),
            enabling(i, sizes[i] > aligns[i] ? HIGH_END - aligns[i] : HIGH_END),
            enabling(i, MID_END),
            enabling(i, HIGH_END),
            enabling(i, 0xfffffffffffff000),
            enabling(i, BIT(63)),
            enabling(i, AT) | 2,
            AT | 2};

        for (u32 n = 0; n < ARRAY_LEN(good); n++) {
            fresh();
            assert_int_equal(rdmsr_of(msrs[i]), 0);
            assert_int_equal(wrmsr_of(msrs[i], good[n]), NEXT);
            assert_int_equal(rdmsr_of(msrs[i]), good[n]);
        }
        for (u32 n = 0; n < ARRAY_LEN(bad); n++) {
            fresh();
            assert_int_equal(wrmsr_of(msrs[i], enabling(i, AT)), NEXT);
            assert_int_equal(wrmsr_of(msrs[i], bad[n]), FAULT_GP);
            assert_int_equal(rdmsr_of(msrs[i]), enabling(i, AT)); /* as before */
        }
        for (u64 bit = 0; bit < 12; bit++) {
            const bool reserved = BIT(bit) < aligns[i] && (bit > 0 || i == 0);

            fresh();
            assert_int_equal(wrmsr_of(msrs[i], enabling(i, AT) | BIT(bit)),
                             reserved ? FAULT_GP : NEXT);
        }
        assert_true(unchanged());
    }
}

static void test_not_offered(void **state)
{
    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(msrs); i++) {
        fresh();
        vm.cpuid.kvm_features = 0;
        v->msr_refused = 0;
        r[RCX] = msrs[i];
        assert_int_equal(on_rdmsr(v, &x), FAULT_GP);
        assert_int_equal(wrmsr_of(msrs[i], 0), FAULT_GP);
        assert_int_equal(wrmsr_of(msrs[i], enabling(i, AT)), FAULT_GP);
        assert_int_equal(v->msr_refused, 3);
        assert_int_equal(last_record()->a, msrs[i]);
    }
    fresh();
    assert_int_equal(wrmsr_of(0x4b564d02, 0), FAULT_GP);
    assert_int_equal(wrmsr_of(0x4b564d05, 0), FAULT_GP);
    assert_int_equal(wrmsr_of(0x12, AT | 1), FAULT_GP);
    vm.cpuid.kvm_features = KVM_FEATURE_STEAL_TIME; /* each by its own bit */
    assert_int_equal(wrmsr_of(MSR_KVM_STEAL_TIME, AT | 1), NEXT);
    assert_int_equal(wrmsr_of(MSR_KVM_SYSTEM_TIME, AT | 1), FAULT_GP);
    assert_int_equal(wrmsr_of(MSR_KVM_PV_EOI, AT | 1), FAULT_GP);
}

static void test_wall_clock(void **state)
{
    const struct kvm_wall_clock *w;

    (void)state;
    fresh();
    fill(AT - 256, 0x5c, 1024);
    w = ram(AT);
    assert_int_equal(wrmsr_of(MSR_KVM_WALL_CLOCK, AT), NEXT);
    assert_int_equal(w->version, 2);
    assert_int_equal(w->sec, 1700000000);
    assert_int_equal(w->nsec, 0);
    assert_untouched_around(AT, sizeof(*w));
    assert_int_equal(wrmsr_of(MSR_KVM_WALL_CLOCK, AT), NEXT);
    assert_int_equal(w->version, 4);
    assert_int_equal(wrmsr_of(MSR_KVM_WALL_CLOCK, 0), NEXT); /* nothing to fill in */
    assert_int_equal(*(u8 *)ram(0), 0);
}

static void test_system_time(void **state)
{
    const u64 epoch = 1000000; /* fake_guest.h */
    const struct kvm_system_time *t;

    (void)state;
    fresh();
    fill(AT - 256, 0x5c, 1024);
    t = ram(AT);
    x.tsc = epoch + 500;
    assert_int_equal(wrmsr_of(MSR_KVM_SYSTEM_TIME, AT | 1), NEXT);
    assert_int_equal(t->version, 2);
    assert_int_equal(t->tsc_timestamp, 0);
    assert_int_equal(t->system_time, 0);
    assert_int_equal(t->tsc_to_system_mul, 0x80000000); /* 1 GHz */
    assert_int_equal(t->tsc_shift, 1);
    assert_int_equal(t->flags, KVM_CLOCK_STABLE);
    assert_untouched_around(AT, sizeof(*t));
    assert_int_equal(wrmsr_of(MSR_TSC, 90000), NEXT); /* at 500 ns */
    assert_int_equal(t->version, 4);
    assert_int_equal(t->tsc_timestamp, 90000 - 500);
    assert_int_equal(wrmsr_of(MSR_TSC_ADJUST, 0), NEXT);
    assert_int_equal(t->version, 6);
    assert_int_equal(t->tsc_timestamp, 0);
    assert_int_equal(wrmsr_of(MSR_KVM_SYSTEM_TIME, AT + 512), NEXT); /* off */
    assert_int_equal(wrmsr_of(MSR_TSC, 70000), NEXT);
    assert_int_equal(t->version, 6);
    assert_int_equal(*(u8 *)ram(AT + 512), 0x5c);
    assert_int_equal(wrmsr_of(MSR_KVM_SYSTEM_TIME, (AT + 512) | 1), NEXT);
    assert_int_equal(((const struct kvm_system_time *)ram(AT + 512))->tsc_timestamp, 70000 - 500);
    vm.extents = 0; /* the memory is no longer there: given up */
    assert_int_equal(wrmsr_of(MSR_TSC, 60000), NEXT);
    assert_int_equal(rdmsr_of(MSR_KVM_SYSTEM_TIME), 0);
    vm.extents = 3;
}

static void test_steal_time(void **state)
{
    struct kvm_steal_time *s;

    (void)state;
    fresh();
    fill(AT - 256, 0x5c, 1024);
    s = ram(AT);
    pv_set_preempted(v, true);
    pv_steal_update(v, 300);
    assert_untouched_around(AT, 0);
    assert_int_equal(wrmsr_of(MSR_KVM_STEAL_TIME, AT | 1), NEXT);
    assert_int_equal(s->steal, 300);
    assert_int_equal(s->version, 2);
    pv_set_preempted(v, true);
    assert_int_equal(s->preempted, 1);
    s->version = 77; /* what the guest writes counts for nothing */
    s->steal = 0;
    pv_steal_update(v, 4000000000ull);
    pv_set_preempted(v, false);
    assert_int_equal(s->steal, 4000000300ull);
    assert_int_equal(s->version, 4);
    assert_int_equal(s->preempted, 0);
    assert_int_equal(s->flags, 0x5c5c5c5c);
    assert_int_equal(s->pad[0], 0x5c);
    assert_untouched_around(AT, 17);
    assert_int_equal(wrmsr_of(MSR_KVM_STEAL_TIME, AT), NEXT);
    pv_steal_update(v, 1);
    pv_set_preempted(v, true);
    assert_int_equal(s->version, 4);
    assert_int_equal(s->preempted, 0);
    assert_int_equal(wrmsr_of(MSR_KVM_STEAL_TIME, AT | 1), NEXT);
    assert_int_equal(s->steal, 4000000301ull);
    vm.extents = 0;
    pv_set_preempted(v, true);
    assert_int_equal(rdmsr_of(MSR_KVM_STEAL_TIME), 0);
    vm.extents = 3;
    assert_int_equal(wrmsr_of(MSR_KVM_STEAL_TIME, AT | 1), NEXT);
    vm.extents = 0;
    pv_steal_update(v, 1);
    assert_int_equal(rdmsr_of(MSR_KVM_STEAL_TIME), 0);
    vm.extents = 3;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),     cmocka_unit_test(test_not_offered),
        cmocka_unit_test(test_wall_clock), cmocka_unit_test(test_system_time),
        cmocka_unit_test(test_steal_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
