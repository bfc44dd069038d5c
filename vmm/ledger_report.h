/* The ledger of a guest in the log: a table for people, LINTEL-LEDGER lines for programs. */
#pragma once
#include "vmm/ledger.h"

void ledger_report(const char *guest, const struct ledger *l);
