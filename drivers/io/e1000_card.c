/* Registers of the 8254x; see e1000_card.h.  Manual 317453, chapter 13 "Register Descriptions" and
 * 14 "General Initialization and Reset Operation". */
#include "drivers/io/e1000_card.h"
#include "lib/mem.h"

enum {
    CTRL = 0x0000,
    STATUS = 0x0008,
    EERD = 0x0014,
    ICR = 0x00c0,
    ICS = 0x00c8,
    IMS = 0x00d0,
    IMC = 0x00d8,
    RCTL = 0x0100,
    TCTL = 0x0400,
    TIPG = 0x0410,
    RDBAL = 0x2800,
    RDBAH = 0x2804,
    RDLEN = 0x2808,
    RDH = 0x2810,
    RDT = 0x2818,
    RDTR = 0x2820,
    RADV = 0x282c,
    TDBAL = 0x3800,
    TDBAH = 0x3804,
    TDLEN = 0x3808,
    TDH = 0x3810,
    TDT = 0x3818,
    MTA = 0x5200,
    RAL = 0x5400,
    RAH = 0x5404,
};
#define MTA_WORDS          128u
#define ADDRESSES          16u

#define CTRL_LINK_RESET    BIT32(3)
#define CTRL_AUTO_SPEED    BIT32(5)
#define CTRL_LINK_UP       BIT32(6)
#define CTRL_INVERT_LOSS   BIT32(7)
#define CTRL_FORCE_SPEED   BIT32(11)
#define CTRL_FORCE_DUPLEX  BIT32(12)
#define CTRL_RESET         BIT32(26)
#define CTRL_VLAN          BIT32(30)
#define CTRL_PHY_RESET     BIT32(31)

#define STATUS_LINK        BIT32(1)
#define STATUS_SPEED_SHIFT 6u

#define EERD_START         BIT32(0)
#define EERD_DONE          BIT32(4)
#define EERD_ADDRESS_SHIFT 8u
#define EERD_DATA_SHIFT    16u
#define EEPROM_WORDS       64u
#define EEPROM_SUM         0xbabau

#define RCTL_ON            BIT32(1)
#define RCTL_PROMISCUOUS   BIT32(3)
#define RCTL_MULTICAST     BIT32(4)
#define RCTL_BROADCAST     BIT32(15)
#define RCTL_STRIP_CRC     BIT32(26)
/* Size of buffers: 0 in its two fields is 2048. */
_Static_assert(E1000_RX_BYTES == 2048, "the size field");

#define TCTL_ON            BIT32(1)
#define TCTL_PAD           BIT32(3)
#define TCTL_COLLISIONS    (0x0fu << 4)
#define TCTL_COLLISION_LEN (0x40u << 12) /* full duplex */
/* The manual's gaps for copper, in units of 8 bit times. */
#define TIPG_COPPER (10u | 8u << 10 | 6u << 20)

#define RAH_VALID   BIT32(31)

#define ALL_CAUSES  0xffffffffu
#define WANTED_CAUSES                                                                              \
    (E1000_TX_WRITTEN | E1000_LINK | E1000_RX_LOW | E1000_RX_OVERRUN | E1000_RX_TIMER)
#define GONE           0xffffffffu

#define RESET_LIMIT_US 20000u
#define RESET_STEP_US  10u
/* Bus accesses that are under way end, and the EEPROM is read anew, in less than this. */
#define SETTLE_US       5000u
#define EEPROM_LIMIT_US 2000u
#define EEPROM_STEP_US  5u

static u32 get(const struct e1000 *e, u32 reg)
{
    return io_read32(&e->registers, reg);
}

static void set(const struct e1000 *e, u32 reg, u32 value)
{
    io_write32(&e->registers, reg, value);
}

static void wait_us(const struct e1000 *e, u32 us)
{
    e->nic.env->ops->delay(e->nic.env, us);
}

err_t e1000_card_reset(struct e1000 *e)
{
    set(e, IMC, ALL_CAUSES);
    set(e, RCTL, 0);
    set(e, TCTL, 0);
    wait_us(e, SETTLE_US);
    set(e, CTRL, get(e, CTRL) | CTRL_RESET);
    wait_us(e, SETTLE_US);

    const u64 end = io_now(e->nic.env) + RESET_LIMIT_US;
    while (get(e, CTRL) & CTRL_RESET) {
        if (io_now(e->nic.env) >= end)
            return E_IO;
        wait_us(e, RESET_STEP_US);
    }
    /* An emulator's reset leaves registers alone. */
    set(e, IMC, ALL_CAUSES);
    set(e, RCTL, 0);
    set(e, TCTL, 0);
    (void)get(e, ICR);
    return get(e, STATUS) == GONE ? E_IO : OK;
}

static err_t eeprom_word(struct e1000 *e, u32 index, u16 *word)
{
    const u64 end = io_now(e->nic.env) + EEPROM_LIMIT_US;

    set(e, EERD, index << EERD_ADDRESS_SHIFT | EERD_START);
    for (;;) {
        const bool last = io_now(e->nic.env) >= end;
        const u32 value = get(e, EERD);
        if (value != GONE && (value & EERD_DONE)) {
            *word = (u16)(value >> EERD_DATA_SHIFT);
            return OK;
        }
        if (last)
            return E_IO;
        wait_us(e, EEPROM_STEP_US);
    }
}

/* One card's own address: not a group's, and not nothing. */
static bool is_address(const u8 mac[6])
{
    static const u8 nothing[6];

    return !(mac[0] & 1) && memcmp(mac, nothing, 6) != 0;
}

err_t e1000_card_address(struct e1000 *e, u8 mac[6])
{
    u16 sum = 0, word;

    for (u32 i = 0; i < EEPROM_WORDS; i++) {
        TRY(eeprom_word(e, i, &word));
        sum = (u16)(sum + word);
        if (i < 3) {
            mac[2 * i] = (u8)word;
            mac[2 * i + 1] = (u8)(word >> 8);
        }
    }
    if (sum != EEPROM_SUM)
        io_log(e->nic.env, IO_LOG_WARN, "%s: the EEPROM's sum is %x", e->nic.name, sum);
    return is_address(mac) ? OK : E_IO;
}

static void set_filters(struct e1000 *e)
{
    const u8 *mac = e->nic.mac;

    set(e, RAL, mac[0] | (u32)mac[1] << 8 | (u32)mac[2] << 16 | (u32)mac[3] << 24);
    set(e, RAH, mac[4] | (u32)mac[5] << 8 | RAH_VALID);
    for (u32 i = 1; i < ADDRESSES; i++) {
        set(e, RAL + 8 * i, 0);
        set(e, RAH + 8 * i, 0);
    }
    for (u32 i = 0; i < MTA_WORDS; i++)
        set(e, MTA + 4 * i, 0);
}

void e1000_card_setup(struct e1000 *e)
{
    const u32 off = CTRL_LINK_RESET | CTRL_INVERT_LOSS | CTRL_FORCE_SPEED | CTRL_FORCE_DUPLEX |
                    CTRL_VLAN | CTRL_PHY_RESET;

    set(e, CTRL, (get(e, CTRL) & ~off) | CTRL_AUTO_SPEED | CTRL_LINK_UP);
    set_filters(e);
    set(e, RDBAL, (u32)e->rx_memory.bus);
    set(e, RDBAH, (u32)(e->rx_memory.bus >> 32));
    set(e, RDLEN, E1000_RX_RING * (u32)sizeof(struct e1000_rx));
    set(e, RDH, 0);
    set(e, RDT, 0);
    set(e, RDTR, 0);
    set(e, RADV, 0);
    set(e, TDBAL, (u32)e->tx_memory.bus);
    set(e, TDBAH, (u32)(e->tx_memory.bus >> 32));
    set(e, TDLEN, E1000_TX_RING * (u32)sizeof(struct e1000_tx));
    set(e, TDH, 0);
    set(e, TDT, 0);
    set(e, TIPG, TIPG_COPPER);
    set(e, TCTL, TCTL_ON | TCTL_PAD | TCTL_COLLISIONS | TCTL_COLLISION_LEN);
}

void e1000_card_receive(struct e1000 *e)
{
    u32 value = RCTL_ON | RCTL_BROADCAST | RCTL_STRIP_CRC;

    if (e->mode & NIC_PROMISCUOUS)
        value |= RCTL_PROMISCUOUS | RCTL_MULTICAST;
    if (e->mode & NIC_ALL_MULTICAST)
        value |= RCTL_MULTICAST;
    set(e, RCTL, value);
}

err_t e1000_card_link(struct e1000 *e, bool *up, u32 *speed_mbit)
{
    static const u32 speeds[4] = {10, 100, 1000, 1000};
    const u32 status = get(e, STATUS);

    if (status == GONE)
        return E_IO;
    *up = status & STATUS_LINK;
    *speed_mbit = *up ? speeds[status >> STATUS_SPEED_SHIFT & 3] : 0;
    return OK;
}

void e1000_card_interrupts(struct e1000 *e, bool on)
{
    if (on)
        set(e, IMS, WANTED_CAUSES);
    else
        set(e, IMC, ALL_CAUSES);
}

u32 e1000_card_causes(struct e1000 *e)
{
    return get(e, ICR);
}

void e1000_card_again(struct e1000 *e)
{
    set(e, ICS, E1000_RX_TIMER);
}

void e1000_card_rx_tail(struct e1000 *e)
{
    set(e, RDT, e1000_tail(&e->rx));
}

void e1000_card_tx_tail(struct e1000 *e)
{
    set(e, TDT, e1000_tail(&e->tx));
}
