"""A boot's exits over time, by reason, out of its complete trace."""
from .readings import ReadingError

BINS = 120
U64 = 1 << 64


def guest_trace(rings, vm):
    """(tsc_hz, TSC at which the guest's own is 0, [records of this guest])."""
    ring = rings[0]
    records = [r for r in ring.records if r.vcpu >> 8 == vm]
    states = [r for r in records if r.name == "GUEST_STATE"]
    if len(states) < 2:
        raise ReadingError(f"the trace does not hold the whole life of guest {vm}")
    return ring.tsc_hz, -states[0].b % U64, records


def timeline(rings, vm, marks):
    """Exits by reason in equal pieces of the guest's life; ticks count from its start."""
    hz, zero, records = guest_trace(rings, vm)
    exits = [r for r in records if r.exit]
    total = records[-1].tsc - zero
    piece = total // BINS + 1
    bins = {}
    for record in exits:
        row = bins.setdefault(record.exit, [0] * BINS)
        row[(record.tsc - zero) // piece] += 1
    return {"tsc_hz": hz, "ticks": total, "bin_ticks": piece, "exits": bins, "marks": marks}


def totals(rings, vm):
    """reason -> (exits, ticks), to be compared with Lintel's own counters."""
    found = {}
    for record in guest_trace(rings, vm)[2]:
        if record.exit:
            count, ticks = found.get(record.exit, (0, 0))
            found[record.exit] = (count + 1, ticks + record.a)
    return found
