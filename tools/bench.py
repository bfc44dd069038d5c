#!/usr/bin/python3
"""Measure what Lintel costs, draw it, and compare it with tools/budgets (make bench).

Runs the laboratory, the guest bench_exits, and Linux to its power-off, under Lintel and on
the bare machine.  Writes results.json, results.csv and report.html to --out.  On Bochs a
tick is an instruction, so two runs give the same bytes.

Exit status: 0, or 1 if a figure is over its budget or a run did not give its figures.
"""
import argparse
import json
import sys
from pathlib import Path

from emulator import machine
from laboratory import budgets, figures, readings, report, runs
from lintel_trace.ring import TraceError

BUDGETS = machine.ROOT / "tools" / "budgets"
EMULATORS = {"bochs": "bochs", "qemu": "kvm"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0],
                                     epilog="\n".join(__doc__.splitlines()[2:]),
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--build", type=Path, default=Path("build"), metavar="DIR")
    add("--guests", type=Path, default=Path("build/guests"), metavar="DIR")
    add("--out", type=Path, default=Path("build/bench"), metavar="DIR")
    add("--emulator", choices=EMULATORS, default="bochs", help="qemu is QEMU/KVM with nested VMX")
    add("--cpu-model", default="", metavar="M", help="of the emulator")
    add("--results", type=Path, metavar="FILE",
        help="draw and compare these results.json again, without a run")
    add("--tighten", action="store_true", help="lower the limits of tools/budgets to the figures")
    return parser.parse_args()


def measure(options):
    """The results of new runs, or of a file."""
    if options.results:
        results = json.loads(options.results.read_text(encoding="utf-8"))
        results["figures"] = figures.figures(results)
        return results
    options.say = lambda text: print(f"bench: {text}", flush=True)
    options.emulator = EMULATORS[options.emulator]
    return runs.Bench(options).measure()


def judge(results):
    """The verdicts; only Bochs' ticks are the same on every machine."""
    if results["emulator"] != "bochs" or results["cpu_model"] != machine.CPU_MODEL:
        return []
    rows = budgets.parse(BUDGETS.read_text(encoding="utf-8"))
    return budgets.compare(rows, results["figures"])


def write(out, results, verdicts):
    """The three files."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "results.json").write_text(figures.to_json(results), encoding="utf-8")
    (out / "results.csv").write_text(figures.to_csv(results), encoding="utf-8")
    (out / "report.html").write_text(report.html(results, verdicts), encoding="utf-8")


def show(verdicts):
    """Prints what became of each figure; true if all is well."""
    for verdict in verdicts:
        print(f"{'ok  ' if verdict.good else 'FAIL'} {verdict.name}: {verdict.text}")
    if not verdicts:
        print("bench: no comparison with tools/budgets, whose limits are for Bochs' default CPU")
    return all(verdict.good for verdict in verdicts)


def main():
    options = arguments()
    try:
        results = measure(options)
        verdicts = judge(results)
        write(options.out, results, verdicts)
        if options.tighten and verdicts:
            text = BUDGETS.read_text(encoding="utf-8")
            BUDGETS.write_text(budgets.tightened(text, results["figures"]), encoding="utf-8")
    except (readings.ReadingError, budgets.BudgetError, TraceError, machine.EmulatorError,
            OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    good = show(verdicts)
    print(f"bench: {options.out}/report.html, results.json, results.csv")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
