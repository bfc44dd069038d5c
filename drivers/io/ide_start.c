/* Finding the drives of an IDE channel; see ide.h. */
#include "drivers/io/ide_internal.h"
#include "lib/fmt.h"

/* A drive that was not found: lost, so that everything asked of it is refused. */
static void clear_drive(struct ide_channel *c, u32 number)
{
    struct ide_drive *d = &c->drive[number];

    *d = (struct ide_drive){.channel = c, .number = number};
    d->disk = (struct disk){
        .ops = &ide_operations, .env = c->env, .timeout_us = DISK_TIMEOUT_US, .lost = true};
    fmt_buf(d->disk.name, sizeof(d->disk.name), "%s.%u", c->name, number);
}

static bool find_drive(struct ide_channel *c, u32 number)
{
    struct ide_drive *d = &c->drive[number];

    clear_drive(c, number);
    if (ide_identify(d) != OK)
        return false;
    ide_describe(d);
    if (d->id.packet && ide_packet_look(d) != OK) {
        io_log(c->env, IO_LOG_WARN, "%s: %s is not used: it takes no packets", d->disk.name,
               d->id.model);
        return false;
    }
    d->present = true;
    d->disk.lost = false;
    disk_interrupts(&d->disk, true);
    io_log(c->env, IO_LOG_INFO, "%s: %s, %llu sectors of %u bytes%s", d->disk.name, d->id.model,
           (unsigned long long)d->disk.sectors, d->disk.sector_size,
           d->disk.flags & DISK_HAS_NO_MEDIUM ? ", no medium" : "");
    return true;
}

static err_t find_drives(struct ide_channel *c)
{
    u32 found = 0;
    u8 status;

    if (ata_status_absent(ata_port_peek(&c->port)))
        return E_NOENT;
    ata_port_soft_reset(&c->port);
    TRY(ata_port_wait_idle(&c->port, IDE_RESET_LIMIT_US, &status));
    for (u32 i = 0; i < IDE_DRIVES; i++)
        found += find_drive(c, i);
    return found > 0 ? OK : E_NOENT;
}

err_t ide_start(struct ide_channel *c, struct io_env *env, const struct ata_place *place,
                const char *name)
{
    *c = (struct ide_channel){
        .env = env, .irq_line = place->irq, .irq_level = place->level, .state = IDE_IDLE};
    fmt_buf(c->name, sizeof(c->name), "%s", name);
    for (u32 i = 0; i < IDE_DRIVES; i++)
        clear_drive(c, i);
    TRY(ata_port_open(&c->port, env, place));
    const u32 len = IDE_PRDS * (u32)sizeof(struct prd);
    TRY(env->ops->dma_alloc(env, len, (u32)PAGE_SIZE, IO_BUS_32, &c->table));
    _Static_assert(IDE_PRDS * sizeof(struct prd) <= PAGE_SIZE, "the table crosses no 64 KiB");
    const err_t err = prd_place_ok(c->table.bus, IDE_PRDS) ? find_drives(c) : E_NOMEM;
    if (err != OK)
        env->ops->dma_free(env, &c->table);
    return err;
}

err_t ide_start_drive(struct ide_channel *c, u32 number)
{
    if (number >= IDE_DRIVES)
        return E_RANGE;
    if (c->drive[number].present)
        return E_EXIST;
    ide_settle(c);
    if (c->state != IDE_IDLE)
        return E_IO;
    return find_drive(c, number) ? OK : E_NOENT;
}

err_t ide_place(const struct pci_function *f, u32 channel, struct ata_place *place)
{
    static const struct ata_place old[IDE_CHANNELS] = {
        {.command = 0x1f0, .control = 0x3f6, .irq = 14},
        {.command = 0x170, .control = 0x376, .irq = 15},
    };

    if (f->class != IDE_CLASS || f->subclass != IDE_SUBCLASS || channel >= IDE_CHANNELS)
        return E_NOENT;
    if (!(f->interface & IDE_IS_MASTER) || f->bar[4].kind != PCI_BAR_PORTS || f->bar[4].base == 0)
        return E_NOTSUP;
    *place = old[channel];
    if (f->interface & IDE_IS_NATIVE(channel)) {
        const struct pci_bar *command = &f->bar[2 * channel], *control = command + 1;

        if (command->kind != PCI_BAR_PORTS || control->kind != PCI_BAR_PORTS)
            return E_NOTSUP;
        place->command = (u16)command->base;
        place->control = (u16)(control->base + 2);
        place->irq = f->line;
        place->level = true;
    }
    place->bus_master = (u16)(f->bar[4].base + 8 * channel);
    pci_command(f, PCI_COMMAND_IO | PCI_COMMAND_MASTER, 0);
    return OK;
}
