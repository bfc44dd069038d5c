/* See fuzz_rules.h. */
#include "tools/replay/fuzz_rules.h"
#include "arch/x86_64/cr.h"
#include "tools/replay/player.h"
#include "tools/unit/fake_cpu.h"
#include "vmm/policy/exit.h"
#include "vmm/record/record.h"
#include "vmx/qual.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REG(r)        BIT(r)
#define ANY_REG       0xffffull
#define ANY_FIELD     (~0ull)
#define F(name)       BIT(GS_##name)
#define INSN_LEN_MAX  15u
#define INTR_VALID    BIT(31)
#define INTR_RESERVED 0x7ffff000ull /* bits 30:12 of what is injected */
#define INTR_ERROR    BIT(11)
#define INTR_IRET     BIT(12)
#define EXCEPTIONS    32u
#define VECTOR_NMI    2u

/* Whatever the exit: RIP moves, faults set RF, events and instructions end blocking. */
#define ANY_EXIT (F(RIP) | F(RFLAGS) | F(INTERRUPTIBILITY) | F(PENDING_DEBUG))

static const struct rule {
    u64 regs, fields; /* that the handler may change */
    bool memory;      /* whether it may write to RAM */
    bool moves;       /* RESUME may mean that an instruction was done */
    bool jumps;       /* or that the guest goes on elsewhere */
    bool panics;      /* Lintel may end over it */
} rules[EXIT_REASONS] = {
    [EXIT_CPUID] = {.regs = REG(RAX) | REG(RBX) | REG(RCX) | REG(RDX)},
    [EXIT_VMCALL] = {.regs = REG(RAX)},
    [EXIT_RDMSR] = {.regs = REG(RAX) | REG(RDX)},
    [EXIT_WRMSR] = {.fields = F(DEBUGCTL) | F(PAT) | F(EFER), .memory = true}, /* the clocks */
    [EXIT_CR_ACCESS] = {.regs = ANY_REG,
                        .fields = F(RSP) | F(CR0) | F(CR0_SHADOW) | F(CR4) | F(CR4_SHADOW) |
                                  F(EFER) | F(ENTRY_CONTROLS) | F(PDPTE0) | F(PDPTE1) | F(PDPTE2) |
                                  F(PDPTE3)},
    [EXIT_IO] = {.regs = REG(RAX) | REG(RCX) | REG(RSI) | REG(RDI), .memory = true},
    [EXIT_EPT_VIOLATION] = {.regs = ANY_REG, .fields = F(RSP), .memory = true, .moves = true},
    [EXIT_APIC_ACCESS] = {.regs = ANY_REG, .fields = F(RSP), .memory = true, .moves = true},
    [EXIT_TASK_SWITCH] = {.regs = ANY_REG, .fields = ANY_FIELD, .memory = true, .jumps = true},
    [EXIT_EPT_MISCONFIG] = {.panics = true},
    [EXIT_EXCEPTION_OR_NMI] = {.fields = F(DR7) | F(DEBUGCTL), .panics = true},
    [EXIT_MACHINE_CHECK_AT_ENTRY] = {.panics = true},
};
/* No row: no register, and no field but ANY_EXIT. */

static struct cpuid_policy cpuid_before;
static struct vm_extent extents_before[VM_EXTENTS_MAX];
static u32 extent_count;

static void require(bool holds, const char *rule, const struct step *step)
{
    if (holds)
        return;
    fprintf(stderr, "rule broken: %s; %s at RIP %llx\n", rule, exit_reason_name((u32)step->reason),
            (unsigned long long)step->word[WORD_FIELDS + GS_RIP]);
    print_outcome("done", player.made, recorder.len, step->word);
    fflush(NULL);
    abort();
}

/* VM-exit interruption and IDT-vectoring information: "Information for VM Exits Due to Vectored
 * Events". */
static u64 event_information(u64 info)
{
    u64 type = info >> 8 & 7, vector = info & 0xff;

    if (type == 1 || type == 7)
        type = EVENT_TYPE_HW_EXC;
    if (type == EVENT_TYPE_NMI)
        vector = VECTOR_NMI;
    else if (type != EVENT_TYPE_EXT_INT && type != EVENT_TYPE_SW_INT)
        vector %= EXCEPTIONS;
    return (info & (INTR_VALID | INTR_ERROR | INTR_IRET)) | type << 8 | vector;
}

void rules_prepare(struct step *step)
{
    u64 *w = step->word;

    if (step->reason == EXIT_IO && !qual_io(w[WORD_EXIT_QUAL]).size)
        w[WORD_EXIT_QUAL] = (w[WORD_EXIT_QUAL] & ~7ull) | 3; /* sizes are 1, 2 and 4 */
    w[WORD_EXIT_INTR_INFO] = event_information(w[WORD_EXIT_INTR_INFO]);
    w[WORD_EXIT_IDT_INFO] = event_information(w[WORD_EXIT_IDT_INFO]);

    w[WORD_GREGS + RSP] = 0;
    w[WORD_EXIT_INSN_LEN] = 1 + w[WORD_EXIT_INSN_LEN] % INSN_LEN_MAX;
    w[WORD_VALID] |= GS_READ_AT_EXIT;
    for (u32 i = 0; i < GS_COUNT; i++) /* a field's width; selectors lie in their order */
        if (i >= GS_ES_SEL && i <= GS_TR_SEL)
            w[WORD_FIELDS + i] &= 0xffff;
    w[WORD_FIELDS + GS_RFLAGS] |= RFLAGS_FIXED_1;
    cpuid_before = player.vm.cpuid;
    extent_count = player.vm.extents;
    memcpy(extents_before, player.vm.extent, sizeof(extents_before));
}

static void check_machine(const struct step *step)
{
    const struct vm *vm = &player.vm;

    require(memcmp(&vm->cpuid, &cpuid_before, sizeof(cpuid_before)) == 0,
            "the CPUID policy stays as it is", step);
    require(vm->extents == extent_count &&
                memcmp(vm->extent, extents_before, sizeof(extents_before)) == 0,
            "the memory map stays as it is", step);
    require(vm->config == &player.config && vm->vcpu[0] == &player.vcpu && player.vcpu.vm == vm,
            "pointers stay as they are", step);
    require(vm->end <= VM_END_STOPPED, "the guest's end is one of the list", step);
}

static u64 changed_regs(const struct step *step)
{
    u64 changed = 0;

    for (u32 i = 0; i < 16; i++)
        if (player.vcpu.vmx.guest.regs.r[i] != step->word[WORD_GREGS + i])
            changed |= BIT(i);
    return changed;
}

/* The word in which the guest tells the end of an interrupt, which any entry may share or take
 * back. */
static bool is_eoi_word(u64 gpa, u64 len)
{
    return len == 1 && gpa == (player.vcpu.pv.eoi & ~3ull) && player.vcpu.pv.eoi;
}

/* The verdict among the OUT events, and whether memory was written. */
static u64 look_at_events(bool *wrote)
{
    const u8 *at = player.made, *const end = at + recorder.len;
    u64 verdict = ~0ull, number;

    *wrote = false;
    while (at < end) {
        const u8 tag = *at++;

        if (tag == RECORD_ENTRY)
            break; /* the last one */
        if (tag == RECORD_POLL)
            continue;
        if (tag == RECORD_TX) {
            at++;
            continue;
        }
        number = read_number(&at);
        if (tag == RECORD_VERDICT)
            verdict = number;
        if (tag == RECORD_WRITE) {
            const u64 len = read_number(&at);

            *wrote |= !is_eoi_word(number, len);
            at += len;
        }
    }
    return verdict;
}

static bool is_wrapped(u64 rip, u64 expected)
{
    return rip == expected || rip == (u32)expected;
}

static void check_rip(const struct step *step, const struct rule *rule, u64 verdict)
{
    const u64 old = step->word[WORD_FIELDS + GS_RIP];
    const u64 rip = player.vcpu.vmx.guest.field[GS_RIP];
    u32 len = 0;

    if (verdict == NEXT) {
        require(is_wrapped(rip, old + step->word[WORD_EXIT_INSN_LEN]),
                "NEXT moves RIP by the instruction's length", step);
        return;
    }
    if (rule->jumps && verdict == RESUME)
        return;
    while (rule->moves && verdict == RESUME && len < INSN_LEN_MAX && !is_wrapped(rip, old + len))
        len++;
    require(is_wrapped(rip, old + len), "without NEXT RIP stays", step);
}

static void check_entry(const struct step *step)
{
    const u64 info = fake_cpu.intr_info;

    if (!(info & INTR_VALID) || player.vm.end != VM_RUNNING)
        return;
    require(!(info & INTR_RESERVED), "what is injected has no reserved bits", step);
    require((info >> 8 & 7) != 1 && (info >> 8 & 7) != 7, "the event's type is one of the list",
            step);
    require((info >> 8 & 7) != EVENT_TYPE_NMI || (info & 0xff) == VECTOR_NMI, "an NMI has vector 2",
            step);
}

void rules_check(const struct step *step, bool played)
{
    const struct rule *rule = &rules[step->reason];
    const struct guest_state *g = &player.vcpu.vmx.guest;
    bool wrote;

    check_machine(step);
    if (!played) {
        require(player.asleep || (rule->panics && strcmp(player.wrong, "panic") == 0),
                "Lintel panics over its own faults alone", step);
        return;
    }
    const u64 verdict = look_at_events(&wrote);

    require(verdict <= KILL, "a verdict is one of the list", step);
    require(verdict != KILL || player.vm.end != VM_RUNNING, "KILL ends the guest", step);
    require(player.vm.end != VM_RUNNING || player.vcpu.todo == 0, "an entry leaves nothing to do",
            step);
    require(!(changed_regs(step) & ~rule->regs), "registers change that this exit is about", step);
    require(!(g->dirty & ~(ANY_EXIT | rule->fields)), "fields change that this exit is about",
            step);
    require(!wrote || rule->memory, "memory changes that this exit is about", step);
    require((g->dirty & ~g->valid) == 0, "what is written is valid", step);
    check_rip(step, rule, verdict);
    check_entry(step);
}
