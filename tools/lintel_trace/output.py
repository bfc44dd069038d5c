"""A trace as text, as CSV, for Chrome's trace viewer and Perfetto, and as tables."""
import csv
import json

from .ring import NOBODY
from .source import layout
from .spans import spans

CSV_COLUMNS = ("cpu", "number", "tsc", "microseconds", "vm", "vcpu", "event", "exit", "a", "b",
               "c")


def start_of(rings):
    """The TSC that counts as time 0."""
    return min((ring.records[0].tsc for ring in rings if ring.records), default=0)


def microseconds(ticks, ring):
    return round(ticks * 1e6 / ring.tsc_hz, 6)


def in_order(rings):
    """(ring, record) of all CPUs by time."""
    return sorted(((ring, record) for ring in rings for record in ring.records),
                  key=lambda pair: (pair[1].tsc, pair[0].cpu, pair[1].number))


def who(vcpu):
    return "-" if vcpu == NOBODY else f"{vcpu >> 8}.{vcpu & 0xff}"


def arguments(record):
    """name -> value of what a record says beside its event."""
    if record.exit:
        return {"ticks": record.a, "RIP": record.b, "qualification": record.c}
    meanings = layout().events[record.event][1:]
    return {meaning: value for meaning, value in zip(meanings, (record.a, record.b, record.c))
            if meaning != "-"}


def write_text(rings, file):
    start = start_of(rings)
    file.write(f"{'microseconds':>16} {'TSC':>16} CPU vCPU  event\n")
    for ring, record in in_order(rings):
        words = ", ".join(f"{name} {value:#x}" if name != "ticks" else f"{name} {value}"
                          for name, value in arguments(record).items())
        kind = "EXIT " if record.exit else ""
        file.write(f"{microseconds(record.tsc - start, ring):16.6f} {record.tsc:16} "
                   f"{ring.cpu:3} {who(record.vcpu):>4}  {kind}{record.name}: {words}\n")


def write_csv(rings, file):
    start, out = start_of(rings), csv.writer(file, lineterminator="\n")
    out.writerow(CSV_COLUMNS)
    for ring, record in in_order(rings):
        vm, vcpu = ("", "") if record.vcpu == NOBODY else (record.vcpu >> 8, record.vcpu & 0xFF)
        out.writerow((ring.cpu, record.number, record.tsc,
                      microseconds(record.tsc - start, ring), vm, vcpu, record.name,
                      int(record.exit is not None), record.a, record.b, record.c))


# ---------------------------------------------------------------- Chrome, Perfetto

def _event(ring, record, start, phase, **more):
    return {"name": record.name, "cat": "exit" if record.exit else "event", "ph": phase,
            "ts": microseconds(record.tsc - start, ring), "pid": ring.cpu, "tid": record.vcpu,
            "args": {name: value if name == "ticks" else f"{value:#x}"
                     for name, value in arguments(record).items()}, **more}


def _instant(ring, record, start):
    if record.name != "WAIT":
        return _event(ring, record, start, "i", s="t")
    event = _event(ring, record, start, "X", dur=microseconds(record.b, ring))
    event["ts"] = microseconds(record.tsc - record.b - start, ring)
    return event


def _track_names(ring):
    yield {"name": "process_name", "ph": "M", "pid": ring.cpu, "tid": 0,
           "args": {"name": f"CPU {ring.cpu}"}}
    for vcpu in sorted({record.vcpu for record in ring.records}):
        name = "Lintel" if vcpu == NOBODY else f"guest {vcpu >> 8}, vCPU {vcpu & 0xff}"
        yield {"name": "thread_name", "ph": "M", "pid": ring.cpu, "tid": vcpu,
               "args": {"name": name}}


def perfetto(rings):
    """The object of the Trace Event Format: exits are slices, the rest are instants; a CPU is a
    process, a vCPU a thread of it."""
    start, events = start_of(rings), []
    for ring in rings:
        events += _track_names(ring)
        exits, loose = spans(ring)
        for span in exits:
            if span.finished:
                events.append(_event(ring, span.exit, start, "X",
                                     dur=microseconds(span.end - span.exit.tsc, ring)))
            else:
                events.append(_event(ring, span.exit, start, "i", s="t"))
            events += [_instant(ring, record, start) for record in span.inside]
        events += [_instant(ring, record, start) for record in loose]
    return {"displayTimeUnit": "ns", "otherData": {"tool": "Lintel tools/trace"},
            "traceEvents": events}


def write_perfetto(rings, file):
    json.dump(perfetto(rings), file, sort_keys=True, separators=(",", ":"))
    file.write("\n")


# ---------------------------------------------------------------- --top

def by_reason(rings):
    """name -> sorted ticks of all finished exits."""
    found = {}
    for ring in rings:
        for record in ring.records:
            if record.exit and record.a:
                found.setdefault(record.exit, []).append(record.a)
    return {name: sorted(ticks) for name, ticks in found.items()}


PLACES = 15


def by_place(rings):
    """(name, RIP, port or "") -> [exits, ticks]."""
    found = {}
    for ring in rings:
        for record in ring.records:
            if record.exit and record.a:
                port = f"{record.c >> 16 & 0xffff:#x}" if record.exit == "IO" else ""
                row = found.setdefault((record.exit, record.b, port), [0, 0])
                row[0] += 1
                row[1] += record.a
    return found


def _write_places(rings, file):
    file.write(f"instructions with the most exits\n{'reason':24} {'RIP':>18} {'port':>7} "
               f"{'exits':>9} {'ticks':>13}\n")
    ordered = sorted(by_place(rings).items(), key=lambda item: (-item[1][0], item[0]))
    for (name, rip, port), (count, ticks) in ordered[:PLACES]:
        file.write(f"{name:24} {rip:#18x} {port:>7} {count:9} {ticks:13}\n")
    file.write("\n")


def write_top(rings, file):
    """The exit reasons by count, and by time; the guest's instructions by exits."""
    ticks = by_reason(rings)
    exits, total = sum(map(len, ticks.values())), sum(map(sum, ticks.values()))
    for title, key in (("by count", len), ("by time", sum)):
        file.write(f"exit reasons {title}\n{'reason':24} {'exits':>9} {'share':>7} "
                   f"{'ticks':>13} {'share':>7} {'min':>8} {'median':>8} {'max':>10}\n")
        for name, t in sorted(ticks.items(), key=lambda item: (-key(item[1]), item[0])):
            file.write(f"{name:24} {len(t):9} {100 * len(t) / exits:6.2f}% {sum(t):13} "
                       f"{100 * sum(t) / total:6.2f}% {t[0]:8} {t[(len(t) - 1) // 2]:8} "
                       f"{t[-1]:10}\n")
        file.write(f"{'all':24} {exits:9} {'':7} {total:13}\n\n")
    _write_places(rings, file)
    for ring in rings:
        if ring.records:
            span = ring.records[-1].tsc - ring.records[0].tsc
            file.write(f"CPU {ring.cpu}: {len(ring.records)} records in {span} ticks, "
                       f"{microseconds(span, ring)} microseconds\n")
