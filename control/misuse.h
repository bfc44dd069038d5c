/* What the control partition must not get away with, for tests: hostile calls, and ways to die. */
#pragma once
#include "lib/types.h"

/* Replies to all that a guest's slot could be mistaken for; hypercalls with bad arguments.  How
 * many were accepted. */
u32 misuse_replies(u32 slot, u32 sequence);
u32 misuse_calls(u32 partition);
/* Device memory that needs a page table each; how often it was mapped.  Nothing can be mapped
 * afterwards. */
u32 misuse_tables(void);

void misuse_crash(void);         /* calls address 0 */
NORETURN void misuse_spin(void); /* for ever */
void misuse_smash(u32 words);    /* beyond a frame of four words */
void misuse_flood(void);         /* the log */
i64 misuse_reach(void);          /* reads memory that is not its own */
