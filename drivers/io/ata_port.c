/* Registers of an ATA channel; see ata_port.h. */
#include "drivers/io/ata_port.h"

/* The command block, and what is in its last two places for reading and for writing. */
enum { DATA, ERROR, COUNT, LBA_LOW, LBA_MID, LBA_HIGH, DEVICE, STATUS };
#define FEATURES ERROR
#define COMMAND  STATUS

enum { CONTROL_NO_INTERRUPTS = 0x02, CONTROL_RESET = 0x04, CONTROL_OLD = 0x08 };

enum { BM_COMMAND = 0, BM_STATUS = 2, BM_TABLE = 4 };
enum { BM_START = 0x01, BM_TO_MEMORY = 0x08, BM_DRIVES_CAN = 0x60 };

#define RESET_PULSE_US 5u
#define STEP_SHORT_US  1u
#define STEP_LONG_US   20u
#define SHORT_STEPS    200u

err_t ata_port_open(struct ata_port *p, struct io_env *env, const struct ata_place *place)
{
    p->env = env;
    TRY(env->ops->ports(env, place->command, 8, &p->command));
    TRY(env->ops->ports(env, place->control, 1, &p->control));
    return env->ops->ports(env, place->bus_master, 8, &p->bus_master);
}

u8 ata_port_peek(const struct ata_port *p)
{
    return io_read8(&p->control, 0);
}

u8 ata_port_status(const struct ata_port *p)
{
    return io_read8(&p->command, STATUS);
}

u8 ata_port_error(const struct ata_port *p)
{
    return io_read8(&p->command, ERROR);
}

bool ata_status_absent(u8 status)
{
    /* With and without the pull-down of bit 7. */
    return status == 0xff || status == 0x7f;
}

/* After a command or another drive was selected, its status is valid after 400 ns. */
static void settle(const struct ata_port *p)
{
    p->env->ops->delay(p->env, 1);
}

static err_t wait_until(const struct ata_port *p, u8 mask, u8 value, u32 limit_us, u8 *status)
{
    const u64 end = io_now(p->env) + limit_us;

    for (u32 i = 0;; i++) {
        const bool last = io_now(p->env) >= end;
        *status = ata_port_peek(p);
        if (ata_status_absent(*status))
            return E_NOENT;
        if ((*status & mask) == value)
            return OK;
        if (last)
            return E_IO;
        p->env->ops->delay(p->env, i < SHORT_STEPS ? STEP_SHORT_US : STEP_LONG_US);
    }
}

err_t ata_port_wait_idle(const struct ata_port *p, u32 limit_us, u8 *status)
{
    return wait_until(p, ATA_BSY | ATA_DRQ, 0, limit_us, status);
}

err_t ata_port_wait_data(const struct ata_port *p, u32 limit_us, u8 *status)
{
    TRY(wait_until(p, ATA_BSY, 0, limit_us, status));
    return *status & ATA_DRQ ? OK : E_INVAL;
}

err_t ata_port_issue(const struct ata_port *p, const struct ata_taskfile *tf, u32 limit_us)
{
    u8 status;

    io_write8(&p->command, DEVICE, tf->device);
    settle(p);
    TRY(ata_port_wait_idle(p, limit_us, &status));
    if (tf->ext) {
        io_write8(&p->command, FEATURES, 0);
        io_write8(&p->command, COUNT, tf->count_high);
        io_write8(&p->command, LBA_LOW, tf->lba_low_high);
        io_write8(&p->command, LBA_MID, tf->lba_mid_high);
        io_write8(&p->command, LBA_HIGH, tf->lba_high_high);
    }
    io_write8(&p->command, FEATURES, tf->features);
    io_write8(&p->command, COUNT, tf->count);
    io_write8(&p->command, LBA_LOW, tf->lba_low);
    io_write8(&p->command, LBA_MID, tf->lba_mid);
    io_write8(&p->command, LBA_HIGH, tf->lba_high);
    io_write8(&p->command, COMMAND, tf->command);
    settle(p);
    return OK;
}

void ata_port_read_words(const struct ata_port *p, u16 *words, u32 count)
{
    for (u32 i = 0; i < count; i++)
        words[i] = io_read16(&p->command, DATA);
}

void ata_port_write_bytes(const struct ata_port *p, const u8 *bytes, u32 count)
{
    for (u32 i = 0; i + 1 < count; i += 2)
        io_write16(&p->command, DATA, (u16)(bytes[i] | bytes[i + 1] << 8));
}

void ata_port_interrupts(const struct ata_port *p, bool on)
{
    io_write8(&p->control, 0, (u8)(CONTROL_OLD | (on ? 0 : CONTROL_NO_INTERRUPTS)));
}

void ata_port_soft_reset(const struct ata_port *p)
{
    io_write8(&p->control, 0, CONTROL_OLD | CONTROL_NO_INTERRUPTS | CONTROL_RESET);
    p->env->ops->delay(p->env, RESET_PULSE_US);
    io_write8(&p->control, 0, CONTROL_OLD | CONTROL_NO_INTERRUPTS);
}

u16 ata_port_signature(const struct ata_port *p)
{
    return (u16)(io_read8(&p->command, LBA_MID) | io_read8(&p->command, LBA_HIGH) << 8);
}

void bm_prepare(const struct ata_port *p, u32 table_bus, bool to_memory)
{
    io_write8(&p->bus_master, BM_COMMAND, to_memory ? BM_TO_MEMORY : 0);
    io_write32(&p->bus_master, BM_TABLE, table_bus);
    bm_acknowledge(p);
}

void bm_start(const struct ata_port *p, bool to_memory)
{
    io_write8(&p->bus_master, BM_COMMAND, (u8)(BM_START | (to_memory ? BM_TO_MEMORY : 0)));
}

u8 bm_status(const struct ata_port *p)
{
    return io_read8(&p->bus_master, BM_STATUS);
}

void bm_acknowledge(const struct ata_port *p)
{
    /* Written ones clear; what says that the drives can do DMA is kept. */
    io_write8(&p->bus_master, BM_STATUS,
              (u8)((bm_status(p) & BM_DRIVES_CAN) | BM_INTERRUPT | BM_ERROR));
}

void bm_stop(const struct ata_port *p)
{
    io_write8(&p->bus_master, BM_COMMAND, 0);
    bm_acknowledge(p);
}
