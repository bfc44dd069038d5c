/* Which drives an ATA channel has.  ATA/ATAPI-7 Vol. 2, "Device signatures for the PACKET command
 * feature set"; ATA8-ACS, "IDENTIFY DEVICE". */
#include "drivers/io/ide_internal.h"
#include "lib/fmt.h"

#define IDENTIFY_LIMIT_US 300000u
#define TRIES             2u

/* A command whose answer is a page.  E_INVAL: it ended without one. */
static err_t read_page(struct ide_drive *d, u8 command, u16 *words)
{
    const struct ata_port *p = &d->channel->port;
    const struct ata_taskfile tf = {.command = command, .device = ata_device(d->number)};
    u8 status;

    TRY(ata_port_issue(p, &tf, IDENTIFY_LIMIT_US));
    TRY(ata_port_wait_data(p, IDENTIFY_LIMIT_US, &status));
    ata_port_read_words(p, words, ATA_IDENTIFY_WORDS);
    return ata_port_wait_idle(p, IDENTIFY_LIMIT_US, &status);
}

/* A CD drive refuses IDENTIFY DEVICE, and then shows its signature; so the other drive may have had
 * commands since the reset.  Of a drive that is not there the registers are what was written. */
static err_t read_identity(struct ide_drive *d, u16 *words, bool *packet)
{
    const struct ata_port *p = &d->channel->port;
    const err_t err = read_page(d, ATA_IDENTIFY, words);

    *packet = err == E_INVAL && ata_port_signature(p) == ATA_SIGNATURE_PACKET;
    if (*packet)
        return read_page(d, ATA_IDENTIFY_PACKET, words);
    return err == E_INVAL ? E_NOENT : err;
}

/* What cannot be flushed must not be kept back. */
static void forbid_write_cache(struct ide_drive *d)
{
    const struct ata_port *p = &d->channel->port;
    const struct ata_taskfile tf = {.command = ATA_SET_FEATURES,
                                    .features = ATA_FEATURE_NO_WRITE_CACHE,
                                    .device = ata_device(d->number)};
    u8 status = 0;

    err_t err = ata_port_issue(p, &tf, IDENTIFY_LIMIT_US);
    if (err == OK)
        err = ata_port_wait_idle(p, IDENTIFY_LIMIT_US, &status);
    if (err != OK || (status & (ATA_ERR | ATA_DF)))
        io_log(
            d->disk.env, IO_LOG_WARN,
            "%s: its write cache can neither be flushed nor switched off: a power cut loses data",
            d->disk.name);
}

static err_t identify(struct ide_drive *d)
{
    const struct ata_port *p = &d->channel->port;
    u16 words[ATA_IDENTIFY_WORDS];
    bool packet;
    const char *why;

    const err_t err = read_identity(d, words, &packet);
    if (err == E_NOENT)
        return E_NOENT;
    if (err != OK) {
        io_log(d->disk.env, IO_LOG_WARN, "%s: does not say what it is (status %x)", d->disk.name,
               ata_port_peek(p));
        return E_IO;
    }
    if (ata_identity_parse(words, packet, &d->id, &why) != OK) {
        io_log(d->disk.env, IO_LOG_WARN, "%s: %s is not used: %s", d->disk.name, d->id.model, why);
        return E_NOTSUP;
    }
    if (d->id.write_cache && !d->id.flush && !d->id.flush_ext)
        forbid_write_cache(d);
    return OK;
}

err_t ide_identify(struct ide_drive *d)
{
    const struct ata_port *p = &d->channel->port;
    err_t err = E_IO;
    u8 status;

    for (u32 i = 0; i < TRIES && err == E_IO; i++) {
        /* What a reset interrupted may disturb the first question: Bochs' CD drive still offers
         * data when its seek is over. */
        if (i > 0) {
            ata_port_soft_reset(p);
            (void)ata_port_wait_idle(p, IDENTIFY_LIMIT_US, &status);
        }
        ata_port_interrupts(p, false);
        err = identify(d);
        (void)ata_port_status(p);
        bm_stop(p);
    }
    return err;
}

void ide_describe(struct ide_drive *d)
{
    struct disk *disk = &d->disk;

    disk->sector_size = d->id.packet ? 2048 : ATA_SECTOR;
    disk->physical_sector = disk->sector_size;
    disk->sectors = d->id.sectors;
    disk->flags = d->id.packet ? DISK_IS_READ_ONLY | DISK_IS_REMOVABLE | DISK_HAS_NO_MEDIUM
                  : d->id.flush || d->id.flush_ext ? DISK_CAN_FLUSH
                                                   : 0;
    disk->queues = 1;
    disk->depth = IDE_DEPTH;
    disk->segments_max = IDE_SEGMENTS_MAX;
    disk->segment_bytes_max = IDE_BYTES_MAX;
    disk->sectors_max = (u32)(IDE_BYTES_MAX / disk->sector_size);
    disk->segment_align = 2;
    disk->bus_last = IO_BUS_32;
    fmt_buf(disk->id, sizeof(disk->id), "%s", d->id.serial);
}
