"""tools/coverage: what the table of coverage must say, and what must be found out."""
import unittest

from coverage import measured, pages, table
from testing.reasons import Seen

TABLES = {
    "exit": [{"number": 10, "name": "CPUID", "policy": "answered", "needs": ["length"]},
             {"number": 14, "name": "INVLPG", "policy": "stopped", "needs": []}],
    "cpuid": [], "msr": [], "port": [], "mmio": [], "hypercall": [], "trace": [], "layout": [],
    "controls": {"INVLPG exiting": 0, "HLT exiting": 1},
    "shell_command": [{"name": "pause", "usage": "GUEST", "help": "keep it"}],
    "shell_alias": [{"name": "suspend", "command": "pause"}],
    "shell_option": [{"command": "net", "name": "link", "values": "up|down", "times": 1,
                      "help": "its cables"}],
    "shell_key": [], "shell_setting": [],
}
GOOD = ("exit CPUID guest=cpuid.hidden_features unit=test_on_insn.test_cpuid\n"
        "exit INVLPG off='INVLPG exiting' unit=test_exit_policy.test_every_row # none\n")
LOG = ("LINTEL-STATS guest=cpuid reason=CPUID count=4 sum=402 min=100 median=96 p99=96 max=102\n"
       "LINTEL-STATS guest=fpu reason=CPUID count=9 sum=900 min=90 median=96 p99=96 max=120\n")


class Report:
    """The results, for a look at them."""

    def __init__(self):
        self.results = {}

    def add(self, name, good, detail=""):
        self.results[name] = (good, detail)


class Table(unittest.TestCase):
    """The table against compiled tables and existing tests."""

    def check(self, text):
        table.check(table.parse(text), TABLES)

    def wrong(self, old, new, words):
        self.assertIn(old, GOOD)
        with self.assertRaises(table.CoverageError) as caught:
            self.check(GOOD.replace(old, new))
        self.assertIn(words, str(caught.exception))

    def test_good(self):
        self.check(GOOD)

    def test_a_row_without_a_line(self):
        self.wrong(GOOD.splitlines()[1], "", "exit INVLPG: no line")

    def test_a_line_without_a_row(self):
        self.wrong("exit INVLPG", "exit INVLPGS", "exit INVLPGS: there is no such row")

    def test_a_line_twice(self):
        self.wrong("exit INVLPG", "exit CPUID", "a second time")

    def test_tests_that_are_not_there(self):
        self.wrong("hidden_features", "hidden", "there is no guest test cpuid.hidden")
        self.wrong("guest=cpuid", "guest=cpuids", "there is no guest test cpuids.")
        self.wrong("test_cpuid", "test_cpui", "there is no unit test test_on_insn.test_cpui")
        self.wrong("test_on_insn", "test_off_insn", "there is no unit test test_off_insn.")

    def test_no_test(self):
        self.wrong("unit=test_on_insn.test_cpuid", "", "no unit test")
        self.wrong("guest=cpuid.hidden_features", "", "wants a guest test")
        self.wrong("guest=cpuid.hidden_features", "guest=cpuid never=so", "wants a guest test")

    def test_controls(self):
        self.wrong("INVLPG exiting", "HLT exiting", "the control 'HLT exiting' is on")
        self.wrong("INVLPG exiting", "INVL exiting", "the control 'INVL exiting' is unknown")

    def test_unknown_words(self):
        self.wrong("off=", "offf=", "offf=INVLPG exiting?")
        self.wrong("exit INVLPG", "exits INVLPG", "no kind and key")

    def test_the_real_one_can_be_read(self):
        self.assertIn(("exit", "CPUID"), table.read())


class Exits(unittest.TestCase):
    """What the guests made against what the table claims."""

    def results(self, log):
        seen, report = Seen(), Report()
        seen.add(log, [])
        seen.judge(report)
        return report.results

    def test_claims(self):
        results = self.results(LOG)
        self.assertEqual(results["exit CPUID is made"], (False, "not by debug, storm"))
        self.assertFalse(results["exit HLT is made"][0])
        self.assertNotIn("exit INVLPG is made", results)
        self.assertTrue(results["no exit that the table of coverage leaves out"][0])

    def test_nobody_claims_it(self):
        for reason in ("INVLPG", "NEW"):
            results = self.results(LOG.replace("CPUID", reason))
            self.assertEqual(results["no exit that the table of coverage leaves out"],
                             (False, f"{reason} in cpuid"))


class Figures(unittest.TestCase):
    """Ticks, from the log to the page."""

    def test_the_guest_with_most_exits(self):
        lines = table.parse(GOOD.replace("guest=cpuid", "guest=fpu,cpuid"))
        self.assertEqual(measured.exits_of(lines, measured.statistics(LOG)),
                         {"CPUID": {"guest": "fpu", "count": 9, "min": 90, "mean": 100}})

    def test_ticks(self):
        self.assertEqual(measured.accesses_of("# x\r\nTICKS rdmsr 0x1b 227\r\nok 1 - a\r\n"),
                         {"rdmsr 0x1b": 227})

    def test_page(self):
        lines = table.parse(GOOD)
        made = pages.pages(TABLES, lines, {"exits": {}, "accesses": {}})["exits.md"]
        self.assertIn("| 10 | CPUID | answered | length | `cpuid.hidden_features` | "
                      "`test_on_insn.test_cpuid` | - (not measured) | - |", made)
        self.assertIn("control off: INVLPG exiting", made)
        figures = {"exits": measured.exits_of(lines, measured.statistics(LOG)), "accesses": {}}
        self.assertIn("| 100 / 100 | 4 in cpuid |",
                      pages.pages(TABLES, lines, figures)["exits.md"])

    def test_shell(self):
        made = pages.pages(TABLES, table.parse(GOOD), {"exits": {}, "accesses": {}})["shell.md"]
        self.assertIn("| `pause GUEST` | keep it | `suspend` |", made)
        self.assertIn("| `net` | `--link` | up\\|down | 1 | its cables |", made)


if __name__ == "__main__":
    unittest.main()
