/* The virtio network device.  OASIS VIRTIO 1.2, "Network Device".  See abi/virtio.h. */
#pragma once
#include "lib/types.h"

#define VIRTIO_NET_F_CSUM          BIT(0) /* the device completes checksums */
#define VIRTIO_NET_F_GUEST_CSUM    BIT(1) /* the driver takes frames without one */
#define VIRTIO_NET_F_MTU           BIT(3)
#define VIRTIO_NET_F_MAC           BIT(5)
#define VIRTIO_NET_F_MRG_RXBUF     BIT(15)
#define VIRTIO_NET_F_STATUS        BIT(16)
#define VIRTIO_NET_F_CTRL_VQ       BIT(17)
#define VIRTIO_NET_F_CTRL_RX       BIT(18)
#define VIRTIO_NET_F_CTRL_VLAN     BIT(19)
#define VIRTIO_NET_F_CTRL_RX_EXTRA BIT(20)
#define VIRTIO_NET_F_MQ            BIT(22)
#define VIRTIO_NET_F_CTRL_MAC_ADDR BIT(23)

#define VIRTIO_NET_S_LINK_UP       1u

struct virtio_net_config {
    u8 mac[6];
    u16 status;
    u16 max_virtqueue_pairs;
    u16 mtu;
};
_Static_assert(sizeof(struct virtio_net_config) == 12, "layout");

/* In front of each frame. */
struct virtio_net_header {
    u8 flags;
    u8 gso_type; /* 0: none */
    u16 hdr_len, gso_size;
    u16 csum_start, csum_offset;
    u16 num_buffers; /* received: how many chains the frame fills */
};
_Static_assert(sizeof(struct virtio_net_header) == 12, "layout");
#define VIRTIO_NET_HDR_NEEDS_CSUM 1u
#define VIRTIO_NET_HDR_DATA_VALID 2u

/* ---- control queue: class, command, data; one byte of answer ---- */

struct virtio_net_ctrl {
    u8 class, command;
};
_Static_assert(sizeof(struct virtio_net_ctrl) == 2, "layout");

// clang-format off
enum { VIRTIO_NET_OK, VIRTIO_NET_ERR };
enum { VIRTIO_NET_CTRL_RX = 0, VIRTIO_NET_CTRL_MAC = 1, VIRTIO_NET_CTRL_VLAN = 2, VIRTIO_NET_CTRL_MQ = 4 };
enum { VIRTIO_NET_RX_PROMISC, VIRTIO_NET_RX_ALLMULTI, VIRTIO_NET_RX_ALLUNI, VIRTIO_NET_RX_NOMULTI,
       VIRTIO_NET_RX_NOUNI, VIRTIO_NET_RX_NOBCAST };
enum { VIRTIO_NET_MAC_TABLE_SET, VIRTIO_NET_MAC_ADDR_SET };
enum { VIRTIO_NET_MQ_PAIRS_SET };
// clang-format on
