/* A line as words.  Pure. */
#pragma once
#include "control/shell/parse.h"

struct shell_words {
    u32 count;
    const char *word[SHELL_WORDS]; /* in `text` */
};

/* Words end at blanks outside of quotes.  `text` has room for the line and a byte for each word and
 * one more. False: a quote is open, or there are too many; `error` says which. */
bool shell_split(const char *line, struct shell_words *words, char *text, char error[SHELL_ERROR]);
