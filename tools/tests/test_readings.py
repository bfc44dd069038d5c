"""laboratory/readings.py and sources.py: lines become data, and damaged ones are refused."""
import unittest

from laboratory import readings, sources

LOG = """\
LINTEL-CONSOLE log
LINTEL-STATS guest=linux reason=CPUID count=3 sum=330 min=100 median=104 p99=120 max=125
LINTEL-HIST guest=linux reason=CPUID 96:1 104:1
LINTEL-HIST guest=linux reason=CPUID 120:1
LINTEL-TIMES guest=linux total=1000 lintel=330 waiting=70 guest=580 stolen=20 vcpu=0
LINTEL-LEDGER guest=linux op=syscall count=10 exits=3 CPUID:2
LINTEL-LEDGER guest=linux op=syscall count=10 exits=3 IO:1
LINTEL-LEDGER guest=linux op=nothing count=4 exits=0
"""


class Lines(unittest.TestCase):
    def test_bench(self):
        text = "ok\r\nBENCH cpuid min=90 median=91 max=99\r\nBENCH x min=1 median=2 max=3\r\n"
        self.assertEqual(readings.bench(text)["cpuid"], {"min": 90, "median": 91, "max": 99})
        with self.assertRaises(readings.ReadingError):
            readings.bench("BENCH cpuid min=90 median=\n")

    def test_statistics(self):
        linux = readings.statistics(LOG)["linux"]
        self.assertEqual(linux["reasons"]["CPUID"],
                         {"count": 3, "sum": 330, "min": 100, "median": 104, "p99": 120,
                          "max": 125, "buckets": [[96, 1], [104, 1], [120, 1]]})
        self.assertEqual(linux["times"]["waiting"], 70)

    def test_ledger(self):
        self.assertEqual(readings.ledger(LOG)["linux"],
                         {"syscall": {"count": 10, "exits": 3, "reasons": {"CPUID": 2, "IO": 1}},
                          "nothing": {"count": 4, "exits": 0, "reasons": {}}})

    def test_marks(self):
        self.assertEqual(readings.mark("userspace", "x\r\nLINTEL-MARK userspace tsc=12\r\n"), 12)
        with self.assertRaises(readings.ReadingError):
            readings.mark("userspace", "LINTEL-MARK userspace tsc=\n")

    def test_damaged(self):
        for old, new in (("sum=330", "sum="), ("104:1", "104:"), ("p99=120 ", ""),
                         ("104:1", "104:2"), ("CPUID 120:1", "IO 120:1"), ("IO:1", "IO:2"),
                         ("waiting=70 ", ""), ("count=4", "count=x")):
            with self.subTest(new), self.assertRaises(readings.ReadingError):
                damaged = LOG.replace(old, new)
                readings.statistics(damaged)
                readings.ledger(damaged)


class Laboratory(unittest.TestCase):
    COST = {"name": "cpuid", "group": "exit", "what": "CPUID", "samples": 5, "min": 1,
            "median": 2, "p99": 3, "max": 4, "buckets": [[1, 5]]}

    def test_good(self):
        found = readings.lab({"cpu": {"name": "x"}, "costs": [self.COST]})
        self.assertEqual(found["costs"], [self.COST])
        self.assertEqual(found["selftest"], [])

    def test_malformed(self):
        for bad in (None, {}, {"cpu": "x"}, {"cpu": {}, "costs": 1}, {"cpu": {}, "costs": [1]},
                    {"cpu": {}, "costs": [{"name": "x"}]}, {"cpu": {}, "selftest": [{}]}):
            with self.subTest(bad), self.assertRaises(readings.ReadingError):
                readings.lab(bad)


class CodeLines(unittest.TestCase):
    def test_c(self):
        text = ('/* a\n comment */\n\nint a; // one\n  // none\nchar *s = "/* no comment */";\n'
                "char c = '\"'; /* x */\n/* y */ int b;\n")
        self.assertEqual(sources.code_lines(text), 4)

    def test_assembler(self):
        self.assertEqual(sources.code_lines("; none\n\nmov eax, 1 ; one\ndb ';', 0\n", True), 2)


if __name__ == "__main__":
    unittest.main()
