"""emulator.machine.Drive: one machine at a time, and what a killed Bochs has left."""
import tempfile
import unittest
from pathlib import Path

from emulator.machine import Drive, EmulatorError


class Hold(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.image = Path(folder.name) / "drive.img"
        self.image.write_bytes(b"kept")
        self.drive = Drive(self.image)

    def test_another_machine(self):
        with self.drive.hold(), self.assertRaisesRegex(EmulatorError, "drive.img is another machine's"):
            self.drive.hold()
        self.drive.hold().close()  # afterwards it is free

    def test_left_lock(self):
        """Without a machine that has the drive, Bochs' lock is an old one; with one it stays."""
        lock = Path(f"{self.image}.lock")
        lock.touch()
        with self.drive.hold():
            self.assertFalse(lock.exists())
            lock.touch()
            with self.assertRaises(EmulatorError):
                self.drive.hold()
            self.assertTrue(lock.exists())
        self.assertEqual(self.image.read_bytes(), b"kept")


if __name__ == "__main__":
    unittest.main()
