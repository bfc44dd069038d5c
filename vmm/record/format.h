/* A recording: a header, then per guest its beginning and its exits, as a stream of tagged events.
 * Numbers are LEB128 (7 bits a byte, low ones first); differences are zigzag-coded before.  Written
 * by vmm/record/record.c, read by tools/replay/. */
#pragma once
#include "lib/types.h"
#include "vmx/guest_state.h"

#define RECORD_MAGIC   "LINTELRC"
#define RECORD_VERSION 1u

/* What follows the tag.  IN: the replay gives it to the handlers.  OUT: the replay must do the
 * same. */
enum record_tag {
    RECORD_GUEST = 1, /* IN   a guest begins: see record_guest() */
    RECORD_CPUID,     /* IN   leaf, subleaf, EAX, EBX, ECX, EDX of the host */
    RECORD_BOARD,     /* IN   see record_board() */
    RECORD_START,     /* IN   timer shift, changes: before the first entry */
    RECORD_EXIT,      /* IN   reason, changes: behind an exit */
    RECORD_NOW,       /* IN   TSC, difference to the last time that was recorded */
    RECORD_READ,      /* IN   guest-physical address, length, bytes of guest memory */
    RECORD_DEADLINE,  /* IN   when the console is due, or has to be looked at; as NOW */
    RECORD_NO_ROOM,   /* IN   the console takes no character */
    RECORD_TYPED,     /* IN   byte: a character for the guest */
    RECORD_WRITE,     /* OUT  guest-physical address, length, bytes */
    RECORD_TX,        /* OUT  byte sent by the guest */
    RECORD_POLL,      /* OUT  the console was looked at */
    RECORD_SLEEP,     /* OUT  TSC until which the vCPU sleeps, difference to the last time */
    RECORD_FLUSH,     /* OUT  VPID whose translations were flushed */
    RECORD_VERDICT,   /* OUT  the handler's verdict */
    RECORD_ENTRY,     /* OUT  changes: before the next entry, or at the guest's end */
    RECORD_TAGS
};

/* The state that an exit and an entry are about, as words.  "Changes" are those from the same
 * guest's last exit or entry: for each word that differs 1 + its distance from the last one and the
 * difference, then 0. */
enum record_word {
    WORD_GREGS = 0, /* 16, r[RSP] unused */
    WORD_CR2 = 16,  /* of the processor, like DR6 */
    WORD_DR6,
    WORD_VMCS_INTR_INFO,    /* the VMCS: VM-entry interruption information, */
    WORD_VMCS_INTR_ERROR,   /* its error code */
    WORD_VMCS_INSN_LEN,     /* and instruction length, */
    WORD_VMCS_TIMER,        /* preemption timer, */
    WORD_VMCS_CPU_CONTROLS, /* where the windows are, */
    WORD_VMCS_TSC_OFFSET,
    WORD_EXIT_TSC, /* struct exit */
    WORD_EXIT_INSN_LEN,
    WORD_EXIT_QUAL,
    WORD_EXIT_GPA,
    WORD_EXIT_GLA,
    WORD_EXIT_INTR_INFO,
    WORD_EXIT_INTR_ERROR,
    WORD_EXIT_IDT_INFO,
    WORD_EXIT_IDT_ERROR,
    WORD_EXIT_INSN_INFO,
    WORD_VALID, /* struct guest_state */
    WORD_DIRTY,
    WORD_END, /* struct vm */
    WORD_END_VALUE,
    WORD_BOARD_DEADLINE,
    WORD_LAPIC_DEADLINE,
    WORD_WAITING, /* which interrupts are pending */
    WORD_HELD,    /* hash of the emulated MSRs and the rest of struct vcpu's words */
    WORD_FIELDS,  /* GS_COUNT */
    RECORD_WORDS = WORD_FIELDS + GS_COUNT
};

static inline u64 record_zigzag(u64 difference)
{
    return difference << 1 ^ (0 - (difference >> 63));
}

static inline u64 record_unzigzag(u64 coded)
{
    return coded >> 1 ^ (0 - (coded & 1));
}
