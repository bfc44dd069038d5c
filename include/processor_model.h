/* What is known of the boot processor's model, by the loader's table (boot/models.c). */
#pragma once
#include "lib/types.h"

struct processor_model {
    u32 signature; /* CPUID.1:EAX */
    u16 affected;  /* BIT(enum vulnerability of vmx/mitigation.h): what such processors have */
    u16 known;     /* 0: nothing is, so that it is taken to have every vulnerability */
};
