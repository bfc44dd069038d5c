/* See words.h.  Pure. */
#include "control/shell/words.h"
#include "lib/fmt.h"

/* Copies one word without its quotes; returns the line behind it, NULL: a quote is open. */
static const char *take_word(const char *line, char **text)
{
    char quote = '\0';

    for (; *line && (quote || *line != ' '); line++) {
        if (quote == '\0' && (*line == '"' || *line == '\''))
            quote = *line;
        else if (*line == quote)
            quote = '\0';
        else
            *(*text)++ = *line;
    }
    *(*text)++ = '\0';
    return quote ? NULL : line;
}

bool shell_split(const char *line, struct shell_words *words, char *text, char error[SHELL_ERROR])
{
    words->count = 0;
    for (;;) {
        while (*line == ' ')
            line++;
        if (*line == '\0')
            return true;
        if (words->count == SHELL_WORDS) {
            fmt_buf(error, SHELL_ERROR,
                    "more than %u words; put quotes around what belongs together", SHELL_WORDS);
            return false;
        }
        words->word[words->count++] = text;
        line = take_word(line, &text);
        if (!line) {
            fmt_buf(error, SHELL_ERROR, "a quote is open; close it with the same character");
            return false;
        }
    }
}
