/* A world of guests, disks and ports for the shell's commands (control/manage/). */
#pragma once
#include "control/manage/manage.h"
#include "tools/unit/shell_said.h"
#include <stdio.h>

static struct manage m;

static u64 exits, requests; /* of guest web */
static bool link_up, polls, may_poll, gone, old_is_made;
static u32 log_lines;

static bool fake_guest(u32 number, struct manage_guest *g)
{
    if (number == 1 && !gone)
        *g = (struct manage_guest){"web",  "runs", true,  2,      64 * MiB, exits,
                                   100000, 1200,   98760, {0, 1}, true,     false};
    else if (number == 3)
        *g =
            (struct manage_guest){"db", "paused", true, 1, 32 * MiB, 7, 0, 0, 0, {3}, false, false};
    else if (number == 4)
        *g = (struct manage_guest){
            .name = "old", .state = "ended", .vcpus = 4, .memory = 8 * MiB, .made = old_is_made};
    else
        return false;
    return true;
}

static bool fake_disk(u32 n, struct manage_disk *d)
{
    *d = (struct manage_disk){"web", "disk0", "ide1:one", "writeback", 3 * MiB, false, requests, 1};
    if (n == 1) {
        d->name = "disk1";
        d->source = "memory:1M,ro";
        d->read_only = true;
    }
    return n < 2 && !gone;
}

static bool fake_port(u32 n, struct manage_port *p)
{
    *p = (struct manage_port){
        "web", "net0", "lan", {{0x52, 0x54, 0, 0xa, 0xb, 0xc}}, link_up, requests, 20, 3, 4};
    if (n == 1)
        p->guest = "-";
    return n < 2 && !gone;
}

static u32 fake_set_link(const char *guest, bool up)
{
    if (strcmp(guest, "web") != 0)
        return 0;
    link_up = up;
    return 1;
}

static const char *fake_log(u32 lines)
{
    log_lines = lines;
    return "first\nsecond\n";
}

static bool fake_polls(void)
{
    return polls;
}

static bool fake_may_poll(void)
{
    return may_poll;
}

static void fake_set_poll(bool on)
{
    polls = on;
}

/* What was ordered last, of whom; what it gives. */
static char ordered[32];
static err_t gives, gives_show;

static err_t note(const char *what, u32 number)
{
    snprintf(ordered, sizeof(ordered), "%s %u", what, number);
    return gives;
}

static err_t fake_start(u32 number)
{
    return note("start", number);
}

static err_t fake_end(u32 number, bool again)
{
    return note(again ? "reset" : "end", number);
}

static err_t fake_pause(u32 number, bool on)
{
    return note(on ? "pause" : "resume", number);
}

static err_t fake_button(u32 number)
{
    return note("button", number);
}

static err_t fake_move(u32 number, u64 vcpu, u64 cpu)
{
    char what[16];

    snprintf(what, sizeof(what), "move %u to %u,", (u32)vcpu, (u32)cpu);
    return note(what, number);
}

static err_t fake_show(u32 number)
{
    (void)note("show", number);
    return gives_show;
}

static void fake_hide(void)
{
    (void)note("hide", 0);
}

static const char *fake_lintel_log(u32 lines)
{
    log_lines = lines;
    return "of Lintel\n";
}

static u32 level;

static u32 fake_log_level(void)
{
    return level;
}

static void fake_set_log_level(u32 to)
{
    level = to;
}

/* What was made last, and what became of it. */
static struct abi_guest_spec spec;
static enum manage_made outcome;
static const char *volume;

static const char *fake_volume(void)
{
    return volume;
}

static err_t fake_create(const struct abi_guest_spec *made, u32 *number, char *why, size_t why_size)
{
    spec = *made;
    *number = 9;
    snprintf(why, why_size, "no room for %s", made->name);
    return note("create", 9);
}

static enum manage_made fake_made(const char **why)
{
    *why = "it is no image";
    return outcome;
}

static err_t fake_forget(u32 number)
{
    return note("forget", number);
}

static const struct manage_world world = {
    .partitions = 5,
    .volume = fake_volume,
    .create = fake_create,
    .made = fake_made,
    .forget = fake_forget,
    .guest = fake_guest,
    .disk = fake_disk,
    .port = fake_port,
    .set_link = fake_set_link,
    .start = fake_start,
    .end = fake_end,
    .pause = fake_pause,
    .press_power_button = fake_button,
    .move = fake_move,
    .show = fake_show,
    .hide = fake_hide,
    .lintel_log = fake_lintel_log,
    .log_level = fake_log_level,
    .set_log_level = fake_set_log_level,
    .log = fake_log,
    .polls = fake_polls,
    .may_poll = fake_may_poll,
    .set_poll = fake_set_poll,
};

static int fresh(void **state)
{
    (void)state;
    exits = 1000;
    requests = 30;
    link_up = true;
    polls = may_poll = gone = old_is_made = false;
    ordered[0] = '\0';
    gives = gives_show = OK;
    outcome = MANAGE_MAKING;
    volume = "ide0:1:";
    level = 2;
    manage_init(&m, &world);
    shell_fresh(&m.actions);
    return 0;
}

static bool has(const char *line, const char *what)
{
    return strstr(run(line), what) != NULL;
}
