/* Executes one instruction's bytes on the processor that runs the test: all general registers
 * and the arithmetic flags go in and come out, with any value in any register (RSP too). */
#pragma once
#include "lib/types.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct native_state {
    u64 r[16];
    u64 flags;
    u64 host_rsp;
};

/* One mapping below 2 GiB, so that 32-bit displacements and addresses reach all of it. */
struct native {
    u8 code[4096];
    struct native_state state;
    u8 pad[4096 - sizeof(struct native_state)];
    u8 data[8192];
};

static inline struct native *native_new(void)
{
    void *p = mmap(NULL, sizeof(struct native), PROT_READ | PROT_WRITE | PROT_EXEC,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

    if (p == MAP_FAILED)
        abort();
    return p;
}

struct native_code {
    struct native *n;
    size_t at;
};

static inline void native_emit(struct native_code *c, const void *bytes, size_t len)
{
    memcpy(c->n->code + c->at, bytes, len);
    c->at += len;
}

/* mov reg, [rip + x] (8b) or mov [rip + x], reg (89); x leads to `slot` */
static inline void native_move(struct native_code *c, u8 opcode, u32 reg, const u64 *slot)
{
    const u8 insn[] = {(u8)(reg >= 8 ? 0x4c : 0x48), opcode, (u8)(0x05 | (reg & 7) << 3)};
    native_emit(c, insn, sizeof insn);
    const i32 offset = (i32)((const u8 *)slot - (c->n->code + c->at + 4));
    native_emit(c, &offset, 4);
}

/* push qword [rip + x] (/6) or pop qword [rip + x] */
static inline void native_stack(struct native_code *c, bool push, const u64 *slot)
{
    const u8 push_insn[] = {0xff, 0x35}, pop_insn[] = {0x8f, 0x05};
    native_emit(c, push ? push_insn : pop_insn, 2);
    const i32 offset = (i32)((const u8 *)slot - (c->n->code + c->at + 4));
    native_emit(c, &offset, 4);
}

/* Where the instruction will begin, so that RIP-relative operands can be computed. */
static inline size_t native_prologue(struct native_code *c)
{
    static const u8 save[] = {0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57};

    c->at = 0;
    native_emit(c, save, sizeof save); /* push rbx, rbp, r12 to r15 */
    native_move(c, 0x89, 4, &c->n->state.host_rsp);
    native_stack(c, true, &c->n->state.flags);
    native_emit(c, "\x9d", 1); /* popfq */
    for (u32 reg = 0; reg < 16; reg++)
        native_move(c, 0x8b, reg, &c->n->state.r[reg]);
    return c->at;
}

static inline void native_run(struct native *n, const u8 *insn, size_t len)
{
    static const u8 restore[] = {0xfc, 0x41, 0x5f, 0x41, 0x5e, 0x41,
                                 0x5d, 0x41, 0x5c, 0x5d, 0x5b, 0xc3};
    struct native_code c = {.n = n};
    void (*run)(void);

    native_prologue(&c);
    native_emit(&c, insn, len);
    for (u32 reg = 0; reg < 16; reg++)
        native_move(&c, 0x89, reg, &n->state.r[reg]);
    native_move(&c, 0x8b, 4, &n->state.host_rsp);
    native_emit(&c, "\x9c", 1); /* pushfq */
    native_stack(&c, false, &n->state.flags);
    native_emit(&c, restore, sizeof restore); /* cld, pop all, ret */
    memcpy(&run, &(void *){n->code}, sizeof run);
    run();
}
