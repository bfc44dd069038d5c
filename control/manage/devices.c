/* See devices.h.  Pure. */
#include "control/manage/devices.h"
#include "control/manage/manage.h"
#include "lib/fmt.h"
#include "lib/mem.h"

#define MAC_TEXT sizeof("00:11:22:33:44:55")

static const struct output_column disk_columns[] = {
    {"guest", "guest", -12}, {"disk", "disk", -6},     {"size_kib", "KiB", 10},
    {"access", "", -2},      {"cache", "cache", -12},  {"requests", "requests", 10},
    {"errors", "errors", 6}, {"source", "source", -1},
};

static const struct output_column net_columns[] = {
    {"guest", "guest", -12},     {"card", "card", -5},      {"switch", "switch", -8},
    {"mac", "address", -17},     {"link", "link", -4},      {"sent", "sent", 8},
    {"received", "received", 8}, {"refused", "refused", 7}, {"dropped", "dropped", 7},
};

/* Of the guest that the order names; of all, if it names none. */
static bool is_meant(const struct manage *m, const struct shell_order *order, const char *guest)
{
    return !order->argument[0].given ||
           strcmp(guest, m->names.guest[order->argument[0].number]) == 0;
}

static void say_none(const struct shell_order *order, struct output *out, const char *what)
{
    if (order->argument[0].given)
        output_say(out, "%s has no %s that the control partition serves", order->argument[0].text,
                   what);
    else
        output_say(out, "no guest has a %s that the control partition serves", what);
}

void manage_disk(void *context, const struct shell_order *order, struct output *out)
{
    const struct manage *const m = context;
    struct manage_disk d;
    u32 shown = 0;

    output_table(out, "disks", disk_columns, ARRAY_LEN(disk_columns));
    for (u32 i = 0; m->world->disk(i, &d); i++) {
        if (!is_meant(m, order, d.guest))
            continue;
        shown++;
        output_row(out);
        output_text(out, d.guest);
        output_text(out, d.name);
        output_number(out, d.bytes / KiB);
        output_text(out, d.read_only ? "ro" : "rw");
        output_text(out, d.cache);
        output_number(out, d.requests);
        output_number(out, d.errors);
        output_text(out, d.source);
        output_row_end(out);
    }
    output_table_end(out);
    if (!shown)
        say_none(order, out, "disk");
}

static void put_port(struct output *out, const struct manage_port *p)
{
    char mac[MAC_TEXT];

    fmt_buf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", p->mac.byte[0], p->mac.byte[1],
            p->mac.byte[2], p->mac.byte[3], p->mac.byte[4], p->mac.byte[5]);
    output_row(out);
    output_text(out, p->guest);
    output_text(out, p->name);
    output_text(out, p->lan);
    output_text(out, mac);
    output_text(out, p->link ? "up" : "down");
    output_number(out, p->sent);
    output_number(out, p->received);
    output_number(out, p->refused);
    output_number(out, p->dropped);
    output_row_end(out);
}

/* False: nothing was done. */
static bool set_link(const struct manage *m, const struct shell_order *order, struct output *out)
{
    const char *const guest = order->argument[0].text; /* shell_rules() wants one */
    const bool up = strcmp(order->option[OPTION_net_link].text, "up") == 0;

    if (m->world->set_link(guest, up))
        return true;
    output_fail(out, "%s has no network card that the control partition serves", guest);
    return false;
}

void manage_net(void *context, const struct shell_order *order, struct output *out)
{
    const struct manage *const m = context;
    struct manage_port p;
    u32 shown = 0;

    if (order->option[OPTION_net_link].given && !set_link(m, order, out))
        return;
    output_table(out, "ports", net_columns, ARRAY_LEN(net_columns));
    for (u32 i = 0; m->world->port(i, &p); i++) {
        if (!is_meant(m, order, p.guest))
            continue;
        shown++;
        put_port(out, &p);
    }
    output_table_end(out);
    if (!shown)
        say_none(order, out, "network card");
}
