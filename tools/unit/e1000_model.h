/* An 82540EM behind a configuration space, as far as drivers/io/e1000.c goes, on top of fake_io.h.
 * It is strict: what a driver may not do is counted in `wrong`.  Like the emulators' its reset
 * leaves registers alone.  Frames are sent and received when the test says so. */
#pragma once
#include "drivers/io/e1000.h"
#include "tools/unit/fake_io.h"

#define E1000_ECAM   0xe0000000ull
#define E1000_BAR    0xfebc0000u
#define E1000_LINE   11u
#define E1000_FRAMES 64u
#define E1000_LEN    0x20000u

struct e1000_model {
    struct fake_io io;
    struct pci pci;
    struct pci_function function;
    u8 config[256];
    u32 reg[E1000_LEN / 4];
    u16 eeprom[64];
    u32 resets;
    /* What was sent. */
    u8 sent[E1000_FRAMES][2048];
    u32 sent_len[E1000_FRAMES], sents;
    u8 frame[2048];
    u32 frame_len;
    bool sums;
    u32 sum_start, sum_place;
    /* What goes wrong. */
    bool gone;   /* reads as ones */
    bool silent; /* sends nothing */
    bool stays_reset;
    bool no_eeprom;
    u32 wrong;
};

enum {
    M_CTRL = 0x0000 / 4,
    M_STATUS = 0x0008 / 4,
    M_EERD = 0x0014 / 4,
    M_ICR = 0x00c0 / 4,
    M_ICS = 0x00c8 / 4,
    M_IMS = 0x00d0 / 4,
    M_IMC = 0x00d8 / 4,
    M_RCTL = 0x0100 / 4,
    M_TCTL = 0x0400 / 4,
    M_RDBAL = 0x2800 / 4,
    M_RDLEN = 0x2808 / 4,
    M_RDH = 0x2810 / 4,
    M_RDT = 0x2818 / 4,
    M_TDBAL = 0x3800 / 4,
    M_TDLEN = 0x3808 / 4,
    M_TDH = 0x3810 / 4,
    M_TDT = 0x3818 / 4,
    M_MTA = 0x5200 / 4,
    M_RAL = 0x5400 / 4,
};

static inline void *model_memory(struct e1000_model *m, u64 bus, u64 len)
{
    void *at = fake_at(&m->io, bus, len);

    m->wrong += at == NULL;
    return at;
}

static inline bool model_line(const struct e1000_model *m)
{
    return m->reg[M_ICR] & m->reg[M_IMS];
}

static inline void model_cause(struct e1000_model *m, u32 causes)
{
    m->reg[M_ICR] |= causes;
}

static inline u32 model_register(struct e1000_model *m, u32 index)
{
    const u32 value = m->reg[index];

    if (index == M_ICR)
        m->reg[M_ICR] = 0;
    if (index == M_EERD && (value & 1) && !m->no_eeprom)
        return (u32)m->eeprom[value >> 8 & 63] << 16 | 0x10 | (value & 0xff00);
    return value;
}

static inline u32 e1000_model_read(struct fake_io *io, bool ports, u64 at, u32 width)
{
    struct e1000_model *m = io->device;
    u32 value = 0xffffffffu >> (32 - 8 * width);

    if (ports || m->gone)
        return value;
    if (at >= E1000_ECAM && at + width <= E1000_ECAM + 256) {
        value = 0;
        memcpy(&value, &m->config[at - E1000_ECAM], width);
        return value;
    }
    if (at < E1000_BAR || at + width > (u64)E1000_BAR + E1000_LEN || width != 4) {
        m->wrong++;
        return value;
    }
    return model_register(m, (u32)(at - E1000_BAR) / 4);
}

static inline void model_store(struct e1000_model *m, u32 index, u32 value)
{
    switch (index) {
    case M_CTRL:
        if (value & BIT32(26))
            m->resets++;
        m->reg[M_CTRL] = m->stays_reset ? value : value & ~BIT32(26);
        return;
    case M_IMS: m->reg[M_IMS] |= value; return;
    case M_IMC: m->reg[M_IMS] &= ~value; return;
    case M_ICS: m->reg[M_ICR] |= value; return;
    case M_RDBAL:
    case M_TDBAL:
    case M_RDH:
    case M_TDH:
        /* Not while the ring is in use. */
        m->wrong += (m->reg[index < M_TDBAL ? M_RCTL : M_TCTL] & 2) != 0;
        break;
    case M_RCTL:
        /* The emulators take an empty ring for a full one. */
        m->wrong += (value & 2) && m->reg[M_RDH] == m->reg[M_RDT];
        break;
    default: break;
    }
    m->reg[index] = value;
}

static inline void model_configure(struct e1000_model *m, u32 offset, u32 width, u32 value)
{
    if (offset == PCI_BAR)
        value &= ~(E1000_LEN - 1);
    else if (offset > PCI_BAR && offset < PCI_BAR + 4 * PCI_BARS)
        value = 0;
    memcpy(&m->config[offset], &value, width);
}

static inline void e1000_model_write(struct fake_io *io, bool ports, u64 at, u32 width, u32 value)
{
    struct e1000_model *m = io->device;

    if (ports || m->gone)
        return;
    if (at >= E1000_ECAM && at + width <= E1000_ECAM + 256)
        model_configure(m, (u32)(at - E1000_ECAM), width, value);
    else if (at < E1000_BAR || at + width > (u64)E1000_BAR + E1000_LEN || width != 4)
        m->wrong++;
    else
        model_store(m, (u32)(at - E1000_BAR) / 4, value);
}

static inline void model_checksum(struct e1000_model *m)
{
    u32 sum = 0;

    if (m->sum_place + 2 > m->frame_len || m->sum_start >= m->frame_len) {
        m->wrong++;
        return;
    }
    for (u32 i = m->sum_start; i < m->frame_len; i++)
        sum += (u32)m->frame[i] << ((i - m->sum_start) % 2 ? 0 : 8);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    m->frame[m->sum_place] = (u8)(~sum >> 8);
    m->frame[m->sum_place + 1] = (u8)~sum;
}

static inline void model_send(struct e1000_model *m, struct e1000_tx *d)
{
    const u32 len = d->command & 0xfffff, type = d->command >> 20 & 0xf;

    m->wrong += !(d->command & BIT32(29));
    if (type == 0) {
        m->sum_start = (u8)(d->address >> 32);
        m->sum_place = (u8)(d->address >> 40);
        m->wrong += d->address >> 48 != 0;
        return;
    }
    const u8 *from = model_memory(m, d->address, len);
    if (from == NULL || m->frame_len + len > sizeof(m->frame) || len == 0) {
        m->wrong++;
        return;
    }
    memcpy(m->frame + m->frame_len, from, len);
    m->frame_len += len;
    m->sums = d->status & 0x200;
    if (!(d->command & BIT32(24)))
        return;
    if (m->sums)
        model_checksum(m);
    m->wrong += !(d->command & BIT32(25)) || !(d->command & BIT32(27)) || m->sents == E1000_FRAMES;
    memcpy(m->sent[m->sents % E1000_FRAMES], m->frame, m->frame_len);
    m->sent_len[m->sents++ % E1000_FRAMES] = m->frame_len;
    m->frame_len = 0;
}

/* Sends what is in the ring, at most `max` descriptors. */
static inline void e1000_model_send(struct e1000_model *m, u32 max)
{
    const u32 size = m->reg[M_TDLEN] / (u32)sizeof(struct e1000_tx);

    if (m->silent || m->gone || !(m->reg[M_TCTL] & 2) || size == 0)
        return;
    for (u32 i = 0; i < max && m->reg[M_TDH] != m->reg[M_TDT]; i++) {
        struct e1000_tx *d =
            model_memory(m, m->reg[M_TDBAL] + m->reg[M_TDH] * sizeof(*d), sizeof(*d));
        if (d == NULL)
            return;
        model_send(m, d);
        if (d->command & BIT32(27)) {
            d->status |= 1;
            model_cause(m, 1);
        }
        m->reg[M_TDH] = (m->reg[M_TDH] + 1) % size;
    }
}

/* One descriptor gets `len` bytes.  False: there is none. */
static inline bool e1000_model_part(struct e1000_model *m, const u8 *bytes, u32 len, u8 status,
                                    u8 errors)
{
    const u32 size = m->reg[M_RDLEN] / (u32)sizeof(struct e1000_rx);

    if (m->gone || !(m->reg[M_RCTL] & 2) || size == 0 || m->reg[M_RDH] == m->reg[M_RDT]) {
        model_cause(m, 0x40);
        return false;
    }
    struct e1000_rx *d = model_memory(m, m->reg[M_RDBAL] + m->reg[M_RDH] * sizeof(*d), sizeof(*d));
    u8 *to = d == NULL ? NULL : model_memory(m, d->address, 2048);
    if (d == NULL || to == NULL)
        return false;
    memcpy(to, bytes, MIN(len, 2048u));
    d->length = (u16)len;
    d->errors = errors;
    d->status |= status;
    m->reg[M_RDH] = (m->reg[M_RDH] + 1) % size;
    model_cause(m, 0x80);
    return true;
}

static inline bool e1000_model_receive(struct e1000_model *m, const u8 *bytes, u32 len)
{
    return e1000_model_part(m, bytes, len, 3, 0);
}

static inline void e1000_model_open(struct e1000_model *m)
{
    static const u8 mac[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
    u16 sum = 0;

    memset(m, 0, sizeof(*m));
    fake_io_open(&m->io, m);
    m->io.read = e1000_model_read;
    m->io.write = e1000_model_write;
    for (u32 i = 0; i < 3; i++)
        m->eeprom[i] = (u16)(mac[2 * i] | mac[2 * i + 1] << 8);
    for (u32 i = 0; i < 63; i++)
        sum = (u16)(sum + m->eeprom[i]);
    m->eeprom[63] = (u16)(0xbaba - sum);
    m->reg[M_STATUS] = 0x83; /* full duplex, link, 1000 Mbit/s */
    m->reg[M_TCTL] = m->reg[M_IMS] = 0;
    m->config[PCI_INTERRUPT_LINE] = E1000_LINE;
    m->config[PCI_INTERRUPT_PIN] = 1;
    m->pci = (struct pci){.env = &m->io.env,
                          .ecam = {.env = &m->io.env, .at = E1000_ECAM, .len = 1 << 20}};
    m->function = (struct pci_function){
        .pci = &m->pci,
        .vendor = E1000_VENDOR,
        .id = E1000_DEVICE,
        .pin = 1,
        .line = E1000_LINE,
    };
    model_configure(m, PCI_BAR, 4, E1000_BAR);
}

static inline bool e1000_model_close(struct e1000_model *m)
{
    return fake_io_close(&m->io);
}
