/* See device_text.h.  Pure. */
#include "control/served/device_text.h"
#include "lib/mem.h"

static const char *const kinds[] = {
    [DEVICE_DISK] = "disk ", [DEVICE_NET] = "net ", [DEVICE_HVC] = "hvc ", [DEVICE_RNG] = "rng "};

static bool begins_with(const char *text, size_t len, const char *word)
{
    const size_t n = strlen(word);

    return len >= n && memcmp(text, word, n) == 0;
}

err_t device_line_next(const char **at, struct device_line *line)
{
    const char *const begin = *at;
    size_t len = 0, head = 0;
    err_t err = E_INVAL;

    if (!*begin)
        return E_NOENT;
    while (begin[len] && begin[len] != '\n')
        len++;
    *at = begin + len + (begin[len] == '\n');
    for (u32 kind = 0; kind < ARRAY_LEN(kinds) && err != OK; kind++) {
        if (!begins_with(begin, len, kinds[kind]))
            continue;
        line->kind = (enum device_kind)kind;
        head = strlen(kinds[kind]);
        err = OK;
    }
    if (len - head >= DEVICE_TEXT_MAX)
        err = E_INVAL;
    len = MIN(len - head, (size_t)DEVICE_TEXT_MAX - 1);
    memcpy(line->text, begin + head, len);
    line->text[len] = '\0';
    return err;
}

err_t switch_text_parse(const char *text, const char **why)
{
    if (strcmp(text, "on") == 0)
        return OK;
    *why = "allowed: on; or leave the line out";
    return E_INVAL;
}

/* ------------------------------------------------------------ networks */

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static i32 hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Six pairs of digits with colons between, in all that there is; of one station. */
static bool parse_mac(const char *at, size_t len, struct net_mac *mac)
{
    u32 any = 0;

    if (len != 3 * NET_MAC_BYTES - 1)
        return false;
    for (u32 i = 0; i < NET_MAC_BYTES; i++, at += 3) {
        const i32 high = hex_digit(at[0]), low = hex_digit(at[1]);

        if (high < 0 || low < 0 || (i < NET_MAC_BYTES - 1 && at[2] != ':'))
            return false;
        mac->byte[i] = (u8)(high << 4 | low);
        any |= mac->byte[i];
    }
    return any != 0 && !(mac->byte[0] & 1);
}

static bool is_word(const char *at, size_t len, const char *word)
{
    return len == strlen(word) && memcmp(at, word, len) == 0;
}

/* What stands between two commas; else why it may not. */
static const char *take_net_option(const char *at, size_t len, struct net_text *net)
{
    static const char mac[] = "mac=";

    if (begins_with(at, len, mac)) {
        net->has_mac = parse_mac(at + sizeof(mac) - 1, len - (sizeof(mac) - 1), &net->mac);
        return net->has_mac
                   ? NULL
                   : "the mac is no address of one station; allowed: ,mac=52:54:00:12:34:56";
    }
    if (is_word(at, len, "anymac"))
        net->any_source = true;
    else if (is_word(at, len, "vlan"))
        net->vlan = true;
    else
        return "behind the switch's name, allowed: ,mac=aa:bb:cc:dd:ee:ff ,anymac ,vlan";
    return NULL;
}

err_t net_text_parse(const char *text, struct net_text *net, const char **why)
{
    size_t len = 0;

    memset(net, 0, sizeof(*net));
    while (is_name(text[len]))
        len++;
    if (len == 0 || len >= LAN_NAME_MAX) {
        *why = "it must begin with the name of a switch: 1 to 15 of a-z 0-9 - _, as in 'net = lan'";
        return E_INVAL;
    }
    memcpy(net->lan, text, len);
    for (text += len; *text; text += len) {
        text++; /* a comma, or what is refused */
        for (len = 0; text[len] && text[len] != ','; len++)
            ;
        const char *const bad = take_net_option(text, text[-1] == ',' ? len : 0, net);

        if (bad) {
            *why = bad;
            return E_INVAL;
        }
    }
    return OK;
}

struct net_mac net_text_mac(const char *guest, u32 n)
{
    u32 hash = 2166136261u; /* FNV-1a */

    for (; *guest; guest++)
        hash = (hash ^ (u8)*guest) * 16777619u;
    hash = (hash ^ n) * 16777619u;
    return (struct net_mac){{0x52, 0x54, 0, (u8)(hash >> 16), (u8)(hash >> 8), (u8)hash}};
}
