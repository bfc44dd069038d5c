/* See record.h.  A recording build measures nothing: what is done here is in no budget. */
#include "vmm/record/record.h"
#include "lib/mem.h"
#include "vmm/vcpu_irq.h"
#include "vmm/vm.h"
#include "vmx/entry_view.h"

#define FNV_BASIS 0xcbf29ce484222325ull
#define FNV_PRIME 0x100000001b3ull

struct recorder recorder;

/* ------------------------------------------------------------ bytes */

static void put_byte(u8 byte)
{
    if (recorder.len == recorder.size) {
        recorder.full = true;
        recorder.on = recorder.running = false;
        return;
    }
    recorder.data[recorder.len++] = byte;
}

static void put(u64 value)
{
    for (; value >= 0x80; value >>= 7)
        put_byte((u8)(value | 0x80));
    put_byte((u8)value);
}

static void put_bytes(const void *bytes, u64 len)
{
    for (u64 i = 0; i < len; i++)
        put_byte(((const u8 *)bytes)[i]);
}

static void put_time(u64 tsc)
{
    put(record_zigzag(tsc - recorder.last_time));
    recorder.last_time = tsc;
}

/* Changes of words, in ascending order, then end_changes(). */
static void put_word(u32 at, u64 value)
{
    if (value == recorder.word[at])
        return;
    put(at + 1 - recorder.next_word);
    put(record_zigzag(value - recorder.word[at]));
    recorder.word[at] = value;
    recorder.next_word = at;
}

static void end_changes(void)
{
    put(0);
    recorder.next_word = 0;
}

static bool wants_input(void)
{
    return recorder.running && recorder.inputs;
}

/* ------------------------------------------------------------ words */

static u64 hash(u64 h, u64 word)
{
    return (h ^ word) * FNV_PRIME;
}

/* What handlers keep of the guest outside of the VMCS; of the devices only what time shows. */
static u64 hash_held(const struct vcpu *v)
{
    u64 h = FNV_BASIS;

    for (u32 i = 0; i < ARRAY_LEN(v->msr_held); i++)
        h = hash(h, v->msr_held[i]);
    h = hash(hash(hash(h, v->xcr0), v->tsc_offset), v->tsc_adjust);
    h = hash(hash(hash(hash(h, v->pv.wall_clock), v->pv.system_time), v->pv.steal_time), v->pv.eoi);
    h = hash(hash(hash(h, v->pending.info), v->lapic.tpr), v->deadline);
    return (u32)(h ^ h >> 32);
}

void record_models(const struct vcpu *v, u64 out[RECORD_MODEL_WORDS])
{
    out[0] = v->vm->end;
    out[1] = v->vm->end_value;
    out[2] = v->vm->board.deadline;
    out[3] = v->lapic.deadline;
    out[4] = (u64)vcpu_irq_pending(v) | (u64)vcpu_extint_pending(v) << 1 |
             (u64)v->nmi_pending << 2 | (u64)v->triple_fault << 3;
    out[5] = hash_held(v);
}

static void put_processor(const struct gregs *regs)
{
    struct vmx_entry_view view;

    for (u32 i = 0; i < ARRAY_LEN(regs->r); i++)
        if (i != RSP)
            put_word(WORD_GREGS + i, regs->r[i]);
    put_word(WORD_CR2, read_cr2());
    put_word(WORD_DR6, read_dr6());
    vmx_entry_view(&view);
    put_word(WORD_VMCS_INTR_INFO, view.intr_info);
    put_word(WORD_VMCS_INTR_ERROR, view.intr_error);
    put_word(WORD_VMCS_INSN_LEN, view.insn_len);
    put_word(WORD_VMCS_TIMER, view.timer);
    put_word(WORD_VMCS_CPU_CONTROLS, view.cpu_controls);
    put_word(WORD_VMCS_TSC_OFFSET, view.tsc_offset);
}

static void put_exit(const struct exit *x)
{
    put_word(WORD_EXIT_TSC, x->tsc);
    put_word(WORD_EXIT_INSN_LEN, x->insn_len);
    put_word(WORD_EXIT_QUAL, x->qual);
    put_word(WORD_EXIT_GPA, x->gpa.v);
    put_word(WORD_EXIT_GLA, x->gla);
    put_word(WORD_EXIT_INTR_INFO, x->intr_info);
    put_word(WORD_EXIT_INTR_ERROR, x->intr_error);
    put_word(WORD_EXIT_IDT_INFO, x->idt_info);
    put_word(WORD_EXIT_IDT_ERROR, x->idt_error);
    put_word(WORD_EXIT_INSN_INFO, x->insn_info);
}

static void put_models(const struct vcpu *v)
{
    u64 word[RECORD_MODEL_WORDS];

    record_models(v, word);
    for (u32 i = 0; i < RECORD_MODEL_WORDS; i++)
        put_word(WORD_END + i, word[i]);
}

/* Before the handler: every field, whether it will ask for it or not, so that a changed one may ask
 * for others.  The cache stays as it is. */
static void put_before(struct vcpu *v, const struct exit *x)
{
    static struct guest_state unread; /* too large for the stack */
    const struct guest_state *g = &v->vmx.guest;

    put_processor(&g->regs);
    if (x)
        put_exit(x);
    put_word(WORD_VALID, g->valid);
    put_word(WORD_DIRTY, g->dirty);
    put_models(v);
    unread.valid = 0;
    for (u32 i = 0; i < GS_COUNT; i++)
        put_word(WORD_FIELDS + i,
                 g->valid & BIT(i) ? g->field[i] : gs_get(&unread, (enum guest_field)i));
    end_changes();
}

static void put_after(const struct vcpu *v)
{
    const struct guest_state *g = &v->vmx.guest;

    put_processor(&g->regs);
    put_word(WORD_DIRTY, g->dirty);
    put_models(v);
    for (u64 dirty = g->dirty; dirty; dirty &= dirty - 1) {
        const u32 i = (u32)__builtin_ctzll(dirty);

        put_word(WORD_FIELDS + i, g->field[i]);
    }
    end_changes();
}

/* ------------------------------------------------------------ a guest's start */

void record_open(u8 *data, u64 size, u64 exits_limit)
{
    static const char magic[] = RECORD_MAGIC;

    recorder =
        (struct recorder){.data = data, .size = size, .exits_limit = exits_limit, .inputs = true};
    put_bytes(magic, sizeof(magic) - 1);
    put(RECORD_VERSION);
    put(RECORD_WORDS);
    put(RECORD_TAGS);
    recorder.complete = recorder.len;
}

void record_guest(const struct vm *vm, const struct record_host *host)
{
    recorder.on = recorder.data && !recorder.full;
    recorder.running = false;
    recorder.len = recorder.complete;
    recorder.exits_left = recorder.exits_limit;
    recorder.last_time = 0;
    memset(recorder.word, 0, sizeof(recorder.word));
    if (!recorder.on)
        return;
    put_byte(RECORD_GUEST);
    put(vm->id);
    put(host->tsc_hz);
    put(host->xcr0);
    put(host->features);
}

void record_cpuid(u32 leaf, u32 subleaf, const struct cpuid_regs *answer)
{
    if (!recorder.on)
        return;
    put_byte(RECORD_CPUID);
    put(leaf);
    put(subleaf);
    put(answer->eax);
    put(answer->ebx);
    put(answer->ecx);
    put(answer->edx);
}

void record_board(const struct vm *vm, u64 now, u64 wall_time)
{
    if (!recorder.on)
        return;
    put_byte(RECORD_BOARD);
    put_time(now);
    put(wall_time);
    put(vm->config->memory);
    put(vm->config->debug_exit);
    put(vm->extents);
    for (u32 i = 0; i < vm->extents; i++) {
        put(vm->extent[i].gpa.v);
        put(vm->extent[i].len);
    }
}

void record_start(struct vcpu *v)
{
    if (!recorder.on)
        return;
    recorder.running = true;
    put_byte(RECORD_START);
    put(v->vmx.timer_shift);
    put_before(v, NULL);
}

/* ------------------------------------------------------------ exit and entry */

void record_exit(struct vcpu *v, const struct exit *x)
{
    if (!recorder.running)
        return;
    put_byte(RECORD_EXIT);
    put(x->reason);
    put_before(v, x);
    recorder.last_time = x->tsc;
}

void record_verdict(u32 verdict)
{
    if (!recorder.running)
        return;
    put_byte(RECORD_VERDICT);
    put(verdict);
}

void record_entry(struct vcpu *v)
{
    if (!recorder.running)
        return;
    put_byte(RECORD_ENTRY);
    put_after(v);
    if (recorder.full)
        return;
    recorder.complete = recorder.len;
    recorder.exits++;
    if (--recorder.exits_left == 0)
        recorder.on = recorder.running = false;
}

/* ------------------------------------------------------------ in between */

void record_time(u64 tsc)
{
    if (!recorder.running)
        return;
    if (recorder.inputs) {
        put_byte(RECORD_NOW);
        put_time(tsc);
    }
    recorder.last_time = tsc;
}

void record_read(gpa_t gpa, const void *bytes, u64 len)
{
    if (!wants_input())
        return;
    put_byte(RECORD_READ);
    put(gpa.v);
    put(len);
    put_bytes(bytes, len);
}

void record_write(gpa_t gpa, const void *bytes, u64 len)
{
    if (!recorder.running)
        return;
    put_byte(RECORD_WRITE);
    put(gpa.v);
    put(len);
    put_bytes(bytes, len);
}

static void put_deadlines(u64 console_due, u64 console_deadline)
{
    if (!wants_input())
        return;
    put_byte(RECORD_DEADLINE);
    put(record_zigzag(console_due - recorder.last_time));
    put_byte(RECORD_DEADLINE);
    put(record_zigzag(console_deadline - recorder.last_time));
}

void record_tx(u8 byte, u64 console_due, u64 console_deadline)
{
    if (!recorder.running)
        return;
    put_byte(RECORD_TX);
    put_byte(byte);
    put_deadlines(console_due, console_deadline);
}

bool record_tx_room(bool room)
{
    if (!room && wants_input())
        put_byte(RECORD_NO_ROOM);
    return room;
}

void record_poll(u64 console_due, u64 console_deadline)
{
    if (!recorder.running)
        return;
    put_byte(RECORD_POLL);
    put_deadlines(console_due, console_deadline);
}

void record_typed(u8 byte)
{
    if (!wants_input())
        return;
    put_byte(RECORD_TYPED);
    put_byte(byte);
}

void record_sleep(u64 deadline)
{
    if (!recorder.running)
        return;
    put_byte(RECORD_SLEEP);
    put(record_zigzag(deadline - recorder.last_time));
}

void record_flush(u16 vpid)
{
    if (!recorder.running)
        return;
    put_byte(RECORD_FLUSH);
    put(vpid);
}
