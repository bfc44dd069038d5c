/* lintel.conf's words: spans of a line, UTF-8, numbers, paths.  Pure. */
#include "boot/config_text.h"
#include "config.h"
#include "lib/fmt.h"
#include "lib/mem.h"

bool text_is_continuation(char c)
{
    return ((u8)c & 0xc0) == 0x80;
}

bool text_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

bool text_is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

struct span span_skip(struct span s, size_t n)
{
    return (struct span){s.at + n, s.len - n};
}

struct span span_skip_blanks(struct span s)
{
    while (s.len > 0 && text_is_blank(s.at[0]))
        s = span_skip(s, 1);
    return s;
}

bool span_is_end(struct span s)
{
    return s.len == 0 || s.at[0] == '#';
}

struct span span_bare_value(struct span s, bool one_word)
{
    size_t end = 0;

    for (; end < s.len; end++) {
        if (text_is_blank(s.at[end]) && one_word)
            break;
        if (s.at[end] == '#' && (end == 0 || text_is_blank(s.at[end - 1])))
            break;
    }
    while (end > 0 && text_is_blank(s.at[end - 1]))
        end--;
    return (struct span){s.at, end};
}

bool span_is(struct span s, const char *word)
{
    return s.len == strlen(word) && memcmp(s.at, word, s.len) == 0;
}

u32 span_utf8_length(struct span s)
{
    const u8 lead = (u8)s.at[0];
    const u32 len = lead < 0x80   ? 1
                    : lead < 0xc2 ? 0
                    : lead < 0xe0 ? 2
                    : lead < 0xf0 ? 3
                    : lead < 0xf5 ? 4
                                  : 0;

    if (len == 0 || len > s.len)
        return 0;
    for (u32 i = 1; i < len; i++)
        if (!text_is_continuation(s.at[i]))
            return 0;
    if (len >= 3) {
        const u8 second = (u8)s.at[1];

        if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) ||
            (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f))
            return 0;
    }
    return len;
}

struct shown span_show(struct span word)
{
    struct shown shown = {{0}};
    size_t len = MIN(word.len, TEXT_SHOWN_MAX);

    while (len < word.len && len > 0 && text_is_continuation(word.at[len]))
        len--;
    memcpy(shown.text, word.at, len);
    if (len < word.len)
        memcpy(shown.text + len, "...", 3);
    return shown;
}

struct shown text_of_size(u64 bytes)
{
    static const char suffixes[] = "\0KMGT";
    struct shown shown;
    u32 power = 0;

    for (; power < 4 && bytes != 0 && bytes % KiB == 0; power++)
        bytes /= KiB;
    fmt_buf(shown.text, sizeof(shown.text), "%llu%s", (unsigned long long)bytes,
            power ? (const char[]){suffixes[power], 0} : "");
    return shown;
}

static u32 digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return (u32)(c - '0');
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (u32)((c | 0x20) - 'a') + 10;
    return 99;
}

bool text_to_number(const char *word, bool with_suffix, u64 *value)
{
    static const char suffixes[] = "kmgt";
    const u32 base = word[0] == '0' && (word[1] | 0x20) == 'x' ? 16 : 10;
    u64 number = 0;

    if (base == 16)
        word += 2;
    if (digit_of(*word) >= base)
        return false;
    for (; digit_of(*word) < base; word++)
        if (__builtin_mul_overflow(number, base, &number) ||
            __builtin_add_overflow(number, digit_of(*word), &number))
            return false;
    for (u32 i = 0; with_suffix && i < 4; i++) {
        if ((*word | 0x20) != suffixes[i])
            continue;
        if (__builtin_mul_overflow(number, BIT(10 * (i + 1)), &number))
            return false;
        word++;
        break;
    }
    *value = number;
    return *word == 0;
}

/* One decimal number below CONFIG_CPUS_MAX; *word moves behind it. */
static bool take_cpu(const char **word, u32 *cpu)
{
    if (digit_of(**word) > 9)
        return false;
    for (*cpu = 0; digit_of(**word) <= 9; (*word)++) {
        *cpu = *cpu * 10 + digit_of(**word);
        if (*cpu >= CONFIG_CPUS_MAX)
            return false;
    }
    return true;
}

bool text_to_cpus(const char *word, u64 *cpus)
{
    u64 all = 0;

    do {
        u32 first, last;

        if (!take_cpu(&word, &first))
            return false;
        last = first;
        if (*word == '-') {
            word++;
            if (!take_cpu(&word, &last) || last < first)
                return false;
        }

        const u64 range = ~0ull << first & ~0ull >> (CONFIG_CPUS_MAX - 1 - last);

        if (all & range)
            return false;
        all |= range;
    } while (*word++ == ',');
    *cpus = all;
    return word[-1] == 0;
}

bool text_is_path(const char *path)
{
    size_t part = 0; /* length of the current component */

    for (size_t i = 0;; i++) {
        const char c = path[i];

        if (c == 0 || c == '\\' || c == '/') {
            const bool dots = (part == 1 && path[i - 1] == '.') ||
                              (part == 2 && path[i - 1] == '.' && path[i - 2] == '.');

            if (part == 0 || dots)
                return false;
            if (c == 0)
                return true;
            part = 0;
            continue;
        }
        if ((u8)c < 0x20 || (u8)c >= 0x7f || c == '"' || c == '*' || c == ':' || c == '<' ||
            c == '>' || c == '?' || c == '|')
            return false;
        part++;
    }
}

void text_normalize_path(char *path)
{
    for (; *path; path++)
        if (*path == '/')
            *path = '\\';
}
