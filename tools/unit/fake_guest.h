/* One guest for tests of the exit handlers: RAM in three extents with guard pages around each,
 * page tables of its own making in that RAM, a board, and a vCPU that has just exited. */
#pragma once
#include "arch/x86_64/cr.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/paging.h"
#include "tools/unit/fake_cpu.h"
#include "vmm/handlers.h"
#include "vmm/policy/cr.h"
#include "vmm/vm.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define LOW_END    0xa0000ull /* the VGA window follows */
#define MID_BEGIN  0xc0000ull
#define MID_END    0x400000ull
#define HIGH_BEGIN (4 * GiB)
#define HIGH_END   (4 * GiB + 0x10000)
#define TABLES     0x10000ull /* gpa of the first page table */
#define RIP        0x5000ull  /* of the instruction that exited */

#define PTE_P      BIT(0)
#define PTE_W      BIT(1)
#define PTE_U      BIT(2)
#define PTE_XD     BIT(63)
#define PTE_RW     (PTE_P | PTE_W)

enum mode { REAL, FLAT32, PAGED32, PAE, COMPAT, LONG };

static struct vm vm;
static struct config_guest guest_config;
static struct vcpu the_vcpu;
static struct exit_stats stats;
static struct vcpu *const v = &the_vcpu;
static u64 *const r = the_vcpu.vmx.guest.regs.r;
static struct exit x;
static struct trace_ring ring;
static enum mode mode;
static u64 next_table;
static u8 sent[256]; /* through COM1 */
static u32 sent_len;

static void take_char(void *ctx, u8 byte)
{
    (void)ctx;
    if (sent_len < sizeof(sent))
        sent[sent_len++] = byte;
}

static bool always_room(void *ctx)
{
    (void)ctx;
    return true;
}

static void add_extent(u64 begin, u64 end)
{
    struct vm_extent *e = &vm.extent[vm.extents++];
    const u64 len = end - begin;
    u8 *at = mmap(NULL, len + 2 * PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_true(at != MAP_FAILED);
    assert_int_equal(mprotect(at + PAGE_SIZE, len, PROT_READ | PROT_WRITE), 0);
    *e = (struct vm_extent){{begin}, {(u64)(at + PAGE_SIZE) - DIRECT_MAP_BASE}, len};
}

/* The fixture's own way to RAM, not the gate's. */
static void *ram(u64 gpa)
{
    for (u32 i = 0; i < vm.extents; i++)
        if (gpa >= vm.extent[i].gpa.v && gpa < vm.extent[i].gpa.v + vm.extent[i].len)
            return (u8 *)phys_to_virt(vm.extent[i].hpa) + (gpa - vm.extent[i].gpa.v);
    fail_msg("%#llx is not RAM", (unsigned long long)gpa);
    return NULL;
}

static UNUSED void fill(u64 gpa, u8 byte, u64 len)
{
    memset(ram(gpa), byte, len);
}

static u64 new_table(void)
{
    next_table += PAGE_SIZE;
    fill(next_table - PAGE_SIZE, 0, PAGE_SIZE);
    return next_table - PAGE_SIZE;
}

static bool wide_entries(void)
{
    return mode >= PAE;
}

static u64 entry_get(u64 gpa)
{
    u64 entry = 0;

    memcpy(&entry, ram(gpa), wide_entries() ? 8 : 4);
    return entry;
}

static void entry_set(u64 gpa, u64 entry)
{
    memcpy(ram(gpa), &entry, wide_entries() ? 8 : 4);
}

/* gpa of the page-table entry for gva; tables are made on the way. */
static u64 entry_of(u64 gva)
{
    const u32 bits = wide_entries() ? 9 : 10, bytes = wide_entries() ? 8 : 4;
    u32 level = mode >= COMPAT ? 3 : 1;
    u64 table = fake_cpu.vmcs[GS_CR3] & ~0xfffull;

    if (mode == PAE)
        table = fake_cpu.vmcs[GS_PDPTE0 + (gva >> 30)] & ~0xfffull;
    for (;; level--) {
        const u64 at = table + (gva >> (12 + bits * level) & (BIT(bits) - 1)) * bytes;

        if (level == 0)
            return at;
        if (!(entry_get(at) & PTE_P))
            entry_set(at, new_table() | PTE_RW | PTE_U);
        table = entry_get(at) & 0x000ffffffffff000ull;
    }
}

static UNUSED void map(u64 gva, u64 gpa, u64 flags)
{
    entry_set(entry_of(gva), gpa | flags);
}

static UNUSED void identity(u64 begin, u64 end, u64 flags)
{
    for (u64 at = begin; at < end; at += PAGE_SIZE)
        map(at, at, flags);
}

static void put_mode(enum mode to)
{
    static const u64 cs_ar[] = {0x009b, 0xc09b, 0xc09b, 0xc09b, 0xc09b, 0xa09b};
    u64 *f = fake_cpu.vmcs;

    mode = to;
    f[GS_CR0] =
        CR0_ET | CR0_NE | CR0_WP | (to >= FLAT32 ? CR0_PE : 0) | (to >= PAGED32 ? CR0_PG : 0);
    f[GS_CR0_SHADOW] = CR0_ET;
    f[GS_CR4] = CR4_FORCED | (to >= PAE ? CR4_PAE : 0);
    f[GS_CR4_SHADOW] = 0;
    f[GS_EFER] = to >= COMPAT ? EFER_LME | EFER_LMA | EFER_NXE : 0;
    f[GS_CS_AR] = cs_ar[to];
    f[GS_TR_AR] = 0x8b;
    f[GS_ENTRY_CONTROLS] = to >= COMPAT ? 0x93fb : 0x91fb;
    next_table = TABLES;
    if (to >= PAGED32)
        f[GS_CR3] = new_table();
    for (u32 i = 0; to == PAE && i < 4; i++)
        f[GS_PDPTE0 + i] = new_table() | PTE_P;
}

static void set_cpl(u32 cpl)
{
    fake_cpu.vmcs[GS_SS_AR] = 0xc093 | cpl << 5;
}

/* As vmx_run() leaves the cache. */
static void exited(void)
{
    struct guest_state *g = &v->vmx.guest;

    memset(g->field, 0x5a, sizeof(g->field));
    g->valid = GS_READ_AT_EXIT;
    g->dirty = 0;
    for (u32 i = 0; i < GS_COUNT; i++)
        if (GS_READ_AT_EXIT & BIT(i))
            g->field[i] = fake_cpu.vmcs[i];
}

/* A fresh guest in the given mode that has exited at RIP, with everything else 0. */
static void guest_new(enum mode to)
{
    static const struct board_host host = {.tx = take_char, .tx_room = always_room};

    for (u32 i = 0; i < vm.extents; i++)
        munmap((u8 *)phys_to_virt(vm.extent[i].hpa) - PAGE_SIZE, vm.extent[i].len + 2 * PAGE_SIZE);
    memset(&vm, 0, sizeof(vm));
    memset(&the_vcpu, 0, sizeof(the_vcpu));
    memset(&stats, 0, sizeof(stats));
    vm.vcpu[vm.vcpus++] = v;
    memset(&guest_config, 0, sizeof(guest_config));
    vm.config = &guest_config;
    memset(&fake_cpu, 0, sizeof(fake_cpu));
    memset(&x, 0, sizeof(x));
    memset(&ring, 0, sizeof(ring));
    sent_len = 0;
    add_extent(0, LOW_END);
    add_extent(MID_BEGIN, MID_END);
    add_extent(HIGH_BEGIN, HIGH_END);
    fake_cpu.tsc = 1000000;
    fake_cpu.dr6 = DR6_INIT;
    fake_cpu.console_deadline = ~0ull;
    board_init(&vm.board, &host, 1000000000, fake_cpu.tsc, 0, 16 * MiB, 0xf4);
    vm.cpuid.phys_bits = 40;
    vm.cpuid.has_1g = true;
    vm.cpuid.kvm_features = KVM_FEATURE_CLOCKSOURCE2 | KVM_FEATURE_STEAL_TIME | KVM_FEATURE_PV_EOI;
    pvclock_start(&vm.clock, 1000000000, fake_cpu.tsc, 1700000000);
    vm.cpuid.cr4_mask = CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP;
    vm.cpuid.xcr0_mask = XCR0_X87 | XCR0_SSE | XCR0_AVX;
    v->vm = &vm;
    v->vpid = 7;
    v->trace = &ring;
    v->stats = &stats;
    v->deadline = 0;
    v->turn_ends = v->outside = ~0ull;
    v->vmx.timer_most = UINT32_MAX; /* a preemption timer that counts ticks */
    put_mode(to);
    set_cpl(0);
    fake_cpu.vmcs[GS_RIP] = RIP;
    fake_cpu.vmcs[GS_RFLAGS] = RFLAGS_FIXED_1;
    fake_cpu.vmcs[GS_DR7] = DR7_INIT;
    msr_policy_init();
    msr_held_reset(v->msr_held);
    exited();
}

/* Before the exit: what the VMCS holds. */
static UNUSED void vmcs(enum guest_field f, u64 value)
{
    fake_cpu.vmcs[f] = value;
    exited();
}

/* After the handler: what the next entry loads.  A slot that was changed must be marked. */
static u64 now(enum guest_field f)
{
    const struct guest_state *g = &v->vmx.guest;

    if (!(g->dirty & BIT(f))) {
        if (g->valid & BIT(f))
            assert_int_equal(g->field[f], fake_cpu.vmcs[f]);
        return fake_cpu.vmcs[f];
    }
    assert_true(g->valid & BIT(f));
    return g->field[f];
}

static UNUSED bool unchanged(void)
{
    for (u32 f = 0; f < GS_COUNT; f++)
        if (now((enum guest_field)f) != fake_cpu.vmcs[f])
            return false;
    return true;
}

static UNUSED void assert_page_fault(u64 gva, u32 error)
{
    assert_int_equal(v->pending.info, 0x80000b0e);
    assert_int_equal(v->pending.error, error);
    assert_int_equal(fake_cpu.cr2, gva);
    assert_true(v->todo & TODO_EVENT);
}

static UNUSED const struct trace_record *last_record(void)
{
    return ring.written ? &ring.record[(ring.written - 1) & (TRACE_RECORDS - 1)] : NULL;
}
