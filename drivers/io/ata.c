/* The ATA commands and answers; see ata.h.  Pure. */
#include "drivers/io/ata.h"
#include "lib/mem.h"

/* Words of the IDENTIFY page. */
enum {
    ID_GENERAL = 0,
    ID_SERIAL = 10,
    ID_MODEL = 27,
    ID_CAPABILITIES = 49,
    ID_VALID = 53,
    ID_LBA28_SECTORS = 60,
    ID_MDMA = 63,
    ID_SETS_SUPPORTED = 83,
    ID_SETS_82_ENABLED = 85,
    ID_UDMA = 88,
    ID_LBA48_SECTORS = 100,
    ID_SECTOR_SIZE = 106,
    ID_LOGICAL_WORDS = 117,
};

enum { GENERAL_PACKET = 0x8000, GENERAL_REMOVABLE = 0x80, GENERAL_PACKET_16 = 0x01 };
enum { CAPABILITY_DMA = 0x100, CAPABILITY_LBA = 0x200 };
/* Word 83 is valid if its bits 15:14 are 01. */
enum { SETS_VALID = 0x4000, SETS_VALID_MASK = 0xc000 };
enum { SETS_LBA48 = 0x400, SETS_FLUSH = 0x1000, SETS_FLUSH_EXT = 0x2000 };
enum { ENABLED_WRITE_CACHE = 0x20 };
enum { VALID_UDMA = 0x04 };
enum { SIZE_VALID = 0x4000, SIZE_VALID_MASK = 0xc000, SIZE_LOGICAL = 0x1000 };

/* The error register. */
enum {
    ERROR_NO_MARK = 0x01,
    ERROR_NO_MEDIUM = 0x02,
    ERROR_ABORTED = 0x04,
    ERROR_CHANGE_WANTED = 0x08,
    ERROR_NO_SECTOR = 0x10,
    ERROR_MEDIUM_CHANGED = 0x20,
    ERROR_DATA = 0x40,
    ERROR_CRC = 0x80,
};

#define LBA28_SECTORS BIT(28)
#define LBA48_SECTORS BIT(48)
#define LBA28_COUNT   256u
#define LBA48_COUNT   65536u
#define NO_MODE       0xffu

enum { DEVICE_OBSOLETE = 0xa0, DEVICE_LBA = 0x40, DEVICE_DRIVE_1 = 0x10 };

/* Strings have the first character of a word in its high byte, and blanks at the end. */
static void copy_string(char *to, const u16 *words, u32 count)
{
    u32 len = 0;

    for (u32 i = 0; i < 2 * count; i++) {
        const u8 c = (u8)(i % 2 ? words[i / 2] : words[i / 2] >> 8);
        to[i] = (char)(c >= ' ' && c <= '~' ? c : ' ');
        if (to[i] != ' ')
            len = i + 1;
    }
    to[len] = 0;
}

static u8 highest(u32 modes)
{
    return modes ? (u8)(31 - __builtin_clz(modes)) : NO_MODE;
}

static u64 sectors_of(const u16 *w, bool lba48)
{
    if (lba48) {
        const u64 n = w[ID_LBA48_SECTORS] | (u64)w[ID_LBA48_SECTORS + 1] << 16 |
                      (u64)w[ID_LBA48_SECTORS + 2] << 32 | (u64)w[ID_LBA48_SECTORS + 3] << 48;
        if (n != 0)
            return MIN(n, LBA48_SECTORS);
    }
    return MIN(w[ID_LBA28_SECTORS] | (u64)w[ID_LBA28_SECTORS + 1] << 16, LBA28_SECTORS);
}

static u32 sector_size(const u16 *w)
{
    if ((w[ID_SECTOR_SIZE] & SIZE_VALID_MASK) == SIZE_VALID && (w[ID_SECTOR_SIZE] & SIZE_LOGICAL))
        return 2 * (w[ID_LOGICAL_WORDS] | (u32)w[ID_LOGICAL_WORDS + 1] << 16);
    return ATA_SECTOR;
}

static err_t judge(const struct ata_identity *id, bool lba, const char **why)
{
    *why = NULL;
    if (!lba)
        *why = "it has no LBA addresses";
    else if (!id->dma)
        *why = "it has no DMA";
    else if (!id->packet && id->sector != ATA_SECTOR)
        *why = "its sectors are not 512 bytes";
    else if (!id->packet && id->sectors == 0)
        *why = "it reports no sectors";
    else if (id->packet && id->packet_len != ATA_PACKET_LEN)
        *why = "its packets are not 12 bytes";
    return *why == NULL ? OK : E_NOTSUP;
}

err_t ata_identity_parse(const u16 words[ATA_IDENTIFY_WORDS], bool packet, struct ata_identity *id,
                         const char **why)
{
    const u16 *w = words;
    const bool sets = (w[ID_SETS_SUPPORTED] & SETS_VALID_MASK) == SETS_VALID;

    *id = (struct ata_identity){
        .packet = packet,
        .removable = w[ID_GENERAL] & GENERAL_REMOVABLE,
        .lba48 = sets && !packet && (w[ID_SETS_SUPPORTED] & SETS_LBA48),
        .flush = sets && (w[ID_SETS_SUPPORTED] & SETS_FLUSH),
        .flush_ext = sets && (w[ID_SETS_SUPPORTED] & SETS_FLUSH_EXT),
        .write_cache = w[ID_SETS_82_ENABLED] & ENABLED_WRITE_CACHE,
        .dma = w[ID_CAPABILITIES] & CAPABILITY_DMA,
        .sector = sector_size(w),
        .packet_len = w[ID_GENERAL] & GENERAL_PACKET_16 ? 16 : ATA_PACKET_LEN,
        .mdma_mode = highest(w[ID_MDMA] & 0x07),
        .udma_mode = w[ID_VALID] & VALID_UDMA ? highest(w[ID_UDMA] & 0x7f) : NO_MODE,
    };
    if (!packet)
        id->sectors = sectors_of(w, id->lba48);
    copy_string(id->model, w + ID_MODEL, 20);
    copy_string(id->serial, w + ID_SERIAL, 10);
    return judge(id, w[ID_CAPABILITIES] & CAPABILITY_LBA, why);
}

static void set_range(struct ata_taskfile *tf, u64 lba, u32 count)
{
    tf->count = (u8)count; /* 256 is 0, and so is 65536 with 48 bits */
    tf->lba_low = (u8)lba;
    tf->lba_mid = (u8)(lba >> 8);
    tf->lba_high = (u8)(lba >> 16);
    if (!tf->ext) {
        tf->device |= (u8)(lba >> 24 & 0x0f);
        return;
    }
    tf->count_high = (u8)(count >> 8);
    tf->lba_low_high = (u8)(lba >> 24);
    tf->lba_mid_high = (u8)(lba >> 32);
    tf->lba_high_high = (u8)(lba >> 40);
}

u8 ata_device(u32 drive)
{
    return (u8)(DEVICE_OBSOLETE | DEVICE_LBA | (drive ? DEVICE_DRIVE_1 : 0));
}

static err_t flush_taskfile(const struct ata_identity *id, u32 drive, struct ata_taskfile *tf)
{
    if (!id->flush && !id->flush_ext)
        return E_NOTSUP;
    *tf = (struct ata_taskfile){.device = ata_device(drive), .command = ATA_FLUSH_CACHE};
    if (id->lba48 && id->flush_ext) {
        tf->command = ATA_FLUSH_CACHE_EXT;
        tf->ext = true;
    }
    return OK;
}

err_t ata_taskfile(const struct ata_identity *id, u32 drive, enum ata_access access, u64 lba,
                   u32 count, struct ata_taskfile *tf)
{
    if (access == ATA_FLUSH)
        return flush_taskfile(id, drive, tf);
    if (count == 0 || lba >= LBA48_SECTORS || count > LBA48_SECTORS - lba || count > LBA48_COUNT)
        return E_RANGE;
    const bool ext = lba + count > LBA28_SECTORS || count > LBA28_COUNT;
    if (ext && !id->lba48)
        return E_RANGE;

    *tf = (struct ata_taskfile){.device = ata_device(drive), .ext = ext};
    if (access == ATA_READ)
        tf->command = ext ? ATA_READ_DMA_EXT : ATA_READ_DMA;
    else
        tf->command = ext ? ATA_WRITE_DMA_EXT : ATA_WRITE_DMA;
    set_range(tf, lba, count);
    return OK;
}

const char *ata_error_text(u8 status, u8 error)
{
    // clang-format off
    static const struct {
        u8 bit;
        const char *text;
    } errors[] = {
        {ERROR_DATA, "data that cannot be corrected"},
        {ERROR_CRC, "interface CRC error"},
        {ERROR_NO_SECTOR, "no such sector"},
        {ERROR_MEDIUM_CHANGED, "the medium was changed"},
        {ERROR_CHANGE_WANTED, "a change of the medium is asked for"},
        {ERROR_NO_MEDIUM, "no medium"},
        {ERROR_ABORTED, "the drive aborted the command"},
        {ERROR_NO_MARK, "address mark not found"},
    };
    // clang-format on

    if (status & ATA_DF)
        return "drive fault";
    if (!(status & ATA_ERR))
        return "no error";
    for (u32 i = 0; i < ARRAY_LEN(errors); i++)
        if (error & errors[i].bit)
            return errors[i].text;
    return "an error without a reason";
}

enum io_result ata_error_result(u8 status, u8 error)
{
    if (status & ATA_DF)
        return IO_ERROR;
    if (!(status & ATA_ERR))
        return IO_DONE;
    return error & (ERROR_NO_MEDIUM | ERROR_MEDIUM_CHANGED) ? IO_NO_MEDIUM : IO_ERROR;
}

const char *ata_sense_text(u8 key, u8 code)
{
    static const char *const keys[16] = {
        [0x0] = "no sense",        [0x1] = "recovered error", [0x2] = "not ready",
        [0x3] = "medium error",    [0x4] = "hardware error",  [0x5] = "illegal request",
        [0x6] = "unit attention",  [0x7] = "write protected", [0x8] = "blank medium",
        [0xb] = "aborted command", [0xe] = "miscompare",
    };

    if (code == 0x3a)
        return "no medium";
    if (code == 0x28)
        return "the medium was changed";
    if (code == 0x21)
        return "no such block";
    return keys[key & 0xf] ? keys[key & 0xf] : "an unknown sense key";
}

static void put_be32(u8 *to, u64 value)
{
    for (u32 i = 0; i < 4; i++)
        to[i] = (u8)(value >> (24 - 8 * i));
}

static u32 get_be32(const u8 *from)
{
    return (u32)from[0] << 24 | (u32)from[1] << 16 | (u32)from[2] << 8 | from[3];
}

err_t ata_packet_read(u64 lba, u32 count, u8 packet[ATA_PACKET_LEN])
{
    if (lba > UINT32_MAX || count == 0 || count > UINT16_MAX)
        return E_RANGE;
    memset(packet, 0, ATA_PACKET_LEN);
    packet[0] = 0x28;
    put_be32(packet + 2, lba);
    packet[7] = (u8)(count >> 8);
    packet[8] = (u8)count;
    return OK;
}

err_t ata_capacity_parse(const u8 answer[8], u64 *blocks)
{
    if (get_be32(answer + 4) != 2048)
        return E_INVAL;
    *blocks = (u64)get_be32(answer) + 1;
    return OK;
}
