"""The lines that guests and Lintel print for programs, as data.  docs/testing.md lists them."""
import re

BENCH = re.compile(r"^BENCH (\S+) min=(\d+) median=(\d+) max=(\d+)$", re.MULTILINE)
STATS = re.compile(r"^LINTEL-STATS guest=(\S+) reason=(\S+) count=(\d+) sum=(\d+) min=(\d+) "
                   r"median=(\d+) p99=(\d+) max=(\d+)$", re.MULTILINE)
HIST = re.compile(r"^LINTEL-HIST guest=(\S+) reason=(\S+)((?: \d+:\d+)+)$", re.MULTILINE)
TIMES = re.compile(r"^LINTEL-TIMES guest=(\S+) total=(\d+) lintel=(\d+) waiting=(\d+) "
                   r"guest=(\d+) stolen=(\d+) vcpu=\d+$", re.MULTILINE)
LEDGER = re.compile(r"^LINTEL-LEDGER guest=(\S+) op=(\S+) count=(\d+) exits=(\d+)"
                    r"((?: \w+:\d+)*)$", re.MULTILINE)
MARK = re.compile(r"^LINTEL-MARK (\S+) tsc=(\d+)$", re.MULTILINE)
NAMES = {"STATS": STATS, "HIST": HIST, "TIMES": TIMES, "LEDGER": LEDGER}


class ReadingError(Exception):
    """A run did not give what it should; the text says what is missing or wrong."""


def _pairs(text):
    return [(name, int(count)) for name, _, count in
            (pair.rpartition(":") for pair in text.split())]


def check_lines(log):
    """Every line that begins like one of ours is one: a damaged line is not just left out."""
    for line in log.splitlines():
        for name, pattern in NAMES.items():
            if line.startswith(f"LINTEL-{name} ") and not pattern.fullmatch(line):
                raise ReadingError(f"a line of another form than docs/testing.md has: {line!r}")


def bench(console):
    """What the guest bench_exits measured: name -> ticks."""
    found = {name: {"min": int(least), "median": int(median), "max": int(most)}
             for name, least, median, most in BENCH.findall(console.replace("\r", ""))}
    if not found:
        raise ReadingError("the guest bench_exits printed no BENCH line")
    return found


def statistics(log):
    """guest -> {"reasons": {reason: ...}, "times": ...}; the histograms' sums are checked."""
    check_lines(log)
    guests = {}
    for guest, reason, *numbers in STATS.findall(log):
        row = dict(zip(("count", "sum", "min", "median", "p99", "max"), map(int, numbers)))
        row["buckets"] = []
        guests.setdefault(guest, {"reasons": {}, "times": {}})["reasons"][reason] = row
    for guest, reason, text in HIST.findall(log):
        try:
            row = guests[guest]["reasons"][reason]
        except KeyError:
            raise ReadingError(f"a histogram of {guest}'s {reason} without its LINTEL-STATS "
                               "line") from None
        row["buckets"] += [[int(first), count] for first, count in _pairs(text)]
    for guest, *numbers in TIMES.findall(log):
        if guest in guests:
            guests[guest]["times"] = dict(zip(("total", "lintel", "waiting", "guest", "stolen"),
                                              map(int, numbers)))
    for guest, rows in guests.items():
        for reason, row in rows["reasons"].items():
            if sum(count for _, count in row["buckets"]) != row["count"]:
                raise ReadingError(f"the histogram of {guest}'s {reason} does not hold its "
                                   f"{row['count']} exits")
    return guests


def ledger(log):
    """guest -> {operation: {"count", "exits", "reasons": {reason: exits}}}.  One operation's
    reasons may take several lines."""
    check_lines(log)
    guests = {}
    for guest, operation, count, exits, text in LEDGER.findall(log):
        row = guests.setdefault(guest, {}).setdefault(
            operation, {"count": int(count), "exits": int(exits), "reasons": {}})
        row["reasons"].update(_pairs(text))
    for guest, operations in guests.items():
        for operation, row in operations.items():
            if sum(row["reasons"].values()) != row["exits"]:
                raise ReadingError(f"the ledger of {guest}'s {operation}: its reasons do not sum "
                                   f"up to {row['exits']} exits")
    return guests


def mark(name, text):
    """The TSC of a line LINTEL-MARK."""
    for found, tsc in MARK.findall(text.replace("\r", "")):
        if found == name:
            return int(tsc)
    raise ReadingError(f"no line LINTEL-MARK {name}")


LAB_LISTS = {"preflight": {"name", "result"}, "selftest": {"name", "result"},
             "costs": {"name", "group", "what", "samples", "min", "median", "p99", "max",
                       "buckets"}}


def lab(found):
    """The laboratory's result, checked; what it has not measured is an empty list."""
    if not isinstance(found, dict) or not isinstance(found.get("cpu"), dict):
        raise ReadingError("the laboratory's result does not say which CPU it is from")
    result = {"cpu": found["cpu"], "lintel": found.get("lintel", "")}
    for name, keys in LAB_LISTS.items():
        rows = found.get(name, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ReadingError(f"the laboratory's {name} is no list of rows")
        for row in rows:
            if keys - set(row):
                raise ReadingError(f"a row of the laboratory's {name}, {row.get('name')}, has no "
                                   f"{', '.join(sorted(keys - set(row)))}")
        result[name] = rows
    return result
