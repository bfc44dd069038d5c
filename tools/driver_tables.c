/* Prints the devices of the machine that drivers/ drives, for tools/gen_docs.py: what a driver goes
 * by, and its limits.  A program of its own, since a virtio driver's types have the names of a
 * device's. */
#include "drivers/io/e1000.h"
#include "drivers/io/ide.h"
#include "drivers/io/ps2.h"
#include "drivers/io/serial.h"
#include "drivers/io/virtio_blk.h"
#include "drivers/io/virtio_net.h"
#include "drivers/platform/fbcon.h"
#include "drivers/platform/ioapic.h"
#include "drivers/platform/uart.h"
#include "tools/put_json.h"
#include "vmm/policy/devices.h"
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 256u

/* CONTROL_DRIVERS: the files of drivers/io/ that control.elf is made of, from its makefile. */
static const char *user_of(const char *driver)
{
    if (strncmp(driver, "drivers/platform/", 17) == 0)
        return "Lintel";
    return strstr(CONTROL_DRIVERS, driver) ? "the control partition" : "tests alone";
}

static void put_driver(const char *device, const char *driver, const char *found,
                       const char *limits)
{
    TEXTS("device", device, "driver", driver, "found", found, "limits", limits, "user",
          user_of(driver));
}

/* The ids of virtio functions that the drivers take for this type: those of the modern interface
 * say it themselves, older ones by their subsystem. */
static void virtio_ids(char *text, size_t size, enum virtio_type type)
{
    struct pci_function f = {.vendor = 0x1af4, .subsystem = (u16)type};
    u32 first = 0, last = 0, modern = 0;

    for (u32 id = 0; id <= 0xffff; id++) {
        f.id = (u16)id;
        if (virtio_type_of(&f) != type)
            continue;
        f.subsystem = VIRTIO_NONE;
        if (virtio_type_of(&f) == type)
            modern = id;
        else if (first == 0)
            first = last = id;
        else
            last = id;
        f.subsystem = (u16)type;
    }
    snprintf(text, size, "PCI 1af4:%04x, or 1af4:%04x to %04x with subsystem %u", modern, first,
             last, type);
}

static void put_virtio_drivers(void)
{
    char found[TEXT_MAX], limits[TEXT_MAX];

    virtio_ids(found, sizeof(found), VIRTIO_BLK);
    snprintf(limits, sizeof(limits), "up to %u queues of %u entries, requests of %u pieces",
             VIRTIO_BLK_QUEUES, VIRTQ_SIZE_MAX, VIRTQ_CHAIN_MAX);
    put_driver("virtio disk", "drivers/io/virtio_blk.c", found, limits);
    virtio_ids(found, sizeof(found), VIRTIO_NET);
    snprintf(limits, sizeof(limits), "a pair of queues and the control queue, of up to %u entries",
             VIRTQ_SIZE_MAX);
    put_driver("virtio network card", "drivers/io/virtio_net.c", found, limits);
}

static void put_pci_drivers(void)
{
    char found[TEXT_MAX], limits[TEXT_MAX];

    snprintf(found, sizeof(found), "PCI class %02x%02x with a bus master", IDE_CLASS, IDE_SUBCLASS);
    snprintf(limits, sizeof(limits),
             "%u channels of %u drives; %u requests wait for a drive, each of up to %llu KiB in %u "
             "pieces",
             IDE_CHANNELS, IDE_DRIVES, IDE_DEPTH, (unsigned long long)(IDE_BYTES_MAX / KiB),
             IDE_SEGMENTS_MAX);
    put_driver("IDE disks and CD drives", "drivers/io/ide.c", found, limits);
    snprintf(found, sizeof(found), "PCI %04x:%04x", E1000_VENDOR, E1000_DEVICE);
    snprintf(limits, sizeof(limits),
             "rings of %u to receive and %u to send; frames of up to %u pieces, %u bytes a buffer",
             E1000_RX_RING, E1000_TX_RING, E1000_SEGMENTS, E1000_RX_BYTES);
    put_driver("82540EM network card", "drivers/io/e1000.c", found, limits);
    put_virtio_drivers();
}

static void put_isa_drivers(void)
{
    char found[TEXT_MAX], limits[TEXT_MAX];
    size_t len = 0;

    snprintf(found, sizeof(found), "ports 0x%x and 0x%x, line %u", PS2_DATA_PORT, PS2_CONTROL_PORT,
             PS2_LINE);
    snprintf(limits, sizeof(limits), "%u keys wait", PS2_EVENTS);
    put_driver("PS/2 keyboard", "drivers/io/ps2.c", found, limits);
    snprintf(limits, sizeof(limits), "%u bytes wait each way", SERIAL_RING);
    put_driver("16550 UART as a stream", "drivers/io/serial.c", "the ports that its user names",
               limits);
    len += (size_t)snprintf(found, sizeof(found), "ports");
    for (u32 i = 0; i < UART_PORTS; i++)
        len += (size_t)snprintf(found + len, sizeof(found) - len, "%s 0x%x", i ? "," : "",
                                uart_bases[i]);
    snprintf(limits, sizeof(limits), "115200 baud, 8n1; a FIFO of %u bytes", UART_TX_FIFO);
    put_driver("16550 UART", "drivers/platform/uart.c", found, limits);
}

static void put_board_drivers(void)
{
    char limits[TEXT_MAX];

    snprintf(limits, sizeof(limits), "%u lines", IOAPIC_LINES);
    put_driver("I/O APIC", "drivers/platform/ioapic.c", "its usual address", limits);
    snprintf(limits, sizeof(limits), "32 bits a pixel; text of up to %u columns and %u rows",
             FBCON_COLUMNS_MAX, FBCON_ROWS_MAX);
    put_driver("framebuffer", "drivers/platform/fbcon.c", "UEFI's graphics output", limits);
    put_driver("power management", "drivers/platform/power.c",
               "ACPI tables, else the chipset's PCI function", "off and reset");
}

/* ---------------------------------------------------------------- what the control partition has
 */

static void put_range(const char *kind, u64 first, u64 last, const char *name)
{
    begin(NULL, '{');
    put_text("kind", kind);
    put_number("first", first);
    put_number("last", last);
    put_text("name", name);
    end('}');
}

int main(void)
{
    begin(NULL, '{');
    begin("driver", '[');
    put_pci_drivers();
    put_isa_drivers();
    put_board_drivers();
    end(']');
    begin("control_device", '[');
#define DEVICE_PORTS(first, last, name)  put_range("port", first, last, name);
#define DEVICE_MEMORY(first, last, name) put_range("memory", first, last, name);
#include "vmm/policy/devices.def"
    end(']');
    begin("control_line", '[');
    for (u32 line = 0; line < IOAPIC_LINES; line++)
        if (DEVICES_LINES >> line & 1) {
            begin(NULL, '{');
            put_number("line", line);
            end('}');
        }
    end(']');
    end('}');
    putchar('\n');
    return 0;
}
