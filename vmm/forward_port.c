/* See forward_port.h. */
#include "vmm/forward_port.h"
#include "vmm/boundary.h"
#include "vmm/control_call.h"
#include "vmm/vm.h"
#include "vmm/wake.h"
#include "vmx/qual.h"

/* 32 bits clear the upper half, fewer leave the rest as it is. */
static void put_rax(struct vcpu *v, u32 bytes, u64 value)
{
    u64 *rax = &v->vmx.guest.regs.r[RAX];
    const u64 mask = BIT(8 * bytes) - 1;

    *rax = bytes == 4 ? (u32)value : (*rax & ~mask) | (value & mask);
}

void forward_port_done(struct vcpu *v, u64 value)
{
    const struct qual_io q = qual_io(v->forward.exit.qual);

    if (q.in)
        put_rax(v, q.size, value);
    vcpu_skip_insn(v, v->forward.exit.insn_len);
}

bool forward_port(struct vcpu *v, const struct exit *x, enum verdict *verdict)
{
    struct forward *f = &v->forward;
    const u32 bytes = (u32)(x->qual & QUAL_IO_SIZE) + 1, port = (u16)(x->qual >> 16);
    const bool in = x->qual & QUAL_IO_IN;
    const u64 *rax = &v->vmx.guest.regs.r[RAX];
    struct vcpu *control = NULL;
    u64 value = ~0ull;

    *verdict = NEXT;
    if (x->qual & QUAL_IO_STRING)
        return false;
    if (!served_range_has(&v->vm->served, ABI_PORTS, port, bytes))
        return false;
    f->at = (struct forwarded_access){
        .address = port,
        .value = in ? 0 : *rax & (BIT(8 * bytes) - 1),
        .bytes = bytes,
        .space = ABI_PORTS,
        .write = !in,
    };
    if (boundary_request(v, &control) && !(control && control_call(v, control, &value))) {
        f->exit = *x;
        f->waiting = f->is_port = true;
        vcpu_todo(v, TODO_WAIT);
        *verdict = RESUME;
    } else if (in) { /* answered, or nothing is served any more */
        put_rax(v, bytes, value);
    }
    return true;
}
