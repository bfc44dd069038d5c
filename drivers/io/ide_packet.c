/* CD drives on an ATA channel: packets.  Small answers come by programmed I/O, sectors by DMA.
 * ATA/ATAPI-7 Vol. 2, "PACKET command"; MMC-3, "READ (10)", "READ CAPACITY", "REQUEST SENSE". */
#include "drivers/io/ide_internal.h"
#include "lib/mem.h"

/* What a drive may take for a packet that moves no medium, in microseconds. */
#define PACKET_LIMIT_US 300000u
#define SENSE_LEN       18u
#define CAPACITY_LEN    8u
#define ANSWER_MAX      18u
#define CD_SECTOR       2048u
/* A new medium, or a reset, is told once: by an error of the next packet. */
#define LOOKS 3u

enum { FEATURE_DMA = 0x01 };
enum { OP_TEST_UNIT_READY = 0x00, OP_REQUEST_SENSE = 0x03, OP_READ_CAPACITY = 0x25 };
enum {
    SENSE_NOT_READY = 2,
    SENSE_ILLEGAL_REQUEST = 5,
    SENSE_UNIT_ATTENTION = 6,
    SENSE_PROTECT = 7
};

struct sense {
    u8 key, code;
};

static err_t send_packet(struct ide_drive *d, const u8 packet[ATA_PACKET_LEN], u8 features,
                         u32 answer_len)
{
    const struct ata_port *p = &d->channel->port;
    const struct ata_taskfile tf = {
        .command = ATA_PACKET,
        .device = ata_device(d->number),
        .features = features,
        .lba_mid = (u8)answer_len, /* the most that it may offer at a time */
        .lba_high = (u8)(answer_len >> 8),
    };
    u8 status;

    TRY(ata_port_issue(p, &tf, PACKET_LIMIT_US));
    TRY(ata_port_wait_data(p, PACKET_LIMIT_US, &status));
    ata_port_write_bytes(p, packet, ATA_PACKET_LEN);
    return OK;
}

/* A packet and its short answer, without interrupts.  E_INVAL: the drive says that it failed;
 * E_IO: it does not answer. */
static err_t ask(struct ide_drive *d, const u8 packet[ATA_PACKET_LEN], u8 *answer, u32 len)
{
    const struct ata_port *p = &d->channel->port;
    u16 words[ANSWER_MAX / 2] = {0};
    u8 status = 0;

    ata_port_interrupts(p, false);
    err_t err = send_packet(d, packet, 0, len);
    if (err == OK && len > 0) {
        err = ata_port_wait_data(p, PACKET_LIMIT_US, &status);
        if (err == OK)
            ata_port_read_words(p, words, len / 2);
    }
    if (err == OK || err == E_INVAL) {
        err = ata_port_wait_idle(p, PACKET_LIMIT_US, &status);
        if (err == OK && (status & (ATA_ERR | ATA_DF)))
            err = E_INVAL;
    }
    (void)ata_port_status(p);
    bm_stop(p);
    memcpy(answer, words, len);
    return err == OK || err == E_INVAL ? err : E_IO;
}

static err_t read_sense(struct ide_drive *d, struct sense *sense)
{
    const u8 packet[ATA_PACKET_LEN] = {OP_REQUEST_SENSE, 0, 0, 0, SENSE_LEN};
    u8 answer[SENSE_LEN];

    TRY(ask(d, packet, answer, SENSE_LEN));
    sense->key = answer[2] & 0x0f;
    sense->code = answer[12];
    return OK;
}

static void set_medium(struct ide_drive *d, u64 blocks)
{
    d->disk.sectors = blocks;
    if (blocks == 0)
        d->disk.flags |= DISK_HAS_NO_MEDIUM;
    else
        d->disk.flags &= ~DISK_HAS_NO_MEDIUM;
}

err_t ide_packet_look(struct ide_drive *d)
{
    const u8 test[ATA_PACKET_LEN] = {OP_TEST_UNIT_READY};
    const u8 capacity[ATA_PACKET_LEN] = {OP_READ_CAPACITY};
    u8 answer[CAPACITY_LEN];
    struct sense sense;
    u64 blocks = 0;

    for (u32 i = 0; i < LOOKS; i++) {
        err_t err = ask(d, test, answer, 0);
        if (err == OK)
            err = ask(d, capacity, answer, CAPACITY_LEN);
        if (err == OK && ata_capacity_parse(answer, &blocks) == OK)
            break;
        if (err == OK) {
            io_log(d->disk.env, IO_LOG_WARN, "%s: the medium's sectors are not 2048 bytes",
                   d->disk.name);
            blocks = 0;
            break;
        }
        if (err != E_INVAL || read_sense(d, &sense) != OK)
            return E_IO;
        blocks = 0;
        if (sense.key != SENSE_UNIT_ATTENTION)
            break;
    }
    set_medium(d, blocks);
    return OK;
}

err_t ide_packet_begin(struct ide_drive *d, const struct disk_request *r)
{
    u8 packet[ATA_PACKET_LEN];

    TRY(ata_packet_read(r->sector, r->sectors, packet));
    return send_packet(d, packet, FEATURE_DMA, CD_SECTOR);
}

enum io_result ide_packet_failed(struct ide_drive *d)
{
    struct sense sense;

    if (read_sense(d, &sense) != OK)
        return IO_ERROR;
    io_log(d->disk.env, IO_LOG_WARN, "%s: %s (sense %x/%x)", d->disk.name,
           ata_sense_text(sense.key, sense.code), sense.key, sense.code);
    switch (sense.key) {
    case SENSE_NOT_READY:
    case SENSE_UNIT_ATTENTION:
        /* Whatever happens, this request met another medium than it was meant for, or none. */
        if (ide_packet_look(d) == OK && d->disk.event != NULL)
            d->disk.event(&d->disk, DISK_CHANGED);
        return IO_NO_MEDIUM;
    case SENSE_PROTECT: return IO_READ_ONLY;
    case SENSE_ILLEGAL_REQUEST: return IO_UNSUPPORTED;
    default: return IO_ERROR;
    }
}
