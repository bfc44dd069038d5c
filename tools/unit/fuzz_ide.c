/* An IDE channel that lies: the model of ide_model.h, whose answers are changed by the input, and
 * a user who submits, polls, resets and stops.  Invariants: every request ends exactly once, and
 * while the driver holds it no sooner than it was submitted; no DMA memory and no interrupt is
 * kept; the bus master is stopped in the end.
 * Input: pairs of {operation, argument}; every register read takes one more byte, that is XORed
 * into the answer if it has its two highest bits set. */
#include "tools/unit/fuzz_input.h"
#include "tools/unit/ide_model.h"

#define CHECK(c)                                                                                   \
    do {                                                                                           \
        if (!(c))                                                                                  \
            abort();                                                                               \
    } while (0)

#define JOBS      6u
#define JOB_BYTES 4096u
#define SECTORS   64u
#define HASTE     20000u /* delays are longer here: a fuzzer has no time */

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static bool lies;
static struct ide_model m;
static struct ide_channel c;

static struct job {
    struct disk_request r;
    struct io_segment segment;
    struct io_dma memory;
    bool held;
} job[JOBS];

static u32 lying_read(struct fake_io *io, bool ports, u64 at, u32 width)
{
    const u32 value = model_read(io, ports, at, width);
    const u8 lie = lies ? next() : 0;

    return lie >= 0xc0 ? value ^ (lie & 0x3fu) << (lie & 2 ? 2 : 0) : value;
}

static void slow_delay(struct io_env *env, u32 us)
{
    fake_of(env)->now += (u64)us * HASTE;
}

static void done(struct disk_request *r, enum io_result result)
{
    struct job *j = CONTAINER_OF(r, struct job, r);

    (void)result;
    CHECK(j->held);
    j->held = false;
}

static void submit(u8 how)
{
    struct job *j = &job[how % JOBS];
    struct disk *d = &c.drive[how >> 3 & 1].disk;
    static const enum disk_op ops[4] = {DISK_READ, DISK_WRITE, DISK_READ, DISK_FLUSH};
    const enum disk_op op = ops[how >> 4 & 3];

    if (j->held || !c.drive[how >> 3 & 1].present)
        return;
    j->segment = (struct io_segment){j->memory.at, j->memory.bus, 2048};
    j->r = (struct disk_request){.op = op, .done = done};
    if (op != DISK_FLUSH) {
        j->r.sector = next();
        j->r.sectors = 2048 / MAX(d->sector_size, 512u);
        j->r.segment = &j->segment;
        j->r.segments = 1;
    }
    if (disk_submit(d, &j->r) != OK)
        return;
    j->held = true;
    disk_kick(d, 0);
}

static void act(u8 op, u8 how)
{
    struct disk *d = &c.drive[how & 1].disk;
    const bool present = c.drive[how & 1].present;

    lies = op & 0x80;
    switch (op % 12) {
    case 0:
    case 1:
    case 2: submit(how); return;
    case 3:
    case 4: ide_model_work(&m); return;
    case 5:
        if (present)
            (void)disk_poll(d);
        return;
    case 6: fake_line(&m.io, IDE_LINE); return;
    case 7: m.io.now += (u64)how << 16; return;
    case 8:
        if (present)
            disk_interrupts(d, how & 2);
        return;
    case 9:
        m.silent = how & 1;
        m.stays_busy = (how & 6) == 6;
        m.dead = (how & 24) == 24;
        m.short_data = (how & 96) == 96;
        return;
    case 10:
        if (present)
            (void)disk_reset(d);
        return;
    default:
        m.drive[1].attention = how & 1;
        m.drive[0].bad_sector = how;
        m.drive[0].bad_error = next();
        return;
    }
}

static void stop(void)
{
    for (u32 i = 0; i < IDE_DRIVES; i++)
        if (c.drive[i].present)
            disk_stop(&c.drive[i].disk);
    CHECK(!(m.bm_command & 1) || m.dead);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static struct io_env_ops ops;

    input = data;
    input_left = size;
    ide_model_open(&m);
    ops = fake_io_ops;
    ops.delay = slow_delay;
    m.io.env.ops = &ops;
    m.io.read = lying_read;
    ide_model_drive(&m, 0, MODEL_DISK, SECTORS);
    ide_model_drive(&m, 1, MODEL_CD, SECTORS / 4);
    for (u32 i = 0; i < JOBS; i++) {
        job[i] = (struct job){.held = false};
        CHECK(ops.dma_alloc(&m.io.env, JOB_BYTES, 4096, IO_BUS_32, &job[i].memory) == OK);
    }
    lies = next() & 1;
    if (ide_start(&c, &m.io.env, &ide_model_place, "fuzz") == OK) {
        while (input_left > 1) {
            const u8 op = next();
            act(op, next());
        }
        lies = false;
        stop();
    }
    for (u32 i = 0; i < JOBS; i++) {
        CHECK(!job[i].held);
        ops.dma_free(&m.io.env, &job[i].memory);
    }
    CHECK(ide_model_close(&m));
    return 0;
}
