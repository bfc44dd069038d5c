"""Every trace record of a run on Bochs, however long it is, and none of it costs the guest a tick.

The ring holds the last 4096 records.  A watchpoint on the first record of each half stops the
machine before that half is overwritten; the ring is read and the machine goes on.
"""
import fcntl
import re

from lintel_trace import lines, memory, ring

from .machine import EmulatorError
from .session import COM1

PLACE = re.compile(rb"^LINTEL-TRACE at cpu=(\d+) address=(0x[0-9a-f]+) bytes=(\d+)\r?\n",
                   re.MULTILINE)
GUEST_ENDED = re.compile(rb"^LINTEL-(CONSOLE log|EXIT)[^\n]*\n", re.MULTILINE)
LATE = 256  # the newest records may still change: an exit's ticks are written at the next entry


class Capture:
    """Writes the trace of a Session's run to a file, as lines that tools/trace reads."""

    def __init__(self, session, path):
        if session.machine.emulator != "bochs":
            raise EmulatorError("only Bochs can stop at every turn of the trace ring")
        self.session, self.path = session, path
        self.address = self.size = None
        self.records, self.written = {}, 0
        self.cpu = self.tsc_hz = 0
        self.searched = 0
        path.write_bytes(b"")
        session.poll = self._look

    def _look(self):
        """Called while the session waits."""
        text = self.session.streams[COM1].text
        if self.address is None:
            found = PLACE.search(text)
            if found:
                self.address, self.size = int(found[2], 16), int(found[3])
                self._set_watchpoints()
            return
        if self.session.debugger().stopped():
            self._read(running=True)
            return
        ended = GUEST_ENDED.search(text, self.searched)
        if ended and any(port.connection for port in self.session.ports):
            self.searched = ended.end()
            self.session.debugger().stop()
            self._read(running=False)  # the guest's last record is complete

    def _set_watchpoints(self):
        debugger = self.session.debugger()
        debugger.stop()
        first = memory.HEADER.size
        half = (self.size - first) // memory.RECORD.size // 2
        for slot in (0, half):
            debugger.watch_writes(self.address + first + slot * memory.RECORD.size)
        debugger.resume()

    def _read(self, running):
        debugger = self.session.debugger()
        data = debugger.read_physical(self.address, self.size)
        debugger.resume()
        found = memory.read_ring(data, 0, "the ring of the running machine", running)
        self.cpu, self.tsc_hz = found.cpu, found.tsc_hz
        self.records.update((r.number, r) for r in found.records if r.number >= self.written)
        if self.records:
            self._write(max(self.records) - LATE)

    def _write(self, end):
        """Appends the records before number `end`."""
        ready = [self.records.pop(number) for number in sorted(self.records) if number < end]
        if not ready:
            return
        if ready[0].number != self.written:
            raise EmulatorError(f"records {self.written} to {ready[0].number - 1} of the trace "
                                "were overwritten before they were read")
        self.written = ready[-1].number + 1
        with open(self.path, "a", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(lines.write(ring.Ring(self.cpu, self.tsc_hz, ready)))

    def finish(self):
        """Writes what is left."""
        if self.records:
            self._write(max(self.records) + 1)
