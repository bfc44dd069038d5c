/* lintel.conf's words: what the parser and the key table both need.  Pure. */
#pragma once
#include "lib/types.h"

#define TEXT_SHOWN_MAX 32u /* bytes of a user's word that an error repeats */

struct span {
    const char *at;
    size_t len;
};

/* A short text for an error message. */
struct shown {
    char text[TEXT_SHOWN_MAX + 4];
};

bool text_is_continuation(char c); /* a UTF-8 sequence's second or later byte */
bool text_is_blank(char c);
bool text_is_alnum(char c);

struct span span_skip(struct span s, size_t n);
struct span span_skip_blanks(struct span s);
bool span_is_end(struct span s); /* nothing or only a comment is left */
bool span_is(struct span s, const char *word);

/* Up to a comment ('#' after a blank), without trailing blanks; `one_word`: up to a blank. */
struct span span_bare_value(struct span s, bool one_word);

/* Bytes of the UTF-8 sequence at the start of a span that is not empty, 0: none.
 * The Unicode Standard, table "Well-Formed UTF-8 Byte Sequences". */
u32 span_utf8_length(struct span s);

/* A user's word, bounded and cut between characters; a size with its largest suffix. */
struct shown span_show(struct span word);
struct shown text_of_size(u64 bytes);

/* Decimal or 0x hexadecimal, the whole word, no overflow; K, M, G and T if `with_suffix`. */
bool text_to_number(const char *word, bool with_suffix, u64 *value);

/* Numbers of processors and ranges of them, like 0,2-3, in any order, none twice: bits in *cpus. */
bool text_to_cpus(const char *word, u64 *cpus);

/* A relative path that stays below its folder; FAT's forbidden characters are refused. */
bool text_is_path(const char *path);

/* '/' becomes the firmware's separator, so that one file has one name. */
void text_normalize_path(char *path);
