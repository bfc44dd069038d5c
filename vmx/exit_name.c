/* The names of exit reasons.  Pure. */
#include "vmx/exit.h"

const char *exit_reason_name(u32 reason)
{
    static const char *const names[EXIT_REASONS] = {
#define EXIT_REASON(number, name) [number] = #name,
#include "abi/exit_reasons.def"
    };

    return reason < EXIT_REASONS && names[reason] ? names[reason] : "?";
}
