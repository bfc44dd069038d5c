/* The choice between guests and laboratory; see menu.h. */
#include "boot/menu.h"
#include "boot/console.h"
#include "boot/firmware.h"

#define LAB_KEYS    "lL"
#define ASK_SECONDS 3u
#define POLLS       20u /* a second */
#define POLL_US     (1000000u / POLLS)

bool menu_lab_chosen(void)
{
    bool any;

    return console_typed(LAB_KEYS, &any);
}

static bool ask(void)
{
    bool any = false, chosen = false;

    for (u32 i = 0; i < ASK_SECONDS * POLLS && !any; i++) {
        chosen = console_typed(LAB_KEYS, &any);
        if (!any)
            fw.boot->Stall(POLL_US);
    }
    return chosen;
}

bool menu_open(enum config_lab lab)
{
    if (lab == CONFIG_LAB_ON)
        return true;
    if (lab == CONFIG_LAB_ASK) {
        say("Press L within %u seconds for the laboratory.\n", ASK_SECONDS);
        return ask();
    }
    say("Press L for the laboratory.\n");
    return menu_lab_chosen();
}
