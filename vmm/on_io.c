/* IN, OUT, INS, OUTS.  SDM Vol. 3C, "Exit Qualification for I/O Instructions". */
#include "arch/x86_64/cr.h"
#include "ept/gva_walk.h"
#include "vmm/boundary.h"
#include "vmm/forward.h"
#include "vmm/forward_port.h"
#include "vmm/gmem.h"
#include "vmm/handlers.h"
#include "vmm/policy/io.h"
#include "vmm/vcpu_irq.h"
#include "vmm/vm.h"
#include "vmm/wake.h"
#include "vmx/qual.h"

/* Iterations of REP INS/OUTS done in one exit, at 1,100 ticks each: bounds how late another vCPU
 * may be that is to run meanwhile. */
#define STRING_BATCH 8u

#define SEG_ES       0u
#define SEG_GS       5u

static u64 size_mask(u32 bytes)
{
    return bytes >= 8 ? ~0ull : BIT(8 * bytes) - 1;
}

static u32 port_read(struct vcpu *v, u16 port, u8 size, u64 now)
{
    u32 value;

    if (unlikely(!board_port_read(&v->vm->board, port, size, now, &value)))
        trace(v->trace, TRACE_PORT_REFUSED, v->trace_id, port, 0, size);
    return value;
}

static void port_write(struct vcpu *v, u16 port, u8 size, u32 value, u64 now)
{
    if (unlikely(!board_port_write(&v->vm->board, port, size, value, now)))
        trace(v->trace, TRACE_PORT_REFUSED, v->trace_id, port, 1, (u64)size << 32 | value);
}

/* One access of a string instruction, whose port may be the control partition's (that of other
 * instructions: forward_port()).  E_EXIST: it has to wait. */
static err_t string_port(struct vcpu *v, const struct qual_io *q, u64 now, u32 *value)
{
    u64 wide = *value;

    switch (forward_access(v, ABI_PORTS, q->port, q->size, !q->in, &wide)) {
    case FORWARD_WAIT: return E_EXIST;
    case FORWARD_DONE: *value = (u32)(wide & size_mask(q->size)); return OK;
    case FORWARD_NOBODY: break;
    }
    if (q->in)
        *value = port_read(v, q->port, q->size, now);
    else
        port_write(v, q->port, q->size, *value, now);
    return OK;
}

/* Registers that REP INS/OUTS counts with are as wide as the address size. */
static u64 merge(u64 old, u64 value, u32 bytes)
{
    if (bytes == 4)
        return (u32)value;
    return (old & ~size_mask(bytes)) | (value & size_mask(bytes));
}

/* E_EXIST: it has to wait for the port. */
static err_t string_step(struct vcpu *v, const struct qual_io *q, u64 gva, u64 now,
                         struct gmem_fault *fault)
{
    const u64 next_page = ALIGN_DOWN(gva, PAGE_SIZE) + PAGE_SIZE;
    u32 value = 0;
    gpa_t probe;

    if (!q->in) {
        TRY(gmem_read_gva(v, gva, 0, &value, q->size, fault));
        return string_port(v, q, now, &value);
    }
    /* The destination is checked first: reading a port may have an effect that cannot be undone. */
    TRY(gmem_translate(v, gva, GVA_WRITE, &probe, fault));
    if (next_page <= gva + q->size - 1)
        TRY(gmem_translate(v, next_page, GVA_WRITE, &probe, fault));
    TRY(string_port(v, q, now, &value));
    return gmem_write_gva(v, gva, &value, q->size, fault);
}

static NOINLINE enum verdict string_io(struct vcpu *v, const struct exit *x,
                                       const struct qual_io *q)
{
    u64 *r = v->vmx.guest.regs.r;
    const u32 address_size = 2u << (x->insn_info >> 7 & 3);
    const u32 pointer = q->in ? RDI : RSI;
    const u64 mask = size_mask(address_size);
    const bool down = gs_get(&v->vmx.guest, GS_RFLAGS) & RFLAGS_DF;
    /* Computed: reading the guest-linear-address field would cost every plain IN and OUT too. */
    const u32 segment = q->in ? SEG_ES : MIN(x->insn_info >> 15 & 7, SEG_GS);

    if (q->rep && (r[RCX] & mask) == 0)
        return NEXT;
    for (u32 i = 0; i < STRING_BATCH; i++) {
        struct gmem_fault fault = {0};
        const u64 offset = r[pointer] & mask;
        const err_t err = string_step(v, q, vcpu_linear(v, segment, offset), x->tsc, &fault);

        if (err == E_EXIST)
            return RESUME;
        if (err == E_PERM || err == E_NOENT) {
            vcpu_raise_page_fault(v, fault.gva, fault.error);
            return RESUME;
        }
        if (err == E_INVAL) /* not canonical, or beyond what a 4-GByte segment holds */
            return FAULT_GP;
        if (err != OK)
            return KILL;
        r[pointer] = merge(r[pointer], down ? offset - q->size : offset + q->size, address_size);
        if (!q->rep)
            return NEXT;
        r[RCX] = merge(r[RCX], (r[RCX] & mask) - 1, address_size);
        if ((r[RCX] & mask) == 0)
            return NEXT;
    }
    return RESUME; /* the instruction goes on with what it has left */
}

/* Words, double words, strings, and ports that no row takes by the byte. */
static NOINLINE enum verdict io_rare(struct vcpu *v, const struct exit *x)
{
    const struct qual_io q = qual_io(x->qual);
    u64 *rax = &v->vmx.guest.regs.r[RAX];
    enum verdict verdict = NEXT;

    if (unlikely(q.string)) {
        verdict = string_io(v, x, &q);
    } else if (q.in) {
        const u32 value = port_read(v, q.port, q.size, x->tsc);

        *rax = q.size == 4 ? value : (*rax & ~size_mask(q.size)) | value;
    } else {
        port_write(v, q.port, q.size, (u32)(*rax & size_mask(q.size)), x->tsc);
    }
    if (vcpu_board_moved(v))
        vcpu_todo(v, TODO_BOARD);
    return verdict;
}

static __attribute__((noinline)) enum verdict settle(struct vcpu *v, u8 after)
{
    board_settle(&v->vm->board, after);
    if (unlikely(vcpu_board_moved(v)))
        vcpu_todo(v, TODO_BOARD);
    return NEXT;
}

static inline __attribute__((always_inline)) enum verdict look(struct vcpu *v, u8 after)
{
    if (after > AFTER_IRQ)
        return settle(v, after);
    if (after == AFTER_IRQ && unlikely(vcpu_irq_moved(v)))
        vcpu_todo(v, TODO_BOARD);
    return NEXT;
}

/* Bits 31:16 of the qualification, in one load. */
static inline u16 port_of(const struct exit *x)
{
    return ((const u16 *)(const void *)&x->qual)[1];
}

/* Nearly all are IN and OUT of one byte, which is never split between rows. */
static inline __attribute__((always_inline)) enum verdict io(struct vcpu *v, const struct exit *x)
{
    const u16 port = port_of(x);
    const struct io_row *row = io_find(port);
    u8 *al = (u8 *)&v->vmx.guest.regs.r[RAX];

    if (unlikely(x->qual & (QUAL_IO_SIZE | QUAL_IO_STRING)) || unlikely(!(row->sizes & 1)))
        return io_rare(v, x);
    if (x->qual & QUAL_IO_IN) {
        *al = (u8)row->read(&v->vm->board, port, 1, x->tsc);
        return look(v, row->after_read);
    }
    row->write(&v->vm->board, port, 1, *al, x->tsc);
    return look(v, row->after_write);
}

static __attribute__((noinline)) enum verdict shared(struct vcpu *v, const struct exit *x)
{
    enum verdict verdict;

    if (io_find(port_of(x))->action <= IO_SPARE && forward_port(v, x, &verdict))
        return verdict;
    board_lock(v);
    verdict = io(v, x);
    board_unlock(v);
    return verdict;
}

/* Most often a doorbell, whose port no row has (vmm/hc_served.c). */
static __attribute__((noinline)) enum verdict shared_out(struct vcpu *v, const struct exit *x)
{
    if (event_ring(v, forward_bell(&v->vm->served, ABI_PORTS, port_of(x),
                                   (u32)(x->qual & QUAL_IO_SIZE) + 1, &v->vmx.guest.regs.r[RAX])))
        return NEXT;
    return shared(v, x);
}

enum verdict on_io(struct vcpu *v, const struct exit *x)
{
    if (likely(!v->shares_board)) /* neither several vCPUs nor served */
        return io(v, x);
    return x->qual & (QUAL_IO_IN | QUAL_IO_STRING) ? shared(v, x) : shared_out(v, x);
}
