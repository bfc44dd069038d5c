/* What an exit did, in words: for messages. */
#include "tools/replay/stream.h"
#include "vmx/gregs.h"
#include <stdio.h>
#include <string.h>

// clang-format off
static const char *const names[RECORD_WORDS] = {
    [WORD_GREGS + RAX] = "RAX", [WORD_GREGS + RCX] = "RCX", [WORD_GREGS + RDX] = "RDX", [WORD_GREGS + RBX] = "RBX",
    [WORD_GREGS + RSP] = "-", [WORD_GREGS + RBP] = "RBP", [WORD_GREGS + RSI] = "RSI", [WORD_GREGS + RDI] = "RDI",
    [WORD_GREGS + R8] = "R8", [WORD_GREGS + R9] = "R9", [WORD_GREGS + R10] = "R10", [WORD_GREGS + R11] = "R11",
    [WORD_GREGS + R12] = "R12", [WORD_GREGS + R13] = "R13", [WORD_GREGS + R14] = "R14", [WORD_GREGS + R15] = "R15",
    [WORD_CR2] = "CR2", [WORD_DR6] = "DR6",
    [WORD_VMCS_INTR_INFO] = "injected event", [WORD_VMCS_INTR_ERROR] = "its error code",
    [WORD_VMCS_INSN_LEN] = "its instruction length", [WORD_VMCS_TIMER] = "preemption timer",
    [WORD_VMCS_CPU_CONTROLS] = "controls", [WORD_VMCS_TSC_OFFSET] = "TSC offset",
    [WORD_EXIT_TSC] = "exit.tsc", [WORD_EXIT_INSN_LEN] = "exit.insn_len", [WORD_EXIT_QUAL] = "exit.qual",
    [WORD_EXIT_GPA] = "exit.gpa", [WORD_EXIT_GLA] = "exit.gla", [WORD_EXIT_INTR_INFO] = "exit.intr_info",
    [WORD_EXIT_INTR_ERROR] = "exit.intr_error", [WORD_EXIT_IDT_INFO] = "exit.idt_info",
    [WORD_EXIT_IDT_ERROR] = "exit.idt_error", [WORD_EXIT_INSN_INFO] = "exit.insn_info",
    [WORD_VALID] = "valid fields", [WORD_DIRTY] = "written fields", [WORD_END] = "guest's end",
    [WORD_END_VALUE] = "its value", [WORD_BOARD_DEADLINE] = "board's deadline",
    [WORD_LAPIC_DEADLINE] = "local APIC's deadline", [WORD_WAITING] = "pending interrupts",
    [WORD_HELD] = "hash of MSRs and the like",
#define GS(name, width, field) [WORD_FIELDS + GS_##name] = #name,
#include "vmx/guest_state.def"
};
// clang-format on

const char *word_name(u32 word)
{
    return word < RECORD_WORDS && names[word] ? names[word] : "?";
}

/* The bytes were read before, or made by the recorder: they are well formed. */
u64 read_number(const u8 **at)
{
    u64 value = 0;

    for (u32 shift = 0;; shift += 7) {
        const u8 byte = *(*at)++;

        value |= (u64)(byte & 0x7f) << shift;
        if (!(byte & 0x80) || shift == 63)
            return value;
    }
}

static void print_changes(const u8 **at, const u64 before[RECORD_WORDS])
{
    u64 word = 0;

    printf("    entry with");
    for (u64 gap; (gap = read_number(at)) != 0;) {
        word += gap - 1;
        const u64 difference = record_unzigzag(read_number(at));

        printf(" %s=%llx", word_name((u32)word), (unsigned long long)(before[word] + difference));
    }
    printf("\n");
}

static void print_write(const u8 **at)
{
    const u64 gpa = read_number(at), len = read_number(at);

    printf("    memory %llx:", (unsigned long long)gpa);
    for (u64 i = 0; i < len; i++)
        printf(" %02x", *(*at)++);
    printf("\n");
}

void print_outcome(const char *title, const u8 *bytes, u64 len, const u64 before[RECORD_WORDS])
{
    static const char *const verdicts[] = {"RESUME", "NEXT", "FAULT_UD", "FAULT_GP", "KILL"};
    const u8 *at = bytes, *const end = bytes + len;

    printf("  %s:\n", title);
    while (at < end) {
        u64 value;

        switch (*at++) {
        case RECORD_WRITE: print_write(&at); break;
        case RECORD_TX: printf("    sent %02x\n", *at++); break;
        case RECORD_POLL: printf("    console looked at\n"); break;
        case RECORD_SLEEP:
            printf("    sleep for %llx\n", (unsigned long long)record_unzigzag(read_number(&at)));
            break;
        case RECORD_FLUSH:
            printf("    VPID %llu flushed\n", (unsigned long long)read_number(&at));
            break;
        case RECORD_VERDICT:
            value = read_number(&at);
            printf("    verdict %s\n", value < ARRAY_LEN(verdicts) ? verdicts[value] : "?");
            break;
        default: print_changes(&at, before);
        }
    }
}
