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


class _CpuRing:
    """The ring of one CPU, and what has been read of it."""

    def __init__(self, address, size):
        self.address, self.size = address, size
        self.records, self.written = {}, 0
        self.cpu = self.tsc_hz = 0

    def halves(self):
        """The addresses of the first record of each half."""
        first = memory.HEADER.size
        half = (self.size - first) // memory.RECORD.size // 2
        return [self.address + first + slot * memory.RECORD.size for slot in (0, half)]

    def read(self, debugger, running):
        data = debugger.read_physical(self.address, self.size)
        found = memory.read_ring(data, 0, "the ring of the running machine", running)
        self.cpu, self.tsc_hz = found.cpu, found.tsc_hz
        self.records.update((r.number, r) for r in found.records if r.number >= self.written)

    def newest(self):
        return max(self.records, default=-1)

    def take(self, end):
        """Lines of the records before number `end`; they are forgotten here."""
        ready = [self.records.pop(number) for number in sorted(self.records) if number < end]
        if not ready:
            return ""
        if ready[0].number != self.written:
            raise EmulatorError(f"records {self.written} to {ready[0].number - 1} of CPU "
                                f"{self.cpu}'s trace were overwritten before they were read")
        self.written = ready[-1].number + 1
        return lines.write(ring.Ring(self.cpu, self.tsc_hz, ready))


class Capture:
    """Writes the trace of a Session's run, of all its CPUs, to a file, as lines that tools/trace
    reads."""

    def __init__(self, session, path):
        if session.machine.emulator != "bochs":
            raise EmulatorError("only Bochs can stop at every turn of the trace ring")
        self.session, self.path = session, path
        self.rings = {}  # CPU -> _CpuRing
        self.searched = 0
        path.write_bytes(b"")
        session.poll = self._look

    def _look(self):
        """Called while the session waits."""
        text = self.session.streams[COM1].text
        new = {int(cpu): (int(address, 16), int(size))
               for cpu, address, size in PLACE.findall(text) if int(cpu) not in self.rings}
        if new:
            self._add(new)
            return
        if not self.rings:
            return
        if self.session.debugger().stopped():
            self._read(running=True)
            return
        ended = GUEST_ENDED.search(text, self.searched)
        if ended and any(port.connection for port in self.session.ports):
            self.searched = ended.end()
            self.session.debugger().stop()
            self._read(running=False)  # the guest's last record is complete

    def _add(self, places):
        """Watches more rings."""
        debugger = self.session.debugger()
        if not self.rings or not debugger.stopped():
            debugger.stop()
        for cpu, place in places.items():
            self.rings[cpu] = _CpuRing(*place)
            for address in self.rings[cpu].halves():
                debugger.watch_writes(address)
        self._read(running=True)

    def _read(self, running):
        debugger = self.session.debugger()
        for one in self.rings.values():
            one.read(debugger, running)
        debugger.resume()
        self._write(one.take(one.newest() - LATE) for one in self.rings.values())

    def _write(self, texts):
        with open(self.path, "a", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write("".join(texts))

    def finish(self):
        """Writes what is left."""
        self._write([one.take(one.newest() + 1) for one in self.rings.values()])
