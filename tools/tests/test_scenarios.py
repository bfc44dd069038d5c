"""What guests are to find: the text of their files, and the file that they fetch."""
import random
import re
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request
from pathlib import Path

from testing import scenarios, web
from testing.report import Report

SCENARIO = Path(__file__).resolve().parents[1] / "guest_init" / "scenario"


class Quiet(Report):
    """Keeps results to itself."""

    def __init__(self):
        super().__init__()
        self.results = {}

    def add(self, name, good, detail="", log=""):
        self.results[name.partition(": ")[2]] = bool(good)


class Content(unittest.TestCase):
    """The same as the guest's."""

    def test_as_the_guest_makes_it(self):
        """By its own function: one block and several, cut anywhere."""
        script = SCENARIO.read_text(encoding="utf-8")
        function = re.search(r"^content\(\) \{\n.*?^\}$", script, re.MULTILINE | re.DOTALL)[0]
        block = re.search(r"^BLOCK=\d+$", script, re.MULTILINE)[0]
        with tempfile.TemporaryDirectory() as folder:
            function = function.replace("/tmp/", f"{folder}/")
            for seed, size in ((1, 1), (1, 5000), (2, 65537), (4096, 200001)):
                shell = f"{block}\n{function}\ncontent {seed} {size}"
                made = subprocess.run(["busybox", "sh", "-c", shell], capture_output=True,
                                      check=True).stdout
                self.assertEqual(scenarios.content(seed, size), made)
                self.assertEqual(len(made), size)

    def test_sizes(self):
        """The guest's are those that are expected."""
        script = SCENARIO.read_text(encoding="utf-8")
        self.assertIn(f'SIZES="{" ".join(map(str, scenarios.FILES))}"', script)
        self.assertIn(f"TRANSFER={scenarios.TRANSFER} ", script)

    def test_no_two_sectors_are_the_same(self):
        """A sector at another's place is seen."""
        data = scenarios.content(7, 300 * 512)
        self.assertEqual(len({data[at:at + 512] for at in range(0, len(data), 512)}), 300)


class Verdicts(unittest.TestCase):
    """Of disks: what a good guest says, and what is wrong with others."""

    def said(self):
        boot = "".join(f"LINTEL-DISK vda data-{size} {scenarios.sum_of(scenarios.content(size, size))}\n"
                       for size in scenarios.FILES)
        return (f"{boot}ok disk vda: made a file system\n"
                f"{boot}ok disk vda: 104 files are as before the reboot\nLINTEL-DISK-OK\n")

    def failed(self, text):
        """The names of the verdicts that are no."""
        report = Quiet()
        scenarios.judge_disks(report, "x", text, ("vda",))
        return [name for name, good in report.results.items() if not good]

    def test_good(self):
        """All is there."""
        self.assertEqual(self.failed(self.said()), [])

    def test_wrong_sum(self):
        """In one boot of two."""
        size = scenarios.FILES[1]
        text = self.said().replace(scenarios.sum_of(scenarios.content(size, size)), "0" * 64, 1)
        self.assertEqual(self.failed(text), ["sums of files, before and after the reboot"])

    def test_made_twice(self):
        """A disk that lost all."""
        text = self.said().replace("ok disk vda: 104 files are as before the reboot", "ok disk vda: made")
        self.assertEqual(self.failed(text), ["vda was made once and found once"])

    def test_nothing(self):
        """A guest that never came so far."""
        self.assertEqual(len(self.failed("")), 3)


class Web(unittest.TestCase):
    """The server."""

    def test_data(self):
        """The bytes of the seed, their sum, and what was asked for."""
        with web.Server("seed", 100000) as server:
            url = f"http://127.0.0.1:{server.port}"
            with urllib.request.urlopen(f"{url}/data", timeout=10) as answer:
                data = answer.read()
            with self.assertRaises(urllib.error.HTTPError):
                urllib.request.urlopen(f"{url}/other", timeout=10)
            self.assertEqual(server.requests, ["/data", "/other"])
        self.assertEqual(data, random.Random("seed").randbytes(100000))
        self.assertEqual(scenarios.sum_of(data), server.sum)
