/* vmx/dump.c writes a VMCS into a log, tools/explain/dump_read.c reads it: what comes back is what
 * was there, two CPUs at once are two dumps, and of a dump that is not well made nothing is judged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86_64/log.h"
#include "tools/explain/dump_read.h"
#include "tools/recorded/bochs_models.h"
#include "vmx/vmcs.h"
#include "vmx/vmx.h"

#define LINES_MAX 1024u

/* What hv.elf logged. */
static char lines[LINES_MAX][128];
static u32 line_count;
/* The VMCS that it dumps: a field whose encoding is in `lacking` does not exist. */
static struct vmcs_image vmcs;
static struct vmx_facts facts;
static u64 lacking;

static const u16 encoding_of[VMCS_FIELDS] = {
#define VMCS_ALL(encoding, name) (encoding),
#include "vmx/vmcs_fields.def"
};

void log_line(enum log_level level, const char *format, ...)
{
    va_list args;

    assert_int_equal(level, LOG_ERROR); /* at every level */
    assert_true(line_count < LINES_MAX);
    va_start(args, format);
    assert_true(vsnprintf(lines[line_count], sizeof(lines[0]), format, args) <
                (int)sizeof(lines[0]));
    va_end(args);
    line_count++;
}

const struct vmx_facts *vmx_facts(void)
{
    return &facts;
}

bool vmcs_try_read(u64 encoding, u64 *value)
{
    for (u32 f = 0; f < VMCS_FIELDS; f++)
        if (encoding_of[f] == encoding && encoding != lacking) {
            *value = vmcs.field[f];
            return true;
        }
    return false;
}

/* What the reader told. */
static struct {
    u32 dumps, errors, cpu[8], line[8], error_line;
    struct vmcs_image image;
    struct vmx_caps caps;
    const char *error;
} told;

static void on_dump(void *ctx, u32 line, u32 cpu, const struct vmcs_image *image)
{
    (void)ctx;
    told.cpu[told.dumps % 8] = cpu;
    told.line[told.dumps++ % 8] = line;
    told.image = *image;
    told.caps = *image->caps;
}

static void on_error(void *ctx, u32 line, const char *what)
{
    (void)ctx;
    if (told.errors++ == 0)
        told.error_line = line, told.error = what;
}

static struct dump_reader reader;

static void begin_reading(void)
{
    memset(&told, 0, sizeof(told));
    memset(&reader, 0, sizeof(reader));
    reader.to = (struct dump_listener){.dump = on_dump, .error = on_error};
}

static void give(const char *text)
{
    dump_read_line(&reader, text, strlen(text));
}

/* The log's lines, but for number `without` from 0 (line_count: none is left out). */
static void read_lines(u32 without)
{
    begin_reading();
    for (u32 n = 0; n < line_count; n++)
        if (n != without)
            give(lines[n]);
    dump_read_end(&reader);
}

static u64 model_rdmsr(void *ctx, u32 msr)
{
    const struct bochs_model *model = ctx;

    return msr < VMX_MSR_FIRST ? 5 : model->msr[msr - VMX_MSR_FIRST];
}

static int setup(void **state)
{
    struct bochs_model model = bochs_models[0];

    (void)state;
    vmx_caps_collect(&facts.caps, model_rdmsr, &model);
    for (u32 f = 0; f < VMCS_FIELDS; f++)
        vmcs.field[f] = f * 0x0123456789abcdefull;
    lacking = VMCS_EPTP_INDEX;
    line_count = 0;
    vmx_dump(3);
    return 0;
}

static void what_was_written_is_read(void **state)
{
    (void)state;
    read_lines(line_count);
    assert_int_equal(told.errors, 0);
    assert_int_equal(told.dumps, 1);
    assert_int_equal(told.cpu[0], 3);
    assert_int_equal(told.line[0], 1);
    assert_memory_equal(&told.caps, &facts.caps, sizeof(facts.caps));
    for (u32 f = 0; f < VMCS_FIELDS; f++)
        assert_int_equal(told.image.field[f], encoding_of[f] == lacking ? 0 : vmcs.field[f]);
    assert_in_range(told.image.phys_bits, 32, 52);
    assert_in_range(told.image.linear_bits, 32, 57);
}

static void two_cpus_at_once(void **state)
{
    const u32 one = line_count;

    (void)state;
    vmx_dump(11);
    begin_reading();
    give("[    1.000000] another line");
    for (u32 n = 0; n < one; n++) {
        give(lines[n]);
        give(lines[one + n]);
    }
    dump_read_end(&reader);
    assert_int_equal(told.errors, 0);
    assert_int_equal(told.dumps, 2);
    assert_int_equal(told.cpu[0], 3);
    assert_int_equal(told.cpu[1], 11);
    assert_int_equal(told.line[0], 2);
    assert_int_equal(told.line[1], 3);
}

static void one_after_the_other(void **state)
{
    (void)state;
    vmx_dump(3);
    read_lines(line_count);
    assert_int_equal(told.errors, 0);
    assert_int_equal(told.dumps, 2);
    assert_int_equal(told.line[1], line_count / 2 + 1);
}

/* What a terminal adds to a line does no harm. */
static void line_ends_and_what_stands_before(void **state)
{
    char text[160];

    (void)state;
    begin_reading();
    for (u32 n = 0; n < line_count; n++) {
        snprintf(text, sizeof(text), "\x1b[0m| %s\r", lines[n]);
        give(text);
    }
    dump_read_end(&reader);
    assert_int_equal(told.errors, 0);
    assert_int_equal(told.dumps, 1);
}

static void no_line_may_be_missing(void **state)
{
    (void)state;
    for (u32 n = 0; n < line_count; n++) {
        read_lines(n);
        assert_int_equal(told.dumps, 0);
        assert_true(told.errors >= 1);
    }
}

static void a_cut_line_is_no_line(void **state)
{
    const u32 some[] = {0, 1, 2, 30, line_count / 2, line_count - 1}; /* of each kind */
    char whole[128];

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(some); k++) {
        const u32 n = some[k];

        strcpy(whole, lines[n]);
        for (size_t len = strlen("LINTEL-ENTRY "); len < strlen(whole); len++) {
            const char *const hex = strstr(whole, "=0x");

            if (hex && whole + len > hex + 3)
                break; /* a number that lost digits at its end is a number */
            snprintf(lines[n], sizeof(lines[n]), "%.*s", (int)len, whole);
            read_lines(line_count);
            if (told.dumps)
                fail_msg("taken: \"%s\"", lines[n]);
        }
        strcpy(lines[n], whole);
    }
}

/* One line in place of the second, or after all. */
static void bad_lines(void **state)
{
    static const struct {
        u32 at;
        const char *text, *what;
    } rows[] = {
        {0, "begin phys=39 linear=48", "without its version"},
        {0, "begin version=2 phys=39 linear=48", "another version"},
        {0, "begin version=99999999999999999999 phys=39 linear=48", "without its version"},
        {0, "begin version=1 phys=31 linear=48", "address widths"},
        {0, "begin version=1 phys=53 linear=48", "address widths"},
        {0, "begin version=1 phys=39 linear=64", "address widths"},
        {0, "begin version=1 phys=39 linear=0", "address widths"},
        {0, "begin version=1 phys=39", "address widths"},
        {0, "begin version=1 phys=39 linear=48 ", "address widths"},
        {1, "msr 0x480", "not 0xNUMBER"},
        {1, "msr 480=0x1", "not 0xNUMBER"},
        {1, "msr 0x480=0x", "not 0xNUMBER"},
        {1, "msr 0x480=0x10000000000000000", "not 0xNUMBER"},
        {1, "msr 0x480=0x1g", "not 0xNUMBER"},
        {1, "msr 0x480=-1", "not 0xNUMBER"},
        {1, "msr 0x47f=0x1", "none of the VMX"},
        {1, "msr 0x494=0x1", "none of the VMX"},
        {1, "msr 0xffffffff=0x1", "none of the VMX"},
        {2, "msr 0x3a=0x1", "there before"},
        {3, "msr 0x480=0x1", "there before"},
        {1, "field VPID", "not NAME"},
        {1, "field =0x1", "no field"},
        {1, "field VPIDS=0x1", "no field"},
        {1, "field VPI=0x1", "no field"},
        {1, "field vpid=0x1", "no field"},
        {1, "field VPID=1", "not NAME"},
        {1, "field VPID=0x1 ", "not NAME"},
        {1, "fields VPID=0x1", "no line of a dump"},
        {1, "", "no line of a dump"},
        {1, "begin version=1 phys=39 linear=48", "no end"},
        {1, "end", "no line of a dump"},
        {1, "end lines=", "number of its lines"},
        {1, "end lines=0x0", "number of its lines"},
        {1, "end lines=7", "lost lines"},
        {1, "end lines=0", "lacks MSRs"},
    };
    char text[128];

    (void)state;
    for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
        line_count = 0;
        vmx_dump(3);
        snprintf(lines[rows[r].at], sizeof(lines[0]), "LINTEL-ENTRY cpu=3 %s", rows[r].text);
        read_lines(line_count);
        if (told.dumps != 0 || told.errors == 0 || !strstr(told.error, rows[r].what))
            fail_msg("\"%s\": %u dumps, %s", rows[r].text, told.dumps,
                     told.errors ? told.error : "no error");
        assert_int_equal(told.error_line, rows[r].at + 1);
    }
    for (const char *const *cpu =
             (const char *const[]){"cpu=256 ", "cpu=-1 ", "cpu= ", "cpu=3", "cpu=4 ", "", NULL};
         *cpu; cpu++) {
        snprintf(text, sizeof(text), "LINTEL-ENTRY %s", *cpu);
        begin_reading();
        give(text);
        dump_read_end(&reader);
        assert_int_equal(told.errors, 1);
    }
}

/* One that is not well made spoils no other. */
static void a_bad_one_before_a_good_one(void **state)
{
    (void)state;
    begin_reading();
    give("LINTEL-ENTRY cpu=3 begin version=1 phys=39 linear=48");
    give("LINTEL-ENTRY cpu=3 field NOTHING=0x1");
    give("LINTEL-ENTRY cpu=3 field NOTHING=0x2");
    give("LINTEL-ENTRY cpu=3 end lines=2");
    assert_int_equal(told.errors, 1);
    for (u32 n = 0; n < line_count; n++)
        give(lines[n]);
    dump_read_end(&reader);
    assert_int_equal(told.errors, 1);
    assert_int_equal(told.dumps, 1);
    assert_int_equal(told.line[0], 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_was_written_is_read, setup),
        cmocka_unit_test_setup(two_cpus_at_once, setup),
        cmocka_unit_test_setup(one_after_the_other, setup),
        cmocka_unit_test_setup(line_ends_and_what_stands_before, setup),
        cmocka_unit_test_setup(no_line_may_be_missing, setup),
        cmocka_unit_test_setup(a_cut_line_is_no_line, setup),
        cmocka_unit_test_setup(bad_lines, setup),
        cmocka_unit_test_setup(a_bad_one_before_a_good_one, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
