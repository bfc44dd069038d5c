/* Virtio as both sides of it see it: ids, feature bits, the split ring, the PCI transport's
 * registers, and the requests of the four devices that Lintel knows.  All numbers are
 * little-endian. OASIS, Virtual I/O Device (VIRTIO) Version 1.2: "Split Virtqueues", "Virtio Over
 * PCI Bus", "Device Types".  Two more headers hold the bigger devices: abi/virtio_blk.h,
 * abi/virtio_net.h. */
#pragma once
#include "lib/types.h"

/* ---- device types ("Device Types") and PCI ids ("PCI Device Discovery") ---- */

// clang-format off
enum { VIRTIO_ID_NET = 1, VIRTIO_ID_BLOCK = 2, VIRTIO_ID_CONSOLE = 3, VIRTIO_ID_RNG = 4 };
// clang-format on

#define VIRTIO_PCI_VENDOR      0x1af4u
#define VIRTIO_PCI_DEVICE_BASE 0x1040u /* + type: the modern interface alone */
#define VIRTIO_PCI_REVISION    1u

/* ---- device status ("Device Status Field") ---- */

#define VIRTIO_STATUS_ACKNOWLEDGE 0x01u
#define VIRTIO_STATUS_DRIVER      0x02u
#define VIRTIO_STATUS_DRIVER_OK   0x04u
#define VIRTIO_STATUS_FEATURES_OK 0x08u
#define VIRTIO_STATUS_NEEDS_RESET 0x40u
#define VIRTIO_STATUS_FAILED      0x80u

/* ---- feature bits that belong to no device type ("Reserved Feature Bits") ---- */

#define VIRTIO_F_INDIRECT_DESC BIT(28)
#define VIRTIO_F_EVENT_IDX     BIT(29)
#define VIRTIO_F_VERSION_1     BIT(32)
#define VIRTIO_F_RING_RESET    BIT(40)

/* ---- the split ring ("Split Virtqueues") ---- */

#define VIRTQ_SIZE_MAX           32768u
#define VIRTQ_DESC_ALIGN         16u
#define VIRTQ_AVAIL_ALIGN        2u
#define VIRTQ_USED_ALIGN         4u

#define VIRTQ_DESC_F_NEXT        1u /* the chain goes on at `next` */
#define VIRTQ_DESC_F_WRITE       2u /* the device writes; else it reads */
#define VIRTQ_DESC_F_INDIRECT    4u /* the buffer is a table of descriptors */

#define VIRTQ_AVAIL_NO_INTERRUPT 1u /* avail.flags: the driver wants none */
#define VIRTQ_USED_NO_NOTIFY     1u /* used.flags: the device wants none */

struct virtq_desc {
    u64 addr; /* gpa */
    u32 len;  /* bytes */
    u16 flags;
    u16 next;
};
_Static_assert(sizeof(struct virtq_desc) == 16, "a descriptor is 16 bytes");
_Static_assert(offsetof(struct virtq_desc, flags) == 12, "flags follow the length");

/* Behind ring[size] there is one u16 more, used_event. */
struct virtq_avail {
    u16 flags, idx;
    u16 ring[]; /* heads of chains */
};
_Static_assert(offsetof(struct virtq_avail, ring) == 4, "two words, then the ring");

struct virtq_used_elem {
    u32 id;  /* the head of the chain */
    u32 len; /* bytes that the device has written */
};
_Static_assert(sizeof(struct virtq_used_elem) == 8, "a used element is 8 bytes");

/* Behind ring[size] there is one u16 more, avail_event. */
struct virtq_used {
    u16 flags, idx;
    struct virtq_used_elem ring[];
};
_Static_assert(offsetof(struct virtq_used, ring) == 4, "two words, then the ring");

/* Bytes of the three areas of a queue, with the event words. */
static inline u32 virtq_desc_bytes(u16 size)
{
    return size * (u32)sizeof(struct virtq_desc);
}

static inline u32 virtq_avail_bytes(u16 size)
{
    return (u32)offsetof(struct virtq_avail, ring) + 2u * size + 2;
}

static inline u32 virtq_used_bytes(u16 size)
{
    return (u32)offsetof(struct virtq_used, ring) + size * (u32)sizeof(struct virtq_used_elem) + 2;
}

/* Whether going from `old` to `now` an index has passed the other side's event word ("Used Buffer
 * Notification Suppression"). */
static inline bool virtq_passed(u16 event, u16 now, u16 old)
{
    return (u16)(now - event - 1) < (u16)(now - old);
}

/* ---- PCI transport ("Virtio Structure PCI Capabilities") ---- */

// clang-format off
enum { VIRTIO_PCI_CAP_COMMON = 1, VIRTIO_PCI_CAP_NOTIFY, VIRTIO_PCI_CAP_ISR, VIRTIO_PCI_CAP_DEVICE,
       VIRTIO_PCI_CAP_PCI_CFG };
// clang-format on

struct virtio_pci_cap {
    u8 vndr; /* 9: vendor-specific */
    u8 next;
    u8 len;
    u8 type; /* VIRTIO_PCI_CAP_* */
    u8 bar;
    u8 id, padding[2];
    u32 offset, length; /* in the BAR */
};
_Static_assert(sizeof(struct virtio_pci_cap) == 16, "a capability is 16 bytes");
_Static_assert(offsetof(struct virtio_pci_cap, offset) == 8, "as the driver reads it");

#define VIRTIO_PCI_NOTIFY_CAP_LEN 20u /* a capability and u32 notify_off_multiplier */
#define VIRTIO_PCI_CFG_CAP_LEN    20u /* a capability and the 4-byte window */

/* "Common configuration structure layout". */
struct virtio_pci_common {
    u32 device_feature_select, device_feature;
    u32 driver_feature_select, driver_feature;
    u16 config_msix_vector, num_queues;
    u8 device_status, config_generation;
    u16 queue_select; /* those below are of this queue */
    u16 queue_size, queue_msix_vector, queue_enable, queue_notify_off;
    u64 queue_desc, queue_driver, queue_device; /* gpa */
    u16 queue_notify_data, queue_reset;
};
_Static_assert(offsetof(struct virtio_pci_common, config_msix_vector) == 0x10, "layout");
_Static_assert(offsetof(struct virtio_pci_common, device_status) == 0x14, "layout");
_Static_assert(offsetof(struct virtio_pci_common, queue_select) == 0x16, "layout");
_Static_assert(offsetof(struct virtio_pci_common, queue_desc) == 0x20, "layout");
_Static_assert(offsetof(struct virtio_pci_common, queue_reset) == 0x3a, "layout");

#define VIRTIO_MSI_NO_VECTOR 0xffffu
#define VIRTIO_ISR_QUEUE     1u
#define VIRTIO_ISR_CONFIG    2u

/* ---- console ("Console Device") ---- */

#define VIRTIO_CONSOLE_F_SIZE        BIT(0)
#define VIRTIO_CONSOLE_F_EMERG_WRITE BIT(2)

// clang-format off
enum { VIRTIO_CONSOLE_RX, VIRTIO_CONSOLE_TX, VIRTIO_CONSOLE_QUEUES };
// clang-format on

struct virtio_console_config {
    u16 cols, rows;
    u32 max_nr_ports;
    u32 emerg_wr; /* a write prints its low byte */
};
_Static_assert(sizeof(struct virtio_console_config) == 12, "layout");
