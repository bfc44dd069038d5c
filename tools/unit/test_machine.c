/* control/machine: the virtio devices of a machine are quietened, found, named, used and polled. */
#include "control/loop.h"
#include "control/machine/attach.h"
#include "control/machine/machine.h"
#include "control/rt.h"
#include "tools/unit/virtio_machine.h"

#define SECTORS 2048u
#define SECTOR  512u
#define LINE    10u /* of all of them */

static char said[4096];
static u64 (*turn)(void);
static bool storms;

/* ------------------------------------------------------------ what stands around it */

struct io_env *machine_env(void)
{
    return &machine.io.env;
}

bool env_storm(void)
{
    return storms;
}

u64 env_tsc(u64 us)
{
    return us;
}

void loop_on_turn(u64 (*function)(void))
{
    assert_null(turn);
    turn = function;
}

void say(const char *format, ...)
{
    const size_t len = strlen(said);
    va_list args;

    va_start(args, format);
    (void)fmt_vbuf(said + len, sizeof(said) - len - 1, format, args);
    va_end(args);
    strcat(said, "\n");
}

static void expect_said(const char *text)
{
    if (!strstr(said, text))
        fail_msg("not said: %s\nbut\n%s", text, said);
}

/* ------------------------------------------------------------ devices */

static u8 medium[VM_DEVICES][SECTORS * SECTOR];

/* A device does what is in its queue: the serial number, reads and writes; with an interrupt. */
static void serve(struct fake_virtio *d, u32 queue)
{
    u8 *const mine = medium[d - machine.device];
    struct fv_chain c;
    bool broken;

    while (fv_next(d, queue, &c, &broken)) {
        u32 type, written = 1;
        u64 sector;

        memcpy(&type, c.piece[0].at, 4);
        memcpy(&sector, c.piece[0].at + 8, 8);
        if (type == 8)
            memcpy(c.piece[1].at, "serial", 7);
        else if (type == 0)
            memcpy(c.piece[1].at, mine + sector * SECTOR, c.piece[1].len);
        else
            memcpy(mine + sector * SECTOR, c.piece[1].at, c.piece[1].len);
        written += type == 0 || type == 8 ? c.piece[1].len : 0;
        *c.piece[c.count - 1].at = 0;
        fv_used(d, queue, c.head, written);
        d->isr |= 1;
    }
    assert_false(broken);
}

static struct fake_virtio *add_disk(bool running)
{
    struct fake_virtio *const d = vm_add(VIRTIO_BLK, VIRTIO_F_EVENT_IDX, running);

    fv_put(d->device, 0, 8, SECTORS);
    d->rung = serve;
    return d;
}

static struct fake_virtio *add_card(u8 last, bool running)
{
    struct fake_virtio *const d = vm_add(VIRTIO_NET, BIT(5) | BIT(16), running);
    const u8 mac[] = {0x52, 0x54, 0, 0, 0, last};

    memcpy(d->device, mac, sizeof(mac));
    d->device[6] = 1; /* the link is up */
    return d;
}

static void find_all(void)
{
    said[0] = '\0';
    machine.expect_quiet = true;
    machine.calls = 0;
    attach_devices();
}

/* ------------------------------------------------------------ tests; devices that were found stay
 */

static void test_what_cannot_be_used(void **state)
{
    (void)state;
    vm_new();
    find_all();
    expect_said(
        "pci 00:1f.0, disk controller 8086:2922: not used: there is no driver; IDE and virtio "
        "have one\nno disks and no network cards that can be used\n");
    assert_int_equal(machine.calls, 0);

    vm_new();
    add_disk(true)->stuck = true;
    add_card(1, true)->refuses = true;
    vm_add(VIRTIO_NET, 0, false); /* no address */
    find_all();
    expect_said("pci 00:01.0, virtio disk 1af4:1042: not used: it does not answer\n");
    expect_said("pci 00:02.0, virtio network card 1af4:1041: not used: it is not of the kind");
    expect_said("pci 00:03.0, virtio network card 1af4:1041: not used: it is not of the kind");
    for (u32 n = 0; n < machine.devices; n++)
        assert_int_equal(vm_config(n)[PCI_COMMAND] & PCI_COMMAND_MASTER, 0);
    assert_true(fake_io_close(&machine.io));

    vm_new();
    add_disk(false);
    machine.no_memory = true;
    find_all();
    expect_said("pci 00:01.0, virtio disk 1af4:1042: not used: there are too many, or no memory");
    assert_true(fake_io_close(&machine.io));
    assert_int_equal(machine_disks() + machine_cards(), 0);
    assert_int_equal(machine_poll(), IO_NEVER);
}

static u32 ended;

static void done(struct disk_request *r, enum io_result result)
{
    (void)r;
    assert_int_equal(result, IO_DONE);
    ended++;
}

static void transfer(struct disk *d, enum disk_op op, u64 sector, const struct io_dma *data)
{
    const struct io_segment segment = {data->at, data->bus, SECTOR};
    struct disk_request r = {
        .op = op, .sector = sector, .sectors = 1, .segments = 1, .segment = &segment, .done = done};

    ended = 0;
    assert_int_equal(disk_submit(d, &r), OK);
    assert_true(turn() <= machine.io.now + 20000); /* an interrupt may get lost */
    disk_kick(d, 0);
    assert_int_equal(ended, 0);
    assert_true(fake_line(&machine.io, LINE) >= 1);
    assert_int_equal(ended, 1);
    assert_int_equal(turn(), IO_NEVER);
}

/* As an earlier life has left them: running.  The one in slot 4 cannot be reached through
 * configuration space. */
static void test_found_and_used(void **state)
{
    struct io_dma data;

    (void)state;
    vm_new();
    (void)add_disk(true);
    (void)add_disk(true);
    (void)add_card(0x56, true);
    add_disk(false)->config[FV_WAY + 3] = 9;
    find_all();
    expect_said("virtio0: disk serial, 1 MiB, sectors of 512 bytes, at virtio-blk 00:01.0\n"
                "virtio1: disk serial, 1 MiB, sectors of 512 bytes, at virtio-blk 00:02.0\n"
                "net0: virtio-net 1af4:1041, MAC 52:54:00:00:00:56, link up\n"
                "virtio2: disk serial, ");
    assert_false(machine.expect_quiet);
    assert_int_equal(machine.device[0].resets, 2); /* quietened, and started */
    assert_null(machine_disk("virtio3"));
    assert_null(machine_disk("ide0"));
    assert_null(machine_nic("net1"));
    assert_null(turn);
    assert_ptr_equal(machine_disk("virtio1"), machine_disk("drive1"));
    assert_null(machine_disk("drive3"));
    assert_string_equal(machine_disk("virtio1")->name, "virtio1");
    assert_string_equal(machine_nic("net0")->name, "net0");
    assert_int_equal(machine.io.env.ops->dma_alloc(&machine.io.env, SECTOR, 512, UINT64_MAX, &data),
                     OK);
    memset(data.at, 0x5a, SECTOR);
    transfer(machine_disk("virtio1"), DISK_WRITE, 7, &data);
    memset(data.at, 0, SECTOR);
    transfer(machine_disk("virtio1"), DISK_READ, 7, &data);
    assert_int_equal(*(u8 *)data.at, 0x5a);
    assert_int_equal(medium[1][7 * SECTOR], 0x5a);
    assert_int_equal(medium[0][7 * SECTOR], 0);
    storms = true;
    assert_true(turn() <= machine.io.now + 10000);
    storms = false;
    machine.io.env.ops->dma_free(&machine.io.env, &data);
}

static void test_too_many(void **state)
{
    (void)state;
    vm_new();
    for (u8 n = 0; n < MACHINE_CARDS; n++) /* one is there already */
        (void)add_card(n, false);
    find_all();
    assert_int_equal(machine_cards(), MACHINE_CARDS);
    expect_said("net3: virtio-net 1af4:1041, MAC 52:54:00:00:00:02, link up\n");
    expect_said("pci 00:04.0, virtio network card 1af4:1041: not used: there are too many");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_cannot_be_used),
        cmocka_unit_test(test_found_and_used),
        cmocka_unit_test(test_too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
