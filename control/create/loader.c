/* See loader.h. */
#include "control/create/loader.h"
#include "control/create/file.h"
#include "control/create/layout.h"
#include "control/loop.h"
#include "control/memory.h"
#include "control/rt.h"
#include "control/served/kept.h"
#include "control/served/window.h"
#include "lib/fmt.h"
#include "lib/mem.h"

#define PARTITIONS 256u
#define TURN_BYTES (256 * KiB) /* that are moved or cleared before others get their turn */
#define WATCH_MS   5u          /* while the disk is at work */
#define TRIES      2u          /* of a life's image, if we die over it */
#define WHY_MAX    200u

static u32 wanted[PARTITIONS]; /* the life that waits; 0: none does */

/* The guest whose image is being loaded. */
static struct {
    u32 partition; /* 0: nobody's */
    struct served_window window;
    struct file *kernel, *initrd;
    struct layout *layout;
    bool is_planned;
    bool waits, broken; /* for the disk, which did not do it */
    u32 step;
    u64 done; /* bytes of the step */
} now;

static struct {
    u32 partition;
    enum loader_outcome outcome;
    char why[WHY_MAX];
} watched;

static struct abi_guest_spec spec; /* of whom `now` is about */

#define LAYOUT_PAGES (ALIGN_UP(sizeof(struct layout), PAGE_SIZE) / PAGE_SIZE)

static void on_step(void *ctx);

static void go_on_at(u64 tsc)
{
    loop_forget(on_step, NULL);
    if (loop_at(tsc, on_step, NULL) != OK)
        die("no timer is left for the loader");
}

/* ------------------------------------------------------------ how it ends */

static void clean_up(void)
{
    file_close(now.kernel);
    file_close(now.initrd);
    if (now.layout)
        memory_pages_free(now.layout, LAYOUT_PAGES);
    window_close(&now.window);
    memset(&now, 0, sizeof(now));
    go_on_at(time_now()); /* the next one */
}

static void tell(u32 partition, enum loader_outcome outcome, const char *why)
{
    if (partition != watched.partition || watched.outcome != LOADER_BUSY)
        return;
    watched.outcome = outcome;
    (void)fmt_buf(watched.why, sizeof(watched.why), "%s", why);
}

/* A guest that never ran is no more; another one stays, for whoever repairs what is wrong. */
static void fail(const char *why)
{
    const u32 partition = now.partition;

    say("guest %s: not loaded: %s", spec.name, why);
    if (partition == watched.partition && watched.outcome == LOADER_BUSY)
        (void)abi_forget(partition);
    else
        (void)abi_end(partition, ABI_END_OFF);
    tell(partition, LOADER_FAILED, why);
    clean_up();
}

/* ------------------------------------------------------------ the way there */

static const char *open_files(char why[WHY_MAX])
{
    now.kernel = file_open(spec.kernel, why, WHY_MAX);
    if (!now.kernel)
        return why;
    if (spec.initrd[0] != '\0')
        now.initrd = file_open(spec.initrd, why, WHY_MAX);
    return spec.initrd[0] != '\0' && !now.initrd ? why : NULL;
}

/* NULL: it is under way. */
static const char *begin(u32 life, char why[WHY_MAX])
{
    struct kept_guest *const kept = kept_guest(now.partition, life);
    const u32 tries = kept->loads;

    if (tries >= TRIES)
        return "the control partition has died over it again and again";
    kept->loads = tries + 1;
    if (open_files(why))
        return why;
    now.layout = memory_pages(LAYOUT_PAGES);
    if (!now.layout || window_open(&now.window, now.partition, spec.memory) != OK)
        return "the control partition has no memory left for it; set control_memory";
    if (layout_begin(now.layout, &spec, file_bytes(now.kernel),
                     now.initrd ? file_bytes(now.initrd) : 0, tries != 0) != OK)
        return now.layout->plan.reason;
    return NULL;
}

static void pick(void)
{
    char why[WHY_MAX];
    const char *bad;
    u32 n = 0, life;

    while (n < PARTITIONS && wanted[n] == 0)
        n++;
    if (n == PARTITIONS)
        return;
    life = wanted[n];
    wanted[n] = 0;
    now.partition = n;
    if (abi_spec(n, rt_physical(&spec)) != ABI_OK) {
        clean_up(); /* it is no more */
        return;
    }
    bad = begin(life, why);
    if (bad)
        fail(bad);
    else
        go_on_at(time_now());
}

static u8 *memory(void)
{
    return (u8 *)now.window.at;
}

static struct file *file_of(const struct layout_step *s)
{
    return s->kind == LAYOUT_READ_KERNEL ? now.kernel : now.initrd;
}

static void on_read(bool good)
{
    const struct layout_step *const s = &now.layout->step[now.step];
    const u8 *piece;
    const u64 len = MIN(file_piece(file_of(s), &piece), s->len - now.done);

    now.waits = false;
    now.broken = !good;
    if (good) {
        memcpy(memory() + s->to + now.done, piece, len);
        now.done += len;
    }
    go_on_at(time_now());
}

static void read(const struct layout_step *s)
{
    err_t err = now.broken ? E_IO : OK;

    go_on_at(time_now() + time_ms(WATCH_MS));
    if (now.waits) {
        file_poll(file_of(s));
        return;
    }
    if (err == OK)
        err = file_read(file_of(s), s->from + now.done, on_read);
    now.waits = err == OK;
    if (err != OK && err != E_NOMEM) /* that is: later again */
        fail(s->kind == LAYOUT_READ_KERNEL ? "its kernel cannot be read; the disk fails"
                                           : "its initrd cannot be read; the disk fails");
}

/* Pieces that overlap are moved from the end that is free. */
static void work(const struct layout_step *s)
{
    const u64 len = MIN(s->len - now.done, TURN_BYTES);
    const bool from_end = s->kind == LAYOUT_MOVE && s->to > s->from;
    const u64 at = from_end ? s->len - now.done - len : now.done;

    if (s->kind == LAYOUT_CLEAR)
        memset(memory() + s->to + at, 0, len);
    else if (s->kind == LAYOUT_MOVE)
        memmove(memory() + s->to + at, memory() + s->from + at, len);
    else
        memcpy(memory() + s->to + at, now.layout->plan.scratch + s->from + at, len);
    now.done += len;
    go_on_at(time_now());
}

/* What the guest's processors say of themselves: ours are the same. */
static struct layout_machine machine(void)
{
    struct layout_machine m = {.tsc_hz = info->tsc_hz};
    u32 b, c;

    __asm__ volatile("cpuid"
                     : "=a"(m.signature), "=b"(b), "=c"(c), "=d"(m.features)
                     : "a"(1), "c"(0));
    return m;
}

/* Its file is there: the other steps. */
static void plan(void)
{
    const struct layout_machine m = machine();

    now.is_planned = true;
    now.step = 0;
    if (layout_plan(now.layout, memory(), &m) == OK)
        go_on_at(time_now());
    else
        fail(now.layout->plan.reason);
}

/* The image is there: it begins. */
static void finish(void)
{
    const struct abi_registers first = layout_registers(now.layout);

    window_close(&now.window);
    if (abi_registers(now.partition, rt_physical(&first)) != ABI_OK) {
        fail("its image wants registers that no processor has");
        return;
    }
    (void)abi_admit(now.partition);
    say("guest %s: loaded: %s%s%s", spec.name, spec.kernel, spec.initrd[0] ? ", " : "",
        spec.initrd);
    tell(now.partition, LOADER_DONE, "");
    clean_up();
}

static void on_step(void *ctx UNUSED)
{
    const struct layout_step *s;

    if (now.partition == 0) {
        pick();
        return;
    }
    s = &now.layout->step[now.step];
    if (now.step < now.layout->steps && now.done == s->len) {
        now.done = 0;
        now.step++;
        s++;
    }
    if (now.step < now.layout->steps) {
        if (s->kind == LAYOUT_READ_KERNEL || s->kind == LAYOUT_READ_INITRD)
            read(s);
        else
            work(s);
        return;
    }
    if (now.is_planned)
        finish();
    else
        plan();
}

/* ------------------------------------------------------------ who asks */

void loader_want(u32 partition, u32 life)
{
    if (partition >= PARTITIONS)
        return;
    wanted[partition] = life;
    if (now.partition == 0)
        go_on_at(time_now());
}

void loader_drop(u32 partition)
{
    if (partition < PARTITIONS)
        wanted[partition] = 0;
    if (partition == now.partition && partition != 0)
        clean_up();
}

void loader_watch(u32 partition)
{
    watched.partition = partition;
    watched.outcome = LOADER_BUSY;
}

/* It may have gone without a word to us. */
static void look_at_watched(void)
{
    static struct abi_partition p; /* too large for the stack */

    if (watched.partition == now.partition ||
        abi_partition(watched.partition, rt_physical(&p)) != ABI_OK ||
        p.state != ABI_PARTITION_NONE || p.rest == ABI_REST_STARTS)
        return;
    if (p.rest != ABI_REST_UNKNOWN)
        (void)abi_forget(watched.partition);
    tell(watched.partition, LOADER_FAILED,
         p.rest == ABI_REST_UNKNOWN ? "somebody has ended it"
                                    : "Lintel cannot make it; 'log --lintel' says why");
}

enum loader_outcome loader_outcome(const char **why)
{
    if (watched.outcome == LOADER_BUSY)
        look_at_watched();
    *why = watched.why;
    return watched.outcome;
}
