/* The dump of a guest that was stopped. */
#include "vmm/dump.h"
#include "arch/x86_64/insn.h"
#include "arch/x86_64/log.h"
#include "ept/gva_walk.h"
#include "lib/fmt.h"
#include "vmm/gmem.h"
#include "vmm/insn.h"
#include "vmm/policy/exit.h"
#include "vmm/vm.h"
#include "vmx/qual.h"

#define LAST_RECORDS 16u
#define X(v)         ((unsigned long long)(v))

static void dump_reason(const struct exit *x)
{
    const struct exit_row *row = exit_row(x->reason);
    const struct qual_ept ept = qual_ept(x->qual);
    const struct qual_io io = qual_io(x->qual);

    log_info("  exit: %s (%u), qualification %llx", exit_reason_name(x->reason), x->reason,
             X(row && (row->needs & NEED_QUAL) ? x->qual : 0));
    if (x->reason == EXIT_EPT_VIOLATION)
        log_info("  a %s of guest-physical %llx, guest-linear %llx%s",
                 ept.fetch   ? "fetch"
                 : ept.write ? "write"
                             : "read",
                 X(x->gpa.v), X(x->gla), ept.final ? "" : ", in a page-table walk");
    if (x->reason == EXIT_IO)
        log_info("  %s%s of %u byte(s), port %x", io.string ? "string " : "", io.in ? "IN" : "OUT",
                 io.size, io.port);
    if (row && (row->needs & NEED_IDTV) && (x->idt_info & EVENT_VALID))
        log_info("  while delivering vector %u, type %u", x->idt_info & 0xff,
                 EVENT_TYPE(x->idt_info));
}

static void dump_registers(struct guest_state *g)
{
    const u64 *r = g->regs.r;

    log_info("  RIP %016llx RFLAGS %08llx CS %04llx SS %04llx", X(gs_get(g, GS_RIP)),
             X(gs_get(g, GS_RFLAGS)), X(gs_get(g, GS_CS_SEL)), X(gs_get(g, GS_SS_SEL)));
    log_info("  RAX %016llx RBX %016llx RCX %016llx RDX %016llx", X(r[RAX]), X(r[RBX]), X(r[RCX]),
             X(r[RDX]));
    log_info("  RSP %016llx RBP %016llx RSI %016llx RDI %016llx", X(gs_get(g, GS_RSP)), X(r[RBP]),
             X(r[RSI]), X(r[RDI]));
    log_info("  R8  %016llx R9  %016llx R10 %016llx R11 %016llx", X(r[R8]), X(r[R9]), X(r[R10]),
             X(r[R11]));
    log_info("  R12 %016llx R13 %016llx R14 %016llx R15 %016llx", X(r[R12]), X(r[R13]), X(r[R14]),
             X(r[R15]));
    log_info("  CR0 %08llx CR2 %016llx CR3 %016llx CR4 %08llx EFER %llx", X(gs_get(g, GS_CR0)),
             X(read_cr2()), X(gs_get(g, GS_CR3)), X(gs_get(g, GS_CR4)), X(gs_get(g, GS_EFER)));
    log_info("  GDTR %016llx:%04llx IDTR %016llx:%04llx TR %04llx DR7 %llx",
             X(gs_get(g, GS_GDTR_BASE)), X(gs_get(g, GS_GDTR_LIMIT)), X(gs_get(g, GS_IDTR_BASE)),
             X(gs_get(g, GS_IDTR_LIMIT)), X(gs_get(g, GS_TR_SEL)), X(gs_get(g, GS_DR7)));
    log_info("  interruptibility %llx activity %llx pending debug %llx",
             X(gs_get(g, GS_INTERRUPTIBILITY)), X(gs_get(g, GS_ACTIVITY)),
             X(gs_get(g, GS_PENDING_DEBUG)));
}

static void dump_code(struct vcpu *v)
{
    const u64 base = vcpu_code_bits(v) == 64 ? 0 : gs_get(&v->vmx.guest, GS_CS_BASE);
    const u64 rip = base + gs_get(&v->vmx.guest, GS_RIP);
    char text[INSN_MAX_LEN * 3 + 1];
    struct gmem_fault fault;
    size_t used = 0;

    text[0] = '\0';
    for (u32 i = 0; i < INSN_MAX_LEN; i++) {
        u8 byte;

        if (gmem_read_gva(v, rip + i, GVA_EXEC, &byte, 1, &fault) != OK)
            break;
        used += fmt_buf(text + used, sizeof(text) - used, " %02x", byte);
    }
    log_info("  code at RIP:%s", used ? text : " not readable");
}

void dump_guest(struct vcpu *v, const struct exit *x)
{
    log_info("guest %s, vCPU %u:", v->vm->config->name, v->id);
    if (x)
        dump_reason(x);
    dump_registers(&v->vmx.guest);
    dump_code(v);
    log_info("  the last exits, oldest first:");
    trace_dump(v->trace, LAST_RECORDS);
}
