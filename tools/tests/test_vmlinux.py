"""tools/vmlinux.py: bzImages made up, packed in each way that Python knows, and cut."""
import gzip
import lzma
import struct
import unittest

import vmlinux

KERNEL = b"\x7fELF" + bytes(range(256)) * 8


def bzimage(packed, length=None):
    """Four setup sectors and a boot sector, 16 bytes of code, the payload."""
    setup = bytearray(5 * 512)
    setup[0x1F1] = 4
    setup[0x202:0x206] = b"HdrS"
    length = len(packed) + 4 if length is None else length
    struct.pack_into("<II", setup, 0x248, 16, length)
    return bytes(setup) + bytes(16) + packed + struct.pack("<I", len(KERNEL)) + b"behind"


class Unpack(unittest.TestCase):
    """What is in it comes out; what is not is refused."""

    def test_gzip(self):
        self.assertEqual(vmlinux.unpack(bzimage(gzip.compress(KERNEL))), KERNEL)

    def test_xz(self):
        packed = lzma.compress(KERNEL, check=lzma.CHECK_CRC32)
        self.assertEqual(vmlinux.unpack(bzimage(packed)), KERNEL)

    def test_refused(self):
        good = bzimage(gzip.compress(KERNEL))
        for image, words in ((b"", "no bzImage"), (KERNEL, "no bzImage"),
                             (bzimage(b"", 100), "cut off"),
                             (bzimage(b"BZh91AY"), "begins with 425a68393141"),
                             (bzimage(gzip.compress(b"text")), "no ELF file"),
                             (good[:-20], "cut off")):
            with self.assertRaisesRegex(ValueError, words):
                vmlinux.unpack(image)


if __name__ == "__main__":
    unittest.main()
