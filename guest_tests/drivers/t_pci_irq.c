/* MSI and the interrupt line of a function which interrupts when it is told to: QEMU's device
 * `edu`. QEMU, "EDU device". */
#include "guest_tests/drivers/devices.h"
#include "guest_tests/drivers/env.h"
#include "guest_tests/rt/guest.h"

#define VENDOR  0x1234u
#define ID      0x11e8u
#define STATUS  0x24u /* of interrupts: which are raised */
#define RAISE   0x60u
#define ACK     0x64u
#define ROUNDS  100u
#define WAIT_MS 1000u

static struct io_window registers;
static volatile u64 taken, strange;

static bool on_interrupt(void *arg)
{
    const u32 status = io_read32(&registers, STATUS);

    (void)arg;
    if (status == 0)
        return false;
    taken++;
    strange += status != (u32)taken;
    io_write32(&registers, ACK, status);
    return true;
}

static void raise_many(struct pci_function *f, u32 kind)
{
    struct io_irq irq = {.handler = on_interrupt};
    u64 count;

    taken = strange = 0;
    if (!EXPECT_EQ(pci_irq_attach(f, kind, &irq), OK))
        return;
    for (u32 i = 1; i <= ROUNDS; i++) {
        io_write32(&registers, RAISE, i);
        if (!EXPECT_TRUE(env_wait(&taken, i, WAIT_MS, NULL, NULL)))
            break;
    }
    EXPECT_EQ(taken, ROUNDS);
    EXPECT_EQ(strange, 0);
    count = irq.count;
    EXPECT_TRUE(count >= ROUNDS);
    pci_irq_detach(f, &irq);
    io_write32(&registers, RAISE, 1); /* nobody hears it */
    EXPECT_FALSE(env_wait(&taken, ROUNDS + 1, 10, NULL, NULL));
    EXPECT_EQ(irq.count, count);
    io_write32(&registers, ACK, 1);
}

GUEST_TEST(pci_msi_and_its_line)
{
    struct pci_function *f = device_find(VENDOR, ID);

    if (f == NULL)
        SKIP("no device that interrupts when it is told to");
    env_begin();
    pci_measure_bars(f);
    pci_command(f, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 0);
    if (!EXPECT_EQ(pci_map_bar(f, 0, &registers), OK))
        return;
    raise_many(f, PCI_IRQ_MSI);
    EXPECT_TRUE(pci_read(f, PCI_COMMAND, 2) & PCI_COMMAND_INTX_OFF);
    raise_many(f, PCI_IRQ_INTX);
    raise_many(f, PCI_IRQ_MSI | PCI_IRQ_INTX);
}
