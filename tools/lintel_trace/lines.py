"""Rings in a log: the lines LINTEL-TRACE that vmm/trace.c writes at a panic, or at a guest's end.

    LINTEL-TRACE ring cpu=0 version=1 records=4096 tsc_hz=50000000 written=9000 first=4904
    LINTEL-TRACE NUMBER TSC HEAD B C            a record's words, hexadecimal
    LINTEL-TRACE end cpu=0 sum=HEX
"""
import re

from .ring import Record, Ring, TraceError, check_header, check_record, split_head
from .source import layout

MARK = "LINTEL-TRACE"
RING = re.compile(r"LINTEL-TRACE ring cpu=(\d+) version=(\d+) records=(\d+) tsc_hz=(\d+) "
                  r"written=(\d+) first=(\d+)")
RECORD = re.compile(r"LINTEL-TRACE" + 5 * r" ([0-9a-f]{1,16})")
END = re.compile(r"LINTEL-TRACE end cpu=(\d+) sum=([0-9a-f]{1,16})")
PLACE = re.compile(r"LINTEL-TRACE at cpu=(\d+) address=(0x[0-9a-f]+) bytes=(\d+)")

FNV_PRIME = 0x100000001B3
U64 = (1 << 64) - 1


def add_to_sum(total, words):
    """FNV-1a over words, as vmm/trace.c does it."""
    for word in words:
        total = (total ^ word) * FNV_PRIME & U64
    return total


def write(ring, records=4096):
    """A ring as lines; read() gives the same ring."""
    numbers = [record.number for record in ring.records]
    first = numbers[0] if numbers else 0
    written = numbers[-1] + 1 if numbers else 0
    total, out = 0, [f"{MARK} ring cpu={ring.cpu} version={layout().version} "
                     f"records={records} tsc_hz={ring.tsc_hz} written={written} first={first}"]
    for record in ring.records:
        words = (record.tsc, record.a << 32 | record.vcpu << 16 | record.event, record.b,
                 record.c)
        out.append(f"{MARK} {record.number:x} " + " ".join(f"{word:x}" for word in words))
        total = add_to_sum(total, words)
    return "\n".join([*out, f"{MARK} end cpu={ring.cpu} sum={total:x}"]) + "\n"


class Reader:
    """Takes the lines of a log one by one."""

    def __init__(self):
        self.rings = []  # (place, ring)
        self.open = None

    def take(self, place, line):
        """One line that begins with LINTEL-TRACE."""
        for pattern, action in ((RING, self._ring), (END, self._end), (RECORD, self._record)):
            match = pattern.fullmatch(line)
            if match:
                action(place, match)
                return
        if not PLACE.fullmatch(line):
            raise TraceError(place, f"no line of a trace: {line[:80]!r}")

    def _ring(self, place, match):
        if self.open:
            raise TraceError(place, f"a ring begins within that of {self.open.place}")
        cpu, version, records, tsc_hz, written, first = map(int, match.groups())
        check_header(place, version, records, cpu, tsc_hz)
        if first > written:
            raise TraceError(place, f"first={first}, but only {written} records were written")
        self.open = _Open(place, Ring(cpu, tsc_hz, []), first, written)

    def _record(self, place, match):
        if not self.open:
            raise TraceError(place, "a record outside of a ring")
        self.open.add(place, *(int(word, 16) for word in match.groups()))

    def _end(self, place, match):
        if not self.open:
            raise TraceError(place, "an end without a ring")
        self.rings.append(self.open.close(place, int(match[1]), int(match[2], 16)))
        self.open = None

    def finish(self, name):
        if self.open:
            raise TraceError(name, f"truncated: the ring of {self.open.place} has no end")


class _Open:
    """A ring of which more lines must come."""

    def __init__(self, place, ring, first, written):
        self.place, self.ring, self.next, self.written = place, ring, first, written
        self.before, self.sum = None, 0

    def add(self, place, number, *words):
        if number >= self.written:
            raise TraceError(place, f"record {number} is there, but only {self.written} were "
                                    "written")
        if number != self.next:
            raise TraceError(place, f"record {number} instead of {self.next}: a line is lost")
        tsc, head, b, c = words
        record = Record(number, tsc, *split_head(head), b, c)
        check_record(place, record, self.before)
        self.ring.records.append(record)
        self.before, self.next, self.sum = record, number + 1, add_to_sum(self.sum, words)

    def close(self, place, cpu, total):
        if cpu != self.ring.cpu:
            raise TraceError(place, f"the end of CPU {cpu}'s ring in that of CPU {self.ring.cpu}")
        if self.next != self.written:
            raise TraceError(place, f"{self.written - self.next} records are missing before this")
        if total != self.sum:
            raise TraceError(place, f"the sum is {self.sum:x} instead of {total:x}: a character "
                                    "was lost or changed")
        return self.place, self.ring


def read(text, name):
    """[(place, ring), ...] of a log's text."""
    reader = Reader()
    for number, line in enumerate(text.replace("\r", "").split("\n"), start=1):
        if line.startswith(MARK):
            reader.take(f"{name}, line {number}", line)
    reader.finish(name)
    if not reader.rings:
        raise TraceError(name, "no trace: no line 'LINTEL-TRACE ring' in it")
    return reader.rings
