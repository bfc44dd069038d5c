"""Records and rings, and what must hold for them."""
from dataclasses import dataclass, field

from .source import layout

NOBODY = 0xFFFF          # vcpu: none
RECORDS_MAX = 1 << 20
CPUS_MAX = 4096
HZ_MAX = 10**11


class TraceError(Exception):
    """A trace that is not what it should be: the place and what is wrong there."""

    def __init__(self, place, what):
        super().__init__(f"{place}: {what}")
        self.place, self.what = place, what


@dataclass(frozen=True)
class Record:
    """One record; `number` counts from the ring's first one ever written."""
    number: int
    tsc: int
    event: int
    vcpu: int  # vm << 8 | vcpu, or NOBODY
    a: int
    b: int
    c: int

    @property
    def exit(self):
        """The exit reason's name, or None."""
        return layout().exit_name(self.event)

    @property
    def name(self):
        return self.exit or layout().events[self.event][0]


@dataclass
class Ring:
    """What is known of one CPU's ring, oldest record first."""
    cpu: int
    tsc_hz: int
    records: list
    notes: list = field(default_factory=list)  # what the reader should know


def split_head(head):
    """(event, vcpu, a) of a record's second word."""
    return head & 0xFFFF, head >> 16 & 0xFFFF, head >> 32


def check_header(place, version, records, cpu, tsc_hz):
    """The header's fields have values that Lintel writes."""
    known = layout().version
    if version != known:
        raise TraceError(place, f"trace version {version}; this tool reads version {known}")
    if not 0 < records <= RECORDS_MAX or records & (records - 1):
        raise TraceError(place, f"{records} records: no power of two up to {RECORDS_MAX}")
    if cpu >= CPUS_MAX:
        raise TraceError(place, f"CPU number {cpu}")
    if not 0 < tsc_hz <= HZ_MAX:
        raise TraceError(place, f"a TSC frequency of {tsc_hz} Hz")


def check_record(place, record, before):
    """The record follows `before` (or is the first, with None)."""
    if not layout().known(record.event):
        raise TraceError(place, f"record {record.number} has the unknown event "
                                f"{record.event:#x}")
    if before and record.tsc < before.tsc:
        raise TraceError(place, f"record {record.number}: time goes backwards, from "
                                f"{before.tsc} to {record.tsc}")


def merge(rings):
    """One ring for each CPU out of several readings of it, in CPU order.

    What a later reading says of a record wins: an exit's duration is written after the exit."""
    found = {}
    for place, ring in rings:
        into = found.setdefault(ring.cpu, (place, Ring(ring.cpu, ring.tsc_hz, {}, [])))[1]
        if into.tsc_hz != ring.tsc_hz:
            raise TraceError(place, f"CPU {ring.cpu} ran at {into.tsc_hz} Hz before, "
                                    f"and at {ring.tsc_hz} Hz here")
        into.records.update((record.number, record) for record in ring.records)
        into.notes += [note for note in ring.notes if note not in into.notes]
    return [_in_order(place, ring) for place, ring in
            (found[cpu] for cpu in sorted(found))]


def _in_order(place, ring):
    before, records = None, [ring.records[number] for number in sorted(ring.records)]
    for record in records:
        check_record(place, record, before)
        if before and record.number != before.number + 1:
            ring.notes.append(f"CPU {ring.cpu}: records {before.number + 1} to "
                              f"{record.number - 1} are lost")
        before = record
    ring.records = records
    return ring
