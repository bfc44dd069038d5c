/* Which drives an ATA channel has.  ATA/ATAPI-7 Vol. 2, "Device signatures for the PACKET command
 * feature set"; ATA8-ACS, "IDENTIFY DEVICE". */
#include "drivers/io/ide_internal.h"
#include "lib/fmt.h"

#define IDENTIFY_LIMIT_US 500000u

/* A command without interrupts; words of data where the drive offers them. */
static err_t read_page(const struct ata_port *p, const struct ata_taskfile *tf, u16 *words)
{
    u8 status;

    TRY(ata_port_issue(p, tf, IDENTIFY_LIMIT_US));
    TRY(ata_port_wait_data(p, IDENTIFY_LIMIT_US, &status));
    ata_port_read_words(p, words, ATA_IDENTIFY_WORDS);
    return ata_port_wait_idle(p, IDENTIFY_LIMIT_US, &status);
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
    const u16 signature = ata_port_signature(p, d->number);
    const bool packet = signature == ATA_SIGNATURE_PACKET;
    const u8 status = ata_port_peek(p);
    u16 words[ATA_IDENTIFY_WORDS];
    const char *why;

    if (ata_status_absent(status) || (!packet && (signature != ATA_SIGNATURE_DISK || status == 0)))
        return E_NOENT;
    const struct ata_taskfile tf = {.command = packet ? ATA_IDENTIFY_PACKET : ATA_IDENTIFY,
                                    .device = ata_device(d->number)};
    const err_t err = read_page(p, &tf, words);
    if (err != OK) {
        io_log(d->disk.env, IO_LOG_WARN, "%s: does not say what it is (status %x, %s)",
               d->disk.name, ata_port_peek(p), ata_error_text(ata_port_peek(p), ata_port_error(p)));
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

    ata_port_interrupts(p, false);
    const err_t err = identify(d);
    (void)ata_port_status(p);
    bm_stop(p);
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
