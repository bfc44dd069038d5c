/* See top.h.  Pure. */
#include "control/manage/top.h"
#include "lib/mem.h"

#define SECONDS 2u /* if nothing is said */

static const struct output_column columns[] = {{"guest", "guest", -16},
                                               {"state", "state", -7},
                                               {"exits", "exits/s", 10},
                                               {"requests", "requests/s", 11},
                                               {"frames", "frames/s", 9}};

static struct top_sample sample(const struct manage_world *world, const struct manage_guest *g)
{
    struct top_sample s = {.exits = g->exits};
    struct manage_disk disk;
    struct manage_port port;

    for (u32 i = 0; world->disk(i, &disk); i++)
        if (strcmp(disk.guest, g->name) == 0)
            s.requests += disk.requests;
    for (u32 i = 0; world->port(i, &port); i++)
        if (strcmp(port.guest, g->name) == 0)
            s.frames += port.sent + port.received;
    return s;
}

/* A guest that has begun anew counts from 0. */
static u64 rate(u64 now, u64 before, u32 seconds)
{
    return (now >= before ? now - before : now) / seconds;
}

static void look_at_all(struct top *t, const struct manage_world *world, struct output *out)
{
    struct manage_guest g;

    for (u32 n = 1; n < MIN(world->partitions, TOP_PARTITIONS); n++) {
        const struct top_sample before = t->before[n];

        if (!world->guest(n, &g) || !g.lives) {
            t->before[n] = (struct top_sample){0};
            continue;
        }
        t->before[n] = sample(world, &g);
        if (!out)
            continue;
        output_row(out);
        output_text(out, g.name);
        output_text(out, g.state);
        output_number(out, rate(t->before[n].exits, before.exits, t->seconds));
        output_number(out, rate(t->before[n].requests, before.requests, t->seconds));
        output_number(out, rate(t->before[n].frames, before.frames, t->seconds));
        output_row_end(out);
    }
}

static void look_at_one(struct top *t, const struct manage_world *world, struct output *out)
{
    t->on = !t->once;
    if (view_look(&t->view, world, t->on, out))
        return;
    output_fail(out, "it does not run; 'start' starts it");
    t->on = false;
}

void top_begin(struct top *t, const struct manage_world *world, const struct shell_order *order,
               u32 partition, struct output *out)
{
    const struct shell_value *const interval = &order->option[OPTION_top_interval];

    t->on = true;
    t->once = order->option[OPTION_top_once].given;
    t->json = order->json;
    t->seconds = interval->given ? (u32)interval->number : SECONDS;
    t->partition = partition;
    if (!partition) {
        look_at_all(t, world, NULL);
        return;
    }
    view_begin(&t->view, partition);
    look_at_one(t, world, out);
    if (t->on) /* the answer so far; what follows has its own */
        output_end(out);
}

void top_look(struct top *t, const struct manage_world *world, struct output *out)
{
    output_begin(out, t->json);
    if (t->partition)
        look_at_one(t, world, out);
    else {
        output_table(out, "guests", columns, ARRAY_LEN(columns));
        look_at_all(t, world, out);
        output_table_end(out);
        t->on = !t->once;
    }
    output_end(out);
}
