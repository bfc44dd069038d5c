"""tools/coverage/devices.py: what the page of the devices makes of the compiled tables."""
import unittest

from coverage import devices

FUNCTION = {"vendor": 0x1af4, "device": 0x1044, "subsystem_vendor": 0x1af4, "subsystem": 0x1044,
            "revision": 1, "class": 0xff00, "bars": [{"bar": 2, "size": 8, "ports": 1, "wide": 0, "prefetchable": 0},
                     {"bar": 4, "size": 0x4000, "ports": 0, "wide": 1, "prefetchable": 1}]}
DEVICE = {**FUNCTION, "name": "entropy", "key": "rng", "vectors": 2, "msix_bar": 0, "pending_at": 0x800,
          "structures": [{"name": "doorbells", "bar": 4, "offset": 0x3000, "length": 4}],
          "queue_names": "buffers", "queues_least": 1, "queues_most": 2, "queue_size": 16,
          "features": [{"bit": 5, "name": "X_F_ONE", "when": "it rains"}],
          "fields": [{"of": "entropy", "name": "first", "offset": 8, "size": 4}]}
TABLES = {
    "guest_bus": {"memory": 0xe0000000, "memory_last": 0xefffffff, "ecam": 0xf0000000,
                  "ports": 0xc000, "ports_last": 0xcfff,
                  "ecam_last": 0xf00fffff, "slots": 32, "line_first": 16, "lines": 8},
    "host_bridge": {**FUNCTION, "device": 8, "bars": []},
    "virtio_transport": {"features": [{"bit": 32, "name": "F_VERSION_1", "when": ""}]},
    "guest_device": [DEVICE],
    "driver": [{"device": "card", "driver": "drivers/io/card.c", "found": "PCI 8086:100e", "limits": "few",
                "user": "tests alone"}],
    "control_device": [{"kind": "port", "first": 0x60, "last": 0x60, "name": "keyboard"},
                       {"kind": "memory", "first": 0x80000000, "last": 0xfebfffff, "name": "PCI"}],
    "control_line": [{"line": line} for line in (1, 3, 4, 5)],
}


class Page(unittest.TestCase):
    def setUp(self):
        self.lines = devices.page(TABLES).splitlines()

    def test_rows(self):
        """Each table's row, as it is to be read."""
        for line in ("| entropy | `rng` | 1af4:1044 | 00ff00 | 1 to 2 | 16 |",
                     "| 2 | 8 bytes | ports |",
                     "| 4 | 16 KiB | 64 bits, prefetchable |",
                     "| 0 | 0x0 | 32 | MSI-X table |",
                     "| 0 | 0x800 | 8 | MSI-X pending bits |",
                     "| 4 | 0x3000 | 4 | doorbells |",
                     "| 5 | `VIRTIO_X_F_ONE` | if it rains |",
                     "| 32 | `VIRTIO_F_VERSION_1` | always |",
                     "| 0x8 | 4 | `first` |",
                     "| card | `drivers/io/card.c` | PCI 8086:100e | few | tests alone |",
                     "| 0x60 | keyboard |",
                     "| memory 0x80000000 to 0xfebfffff | PCI |"):
            self.assertIn(line, self.lines)

    def test_lines(self):
        self.assertIn("the interrupt lines 1, 3 to 5", " ".join(self.lines))

    def test_nothing_of_its_own(self):
        """A device without features or configuration has words for that, and no empty tables."""
        text = devices.virtio({**DEVICE, "features": [], "fields": []})
        self.assertIn("It offers none beside those of the transport.", text)
        self.assertIn("It has none, and no structure for one.", text)
        self.assertNotIn("| feature |", text)
        self.assertNotIn("| field |", text)


if __name__ == "__main__":
    unittest.main()
