"""What a Debian system is made of: mirrors, and the sum of an archive's files."""
import subprocess
import tempfile
import unittest
from pathlib import Path

import mkdebian
import mkimage

INDEXES = """\
Debian http://a.example/debian/ testrel main
Debian http://a.example/debian/ testrel non-free
Debian http://a.example/debian/ testrel-updates main
Debian http://b.example/security/ testrel-security main
Debian http://a.example/debian/ testrel-backports main
Other http://c.example/ testrel main
 http://d.example/ testrel main
"""


class Sources(unittest.TestCase):
    """The workstation's mirrors."""

    def test_release(self):
        """Out of os-release."""
        self.assertEqual(mkdebian.codename("ID=debian\nVERSION_CODENAME=testrel\nX=y\n"), "testrel")
        with self.assertRaisesRegex(mkimage.ImageError, "no VERSION_CODENAME"):
            mkdebian.codename("ID=other\nNOT_VERSION_CODENAME=testrel\n")

    def test_mirrors(self):
        """The release and its updates, Debian's own, main alone."""
        self.assertEqual(mkdebian.sources(INDEXES, "testrel"),
                         "deb http://a.example/debian/ testrel main\n"
                         "deb http://a.example/debian/ testrel-updates main\n"
                         "deb http://b.example/security/ testrel-security main\n")

    def test_unknown(self):
        """Updates alone make no release."""
        for release in ("other", "testrel-updates"):
            with self.assertRaisesRegex(mkimage.ImageError, "apt-get update"):
                mkdebian.sources(INDEXES.replace("/ testrel-updates ", "/ other-updates "), release)


class Digest(unittest.TestCase):
    """As the guest computes it."""

    def test_same_as_the_shells(self):
        """Names with blanks and of all kinds, symbolic links, folders that sort behind files."""
        with tempfile.TemporaryDirectory() as folder:
            top = Path(folder)
            for number, name in enumerate(("a/b/c", "a/b.c", "a/b c", "a/\u00e9", "z/B", "z/a", "other/x")):
                (top / name).parent.mkdir(parents=True, exist_ok=True)
                (top / name).write_bytes(bytes([number]) * number * 1000)
            (top / "a/link").symlink_to("b.c")
            (top / "a/linked").symlink_to("b")
            shell = subprocess.run(["sh", "-c", mkdebian.DIGEST_COMMAND.format("a z")], cwd=folder,
                                   capture_output=True, check=True).stdout.decode()
            self.assertEqual(shell, f"{mkdebian.digest(top, ('a', 'z'))}  -\n")
            before = mkdebian.digest(top, ("a", "z"))
            (top / "a/b c").write_bytes(b"changed")
            self.assertNotEqual(mkdebian.digest(top, ("a", "z")), before)
