/* What a guest's configuration says of its devices (abi/control.h, struct abi_partition): for each
 * a line, "disk TEXT", "net TEXT", "hvc on" or "rng on".  Pure. */
#pragma once
#include "control/net/port.h"
#include "lib/types.h"

#define DEVICE_TEXT_MAX 192u /* bytes of a line's text, terminator included */
#define LAN_NAME_MAX    16u

enum device_kind { DEVICE_DISK, DEVICE_NET, DEVICE_HVC, DEVICE_RNG };

struct device_line {
    enum device_kind kind;
    char text[DEVICE_TEXT_MAX];
};

/* The line at *at, which moves behind it.  E_NOENT: there are no more; E_INVAL: it is of no known
 * kind or too long, with its beginning in line->text; the next one may be good. */
err_t device_line_next(const char **at, struct device_line *line);

/* Of a device that there is or is not.  E_INVAL: not "on"; *why says what is allowed. */
err_t switch_text_parse(const char *text, const char **why);

struct net_text {
    char lan[LAN_NAME_MAX];
    bool has_mac;
    struct net_mac mac;
    bool any_source, vlan; /* as in control/net/port.h */
};

/* LAN[,mac=aa:bb:cc:dd:ee:ff][,anymac][,vlan].  E_INVAL: it is not; *why says what and what is
 * allowed. */
err_t net_text_parse(const char *text, struct net_text *net, const char **why);
/* An address for the n-th network of a guest of that name: locally administered, the same each
 * time. */
struct net_mac net_text_mac(const char *guest, u32 n);
