"""laboratory/budgets.py: over, under, missing and unknown figures; mistakes in the file."""
import unittest

from laboratory import budgets
from laboratory.figures import figures

FILE = """# a comment
exit/cpuid      150  ticks  KVM needs 970
op/tick         2.5  exits  a timer interrupt  # not this
size/hv.elf   90000  bytes  it fits
"""


def measured(**values):
    names = {"cpuid": ("exit/cpuid", "ticks"), "tick": ("op/tick", "exits"),
             "elf": ("size/hv.elf", "bytes"), "new": ("exit/new", "ticks")}
    return {names[key][0]: {"value": value, "unit": names[key][1]}
            for key, value in values.items()}


class Compare(unittest.TestCase):
    def states(self, **values):
        verdicts = budgets.compare(budgets.parse(FILE), measured(**values))
        return {v.name.split("/")[1]: v.state for v in verdicts}, verdicts

    def test_within(self):
        states, verdicts = self.states(cpuid=150, tick=2.5, elf=89000)
        self.assertEqual(states, {"cpuid": "ok", "tick": "ok", "hv.elf": "ok"})
        self.assertTrue(all(v.good for v in verdicts))

    def test_over(self):
        states, verdicts = self.states(cpuid=151, tick=2.51, elf=90001)
        self.assertEqual(set(states.values()), {"over"})
        self.assertFalse(any(v.good for v in verdicts))
        self.assertEqual(verdicts[0].text, "151 ticks, OVER the limit of 150")

    def test_better_is_reported(self):
        states, verdicts = self.states(cpuid=100, tick=0.1 + 0.2, elf=90000)
        self.assertEqual(states["cpuid"], "better")
        self.assertTrue(all(v.good for v in verdicts))
        self.assertIn("the limit could be 100", verdicts[0].text)

    def test_missing_figure_fails(self):
        states, verdicts = self.states(cpuid=150, elf=1)
        self.assertEqual(states["tick"], "missing")
        self.assertFalse(verdicts[1].good)

    def test_figure_without_budget_fails(self):
        states, verdicts = self.states(cpuid=1, tick=1, elf=1, new=1)
        self.assertEqual(states["new"], "unknown")
        self.assertFalse(verdicts[-1].good)
        self.assertIn("has no row", verdicts[-1].text)

    def test_other_unit_fails(self):
        rows = budgets.parse(FILE)
        figure = {"exit/cpuid": {"value": 1, "unit": "ns"}}
        self.assertFalse(budgets.compare(rows, figure)[0].good)


class File(unittest.TestCase):
    def test_rows(self):
        row = budgets.parse(FILE)["op/tick"]
        self.assertEqual((str(row.limit), row.unit, row.why), ("2.5", "exits",
                                                               "a timer interrupt"))

    def test_mistakes(self):
        for text, part in (("", "no row"), ("# only\n", "no row"), ("a 1 ticks\n", ":1:"),
                           ("a x ticks why\n", "'x' is no number"),
                           ("a -1 ticks why\n", "a limit of -1"),
                           ("a nan ticks why\n", "a limit of nan"),
                           ("\na 1 t w\na 1 t w\n", ":3: a has a row already")):
            with self.subTest(text), self.assertRaises(budgets.BudgetError) as caught:
                budgets.parse(text)
            self.assertIn(part, str(caught.exception))

    def test_tightened(self):
        text = budgets.tightened(FILE, measured(cpuid=97, tick=3, elf=90000))
        self.assertEqual(text, FILE.replace("150  ticks", " 97  ticks"))


class Figures(unittest.TestCase):
    RESULTS = {
        "seen_by_guest": {"empty": {"min": 3, "median": 3, "max": 3},
                          "cpuid": {"min": 90, "median": 100, "max": 200}},
        "boot": {"exits": {"CPUID": 3, "IO": 4}, "hosted_ticks": 1031, "bare_ticks": 1000},
        "ledger": {"linux": {"tick": {"count": 3, "exits": 8, "reasons": {"HLT": 8}},
                             "never": {"count": 0, "exits": 0, "reasons": {}}}},
        "size": {"bytes": {"hv.elf": 5}, "lines": {"trusted": 7, "laboratory": 2}},
        "lab": {"costs": [{"group": "lintel", "name": "cpuid", "median": 99},
                          {"group": "lintel", "name": "cpuid-inside", "median": 50},
                          {"group": "floor", "name": "cpuid", "median": 9},
                          {"group": "measuring", "name": "stamps", "median": 5},
                          {"group": "measuring", "name": "per-exit", "median": 30}]},
    }

    def test_figures(self):
        self.assertEqual({name: figure["value"] for name, figure in
                          figures(self.RESULTS).items()},
                         {"exit/cpuid": 100, "boot/exits": 7, "boot/against-bare": 1.031,
                          "op/tick": 2.6667,
                          "lab/cpuid": 99, "lab/measuring": 25, "size/hv.elf": 5, "size/trusted-lines": 7,
                          "size/laboratory-lines": 2})


if __name__ == "__main__":
    unittest.main()
