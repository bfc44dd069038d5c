/* Hypercalls with any numbers, arguments and structs, by the control partition and by a guest. What
 * must hold: no claim lies over the board, RAM or another claim; a guest's memory is in the control
 * partition's EPT only if it has granted it; results are those of include/abi/errors.h. */
#include "tools/unit/ept_fake.h"
#include "tools/unit/fake_control.h"
#include "vmm/cpu_share.h"
#include "vmm/grant.h"
#include "vmm/mmio.h"
#include "vmm/pmm.h"
#include "vmm/policy/io.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* cmocka's, for the fixture. */
void _assert_true(const LargestIntegralType result, const char *expression, const char *file,
                  const int line)
{
    if (!result) {
        fprintf(stderr, "%s:%d: %s\n", file, line, expression);
        abort();
    }
}

void _assert_int_equal(const LargestIntegralType a, const LargestIntegralType b, const char *file,
                       const int line)
{
    _assert_true(a == b, "equal", file, line);
}

void _fail(const char *file, const int line)
{
    _assert_true(false, "reached", file, line);
}

void print_error(const char *format, ...)
{
    (void)format;
}

#define EPT_TABLES 100u

static struct fake pages;

static void begin(void)
{
    (void)both_new(NULL);
    memset(&pages, 0, sizeof(pages));
    pages.fail_in = -1;
    the_control.ept = (struct ept){.page_alloc = fake_alloc,
                                   .page_free = fake_free,
                                   .to_phys = fake_to_phys,
                                   .to_virt = fake_to_virt,
                                   .ctx = &pages,
                                   .tables_left = EPT_TABLES,
                                   .phys_bits = 52};
    grant_drop_all();
    ring.written = 2 * TRACE_RECORDS + 10;
    cpu_share[0].trace = &ring;
    guest_console_attend(&vm.console, READER_PORT, true);
    vm.console.head = GUEST_CONSOLE_SIZE - 100; /* full soon */
    REQUIRE(ept_init(&the_control.ept) == OK);
}

static void judge_range(u32 n)
{
    const struct served_range *range = &vm.served.range[n];

    if (!range->space)
        return;
    REQUIRE(range->first <= range->last);
    for (u32 i = 0; i < n; i++) {
        const struct served_range *other = &vm.served.range[i];

        REQUIRE(other->space != range->space || other->last < range->first ||
                range->last < other->first);
    }
    for (u64 at = range->first; range->space == ABI_PORTS && at <= range->last; at++)
        REQUIRE(at <= 0xffff && io_find((u16)at)->action <= IO_SHARED);
    for (u32 i = 0; range->space == ABI_MEMORY && i < vm.extents; i++)
        REQUIRE(range->last < vm.extent[i].gpa.v ||
                range->first >= vm.extent[i].gpa.v + vm.extent[i].len);
    for (u32 i = 0; range->space == ABI_MEMORY && mmio_row(i); i++)
        REQUIRE(range->last < mmio_row(i)->first || mmio_row(i)->last < range->first);
}

/* What the control partition reaches is a granted page of the guest's, or a device's. */
static bool judge_leaf(void *arg, gpa_t gpa, const struct ept_leaf *leaf)
{
    (void)arg;
    if (leaf->hpa.v == gpa.v)
        return true;
    for (u32 i = 0; i < SERVED_GRANTS; i++) {
        const struct served_grant *g = &vm.served.grant[i];

        for (u64 at = 0; at < g->len; at += PAGE_SIZE)
            if (gmem_pointer(&vm, (gpa_t){g->first.v + at}, 1) == phys_to_virt(leaf->hpa))
                return true;
    }
    _fail(__FILE__, __LINE__);
    return false;
}

/* In a claimed range, and where it is looked for. */
static void judge_bell(const struct served_bell *b)
{
    if (b->space == 0 || b->space == SERVED_GONE)
        return;
    REQUIRE(served_range_has(&vm.served, b->space, b->address, MAX(b->bytes, 1u)));
    REQUIRE(served_bell_of(&vm.served, b->space, b->address, MAX(b->bytes, 1u), &b->value) ||
            (b->has_value && b->bytes < 8 && b->value >> 8 * b->bytes));
}

static void judge(i64 result)
{
    REQUIRE(result >= ABI_ENOMEM);
    REQUIRE(vm.served.ranges <= SERVED_RANGES);
    for (u32 i = 0; i < SERVED_BELLS; i++)
        judge_bell(&vm.served.bell[i]);
    for (u32 i = 0; i < vm.served.ranges; i++)
        judge_range(i);
    REQUIRE((vm.served.lines & ~BOARD_FREE_LINES) == 0);
    REQUIRE(vm.console.event < ABI_EVENTS);
    REQUIRE(vm.console.head - vm.console.tail[READER_PORT] < GUEST_CONSOLE_SIZE);
    REQUIRE(vm.console.typed_head - vm.console.typed_tail <= GUEST_CONSOLE_TYPED);
    REQUIRE(pages.live <= 1 + EPT_TABLES);
    ept_for_each(&the_control.ept, judge_leaf, NULL);
}

/* Numbers near those that mean something. */
static u64 argument(const u8 *d)
{
    static const u64 bases[] = {0,          PARTITION,  SCRAP,        MID_BEGIN,
                                MID_END,    HIGH_BEGIN, 0x500,        0xd0000000,
                                0xfee00000, 0x80000000, 0x1000000000, 0,
                                BIT(52),    ~0ull,      CONTROL_BASE, LOW_END};
    const u64 small = (u64)d[2] << 8 | d[1];

    return bases[d[0] & 15] + (d[0] & 16 ? small * PAGE_SIZE : small);
}

/* One call: who and number, 4 arguments of 3 bytes, a struct of 40 bytes. */
#define CALL_BYTES 53u

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    begin();
    for (u32 calls = 0; size >= CALL_BYTES && calls < 16; calls++) {
        const struct hc_args args = {
            {argument(data + 1), argument(data + 4), argument(data + 7), argument(data + 10)}};

        memcpy(control_ram(SCRAP), data + 13, 40);
        judge(hypercall(data[0] & 0x80 ? v : &control_vcpu, data[0] & 0x7f, &args));
        control_vcpu.away.flush = 0;
        (void)guest_console_type(&vm.console, data[1]);
        (void)guest_console_news(&vm.console);
        data += CALL_BYTES;
        size -= CALL_BYTES;
    }
    return 0;
}
