/* drivers/io/ide*.c against the model of ide_model.h. */
#include "tools/unit/ide_jobs.h"

static void test_start(void **state)
{
    (void)state;
    assert_int_equal(disk(0)->sectors, DISK_SECTORS);
    assert_int_equal(disk(0)->sector_size, 512);
    assert_int_equal(disk(0)->flags, DISK_CAN_FLUSH);
    assert_string_equal(disk(0)->id, "MODEL-0001");
    assert_string_equal(disk(0)->name, "ide0.0");
    assert_int_equal(disk(1)->sectors, CD_SECTORS);
    assert_int_equal(disk(1)->sector_size, 2048);
    assert_int_equal(disk(1)->flags, DISK_IS_READ_ONLY | DISK_IS_REMOVABLE);
    assert_non_null(strstr(m.io.log, "ide0.0: Model of a disk, 4096 sectors of 512 bytes\n"));
}

static void test_nothing_there(void **state)
{
    struct ide_channel other;

    (void)state;
    m.dead = true;
    assert_int_equal(ide_start(&other, &m.io.env, &ide_model_place, "ide1"), E_NOENT);
    m.dead = false;
    m.stays_busy = true;
    assert_int_equal(ide_start(&other, &m.io.env, &ide_model_place, "ide1"), E_IO);
    m.stays_busy = false;
    assert_int_equal(m.io.blocks, 1); /* the other channel's */
    for (u32 i = 0; i < IDE_DRIVES; i++) {
        assert_true(other.drive[i].disk.lost);
        disk_stop(&other.drive[i].disk);
    }
    m.status = ATA_DRDY;
}

/* Written, read back and compared: sizes, places, and segments at odd places. */
static void test_read_write(void **state)
{
    static const u32 sizes[] = {1, 2, 7, 8, 127, 128, 129, 255, 256};
    struct job j;

    (void)state;
    open_job(&j, 256 * 512);
    for (u32 i = 0; i < ARRAY_LEN(sizes); i++)
        for (u64 at = 0; at <= DISK_SECTORS; at += DISK_SECTORS - sizes[i]) {
            const u32 len = sizes[i] * 512;
            for (u32 k = 0; k < len; k++)
                ((u8 *)j.memory.at)[k] = (u8)(k * 7 + i);
            plan(&j, DISK_WRITE, at, sizes[i], 512);
            submit(disk(0), &j);
            finish(disk(0), &j);
            assert_int_equal(j.result, IO_DONE);
            assert_memory_equal(m.drive[0].media + at * 512, j.memory.at, len);
            memset(j.memory.at, 0, len);
            plan(&j, DISK_READ, at, sizes[i], 512);
            submit(disk(0), &j);
            finish(disk(0), &j);
            assert_int_equal(j.result, IO_DONE);
            assert_memory_equal(m.drive[0].media + at * 512, j.memory.at, len);
            if (at != 0)
                break;
        }
    assert_int_equal(disk(0)->counts.errors, 0);
    assert_int_equal(disk(0)->counts.kicks, disk(0)->counts.requests);
    close_job(&j);
}

static void test_segments(void **state)
{
    struct job j;

    (void)state;
    open_job(&j, 256 * 512);
    /* 64 sectors in 128 pieces, of 2 bytes and of 510, backwards in memory. */
    plan(&j, DISK_READ, 100, 64, 512);
    j.r.segments = IDE_SEGMENTS_MAX;
    for (u32 i = 0; i < IDE_SEGMENTS_MAX; i++) {
        const u32 at = 1000 * (IDE_SEGMENTS_MAX - 1 - i);
        j.segment[i] =
            (struct io_segment){(u8 *)j.memory.at + at, j.memory.bus + at, i % 2 ? 510u : 2u};
    }
    submit(disk(0), &j);
    finish(disk(0), &j);
    assert_int_equal(j.result, IO_DONE);
    const u8 *media = m.drive[0].media + 100 * 512;
    for (u32 i = 0; i < IDE_SEGMENTS_MAX; media += j.segment[i].len, i++)
        assert_memory_equal(j.segment[i].at, media, j.segment[i].len);
    close_job(&j);
}

static void test_refused(void **state)
{
    struct job j;

    (void)state;
    open_job(&j, 512 * 512);
    plan(&j, DISK_READ, DISK_SECTORS, 1, 512);
    assert_int_equal(disk_submit(disk(0), &j.r), E_RANGE);
    plan(&j, DISK_READ, 0, 257, 512);
    assert_int_equal(disk_submit(disk(0), &j.r), E_INVAL);
    plan(&j, DISK_WRITE, 0, 1, 2048);
    assert_int_equal(disk_submit(disk(1), &j.r), E_PERM);
    plan(&j, DISK_DISCARD, 0, 1, 512);
    assert_int_equal(disk_submit(disk(0), &j.r), E_NOTSUP);
    close_job(&j);
}

static void test_flush(void **state)
{
    struct job j;

    (void)state;
    open_job(&j, 512);
    plan(&j, DISK_WRITE, 5, 1, 512);
    submit(disk(0), &j);
    finish(disk(0), &j);
    assert_true(m.drive[0].writes_cached);
    plan(&j, DISK_FLUSH, 0, 0, 0);
    submit(disk(0), &j);
    finish(disk(0), &j);
    assert_int_equal(j.result, IO_DONE);
    assert_int_equal(m.drive[0].flushes, 1);
    assert_false(m.drive[0].writes_cached);
    close_job(&j);
}

/* Both drives' requests, more than the channel does at once, by interrupts alone. */
static void test_interrupts(void **state)
{
    static struct job j[8];

    (void)state;
    for (u32 i = 0; i < 8; i++) {
        open_job(&j[i], 2048);
        plan(&j[i], DISK_READ, i, 1, i % 2 ? 2048 : 512);
        submit(disk(i % 2), &j[i]);
    }
    for (u32 i = 0; i < 8; i++) {
        assert_int_equal(j[i].done, 0);
        assert_true(ide_model_work(&m));
        assert_int_equal(fake_line(&m.io, IDE_LINE), 1);
        assert_int_equal(j[i].done, 1);
        assert_int_equal(j[i].result, IO_DONE);
        assert_memory_equal(j[i].memory.at, m.drive[i % 2].media + i * (i % 2 ? 2048 : 512), 512);
        close_job(&j[i]);
    }
    assert_int_equal(disk(0)->counts.interrupts, 4);
    assert_int_equal(disk(1)->counts.interrupts, 4);
    assert_int_equal(fake_line(&m.io, IDE_LINE), 0); /* nobody's */
    disk_interrupts(disk(0), false);
    assert_int_not_equal(c.irq.id, 0);
    disk_interrupts(disk(1), false);
    assert_int_equal(c.irq.id, 0);
}

/* One drive by polling alone, beside one with interrupts: nothing of it reaches the line. */
static void test_polling(void **state)
{
    struct job j;

    (void)state;
    open_job(&j, 4096);
    for (u32 d = 0; d < 2; d++) {
        const u32 size = disk(d)->sector_size;
        disk_interrupts(disk(d), false);
        disk_interrupts(disk(1 - d), true);
        submit(disk(d), (plan(&j, DISK_READ, 3, 2, size), &j));
        (void)disk_poll(disk(d));
        assert_int_equal(j.done, 0);
        assert_false(ide_model_work(&m));
        assert_int_equal(fake_line(&m.io, IDE_LINE), 0);
        assert_int_equal(j.done, 0);
        (void)disk_poll(disk(d));
        assert_int_equal(j.done, 1);
        assert_int_equal(j.result, IO_DONE);
        assert_memory_equal(j.memory.at, m.drive[d].media + 3 * size, 2 * size);
        assert_int_equal(disk(d)->counts.interrupts, 0);
    }
    disk_interrupts(disk(0), false);
    submit(disk(0), (plan(&j, DISK_FLUSH, 0, 0, 0), &j));
    (void)disk_poll(disk(0));
    assert_int_equal(j.done, 0);
    finish(disk(0), &j);
    assert_int_equal(m.drive[0].flushes, 1);
    m.drive[0].bad_sector = 9;
    m.drive[0].bad_error = 0x40;
    submit(disk(0), (plan(&j, DISK_READ, 8, 2, 512), &j));
    finish(disk(0), &j);
    assert_int_equal(j.result, IO_ERROR);
    /* Switched off in the middle: that request ends by its interrupt, or without. */
    disk_interrupts(disk(0), true);
    submit(disk(0), (plan(&j, DISK_READ, 0, 1, 512), &j));
    disk_interrupts(disk(0), false);
    finish(disk(0), &j);
    assert_int_equal(j.result, IO_DONE);
    close_job(&j);
}

static void test_full(void **state)
{
    static struct job j[IDE_DEPTH + 1];

    (void)state;
    for (u32 i = 0; i <= IDE_DEPTH; i++) {
        open_job(&j[i], 512);
        plan(&j[i], DISK_READ, i, 1, 512);
        assert_int_equal(disk_submit(disk(0), &j[i].r), i < IDE_DEPTH ? OK : E_NOMEM);
    }
    disk_kick(disk(0), 0);
    for (u32 i = 0; i < IDE_DEPTH; i++)
        finish(disk(0), &j[i]);
    submit(disk(0), &j[IDE_DEPTH]);
    finish(disk(0), &j[IDE_DEPTH]);
    for (u32 i = 0; i <= IDE_DEPTH; i++)
        close_job(&j[i]);
}

/* A done() that submits again, from the interrupt handler. */
static struct job again;
static u32 rounds;

static void resubmit(struct disk_request *r, enum io_result result)
{
    assert_int_equal(result, IO_DONE);
    if (++rounds < 5) {
        assert_int_equal(disk_submit(disk(0), r), OK);
        disk_kick(disk(0), 0);
    }
}

static void test_resubmit(void **state)
{
    (void)state;
    rounds = 0;
    open_job(&again, 512);
    plan(&again, DISK_READ, 0, 1, 512);
    again.r.done = resubmit;
    submit(disk(0), &again);
    for (u32 i = 0; i < 5; i++) {
        assert_true(ide_model_work(&m));
        assert_int_equal(fake_line(&m.io, IDE_LINE), 1);
        assert_int_equal(rounds, i + 1);
    }
    assert_int_equal(c.drive[0].queued, 0);
    close_job(&again);
}

static void test_stop(void **state)
{
    struct job j, cd;

    (void)state;
    open_job(&j, 512);
    open_job(&cd, 2048);
    submit(disk(0), (plan(&j, DISK_READ, 0, 1, 512), &j));
    submit(disk(1), (plan(&cd, DISK_READ, 0, 1, 2048), &cd));
    disk_stop(disk(0));
    assert_int_equal(j.result, IO_GONE);
    assert_int_equal(disk_submit(disk(0), &j.r), E_IO);
    finish(disk(1), &cd);
    assert_int_equal(cd.result, IO_DONE);
    /* And started again beside the other one, which is not disturbed. */
    assert_int_equal(ide_start_drive(&c, 1), E_EXIST);
    assert_int_equal(ide_start_drive(&c, 2), E_RANGE);
    submit(disk(1), (plan(&cd, DISK_READ, 0, 1, 2048), &cd));
    assert_int_equal(ide_start_drive(&c, 0), E_IO);
    finish(disk(1), &cd);
    assert_int_equal(ide_start_drive(&c, 0), OK);
    submit(disk(0), (plan(&j, DISK_READ, 0, 1, 512), &j));
    finish(disk(0), &j);
    assert_int_equal(j.result, IO_DONE);
    close_job(&j);
    close_job(&cd);
}

static u32 command_register;

static u32 config_read(struct fake_io *io, bool ports, u64 at, u32 width)
{
    (void)io;
    assert_true(!ports && (at & 0xffc) == PCI_COMMAND && width == 2);
    return command_register;
}

static void config_write(struct fake_io *io, bool ports, u64 at, u32 width, u32 value)
{
    (void)io;
    assert_true(!ports && (at & 0xffc) == PCI_COMMAND && width == 2);
    command_register = value;
}

static void expect_place(const struct ata_place *p, u16 command, u16 control, u16 bus_master,
                         u32 irq, bool level)
{
    assert_int_equal(p->command, command);
    assert_int_equal(p->control, control);
    assert_int_equal(p->bus_master, bus_master);
    assert_int_equal(p->irq, irq);
    assert_int_equal(p->level, level);
}

/* The places of the PIIX, and of a controller that has them in BARs. */
static void test_places(void **state)
{
    struct pci pci = {.env = &m.io.env, .ecam = {.env = &m.io.env, .at = 0, .len = 1 << 20}};
    struct pci_function f = {.pci = &pci,
                             .class = IDE_CLASS,
                             .subclass = IDE_SUBCLASS,
                             .interface = 0x80,
                             .line = 10,
                             .bar[4] = {.kind = PCI_BAR_PORTS, .base = 0xc000, .len = 16}};
    struct ata_place place;

    (void)state;
    m.io.read = config_read;
    m.io.write = config_write;
    assert_int_equal(ide_place(&f, 0, &place), OK);
    expect_place(&place, 0x1f0, 0x3f6, 0xc000, 14, false);
    assert_int_equal(command_register, 5);
    assert_int_equal(ide_place(&f, 1, &place), OK);
    expect_place(&place, 0x170, 0x376, 0xc008, 15, false);
    assert_int_equal(ide_place(&f, 2, &place), E_NOENT);
    f.interface = 0x84; /* the second channel is native */
    assert_int_equal(ide_place(&f, 1, &place), E_NOTSUP);
    f.bar[2] = (struct pci_bar){.kind = PCI_BAR_PORTS, .base = 0xd000, .len = 8};
    f.bar[3] = (struct pci_bar){.kind = PCI_BAR_PORTS, .base = 0xd100, .len = 4};
    assert_int_equal(ide_place(&f, 1, &place), OK);
    expect_place(&place, 0xd000, 0xd102, 0xc008, 10, true);
    f.bar[4].base = 0;
    assert_int_equal(ide_place(&f, 0, &place), E_NOTSUP);
    f.subclass = 6;
    assert_int_equal(ide_place(&f, 0, &place), E_NOENT);
    m.io.read = model_read;
    m.io.write = model_write;
}

/* What cannot be flushed has no write cache; what the driver cannot use is refused with a reason.
 */
static void test_identities(void **state)
{
    struct ide_model other;
    struct ide_channel channel;

    (void)state;
    ide_model_open(&other);
    ide_model_drive(&other, 0, MODEL_DISK, 16);
    other.drive[0].identify[83] = 0x4000;
    assert_int_equal(ide_start(&channel, &other.io.env, &ide_model_place, "x"), OK);
    assert_int_equal(channel.drive[0].disk.flags, 0);
    assert_int_equal(other.commands, 3); /* IDENTIFY, SET FEATURES, IDENTIFY of nobody */
    disk_stop(&channel.drive[0].disk);
    other.drive[0].identify[49] = 0x0200;
    assert_int_equal(ide_start(&channel, &other.io.env, &ide_model_place, "x"), E_NOENT);
    assert_non_null(strstr(other.io.log, "x.0: Model of a disk is not used: it has no DMA"));
    assert_int_equal(other.wrong, 0);
    assert_true(ide_model_close(&other));
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_start),      CASE(test_nothing_there), CASE(test_read_write), CASE(test_segments),
        CASE(test_refused),    CASE(test_flush),         CASE(test_interrupts), CASE(test_polling),
        CASE(test_full),       CASE(test_resubmit),      CASE(test_stop),       CASE(test_places),
        CASE(test_identities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
