"""The report of given results: every drawing, the same bytes each time, and the judge of the browser."""
import random
import re
import unittest
import xml.etree.ElementTree as ElementTree

from laboratory import browser, budgets, report, timeline
from laboratory.figures import figures, to_csv, to_json
from laboratory.readings import ReadingError
from lintel_trace import source
from lintel_trace.ring import Record, Ring

EXIT = source.layout().exit_base


def reasons(seed):
    """Counters and histograms of three reasons."""
    chance, out = random.Random(seed), {}
    for name, ticks in (("CPUID", 96), ("IO", 320), ("HLT", 1024)):
        buckets = [[ticks + ticks // 8 * i, chance.randrange(1, 900)] for i in range(6)]
        count = sum(n for _, n in buckets)
        out[name] = {"count": count, "sum": sum(first * n for first, n in buckets),
                     "min": buckets[0][0], "median": buckets[2][0], "p99": buckets[5][0],
                     "max": buckets[5][0], "buckets": buckets}
    return out


def results():
    times = {"total": 100000, "lintel": 3000, "waiting": 7000, "guest": 90000}
    line = {"tsc_hz": 50_000_000, "ticks": 10**9, "bin_ticks": 10**7,
            "exits": {"CPUID": [1] * 100, "IO": list(range(100))}, "marks": {"userspace": 6 * 10**8}}
    costs = [{"name": name, "group": group, "what": "CPUID & back", "samples": 9, "min": ticks - 1,
              "median": ticks, "p99": ticks, "max": ticks + 9, "buckets": [[ticks, 9]]}
             for group, name, ticks in (
                 ("floor", "cpuid", 12), ("lintel", "cpuid", 100), ("lintel", "cpuid-inside", 60),
                 ("floor", "alone", 9), ("measuring", "stamps", 5),
                 ("measuring", "per-exit", 25), ("part", "vmread", 5),
                 ("mitigation", "ibpb", 7))]
    found = {
        "emulator": "bochs", "cpu_model": "a_model",
        "seen_by_guest": {name: {"min": n, "median": n + 2, "max": 2 * n} for name, n in
                          (("empty", 2), ("cpuid", 150), ("xsetbv", 120), ("in-pic", 300))},
        "guests": {"bench_exits": {"reasons": reasons(1), "times": times},
                   "linux": {"reasons": reasons(2), "times": times}},
        "ledger": {"linux": {"tick": {"count": 10, "exits": 25, "reasons": {"IO": 20, "HLT": 5}},
                             "quiet <&>": {"count": 10, "exits": 0, "reasons": {}}}},
        "boot": {"bare_ticks": 1000, "hosted_ticks": 1031, "exits": {"CPUID": 3, "IO": 9},
                 "timeline": line},
        "lab": {"cpu": {"name": "A CPU", "family": 6, "model": 85, "stepping": 4, "microcode": 1,
                        "tsc_hz": 50_000_000},
                "preflight": [{"name": "VT-x", "result": "pass", "reason": "it is on"}],
                "selftest": [{"name": "EPT", "result": "fail", "detail": "a <detail>"}],
                "costs": costs},
        "size": {"bytes": {"hv.elf": 300000}, "lines": {"trusted": 9000, "laboratory": 900}},
    }
    found["figures"] = figures(found)
    return found


def page():
    found = results()
    rows = budgets.parse("exit/cpuid 90 ticks a goal\nexit/gone 1 ticks it was there once\n")
    return report.html(found, budgets.compare(rows, found["figures"]))


class Report(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.page = page()

    def test_same_bytes(self):
        self.assertEqual(self.page, page())
        self.assertEqual(to_json(results()), to_json(results()))
        self.assertEqual(to_csv(results()), to_csv(results()))

    def test_every_drawing(self):
        drawings = re.findall(r"<svg .*?</svg>", self.page, re.DOTALL)
        self.assertEqual(re.findall(r'<svg id="([^"]+)"', self.page),
                         ["seen", "costs", "parts", "operations", "boot",
                          "hist-bench_exits", "hist-linux"])
        for drawing in drawings:
            self.assertTrue(ElementTree.fromstring(drawing).findall(
                ".//{http://www.w3.org/2000/svg}text"), drawing[:80])

    def test_ids_are_unique_and_found(self):
        ids = re.findall(r'\bid="([^"]+)"', self.page)
        self.assertEqual(len(ids), len(set(ids)))
        for link in re.findall(r'(?:href="|url\()#([^")]+)', self.page):
            self.assertIn(link, ids)

    def test_nothing_from_elsewhere(self):
        self.assertEqual(re.findall(r'(?:src|href)="(?!#)([^"]*)"', self.page), [])

    def test_words(self):
        for text in ("A CPU", "OVER", "NOT MEASURED", "NO BUDGET", "quiet &lt;&amp;&gt;",
                     "a &lt;detail&gt;", "1.0310 times", "@media print"):
            self.assertIn(text, self.page)

    def test_parts_of_an_exit(self):
        labels, parts = report.cost_parts(results())
        self.assertEqual((labels, list(parts.values())), (["cpuid"], [[12], [28], [40], [20]]))
        guests_alone = results()
        guests_alone["lab"]["costs"] = []
        labels, parts = report.cost_parts(guests_alone)
        self.assertEqual(labels, ["cpuid"])
        self.assertEqual(sum(part[0] for part in parts.values()),
                         guests_alone["seen_by_guest"]["cpuid"]["median"])

    def test_csv_has_the_histograms(self):
        rows = to_csv(results()).splitlines()
        self.assertEqual(rows[0], "group,name,what,value,unit")
        self.assertIn("histogram of linux,CPUID,96", "\n".join(rows))


class Timeline(unittest.TestCase):
    OFFSET = (1 << 64) - 500  # the guest's TSC is 0 at 500

    def rings(self, records):
        return [Ring(0, 1000, [Record(i, tsc, event, 0x100, a, b, 0)
                               for i, (tsc, event, a, b) in enumerate(records)])]

    def test_exits(self):
        rings = self.rings([(600, 6, 0, self.OFFSET), (700, EXIT + 10, 5, 0),
                            (800, EXIT + 30, 5, 0), (1700, EXIT + 10, 5, 0),
                            (1800, 6, 1, self.OFFSET)])
        self.assertEqual(timeline.totals(rings, 1), {"CPUID": (2, 10), "IO": (1, 5)})
        line = timeline.timeline(rings, 1, {})
        self.assertEqual({name: sum(row) for name, row in line["exits"].items()},
                         {"CPUID": 2, "IO": 1})
        self.assertEqual(line["exits"]["CPUID"].index(1), 200 // line["bin_ticks"])

    def test_incomplete(self):
        with self.assertRaises(ReadingError):
            timeline.totals(self.rings([(600, 6, 0, self.OFFSET)]), 1)


class Judge(unittest.TestCase):
    """The judge of the drawings' places refuses what is wrong."""

    def probe(self, **changes):
        plot = {"id": "seen", "box": [10, 100, 900, 300], "shapes": 50,
                "texts": [["a", [20, 120, 30, 10]]] * 5, **changes}
        return {"width": 1280, "height": 2000, "plots": [plot]}

    def test_good(self):
        self.assertEqual(browser.judge_probe(self.probe(), ["seen"]), [])

    def test_bad(self):
        for found, wanted in (
                (self.probe(), ["seen", "boot"]), (self.probe(box=[10, 100, 0, 0]), []),
                (self.probe(shapes=2), []), (self.probe(texts=[]), []),
                (self.probe(texts=[["a", [5, 120, 30, 10]]] * 5), []),
                ({**self.probe(), "width": 1400}, []), ({**self.probe(), "height": 10**6}, [])):
            self.assertTrue(browser.judge_probe(found, wanted))

    def test_pixels(self):
        from PIL import Image

        found = self.probe()
        image = Image.new("RGB", (1280, 2000), "white")
        self.assertTrue(browser.judge_pixels(found, image))  # blank
        for i in range(12):
            image.paste((i * 20, 0, 90), (100 + 20 * i, 150, 115 + 20 * i, 350))
        self.assertEqual(browser.judge_pixels(found, image), [])
        image.paste((0, 0, 0), (0, 0, 1280, 2000))
        self.assertTrue(browser.judge_pixels(found, image))  # black


if __name__ == "__main__":
    unittest.main()
