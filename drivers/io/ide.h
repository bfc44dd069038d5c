/* IDE disks and CD drives behind a bus-master controller of the PIIX3 and PIIX4 kind: one channel,
 * two drives, one command at a time for both; each drive is a struct disk.  Requests wait in a
 * queue of the channel.  A request that is late makes a software reset; the others go on after it.
 * CD drives are read; they have 2048-byte sectors and may be without a medium.
 * The rules of env.h hold. */
#pragma once
#include "drivers/io/ata_port.h"
#include "drivers/io/disk.h"
#include "drivers/io/pci.h"
#include "drivers/io/prd.h"

/* PCI class, and bits of its programming interface. */
#define IDE_CLASS              0x01u
#define IDE_SUBCLASS           0x01u
#define IDE_IS_MASTER          0x80u
#define IDE_IS_NATIVE(channel) (1u << 2 * (channel))

#define IDE_CHANNELS           2u
#define IDE_DRIVES             2u
#define IDE_DEPTH              32u  /* requests of one drive in the channel's queue */
#define IDE_SEGMENTS_MAX       128u /* of a request */
/* A command moves at most what Bochs' controller can buffer. */
#define IDE_BYTES_MAX (128 * KiB)
/* Each segment may touch one 64 KiB boundary more than it is long. */
#define IDE_PRDS (2 * IDE_SEGMENTS_MAX + IDE_BYTES_MAX / PRD_REGION_MAX)

/* How long a drive may be busy after a reset, in microseconds. A disk that has to start its motor
 * may need 31 s by the standard; one that was running does not. */
#define IDE_RESET_LIMIT_US 5000000u

enum ide_state {
    IDE_IDLE,
    IDE_BUSY,  /* `current` is in a drive */
    IDE_RESET, /* the drives are resetting; `reset_end` is when that has to be over */
    IDE_LOST,
};

struct ide_channel;

struct ide_drive {
    struct disk disk;
    struct ide_channel *channel;
    u32 number; /* 0, 1 */
    bool present, wants_interrupts;
    u32 queued; /* requests in the channel: waiting, current and ended */
    struct ata_identity id;
};

struct ide_list {
    struct disk_request *first, *last;
};

/* Owner: the caller, who does not move it. */
struct ide_channel {
    struct io_env *env;
    char name[16]; /* for logs; the drives' have a number behind it */
    struct ata_port port;
    struct io_irq irq;
    u32 irq_line;
    bool irq_level;
    struct io_dma table; /* IDE_PRDS of struct prd */
    enum ide_state state;
    u64 reset_end;
    struct disk_request *current;
    bool by_interrupt;              /* it interrupts when it has ended */
    struct ide_list waiting, ended; /* ended: done() is still to be called */
    struct ide_drive drive[IDE_DRIVES];
};

/* Where a channel of a PCI IDE controller is: the PC's old places, or those of its BARs, which have
 * to be measured.  Lets the controller decode and master.  E_NOENT: not an IDE controller, no such
 * channel; E_NOTSUP: it has no bus master, or its BARs are not placed.  PCI IDE Controller
 * Specification, "Programming Interface". */
err_t ide_place(const struct pci_function *f, u32 channel, struct ata_place *place);

/* Looks for drives and makes their disks: c->drive[n].disk where c->drive[n].present, interrupts
 * on. `name` is for logs.  Refused drives are logged with the reason.  E_NOENT: no drive; E_IO: a
 * drive stays busy; the others are io_env's.  After an error nothing is left to be stopped. */
err_t ide_start(struct ide_channel *c, struct io_env *env, const struct ata_place *place,
                const char *name);

/* Starts a drive again that was stopped, while the other one goes on.  E_EXIST: it was not stopped;
 * E_IO: the channel is lost, or in the middle of a request; E_NOENT: no drive, or one that is
 * refused. */
err_t ide_start_drive(struct ide_channel *c, u32 number);
