"""tools/testing/xen.py: which of Xen's lines are complaints, and that none is overlooked."""
import unittest

from testing import xen

GOOD = """\
(XEN) Xen version 4.17.7
(XEN) CPU0: No machine check support available
(XEN) Platform timer is 3.580MHz ACPI PM Timer
(XEN) NX (Execute Disable) protection active
(XEN) Brought up 2 CPUs
[    0.000000] error: not Xen's line
"""
COMPLAINTS = (
    "ACPI: 32/64X FACS address mismatch in FADT - 000e0040/0000000000000000, using 32",
    "..MP-BIOS bug: 8254 timer not connected to IO-APIC",
    "TSC warp detected, disabling TSC_RELIABLE",
    "Platform timer appears to have unexpectedly wrapped 1 times.",
    "APIC error on CPU0: 00(40)",
    "CPU1: No such support",
    "Not enabling x2APIC: depends on iommu_supports_x2apic",
    "CPU1 didn't come up",
)


class Report:
    """The results, for a look at them."""

    def __init__(self):
        self.results = {}

    def add(self, name, good, detail=""):
        self.results[name] = (good, detail)


def judge(text, count=2):
    report = Report()
    xen.judge_xen(report, "x", count, text)
    return [good for good, _ in report.results.values()]


class Complaints(unittest.TestCase):
    """What Xen says is judged line by line."""

    def test_good(self):
        self.assertEqual(judge(GOOD), [True, True])

    def test_each_complaint(self):
        for complaint in COMPLAINTS:
            self.assertEqual(judge(f"{GOOD}(XEN) {complaint}\r\n"), [True, False], complaint)

    def test_a_vcpu_that_is_missing(self):
        self.assertEqual(judge(GOOD, 3), [False, True])

    def test_nothing_said(self):
        self.assertEqual(judge(""), [False, False])
