/* A console on which nothing happens, for tests of what vcpu_prepare() does besides. */
#pragma once
#include "vmm/console.h"
#include "vmm/console_turn.h"

u64 console_due(void)
{
    return ~0ull;
}

bool console_turn(const struct vcpu *self, u64 at)
{
    (void)self, (void)at;
    return false;
}

bool console_typed(struct vm *of, u8 *byte)
{
    (void)of, (void)byte;
    return false;
}
