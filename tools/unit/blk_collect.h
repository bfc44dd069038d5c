/* What blk_driver.h's jobs have done when they come back, against a model of the disk: data, status
 * and length of each. */
#pragma once
#include "blk_driver.h"

static u64 done_jobs;

/* The test's: what has to be on the disk when a job is done. */
static void look_at_disk(const struct job *j);

static void complete(const struct job *j, u32 len)
{
    const u32 bytes = j->sectors * SECTOR;

    assert_int_equal(*drv_byte(j->status_at), VIRTIO_BLK_S_OK);
    assert_int_equal(len, j->type == VIRTIO_BLK_T_IN ? bytes + 1 : 1);
    if (j->type == VIRTIO_BLK_T_IN)
        for (u32 i = 0; i < bytes; i++)
            assert_int_equal(*drv_byte(j->data_at + i), j->expected[i]);
    else
        memcpy(model + j->first * SECTOR, j->expected, bytes);
    look_at_disk(j);
    done_jobs++;
}

static void collect(u16 queue)
{
    u32 head, len;

    while (drv_used(&q[queue], &head, &len)) {
        u32 i = 0;
        while (i < JOBS && !(job[i].used && job[i].queue == queue && job[i].head == head))
            i++;
        assert_true(i < JOBS);
        complete(&job[i], len);
        job[i].used = false;
    }
    if (q[queue].event_idx)
        *drv_used_event(&q[queue]) = q[queue].used_seen;
}
