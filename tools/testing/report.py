"""Test results: printed as they come, counted, failures with their log."""
import subprocess
import time

TAIL_LINES = 60


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


def run(argv, timeout, env=None):
    """(exit status, all that it printed); status 124 after the time limit."""
    try:
        done = subprocess.run(argv, timeout=timeout, env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False)
        return done.returncode, done.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired as error:
        return 124, (error.stdout or b"").decode("utf-8", "replace")
