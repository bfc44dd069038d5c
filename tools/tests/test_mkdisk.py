"""A guest's disk: sgdisk and mtools find in it what was put there."""
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import gpt
import mkdisk
import mkimage

PARTITIONS = ("files=6M,fat", "root=3M", "more files=4M,fat")


def said(*argv):
    """What a tool prints; it must succeed."""
    environment = dict(os.environ, MTOOLSRC=os.devnull)
    return subprocess.run(argv, env=environment, capture_output=True, check=True).stdout


class Image(unittest.TestCase):
    """One image with three partitions."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = Path(self.folder.name)
        self.contents = bytes(range(256)) * 300
        (self.path / "source").write_bytes(self.contents)

    def make(self, name="disk.img"):
        """The image's path."""
        out = self.path / name
        mkdisk.make(out, mkdisk.parse(PARTITIONS, [f"files:a/b/file.bin={self.path / 'source'}"]))
        return out

    def test_partitions(self):
        """Their names, places and types; both tables are sound."""
        image = self.make()
        self.assertIn(b"No problems found", said("sgdisk", "-v", str(image)))
        rows = [line.split(None, 6) for line in said("sgdisk", "-p", str(image)).decode().splitlines()
                if line.lstrip()[:1].isdigit()]
        self.assertEqual([(row[0], int(row[1]), int(row[2]), row[5], row[6]) for row in rows],
                         [("1", 2048, 14335, "0700", "files"), ("2", 14336, 20479, "8300", "root"),
                          ("3", 20480, 28671, "0700", "more files")])

    def test_files(self):
        """They are in the partition that was named; the empty one has zeros."""
        image = self.make()
        self.assertEqual(said("mtype", "-i", f"{image}@@1M", "::/a/b/file.bin"), self.contents)
        self.assertIn(b"No files", subprocess.run(
            ["mdir", "-i", f"{image}@@10M", "::"], capture_output=True, check=False).stdout)
        data = image.read_bytes()
        self.assertEqual(len(data), 15 * gpt.MIB)
        self.assertFalse(any(data[7 * gpt.MIB:10 * gpt.MIB]))

    def test_same_bytes(self):
        """Made twice; and other contents have other GUIDs."""
        first = self.make().read_bytes()
        self.assertEqual(self.make("again.img").read_bytes(), first)
        (self.path / "source").write_bytes(b"other")
        self.assertNotEqual(self.make("other.img").read_bytes()[:17408], first[:17408])


    def test_source(self):
        """A partition's first bytes out of a file; one that is too small for it is refused."""
        for mib in (1, 2):
            (self.path / "source").write_bytes(self.contents * 15)  # more than 1 MiB
            out = self.path / "source.img"
            part = mkdisk.Part("root", mib, source=self.path / "source")
            if mib == 1:
                with self.assertRaisesRegex(mkimage.ImageError, "partition root: .* more than 1M"):
                    mkdisk.make(out, [part])
                continue
            mkdisk.make(out, [part])
            data = out.read_bytes()
            size = len(self.contents) * 15
            self.assertEqual(data[gpt.MIB:gpt.MIB + size], self.contents * 15)
            self.assertFalse(any(data[gpt.MIB + size:3 * gpt.MIB]))
            first = data[:17408]
            (self.path / "source").write_bytes(b"other")
            mkdisk.make(out, [part])
            self.assertNotEqual(out.read_bytes()[:17408], first)


class Refused(unittest.TestCase):
    """What the command line gets wrong."""

    def refused(self, partitions, files, words):
        with self.assertRaisesRegex(mkimage.ImageError, words):
            mkdisk.parse(partitions, files)

    def test_partitions(self):
        """Sizes and names."""
        for text in ("a", "a=1", "a=1K", "=1M", "a=1M,ext4", "a/b=1M", f"{'a' * 37}=1M"):
            self.refused([text], [], "want NAME=SIZE")
        for text in ("a=0M", "a=3M,fat"):
            self.refused([text], [], "too small")
        self.refused(["a=1M", "a=2M"], [], "a name of its own")

    def test_files(self):
        """Only FAT takes files."""
        for text in ("f", "a:x=y", "c:x=y"):
            self.refused(["a=1M", "b=4M,fat"], [text], "want NAME:DEST=SRC")
