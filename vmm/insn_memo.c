/* Fetching and decoding the instruction that exited; see insn_memo.h.  SDM Vol. 3A, "Paging". */
#include "vmm/insn_memo.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/msr.h"
#include "ept/gva_walk.h"
#include "lib/atomic.h"
#include "lib/mem.h"
#include "vmm/gmem.h"
#include "vmm/record.h"
#include "vmm/vm.h"

#define SEG_CS     1u
#define CS_LONG    BIT(13)
#define CODE_BYTES 16u /* INSN_MAX_LEN, in two loads */

typedef u64 __attribute__((aligned(1), may_alias)) unaligned_u64;

static u64 load_once(const u8 *at)
{
    return *(const volatile unaligned_u64 *)(const void *)at;
}

/* ---------------------------------------------------- the same as before? */
/* Whether it is 64-bit code, and where its page tables are.  What CR0, CR4 and the CPL say of
 * rights does not matter: the processor has fetched the instruction, and 64-bit code has CR0.PG and
 * CR4.PAE set and, since LA57 is hidden, four levels. */
static bool same_registers(struct guest_state *g, const struct insn_memo *m)
{
    return m->cr3 == gs_at_exit(g, GS_CR3) && m->efer == gs_at_exit(g, GS_EFER) &&
           m->cs_ar == gs_at_exit(g, GS_CS_AR);
}

/* The way through the guest's page tables: entry by entry what it was, so it leads to the same page
 * with the same rights. */
static bool same_walk(const struct insn_memo *m)
{
    for (u32 i = 0; i < m->levels; i++)
        if (READ_ONCE(*m->entry[i]) != m->value[i])
            return false;
    return true;
}

static bool same_bytes(const struct insn_memo *m)
{
    return (((load_once(m->code) ^ m->bytes[0]) & m->mask[0]) |
            ((load_once(m->code + 8) ^ m->bytes[1]) & m->mask[1])) == 0;
}

/* ---------------------------------------------------- the first time */
/* The instruction's bytes, as many as can be fetched: a short one may end right before a page that
 * is not there. */
static u32 fetch(struct vcpu *v, u8 bytes[CODE_BYTES], err_t *err)
{
    const u64 rip = vcpu_linear(v, SEG_CS, gs_get(&v->vmx.guest, GS_RIP));
    const u32 first = MIN(INSN_MAX_LEN, (u32)(PAGE_SIZE - (rip & (PAGE_SIZE - 1))));
    struct gmem_fault fault;

    *err = gmem_read_gva(v, rip, GVA_EXEC, bytes, first, &fault);
    if (*err != OK)
        return 0;
    if (first < INSN_MAX_LEN &&
        gmem_read_gva(v, rip + first, GVA_EXEC, bytes + first, INSN_MAX_LEN - first, &fault) == OK)
        return INSN_MAX_LEN;
    return first;
}

/* Walks again and writes the way down.  It may have changed since the fetch: the bytes are compared
 * at each use, those of this memo with what lies where this walk ends. */
static bool remember_walk(struct vcpu *v, struct insn_memo *m)
{
    struct gmem_walk walk;
    gpa_t gpa;

    if (gmem_walk(v, m->rip, GVA_EXEC, &walk, &gpa) != OK)
        return false;
    m->levels = walk.levels;
    for (u32 i = 0; i < walk.levels; i++) {
        m->entry[i] = walk.entry[i];
        m->value[i] = walk.value[i];
    }
    m->code = gmem_pointer(v->vm, gpa, CODE_BYTES);
    return m->code != NULL;
}

static void remember(struct vcpu *v, struct insn_memo *m, const u8 bytes[CODE_BYTES],
                     const struct insn *insn)
{
    struct guest_state *g = &v->vmx.guest;
    const u32 len = insn->len;

    m->code = NULL;
    m->rip = gs_get(g, GS_RIP);
    if (!(gs_get(g, GS_EFER) & EFER_LMA) || !(gs_get(g, GS_CS_AR) & CS_LONG) ||
        (m->rip & (PAGE_SIZE - 1)) > PAGE_SIZE - CODE_BYTES)
        return;
    if (!remember_walk(v, m)) /* code is still NULL */
        return;
    m->cr3 = gs_get(g, GS_CR3);
    m->efer = gs_get(g, GS_EFER);
    m->cs_ar = gs_get(g, GS_CS_AR);
    m->insn = *insn;
    memcpy(m->bytes, bytes, CODE_BYTES);
    m->mask[0] = len >= 8 ? ~0ull : BIT(8 * len) - 1;
    m->mask[1] = len > 8 ? BIT(8 * (len - 8)) - 1 : 0;
}

static NOINLINE err_t decode(struct vcpu *v, struct insn_memo *m, struct insn *insn)
{
    u8 bytes[CODE_BYTES] = {0};
    err_t err;
    const u32 have = fetch(v, bytes, &err);

    if (!have)
        return err;
    TRY(insn_decode(bytes, have, vcpu_code_bits(v), insn));
    remember(v, m, bytes, insn);
    if (m->code && !same_bytes(m)) { /* copied byte by byte, while another vCPU wrote */
        m->code = NULL;
        return E_EXIST;
    }
    return OK;
}

err_t insn_at_rip(struct vcpu *v, struct insn *space, const struct insn **out)
{
    struct guest_state *g = &v->vmx.guest;
    const u64 rip = g->field[GS_RIP]; /* GS_READ_AT_EXIT */
    struct insn_memo *m = &v->insn_memo[(rip ^ rip >> 4) % INSN_MEMOS];

    if (likely(m->rip == rip && m->code && !record_reads_all()) && same_registers(g, m) &&
        same_walk(m) && same_bytes(m)) {
        *out = &m->insn;
        return OK;
    }
    *out = space;
    return decode(v, m, space);
}
