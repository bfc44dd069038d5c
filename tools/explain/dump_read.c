/* VMCS dumps out of a log, line by line.  See dump_read.h. */
#include "tools/explain/dump_read.h"
#include "vmx/dump_format.h"
#include <string.h>

/* SDM Vol. 2A, "CPUID--CPU Identification", leaf 80000008H, and what such processors have. */
#define PHYS_MIN             32u
#define PHYS_MAX             52u
#define LINEAR_MIN           32u
#define LINEAR_MAX           57u

#define SEEN_FEATURE_CONTROL (VMX_MSR_LAST - VMX_MSR_FIRST + 1)

static const char *const field_name[VMCS_FIELDS] = {
#define VMCS_ALL(encoding, name) #name,
#include "vmx/vmcs_fields.def"
};

/* What of a line is not read yet. */
struct rest {
    const char *at, *end;
};

static bool take(struct rest *s, const char *word)
{
    const size_t len = strlen(word);

    if ((size_t)(s->end - s->at) < len || memcmp(s->at, word, len) != 0)
        return false;
    s->at += len;
    return true;
}

static int digit(char c, u32 base)
{
    const int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;

    return value < (int)base ? value : -1;
}

/* Digits, at least one, that together are at most `max`. */
static bool take_number(struct rest *s, u32 base, u64 max, u64 *value)
{
    const char *const first = s->at;
    int d;

    *value = 0;
    for (; s->at < s->end && (d = digit(*s->at, base)) >= 0; s->at++) {
        if (*value > (max - (u64)d) / base)
            return false;
        *value = *value * base + (u64)d;
    }
    return s->at != first;
}

static bool take_decimal(struct rest *s, const char *key, u32 min, u32 max, u32 *value)
{
    u64 v;

    if (!take(s, key) || !take_number(s, 10, max, &v) || v < min)
        return false;
    *value = (u32)v;
    return true;
}

static bool take_hex(struct rest *s, const char *key, u64 max, u64 *value)
{
    return take(s, key) && take(s, "0x") && take_number(s, 16, max, value);
}

static bool ends(const struct rest *s)
{
    return s->at == s->end;
}

static bool first_time(bool *seen)
{
    if (*seen)
        return false;
    return *seen = true;
}

/* Each: NULL, or what is wrong. */
static const char *begin(struct dump_open *o, struct rest s, u32 line)
{
    u32 version, phys, linear;

    *o = (struct dump_open){.line = line};
    if (!take_decimal(&s, "version=", 0, UINT32_MAX, &version))
        return "a dump begins without its version";
    if (version != DUMP_VERSION)
        return "the dump is of another version: use the tool of the Lintel that wrote it";
    if (!take_decimal(&s, " phys=", PHYS_MIN, PHYS_MAX, &phys) ||
        !take_decimal(&s, " linear=", LINEAR_MIN, LINEAR_MAX, &linear) || !ends(&s))
        return "the address widths are missing, or no processor has such";
    o->image.phys_bits = (u8)phys;
    o->image.linear_bits = (u8)linear;
    return NULL;
}

static const char *add_msr(struct dump_open *o, struct rest s)
{
    u64 msr, value;

    if (!take_hex(&s, "", UINT32_MAX, &msr) || !take_hex(&s, "=", UINT64_MAX, &value) || !ends(&s))
        return "this is not 0xNUMBER=0xVALUE of an MSR";
    if (msr == MSR_FEATURE_CONTROL) {
        o->caps.feature_control = value;
        return first_time(&o->seen_msr[SEEN_FEATURE_CONTROL]) ? NULL : "this MSR was there before";
    }
    if (msr < VMX_MSR_FIRST || msr > VMX_MSR_LAST)
        return "this MSR is none of the VMX capabilities";
    o->caps.msr[msr - VMX_MSR_FIRST] = value;
    return first_time(&o->seen_msr[msr - VMX_MSR_FIRST]) ? NULL : "this MSR was there before";
}

static const char *add_field(struct dump_open *o, struct rest s)
{
    const char *const equals = memchr(s.at, '=', (size_t)(s.end - s.at));
    u64 value;

    if (!equals)
        return "this is not NAME=0xVALUE of a field";
    for (u32 f = 0; f < VMCS_FIELDS; f++) {
        if (strlen(field_name[f]) != (size_t)(equals - s.at) || !take(&s, field_name[f]))
            continue;
        if (!take_hex(&s, "=", UINT64_MAX, &value) || !ends(&s))
            return "this is not NAME=0xVALUE of a field";
        o->image.field[f] = value;
        return first_time(&o->seen_field[f]) ? NULL : "this field was there before";
    }
    return "the VMCS has no field of this name";
}

static const char *finish(const struct dump_open *o, struct rest s)
{
    u32 lines;

    if (!take_decimal(&s, "lines=", 0, UINT32_MAX, &lines) || !ends(&s))
        return "a dump ends without the number of its lines";
    if (lines != o->count)
        return "the dump has lost lines";
    for (u32 m = 0; m < ARRAY_LEN(o->seen_msr); m++)
        if (!o->seen_msr[m])
            return "the dump lacks MSRs, without which its controls cannot be judged";
    return NULL;
}

static void fail(struct dump_reader *r, struct dump_open *o, const char *what)
{
    if (o && o->bad)
        return;
    if (o)
        o->bad = true;
    r->to.error(r->to.ctx, r->line, what);
}

static void read_marked(struct dump_reader *r, struct rest s)
{
    struct dump_open *o = NULL;
    const char *wrong;
    u32 cpu;

    if (!take_decimal(&s, "cpu=", 0, DUMP_CPUS - 1, &cpu) || !take(&s, " ")) {
        fail(r, NULL, "no number of a CPU follows the mark");
        return;
    }
    o = &r->open[cpu];
    if (take(&s, "begin ")) {
        if (o->line)
            fail(r, o, "the CPU's dump before this one has no end");
        wrong = begin(o, s, r->line);
    } else if (!o->line) {
        wrong = "the dump's beginning is missing";
    } else if (take(&s, "end ")) {
        wrong = finish(o, s);
        o->image.caps = &o->caps;
        if (!wrong && !o->bad)
            r->to.dump(r->to.ctx, o->line, cpu, &o->image);
        o->line = 0;
    } else {
        o->count++;
        wrong = take(&s, "msr ")     ? add_msr(o, s)
                : take(&s, "field ") ? add_field(o, s)
                                     : "this is no line of a dump";
    }
    if (wrong)
        fail(r, o, wrong);
}

void dump_read_line(struct dump_reader *r, const char *text, size_t len)
{
    struct rest s = {text, text + len};

    r->line++;
    if (len > 0 && s.end[-1] == '\r')
        s.end--;
    /* Something may stand before the mark: what a terminal program puts there, or a guest's bytes.
     */
    for (; s.at < s.end; s.at++)
        if (take(&s, DUMP_MARK)) {
            read_marked(r, s);
            return;
        }
}

void dump_read_end(struct dump_reader *r)
{
    for (u32 cpu = 0; cpu < DUMP_CPUS; cpu++)
        if (r->open[cpu].line) {
            r->line = r->open[cpu].line;
            fail(r, &r->open[cpu], "the dump that begins here is cut off");
        }
}
