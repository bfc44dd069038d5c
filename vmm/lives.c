/* See lives.h.  Pure. */
#include "vmm/lives.h"
#include "lib/atomic.h"
#include "lib/mem.h"

void lives_init(struct lives *l, const struct config *config)
{
    memset(l, 0, sizeof(*l));
    l->one_by_one = config->run == CONFIG_RUN_ONE_BY_ONE;
    memset(l->state, LIFE_NONE, sizeof(l->state));
    for (u32 n = 0; n < config->guest_count; n++)
        l->state[n] = config->guest[n].start == CONFIG_START_ASK ? LIFE_HELD : LIFE_DUE;
}

static u32 first(const struct lives *l, enum life state)
{
    for (u32 n = 0; n < ARRAY_LEN(l->state); n++)
        if (READ_ONCE(l->state[n]) == state)
            return n;
    return LIVES_NONE;
}

u32 lives_next(const struct lives *l)
{
    return l->one_by_one && first(l, LIFE_ON) != LIVES_NONE ? LIVES_NONE : first(l, LIFE_DUE);
}

void lives_begin(struct lives *l, u32 n)
{
    l->state[n] = LIFE_ON;
    l->any = true;
}

void lives_end(struct lives *l, u32 n, bool again)
{
    l->state[n] = again ? LIFE_DUE : LIFE_OVER;
}

void lives_add(struct lives *l, u32 n)
{
    store_release(&l->state[n], (u8)LIFE_HELD);
}

void lives_forget(struct lives *l, u32 n)
{
    l->state[n] = LIFE_NONE;
}

/* Each bit of `n` moves about half of the result's: multiplications carry upwards, shifts bring it
 * down again. */
static u64 scatter(u64 n)
{
    for (u32 round = 0; round < 3; round++) {
        n *= 0xd1342543de82ef95;
        n ^= n >> 32;
    }
    return n;
}

u64 lives_exits(const struct config_guest *guest, u32 life)
{
    if (guest->exits == 0)
        return ~0ull;
    if (guest->exits_seed == 0)
        return guest->exits;
    return 1 + scatter((u64)guest->exits_seed << 32 | life) % guest->exits;
}

err_t lives_ask(struct lives *l, u32 n)
{
    if (l->state[n] == LIFE_ON || l->state[n] == LIFE_DUE)
        return E_EXIST;
    if (l->state[n] == LIFE_NONE)
        return E_NOENT;
    l->state[n] = LIFE_DUE;
    return OK;
}

bool lives_are_over(const struct lives *l, bool watched)
{
    if (watched || first(l, LIFE_ON) != LIVES_NONE || first(l, LIFE_DUE) != LIVES_NONE)
        return false;
    return l->any || first(l, LIFE_HELD) == LIVES_NONE;
}
