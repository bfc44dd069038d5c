/* See create.h.  Pure. */
#include "control/manage/create.h"
#include "control/create/spec.h"
#include "control/manage/manage.h"
#include "lib/mem.h"

void manage_create(void *context, const struct shell_order *order, struct output *out)
{
    static struct abi_guest_spec spec; /* too large for the stack */
    struct manage *const m = context;
    char why[SPEC_WHY];
    u32 partition = 0;

    if (!spec_make(order, m->world->volume(), &spec, why) ||
        m->world->create(&spec, &partition, why, sizeof(why)) != OK) {
        output_fail(out, "%s", why);
        return;
    }
    if (spec.held) {
        output_say(out, "%s is made, and waits; 'start' starts it", spec.name);
        return;
    }
    m->making = (struct making){
        .on = true, .partition = partition, .shows = order->option[OPTION_create_console].given};
    memcpy(m->making.name, spec.name, sizeof(spec.name));
}

void making_look(struct making *making, const struct manage_world *world, struct output *out)
{
    const char *why;
    const enum manage_made made = world->made(&why);

    if (made == MANAGE_MAKING)
        return;
    making->on = false;
    if (made == MANAGE_MADE)
        output_say(out, "%s runs", making->name);
    else
        output_fail(out, "%s: %s", making->name, why);
    if (made == MANAGE_MADE && making->shows && world->show(making->partition) == OK)
        output_say(out, "its console is in front; Ctrl-\\ leads back here");
    output_end(out);
}
