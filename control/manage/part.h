/* A part of a whole in percent, with one digit behind the point: "12.5%".  Pure. */
#pragma once
#include "control/shell/output.h"

#define PART_TEXT 16u

/* Rounded, at most all of it; "0.0%" of nothing. */
void part_text(char text[PART_TEXT], u64 part, u64 all);
void part_put(struct output *out, u64 part, u64 all);
/* The same for people; in JSON the part itself, since programs take differences. */
void part_put_exact(struct output *out, u64 part, u64 all);
