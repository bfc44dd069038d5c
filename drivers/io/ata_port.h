/* The registers of one ATA channel and of its bus master: selecting, commanding, waiting with a
 * limit, and words by programmed I/O.  It knows nothing of requests.  ATA/ATAPI-7 Vol. 2, "Register
 * delivered data transfer command sequences"; Bus Master IDE Controller Programming Interface. */
#pragma once
#include "drivers/io/ata.h"
#include "drivers/io/env.h"

/* Where a channel is.  A PC's old places: 0x1f0 and 0x3f6, line 14; 0x170 and 0x376, line 15. */
struct ata_place {
    u16 command, control, bus_master; /* first port of 8, of 1, of 8 */
    u32 irq;
    bool level;
};

/* Owner: a struct ide_channel. */
struct ata_port {
    struct io_env *env;
    struct io_window command, control, bus_master;
};

/* Bits of the bus master's status. */
enum { BM_ACTIVE = 0x01, BM_ERROR = 0x02, BM_INTERRUPT = 0x04 };

/* Errors: io_env's. */
err_t ata_port_open(struct ata_port *p, struct io_env *env, const struct ata_place *place);

/* Without acknowledging an interrupt. */
u8 ata_port_peek(const struct ata_port *p);
/* Acknowledges an interrupt of the drive that is selected. */
u8 ata_port_status(const struct ata_port *p);
u8 ata_port_error(const struct ata_port *p);
/* Nobody drives the bus.  (A drive that is not there while the other one is has a status of 0, and
 * so has a CD drive after a reset.) */
bool ata_status_absent(u8 status);

/* Waits until the drive is neither busy nor wants data, or for `limit_us`.  *status: the last one
 * read.  E_NOENT: nothing is there; E_IO: the limit has passed. */
err_t ata_port_wait_idle(const struct ata_port *p, u32 limit_us, u8 *status);
/* Waits until data can be moved.  E_NOENT, E_IO as above; E_INVAL: it ended without. */
err_t ata_port_wait_data(const struct ata_port *p, u32 limit_us, u8 *status);

/* Selects the drive, which has to be idle within `limit_us`, and writes the command's registers.
 * E_NOENT, E_IO as above; then no command was given. */
err_t ata_port_issue(const struct ata_port *p, const struct ata_taskfile *tf, u32 limit_us);

void ata_port_read_words(const struct ata_port *p, u16 *words, u32 count);
void ata_port_write_bytes(const struct ata_port *p, const u8 *bytes, u32 count); /* an even count */

/* Interrupts of the drives reach the channel's line and BM_INTERRUPT, or not. */
void ata_port_interrupts(const struct ata_port *p, bool on);

/* Begins a software reset of both drives: 5 us. They are busy until it is over. */
void ata_port_soft_reset(const struct ata_port *p);
/* What the selected drive shows after a reset, or after IDENTIFY DEVICE if it is a CD drive. */
u16 ata_port_signature(const struct ata_port *p);

/* The bus master: sets table and direction, forgets its old status, and starts. */
void bm_prepare(const struct ata_port *p, u32 table_bus, bool to_memory);
void bm_start(const struct ata_port *p, bool to_memory);
u8 bm_status(const struct ata_port *p);
/* Forgets interrupt and error. */
void bm_acknowledge(const struct ata_port *p);
/* Stops, and forgets as above. */
void bm_stop(const struct ata_port *p);
