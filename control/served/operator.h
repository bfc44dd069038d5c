/* The operator: who types at the control partition's own console, and is answered by its shell. */
#pragma once

/* Greets him. */
void operator_begin(void);
