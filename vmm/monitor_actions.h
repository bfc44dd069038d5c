/* What the monitor's commands do: one function for each row of vmm/monitor_commands.def. */
#pragma once

/* Obeys the line that waits, if there is one.  On the boot CPU, between turns: what a command asks
 * of guests and CPUs, they do when they come to it. */
void monitor_act(void);
