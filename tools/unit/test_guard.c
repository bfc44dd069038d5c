/* control/net/guard.c: what a guest may say that it is.  control/net/checksum.c against an adder of
 * bytes. */
#include "control/net/checksum.h"
#include "control/net/guard.h"
#include "tools/unit/net_frames.h"
#include "tools/unit/random.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static u8 frame[1518];
static struct net_mac own, other;

static int fresh(void **state)
{
    (void)state;
    own = frame_mac(1);
    other = frame_mac(2);
    memset(frame, 0, sizeof(frame));
    return 0;
}

static u32 arp(struct net_mac sender, u32 tags)
{
    u32 len = frame_ethernet(frame, other, own, tags ? 0x8100 : 0x0806);

    for (u32 i = 1; i <= tags; i++, len += 4) {
        frame_put16(frame + len, 5);
        frame_put16(frame + len + 2, i == tags ? 0x0806 : 0x8100);
    }
    memcpy(frame + len, "\0\1\x08\0\6\4\0\2", 8);
    memcpy(frame + len + 8, sender.byte, 6);
    return len + 28;
}

static void test_arp(void **state)
{
    (void)state;
    assert_true(guard_allows(frame, arp(own, 0), &own, 0));
    assert_false(guard_allows(frame, arp(other, 0), &own, 0));
    assert_true(guard_allows(frame, arp(own, 2), &own, 0));
    assert_false(guard_allows(frame, arp(other, 1), &own, 0));
    assert_false(guard_allows(frame, arp(other, 2), &own, 0));
    assert_false(guard_allows(frame, arp(own, 3), &own, 0)); /* nobody looks that deep */
    (void)arp(own, 0);
    assert_false(guard_allows(frame, 14 + 13, &own, 0)); /* cut off */
    frame[14 + 4] = 8;                                   /* other hardware */
    assert_false(guard_allows(frame, 14 + 28, &own, 0));
    (void)arp(own, 0);
    assert_false(guard_allows(frame, 14 + 28, &other, 0)); /* the frame's own source */
}

/* Neighbor Discovery with an option, behind extension headers of a kind (0: hop by hop). */
static u32 discovery(u8 type, u8 option, struct net_mac mac, u8 extension, u32 extensions)
{
    const u32 fixed = type == 133 ? 8 : type == 134 ? 16 : 24;
    u32 len = frame_ethernet(frame, other, own, 0x86dd);

    len += frame_ipv6(frame + len, extensions ? extension : 58, extensions * 8 + fixed + 8);
    for (u32 i = 1; i <= extensions; i++, len += 8) {
        memset(frame + len, 0, 8);
        frame[len] = i == extensions ? 58 : extension;
    }
    memset(frame + len, 0, fixed);
    frame[len] = type;
    frame[len + fixed] = option;
    frame[len + fixed + 1] = 1;
    memcpy(frame + len + fixed + 2, mac.byte, 6);
    return len + fixed + 8;
}

static void test_discovery(void **state)
{
    static const struct {
        u8 type, option, extension;
        u32 extensions;
        bool with_own, with_other;
    } cases[] = {
        {135, 1, 0, 0, true, false},  /* Neighbor Solicitation, source */
        {136, 2, 0, 0, true, false},  /* Neighbor Advertisement, target */
        {133, 1, 0, 0, true, false},  /* Router Solicitation */
        {134, 1, 0, 0, false, false}, /* Router Advertisement */
        {137, 2, 0, 0, false, false}, /* Redirect */
        {136, 14, 0, 0, true, true},  /* a nonce */
        {128, 1, 0, 0, true, true},   /* an echo request */
        {135, 1, 0, 1, true, false},   {136, 2, 60, 3, true, false},
        {136, 2, 43, 7, true, false},  {136, 2, 60, 8, false, false}, /* nobody looks that deep */
        {128, 1, 60, 8, false, false}, {136, 2, 44, 1, false, false}, /* never in a fragment */
        {128, 0, 44, 1, true, true},
    };

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(cases); i++)
        for (u32 who = 0; who < 2; who++) {
            const u32 len = discovery(cases[i].type, cases[i].option, who ? other : own,
                                      cases[i].extension, cases[i].extensions);

            assert_int_equal(guard_allows(frame, len, &own, 0),
                             who ? cases[i].with_other : cases[i].with_own);
        }
}

static void test_odd(void **state)
{
    u32 len;

    (void)state;
    len = discovery(135, 1, own, 0, 0);
    frame[14 + 40 + 24 + 1] = 0; /* an option without a length */
    assert_false(guard_allows(frame, len, &own, 0));
    frame[14 + 40 + 24 + 1] = 2; /* longer than the frame */
    assert_false(guard_allows(frame, len, &own, 0));
    assert_false(guard_allows(frame, 14 + 40 + 23, &own, 0));
    assert_true(guard_allows(frame, 14 + 40, &own, 0)); /* nothing in it */
    /* an option that lies may hide behind what is looked at */
    len = discovery(135, 14, own, 0, 0);
    frame[14 + 40 + 24 + 1] = 22;
    assert_true(guard_allows(frame, 14 + 40 + 24 + 22 * 8, &own, 0));
    assert_false(guard_allows(frame, 400, &own, 0));
    /* a later fragment has no message's beginning */
    len = discovery(136, 2, other, 44, 1);
    frame_put16(frame + 14 + 40 + 2, 0x0008);
    assert_true(guard_allows(frame, len, &own, 0));
    len = discovery(136, 2, other, 60, 1);
    frame[14 + 40 + 1] = 200; /* a header that is longer than what is looked at */
    assert_false(guard_allows(frame, 1000, &own, 0));
    (void)len;
}

/* A checksum that is stored later must not change what was judged. */
static void test_sum(void **state)
{
    u32 len, ip;

    (void)state;
    (void)arp(own, 0);
    assert_false(guard_allows(frame, 42, &own, 24));
    ip = frame_ethernet(frame, other, own, 0x0800);
    for (u32 at = 14; at < 60; at++)
        assert_int_equal(guard_allows(frame, 200, &own, at), at > ip + 20);
    frame_put16(frame + 12, 0x8100); /* the type behind the tag */
    frame_put16(frame + 16, 0x0800);
    assert_false(guard_allows(frame, 200, &own, 16));
    assert_true(guard_allows(frame, 200, &own, 18 + 26));
    frame_put16(frame + 12, 0x1234);
    assert_false(guard_allows(frame, 200, &own, 60));
    /* UDP behind a header of options: nothing before UDP */
    len = discovery(128, 0, own, 60, 1);
    frame[14 + 40] = 17;
    for (u32 at = 14; at < len; at++)
        assert_int_equal(guard_allows(frame, len, &own, at), at > 14 + 40 + 8);
    frame[14 + 40] = 58; /* no checksum of ICMPv6 is left to us: it could become another message */
    assert_false(guard_allows(frame, len, &own, 14 + 40 + 8 + 2));
    assert_true(guard_allows(frame, len, &own, 0));
}

static u16 slow_sum(const u8 *at, u32 len)
{
    u64 sum = 0;

    for (u32 i = 0; i < len; i++)
        sum += i % 2 ? at[i] : (u64)at[i] << 8;
    return (u16)(~(sum % 0xffff));
}

static void test_checksum(void **state)
{
    struct random r = {.state = 9};

    (void)state;
    for (u32 round = 0; round < 20000; round++) {
        const u32 start = 14 + random_below(&r, 60), len = start + 2 + random_below(&r, 300);

        for (u32 i = 0; i < len; i++)
            frame[i] = (u8)(random_percent(&r, 30) ? 0xff : random_next(&r));

        const u16 sum = checksum_complete(frame, len, start);
        const u16 wanted = slow_sum(frame + start, len - start);

        /* 0 and 0xffff are the same number, and only the second one may be sent */
        assert_int_equal((u16)(sum >> 8 | sum << 8) % 0xffff, wanted % 0xffff);
        assert_int_not_equal(sum, 0);
    }
    memset(frame, 0, 100);
    assert_int_equal(checksum_complete(frame, 100, 14), 0xffff);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_arp, fresh),      cmocka_unit_test_setup(test_discovery, fresh),
        cmocka_unit_test_setup(test_odd, fresh),      cmocka_unit_test_setup(test_sum, fresh),
        cmocka_unit_test_setup(test_checksum, fresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
