/* One guest of a recording, brought to life on the workstation: memory, board, vCPU, and a
 * processor that says what was recorded. */
#pragma once
#include "tools/replay/stream.h"
#include "vmm/vm.h"

struct player {
    struct vm vm;
    struct vcpu vcpu;
    struct config_guest config;
    struct exit_stats stats;
    struct trace_ring ring;
    const struct birth *birth;
    const struct step *step;
    u32 taken;         /* of its inputs */
    bool free_running; /* an input that was not recorded is made up, not an error */
    bool asleep;       /* and in the end the vCPU sleeps for ever */
    u64 time, leap; /* the last time that the handlers were told; how far the next made up one is */
    u64 console_due;
    const char *wrong; /* the handlers did what the recording does not have */
    u8 made[OUTCOME_MAX];
};

extern struct player player;

/* As vm_create() does; the first step's words are applied by play().  False: player.wrong. */
bool player_create(const struct stream *s, const struct step *first);
/* The way from an exit to the next entry.  False: player.wrong. */
bool play(const struct step *step);
/* Host address of guest memory; NULL: not RAM. */
u8 *player_ram(u64 gpa, u64 len);
