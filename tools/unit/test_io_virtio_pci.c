/* drivers/io/virtio_pci.c: what of the transport needs no driver above it. */
#include "tools/unit/fake_virtio.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct fake_virtio d;
static struct pci pci;
static struct pci_function f;

/* Through configuration space alone, while it does not even decode. */
static void test_quietened(void **state)
{
    (void)state;
    fv_open(&d, VIRTIO_BLK, 1, 128, 0, 0, &pci, &f);
    d.status = 15;
    d.queue[0].enable = 1;
    d.config[PCI_COMMAND] = 0;
    assert_int_equal(virtio_quieten(&f), OK);
    assert_int_equal(d.resets, 1);
    assert_int_equal(d.status, 0);
    assert_int_equal(d.queue[0].enable, 0);
    d.status = 15;
    d.stuck = true;
    assert_int_equal(virtio_quieten(&f), E_IO);
    d.stuck = false;
    d.config[0x40 + 3] = 9; /* where the registers are is not said */
    assert_int_equal(virtio_quieten(&f), E_NOTSUP);
    d.config[0x40 + 3] = 1;
    d.config[FV_WAY + 3] = 9;
    assert_int_equal(virtio_quieten(&f), E_NOTSUP);
    assert_int_equal(d.status, 15);
    assert_true(fake_io_close(&d.io));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quietened),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
