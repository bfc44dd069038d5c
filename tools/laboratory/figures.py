"""The figures that have a budget, and the two files of data."""
import csv
import io
import json
from decimal import ROUND_HALF_UP, Decimal

FORMAT, VERSION = "lintel-bench", 1
CSV_COLUMNS = ("group", "name", "what", "value", "unit")


def _ratio(part, whole, digits):
    """A quotient that is the same on every machine."""
    return float((Decimal(part) / Decimal(whole)).quantize(Decimal(1).scaleb(-digits),
                                                           ROUND_HALF_UP))


def measuring_ticks(lab):
    """What measuring costs each exit, without the laboratory's own stamps; 0 if not measured."""
    ticks = {row["name"]: row["median"] for row in lab["costs"] if row["group"] == "measuring"}
    return ticks["per-exit"] - ticks["stamps"] if {"per-exit", "stamps"} <= ticks.keys() else 0


def figures(results):
    """name -> {"value", "unit"}: what tools/budgets must have a row for."""
    found = {}

    def add(name, value, unit):
        found[name] = {"value": value, "unit": unit}

    for name, row in results["seen_by_guest"].items():
        if name != "empty":
            add(f"exit/{name}", row["median"], "ticks")
    boot = results["boot"]
    if boot:
        add("boot/exits", sum(boot["exits"].values()), "exits")
        add("boot/against-bare", _ratio(boot["hosted_ticks"], boot["bare_ticks"], 4), "times")
    for operations in results["ledger"].values():
        for name, row in operations.items():
            if row["count"]:
                add(f"op/{name}", _ratio(row["exits"], row["count"], 4), "exits")
    for row in results["lab"]["costs"]:
        if row["group"] == "lintel" and not row["name"].endswith("-inside"):
            add(f"lab/{row['name']}", row["median"], "ticks")
    measuring = measuring_ticks(results["lab"])
    if measuring:
        add("lab/measuring", measuring, "ticks")
    for name, size in results["size"]["bytes"].items():
        add(f"size/{name}", size, "bytes")
    for part, lines in results["size"]["lines"].items():
        add(f"size/{part}-lines", lines, "lines")
    return found


def to_json(results):
    return json.dumps(results, indent=1, sort_keys=True) + "\n"


def _rows(results):
    for name, row in sorted(results["seen_by_guest"].items()):
        for what, value in row.items():
            yield "seen by the guest", name, what, value, "ticks"
    for guest, rows in sorted(results["guests"].items()):
        for reason, row in sorted(rows["reasons"].items()):
            for what in ("count", "sum", "min", "median", "p99", "max"):
                yield (f"exits of {guest}", reason, what, row[what],
                       "exits" if what == "count" else "ticks")
            for first, count in row["buckets"]:
                yield f"histogram of {guest}", reason, first, count, "exits"
        for what, value in sorted(rows["times"].items()):
            yield f"times of {guest}", what, "total", value, "ticks"
    for guest, operations in sorted(results["ledger"].items()):
        for name, row in sorted(operations.items()):
            yield f"operations of {guest}", name, "count", row["count"], "operations"
            for reason, count in sorted(row["reasons"].items()):
                yield f"operations of {guest}", name, reason, count, "exits"
    for reason, count in sorted((results["boot"] or {"exits": {}})["exits"].items()):
        yield "boot to userspace", reason, "count", count, "exits"
    for row in (results["lab"] or {"costs": []})["costs"]:
        for what in ("samples", "min", "median", "p99", "max"):
            yield (f"laboratory, {row['group']}", row["name"], what, row[what],
                   "samples" if what == "samples" else "ticks")
    for name, figure in sorted(results["figures"].items()):
        yield "figures", name, "value", figure["value"], figure["unit"]


def to_csv(results):
    file = io.StringIO()
    out = csv.writer(file, lineterminator="\n")
    out.writerow(CSV_COLUMNS)
    out.writerows(_rows(results))
    return file.getvalue()
