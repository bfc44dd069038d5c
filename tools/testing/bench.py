"""The figures of `make bench` and their budgets; report.html in a browser."""
import re
import sys

from laboratory import browser

from . import host
from .report import run

BENCH_TIMEOUT = 2400
VERDICT = re.compile(r"^(ok  |FAIL) (\S+): (.*)$", re.MULTILINE)
WANTED = ("seen", "costs", "parts", "operations", "boot", "hist-bench_exits", "hist-linux")


def folder(options):
    return options.build / "bench"


def budgets(report, options):
    """Every figure of tools/bench.py within its limit in tools/budgets."""
    if not host.make(report, "build what is measured", f"B={options.top}", "all", "guests",
                     "guest-images", str(options.build / "native.elf")):
        return
    status, output = run([sys.executable, "tools/bench.py", "--build", str(options.build),
                          "--guests", str(options.guests), "--out", str(folder(options))],
                         BENCH_TIMEOUT)
    verdicts = VERDICT.findall(output)
    for state, name, text in verdicts:
        report.add(f"budget {name}", state == "ok  ", text)
    report.add("budgets", status == 0 and bool(verdicts), f"{len(verdicts)} figures",
               "" if verdicts else output)


def page(report, options):
    """report.html in headless Chromium: each drawing is there, and not blank."""
    file = folder(options) / "report.html"
    if not file.is_file():
        report.add("report", False, f"there is no {file}; the step budgets makes it")
        return
    try:
        wrong = browser.check(file, folder(options) / "report.png", WANTED)
    except browser.BrowserError as error:
        wrong = [str(error)]
    report.add("report in Chromium", not wrong, f"{len(WANTED)} drawings" if not wrong else
               "; ".join(wrong))
