/* Can this machine run Lintel, and why not. */
#pragma once
#include "vmm/lab/report.h"

void lab_preflight(struct lab_report *r);
