"""Rings in a dump of memory: one ring alone, or all of a machine's RAM."""
import struct

from .ring import Record, Ring, TraceError, check_header, check_record, split_head
from .source import layout

HEADER = struct.Struct("<8sIIIIQQ24s")  # struct trace_ring up to record[]
RECORD = struct.Struct("<QQQQ")
ALIGNMENT = 8


def find(data):
    """Offsets of all that may be a ring.  The magic number is also an operand in hv.elf's code,
    so in a large dump it counts only together with the size of a record."""
    magic, at = layout().magic, data.find(layout().magic)
    while at >= 0:
        yield at
        at = data.find(magic, at + 1)


def _is_ring(data, at):
    return at % ALIGNMENT == 0 and data[at + 12:at + 16] == RECORD.size.to_bytes(4, "little")


def read_ring(data, at, place, running=False):
    """The ring at an offset.  `running`: the newest record may be half-written."""
    if len(data) - at < HEADER.size:
        raise TraceError(place, f"truncated: {len(data) - at} bytes of a header of {HEADER.size}")
    magic, version, size, records, cpu, tsc_hz, written, reserved = HEADER.unpack_from(data, at)
    if magic != layout().magic:
        raise TraceError(place, f"no trace ring: {magic!r} instead of {layout().magic!r}")
    check_header(place, version, records, cpu, tsc_hz)
    if size != RECORD.size:
        raise TraceError(place, f"records of {size} bytes instead of {RECORD.size}")
    if any(reserved):
        raise TraceError(place, "reserved bytes of the header are not 0")
    if len(data) - at < HEADER.size + records * RECORD.size:
        raise TraceError(place, f"truncated: {len(data) - at} bytes of a ring of "
                                f"{HEADER.size + records * RECORD.size}")
    first = max(0, written - records)
    for slot in range(written, records):
        start = at + HEADER.size + slot * RECORD.size
        if any(data[start:start + RECORD.size]):
            raise TraceError(place, f"record {slot} is there, but only {written} were written")
    ring = Ring(cpu, tsc_hz, [])
    if running and written > first:
        written -= 1
        first = max(0, written - records + 1)  # the newest one's slot was an older one's
    _read_records(ring, data, at, (first, written, records), place)
    return ring


def _read_records(ring, data, at, span, place):
    first, end, records = span
    before = None
    for number in range(first, end):
        start = at + HEADER.size + number % records * RECORD.size
        tsc, head, b, c = RECORD.unpack_from(data, start)
        record = Record(number, tsc, *split_head(head), b, c)
        try:
            check_record(f"{place}, byte {start:#x}", record, before)
        except TraceError:
            if number != end - 1:
                raise
            ring.notes.append(f"CPU {ring.cpu}: record {number}, the newest, was being written "
                              "and is left out")
            return
        ring.records.append(record)
        before = record


def read(data, name):
    """[(place, ring), ...] of a dump."""
    rings, refused = [], []
    for at in find(data):
        place = f"{name}, byte {at:#x}"
        if at == 0 or _is_ring(data, at):
            rings.append((place, read_ring(data, at, place)))
        else:
            refused.append(f"{at:#x}")
    if not rings:
        raise TraceError(name, "no trace ring; its magic number stands at " +
                         ", ".join(refused[:5]) + ", without a ring behind it" if refused else
                         "no trace ring: the magic number does not occur")
    return rings
