"""Test results: printed as they come, counted, failures with their log."""
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

TAIL_LINES = 60
LANES = 2  # emulators at a time: each takes one processor (emulator/lanes.py)


class Report:
    """Counts results; failed ones print what they bring along."""

    def __init__(self):
        self.passed = self.failed = 0
        self.failures = []

    def add(self, name, good, detail="", log=""):
        """One result.  `detail` is a few words, `log` is shown when it failed."""
        self.passed += bool(good)
        self.failed += not good
        print(f"{'ok  ' if good else 'FAIL'} {name}{': ' + detail if detail else ''}", flush=True)
        if not good:
            self.failures.append(name)
            if log:
                self.show(log)
        return good

    def show(self, log):
        """The end of a failed test's output."""
        for line in log.splitlines()[-TAIL_LINES:]:
            print(f"    | {line}")
        print(flush=True)

    def step(self, name):
        print(f"---- {name} ({time.strftime('%H:%M:%S')})", flush=True)

    def finish(self):
        """The last lines; returns the exit status."""
        for name in self.failures:
            print(f"failed: {name}")
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed else 0


class Part(Report):
    """Results of something that runs beside others: kept, to be told in their place."""

    def __init__(self):
        super().__init__()
        self.kept = []
        self.error = None

    def add(self, name, good, detail="", log=""):
        self.kept.append((self.tell, name, good, detail, log))
        return good

    def show(self, log):
        self.kept.append((self.tell_log, log))

    @staticmethod
    def tell(report, *result):
        report.add(*result)

    @staticmethod
    def tell_log(report, log):
        report.show(log)

    def tell_all(self, report):
        """What was kept, to another report."""
        for tell, *words in self.kept:
            tell(report, *words)


def side_by_side(report, jobs):
    """Calls each job with a report, LANES of them at a time; the results come in the jobs' order.
    Jobs boot emulators and nothing else; an exception of one is raised in its place."""
    def call(job):
        part = Part()
        try:
            job(part)
        except Exception as error:  # told by who calls us
            part.error = error
        return part

    with ThreadPoolExecutor(LANES) as pool:
        for part in pool.map(call, jobs):
            part.tell_all(report)
            if part.error:
                raise part.error


def run(argv, timeout, env=None):
    """(exit status, all that it printed); status 124 after the time limit."""
    try:
        done = subprocess.run(argv, timeout=timeout, env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False)
        return done.returncode, done.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired as error:
        return 124, (error.stdout or b"").decode("utf-8", "replace")
