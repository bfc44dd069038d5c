/* The recorder: from hooks (vmm/record.h) to bytes.  In hv.elf it writes everything into one
 * buffer; on the workstation the replay lets it write what the handlers do, and compares. */
#pragma once
#include "vmm/record.h"
#include "vmm/record/format.h"

struct recorder {
    u8 *data;
    u64 size, len;
    u64 complete;    /* bytes up to the last whole event sequence */
    u64 exits;       /* of all guests */
    u64 exits_left;  /* of this guest */
    u64 exits_limit; /* per guest */
    u64 last_time;   /* TSC: times are coded as differences */
    bool on;         /* a guest is being recorded, */
    bool running;    /* and what it does, not how it is loaded */
    bool full;
    bool inputs; /* IN events, too */
    u32 next_word;
    u64 word[RECORD_WORDS];
};

extern struct recorder recorder;

/* What record_now() returned. */
void record_time(u64 tsc);
void record_open(u8 *data, u64 size, u64 exits_limit);
/* The words from WORD_END on: what the models of struct vm and struct vcpu show. */
#define RECORD_MODEL_WORDS 6u
_Static_assert(WORD_END + RECORD_MODEL_WORDS == WORD_FIELDS, "these and no others");
void record_models(const struct vcpu *v, u64 out[RECORD_MODEL_WORDS]);

/* A guest begins: what of the machine its CPUID policy depends on, then the machine's leaves. */
struct record_host {
    u64 tsc_hz, xcr0;
    u64 features; /* bits: RDTSCP, INVPCID, XSAVES; paravirt, pv_eoi */
};
void record_guest(const struct vm *vm, const struct record_host *host);
void record_cpuid(u32 leaf, u32 subleaf, const struct cpuid_regs *answer);
