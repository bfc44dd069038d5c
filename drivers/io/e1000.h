/* Intel 8254x gigabit cards, of which the 82540EM (8086:100e) has run: the one that Bochs and
 * QEMU emulate.  One ring for each direction, INTx, checksums on the way out.  What the emulators
 * do not have is not used: segmentation by the card is, but wants changed headers; checksums of
 * received frames they do not check.  PCI/PCI-X Family of Gigabit Ethernet Controllers Software
 * Developer's Manual (317453).  The rules of env.h hold. */
#pragma once
#include "drivers/io/e1000_ring.h"
#include "drivers/io/pci.h"

#define E1000_VENDOR 0x8086u
#define E1000_DEVICE 0x100eu

/* Owner: the caller, who does not move it. */
struct e1000 {
    struct nic nic;
    struct pci_function function;
    struct io_window registers;
    struct io_irq irq;
    struct io_dma rx_memory, tx_memory; /* the rings; hostile */
    struct e1000_span rx, tx;
    bool receiving; /* the receiver is on: there was a buffer */
    bool parts;     /* in the middle of a frame that is longer than a buffer */
    bool wants_interrupts;
    bool rx_kick, tx_kick;                    /* tail registers are behind */
    u32 mode;                                 /* NIC_ALL_MULTICAST, NIC_PROMISCUOUS */
    u64 link_look;                            /* when to look at the link next */
    struct nic_buffer *buffer[E1000_RX_RING]; /* by descriptor */
    struct nic_frame *first, *last; /* frames in the ring, in order; slot: the last descriptor */
    struct nic_frame *ended;        /* without the card, the newest first */
};

/* Resets the card and makes its nic: e->nic, without a user or buffers, interrupts on.  `name` is
 * for logs.  E_IO: it does not answer, or has no address; E_NOENT: its registers are nowhere; other
 * errors: the environment's.  After
 * an error nothing is left to be stopped. */
err_t e1000_start(struct e1000 *e, const struct pci_function *f, const char *name);
