/* Pieces of the guest's self-check.  Each check returns true if all is well, and
 * writes into `note` what it saw. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define NOTE_SIZE 160

/* The file of this program, for the checks that start it again. */
extern const char *self_path;

bool check_processes(char note[NOTE_SIZE]);
bool check_memory(char note[NOTE_SIZE]);
bool check_float(char note[NOTE_SIZE]);
bool check_vector_state(char note[NOTE_SIZE]);
bool check_sleep(char note[NOTE_SIZE]);
bool check_rtc(char note[NOTE_SIZE]);
bool check_interrupts(char note[NOTE_SIZE]);
bool check_cpus(char note[NOTE_SIZE]);
bool check_hotplug(char note[NOTE_SIZE]);
bool check_pinned(char note[NOTE_SIZE]);
bool check_work(char note[NOTE_SIZE]);

/* The work of one process of check_float(), which must have run before, and of
 * check_vector_state(); `index` chooses the values: below 4. */
bool series_holds(int index);
bool vectors_hold(int index);

/* The next of a sequence of pseudo-random words that are never 0; *state neither. */
unsigned long next_random(unsigned long *state);

/* Runs `work(i)` in `count` processes at once; true if each returned true. */
bool in_processes(int count, bool (*work)(int index));
