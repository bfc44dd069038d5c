/* The port table: the lookup and the bitmaps equal the rows, for every port. */
#include "vmm/board.h"
#include "vmm/policy/io.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_rows_are_sane(void **state)
{
    (void)state;
    i64 last = -1;
    size_t n = 0;
    for (const struct io_row *row; (row = io_row_at(n)); n++) {
        assert_true(row->first > last); /* ascending, none overlaps */
        assert_true(row->last >= row->first);
        last = row->last;
        assert_true(row->sizes >= 1 && row->sizes <= 7);
        assert_non_null(row->read);
        assert_non_null(row->write);
        assert_non_null(row->name);
        for (size_t i = 0; i < n; i++)
            assert_string_not_equal(io_row_at(i)->name, row->name);
    }
    assert_int_equal(n, 16);
    assert_null(io_row_at(n));
    assert_null(io_row_at((size_t)-1));
    assert_int_equal(io_rows[0].action, IO_REFUSE);
    assert_int_equal(io_rows[0].sizes, 0);
}

/* The table once more: a row that is added or changed wants a line here. */
static void test_every_row(void **state)
{
    // clang-format off
    static const struct { u16 first, last; u8 sizes, after_read, after_write, action; } want[] = {
        {0x020, 0x021, 1,         AFTER_IRQ,  AFTER_IRQ, IO_MODEL}, /* 8259A master */
        {0x040, 0x043, 1,         AFTER_NONE, AFTER_PIT, IO_MODEL},  /* 8254 */
        {0x060, 0x060, 1,         AFTER_NONE, AFTER_IRQ, IO_MODEL}, /* i8042 */
        {0x061, 0x061, 1,         AFTER_NONE, AFTER_PIT, IO_MODEL},
        {0x064, 0x064, 1,         AFTER_NONE, AFTER_IRQ, IO_MODEL}, /* i8042 */
        {0x070, 0x071, 1,         AFTER_RTC,  AFTER_RTC, IO_MODEL},
        {0x080, 0x080, 1,         AFTER_NONE, AFTER_NONE, IO_MODEL}, /* POST */
        {0x092, 0x092, 1,         AFTER_NONE, AFTER_IRQ, IO_MODEL}, /* A20, fast reset */
        {0x0a0, 0x0a1, 1,         AFTER_IRQ,  AFTER_IRQ, IO_MODEL}, /* 8259A slave */
        {0x3f8, 0x3ff, 1,         AFTER_UART, AFTER_UART, IO_MODEL},
        {0x4d0, 0x4d1, 1,         AFTER_NONE, AFTER_IRQ, IO_MODEL}, /* edge or level */
        {0x600, 0x607, 1,         AFTER_PM,   AFTER_PM, IO_MODEL},
        {0x608, 0x60b, 1 | 2 | 4, AFTER_NONE, AFTER_NONE, IO_MODEL}, /* PM timer */
        {0xcf8, 0xcf8, 4,         AFTER_NONE, AFTER_NONE, IO_SPARE}, /* PCI address */
        {0xcf9, 0xcf9, 1,         AFTER_NONE, AFTER_IRQ, IO_SHARED}, /* reset */
        {0xcfc, 0xcff, 1 | 2 | 4, AFTER_NONE, AFTER_NONE, IO_SPARE}, /* PCI data */
    };
    // clang-format on
    size_t n = 0;

    (void)state;
    for (const struct io_row *row; (row = io_row_at(n)); n++) {
        assert_true(n < ARRAY_LEN(want));
        assert_int_equal(row->first, want[n].first);
        assert_int_equal(row->last, want[n].last);
        assert_int_equal(row->sizes, want[n].sizes);
        assert_int_equal(row->after_read, want[n].after_read);
        assert_int_equal(row->after_write, want[n].after_write);
        assert_int_equal(row->action, want[n].action);
    }
    assert_int_equal(n, ARRAY_LEN(want));
}

static const struct io_row *slow_find(u32 port)
{
    for (size_t i = 0; io_row_at(i); i++)
        if (port >= io_row_at(i)->first && port <= io_row_at(i)->last)
            return io_row_at(i);
    return &io_rows[0];
}

static void test_lookup_equals_rows(void **state)
{
    (void)state;
    for (u32 port = 0; port <= 0xffff; port++)
        assert_ptr_equal(io_find((u16)port), slow_find(port));
}

/* A guard against a row that opens something by mistake: the ports of a guest, by name. */
static void test_no_other_port(void **state)
{
    (void)state;
    unsigned open = 0;
    for (u32 port = 0; port <= 0xffff; port++)
        open += io_find((u16)port)->action != IO_REFUSE;
    assert_int_equal(open, 2 + 4 + 1 + 1 + 1 + 2 + 1 + 1 + 2 + 8 + 2 + 8 + 4 + 1 + 1 + 4);
    static const u16 refused[] = {0x00,  0x0f,  0x87,  0xb2,  0xc0,  0xcf,  0x1f0,
                                  0x278, 0x2f8, 0x378, 0x3c0, 0x3d4, 0x3e8, 0x3f5,
                                  0x402, 0xe9,  0x510, 0xcfa, 0xffff};
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        assert_int_equal(io_find(refused[i])->action, IO_REFUSE);
}

static void test_bitmaps(void **state)
{
    (void)state;
    static u8 ab[2][4096];
    memset(ab, 0x55, sizeof(ab));
    io_bitmap_build(ab[0], ab[1]);
    for (u32 port = 0; port <= 0xffff; port++) {
        const bool exits = ab[port >> 15][port % 0x8000 / 8] >> port % 8 & 1;
        assert_int_equal(exits, io_find((u16)port)->action != IO_PASS);
        assert_true(exits); /* nothing is passed through today */
    }
}

static void nothing(void *ctx, u8 byte)
{
    (void)ctx, (void)byte;
}

static bool room(void *ctx)
{
    (void)ctx;
    return true;
}

static void fresh(struct board *b)
{
    const struct board_host host = {.tx = nothing, .tx_room = room};
    board_init(b, &host, 1000000, 0, 0, 64 * MiB, 0);
}

/* All ports, all sizes, both directions: the answer of a refused port, and who is refused. */
static void test_every_access(void **state)
{
    (void)state;
    struct board b;
    u64 refused = 0;
    fresh(&b);
    for (u32 port = 0; port <= 0xffff; port++)
        for (u8 size = 1; size <= 4; size = (u8)(size * 2)) {
            const struct io_row *row = io_find((u16)port);
            bool whole = (row->sizes & size) && port + size - 1 <= row->last;
            whole |= port == 0xcf8 && size == 4; /* the one that lies over another row */
            bool bytes = true;
            for (u32 i = 0; i < size; i++)
                bytes &= port + i <= 0xffff && (io_find((u16)(port + i))->sizes & 1);
            u32 value = 0x12345678;
            const bool taken = board_port_read(&b, (u16)port, size, 1, &value);
            assert_int_equal(taken, whole || bytes);
            if (size < 4)
                assert_int_equal(value >> 8 * size, 0);
            bool any = whole;
            for (u32 i = 0; i < size && !any; i++)
                any = port + i <= 0xffff && (io_find((u16)(port + i))->sizes & 1);
            if (!any)
                assert_int_equal(value, 0xffffffff >> (32 - 8 * size));
            refused += !taken;
            assert_int_equal(b.refused, refused);
            const bool wrote = board_port_write(&b, (u16)port, size, 0xffffffff, 1);
            assert_int_equal(wrote, taken);
            refused += !wrote;
            assert_int_equal(b.refused, refused);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_sane),
        cmocka_unit_test(test_every_row),
        cmocka_unit_test(test_lookup_equals_rows),
        cmocka_unit_test(test_no_other_port),
        cmocka_unit_test(test_bitmaps),
        cmocka_unit_test(test_every_access),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
