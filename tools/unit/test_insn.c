/* The MMIO decoder: table cases in all modes, and refusals. */
#include "vmm/insn.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LD, ST }; /* mem_dest */
enum { ES, CS, SS, DS, FS, GS };

// clang-format off
static const struct { u32 mode; const char *hex; struct insn want; } decodes[] = {
    /* mode  bytes                               operation, length, size, dest, mem_dest, ... */
    { 64, "8907",                             { INSN_MOV,   2,  4, 4, ST, .address_size = 8, .segment = DS } },
    { 64, "488907",                           { INSN_MOV,   3,  8, 8, ST, .address_size = 8, .segment = DS } },
    { 64, "668907",                           { INSN_MOV,   3,  2, 2, ST, .address_size = 8, .segment = DS } },
    { 64, "66488907",                         { INSN_MOV,   4,  8, 8, ST, .address_size = 8, .segment = DS } },
    { 64, "48668907",                         { INSN_MOV,   4,  2, 2, ST, .address_size = 8, .segment = DS } }, /* REX not last */
    { 64, "4c8b8424 78563412",                { INSN_MOV,   8,  8, 8, LD, .reg = 8, .address_size = 8, .segment = SS } },
    { 64, "418b0424",                         { INSN_MOV,   4,  4, 4, LD, .address_size = 8, .segment = DS } }, /* R12 */
    { 64, "418b4500",                         { INSN_MOV,   4,  4, 4, LD, .address_size = 8, .segment = DS } }, /* R13 */
    { 64, "8b4500",                           { INSN_MOV,   3,  4, 4, LD, .address_size = 8, .segment = SS } },
    { 64, "8b0511223344",                     { INSN_MOV,   6,  4, 4, LD, .address_size = 8, .segment = DS } }, /* RIP */
    { 64, "8b042511223344",                   { INSN_MOV,   7,  4, 4, LD, .address_size = 8, .segment = DS } },
    { 64, "678b07",                           { INSN_MOV,   3,  4, 4, LD, .address_size = 4, .segment = DS } },
    { 64, "658b07",                           { INSN_MOV,   3,  4, 4, LD, .address_size = 8, .segment = GS } },
    { 64, "268b07",                           { INSN_MOV,   3,  4, 4, LD, .address_size = 8, .segment = DS } }, /* ES: flat */
    { 64, "64268b07",                         { INSN_MOV,   4,  4, 4, LD, .address_size = 8, .segment = FS } },
    { 64, "a01122334455667788",               { INSN_MOV,   9,  1, 1, LD, .address_size = 8, .segment = DS } },
    { 64, "67a111223344",                     { INSN_MOV,   6,  4, 4, LD, .address_size = 4, .segment = DS } },
    { 64, "48a31122334455667788",             { INSN_MOV,   10, 8, 8, ST, .address_size = 8, .segment = DS } },
    { 64, "8827",                             { INSN_MOV,   2,  1, 1, ST, .reg = 0, .high_byte = true, .address_size = 8, .segment = DS } }, /* AH */
    { 64, "8a3f",                             { INSN_MOV,   2,  1, 1, LD, .reg = 3, .high_byte = true, .address_size = 8, .segment = DS } }, /* BH */
    { 64, "40883f",                           { INSN_MOV,   3,  1, 1, ST, .reg = 7, .address_size = 8, .segment = DS } }, /* DIL */
    { 64, "44883f",                           { INSN_MOV,   3,  1, 1, ST, .reg = 15, .address_size = 8, .segment = DS } },
    { 64, "48c707ffffffff",                   { INSN_MOV,   7,  8, 8, ST, true, .imm = ~0ull, .address_size = 8, .segment = DS } },
    { 64, "c707ffffffff",                     { INSN_MOV,   6,  4, 4, ST, true, .imm = 0xffffffff, .address_size = 8, .segment = DS } },
    { 64, "66c707ff80",                       { INSN_MOV,   5,  2, 2, ST, true, .imm = 0x80ff, .address_size = 8, .segment = DS } },
    { 64, "c60780",                           { INSN_MOV,   3,  1, 1, ST, true, .imm = 0x80, .address_size = 8, .segment = DS } },
    { 64, "c605112233447f",                   { INSN_MOV,   7,  1, 1, ST, true, .imm = 0x7f, .address_size = 8, .segment = DS } },
    { 64, "4883 0f fe",                       { INSN_OR,    4,  8, 8, ST, true, .imm = -2ull, .address_size = 8, .segment = DS } },
    { 64, "668327fe",                         { INSN_AND,   4,  2, 2, ST, true, .imm = 0xfffe, .address_size = 8, .segment = DS } },
    { 64, "f08107 44332211",                  { INSN_ADD,   7,  4, 4, ST, true, true, .imm = 0x11223344, .address_size = 8, .segment = DS } },
    { 64, "f04887 07",                        { INSN_XCHG,  4,  8, 8, ST, .lock = true, .address_size = 8, .segment = DS } },
    { 64, "8607",                             { INSN_XCHG,  2,  1, 1, ST, .address_size = 8, .segment = DS } },
    { 64, "0fb607",                           { INSN_MOVZX, 3,  1, 4, LD, .address_size = 8, .segment = DS } },
    { 64, "480fb707",                         { INSN_MOVZX, 4,  2, 8, LD, .address_size = 8, .segment = DS } },
    { 64, "660fb627",                         { INSN_MOVZX, 4,  1, 2, LD, .reg = 4, .address_size = 8, .segment = DS } }, /* SP, not AH */
    { 64, "480fbe07",                         { INSN_MOVSX, 4,  1, 8, LD, .address_size = 8, .segment = DS } },
    { 64, "0fbf07",                           { INSN_MOVSX, 3,  2, 4, LD, .address_size = 8, .segment = DS } },
    { 64, "486307",                           { INSN_MOVSX, 3,  4, 8, LD, .address_size = 8, .segment = DS } },
    { 64, "6307",                             { INSN_MOVSX, 2,  4, 4, LD, .address_size = 8, .segment = DS } },
    { 64, "3907",                             { INSN_CMP,   2,  4, 4, ST, .address_size = 8, .segment = DS } },
    { 64, "3b07",                             { INSN_CMP,   2,  4, 4, LD, .address_size = 8, .segment = DS } },
    { 64, "f607 80",                          { INSN_TEST,  3,  1, 1, ST, true, .imm = 0x80, .address_size = 8, .segment = DS } },
    { 64, "48f707 00000080",                  { INSN_TEST,  7,  8, 8, ST, true, .imm = 0xffffffff80000000, .address_size = 8, .segment = DS } },
    { 64, "48ab",                             { INSN_STOS,  2,  8, 8, ST, .address_size = 8, .segment = ES } },
    { 64, "f3ab",                             { INSN_STOS,  2,  4, 4, ST, .rep = true, .address_size = 8, .segment = ES } },
    { 64, "65f366a5",                         { INSN_MOVS,  4,  2, 2, ST, .rep = true, .address_size = 8, .segment = GS } },
    { 64, "64ab",                             { INSN_STOS,  2,  4, 4, ST, .address_size = 8, .segment = ES } }, /* no override */
    { 64, "ac",                               { INSN_LODS,  1,  1, 1, LD, .address_size = 8, .segment = DS } },
    { 64, "0fa30f",                           { INSN_BT,    3,  4, 4, ST, .reg = 1, .address_size = 8, .segment = DS } },
    { 64, "480fba273f",                       { INSN_BT,    5,  8, 8, ST, true, .imm = 0x3f, .address_size = 8, .segment = DS } },
    { 32, "8907",                             { INSN_MOV,   2,  4, 4, ST, .address_size = 4, .segment = DS } },
    { 32, "678907",                           { INSN_MOV,   3,  4, 4, ST, .address_size = 2, .segment = DS } },
    { 32, "66a111223344",                     { INSN_MOV,   6,  2, 2, LD, .address_size = 4, .segment = DS } },
    { 32, "67a31122",                         { INSN_MOV,   4,  4, 4, ST, .address_size = 2, .segment = DS } },
    { 32, "2e8b0511223344",                   { INSN_MOV,   7,  4, 4, LD, .address_size = 4, .segment = CS } },
    { 32, "8b0424",                           { INSN_MOV,   3,  4, 4, LD, .address_size = 4, .segment = SS } },
    { 32, "8b042d11223344",                   { INSN_MOV,   7,  4, 4, LD, .address_size = 4, .segment = DS } },
    { 32, "8b442d11",                         { INSN_MOV,   4,  4, 4, LD, .address_size = 4, .segment = SS } },
    { 16, "8907",                             { INSN_MOV,   2,  2, 2, ST, .address_size = 2, .segment = DS } },
    { 16, "668907",                           { INSN_MOV,   3,  4, 4, ST, .address_size = 2, .segment = DS } },
    { 16, "67668907",                         { INSN_MOV,   4,  4, 4, ST, .address_size = 4, .segment = DS } },
    { 16, "8a061122",                         { INSN_MOV,   4,  1, 1, LD, .address_size = 2, .segment = DS } },
    { 16, "8a4611",                           { INSN_MOV,   3,  1, 1, LD, .address_size = 2, .segment = SS } },
    { 16, "8a02",                             { INSN_MOV,   2,  1, 1, LD, .address_size = 2, .segment = SS } },
    { 16, "8a03",                             { INSN_MOV,   2,  1, 1, LD, .address_size = 2, .segment = SS } },
    { 16, "8a01",                             { INSN_MOV,   2,  1, 1, LD, .address_size = 2, .segment = DS } },
    { 16, "268a811122",                       { INSN_MOV,   5,  1, 1, LD, .address_size = 2, .segment = ES } },
    { 16, "c7064433 2211",                    { INSN_MOV,   6,  2, 2, ST, true, .imm = 0x1122, .address_size = 2, .segment = DS } },
    { 16, "66c706443322110102",               { INSN_MOV,   9,  4, 4, ST, true, .imm = 0x02011122, .address_size = 2, .segment = DS } },
    { 16, "f3a4",                             { INSN_MOVS,  2,  1, 1, ST, .rep = true, .address_size = 2, .segment = DS } },
};

static const struct { u32 mode; const char *hex; err_t want; } refusals[] = {
    { 64, "",                                 E_INVAL  },
    { 64, "48",                               E_INVAL  },
    { 64, "89",                               E_INVAL  },
    { 64, "8b04",                             E_INVAL  },
    { 64, "8b05112233",                       E_INVAL  },
    { 64, "c707112233",                       E_INVAL  },
    { 64, "0f",                               E_INVAL  },
    { 64, "c7",                               E_INVAL  },
    { 64, "a011223344556677",                 E_INVAL  },
    { 64, "6666666666666666666666666666668907", E_INVAL }, /* 17 bytes */
    { 64, "66666666666666666666666666668907", E_INVAL  },  /* 16 bytes */
    { 63, "8907",                             E_INVAL  },
    { 64, "f08907",                           E_INVAL  },  /* LOCK MOV */
    { 64, "f00307",                           E_INVAL  },  /* LOCK ADD to register */
    { 64, "f03907",                           E_INVAL  },
    { 64, "f0803f01",                         E_INVAL  },  /* LOCK CMP */
    { 64, "f08507",                           E_INVAL  },
    { 64, "f0a4",                             E_INVAL  },
    { 64, "f00fa307",                         E_INVAL  },
    { 64, "89c0",                             E_NOTSUP },  /* no memory operand */
    { 64, "83c001",                           E_NOTSUP },
    { 64, "1107",                             E_NOTSUP },  /* ADC */
    { 64, "1907",                             E_NOTSUP },  /* SBB */
    { 64, "831701",                           E_NOTSUP },
    { 64, "831f01",                           E_NOTSUP },
    { 64, "f60f01",                           E_NOTSUP },  /* TEST's other encoding */
    { 64, "f617",                             E_NOTSUP },  /* NOT */
    { 64, "c60f01",                           E_NOTSUP },
    { 64, "fe07",                             E_NOTSUP },  /* INC */
    { 64, "ff07",                             E_NOTSUP },
    { 64, "0fab07",                           E_NOTSUP },  /* BTS */
    { 64, "0fba2f01",                         E_NOTSUP },
    { 64, "0fb107",                           E_NOTSUP },  /* CMPXCHG */
    { 64, "f28907",                           E_NOTSUP },  /* XACQUIRE */
    { 64, "f38907",                           E_NOTSUP },
    { 64, "f2ab",                             E_NOTSUP },  /* REPNE STOS */
    { 64, "a6",                               E_NOTSUP },  /* CMPS */
    { 64, "ae",                               E_NOTSUP },  /* SCAS */
    { 64, "666307",                           E_NOTSUP },
    { 32, "6307",                             E_NOTSUP },  /* ARPL */
    { 32, "488907",                           E_NOTSUP },  /* DEC EAX */
    { 64, "c4e2791807",                       E_NOTSUP },  /* VEX */
    { 64, "90",                               E_NOTSUP },
    { 64, "0f0b",                             E_NOTSUP },
};
// clang-format on

static size_t parse_hex(const char *hex, u8 *bytes)
{
    size_t n = 0;
    u32 value;

    for (; *hex; hex += 2) {
        while (*hex == ' ')
            hex++;
        assert_int_equal(sscanf(hex, "%2x", &value), 1);
        bytes[n++] = (u8)value;
    }
    return n;
}

static bool same(const struct insn *a, const struct insn *b)
{
    return a->op == b->op && a->len == b->len && a->size == b->size &&
           a->dest_size == b->dest_size && a->mem_dest == b->mem_dest && a->has_imm == b->has_imm &&
           a->lock == b->lock && a->rep == b->rep && a->high_byte == b->high_byte &&
           a->reg == b->reg && a->imm == b->imm && a->address_size == b->address_size &&
           a->segment == b->segment;
}

static void test_decode(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(decodes); i++) {
        u8 bytes[32] = {0};
        struct insn got;
        const size_t len = parse_hex(decodes[i].hex, bytes);
        for (size_t given = 0; given < len; given++) { /* on the heap: nothing beyond may be read */
            u8 *part = malloc(given ? given : 1);
            assert_non_null(part);
            memcpy(part, bytes, given);
            if (insn_decode(part, given, decodes[i].mode, &got) != E_INVAL)
                fail_msg("%s: decoded from %zu bytes", decodes[i].hex, given);
            free(part);
        }
        for (size_t given = len; given <= sizeof bytes; given++)
            if (insn_decode(bytes, given, decodes[i].mode, &got) != OK ||
                !same(&got, &decodes[i].want))
                fail_msg("mode %u, %s: decoded wrongly", decodes[i].mode, decodes[i].hex);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        u8 bytes[32] = {0};
        struct insn got;
        const size_t len = parse_hex(refusals[i].hex, bytes);
        const err_t err = insn_decode(bytes, len, refusals[i].mode, &got);
        if (err != refusals[i].want)
            fail_msg("mode %u, %s: %u", refusals[i].mode, refusals[i].hex, (u32)err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
