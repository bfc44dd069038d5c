/* Invariants that hold at any time, checked on demand: a violation is our own fault. */
#pragma once

struct vm;

/* No page of Lintel's is writable and executable; the guest (NULL: none) reaches nothing but
 * frames that are its own, through tables that are Lintel's.  Panics otherwise. */
void audit(const struct vm *vm);
