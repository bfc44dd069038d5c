/* See stream.h. */
#include "tools/replay/stream.h"
#include "vmx/exit.h"
#include <stdio.h>
#include <string.h>

static bool fail(struct stream *s, const char *why)
{
    if (!s->wrong)
        s->wrong = why;
    s->at = s->size;
    return false;
}

static u8 get_byte(struct stream *s)
{
    if (s->at < s->size)
        return s->data[s->at++];
    fail(s, "it ends in the middle of an exit");
    return 0;
}

static u64 get(struct stream *s)
{
    u64 value = 0;

    for (u32 shift = 0; shift < 64; shift += 7) {
        const u8 byte = get_byte(s);

        value |= (u64)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return value;
    }
    fail(s, "a number is too long");
    return 0;
}

static u64 get_difference(struct stream *s)
{
    return record_unzigzag(get(s));
}

static const u8 *get_bytes(struct stream *s, u64 len)
{
    const u8 *bytes = s->data + s->at;

    if (len > s->size - s->at) {
        fail(s, "it ends in the middle of an exit");
        return s->data;
    }
    s->at += len;
    return bytes;
}

static void get_changes(struct stream *s, u64 word[RECORD_WORDS])
{
    u64 at = 0;

    for (u64 gap; (gap = get(s)) != 0 && !s->wrong;) {
        at += gap - 1;
        if (at >= RECORD_WORDS) {
            fail(s, "a word that does not exist");
            return;
        }
        word[at] += get_difference(s);
    }
}

bool stream_open(struct stream *s, const u8 *data, u64 size)
{
    static const char magic[] = RECORD_MAGIC;
    const u64 len = sizeof(magic) - 1;

    memset(s, 0, sizeof(*s));
    s->data = data;
    s->size = size;
    if (size < len || memcmp(data, magic, len) != 0)
        return fail(s, "it is no recording");
    s->at = len;
    if (get(s) != RECORD_VERSION || get(s) != RECORD_WORDS || get(s) != RECORD_TAGS)
        return fail(s, "it is of another format: make record");
    return true;
}

static void get_guest(struct stream *s)
{
    memset(&s->birth, 0, sizeof(s->birth));
    memset(s->word, 0, sizeof(s->word));
    s->birth.id = get(s);
    s->birth.tsc_hz = get(s);
    s->birth.host_xcr0 = get(s);
    s->birth.features = get(s);
}

static void get_cpuid(struct stream *s)
{
    struct birth *b = &s->birth;

    if (b->answers == ANSWERS_MAX) {
        fail(s, "too many CPUID leaves");
        return;
    }
    struct answer *a = &b->answer[b->answers++];

    a->leaf = get(s);
    a->subleaf = get(s);
    for (u32 i = 0; i < 4; i++)
        a->r[i] = get(s);
}

static void get_board(struct stream *s)
{
    struct birth *b = &s->birth;

    b->now = s->time = get_difference(s);
    b->wall_time = get(s);
    b->memory = get(s);
    b->debug_exit = get(s);
    const u64 extents = get(s);

    if (extents > EXTENTS_MAX) {
        fail(s, "too many pieces of memory");
        return;
    }
    b->extents = (u32)extents;
    for (u32 i = 0; i < b->extents; i++) {
        b->extent[i].gpa = get(s);
        b->extent[i].len = get(s);
    }
}

static void add_input(struct stream *s, struct step *step, u8 tag, u64 value)
{
    if (step->inputs == INPUTS_MAX)
        fail(s, "too many inputs in one exit");
    else
        step->input[step->inputs++] = (struct input){tag, value};
}

static void add_chunk(struct stream *s, struct step *step)
{
    const u64 gpa = get(s), len = get(s);
    const u8 *bytes = get_bytes(s, len);

    if (step->chunks == CHUNKS_MAX)
        fail(s, "too much memory in one exit");
    else if (!s->wrong)
        step->chunk[step->chunks++] = (struct chunk){gpa, len, bytes};
}

/* Behind the tag of an OUT event: skips it. */
static void skip_outcome(struct stream *s, u8 tag)
{
    switch (tag) {
    case RECORD_WRITE:
        get(s);
        get_bytes(s, get(s));
        break;
    case RECORD_TX: get_byte(s); break;
    case RECORD_POLL: break;
    case RECORD_SLEEP:
    case RECORD_FLUSH:
    case RECORD_VERDICT: get(s); break;
    case RECORD_ENTRY: get_changes(s, s->word); break;
    default: fail(s, "an event that does not exist");
    }
}

static void add_outcome(struct stream *s, struct step *step, u8 tag)
{
    const u64 begin = s->at - 1;

    skip_outcome(s, tag);
    const u64 len = s->at - begin;

    if (s->wrong)
        return;
    if (len > OUTCOME_MAX - step->outcome_len) {
        fail(s, "an exit does too much");
        return;
    }
    memcpy(&step->outcome[step->outcome_len], s->data + begin, len);
    step->outcome_len += (u32)len;
}

static void get_event(struct stream *s, struct step *step, u8 tag)
{
    switch (tag) {
    case RECORD_NOW:
        s->time += get_difference(s);
        add_input(s, step, tag, s->time);
        break;
    case RECORD_DEADLINE: add_input(s, step, tag, s->time + get_difference(s)); break;
    case RECORD_NO_ROOM: add_input(s, step, tag, 0); break;
    case RECORD_TYPED: add_input(s, step, tag, get_byte(s)); break;
    case RECORD_READ: add_chunk(s, step); break;
    default: add_outcome(s, step, tag);
    }
}

/* Up to a step's beginning: tags of a guest's birth, if one begins here. */
static bool find_step(struct stream *s, struct step *step)
{
    while (s->at < s->size) {
        switch (get_byte(s)) {
        case RECORD_GUEST: get_guest(s); break;
        case RECORD_CPUID: get_cpuid(s); break;
        case RECORD_BOARD: get_board(s); break;
        case RECORD_START:
            step->first = true;
            s->birth.timer_shift = get(s);
            return true;
        case RECORD_EXIT:
            step->first = false;
            step->reason = get(s);
            return step->reason < EXIT_REASONS || fail(s, "an exit reason that does not exist");
        default: return fail(s, "no exit where one should begin");
        }
    }
    return false;
}

bool stream_next(struct stream *s, struct step *step)
{
    u8 tag;

    if (s->wrong || !find_step(s, step))
        return false;
    get_changes(s, s->word);
    if (!step->first)
        s->time = s->word[WORD_EXIT_TSC];
    memcpy(step->word, s->word, sizeof(step->word));
    step->time = s->time;
    step->number = s->steps++;
    step->inputs = step->chunks = step->outcome_len = 0;
    do {
        tag = get_byte(s);
        get_event(s, step, tag);
    } while (tag != RECORD_ENTRY && !s->wrong);
    memcpy(step->after, s->word, sizeof(step->after));
    return !s->wrong;
}
