/* drivers/io/ata.c: identities, register values, errors. */
#include "drivers/io/ata.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static u16 words[ATA_IDENTIFY_WORDS];
static struct ata_identity id;
static const char *why;

static int setup(void **state)
{
    (void)state;
    memset(words, 0, sizeof(words));
    words[0] = 0x0040;
    for (u32 i = 10; i < 47; i++)
        words[i] = 0x2020;
    words[10] = 'S' << 8 | 'N';
    words[27] = 'D' << 8 | 'i';
    words[28] = 's' << 8 | 'k';
    words[29] = ' ' << 8 | 0x80;
    words[30] = '2' << 8 | 0;
    words[49] = 0x0300;
    words[60] = 0x0000;
    words[61] = 0x0fff;
    return 0;
}

static void with_lba48(u64 sectors)
{
    words[83] = 0x7400;
    for (u32 i = 0; i < 4; i++)
        words[100 + i] = (u16)(sectors >> 16 * i);
}

static void test_identity(void **state)
{
    (void)state;
    words[53] = 4;
    words[63] = 3;
    words[88] = 0x203f;
    assert_int_equal(ata_identity_parse(words, false, &id, &why), OK);
    assert_null(why);
    assert_string_equal(id.serial, "SN");
    assert_string_equal(id.model, "Disk  2");
    assert_int_equal(id.sectors, 0x0fff0000);
    assert_int_equal(id.sector, 512);
    assert_false(id.lba48 || id.flush || id.flush_ext || id.packet);
    assert_int_equal(id.udma_mode, 5);
    assert_int_equal(id.mdma_mode, 1);
    with_lba48(0x123456789a);
    assert_int_equal(ata_identity_parse(words, false, &id, &why), OK);
    assert_true(id.lba48 && id.flush && id.flush_ext);
    assert_int_equal(id.sectors, 0x123456789a);
    with_lba48(~0ull);
    assert_int_equal(ata_identity_parse(words, false, &id, &why), OK);
    assert_int_equal(id.sectors, 1ull << 48);
    words[83] = 0xffff; /* a page of ones is not valid */
    assert_int_equal(ata_identity_parse(words, false, &id, &why), OK);
    assert_false(id.lba48 || id.flush);
    assert_int_equal(id.sectors, 0x0fff0000);
}

static void refused(const char *text)
{
    assert_int_equal(ata_identity_parse(words, words[0] & 0x8000, &id, &why), E_NOTSUP);
    assert_string_equal(why, text);
    (void)setup(NULL);
}

static void test_refused(void **state)
{
    (void)state;
    words[49] = 0x0100;
    refused("it has no LBA addresses");
    words[49] = 0x0200;
    refused("it has no DMA");
    words[61] = 0;
    refused("it reports no sectors");
    words[106] = 0x5000;
    words[117] = 2048;
    refused("its sectors are not 512 bytes");
    words[0] = 0x8001;
    refused("its packets are not 12 bytes");
}

static void test_taskfile(void **state)
{
    struct ata_taskfile tf;

    (void)state;
    with_lba48(0x123456789a);
    assert_int_equal(ata_identity_parse(words, false, &id, &why), OK);
    assert_int_equal(ata_taskfile(&id, 0, ATA_READ, 0x0edcba9, 1, &tf), OK);
    assert_int_equal(tf.command, 0xc8);
    assert_int_equal(tf.device, 0xe0);
    assert_int_equal(tf.count, 1);
    assert_int_equal(tf.lba_low, 0xa9);
    assert_int_equal(tf.lba_mid, 0xcb);
    assert_int_equal(tf.lba_high, 0xed);
    assert_false(tf.ext);
    /* The last 256 sectors that 28 bits reach, and one more. */
    assert_int_equal(ata_taskfile(&id, 1, ATA_WRITE, 0x0fffff00, 256, &tf), OK);
    assert_int_equal(tf.command, 0xca);
    assert_int_equal(tf.device, 0xff);
    assert_int_equal(tf.count, 0);
    assert_int_equal(ata_taskfile(&id, 1, ATA_WRITE, 0x0fffff01, 256, &tf), OK);
    assert_int_equal(tf.command, 0x35);
    assert_int_equal(tf.device, 0xf0);
    assert_int_equal(tf.count, 0);
    assert_int_equal(tf.count_high, 1);
    assert_int_equal(tf.lba_low, 0x01);
    assert_int_equal(tf.lba_low_high, 0x0f);
    assert_int_equal(ata_taskfile(&id, 0, ATA_READ, 0x1233560000, 65536, &tf), OK);
    assert_int_equal(tf.command, 0x25);
    assert_int_equal(tf.count | tf.count_high, 0);
    assert_int_equal(tf.lba_mid_high, 0x12);
    assert_int_equal(tf.lba_low_high, 0x33);
    assert_int_equal(tf.lba_high_high, 0);
    assert_int_equal(tf.lba_high, 0x56);
    assert_int_equal(ata_taskfile(&id, 0, ATA_READ, 0, 65537, &tf), E_RANGE);
    assert_int_equal(ata_taskfile(&id, 0, ATA_READ, 0, 0, &tf), E_RANGE);
    assert_int_equal(ata_taskfile(&id, 0, ATA_READ, (1ull << 48) - 1, 2, &tf), E_RANGE);
    assert_int_equal(ata_taskfile(&id, 0, ATA_READ, ~0ull, 2, &tf), E_RANGE);
    assert_int_equal(ata_taskfile(&id, 0, ATA_FLUSH, 0, 0, &tf), OK);
    assert_int_equal(tf.command, 0xea);
    id.lba48 = false;
    assert_int_equal(ata_taskfile(&id, 0, ATA_READ, 0, 257, &tf), E_RANGE);
    assert_int_equal(ata_taskfile(&id, 0, ATA_FLUSH, 0, 0, &tf), OK);
    assert_int_equal(tf.command, 0xe7);
    id.flush = id.flush_ext = false;
    assert_int_equal(ata_taskfile(&id, 0, ATA_FLUSH, 0, 0, &tf), E_NOTSUP);
}

/* Every status and error has words, and they agree with the result. */
static void test_errors(void **state)
{
    (void)state;
    for (u32 s = 0; s < 256; s++)
        for (u32 e = 0; e < 256; e++) {
            const char *text = ata_error_text((u8)s, (u8)e);
            const enum io_result result = ata_error_result((u8)s, (u8)e);
            assert_non_null(text);
            assert_int_equal(strcmp(text, "no error") == 0, result == IO_DONE);
            assert_int_equal(result == IO_DONE, !(s & (ATA_ERR | ATA_DF)));
        }
    assert_string_equal(ata_error_text(ATA_ERR, 0x44), "data that cannot be corrected");
    assert_string_equal(ata_error_text(ATA_ERR, 0), "an error without a reason");
    assert_string_equal(ata_error_text(ATA_DF | ATA_ERR, 4), "drive fault");
    assert_int_equal(ata_error_result(ATA_ERR, 0x20), IO_NO_MEDIUM);
    assert_string_equal(ata_sense_text(2, 0x3a), "no medium");
    assert_string_equal(ata_sense_text(5, 0x20), "illegal request");
    assert_string_equal(ata_sense_text(0xf, 0), "an unknown sense key");
}

static void test_packets(void **state)
{
    static const u8 answer[8] = {0, 0, 0x12, 0x33, 0, 0, 8, 0};
    static const u8 old[8] = {0, 0, 0x12, 0x33, 0, 0, 9, 0x30};
    u8 packet[ATA_PACKET_LEN];
    u64 blocks;

    (void)state;
    assert_int_equal(ata_packet_read(0x01020304, 0x0506, packet), OK);
    assert_memory_equal(packet, "\x28\0\x01\x02\x03\x04\0\x05\x06\0\0\0", 12);
    assert_int_equal(ata_packet_read(1ull << 32, 1, packet), E_RANGE);
    assert_int_equal(ata_packet_read(0, 65536, packet), E_RANGE);
    assert_int_equal(ata_packet_read(0, 0, packet), E_RANGE);
    assert_int_equal(ata_capacity_parse(answer, &blocks), OK);
    assert_int_equal(blocks, 0x1234);
    assert_int_equal(ata_capacity_parse(old, &blocks), E_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_identity, setup), cmocka_unit_test_setup(test_refused, setup),
        cmocka_unit_test_setup(test_taskfile, setup), cmocka_unit_test_setup(test_errors, setup),
        cmocka_unit_test_setup(test_packets, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
