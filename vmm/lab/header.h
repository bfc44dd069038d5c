/* Which processor the figures are of. */
#pragma once
#include "vmm/lab/report.h"

void lab_header(struct lab_report *r);
