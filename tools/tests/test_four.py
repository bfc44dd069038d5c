"""The judge of four guests at once: shares out of samples, and what memtest86+'s screen says."""
import unittest

from testing.four import STATUS, WORK, Times, age, judge_shares, share, times, windows
from testing.report import Part


class Shares(unittest.TestCase):
    """Of the time in which a vCPU wanted a CPU."""

    def test_who_sleeps_wants_none(self):
        """Half of a window asleep, a quarter of the rest on a CPU."""
        samples = [{("a", 0): Times(1000, 100, 50)}, {("a", 0): Times(2000, 500, 500)}]
        self.assertEqual(windows(samples), {("a", 0): [(600, 150)]})
        self.assertEqual(share([(600, 150)]), 0.25)

    def test_windows_are_apart(self):
        """A bad window is not made up for by a good one."""
        samples = [{("a", 0): Times(total, 0, waited)} for total, waited in
                   ((0, 0), (100, 0), (200, 90))]
        self.assertEqual(windows(samples), {("a", 0): [(100, 100), (100, 10)]})

    def test_a_window_asleep_says_nothing(self):
        """Nor does a vCPU that is gone."""
        samples = [{("a", 0): Times(0, 0, 0), ("b", 0): Times(0, 0, 0)},
                   {("a", 0): Times(100, 60, 40)}]
        self.assertEqual(windows(samples), {("a", 0): [None], ("b", 0): []})
        self.assertIsNone(share([None]))
        self.assertEqual(share([None, (10, 5)]), 0.5)

    def test_a_window_given_away_says_nothing(self):
        """Slices that were over count for, those that were given away against it."""
        for slices, given, said in ((10, 10, (100, 5)), (9, 10, None), (0, 0, (100, 5))):
            samples = [{("a", 0): Times(0, 0, 0, 7, 3)}, {("a", 0): Times(100, 0, 95, 7 + slices, 3 + given)}]
            self.assertEqual(windows(samples), {("a", 0): [said]})

    @staticmethod
    def judged(linux1):
        """The names of what failed, with (total, waited) of linux1's vCPUs at each sample; the others
        have all that they want."""
        others = {(name, vcpu): (0.0,) * len(linux1) for name in ("linux2", "memtest")
                  for vcpu in (0, 1)}
        samples = [{**{key: Times(100 * n, 0, 0) for key in others},
                    **{("linux1", vcpu): Times(100 * n, 0, waited)
                       for vcpu, waited in enumerate(sample)}} for n, sample in enumerate(linux1)]
        part = Part()
        judge_shares(part, samples, 100)
        return [result[0] for tell, *result in part.kept if tell == Part.tell and not result[1]]

    def test_judged(self):
        """A vCPU may wait in a window if its guest does not, and its guest in none."""
        self.assertEqual(self.judged([(0, 0), (70, 70), (140, 140)]), [])
        self.assertEqual(self.judged([(0, 0), (80, 60), (140, 140)]), [])
        self.assertEqual(self.judged([(0, 0), (80, 80), (140, 140)]),
                         ["four guests: share of linux1"])
        self.assertEqual(self.judged([(0, 0), (80, 60), (160, 120)]),
                         ["four guests: share of linux1, vCPU 0"])

    def test_age(self):
        """Of the oldest."""
        self.assertEqual(age({("a", 0): Times(7, 0, 0), ("a", 1): Times(9, 0, 0)}), 9)
        self.assertEqual(age({}), 0)


class Texts(unittest.TestCase):
    """Lines as they were seen."""

    def test_stats(self):
        """Each vCPU's row, and not the sum's; why a guest's vCPUs have lost their CPUs."""
        rows = [{"vcpu": "all", "ticks": 30, "asleep": 6, "waiting": 9},
                {"vcpu": "1", "ticks": 10, "asleep": 2, "waiting": 3}]
        exits = [{"exit": "PAUSE", "count": 81}, {"exit": "HLT", "count": 12},
                 {"exit": "PREEMPTION_TIMER", "count": 1}]
        self.assertEqual(times("linux1", {"exits": exits, "vcpus": rows}),
                         {("linux1", 1): Times(10, 2, 3, 1, 81)})
        self.assertEqual(times("linux1", {"error": "it does not run"}), {})

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
