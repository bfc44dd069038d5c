"""The judge of four guests at once: shares out of samples, and what memtest86+'s screen says."""
import unittest

from testing.four import STATUS, TIMES, WORK, Times, age, shares


class Shares(unittest.TestCase):
    """Of the time in which a vCPU wanted a CPU."""

    def test_who_sleeps_wants_none(self):
        """Half of a window asleep, a quarter of the rest on a CPU."""
        samples = [{("a", 0): Times(1000, 100, 50)}, {("a", 0): Times(2000, 500, 500)}]
        self.assertEqual(shares(samples), {("a", 0): [0.25]})

    def test_windows_are_apart(self):
        """A bad window is not made up for by a good one."""
        samples = [{("a", 0): Times(total, 0, waited)} for total, waited in
                   ((0, 0), (100, 0), (200, 90))]
        self.assertEqual(shares(samples), {("a", 0): [1.0, 0.1]})

    def test_a_window_asleep_says_nothing(self):
        """Nor does a vCPU that is gone."""
        samples = [{("a", 0): Times(0, 0, 0), ("b", 0): Times(0, 0, 0)},
                   {("a", 0): Times(100, 60, 40)}]
        self.assertEqual(shares(samples), {("a", 0): [], ("b", 0): []})

    def test_age(self):
        """Of the oldest."""
        self.assertEqual(age({("a", 0): Times(7, 0, 0), ("a", 1): Times(9, 0, 0)}), 9)
        self.assertEqual(age({}), 0)


class Texts(unittest.TestCase):
    """Lines as they were seen."""

    def test_monitor(self):
        """A vCPU's line, and not the sum's."""
        text = ("of 20 ticks: Lintel 2, asleep 4, waiting for a CPU 6\n"
                "vCPU 1 on CPU 0: of 10 ticks: Lintel 1, asleep 2, waiting for a CPU 3\n")
        self.assertEqual(TIMES.findall(text), [("1", "10", "2", "3")])

    def test_work(self):
        """Each processor's rounds."""
        self.assertEqual(WORK.findall("LINTEL-WORK rounds=40,41 wrong=0\r\n"), [("40,41", "0")])

    def test_memtest(self):
        """Test, finished passes, errors, of each state on the screen."""
        text = ("#4  [Moving inversions, 8 bit pattern]  ing: 0KB - 4MB  | Time:  0:00:04  "
                "Using: All Cores | Pass:  0        Errors: 0    5% ##  #5  [Moving inversions, "
                "random pattern] | Pass:  1        Errors: 12  ")
        self.assertEqual(STATUS.findall(text), [("4", "0", "0"), ("5", "1", "12")])


if __name__ == "__main__":
    unittest.main()
