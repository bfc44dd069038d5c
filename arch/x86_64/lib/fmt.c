/* A bounded printf.  Unknown conversions are printed as they stand, so a mistake shows instead
 * of shifting the arguments that follow.  Pure. */
#include "lib/fmt.h"
#include "lib/mem.h"

struct out {
    char *buf;
    size_t size;
    size_t len; /* what was wanted, may pass size */
};

struct spec {
    bool minus, zero;
    int width;
    int precision; /* -1: none */
    enum { LEN_INT, LEN_LONG, LEN_LONG_LONG, LEN_SIZE } length;
};

static void put(struct out *o, char c)
{
    if (o->len + 1 < o->size)
        o->buf[o->len] = c;
    o->len++;
}

static void put_fill(struct out *o, char c, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put(o, c);
}

/* The text with its sign or prefix, padded to the width; zeroes go between the two. */
static void put_field(struct out *o, const struct spec *s, const char *prefix, const char *text,
                      size_t len)
{
    const size_t prefix_len = strlen(prefix);
    const size_t width = (size_t)s->width;
    const size_t pad = width > prefix_len + len ? width - prefix_len - len : 0;

    if (!s->minus && !s->zero)
        put_fill(o, ' ', pad);
    for (size_t i = 0; i < prefix_len; i++)
        put(o, prefix[i]);
    if (!s->minus && s->zero)
        put_fill(o, '0', pad);
    for (size_t i = 0; i < len; i++)
        put(o, text[i]);
    if (s->minus)
        put_fill(o, ' ', pad);
}

static void put_number(struct out *o, const struct spec *s, const char *prefix, u64 value,
                       unsigned base, bool upper)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[24]; /* 2^64 - 1 has 20 decimal digits */
    size_t at = sizeof(text);

    do {
        text[--at] = digits[value % base];
        value /= base;
    } while (value != 0);
    put_field(o, s, prefix, text + at, sizeof(text) - at);
}

static void put_string(struct out *o, struct spec *s, const char *text)
{
    if (text == NULL)
        text = "(null)";
    s->zero = false;
    put_field(o, s, "", text,
              s->precision >= 0 ? strnlen(text, (size_t)s->precision) : strlen(text));
}

/* Decimal digits, saturating: a width is never more than a few hundred columns. */
static int parse_number(const char **format)
{
    int n = 0;

    for (; **format >= '0' && **format <= '9'; (*format)++)
        if (n < 10000)
            n = n * 10 + (**format - '0');
    return n;
}

/* A va_list may be an array type, of which a function parameter would lose the type. */
struct args {
    va_list list;
};

static u64 next_signed(struct args *a, const struct spec *s)
{
    switch (s->length) {
    case LEN_LONG: return (u64)va_arg(a->list, long);
    case LEN_LONG_LONG: return (u64)va_arg(a->list, long long);
    case LEN_SIZE: return (u64)va_arg(a->list, ptrdiff_t);
    case LEN_INT: break;
    }
    return (u64)va_arg(a->list, int);
}

static u64 next_unsigned(struct args *a, const struct spec *s)
{
    switch (s->length) {
    case LEN_LONG: return va_arg(a->list, unsigned long);
    case LEN_LONG_LONG: return (u64)va_arg(a->list, unsigned long long);
    case LEN_SIZE: return va_arg(a->list, size_t);
    case LEN_INT: break;
    }
    return va_arg(a->list, unsigned);
}

static const char *parse_flags(const char *format, struct spec *s)
{
    for (;; format++) {
        if (*format == '-')
            s->minus = true;
        else if (*format == '0')
            s->zero = true;
        else
            return format;
    }
}

static const char *parse_width(const char *format, struct spec *s, struct args *a)
{
    if (*format != '*') {
        s->width = parse_number(&format);
        return format;
    }
    s->width = va_arg(a->list, int);
    if (s->width < 0) {
        s->minus = true;
        s->width = s->width == INT32_MIN ? 0 : -s->width;
    }
    return format + 1;
}

static const char *parse_precision(const char *format, struct spec *s, struct args *a)
{
    if (*format != '.')
        return format;
    format++;
    if (*format == '*') {
        s->precision = va_arg(a->list, int);
        return format + 1;
    }
    s->precision = parse_number(&format);
    return format;
}

static const char *parse_length(const char *format, struct spec *s)
{
    if (*format == 'z') {
        s->length = LEN_SIZE;
        return format + 1;
    }
    if (*format != 'l')
        return format;
    s->length = format[1] == 'l' ? LEN_LONG_LONG : LEN_LONG;
    return format + (format[1] == 'l' ? 2 : 1);
}

static bool put_conversion(struct out *o, char conversion, struct spec *s, struct args *a)
{
    u64 value;
    char c;

    switch (conversion) {
    case 'd':
    case 'i':
        value = next_signed(a, s);
        if ((i64)value < 0)
            put_number(o, s, "-", 0 - value, 10, false);
        else
            put_number(o, s, "", value, 10, false);
        break;
    case 'u': put_number(o, s, "", next_unsigned(a, s), 10, false); break;
    case 'x': put_number(o, s, "", next_unsigned(a, s), 16, false); break;
    case 'X': put_number(o, s, "", next_unsigned(a, s), 16, true); break;
    case 'p': put_number(o, s, "0x", (uintptr_t)va_arg(a->list, void *), 16, false); break;
    case 's': put_string(o, s, va_arg(a->list, const char *)); break;
    case 'c':
        c = (char)va_arg(a->list, int);
        s->zero = false;
        put_field(o, s, "", &c, 1);
        break;
    case '%': put(o, '%'); break;
    default: return false;
    }
    return true;
}

size_t fmt_vbuf(char *buf, size_t size, const char *format, va_list args)
{
    struct out o = {buf, size, 0};
    struct args a;

    va_copy(a.list, args);
    while (*format != '\0') {
        if (*format != '%') {
            put(&o, *format++);
            continue;
        }

        const char *const start = format;
        struct spec s = {.precision = -1};

        format = parse_flags(format + 1, &s);
        format = parse_width(format, &s, &a);
        format = parse_precision(format, &s, &a);
        format = parse_length(format, &s);
        if (put_conversion(&o, *format, &s, &a))
            format++;
        else
            for (const char *p = start; p < format; p++)
                put(&o, *p);
    }
    va_end(a.list);
    if (size > 0)
        buf[MIN(o.len, size - 1)] = '\0';
    return o.len;
}

size_t fmt_buf(char *buf, size_t size, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    const size_t len = fmt_vbuf(buf, size, format, args);
    va_end(args);
    return len;
}
