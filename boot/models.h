/* Which vulnerabilities a processor has by its model. */
#pragma once
#include "processor_model.h"

/* `signature`: CPUID.1:EAX of one of Intel's.  `hypervisor`, CPUID.1:ECX[31]: one may name another
 * model than the real one. */
struct processor_model models_find(u32 signature, bool hypervisor);
