/* What is in the rings of an e1000.  It touches the rings' memory, not the card. */
#pragma once
#include "drivers/io/e1000.h"

/* There has to be room: e1000_tx_needs(), one descriptor for a buffer. */
void e1000_put_frame(struct e1000 *e, struct nic_frame *f);
void e1000_put_buffer(struct e1000 *e, struct nic_buffer *b);
/* Takes back the frames that are sent, which happens in order. */
void e1000_reap(struct e1000 *e);
/* Calls sent() of the frames that were taken back, the oldest first.  They may send again. */
void e1000_tell(struct e1000 *e);
/* Gives received frames to the user, who may post again meanwhile: at most a ring's worth.  True:
 * there may be more. */
bool e1000_receive(struct e1000 *e);
/* Empties both rings, for a card that does no DMA: the frames are to be told `result`, the buffers
 * are the list that it returns. */
struct nic_buffer *e1000_empty(struct e1000 *e, enum io_result result);
