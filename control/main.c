/* The control partition: what it does, in order. */
#include "control/guests.h"
#include "control/log.h"
#include "control/loop.h"
#include "control/machine/attach.h"
#include "control/machine/keyboard.h"
#include "control/memory.h"
#include "control/rt.h"
#include "control/served/operator.h"

NORETURN void control_main(volatile struct abi_info *at);

void control_main(volatile struct abi_info *at)
{
    rt_init(at);
    if (info->magic != ABI_INFO_MAGIC || info->version != ABI_VERSION)
        die("hv.elf has another interface; copy control.elf of the same release");
    memory_init();
    log_begin();
    say("life %u, %llu MiB at 0x%llx", info->life, (unsigned long long)(info->memory_bytes >> 20),
        (unsigned long long)info->memory);
    attach_devices();
    keyboard_begin();
    guests_init();
    operator_begin();
    loop_poll(info->may_poll);
    loop_run();
}
