/* What the exits of a guest were and cost, in the log: a table for people, lines for programs. */
#pragma once
#include "vmm/vcpu.h"

/* After the guest's last exit.  for_machines: the lines of docs/testing.md with every figure and
 * histogram, too; whether the counters agree with each other is always said. */
void stats_report(const struct vcpu *v, bool for_machines);
