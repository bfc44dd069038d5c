/* Physical frames: one owner each.  The table is the whole truth; `free_frames` and
 * `next` only save searching.
 *
 * Frames below 1 MiB are never free: firmware, option ROMs and real-mode code have
 * habits there.  What is declared free is FRAME_NONE, and so is what is given back.  Pure. */
#include "vmm/pmm.h"

#define FIRST_FRAME (MiB / PAGE_SIZE) /* the first that can be free */

static u64 frames_up(u64 bytes)
{
    return bytes / PAGE_SIZE + (bytes % PAGE_SIZE != 0);
}

static void set_frame(struct pmm *p, u64 frame, u16 owner)
{
    if (owner == FRAME_FREE && frame < FIRST_FRAME)
        owner = FRAME_NONE;
    p->free_frames -= p->owner[frame] == FRAME_FREE;
    p->free_frames += owner == FRAME_FREE;
    p->owner[frame] = owner;
}

static void set_frames(struct pmm *p, u64 first, u64 count, u16 owner)
{
    for (u64 i = 0; i < count; i++)
        set_frame(p, first + i, owner);
}

u64 pmm_table_bytes(u64 top_of_ram)
{
    return top_of_ram / PAGE_SIZE * sizeof(u16); /* a last part of a frame is of no use */
}

void pmm_init(struct pmm *p, u16 *table, u64 top_of_ram)
{
    *p = (struct pmm){.owner = table, .frames = top_of_ram / PAGE_SIZE, .next = FIRST_FRAME};
    for (u64 i = 0; i < p->frames; i++)
        table[i] = FRAME_NONE;
}

void pmm_set_owner(struct pmm *p, hpa_t base, u64 len, u16 owner)
{
    const u64 bytes = MIN(len, ~0ull - base.v); /* a range ends with the address space */
    const u64 end = base.v + bytes;
    u64 first = base.v / PAGE_SIZE, last = frames_up(end);

    if (bytes == 0)
        return;
    if (owner == FRAME_FREE)
        first = frames_up(base.v), last = end / PAGE_SIZE;
    last = MIN(last, p->frames);
    if (first < last)
        set_frames(p, first, last - first, owner);
}

/* The first run of `count` free frames in [from, to) that begins at a multiple of `step`. */
static bool find_run(const struct pmm *p, u64 from, u64 to, u64 count, u64 step, u64 *out)
{
    u64 first = ALIGN_UP(from, step);

    while (first < to && count <= to - first) {
        u64 n = count; /* from the end: a used frame there rules out the most candidates */
        while (n && p->owner[first + n - 1] == FRAME_FREE)
            n--;
        if (n == 0) {
            *out = first;
            return true;
        }
        first = ALIGN_UP(first + n, step);
    }
    return false;
}

err_t pmm_alloc(struct pmm *p, u64 len, u64 align, u16 owner, hpa_t *out)
{
    const u64 count = len / PAGE_SIZE, step = align / PAGE_SIZE;
    u64 first;

    if (owner == FRAME_NONE || owner == FRAME_FREE || len == 0 || !IS_ALIGNED(len, PAGE_SIZE))
        return E_INVAL;
    if (align < PAGE_SIZE || align > GiB || (align & (align - 1)) != 0)
        return E_INVAL;
    if (count > p->free_frames)
        return E_NOMEM;
    if (count == 1 && step == 1) {
        if (!find_run(p, p->next, p->frames, 1, 1, &first) &&
            !find_run(p, FIRST_FRAME, p->next, 1, 1, &first))
            return E_NOMEM;
        p->next = first + 1;
    } else if (!find_run(p, FIRST_FRAME, p->frames, count, step, &first)) {
        return E_NOMEM;
    }
    set_frames(p, first, count, owner);
    out->v = first * PAGE_SIZE;
    return OK;
}

err_t pmm_free(struct pmm *p, hpa_t base, u64 len, u16 owner)
{
    const u64 first = base.v / PAGE_SIZE, count = len / PAGE_SIZE;

    if (!IS_ALIGNED(base.v | len, PAGE_SIZE) || len == 0)
        return E_INVAL;
    if (owner == FRAME_NONE || owner == FRAME_FREE)
        return E_PERM;
    if (first >= p->frames || count > p->frames - first)
        return E_PERM;
    for (u64 i = 0; i < count; i++)
        if (p->owner[first + i] != owner)
            return E_PERM;
    set_frames(p, first, count, FRAME_FREE);
    return OK;
}

u16 pmm_owner(const struct pmm *p, hpa_t frame)
{
    const u64 i = frame.v / PAGE_SIZE;

    return i < p->frames ? p->owner[i] : (u16)FRAME_NONE;
}

u64 pmm_count(const struct pmm *p, u16 owner)
{
    u64 count = 0;

    for (u64 i = 0; i < p->frames; i++)
        count += p->owner[i] == owner;
    return count;
}
