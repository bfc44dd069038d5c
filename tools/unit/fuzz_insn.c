/* Any bytes, any operands: what the decoder and insn_execute() promise must hold. */
#include "vmm/insn.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static bool is_size(u32 n)
{
    return n == 1 || n == 2 || n == 4 || n == 8;
}

static bool is_string(const struct insn *i)
{
    return i->op == INSN_STOS || i->op == INSN_LODS || i->op == INSN_MOVS;
}

static void check_insn(const struct insn *i, u32 mode)
{
    REQUIRE(i->op <= INSN_BT);
    REQUIRE(is_size(i->size) && is_size(i->dest_size));
    REQUIRE(i->dest_size == i->size || i->op == INSN_MOVZX || i->op == INSN_MOVSX);
    REQUIRE(i->dest_size >= i->size);
    REQUIRE(i->address_size == 2 || i->address_size == 4 || i->address_size == 8);
    REQUIRE((i->address_size == 8) <= (mode == 64) && (mode == 64) <= (i->address_size != 2));
    REQUIRE(mode == 64 || (i->size < 8 && i->dest_size < 8 && i->reg < 8));
    REQUIRE(i->reg < 16 && i->segment < 6);
    REQUIRE(!i->high_byte || (i->dest_size == 1 && i->reg < 4 && !i->has_imm));
    REQUIRE(!i->has_imm || (i->mem_dest && i->reg == 0));
    REQUIRE(i->has_imm || i->imm == 0);
    REQUIRE(i->size == 8 || i->imm >> (8 * i->size) == 0);
    REQUIRE(!i->rep || is_string(i));
    REQUIRE(!i->lock || (i->mem_dest && i->op != INSN_MOV && i->op != INSN_CMP &&
                         i->op != INSN_TEST && i->op != INSN_BT && !is_string(i)));
}

static void check_execute(const struct insn *i, const u64 operands[3])
{
    const u64 mem = i->size == 8 ? operands[0] : operands[0] & (BIT(8 * i->size) - 1);
    const u64 reg = operands[1], flags = operands[2];
    struct insn_effect e, again;

    memset(&e, 0x5a, sizeof e);
    insn_execute(i, mem, reg, flags, &e);
    REQUIRE(i->size == 8 || e.mem >> (8 * i->size) == 0);
    REQUIRE(((e.flags ^ flags) & ~0x8d5ull) == 0);
    REQUIRE(!(e.writes_mem && e.writes_reg) || i->op == INSN_XCHG);
    REQUIRE(e.writes_reg || e.reg == reg);
    REQUIRE(e.writes_mem || e.mem == mem);
    REQUIRE(!e.writes_mem || i->mem_dest);
    if (e.writes_reg && i->dest_size == 1)
        REQUIRE(((e.reg ^ reg) & ~(i->high_byte ? 0xff00ull : 0xffull)) == 0);
    if (e.writes_reg && i->dest_size == 2)
        REQUIRE((e.reg ^ reg) >> 16 == 0);
    if (e.writes_reg && i->dest_size == 4)
        REQUIRE(e.reg >> 32 == 0);
    if (i->op == INSN_XCHG) { /* its own inverse, but for cleared upper halves */
        insn_execute(i, e.mem, e.reg, flags, &again);
        REQUIRE(again.mem == mem && (again.reg == reg || i->size == 4));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const u32 modes[] = {16, 32, 64};
    u64 operands[3];
    struct insn insn, longer;

    if (size < sizeof operands)
        return 0;
    memcpy(operands, data, sizeof operands);
    data += sizeof operands, size -= sizeof operands;
    u8 *bytes = malloc(size ? size : 1); /* exactly as long: reads beyond are seen */
    memcpy(bytes, data, size);
    for (size_t m = 0; m < ARRAY_LEN(modes); m++) {
        const err_t err = insn_decode(bytes, size, modes[m], &insn);
        REQUIRE(err == OK || err == E_INVAL || err == E_NOTSUP);
        if (err != OK)
            continue;
        REQUIRE(insn.len > 0 && insn.len <= INSN_MAX_LEN && insn.len <= size);
        check_insn(&insn, modes[m]);
        REQUIRE(insn_decode(bytes, insn.len, modes[m], &longer) == OK && longer.len == insn.len);
        for (size_t shorter = 0; shorter < insn.len; shorter++)
            REQUIRE(insn_decode(bytes, shorter, modes[m], &longer) == E_INVAL);
        check_execute(&insn, operands);
    }
    free(bytes);
    return 0;
}
