/* See task.h. */
#include "vmm/task.h"
#include "arch/x86_64/cr.h"
#include "arch/x86_64/insn.h"
#include "ept/gva_walk.h"
#include "lib/mem.h"
#include "vmm/gmem.h"
#include "vmm/record.h"
#include "vmx/qual.h"

#define SEGMENTS       6u
#define RIGHTS_OF_BYTE 5u /* of a descriptor: type, S, DPL, P */
#define RIGHTS_V86     0xf3u
#define RIGHTS_CODE    0xc09fu  /* flat, 32 bits, accessed, conforming: of any CPL */
#define CPL_OF_NOBODY  3u       /* without a stack: handlers in rings below get the TSS's */
#define DR7_LOCAL      0x155ull /* L0 to L3, LE */
#define EFLAGS_LOADED                                                                              \
    (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_TF | RFLAGS_IF |           \
     RFLAGS_DF | RFLAGS_OF | RFLAGS_IOPL | RFLAGS_NT | RFLAGS_RF | RFLAGS_VM | RFLAGS_AC |         \
     RFLAGS_VIF | RFLAGS_VIP | RFLAGS_ID)

enum { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_LDTR };

/* ------------------------------------------------------------ memory */

static err_t find_page(const struct task_switch *t, u32 linear, u32 access, gpa_t *gpa)
{
    struct gmem_fault fault;
    const err_t err = gmem_translate_system(t->v, linear, access, gpa, &fault);

    if (err != E_PERM && err != E_NOENT)
        return err;
    write_cr2(fault.gva); /* as vcpu_raise_page_fault() */
    return task_fault(t, VEC_PF, fault.error);
}

err_t task_find(const struct task_switch *t, u32 linear, u32 len, u32 access,
                struct task_span *span)
{
    span->first = MIN(len, (u32)(PAGE_SIZE - (linear & (PAGE_SIZE - 1))));
    TRY(find_page(t, linear, access, &span->gpa[0]));
    return span->first == len ? OK : find_page(t, linear + span->first, access, &span->gpa[1]);
}

err_t task_read(const struct task_switch *t, const struct task_span *span, void *out, u32 len)
{
    const u32 first = MIN(len, span->first);

    TRY(gmem_read(t->v->vm, span->gpa[0], out, first));
    return first == len ? OK : gmem_read(t->v->vm, span->gpa[1], (u8 *)out + first, len - first);
}

err_t task_write(const struct task_switch *t, const struct task_span *span, const void *from,
                 u32 len)
{
    const u32 first = MIN(len, span->first);

    TRY(gmem_write(t->v->vm, span->gpa[0], from, first));
    return first == len ? OK
                        : gmem_write(t->v->vm, span->gpa[1], (const u8 *)from + first, len - first);
}

/* ------------------------------------------------------------ exceptions */

void task_raise(const struct task_switch *t, u8 vector, u32 error)
{
    const u32 info = t->x->idt_info;

    if ((info & EVENT_VALID) && EVENT_TYPE(info) == EVENT_TYPE_HW_EXC)
        vcpu_raise_event(t->v, (struct event){.info = info, .error = t->x->idt_error});
    vcpu_raise(t->v, vector, error);
}

static err_t selector_fault(const struct task_switch *t, u8 vector, u16 selector)
{
    return task_fault(t, vector, (selector & SELECTOR_ERROR) | t->ext);
}

/* ------------------------------------------------------------ registers */

static void set(const struct task_switch *t, u32 field, u64 value)
{
    gs_set(&t->v->vmx.guest, (enum guest_field)field, value);
}

static u64 get(const struct task_switch *t, u32 field)
{
    return gs_get(&t->v->vmx.guest, (enum guest_field)field);
}

/* n: 0 to 5 and SEG_LDTR, in the order of the fields. */
static void put_segment(const struct task_switch *t, u32 n, const struct segment *s)
{
    set(t, GS_ES_BASE + n, s->base);
    set(t, GS_ES_LIMIT + n, s->limit);
    set(t, GS_ES_AR + n, s->rights);
}

/* Until something better is loaded.  VM entry wants a code segment; the CPL is SS.DPL, but some
 * take it from CS. */
static void put_nothing(const struct task_switch *t)
{
    const struct segment nothing = {.rights = SEGMENT_UNUSABLE};

    for (u32 n = 0; n <= SEG_LDTR; n++)
        put_segment(t, n, &nothing);
    put_segment(t, SEG_SS,
                &(struct segment){.rights = SEGMENT_UNUSABLE | CPL_OF_NOBODY << SEGMENT_DPL_SHIFT});
    put_segment(t, SEG_CS, &(struct segment){.limit = ~0u, .rights = RIGHTS_CODE});
    set(t, GS_CS_SEL, get(t, GS_CS_SEL) | CPL_OF_NOBODY);
}

static void load_registers(const struct task_switch *t, const struct tss_state *s)
{
    const u64 nested = t->source == QUAL_TASK_CALL || t->source == QUAL_TASK_GATE ? RFLAGS_NT : 0;

    for (u32 i = 0; i < ARRAY_LEN(s->gpr); i++)
        if (i != RSP)
            t->v->vmx.guest.regs.r[i] = s->gpr[i];
    set(t, GS_RSP, s->gpr[RSP]);
    set(t, GS_RIP, s->eip);
    set(t, GS_RFLAGS, (s->eflags & EFLAGS_LOADED) | RFLAGS_FIXED_1 | nested);
    set(t, GS_CR0, get(t, GS_CR0) | CR0_TS);
    set(t, GS_DR7, get(t, GS_DR7) & ~DR7_LOCAL);
    set(t, GS_PENDING_DEBUG, 0);
    for (u32 n = 0; n < SEGMENTS; n++)
        set(t, GS_ES_SEL + n, s->segment[n]);
    set(t, GS_LDTR_SEL, s->ldtr);
}

static err_t load_cr3(const struct task_switch *t, u32 cr3)
{
    err_t err;

    if (!t->to->has_cr3 || !(get(t, GS_CR0) & CR0_PG))
        return OK;
    set(t, GS_CR3, cr3);
    vmx_invvpid_single(t->v->vpid);
    record_flush(t->v->vpid);
    if (!(get(t, GS_CR4) & CR4_PAE))
        return OK;
    err = gmem_load_pdptes(t->v);
    return err == E_INVAL ? task_fault(t, VEC_GP, 0) : err;
}

/* ------------------------------------------------------------ segments */

static void load_v86(const struct task_switch *t, const struct tss_state *s)
{
    put_segment(t, SEG_LDTR, &(struct segment){.rights = SEGMENT_UNUSABLE});
    for (u32 n = 0; n < SEGMENTS; n++)
        put_segment(t, n, &(struct segment){(u32)s->segment[n] << 4, 0xffff, RIGHTS_V86});
}

/* E_NOENT: there is no descriptor. */
static err_t find_descriptor(const struct task_switch *t, u16 selector, u32 access,
                             struct task_span *span)
{
    const bool local = selector & SELECTOR_TI;
    const u64 base = get(t, local ? GS_LDTR_BASE : GS_GDTR_BASE);
    const u64 limit = get(t, local ? GS_LDTR_LIMIT : GS_GDTR_LIMIT);

    if ((local && (get(t, GS_LDTR_AR) & SEGMENT_UNUSABLE)) || (selector | 7u) > limit)
        return E_NOENT;
    return task_find(t, (u32)base + (selector & SELECTOR_INDEX), sizeof(u64), access, span);
}

static err_t touch(const struct task_switch *t, u16 selector, u64 descriptor)
{
    const u8 rights = (u8)(descriptor >> 8 * RIGHTS_OF_BYTE) | SEGMENT_ACCESSED;
    struct task_span span;

    TRY(find_descriptor(t, selector, GVA_WRITE, &span));
    ((u8 *)&descriptor)[RIGHTS_OF_BYTE] = rights;
    return task_write(t, &span, &descriptor, sizeof(descriptor));
}

static bool is_null(u16 selector)
{
    return !(selector & SELECTOR_ERROR);
}

static err_t load_segment(const struct task_switch *t, u32 n, u16 selector, enum segment_use use,
                          u32 cpl)
{
    struct task_span span;
    struct segment s;
    u64 descriptor = 0;
    err_t err;
    u8 vector;

    if (is_null(selector) || (use == SEGMENT_FOR_LDTR && (selector & SELECTOR_TI)))
        return selector_fault(t, VEC_TS, selector);
    err = find_descriptor(t, selector, 0, &span);
    if (err == E_NOENT)
        return selector_fault(t, VEC_TS, selector);
    TRY(err);
    TRY(task_read(t, &span, &descriptor, sizeof(descriptor)));
    s = segment_decode(descriptor);
    vector = segment_check(use, selector, s.rights, cpl);
    if (vector)
        return selector_fault(t, vector, selector);
    if ((s.rights & SEGMENT_S) && !(s.rights & SEGMENT_ACCESSED)) {
        TRY(touch(t, selector, descriptor));
        s.rights |= SEGMENT_ACCESSED;
    }
    put_segment(t, n, &s);
    return OK;
}

static err_t load_protected(const struct task_switch *t, const struct tss_state *s)
{
    static const u8 data[] = {SEG_DS, SEG_ES, SEG_FS, SEG_GS};
    const u32 cpl = s->segment[SEG_CS] & SELECTOR_RPL;

    TRY(load_segment(t, SEG_SS, s->segment[SEG_SS], SEGMENT_FOR_STACK, cpl));
    set(t, GS_CS_SEL, s->segment[SEG_CS]);
    TRY(load_segment(t, SEG_CS, s->segment[SEG_CS], SEGMENT_FOR_CODE, cpl));
    for (u32 i = 0; i < ARRAY_LEN(data); i++)
        if (!is_null(s->segment[data[i]]))
            TRY(load_segment(t, data[i], s->segment[data[i]], SEGMENT_FOR_DATA, cpl));
    return OK;
}

static err_t load_segments(const struct task_switch *t, const struct tss_state *s)
{
    const bool v86 = s->eflags & RFLAGS_VM;

    if (v86)
        load_v86(t, s);
    else
        put_nothing(t);
    TRY(load_cr3(t, s->cr3));
    if (!is_null(s->ldtr))
        TRY(load_segment(t, SEG_LDTR, s->ldtr, SEGMENT_FOR_LDTR, 0));
    return v86 ? OK : load_protected(t, s);
}

/* ------------------------------------------------------------ the first instruction */

/* The error code of the exception that was to be delivered: on the new task's stack. */
static err_t push_error(const struct task_switch *t)
{
    const struct segment ss = {(u32)get(t, GS_SS_BASE), (u32)get(t, GS_SS_LIMIT),
                               (u32)get(t, GS_SS_AR)};
    const u32 mask = ss.rights & SEGMENT_DB ? ~0u : 0xffff, esp = (u32)get(t, GS_RSP);
    const u32 top = (esp - t->to->word) & mask;
    struct gmem_fault fault;
    err_t err;

    if (!segment_holds(&ss, top, t->to->word))
        return task_fault(t, VEC_SS, t->ext);
    err = gmem_write_gva(t->v, (u32)(ss.base + top), &t->x->idt_error, t->to->word, &fault);
    if (err == E_PERM || err == E_NOENT) {
        write_cr2(fault.gva);
        return task_fault(t, VEC_PF, fault.error);
    }
    TRY(err);
    set(t, GS_RSP, (esp & ~mask) | top);
    return OK;
}

err_t task_load(const struct task_switch *t, const struct tss_state *state)
{
    const u32 with_error = EVENT_VALID | EVENT_HAS_ERROR;

    load_registers(t, state);
    TRY(load_segments(t, state));
    if ((t->x->idt_info & with_error) == with_error)
        TRY(push_error(t));
    if (state->eip > get(t, GS_CS_LIMIT))
        return task_fault(t, VEC_GP, t->ext);
    if (state->debug_trap) {
        write_dr6(read_dr6() | DR6_BT);
        vcpu_raise_event(t->v,
                         (struct event){.info = EVENT_VALID | EVENT_TYPE_HW_EXC << 8 | VEC_DB});
    }
    return OK;
}
