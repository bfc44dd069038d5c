/* What the processor said at a VM exit, as plain data: handlers never execute VMREAD. */
#pragma once
#include "lib/types.h"

enum exit_reason {
#define EXIT_REASON(number, name) EXIT_##name = (number),
#include "abi/exit_reasons.def"
    EXIT_REASONS = 80,
};

/* Which parts of struct exit a row of the exit table asks for. */
enum exit_need {
    NEED_LEN = 1,   /* insn_len */
    NEED_QUAL = 2,  /* qual */
    NEED_GPA = 4,   /* gpa, gla; in NEED_EPT alone */
    NEED_INTR = 8,  /* intr_info, intr_error, insn_len */
    NEED_IDTV = 16, /* idt_info; if that is valid, idt_error and insn_len */
    NEED_INSN = 32, /* insn_info, of a string instruction: qual says that it is one */
};

#define NEED_IO             (NEED_LEN | NEED_QUAL | NEED_INSN)
#define NEED_EPT            (NEED_QUAL | NEED_GPA | NEED_IDTV)
#define IDT_VECTORING_VALID BIT32(31)
/* SDM Vol. 3C, "Exit Qualification for I/O Instructions" */
#define QUAL_IO_SIZE   7u /* bytes - 1 */
#define QUAL_IO_IN     BIT(3)
#define QUAL_IO_STRING BIT(4)

struct exit {
    u32 reason; /* enum exit_reason (basic) */
    u64 tsc;    /* of the host, behind the exit: the time at which the handlers work */
    u64 insn_len;
    u64 qual;
    gpa_t gpa;
    u64 gla;
    u32 intr_info, intr_error;
    u32 idt_info, idt_error;
    u32 insn_info;
};

const char *exit_reason_name(u32 reason); /* "?" for unknown numbers */
