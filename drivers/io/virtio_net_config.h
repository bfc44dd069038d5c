/* What a virtio network card says of itself, what it is told by its control queue, and where the
 * memory around the frames is. */
#pragma once
#include "drivers/io/virtio_net.h"

/* 5.1.2 "Virtqueues". */
enum { NET_RX = 0, NET_TX = 1, NET_CONTROL = 2 };

/* 5.1.3 "Feature bits". */
#define NET_F_CSUM       BIT(0)
#define NET_F_GUEST_CSUM BIT(1)
#define NET_F_MTU        BIT(3)
#define NET_F_MAC        BIT(5)
#define NET_F_HOST_TSO4  BIT(11)
#define NET_F_HOST_TSO6  BIT(12)
#define NET_F_STATUS     BIT(16)
#define NET_F_CTRL_VQ    BIT(17)
#define NET_F_CTRL_RX    BIT(18)

#define NET_HEADER_LEN   12u /* 5.1.6 "Device Operation": before each frame */

/* Offset of a slot's header in n->headers; how many bytes there have to be, the control queue's
 * command included; a piece of them. */
u32 virtio_net_header(const struct virtio_net *n, u32 queue, u32 slot);
u32 virtio_net_memory(const struct virtio_net *n);
struct virtq_piece virtio_net_piece(const struct virtio_net *n, u32 offset, u32 len);

/* Fills in the card's address, sizes, limits and features. */
void virtio_net_config(struct virtio_net *n);
void virtio_net_link(struct virtio_net *n);
/* Tells the device n->mode.  E_IO: it refuses, or gives no answer in half a second. */
err_t virtio_net_tell_mode(struct virtio_net *n);
