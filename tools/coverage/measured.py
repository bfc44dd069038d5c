"""docs/measured.json: what exits and accesses cost, from a run of the test guests on Bochs."""
import json
import re

from .table import ROOT

FILE = ROOT / "docs" / "measured.json"
# vmm/stats_report.c and guest_tests/t_bench_rows.c
STATS = re.compile(r"^LINTEL-STATS guest=(\S+) reason=(\S+) count=(\d+) sum=(\d+) min=(\d+) "
                   r"median=(\d+) p99=(\d+) max=(\d+)", re.MULTILINE)
TICKS = re.compile(r"^TICKS (\S+ 0x[0-9a-f]+) (\d+)\r?$", re.MULTILINE)


def together(one, other):
    """The figures of two virtual processors; the median and p99 are the busier one's."""
    busier = max(one, other, key=lambda figures: figures["count"])
    return {"count": one["count"] + other["count"], "sum": one["sum"] + other["sum"],
            "min": min(one["min"], other["min"]), "median": busier["median"],
            "p99": busier["p99"], "max": max(one["max"], other["max"])}


def statistics(log):
    """guest -> reason -> {count, sum, min, median, p99, max} of Lintel's log."""
    guests = {}
    for guest, reason, *numbers in STATS.findall(log):
        figures = dict(zip(("count", "sum", "min", "median", "p99", "max"), map(int, numbers)))
        reasons = guests.setdefault(guest, {})
        reasons[reason] = together(reasons[reason], figures) if reason in reasons else figures
    return guests


def exits_of(lines, guests):
    """reason -> figures, of that test guest among its claimed ones which made it most often."""
    exits = {}
    for line in lines.values():
        seen = [(guests[name][line.key]["count"], name) for name in line.guests()
                if line.kind == "exit" and line.key in guests.get(name, {})]
        if seen and not line.unmeasured:
            count, name = max(seen)
            figures = guests[name][line.key]
            exits[line.key] = {"guest": name, "count": count, "min": figures["min"],
                               "mean": figures["sum"] // count}
    return exits


def accesses_of(console):
    """"rdmsr 0x1b" -> ticks, of the guest bench_rows."""
    return {what: int(ticks) for what, ticks in TICKS.findall(console)}


def write(figures, path):
    path.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def read():
    return json.loads(FILE.read_text(encoding="utf-8"))
