/* Between the requests of virtio-blk and a disk: parts, bounce buffer, completion.  Pure. */
#pragma once
#include "control/virtio/blk.h"

/* Takes a request out of the pool; NULL: it is empty. */
struct blk_request *blk_take_unused(struct virtio_blk *b);
/* Starts a request whose type, place and pieces are filled in.  It is given back to its queue when
 * it is done. */
void blk_start(struct blk_request *r);
/* Gives a request back with a status, VIRTIO_BLK_S_*. */
void blk_finish(struct blk_request *r, u8 status);
/* Tells the disk of what was submitted, and submits what waits. */
void blk_go_on(struct virtio_blk *b);
/* Forgets what waits, of one queue. */
void blk_drop_waiting(struct virtio_blk *b, u16 queue);
