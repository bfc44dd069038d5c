/* Reads a recording (vmm/record/format.h): guest by guest, exit by exit. */
#pragma once
#include "vmm/record/format.h"

#define ANSWERS_MAX 512u
#define EXTENTS_MAX 64u
#define INPUTS_MAX  65536u
#define CHUNKS_MAX  4096u
#define OUTCOME_MAX 65536u

/* How a guest was created. */
struct birth {
    u64 id, tsc_hz, host_xcr0, features; /* rdtscp to pv_eoi: bits 0 to 4 */
    u32 answers;
    struct answer {
        u64 leaf, subleaf, r[4]; /* CPUID of the host */
    } answer[ANSWERS_MAX];
    u64 now, wall_time, memory, debug_exit;
    u32 extents;
    struct {
        u64 gpa, len;
    } extent[EXTENTS_MAX];
    u64 timer_shift;
};

/* What the outside told the handlers: a time, a deadline, a character. */
struct input {
    u8 tag;
    u64 value;
};

/* Guest memory that was read. */
struct chunk {
    u64 gpa, len;
    const u8 *bytes;
};

/* From an exit to the next entry; for a guest's first step, to its first entry. */
struct step {
    u64 number; /* in the file, from 0 */
    bool first;
    u64 reason;
    u64 time;               /* that differences of times begin with */
    u64 word[RECORD_WORDS]; /* behind the exit */
    u64 after[RECORD_WORDS];
    u32 inputs, chunks, outcome_len;
    struct input input[INPUTS_MAX];
    struct chunk chunk[CHUNKS_MAX];
    u8 outcome[OUTCOME_MAX]; /* the OUT events, as recorded */
};

struct stream {
    const u8 *data;
    u64 size, at;
    const char *wrong; /* why it cannot be read, or NULL */
    u64 steps, time;
    u64 word[RECORD_WORDS];
    struct birth birth; /* of the guest at hand */
};

/* False: no recording of this format; s->wrong tells. */
bool stream_open(struct stream *s, const u8 *data, u64 size);
/* False: the end, or s->wrong. */
bool stream_next(struct stream *s, struct step *step);

/* ---- for messages */
/* A number of an OUT event, which is well formed. */
u64 read_number(const u8 **at);
const char *word_name(u32 word);
void print_outcome(const char *title, const u8 *bytes, u64 len, const u64 before[RECORD_WORDS]);
