/* The .def tables of vmx/: no number and no name twice, and encodings that fit their names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "boot/wishes.h"
#include "vmx/controls.h"
#include "vmx/exit.h"
#include "vmx/vmcs_fields.h"

struct row {
    u32 number;
    const char *name;
};

static const struct row fields[] = {
#define VMCS_ALL(encoding, name) {(encoding), #name},
#include "vmx/vmcs_fields.def"
};

static const struct row reasons[] = {
#define EXIT_REASON(number, name) {(number), #name},
#include "abi/exit_reasons.def"
};

static void unique(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (rows[i].number == rows[j].number || strcmp(rows[i].name, rows[j].name) == 0)
                fail_msg("%s and %s", rows[j].name, rows[i].name);
}

/* Bits 11:10 of an encoding: 0 control, 1 read-only data, 2 guest state, 3 host state. */
static void encodings_and_names(void **state)
{
    (void)state;
    assert_int_equal(ARRAY_LEN(fields), VMCS_FIELDS);
    unique(fields, ARRAY_LEN(fields));
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const u32 type = fields[i].number >> 10 & 3;
        const bool host = strncmp(fields[i].name, "HOST_", 5) == 0;
        const bool guest = strncmp(fields[i].name, "GUEST_", 6) == 0;

        if (host != (type == 3))
            fail_msg("%s: host state or not?", fields[i].name);
        if (guest && type != 2 && type != 1)
            fail_msg("%s: guest state?", fields[i].name);
    }
}

static void some_known_encodings(void **state)
{
    (void)state;
    assert_int_equal(VMCS_GUEST_RIP, 0x681e);
    assert_int_equal(VMCS_HOST_RIP, 0x6c16);
    assert_int_equal(VMCS_EXIT_REASON, 0x4402);
    assert_int_equal(VMCS_EPTP, 0x201a);
    assert_int_equal(VMCS_PREEMPTION_TIMER, 0x482e);
    assert_int_equal(VMCS_GUEST_LINEAR_ADDR, 0x640a);
}

static void reasons_once(void **state)
{
    (void)state;
    unique(reasons, ARRAY_LEN(reasons));
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        assert_true(reasons[i].number < EXIT_REASONS);
}

static void control_bits_once(void **state)
{
    u32 names[VMX_WORDS] = {0};
    u64 bits[VMX_WORDS] = {0};

    (void)state;
#define CONTROL(word, bit, name, words)                                                            \
    names[WORD_##word]++;                                                                          \
    bits[WORD_##word] |= BIT(bit);                                                                 \
    assert_int_equal(word##_##name, BIT32(bit));                                                   \
    assert_string_equal(vmx_control_name(WORD_##word, bit), words);
#include "vmx/controls.def"
    for (u32 w = 0; w < VMX_WORDS; w++)
        assert_int_equal(__builtin_popcountll(bits[w]), names[w]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodings_and_names),
        cmocka_unit_test(some_known_encodings),
        cmocka_unit_test(reasons_once),
        cmocka_unit_test(control_bits_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
