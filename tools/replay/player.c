/* See player.h. */
#include "tools/replay/player.h"
#include "arch/x86_64/paging.h"
#include "boot/cpuid_table.h"
#include "tools/unit/fake_cpu.h"
#include "vmm/console.h"
#include "vmm/console_turn.h"
#include "vmm/policy/exit.h"
#include "vmm/record/record.h"
#include "vmm/todo.h"
#include "vmx/controls.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct player player;

static jmp_buf stopped;

/* ------------------------------------------------------------ birth */

static struct cpuid_answer recorded_cpuid(void *ctx, u32 leaf, u32 subleaf)
{
    const struct birth *b = ctx;

    for (u32 i = 0; i < b->answers; i++) {
        const struct answer *a = &b->answer[i];

        if (a->leaf == leaf && a->subleaf == subleaf)
            return (struct cpuid_answer){(u32)a->r[0], (u32)a->r[1], (u32)a->r[2], (u32)a->r[3]};
    }
    player.wrong = "the CPUID policy asks for a leaf that was not recorded";
    return (struct cpuid_answer){0};
}

static void free_ram(void)
{
    for (u32 i = 0; i < player.vm.extents; i++) {
        const struct vm_extent *e = &player.vm.extent[i];

        munmap((u8 *)phys_to_virt(e->hpa) - PAGE_SIZE, e->len + 2 * PAGE_SIZE);
    }
    player.vm.extents = 0;
}

/* With a page before and behind that nobody may touch. */
static void add_ram(u64 gpa, u64 len)
{
    u8 *at = mmap(NULL, len + 2 * PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                  -1, 0);

    if (at == MAP_FAILED || mprotect(at + PAGE_SIZE, len, PROT_READ | PROT_WRITE) != 0)
        abort();
    player.vm.extent[player.vm.extents++] =
        (struct vm_extent){{gpa}, {(u64)(at + PAGE_SIZE) - DIRECT_MAP_BASE}, len};
}

u8 *player_ram(u64 gpa, u64 len)
{
    for (u32 i = 0; i < player.vm.extents; i++) {
        const struct vm_extent *e = &player.vm.extent[i];

        if (gpa >= e->gpa.v && gpa - e->gpa.v < e->len && len <= e->len - (gpa - e->gpa.v))
            return (u8 *)phys_to_virt(e->hpa) + (gpa - e->gpa.v);
    }
    return NULL;
}

static void create_vcpu(const struct birth *b, const struct step *first)
{
    struct vcpu *v = &player.vcpu;

    memset(v, 0, sizeof(*v));
    player.vm.vcpu[player.vm.vcpus++] = v;
    v->vm = &player.vm;
    v->vpid = (u16)(b->id + 1);
    v->trace = &player.ring;
    v->trace_id = (u16)(b->id << 8);
    v->stats = &player.stats;
    v->turn_ends = v->outside = ~0ull;
    v->vmx.launched = true;
    v->vmx.timer_shift = (u32)b->timer_shift;
    v->vmx.timer_round = BIT(b->timer_shift) - 1;
    v->vmx.timer_most = (u64)UINT32_MAX << b->timer_shift;
    v->vmx.cpu = (u32)first->word[WORD_VMCS_CPU_CONTROLS];
    exit_stats_reset(v->stats);
    msr_policy_init();
    vcpu_reset(v);
    v->tsc_offset = first->word[WORD_VMCS_TSC_OFFSET];
}

static bool console_room(void *ctx);
static void console_send(void *ctx, u8 byte);

/* What the recording knows of the new guest, and what it is here. */
static bool newborn_is_the_same(const struct step *first)
{
    u64 word[RECORD_MODEL_WORDS];

    record_models(&player.vcpu, word);
    if (memcmp(word, &first->word[WORD_END], sizeof(word)) != 0)
        player.wrong = "a new guest's devices are not what they were";
    return player.wrong == NULL;
}

bool player_create(const struct stream *s, const struct step *first)
{
    const struct birth *b = player.birth = &s->birth;
    struct vm *vm = &player.vm;
    struct cpuid_policy machine;
    const struct board_host host = {.tx = console_send, .tx_room = console_room};

    free_ram();
    memset(vm, 0, sizeof(*vm));
    memset(&fake_cpu, 0, sizeof(fake_cpu));
    memset(&player.ring, 0, sizeof(player.ring));
    player.config = (struct config_guest){.memory = b->memory, .debug_exit = (u32)b->debug_exit};
    player.wrong = NULL;
    player.console_due = 0;
    vm->id = (u32)b->id;
    vm->config = &player.config;
    for (u32 i = 0; i < b->extents; i++)
        add_ram(b->extent[i].gpa, b->extent[i].len);
    cpuid_policy_build(&machine, &(struct cpuid_source){.read = recorded_cpuid,
                                                        .ctx = (void *)(uintptr_t)b,
                                                        .tsc_hz = b->tsc_hz,
                                                        .host_xcr0 = b->host_xcr0,
                                                        .rdtscp = b->features & 1,
                                                        .invpcid = b->features >> 1 & 1,
                                                        .xsaves = b->features >> 2 & 1});
    cpuid_policy_make(&vm->cpuid, &machine,
                      &(struct cpuid_guest){.cpus = 1,
                                            .paravirt = b->features >> 3 & 1,
                                            .pv_eoi = b->features >> 4 & 1});
    create_vcpu(b, first);
    ledger_start(&vm->ledger);
    board_init(&vm->board, &host, b->tsc_hz, b->now, b->wall_time, b->memory, (u16)b->debug_exit);
    pvclock_start(&vm->clock, b->tsc_hz, b->now, b->wall_time);
    return newborn_is_the_same(first);
}

/* ------------------------------------------------------------ the outside */

static NORETURN void stop(const char *why)
{
    player.wrong = why;
    longjmp(stopped, 1);
}

static bool next_is(u8 tag)
{
    return player.taken < player.step->inputs && player.step->input[player.taken].tag == tag;
}

/* A time that is made up lies ahead, ever farther: what a vCPU sleeps for comes soon, or never. */
static u64 take(u8 tag, const char *why)
{
    if (next_is(tag))
        return player.time = player.step->input[player.taken++].value;
    if (!player.free_running)
        stop(why);
    player.leap *= 2;
    if (player.leap == 0) {
        player.asleep = true;
        stop("it sleeps for ever");
    }
    return player.time += player.leap;
}

bool record_reads_all(void)
{
    return false;
}

u64 record_now(void)
{
    const u64 now = take(RECORD_NOW, "the time was asked for where it had not been");

    record_time(now);
    return now;
}

/* When the console is due, and when it has to be looked at. */
static void take_deadlines(const char *why)
{
    player.console_due = take(RECORD_DEADLINE, why);
    fake_cpu.console_deadline = take(RECORD_DEADLINE, why);
}

static void console_send(void *ctx, u8 byte)
{
    (void)ctx;
    record_tx(byte, 0, 0);
    take_deadlines("a character was sent that had not been");
}

static bool console_room(void *ctx)
{
    (void)ctx;
    if (!next_is(RECORD_NO_ROOM))
        return true;
    player.taken++;
    return false;
}

u64 console_due(void)
{
    return player.console_due;
}

bool console_turn(const struct vcpu *self, u64 now)
{
    (void)self, (void)now;
    take_deadlines("the console was looked at when it had not been");
    record_poll(console_due(), console_deadline(false));
    return true;
}

bool console_typed(struct vm *vm, u8 *byte)
{
    (void)vm;
    if (!next_is(RECORD_TYPED))
        return false;
    *byte = (u8)player.step->input[player.taken++].value;
    return true;
}

/* ------------------------------------------------------------ one step */

static void apply_words(const u64 *word, bool first)
{
    struct guest_state *g = &player.vcpu.vmx.guest;

    for (u32 i = 0; i < ARRAY_LEN(g->regs.r); i++)
        g->regs.r[i] = word[WORD_GREGS + i];
    fake_cpu.cr2 = word[WORD_CR2];
    fake_cpu.dr6 = word[WORD_DR6];
    fake_cpu.intr_info = word[WORD_VMCS_INTR_INFO];
    fake_cpu.intr_error = word[WORD_VMCS_INTR_ERROR];
    fake_cpu.insn_len = word[WORD_VMCS_INSN_LEN];
    fake_cpu.timer = word[WORD_VMCS_TIMER];
    fake_cpu.cpu_controls = word[WORD_VMCS_CPU_CONTROLS];
    fake_cpu.tsc_offset = word[WORD_VMCS_TSC_OFFSET];
    g->valid = word[WORD_VALID];
    g->dirty = first ? word[WORD_DIRTY] : 0;
    for (u32 i = 0; i < GS_COUNT; i++) {
        fake_cpu.vmcs[i] = word[WORD_FIELDS + i];
        g->field[i] = g->valid & BIT(i) ? word[WORD_FIELDS + i] : 0x5a5a5a5a5a5a5a5a;
    }
}

/* The first reading of a byte wins: a later one may be of what the handler itself wrote. */
static void apply_memory(const struct step *step)
{
    for (u32 i = step->chunks; i-- > 0;) {
        const struct chunk *c = &step->chunk[i];
        u8 *at = player_ram(c->gpa, c->len);

        if (at)
            memcpy(at, c->bytes, c->len);
    }
}

static struct exit exit_of(const struct step *step)
{
    const u64 *w = step->word;

    return (struct exit){.reason = (u32)step->reason,
                         .insn_len = w[WORD_EXIT_INSN_LEN],
                         .tsc = w[WORD_EXIT_TSC],
                         .qual = w[WORD_EXIT_QUAL],
                         .gpa = {w[WORD_EXIT_GPA]},
                         .gla = w[WORD_EXIT_GLA],
                         .intr_info = (u32)w[WORD_EXIT_INTR_INFO],
                         .intr_error = (u32)w[WORD_EXIT_INTR_ERROR],
                         .idt_info = (u32)w[WORD_EXIT_IDT_INFO],
                         .idt_error = (u32)w[WORD_EXIT_IDT_ERROR],
                         .insn_info = (u32)w[WORD_EXIT_INSN_INFO]};
}

static void start_recorder(const struct step *step)
{
    recorder = (struct recorder){.data = player.made,
                                 .size = sizeof(player.made),
                                 .exits_left = 2,
                                 .last_time = step->time,
                                 .on = true,
                                 .running = true};
    memcpy(recorder.word, step->word, sizeof(recorder.word));
}

static void handle(const struct step *step)
{
    struct vcpu *v = &player.vcpu;
    struct exit x = exit_of(step);

    if (step->first || exit_handle(v, exit_handlers[x.reason], &x))
        (void)vcpu_prepare(v, &x);
    record_entry(v);
}

bool play(const struct step *step)
{
    player.step = step;
    player.taken = 0;
    player.time = step->time;
    player.leap = 1;
    player.asleep = false;
    player.wrong = NULL;
    apply_words(step->word, step->first);
    apply_memory(step);
    start_recorder(step);
    fake_cpu.tsc = step->time;
    fake_cpu.on_panic = &stopped;
    if (setjmp(stopped) == 0)
        handle(step);
    else if (!player.wrong)
        player.wrong = "panic";
    if (!player.wrong && recorder.full)
        player.wrong = "it does more than fits";
    if (!player.wrong && !player.free_running && player.taken != step->inputs)
        player.wrong = "it was told more than it asked for";
    return player.wrong == NULL;
}
