/* The channel's state machine; see ide.h. */
#include "drivers/io/ide.h"
#include "drivers/io/ide_internal.h"
#include "lib/mem.h"

/* How long a drive that has just done a command may be busy before the next one. */
#define SELECT_LIMIT_US 100000u
#define RESET_STEP_US   100u

/* ------------------------------------------------------------ one command */

static err_t fill_table(const struct ide_channel *c, const struct disk_request *r)
{
    struct prd_table t;

    prd_begin(&t, (struct prd *)c->table.at, IDE_PRDS);
    for (u32 i = 0; i < r->segments; i++)
        TRY(prd_add(&t, r->segment[i].bus, r->segment[i].len));
    return prd_end(&t);
}

static err_t issue(struct ide_drive *d, const struct disk_request *r)
{
    static const enum ata_access access[DISK_OPS] = {
        [DISK_READ] = ATA_READ, [DISK_WRITE] = ATA_WRITE, [DISK_FLUSH] = ATA_FLUSH};
    struct ata_taskfile tf;

    if (d->id.packet)
        return ide_packet_begin(d, r);
    TRY(ata_taskfile(&d->id, d->number, access[r->op], r->sector, r->sectors, &tf));
    return ata_port_issue(&d->channel->port, &tf, SELECT_LIMIT_US);
}

static err_t begin(struct ide_channel *c, struct disk_request *r)
{
    struct ide_drive *d = ide_target(c, r);
    const bool to_memory = r->op == DISK_READ;

    if (r->op != DISK_FLUSH) {
        TRY(fill_table(c, r));
        io_publish();
    }
    c->by_interrupt = d->wants_interrupts && c->irq.id != 0;
    ata_port_interrupts(&c->port, c->by_interrupt);
    bm_prepare(&c->port, (u32)c->table.bus, to_memory);
    TRY(issue(d, r));
    if (r->op != DISK_FLUSH)
        bm_start(&c->port, to_memory);
    d->disk.counts.kicks++;
    return OK;
}

static void start_reset(struct ide_channel *c)
{
    bm_stop(&c->port);
    ata_port_soft_reset(&c->port);
    for (u32 i = 0; i < IDE_DRIVES; i++)
        if (c->drive[i].present)
            c->drive[i].disk.counts.resets++;
    c->state = IDE_RESET;
    c->reset_end = io_now(c->env) + IDE_RESET_LIMIT_US;
}

/* The next command that a drive takes. */
static void start_next(struct ide_channel *c)
{
    struct disk_request *r;

    while (c->state == IDE_IDLE && (r = ide_pop(&c->waiting)) != NULL) {
        const err_t err = begin(c, r);
        if (err == OK) {
            c->state = IDE_BUSY;
            c->current = r;
            return;
        }
        io_log(c->env, IO_LOG_WARN, "%s: does not take a command (status %x)",
               ide_target(c, r)->disk.name, ata_port_peek(&c->port));
        ide_end(c, r, err == E_RANGE || err == E_INVAL ? IO_ERROR : IO_TIMEOUT);
        start_reset(c);
    }
}

/* ------------------------------------------------------------ ends */

static enum io_result verdict(struct ide_drive *d, u8 status, u8 bm)
{
    if (status & (ATA_ERR | ATA_DF)) {
        const u8 error = ata_port_error(&d->channel->port);

        if (d->id.packet)
            return ide_packet_failed(d);
        io_log(d->disk.env, IO_LOG_WARN, "%s: %s (status %x, error %x)", d->disk.name,
               ata_error_text(status, error), status, error);
        return ata_error_result(status, error);
    }
    if (bm & (BM_ERROR | BM_ACTIVE)) {
        /* The bus failed, or the drive ended before it had moved all data. */
        d->disk.counts.nonsense++;
        io_log(d->disk.env, IO_LOG_WARN, "%s: data is missing (bus master %x)", d->disk.name, bm);
        return IO_ERROR;
    }
    return IO_DONE;
}

/* Of a command without interrupts, by the drive's status and the bus master's. */
static bool has_ended(const struct ide_channel *c, u8 bm)
{
    const u8 status = ata_port_peek(&c->port);

    if (ata_status_absent(status) || (status & (ATA_BSY | ATA_DRQ)))
        return false;
    return (status & (ATA_ERR | ATA_DF)) || !(bm & BM_ACTIVE);
}

/* Has the current command ended?  True: there was an interrupt of a drive, or there would have
 * been one. */
static bool look(struct ide_channel *c)
{
    const u8 bm = bm_status(&c->port);
    struct disk_request *r = c->current;

    if (!(bm & BM_INTERRUPT) && (r == NULL || c->by_interrupt || !has_ended(c, bm)))
        return false;
    const u8 status = ata_port_status(&c->port);
    if (r == NULL || ata_status_absent(status) || (status & (ATA_BSY | ATA_DRQ))) {
        if (r != NULL)
            ide_target(c, r)->disk.counts.nonsense++;
        bm_acknowledge(&c->port);
        return true;
    }
    struct ide_drive *d = ide_target(c, r);

    bm_stop(&c->port);
    io_fence();
    c->current = NULL;
    c->state = IDE_IDLE;
    ide_end(c, r, verdict(d, status, r->op == DISK_FLUSH ? 0 : bm));
    return true;
}

static bool on_interrupt(void *arg)
{
    struct ide_channel *c = (struct ide_channel *)arg;
    const struct disk_request *r = c->current;

    if (!(bm_status(&c->port) & BM_INTERRUPT))
        return false;
    if (r != NULL)
        ide_target(c, r)->disk.counts.interrupts++;
    (void)look(c);
    start_next(c);
    ide_tell(c);
    return true;
}

/* ------------------------------------------------------------ resets and losses */

static void lose(struct ide_drive *d)
{
    if (d->disk.lost || !d->present)
        return;
    io_log(d->disk.env, IO_LOG_ERROR, "%s: lost", d->disk.name);
    ide_end_waiting(d->channel, d, UINT64_MAX, IO_GONE);
    disk_lose(&d->disk);
}

static void lose_all(struct ide_channel *c)
{
    c->state = IDE_LOST;
    for (u32 i = 0; i < IDE_DRIVES; i++)
        lose(&c->drive[i]);
}

/* After a reset: it has to be the same drive. */
static void recognise(struct ide_drive *d)
{
    const struct ata_identity before = d->id;
    const u64 sectors = d->disk.sectors;

    if (!d->present || d->disk.lost)
        return;
    if (ide_identify(d) != OK || before.packet != d->id.packet || before.sectors != d->id.sectors ||
        strcmp(before.serial, d->id.serial) != 0 || (d->id.packet && ide_packet_look(d) != OK))
        lose(d);
    else if (sectors != d->disk.sectors && d->disk.event != NULL)
        d->disk.event(&d->disk, DISK_CHANGED);
}

/* Whether the reset is over; then the channel works, or is lost. */
static bool reset_is_over(struct ide_channel *c)
{
    const u8 status = ata_port_peek(&c->port);

    if (!ata_status_absent(status) && !(status & ATA_BSY)) {
        c->state = IDE_IDLE;
        for (u32 i = 0; i < IDE_DRIVES; i++)
            recognise(&c->drive[i]);
        return true;
    }
    if (io_now(c->env) < c->reset_end)
        return false;
    lose_all(c);
    return true;
}

static void late(struct ide_channel *c, u64 now)
{
    struct disk_request *r = c->current;
    const u8 status = ata_port_peek(&c->port), bm = bm_status(&c->port);

    c->current = NULL;
    start_reset(c);
    io_log(c->env, IO_LOG_WARN, "%s: no answer in time (status %x, bus master %x), resetting",
           ide_target(c, r)->disk.name, status, bm);
    ide_end(c, r, IO_TIMEOUT);
    ide_end_waiting(c, NULL, now, IO_TIMEOUT);
}

/* ------------------------------------------------------------ the disk's functions */

static err_t submit(struct disk *disk, struct disk_request *r)
{
    struct ide_drive *d = ide_drive_of(disk);

    if (d->queued >= IDE_DEPTH)
        return E_NOMEM;
    d->queued++;
    r->slot = d->number;
    r->deadline = io_now(disk->env) + disk->timeout_us;
    ide_push(&d->channel->waiting, r);
    return OK;
}

static void kick(struct disk *disk, u32 queue)
{
    (void)queue;
    start_next(ide_drive_of(disk)->channel);
}

static u64 wanted_at(const struct ide_channel *c, u64 now)
{
    if (c->ended.first != NULL)
        return now;
    if (c->current != NULL)
        return c->current->deadline;
    return c->state == IDE_RESET ? now + RESET_STEP_US : IO_NEVER;
}

static u64 poll(struct disk *disk)
{
    struct ide_channel *c = ide_drive_of(disk)->channel;

    if (c->current != NULL)
        (void)look(c);
    if (c->state == IDE_RESET)
        (void)reset_is_over(c);
    const u64 now = io_now(c->env);
    if (c->current != NULL && c->current->deadline <= now)
        late(c, now);
    start_next(c);
    ide_tell(c);
    return wanted_at(c, now);
}

static void interrupts(struct disk *disk, bool on)
{
    struct ide_drive *d = ide_drive_of(disk);
    struct ide_channel *c = d->channel;

    /* The command that is under way ends as it began: both ways are looked at. */
    if (!on && c->current != NULL && ide_target(c, c->current) == d)
        c->by_interrupt = false;
    d->wants_interrupts = on;
    const bool want = c->drive[0].wants_interrupts || c->drive[1].wants_interrupts;
    if (want == (c->irq.id != 0))
        return;
    if (!want) {
        c->env->ops->irq_free(c->env, &c->irq);
        c->irq.id = 0;
        return;
    }
    c->irq.handler = on_interrupt;
    c->irq.arg = c;
    if (c->env->ops->irq_line(c->env, c->irq_line, c->irq_level, &c->irq) != OK) {
        c->irq.id = 0;
        io_log(c->env, IO_LOG_WARN, "%s: no interrupt line %u; it has to be polled", disk->name,
               c->irq_line);
    }
}

/* Takes a drive's requests out of the channel; what is in a drive is stopped by a reset. */
static void empty(struct ide_channel *c, struct ide_drive *d, enum io_result result)
{
    if (c->state == IDE_BUSY) {
        struct disk_request *r = c->current;

        c->current = NULL;
        start_reset(c);
        ide_end(c, r, ide_target(c, r) == d ? result : IO_RESET);
    }
    ide_end_waiting(c, d, UINT64_MAX, result);
}

void ide_settle(struct ide_channel *c)
{
    while (c->state == IDE_RESET && !reset_is_over(c))
        c->env->ops->delay(c->env, RESET_STEP_US);
}

static err_t reset(struct disk *disk)
{
    struct ide_drive *d = ide_drive_of(disk);
    struct ide_channel *c = d->channel;

    empty(c, d, IO_RESET);
    if (c->state == IDE_IDLE)
        start_reset(c);
    ide_settle(c);
    start_next(c);
    ide_tell(c);
    return disk->lost ? E_IO : OK;
}

static void close(struct ide_channel *c)
{
    bm_stop(&c->port); /* it may have been deaf when a reset told it */
    if (c->irq.id != 0)
        c->env->ops->irq_free(c->env, &c->irq);
    c->irq.id = 0;
    c->env->ops->dma_free(c->env, &c->table);
    c->state = IDE_LOST;
}

static void stop(struct disk *disk)
{
    struct ide_drive *d = ide_drive_of(disk);
    struct ide_channel *c = d->channel;

    if (!d->present)
        return;
    empty(c, d, IO_GONE);
    disk->lost = true;
    d->present = false;
    interrupts(disk, false);
    ide_tell(c);
    if (!c->drive[0].present && !c->drive[1].present)
        close(c);
}

const struct disk_ops ide_operations = {
    .submit = submit,
    .kick = kick,
    .poll = poll,
    .interrupts = interrupts,
    .reset = reset,
    .stop = stop,
};
