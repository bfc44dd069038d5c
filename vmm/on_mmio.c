/* EPT violations: accesses to what is not RAM.  An address with a row in the MMIO table is
 * emulated, one instruction; any other stops the guest.
 * SDM Vol. 3C, "Exit Qualification for EPT Violations". */
#include "arch/x86_64/cr.h"
#include "arch/x86_64/msr.h"
#include "arch/x86_64/panic.h"
#include "ept/gva_walk.h"
#include "lib/atomic.h"
#include "lib/mem.h"
#include "vmm/boundary.h"
#include "vmm/event.h"
#include "vmm/forward.h"
#include "vmm/gmem.h"
#include "vmm/handlers.h"
#include "vmm/insn_memo.h"
#include "vmm/lapic_quick.h"
#include "vmm/mmio.h"
#include "vmm/record.h"
#include "vmm/vcpu_irq.h"
#include "vmm/vm.h"
#include "vmm/vm_touch.h"
#include "vmm/wake.h"
#include "vmx/qual.h"

#define SEG_ES           0u

#define MISFITS_MAX      1000u
#define QUAL_APIC_OFFSET 0xfffu
#define QUAL_APIC_TYPE   0xf000u
#define QUAL_APIC_READ   0x0000u /* linear */
#define QUAL_APIC_WRITE  0x1000u
#define QUAL_EPT_WRITE   BIT(1)
#define QUAL_EPT_LINEAR  (BIT(7) | BIT(8)) /* as the final access */

/* What nobody answers reads as ones. */
static void open_bus(struct vcpu *v, gpa_t gpa, u32 len, u8 *value, bool write)
{
    trace(v->trace, TRACE_MMIO_REFUSED, v->trace_id, write, gpa.v, len);
    if (!write)
        memset(value, 0xff, len);
}

static NOINLINE u32 ioapic_read_register(struct vcpu *v, u32 offset)
{
    board_lock(v);
    const u32 value = board_ioapic_read(&v->vm->board, offset);
    board_unlock(v);
    return value;
}

static NOINLINE void ioapic_write_register(struct vcpu *v, u32 offset, u32 value)
{
    board_lock(v);
    board_ioapic_write(&v->vm->board, offset, value);
    board_unlock(v);
    if (vcpu_board_moved(v))
        vcpu_todo(v, TODO_BOARD);
}

/* Registers of both kinds of APIC are 32 bits wide and lie in the first of 16 bytes; the SDM leaves
 * other accesses undefined: they read zeros or the register's bytes, and write nothing. */
static inline __attribute__((always_inline)) void apic_access(struct vcpu *v, gpa_t gpa, u32 len,
                                                              u8 *value, bool write, bool is_local)
{
    const u32 offset = (u32)(gpa.v - (is_local ? LAPIC_BASE : IOAPIC_BASE)), within = offset & 3;
    const bool whole = len == sizeof(u32) && within == 0;
    u32 reg;

    if (write) {
        if (!whole)
            return;
        memcpy(&reg, value, sizeof(reg));
        if (is_local)
            vcpu_lapic_write(v, offset, reg, record_now());
        else
            ioapic_write_register(v, offset, reg);
        return;
    }
    reg = is_local ? vcpu_lapic_read(v, offset - within, record_now())
                   : ioapic_read_register(v, offset - within);
    if (likely(whole)) {
        memcpy(value, &reg, sizeof(reg));
        return;
    }
    memset(value, 0, len);
    memcpy(value, (const u8 *)&reg + within, MIN(len, (u32)sizeof(reg) - within));
}

/* E_RANGE: nobody has it; E_EXIST: the instruction has to wait, and to be done once more. */
static __attribute__((noinline)) err_t forwarded(struct vcpu *v, gpa_t gpa, u32 len, u8 *value,
                                                 bool write)
{
    u64 wide = 0;

    if (len & (len - 1)) /* the part of an operand that is in this page */
        return E_RANGE;
    memcpy(&wide, value, len);
    switch (forward_access(v, ABI_MEMORY, gpa.v, len, write, &wide)) {
    case FORWARD_NOBODY: return E_RANGE;
    case FORWARD_WAIT: return E_EXIST;
    case FORWARD_DONE: break;
    }
    if (!write)
        memcpy(value, &wide, len);
    return OK;
}

/* As forwarded(). */
static err_t device(struct vcpu *v, gpa_t gpa, u32 len, u8 *value, bool write)
{
    switch (mmio_find(gpa, len)) {
    case MMIO_NONE: return forwarded(v, gpa, len, value, write);
    case MMIO_LAPIC:
        if (unlikely(lapic_mode(&v->lapic) != LAPIC_XAPIC)) /* off, or in MSRs */
            open_bus(v, gpa, len, value, write);
        else
            apic_access(v, gpa, len, value, write, true);
        return OK;
    case MMIO_IOAPIC: apic_access(v, gpa, len, value, write, false); return OK;
    case MMIO_OPEN_BUS: open_bus(v, gpa, len, value, write); return OK;
    }
    return E_RANGE;
}

/* One operand of an instruction: RAM through the gate, everything else through the MMIO table.
 * An operand may cross from one page to another of a different kind. */
static err_t access(struct vcpu *v, u64 gva, u32 size, u8 *value, bool write,
                    struct gmem_fault *fault)
{
    while (size) {
        const u32 run = MIN(size, (u32)(PAGE_SIZE - (gva & (PAGE_SIZE - 1))));
        gpa_t gpa;

        TRY(gmem_translate(v, gva, write ? GVA_WRITE : 0, &gpa, fault));
        if (gmem_pointer(v->vm, gpa, run)) {
            TRY(write ? gmem_write(v->vm, gpa, value, run) : gmem_read(v->vm, gpa, value, run));
        } else {
            TRY(device(v, gpa, run, value, write));
        }
        gva += run;
        value += run;
        size -= run;
    }
    return OK;
}

static err_t load(struct vcpu *v, u64 gva, u32 size, u64 *value, struct gmem_fault *fault)
{
    *value = 0;
    return access(v, gva, size, (u8 *)value, false, fault);
}

static err_t store(struct vcpu *v, u64 gva, u32 size, u64 value, struct gmem_fault *fault)
{
    return access(v, gva, size, (u8 *)&value, true, fault);
}

static u64 get_reg(struct vcpu *v, const struct insn *insn)
{
    return insn->reg == RSP ? gs_get(&v->vmx.guest, GS_RSP) : v->vmx.guest.regs.r[insn->reg];
}

static void put_reg(struct vcpu *v, const struct insn *insn, u64 value)
{
    if (insn->reg == RSP)
        gs_set(&v->vmx.guest, GS_RSP, value);
    else
        v->vmx.guest.regs.r[insn->reg] = value;
}

static u64 address_mask(const struct insn *insn)
{
    return insn->address_size == 8 ? ~0ull : BIT(8 * insn->address_size) - 1;
}

static u64 string_address(struct vcpu *v, const struct insn *insn, u32 segment, u32 pointer)
{
    return vcpu_linear(v, segment, v->vmx.guest.regs.r[pointer] & address_mask(insn));
}

static void advance(struct vcpu *v, const struct insn *insn, u32 reg, u64 by)
{
    u64 *r = &v->vmx.guest.regs.r[reg];
    const u64 mask = address_mask(insn), value = (*r + by) & mask;

    *r = insn->address_size == 2 ? (*r & ~mask) | value : value;
}

static bool is_string(const struct insn *insn)
{
    return insn->op == INSN_STOS || insn->op == INSN_LODS || insn->op == INSN_MOVS;
}

/* One iteration; REP comes back for the next through the instruction itself. */
static err_t string_step(struct vcpu *v, const struct insn *insn, struct gmem_fault *fault)
{
    const u64 step = gs_get(&v->vmx.guest, GS_RFLAGS) & RFLAGS_DF ? 0ull - insn->size : insn->size;
    const bool reads = insn->op != INSN_STOS, writes = insn->op != INSN_LODS;
    struct insn_effect effect WRITTEN_LATER;
    u64 mem = 0;

    if (insn->rep && (v->vmx.guest.regs.r[RCX] & address_mask(insn)) == 0)
        return OK; /* the bytes or RCX changed since the exit: nothing is left to do */
    if (reads)
        TRY(load(v, string_address(v, insn, insn->segment, RSI), insn->size, &mem, fault));
    insn_execute(insn, mem, v->vmx.guest.regs.r[RAX], gs_get(&v->vmx.guest, GS_RFLAGS), &effect);
    if (writes)
        TRY(store(v, string_address(v, insn, SEG_ES, RDI), insn->size, effect.mem, fault));
    if (effect.writes_reg)
        v->vmx.guest.regs.r[RAX] = effect.reg;
    if (reads)
        advance(v, insn, RSI, step);
    if (writes)
        advance(v, insn, RDI, step);
    if (insn->rep)
        advance(v, insn, RCX, ~0ull);
    return OK;
}

/* The page tables may have been changed since the processor walked them: does the address still
 * lead where the access went (threats.md, S13)? */
static bool moved(struct vcpu *v, const struct exit *x)
{
    struct gmem_fault fault;
    gpa_t gpa;

    return gmem_translate(v, x->gla, 0, &gpa, &fault) != OK || gpa.v != x->gpa.v;
}

/* A string instruction's operands are translated anew in any case. */
static bool string_moved(struct vcpu *v, const struct exit *x)
{
    return x->reason != EXIT_APIC_ACCESS && moved(v, x);
}

/* The operand of an instruction that is no string instruction: where the processor found it, if it
 * lies in one page. */
static err_t operand(struct vcpu *v, const struct exit *x, u32 size, u64 *value, bool write,
                     struct gmem_fault *fault)
{
    if (likely((x->gla & (PAGE_SIZE - 1)) + size <= PAGE_SIZE))
        return device(v, x->gpa, size, (u8 *)value, write);
    if (x->reason == EXIT_APIC_ACCESS) /* the linear address is not known: no second page */
        return E_RANGE;
    if (moved(v, x))
        return E_EXIST;
    return access(v, x->gla, size, (u8 *)value, write, fault);
}

static err_t plain_step(struct vcpu *v, const struct insn *insn, const struct exit *x,
                        struct gmem_fault *fault)
{
    const u64 flags = gs_get(&v->vmx.guest, GS_RFLAGS);
    struct insn_effect effect WRITTEN_LATER;
    u64 mem = 0;

    /* A plain store does not read: a device's register may notice. */
    if (insn->op != INSN_MOV || !insn->mem_dest)
        TRY(operand(v, x, insn->size, &mem, false, fault));
    else if (lapic_quick_store(v, x->gpa, insn->size, x->tsc))
        return OK; /* whatever the value */
    insn_execute(insn, mem, get_reg(v, insn), flags, &effect);
    if (effect.writes_mem)
        TRY(operand(v, x, insn->size, &effect.mem, true, fault));
    if (effect.writes_reg)
        put_reg(v, insn, effect.reg);
    if (effect.flags != flags)
        gs_set(&v->vmx.guest, GS_RFLAGS, effect.flags);
    return OK;
}

/* Another vCPU may have changed the bytes since the processor executed them: what they say must fit
 * what it reported (threats.md, S13). */
static bool fits(const struct insn *insn, const struct qual_ept *q)
{
    if (!q->write)
        return insn->op != INSN_STOS && (insn->op != INSN_MOV || !insn->mem_dest);
    if (is_string(insn))
        return insn->op != INSN_LODS;
    return insn->op == INSN_XCHG ||
           (insn->mem_dest && insn->op != INSN_CMP && insn->op != INSN_TEST && insn->op != INSN_BT);
}

/* EPT violations save RF as 1 (SDM Vol. 3C, "Saving RIP, RSP, RFLAGS, and SSP"), which an
 * instruction that is done clears: the next may have a breakpoint. */
static void complete(struct vcpu *v, u32 len)
{
    struct guest_state *g = &v->vmx.guest;

    gs_set(g, GS_RFLAGS, gs_get(g, GS_RFLAGS) & ~RFLAGS_RF);
    vcpu_skip_insn(v, len);
}

/* Bytes that are no access, or another: a single vCPU cannot have changed them, and nobody changes
 * them each time that the processor looks. */
static NOINLINE enum verdict try_again(struct vcpu *v)
{
    return v->vm->vcpus > 1 && v->misfits++ < MISFITS_MAX ? RESUME : KILL;
}

static enum verdict emulate(struct vcpu *v, const struct exit *x, const struct qual_ept *q)
{
    struct gmem_fault fault = {0};
    const struct insn *insn;
    struct insn space WRITTEN_LATER;
    err_t err;

    if (insn_at_rip(v, &space, &insn) != OK || !fits(insn, q))
        return try_again(v);
    v->misfits = 0;
    if (is_string(insn))
        err = string_moved(v, x) ? E_EXIST : string_step(v, insn, &fault);
    else
        err = plain_step(v, insn, x, &fault);
    if (err == E_EXIST) /* another translation by now: let the processor look again; or it waits */
        return RESUME;
    if (err == E_PERM || err == E_NOENT) {
        vcpu_raise_page_fault(v, fault.gva, fault.error);
        return RESUME;
    }
    if (err == E_INVAL) /* not canonical */
        return FAULT_GP;
    if (err != OK)
        return KILL;
    if (is_string(insn) && insn->rep && (v->vmx.guest.regs.r[RCX] & address_mask(insn)) != 0)
        return RESUME;
    complete(v, insn->len);
    return RESUME;
}

/* A plain store that rings a doorbell which asks for neither width nor value: nothing has to be
 * known of it but its length, which is returned; 0: it is none. */
static __attribute__((noinline)) u32 rings(struct vcpu *v, const struct exit *x)
{
    const u64 how = QUAL_EPT_WRITE | QUAL_EPT_LINEAR;
    const u32 port = (x->qual & how) == how && !(x->idt_info & EVENT_VALID)
                         ? forward_bell(&v->vm->served, ABI_MEMORY, x->gpa.v, 0, NULL)
                         : 0;
    const struct insn *insn;
    struct insn space WRITTEN_LATER;

    if (!port || insn_at_rip(v, &space, &insn) != OK || insn->op != INSN_MOV || !insn->mem_dest ||
        (x->gla & (PAGE_SIZE - 1)) + insn->size > PAGE_SIZE)
        return 0;
    v->misfits = 0;
    return event_ring(v, port) ? insn->len : 0;
}

/* To RAM that is not mapped yet, by whatever: an instruction, a page walk, the delivery of an
 * event. */
static enum verdict first_access(struct vcpu *v, const struct exit *x)
{
    if (v->vm->config->touch != CONFIG_ON || vm_touch(v, x->gpa) != OK)
        return KILL;
    if (unlikely(x->idt_info & EVENT_VALID))
        event_redeliver(v, x);
    return RESUME;
}

static __attribute__((noinline)) enum verdict violation(struct vcpu *v, const struct exit *x)
{
    const struct qual_ept q = qual_ept(x->qual);

    event_nmi_unblocked_by_iret(v, x, q.nmi_iret);
    if (mmio_find(x->gpa, 1) == MMIO_NONE &&
        !served_range_has(&v->vm->served, ABI_MEMORY, x->gpa.v, 1))
        return first_access(v, x);
    if (q.fetch || !q.final)
        return KILL;
    if (x->idt_info &
        EVENT_VALID) /* an event's stack or table lies in a device: cannot be emulated */
        return KILL;
    return emulate(v, x, &q);
}

enum verdict on_ept_violation(struct vcpu *v, const struct exit *x)
{
    const u32 rung = unlikely(READ_ONCE(v->vm->served.ranges)) ? rings(v, x) : 0;

    if (likely(!rung))
        return violation(v, x);
    complete(v, rung);
    return RESUME;
}

/* With APIC accesses virtualized, these come in place of EPT violations, and are dealt with as
 * such. SDM Vol. 3C, "Exit Qualification for APIC-Access VM Exits". */
enum verdict on_apic_access(struct vcpu *v, const struct exit *x)
{
    const u64 offset = x->qual & QUAL_APIC_OFFSET, type = x->qual & QUAL_APIC_TYPE;
    struct exit at = *x;

    if (type != QUAL_APIC_READ && type != QUAL_APIC_WRITE)
        return KILL;
    at.qual = QUAL_EPT_LINEAR | (type == QUAL_APIC_WRITE ? QUAL_EPT_WRITE : 0);
    at.gpa = (gpa_t){LAPIC_BASE + offset};
    at.gla = offset; /* of the linear address, only these bits are known */
    return violation(v, &at);
}

/* Our tables are wrong: not the guest's doing. */
enum verdict on_ept_misconfig(struct vcpu *v, const struct exit *x)
{
    panic("EPT misconfiguration at guest-physical %llx (vm %u)", (unsigned long long)x->gpa.v,
          v->vm->id);
}
