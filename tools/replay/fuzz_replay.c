/* Recorded exits with changes: what a handler does then is unknown, but it must keep to what a
 * handler may do (fuzz_rules.c).  An input names an exit of the recordings (LINTEL_RECORDINGS,
 * files with colons between) and up to 16 changes of what the exit said, of the guest's registers
 * and fields, of the memory that was read, of the times that were told. */
#include "tools/replay/fuzz_rules.h"
#include "tools/replay/player.h"
#include "tools/unit/fake_cpu.h"
#include "vmm/policy/exit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define GUESTS_MAX    64u
#define SNAPSHOTS_MAX 2048u
#define EACH_MAX      2u /* snapshots of one kind */
#define CHANGES_MAX   16u
#define SCRATCH_MAX   65536u

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max, unsigned seed);
size_t LLVMFuzzerMutate(u8 *data, size_t size, size_t max);

/* A guest of a recording at its birth. */
struct guest {
    struct stream stream;
    struct step first;
};

/* A guest behind one of its exits. */
struct snapshot {
    u32 guest;
    struct stream stream; /* stream_next() gives the exit */
    struct vcpu vcpu;
    struct board board;
    u64 console_due, console_deadline;
};

/* One change, as it lies in the input. */
struct change {
    u8 what, which, how;
    u64 value;
} PACKED;

enum what { REGISTER, FIELD, EXIT_WORD, MEMORY_BYTE, MEMORY_FILL, TIME, REASON, NMI, WHATS };

static struct guest *guest[GUESTS_MAX];
static struct snapshot *snapshot[SNAPSHOTS_MAX];
static u32 guests, snapshots, current = GUESTS_MAX;
static struct step step;
static u8 scratch[SCRATCH_MAX];

static NORETURN void give_up(const char *what, const char *why)
{
    fprintf(stderr, "fuzz_replay: %s: %s\n", what, why);
    exit(2);
}

/* ------------------------------------------------------------ the recordings */

/* Exits of the same reason about the same thing are alike. */
static u32 kind_of(const struct step *s)
{
    u64 about = s->word[WORD_EXIT_QUAL];

    if (s->reason == EXIT_RDMSR || s->reason == EXIT_WRMSR)
        about = s->word[WORD_GREGS + RCX];
    else if (s->reason == EXIT_CPUID)
        about = s->word[WORD_GREGS + RAX];
    else if (s->reason == EXIT_EPT_VIOLATION)
        about ^= s->word[WORD_EXIT_GPA];
    return (u32)((about * 80 + s->reason) * 0x9e3779b97f4a7c15ull >> 48);
}

static void keep_snapshot(const struct stream *before)
{
    static u8 seen[65536];
    const u32 kind = kind_of(&step);

    if (seen[kind] == EACH_MAX || snapshots == SNAPSHOTS_MAX)
        return;
    seen[kind]++;
    struct snapshot *s = snapshot[snapshots++] = malloc(sizeof(*s));

    if (!s)
        give_up("snapshot", "no memory");
    s->guest = guests - 1;
    s->stream = *before;
    s->vcpu = player.vcpu;
    s->board = player.vm.board;
    s->console_due = player.console_due;
    s->console_deadline = fake_cpu.console_deadline;
}

static void begin_guest(const struct stream *s)
{
    struct guest *g = malloc(sizeof(*g));

    if (!g || guests == GUESTS_MAX)
        give_up("guests", "too many");
    g->stream = *s;
    g->first = step;
    guest[guests++] = g;
    if (!player_create(&g->stream, &g->first))
        give_up("a guest's birth", player.wrong);
}

static u8 *read_file(const char *path, u64 *size)
{
    FILE *file = fopen(path, "rb");
    u8 *data;
    long end;

    if (!file || fseek(file, 0, SEEK_END) != 0 || (end = ftell(file)) < 0 ||
        fseek(file, 0, SEEK_SET) != 0 || !(data = malloc((size_t)end)) ||
        fread(data, 1, (size_t)end, file) != (size_t)end)
        give_up(path, "cannot be read");
    fclose(file);
    *size = (u64)end;
    return data; /* for ever: steps point into it */
}

static void load(const char *path)
{
    static struct stream s, before;
    u64 size;
    const u8 *data = read_file(path, &size);

    if (!stream_open(&s, data, size))
        give_up(path, s.wrong);
    for (before = s; stream_next(&s, &step); before = s) {
        if (step.first)
            begin_guest(&s);
        else
            keep_snapshot(&before);
        if (!play(&step))
            give_up(path, player.wrong);
    }
    if (s.wrong)
        give_up(path, s.wrong);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const char *names = getenv("LINTEL_RECORDINGS");
    char *copy = names ? strdup(names) : NULL;

    (void)argc, (void)argv;
    if (!copy)
        give_up("LINTEL_RECORDINGS", "is to name recordings");
    for (char *name = strtok(copy, ":"); name; name = strtok(NULL, ":"))
        load(name);
    free(copy);
    if (!snapshots)
        give_up("LINTEL_RECORDINGS", "has no exits");
    player.free_running = true;
    current = GUESTS_MAX;
    return 0;
}

/* ------------------------------------------------------------ one exit with changes */

static void restore(const struct snapshot *s)
{
    if (current != s->guest) {
        player.free_running = false;
        if (!player_create(&guest[s->guest]->stream, &guest[s->guest]->first))
            give_up("a guest's birth", player.wrong);
        player.free_running = true;
        current = s->guest;
    }
    for (u32 i = 0; i < player.vm.extents; i++)
        madvise(player_ram(player.vm.extent[i].gpa.v, 1), player.vm.extent[i].len, MADV_DONTNEED);
    player.vcpu = s->vcpu;
    player.vm.board = s->board;
    memset(player.vcpu.insn_memo, 0, sizeof(player.vcpu.insn_memo)); /* it points into RAM */
    player.vm.end = VM_RUNNING;
    player.console_due = s->console_due;
    fake_cpu.console_deadline = s->console_deadline;
    static struct stream stream;

    stream = s->stream;
    if (!stream_next(&stream, &step))
        give_up("a snapshot", "has no exit");
}

static void change_word(u64 *word, u8 how, u64 value)
{
    switch (how % 4) {
    case 0: *word = value; break;
    case 1: *word ^= value; break;
    case 2: *word += value; break;
    default: *word ^= BIT(value % 64);
    }
}

/* The recording's bytes stay as they are. */
static void change_memory(const struct change *c, u64 *used)
{
    if (step.chunks == 0)
        return;
    struct chunk *chunk = &step.chunk[c->which % step.chunks];

    if (chunk->len == 0 || chunk->len > SCRATCH_MAX - *used)
        return;
    u8 *bytes = &scratch[*used];

    *used += chunk->len;
    memcpy(bytes, chunk->bytes, chunk->len);
    if (c->what % WHATS == MEMORY_BYTE)
        bytes[c->how % chunk->len] = (u8)c->value;
    else
        for (u64 i = 0; i < chunk->len; i++)
            bytes[i] = (u8)(c->value >> 8 * (i % 8));
    chunk->bytes = bytes;
}

static void apply(const struct change *c, u64 *used)
{
    switch ((enum what)(c->what % WHATS)) {
    case REGISTER: change_word(&step.word[WORD_GREGS + c->which % 16], c->how, c->value); break;
    case FIELD: change_word(&step.word[WORD_FIELDS + c->which % GS_COUNT], c->how, c->value); break;
    case EXIT_WORD:
        change_word(&step.word[WORD_EXIT_INSN_LEN +
                               c->which % (WORD_EXIT_INSN_INFO - WORD_EXIT_INSN_LEN + 1)],
                    c->how, c->value);
        break;
    case MEMORY_BYTE:
    case MEMORY_FILL: change_memory(c, used); break;
    case TIME: /* only forwards */
        if (step.inputs)
            step.input[c->which % step.inputs].value += c->value >> 24;
        else
            step.word[WORD_EXIT_TSC] += c->value >> 24;
        break;
    case REASON: step.reason = c->value % EXIT_REASONS; break;
    case NMI: player.vcpu.nmi_pending = true; break;
    case WHATS: break;
    }
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct change c;
    u64 used = 0;
    u16 which = 0;

    if (size < sizeof(which))
        return 0;
    memcpy(&which, data, sizeof(which));
    restore(snapshot[which % snapshots]);
    for (size_t at = sizeof(which), n = 0; at + sizeof(c) <= size && n < CHANGES_MAX;
         at += sizeof(c), n++) {
        memcpy(&c, data + at, sizeof(c));
        apply(&c, &used);
    }
    rules_prepare(&step);
    const bool played = play(&step);

    rules_check(&step, played);
    return 0;
}

/* Half of the time a whole change with a value that means something. */
size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max, unsigned seed)
{
    static const u64 values[] = {0,
                                 1,
                                 ~0ull,
                                 0x7fffffffffff,
                                 0x800000000000,
                                 0xffff800000000000,
                                 0xfff,
                                 0x1000,
                                 0xa0000,
                                 0xfec00000,
                                 0xfee00000,
                                 0xfee000b0,
                                 0x100000,
                                 BIT(31),
                                 BIT(63),
                                 0x80000b0e,
                                 0xcf8,
                                 0x3f8,
                                 0x10,
                                 0x1b,
                                 0x3b,
                                 0x174,
                                 0x277,
                                 0x6e0,
                                 0xc0000080,
                                 0x80000001,
                                 0x40000000,
                                 0xd,
                                 7};
    struct change c = {.what = (u8)(seed >> 1), .which = (u8)(seed >> 8), .how = (u8)(seed >> 4)};
    const size_t room = max > sizeof(u16) ? (max - sizeof(u16)) / sizeof(c) : 0;

    if (size < sizeof(u16) || room == 0 || (seed & 1))
        return LLVMFuzzerMutate(data, size, max);
    const size_t have = (size - sizeof(u16)) / sizeof(c);
    const size_t slot = (seed >> 16) % MIN(room, have + 1);

    c.value = values[(seed >> 20) % ARRAY_LEN(values)];
    memcpy(data + sizeof(u16) + slot * sizeof(c), &c, sizeof(c));
    return MAX(size, sizeof(u16) + (slot + 1) * sizeof(c));
}
