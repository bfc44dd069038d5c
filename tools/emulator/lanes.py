"""Processors for emulators.  An emulator that computes needs one for itself, or the time limits of
its test are wrong: where LINTEL_LANES says how many there are, it waits until one is free."""
import fcntl
import os
import time

LANES = "LINTEL_LANES"  # in the environment, so that programs that a test starts obey it, too
LOOK = 0.1              # seconds


class Lane:
    """One processor, from take() to give_back(); any number without LINTEL_LANES."""

    def __init__(self, folder):
        self.folder, self.lock = folder, None

    def take(self):
        """Waits for one."""
        count = int(os.environ.get(LANES, "0"))
        self.folder.mkdir(parents=True, exist_ok=True)
        while count and not self.lock:
            for number in range(count):
                lock = open(self.folder / f".lane-{number}.lock", "w", encoding="ascii")
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self.lock = lock
                    return
                except BlockingIOError:
                    lock.close()
            time.sleep(LOOK)

    def give_back(self):
        """Nothing if none was taken."""
        if self.lock:
            self.lock.close()
            self.lock = None
