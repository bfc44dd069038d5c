/* What a disk or CD drive on an ATA channel says and is told, as data: the IDENTIFY page, the
 * register values of a command, status and error in words.  ATA8-ACS, "IDENTIFY DEVICE",
 * "READ DMA EXT", "Status field", "Error field"; MMC-3 for the packets.  Pure. */
#pragma once
#include "drivers/io/env.h"

#define ATA_SECTOR         512u
#define ATA_IDENTIFY_WORDS 256u
#define ATA_PACKET_LEN     12u

enum ata_status {
    ATA_ERR = 0x01,
    ATA_DRQ = 0x08,
    ATA_DF = 0x20,
    ATA_DRDY = 0x40,
    ATA_BSY = 0x80,
};

enum ata_command {
    ATA_READ_DMA_EXT = 0x25,
    ATA_WRITE_DMA_EXT = 0x35,
    ATA_PACKET = 0xa0,
    ATA_IDENTIFY_PACKET = 0xa1,
    ATA_READ_DMA = 0xc8,
    ATA_WRITE_DMA = 0xca,
    ATA_FLUSH_CACHE = 0xe7,
    ATA_FLUSH_CACHE_EXT = 0xea,
    ATA_IDENTIFY = 0xec,
    ATA_SET_FEATURES = 0xef,
};
#define ATA_FEATURE_NO_WRITE_CACHE 0x82u

/* What a CD drive's cylinder registers read after a reset. */
#define ATA_SIGNATURE_PACKET 0xeb14u

/* The registers of a command, high order bytes second where `ext`. */
struct ata_taskfile {
    u8 command, device;
    u8 features, count, lba_low, lba_mid, lba_high;
    bool ext; /* a 48-bit command: the high bytes are written first */
    u8 count_high, lba_low_high, lba_mid_high, lba_high_high;
};

struct ata_identity {
    bool packet; /* a CD drive or the like */
    bool removable;
    bool lba48, dma, flush, flush_ext, write_cache;
    u32 sector;  /* bytes in a logical sector */
    u64 sectors; /* of a disk; a CD drive's medium has its own */
    u8 packet_len;
    u8 udma_mode, mdma_mode; /* the highest supported; 0xff: none */
    char model[41], serial[21];
};

enum ata_access { ATA_READ, ATA_WRITE, ATA_FLUSH };

/* `words` is the page as it was read, in the machine's byte order.  E_NOTSUP, with *why in words:
 * a drive that this driver cannot use (no LBA, no DMA, another sector size); *id is filled
 * nevertheless. */
err_t ata_identity_parse(const u16 words[ATA_IDENTIFY_WORDS], bool packet, struct ata_identity *id,
                         const char **why);

/* Registers for reading or writing [lba, lba + count) or flushing (both 0), for drive 0 or 1.
 * 48-bit commands where the drive has them and the range needs them.  Whether the range is on the
 * disk is the drive's to judge.  E_RANGE: the range is empty, or no command of this drive reaches
 * it (256 sectors below 2^28; with 48 bits 65536 below 2^48).  E_NOTSUP: the drive cannot flush. */
err_t ata_taskfile(const struct ata_identity *id, u32 drive, enum ata_access access, u64 lba,
                   u32 count, struct ata_taskfile *tf);

/* The first error that a drive reports, in words; "no error" if there is none. */
const char *ata_error_text(u8 status, u8 error);
/* The same as the end of a request. */
enum io_result ata_error_result(u8 status, u8 error);
/* Of a CD drive, by sense key and additional sense code. */
const char *ata_sense_text(u8 key, u8 code);

/* The device register that selects drive 0 or 1 of a channel, with LBA addresses. */
u8 ata_device(u32 drive);

/* A packet for READ(10), and what READ CAPACITY(10) answered.  E_RANGE: beyond its 32 bits. */
err_t ata_packet_read(u64 lba, u32 count, u8 packet[ATA_PACKET_LEN]);
/* E_INVAL: a block size that is not 2048. */
err_t ata_capacity_parse(const u8 answer[8], u64 *blocks);
