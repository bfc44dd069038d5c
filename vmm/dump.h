/* A guest in words: what a person needs to see when it was stopped. */
#pragma once
#include "vmm/vcpu.h"

/* x may be NULL: no exit was the cause. */
void dump_guest(struct vcpu *v, const struct exit *x);
