"""tools/explain: which rules a refused VM entry broke, out of a log that hv.elf wrote on Bochs.

recorded/refused_entry.log is of a hv.elf with a planted fault: RFLAGS of the first entry was 0."""
import os
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("LINTEL_BUILD", ROOT / "build")).resolve() / "unit-gcc/explain"
LOG = (ROOT / "tools/recorded/refused_entry.log").read_text(encoding="ascii")
MARK = "LINTEL-ENTRY"


def explain(log):
    """Exit status, output and errors of the tool with this log."""
    done = subprocess.run([str(PROGRAM), "-"], input=log, text=True, capture_output=True,
                          timeout=60, check=False, errors="replace")
    return done.returncode, done.stdout, done.stderr


def with_field(name, value):
    lines = [f"{line[:line.index('=0x')]}={value:#x}" if f" {name}=" in line else line
             for line in LOG.splitlines()]
    return "\n".join(lines) + "\n"


class Explain(unittest.TestCase):
    def setUp(self):
        self.assertTrue(PROGRAM.is_file(), f"there is no {PROGRAM}; make it")

    def test_names_the_planted_violation_alone(self):
        status, out, errors = explain(LOG)
        self.assertEqual((status, errors), (0, ""))
        self.assertIn("the VMCS of CPU 0", out)
        self.assertEqual(out.count("violated:"), 2, out)  # the rule, and the sum
        self.assertIn("rules violated: 1", out)
        self.assertIn('(SDM Vol. 3C, "Checks on Guest RIP, RFLAGS, and SSP")', out)
        self.assertIn("GUEST_RFLAGS = 0x0\n", out)

    def test_without_the_fault_nothing_is_violated(self):
        status, out, errors = explain(with_field("GUEST_RFLAGS", 2))
        self.assertEqual((status, errors), (0, ""))
        self.assertIn("no rule that is known here is violated", out)

    def test_each_dump_is_explained(self):
        second = with_field("GUEST_RFLAGS", 2).replace("cpu=0 ", "cpu=1 ")
        status, out, _ = explain(LOG + second)
        self.assertEqual(status, 0)
        self.assertLess(out.index("the VMCS of CPU 0"), out.index("rules violated: 1"))
        self.assertLess(out.index("rules violated: 1"), out.index("the VMCS of CPU 1"))
        self.assertIn("no rule that is known here is violated", out)

    def test_a_log_that_lost_a_line_is_not_judged(self):
        lines = LOG.splitlines(keepends=True)
        first = next(n for n, line in enumerate(lines) if MARK in line)
        status, out, errors = explain("".join(lines[:first + 9] + lines[first + 10:]))
        self.assertEqual((status, out), (1, ""))
        self.assertRegex(errors, r"^-:\d+: the dump has lost lines\n$")

    def test_a_log_that_was_cut_off(self):
        status, out, errors = explain(LOG[:LOG.index(f"{MARK} cpu=0 field")])
        self.assertEqual((status, out), (1, ""))
        self.assertIn("cut off", errors)

    def test_a_log_without_a_dump(self):
        status, out, errors = explain("[    0.1] Lintel 0.1\n")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("no entry failed", errors)

    def test_usage_and_a_file_that_is_not_there(self):
        for argv, status in (([], 2), (["a", "b"], 2), (["/nowhere/log"], 1)):
            done = subprocess.run([str(PROGRAM), *argv], capture_output=True, timeout=60,
                                  check=False)
            self.assertEqual(done.returncode, status)
            self.assertTrue(done.stderr)


if __name__ == "__main__":
    unittest.main()
