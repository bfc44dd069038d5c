/* The journal of a virtqueue; see ring_journal.h.  Pure. */
#include "control/virtio/ring_journal.h"
#include "lib/atomic.h"

static void note(struct vring_record *record, enum vring_state state, u64 count)
{
    /* A crash in between leaves a free one, or one whose count is right. */
    WRITE_ONCE(record->state, VRING_FREE);
    WRITE_ONCE(record->count, count);
    WRITE_ONCE(record->state, state);
}

void journal_take(struct vring_journal *j, u64 *again, u16 head, bool was_again)
{
    if (was_again) {
        again[head / 64] &= ~BIT(head % 64);
        WRITE_ONCE(j->head[head].state, VRING_AGAIN);
        return;
    }
    note(&j->head[head], VRING_TAKEN, j->taken);
    WRITE_ONCE(j->taken, j->taken + 1);
}

bool journal_untake(struct vring_journal *j, u64 *again, u16 head)
{
    if (j->head[head].state == VRING_AGAIN) {
        again[head / 64] |= BIT(head % 64);
        return true;
    }
    WRITE_ONCE(j->taken, j->taken - 1);
    WRITE_ONCE(j->head[head].state, VRING_FREE);
    return false;
}

/* The count that has these low bits, from `base` on. */
static u64 count_from(u64 base, u16 idx)
{
    return base + (u16)(idx - (u16)base);
}

void journal_give(struct vring_journal *j, u16 head, u16 idx)
{
    struct vring_record *const record = &j->head[head];

    /* Until it is shown, GIVEN means the same as TAKEN: no moment may be without either. */
    WRITE_ONCE(record->count, count_from(j->shown, (u16)(idx - 1)));
    WRITE_ONCE(record->state, VRING_GIVEN);
}

void journal_show(struct vring_journal *j, u16 idx)
{
    WRITE_ONCE(j->shown, count_from(j->shown, idx));
}

void journal_replay(struct vring_journal *j, u16 used_idx, u16 size, u64 *again)
{
    u64 given = j->shown;

    for (u16 head = 0; head < size; head++)
        if (j->head[head].state == VRING_GIVEN && j->head[head].count >= given)
            given = j->head[head].count + 1;
    /* Shown, and the crash came before that was noted; a driver's nonsense is not believed. */
    if (count_from(j->shown, used_idx) <= given)
        j->shown = count_from(j->shown, used_idx);
    for (u16 head = 0; head < size; head++) {
        struct vring_record *const record = &j->head[head];
        const bool taken = record->state == VRING_TAKEN && record->count < j->taken;
        const bool hidden = record->state == VRING_GIVEN && record->count >= j->shown;
        if (taken || hidden || record->state == VRING_AGAIN) {
            again[head / 64] |= BIT(head % 64);
            record->state = VRING_AGAIN;
        } else {
            record->state = VRING_FREE;
        }
    }
}

bool journal_next(const u64 *again, u16 *head)
{
    for (u16 word = 0; word < VRING_JOURNAL_HEADS / 64; word++)
        if (again[word] != 0) {
            *head = (u16)(word * 64 + __builtin_ctzll(again[word]));
            return true;
        }
    return false;
}
