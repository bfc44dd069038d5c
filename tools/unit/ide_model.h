/* A PIIX bus master with one channel and two drives, as far as drivers/io/ide.c goes, on top of
 * fake_io.h.  It is strict: what a driver may not do is counted in `wrong`.  Commands end when the
 * test says so: ide_model_work(). */
#pragma once
#include "drivers/io/ide.h"
#include "tools/unit/fake_io.h"

#define IDE_COMMAND 0x1f0u
#define IDE_CONTROL 0x3f6u
#define IDE_MASTER  0xc000u
#define IDE_LINE    14u

enum model_kind { MODEL_NONE, MODEL_DISK, MODEL_CD };

struct model_drive {
    enum model_kind kind;
    u8 *media; /* NULL: no medium */
    u64 sectors;
    u32 sector_size;
    u16 identify[256];
    u8 sense_key, sense_code;
    bool attention; /* the next packet fails with what is in sense */
    u64 bad_sector; /* reading or writing it fails; ~0: none */
    u8 bad_error;
    u32 flushes;
    bool writes_cached;
};

struct ide_model {
    struct fake_io io;
    struct model_drive drive[2];
    u8 reg[6], old[6]; /* features, count, LBA, device; what was written before */
    u8 status, error, control;
    u8 pio[512];
    u32 pio_at, pio_len;
    bool packet_wanted; /* PACKET was given, its 12 bytes are not there yet */
    u8 bm_command, bm_status;
    u32 bm_table;
    u8 command; /* in the drive; 0: none */
    u64 lba;
    u32 count;
    bool line;
    /* What goes wrong. */
    bool dead;          /* nobody answers at all */
    bool silent;        /* commands never end */
    bool stays_busy;    /* a reset never ends */
    bool short_data;    /* it ends without having moved all */
    bool nothing_moved; /* the bus failed */
    bool stale;         /* the next reset leaves a drive that wants to send data */
    u32 wrong, commands, resets, pages;
};

static inline struct model_drive *model_selected(struct ide_model *m)
{
    return &m->drive[m->reg[5] >> 4 & 1];
}

static inline void model_string(u16 *words, u32 count, const char *text)
{
    for (u32 i = 0; i < 2 * count; i++) {
        const u8 c = (u8)(*text ? *text++ : ' ');
        words[i / 2] = (u16)(i % 2 ? words[i / 2] | c : c << 8);
    }
}

static inline void model_identity(struct model_drive *d)
{
    const bool cd = d->kind == MODEL_CD;
    u16 *w = d->identify;

    memset(w, 0, sizeof(d->identify));
    w[0] = cd ? 0x8580 : 0x0040;
    model_string(w + 10, 10, cd ? "MODEL-CD" : "MODEL-0001");
    model_string(w + 27, 20, cd ? "Model of a CD drive" : "Model of a disk");
    w[49] = 0x0300;
    w[53] = 0x0006;
    w[63] = 0x0007;
    w[83] = cd ? 0x4000 : 0x7400;
    w[85] = cd ? 0 : 0x0020;
    w[88] = 0x003f;
    w[60] = (u16)MIN(d->sectors, 0xfffffffu);
    w[61] = (u16)(MIN(d->sectors, 0xfffffffu) >> 16);
    for (u32 i = 0; i < 4; i++)
        w[100 + i] = (u16)(cd ? 0 : d->sectors >> 16 * i);
}

static inline void model_interrupt(struct ide_model *m)
{
    if (m->control & 2)
        return;
    m->bm_status |= BM_INTERRUPT;
    m->line = true;
}

static inline void model_end(struct ide_model *m, u8 status, u8 error)
{
    m->status = status;
    m->error = error;
    m->command = 0;
    m->bm_status &= (u8)~BM_ACTIVE;
    model_interrupt(m);
}

static inline void model_fail(struct ide_model *m, u8 error)
{
    model_end(m, ATA_DRDY | ATA_ERR, error);
}

static inline void model_offer(struct ide_model *m, const void *bytes, u32 len)
{
    memcpy(m->pio, bytes, len);
    m->pio_at = 0;
    m->pio_len = len;
    m->status = ATA_DRDY | ATA_DRQ;
    model_interrupt(m);
}

/* Moves the data of the command through the table: false: the table ends too early. */
static inline bool model_move(struct ide_model *m, u8 *media, u64 len, bool to_memory)
{
    u64 at = m->bm_table;

    while (len > 0) {
        const struct prd *p = fake_at(&m->io, at, sizeof(*p));
        if (p == NULL || at / 65536 != m->bm_table / 65536) {
            m->wrong++;
            return false;
        }
        const u64 size = p->length ? p->length : 65536, n = MIN(size, len);
        u8 *memory = fake_at(&m->io, p->address, size);
        if (memory == NULL || p->address % 2 || p->length % 2 ||
            p->address / 65536 != (p->address + size - 1) / 65536) {
            m->wrong++;
            return false;
        }
        if (to_memory)
            memcpy(memory, media, n);
        else
            memcpy(media, memory, n);
        media += n;
        len -= n;
        at += sizeof(*p);
        if (p->flags & PRD_LAST)
            break;
    }
    return len == 0;
}

static inline bool model_reads(u8 command)
{
    return command == ATA_READ_DMA || command == ATA_READ_DMA_EXT || command == ATA_PACKET;
}

static inline void model_dma(struct ide_model *m)
{
    struct model_drive *d = model_selected(m);
    const bool read = model_reads(m->command);

    if (!(m->bm_command & 1))
        return; /* it waits */
    if (!!(m->bm_command & 8) != read)
        m->wrong++;
    if (m->lba + m->count > d->sectors) {
        model_fail(m, 0x10);
        return;
    }
    if (d->bad_sector >= m->lba && d->bad_sector < m->lba + m->count) {
        model_fail(m, d->bad_error);
        return;
    }
    if (m->nothing_moved) {
        m->bm_status |= BM_ERROR;
        model_end(m, ATA_DRDY, 0);
        return;
    }
    const u64 size = d->sector_size;
    if (!model_move(m, d->media + m->lba * size, m->count * size, read))
        m->wrong++;
    d->writes_cached |= !read;
    model_end(m, ATA_DRDY, 0);
    if (m->short_data)
        m->bm_status |= BM_ACTIVE;
}

static inline void model_sense(struct ide_model *m, u8 key, u8 code)
{
    struct model_drive *d = model_selected(m);

    d->sense_key = key;
    d->sense_code = code;
    model_fail(m, (u8)(key << 4));
}

static inline void model_packet(struct ide_model *m)
{
    struct model_drive *d = model_selected(m);
    const u8 *p = m->pio;

    if (p[0] == 0x03) {
        u8 answer[18] = {0x70, 0, d->sense_key, 0, 0, 0, 0, 10};
        answer[12] = d->sense_code;
        d->attention = false;
        model_offer(m, answer, sizeof(answer));
    } else if (d->attention) {
        d->attention = false;
        model_sense(m, 6, 0x28);
    } else if (d->media == NULL) {
        model_sense(m, 2, 0x3a);
    } else if (p[0] == 0x00) {
        model_end(m, ATA_DRDY, 0);
    } else if (p[0] == 0x25) {
        const u64 last = d->sectors - 1;
        const u8 answer[8] = {
            (u8)(last >> 24),         (u8)(last >> 16), (u8)(last >> 8), (u8)last, 0, 0,
            (u8)(d->sector_size >> 8)};
        model_offer(m, answer, sizeof(answer));
    } else if (p[0] == 0x28) {
        m->lba = (u64)p[2] << 24 | (u64)p[3] << 16 | (u64)p[4] << 8 | p[5];
        m->count = (u32)p[7] << 8 | p[8];
        if (m->lba + m->count > d->sectors)
            model_sense(m, 5, 0x21);
        else
            m->command = ATA_PACKET;
    } else {
        model_sense(m, 5, 0x20);
    }
}

static inline void model_command(struct ide_model *m, u8 command)
{
    struct model_drive *d = model_selected(m);
    const u8 *r = m->reg, *o = m->old;
    const bool ext = command == ATA_READ_DMA_EXT || command == ATA_WRITE_DMA_EXT;

    m->commands++;
    m->line = false;
    if (d->kind == MODEL_NONE)
        return;
    if (m->status & (ATA_BSY | ATA_DRQ) || m->command != 0)
        m->wrong++;
    switch (command) {
    case ATA_IDENTIFY:
    case ATA_IDENTIFY_PACKET:
        if ((command == ATA_IDENTIFY_PACKET) != (d->kind == MODEL_CD)) {
            m->reg[3] = d->kind == MODEL_CD ? 0x14 : 0;
            m->reg[4] = d->kind == MODEL_CD ? 0xeb : 0;
            model_fail(m, 4);
            return;
        }
        m->pages++;
        model_offer(m, d->identify, 512);
        return;
    case ATA_PACKET:
        m->packet_wanted = true;
        m->pio_at = 0;
        m->pio_len = 12;
        m->status = ATA_DRDY | ATA_DRQ;
        return;
    case ATA_SET_FEATURES: model_end(m, ATA_DRDY, 0); return;
    case ATA_READ_DMA:
    case ATA_WRITE_DMA:
    case ATA_READ_DMA_EXT:
    case ATA_WRITE_DMA_EXT:
        m->count = ext ? (u32)o[1] << 8 | r[1] : r[1];
        if (m->count == 0)
            m->count = ext ? 65536 : 256;
        m->lba = r[2] | (u64)r[3] << 8 | (u64)r[4] << 16;
        m->lba |=
            ext ? (u64)o[2] << 24 | (u64)o[3] << 32 | (u64)o[4] << 40 : (u64)(r[5] & 15) << 24;
        m->command = command;
        m->status = ATA_DRDY | ATA_DRQ;
        return;
    case ATA_FLUSH_CACHE:
    case ATA_FLUSH_CACHE_EXT:
        m->command = command;
        m->status = ATA_BSY;
        return;
    default: m->wrong++; model_fail(m, 4);
    }
}

static inline void model_reset(struct ide_model *m)
{
    m->resets++;
    m->command = 0;
    m->packet_wanted = false;
    m->pio_len = m->pio_at = 0;
    m->line = false;
    m->status = m->stays_busy ? ATA_BSY : m->stale ? ATA_DRDY | ATA_DRQ : ATA_DRDY;
    m->stale = false;
    m->error = 1;
}

static inline u8 model_status(struct ide_model *m)
{
    return model_selected(m)->kind == MODEL_NONE ? 0 : m->status;
}

static inline u32 model_read(struct fake_io *io, bool ports, u64 at, u32 width)
{
    struct ide_model *m = io->device;

    if (!ports || m->dead)
        return 0xffffffffu >> (32 - 8 * width);
    switch (at) {
    case IDE_COMMAND: {
        u32 v = 0;
        if (width != 2 || !(m->status & ATA_DRQ) || m->pio_at + 2 > m->pio_len) {
            m->wrong++;
            return 0;
        }
        memcpy(&v, m->pio + m->pio_at, 2);
        m->pio_at += 2;
        if (m->pio_at == m->pio_len)
            m->status = ATA_DRDY;
        return v;
    }
    case IDE_COMMAND + 1: return m->error;
    case IDE_COMMAND + 4: return m->reg[3];
    case IDE_COMMAND + 5: return m->reg[4];
    case IDE_COMMAND + 7: m->line = false; return model_status(m);
    case IDE_CONTROL: return model_status(m);
    case IDE_MASTER: return m->bm_command;
    case IDE_MASTER + 2: return m->bm_status;
    default: m->wrong++; return 0xff;
    }
}

static inline void model_write_bm(struct ide_model *m, u64 at, u32 value)
{
    switch (at) {
    case IDE_MASTER:
        if ((value & 1) && !(m->bm_command & 1))
            m->bm_status |= BM_ACTIVE;
        if (!(value & 1))
            m->bm_status &= (u8)~BM_ACTIVE;
        m->bm_command = (u8)value;
        return;
    case IDE_MASTER + 2:
        m->bm_status = (u8)((m->bm_status & BM_ACTIVE) | (value & 0x60) |
                            (m->bm_status & ~value & (BM_INTERRUPT | BM_ERROR)));
        return;
    case IDE_MASTER + 4:
        m->wrong += value % 4 != 0;
        m->bm_table = value;
        return;
    default: m->wrong++;
    }
}

static inline void model_write_data(struct ide_model *m, u32 value)
{
    if (!m->packet_wanted) {
        m->wrong++;
        return;
    }
    memcpy(m->pio + m->pio_at, &value, 2);
    m->pio_at += 2;
    if (m->pio_at < 12)
        return;
    m->packet_wanted = false;
    m->pio_len = 0;
    m->status = ATA_BSY;
    model_packet(m);
}

static inline void model_write(struct fake_io *io, bool ports, u64 at, u32 width, u32 value)
{
    struct ide_model *m = io->device;

    if (!ports || m->dead)
        return;
    if (at >= IDE_MASTER) {
        model_write_bm(m, at, value);
    } else if (at == IDE_CONTROL) {
        if ((value & 4) && !(m->control & 4))
            model_reset(m);
        m->control = (u8)value;
    } else if (at == IDE_COMMAND) {
        m->wrong += width != 2;
        model_write_data(m, value);
    } else if (at == IDE_COMMAND + 7) {
        model_command(m, (u8)value);
    } else {
        m->old[at - IDE_COMMAND - 1] = m->reg[at - IDE_COMMAND - 1];
        m->reg[at - IDE_COMMAND - 1] = (u8)value;
    }
}

/* The drive goes on with its command.  True: the interrupt line rose. */
static inline bool ide_model_work(struct ide_model *m)
{
    if (m->silent || m->command == 0)
        return m->line;
    if (m->command == ATA_FLUSH_CACHE || m->command == ATA_FLUSH_CACHE_EXT) {
        model_selected(m)->flushes++;
        model_selected(m)->writes_cached = false;
        model_end(m, ATA_DRDY, 0);
    } else {
        model_dma(m);
    }
    return m->line;
}

static inline void ide_model_drive(struct ide_model *m, u32 number, enum model_kind kind,
                                   u64 sectors)
{
    struct model_drive *d = &m->drive[number];

    *d = (struct model_drive){.kind = kind,
                              .sectors = sectors,
                              .sector_size = kind == MODEL_CD ? 2048 : 512,
                              .bad_sector = ~0ull};
    if (sectors != 0) {
        d->media = malloc(sectors * d->sector_size);
        if (d->media == NULL)
            abort();
        for (u64 i = 0; i < sectors * d->sector_size; i++)
            d->media[i] = (u8)(i / 512 * 31 + i % 512 + number);
    }
    model_identity(d);
}

static inline void ide_model_open(struct ide_model *m)
{
    *m = (struct ide_model){.status = ATA_DRDY};
    fake_io_open(&m->io, m);
    m->io.read = model_read;
    m->io.write = model_write;
}

static inline bool ide_model_close(struct ide_model *m)
{
    free(m->drive[0].media);
    free(m->drive[1].media);
    return fake_io_close(&m->io);
}

static const struct ata_place ide_model_place = {IDE_COMMAND, IDE_CONTROL, IDE_MASTER, IDE_LINE,
                                                 false};
