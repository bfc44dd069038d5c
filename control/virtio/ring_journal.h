/* The journal of a virtqueue (struct vring_journal), so that a crash between any two stores leaves
 * one from which a later program can tell what to do again.  Pure. */
#pragma once
#include "control/virtio/ring.h"

/* The chain's head is noted, then the count: without the count it never was taken. */
void journal_take(struct vring_journal *j, u64 *again, u16 head, bool was_again);
/* True: the head is one of those that are to be taken again, and is so once more. */
bool journal_untake(struct vring_journal *j, u64 *again, u16 head);
/* `idx`: the used index behind it; at most 65,535 are given and not shown. */
void journal_give(struct vring_journal *j, u16 head, u16 idx);
/* The used index that the driver sees now. */
void journal_show(struct vring_journal *j, u16 idx);

/* After a crash: sets a bit in `again` for each head that was taken and is not shown.  `used_idx`
 * is what the driver sees, which may be ahead of the journal. */
void journal_replay(struct vring_journal *j, u16 used_idx, u16 size, u64 *again);
/* The lowest head that is to be taken again; false: there is none. */
bool journal_next(const u64 *again, u16 *head);
