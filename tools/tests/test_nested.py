"""The judge of where firmware places devices, and what the nested machine is made of."""
import tempfile
import unittest
from pathlib import Path

from emulator import qemu
from emulator.machine import Drive, Machine
from testing.nested import bars_of, is_given, judge_places
from testing.report import Part

DISK = """\
  Bus  0, device   {0}, function 0:
    SCSI controller: PCI device 1af4:1042
      IRQ 11, pin A
      BAR1: 32 bit memory at 0xc104{0}000 [0xc104{0}fff].
      BAR4: 64 bit prefetchable memory at 0xe00000{0}000 [0xe00000{0}fff].
      id ""
"""
CARD = """\
  Bus  0, device   4, function 0:
    Ethernet controller: PCI device 1af4:1041
      BAR0: I/O at 0x6040 [0x605f].
      BAR1: 32 bit memory at 0xc1040000 [0xc1040fff].
      BAR6: 32 bit memory at 0xffffffffffffffff [0x0003fffe].
      id ""
"""
BRIDGE = """\
  Bus  0, device   0, function 0:
    Host bridge: PCI device 8086:29c0
      id ""
"""
ROWS = [{"kind": "memory", "first": 0x80000000, "last": 0xFEBFFFFF},
        {"kind": "memory", "first": 1 << 32, "last": (1 << 47) - 1},
        {"kind": "port", "first": 0x6000, "last": 0x6FFF}]
RAM = [(0, 0x7FFFFFFF), (0x100000000, 0x17FFFFFFF)]


def failed(text, rows, named):
    """The names of what is not ok."""
    part = Part()
    judge_places(part, text, rows, named)
    return [name for _, name, good, *_ in part.kept if not good]


class Places(unittest.TestCase):
    """What `info pci` says, held against rows and the firmware's map."""
    text = BRIDGE + DISK.format(2) + DISK.format(3) + CARD

    def test_bars(self):
        found = bars_of(self.text)
        self.assertEqual(found["8086:29c0"], [[]])
        self.assertEqual(found["1af4:1042"][1], [("memory", 0xC1043000, 0xC1043FFF),
                                                 ("memory", 0xE000003000, 0xE000003FFF)])
        self.assertEqual(found["1af4:1041"], [[("port", 0x6040, 0x605F),
                                               ("memory", 0xC1040000, 0xC1040FFF)]])

    def test_rows(self):
        self.assertTrue(is_given(("port", 0x6040, 0x605F), ROWS))
        self.assertFalse(is_given(("port", 0x80000000, 0x80000001), ROWS))
        self.assertFalse(is_given(("memory", 0xFEBFF000, 0xFEC00FFF), ROWS))
        self.assertFalse(is_given(("memory", 0xFFFFFFFFFFFFFFFF, 0xFFE), ROWS))  # not placed

    def test_all_is_well(self):
        self.assertEqual(failed(self.text, ROWS, RAM), [])

    def test_a_table_without_the_row(self):
        self.assertEqual(failed(self.text, ROWS[:1] + ROWS[2:], RAM),
                         ["nested: the control partition has each BAR of 1af4:1042"])

    def test_a_map_that_names_a_bar(self):
        self.assertEqual(failed(self.text, ROWS, RAM + [(0xC1040800, 0xC10408FF)]),
                         ["nested: the firmware's memory map has no BAR of 1af4:1041"])

    def test_a_device_is_missing(self):
        self.assertEqual(failed(BRIDGE + DISK.format(2) + CARD, ROWS, RAM),
                         ["nested: 1af4:1042 is there"])


class Devices(unittest.TestCase):
    """QEMU's command line."""

    def arguments(self, **keys):
        with tempfile.TemporaryDirectory() as folder:
            return qemu.command(Machine(Path("boot.img"), emulator="qemu", mac="52:54:00:00:00:01",
                                        drives=(Drive(Path("second.img")), Drive(cdrom=True)),
                                        **keys), Path(folder), "boot.img", [1, 2, 3])[0]

    def test_nested(self):
        argv = self.arguments(virtio=True)
        disks = [word for word in argv if word.startswith("virtio-blk-pci,")]
        self.assertEqual(disks, ["virtio-blk-pci,drive=drive0,disable-legacy=on,bootindex=0",
                                 "virtio-blk-pci,drive=drive1,disable-legacy=on"])
        self.assertIn("if=none,id=drive1,format=raw,file=second.img", argv)
        self.assertIn("if=ide,index=2,media=cdrom", argv)
        self.assertIn("virtio-net-pci,disable-legacy=on,id=nic,netdev=net,mac=52:54:00:00:00:01", argv)

    def test_otherwise(self):
        argv = self.arguments()
        self.assertIn("if=ide,index=0,media=disk,format=raw,file=boot.img", argv)
        self.assertIn("e1000,id=nic,netdev=net,mac=52:54:00:00:00:01", argv)
        self.assertFalse([word for word in argv if "virtio" in word])


if __name__ == "__main__":
    unittest.main()
