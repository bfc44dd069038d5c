/* What a virtio network card says of itself, and its control queue; see virtio_net_config.h.
 * Pure. */
#include "drivers/io/virtio_net_config.h"

/* 5.1.4 "Device configuration layout". */
enum { CONFIG_MAC = 0, CONFIG_STATUS = 6, CONFIG_MTU = 10 };
enum { STATUS_LINK_UP = 1 };
#define MTU_MIN 68u

/* 5.1.6.5 "Control Virtqueue": class, command, then a switch; the answer. */
enum { CLASS_RX = 0, RX_PROMISCUOUS = 0, RX_ALL_MULTICAST = 1 };
enum { ACK_OK = 0, ACK_UNSET = 0xff };
#define COMMAND_LIMIT_US 500000u
#define COMMAND_STEP_US  20u
#define COMMAND_BYTES    16u
#define COMMAND_ACK      8u /* offset of the answer */

#define HEADER_ROOM      16u /* bytes in DMA memory */
#define VLAN_TAG         4u
#define FRAME_MORE       1u /* pieces of a frame beside its segments */

u32 virtio_net_header(const struct virtio_net *n, u32 queue, u32 slot)
{
    return (queue == NET_RX ? slot : n->rx.size + slot) * HEADER_ROOM;
}

static u32 command_offset(const struct virtio_net *n)
{
    return (n->rx.size + n->tx.size) * HEADER_ROOM;
}

u32 virtio_net_memory(const struct virtio_net *n)
{
    return command_offset(n) + COMMAND_BYTES;
}

struct virtq_piece virtio_net_piece(const struct virtio_net *n, u32 offset, u32 len)
{
    return (struct virtq_piece){n->headers.bus + offset, len};
}

/* ------------------------------------------------------------ the control queue */

/* One command with one byte; waits for the answer, bounded. */
static err_t command(struct virtio_net *n, u8 class, u8 number, u8 value)
{
    const u32 at = command_offset(n);
    u8 *bytes = (u8 *)n->headers.at + at;
    const struct virtq_piece piece[] = {virtio_net_piece(n, at, 2), virtio_net_piece(n, at + 2, 1),
                                        virtio_net_piece(n, at + COMMAND_ACK, 1)};
    const u64 end = io_now(n->v.env) + COMMAND_LIMIT_US;
    u32 slot, written;
    void *token;

    bytes[0] = class;
    bytes[1] = number;
    bytes[2] = value;
    bytes[COMMAND_ACK] = ACK_UNSET;
    if (n->control_stuck || virtq_add(&n->control, piece, 2, 1, n) != OK)
        return E_IO;
    virtio_notify(&n->v, NET_CONTROL);
    while (virtq_take(&n->control, &token, &slot, &written) != VIRTQ_TAKEN) {
        if (io_now(n->v.env) > end) {
            n->control_stuck = true;
            return E_IO;
        }
        n->v.env->ops->delay(n->v.env, COMMAND_STEP_US);
    }
    return READ_ONCE(bytes[COMMAND_ACK]) == ACK_OK ? OK : E_IO;
}

err_t virtio_net_tell_mode(struct virtio_net *n)
{
    TRY(command(n, CLASS_RX, RX_PROMISCUOUS, n->mode & NIC_PROMISCUOUS ? 1 : 0));
    return command(n, CLASS_RX, RX_ALL_MULTICAST, n->mode & NIC_ALL_MULTICAST ? 1 : 0);
}

void virtio_net_link(struct virtio_net *n)
{
    n->nic.link = !(n->v.features & NET_F_STATUS) ||
                  (virtio_config(&n->v, CONFIG_STATUS, 2) & STATUS_LINK_UP);
}

void virtio_net_config(struct virtio_net *n)
{
    struct nic *nic = &n->nic;
    const u64 features = n->v.features;

    for (u32 i = 0; i < ARRAY_LEN(nic->mac); i++)
        nic->mac[i] = (u8)virtio_config(&n->v, CONFIG_MAC + i, 1);
    nic->mtu = features & NET_F_MTU ? virtio_config(&n->v, CONFIG_MTU, 2) : NIC_MTU;
    if (nic->mtu < MTU_MIN)
        nic->mtu = NIC_MTU;
    nic->features = (features & NET_F_CSUM ? NIC_CAN_SUM : 0) |
                    (features & NET_F_HOST_TSO4 ? NIC_CAN_SEGMENT_TCP4 : 0) |
                    (features & NET_F_HOST_TSO6 ? NIC_CAN_SEGMENT_TCP6 : 0) |
                    (features & NET_F_GUEST_CSUM ? NIC_GIVES_SUM : 0);
    nic->tx_queues = nic->rx_queues = 1;
    nic->segments_max = MIN(n->tx.size, VIRTQ_CHAIN_MAX) - FRAME_MORE;
    nic->tx_depth = virtq_room(&n->tx, nic->segments_max + FRAME_MORE);
    nic->rx_depth = virtq_room(&n->rx, 2);
    nic->buffer_min = nic->mtu + NIC_HEADER + VLAN_TAG;
    nic->bus_last = UINT64_MAX;
    virtio_net_link(n);
}
