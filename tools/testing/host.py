"""What runs on the workstation itself: the build (twice), unit tests, fuzzing, the tools."""
import os
import re
import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from emulator.machine import ROOT, RunDirectory

from .report import run

BUILD_TIMEOUT = 1200
CHECK_TIMEOUT = 60
UNIT_TIMEOUT = 120
SOURCES = Path("tools/unit")
TOOL_LINE = re.compile(r"^(\w+) \(tests\.([\w.]+)\)(?:\n.*)? \.\.\. (.*)$", re.MULTILINE)
TOOL_COUNT = re.compile(r"^Ran (\d+) tests? in", re.MULTILINE)
TAP_LINE = re.compile(r"^(not )?ok \d+ - (.*)$", re.MULTILINE)
UNIT_KINDS = (("gcc", "test_*.c"), ("clang", "test_*.c"), ("tsan", "tsan_*.c"))
WORKERS = 2
BUILDING = threading.Lock()
IMAGES = ("BOOTX64.EFI", "hv.elf")


def make(report, name, *targets):
    """Builds targets, going on after errors so that one broken file hides no other.  Steps that run
    at once build one after another."""
    with BUILDING:
        status, output = run([os.environ.get("MAKE", "make"), "--no-print-directory", "-k",
                              f"-j{WORKERS}", *targets], BUILD_TIMEOUT)
    return report.add(name, status == 0, " ".join(targets) if status else "", output)


def build(report, options):
    """The images and the guests' files, and what mitigations the linked ways into a guest carry."""
    make(report, "build", f"B={options.top}", "all", "guests")
    status, text = run(["tools/check_entry.py", str(options.build / "hv.debug.elf")], CHECK_TIMEOUT)
    report.add("mitigations in hv.elf", status == 0, "", text)


def _difference(one, other):
    """Where two files' bytes differ, in words; empty if nowhere."""
    a, b = one.read_bytes(), other.read_bytes()
    if a == b:
        return ""
    at = next((i for i, pair in enumerate(zip(a, b)) if pair[0] != pair[1]), min(len(a), len(b)))
    return f"{len(a)} and {len(b)} bytes, different from byte {at:#x}"


def _copy_sources(to, options):
    """All of the tree but what was built."""
    built = {ROOT / ".git", ROOT / "build", options.top.resolve()}
    shutil.copytree(ROOT, to, ignore=lambda folder, names: [
        name for name in names if Path(folder) / name in built or name == "__pycache__"])


def reproducible(report, options):
    """The images, built once more from a copy of the sources, have the same bytes."""
    below_top = os.path.relpath(options.build, options.top)  # "debug" with DEBUG=1
    with RunDirectory("reproducible") as directory:
        copy = directory.path / "a-copy-elsewhere"
        again = Path("build") / below_top
        _copy_sources(copy, options)
        if not make(report, "build of a copy", "-C", str(copy), "B=build",
                    *(str(again / image) for image in IMAGES)):
            return
        different = {image: _difference(options.build / image, copy / again / image)
                     for image in IMAGES}
        for image, where in different.items():
            report.add(f"reproducible {image}", not where, where)
        if not any(different.values()):
            shutil.rmtree(copy)


def _unit_program(path):
    environment = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP", ASAN_OPTIONS="detect_leaks=1",
                       UBSAN_OPTIONS="print_stacktrace=1")
    return run([str(path)], UNIT_TIMEOUT, environment)


def unit(report, options):
    """Every tools/unit/test_*.c, by both compilers, and tsan_*.c; each of its tests is a result."""
    tables = options.build / "unit-gcc" / "policy_tables"
    make(report, "build unit tests", f"B={options.top}", "unit-programs", str(tables))
    status, output = run([sys.executable, "tools/gen_docs.py", str(tables), "--rows"], UNIT_TIMEOUT)
    report.add("every row of the policy tables has its tests", status == 0, output.strip())
    for kind, pattern in UNIT_KINDS:
        for source in sorted(SOURCES.glob(pattern)):
            program = options.build / f"unit-{kind}" / source.stem
            name = f"unit {kind} {source.stem}"
            if not program.exists():
                report.add(name, False, "was not built")
                continue
            status, output = _unit_program(program)
            results = TAP_LINE.findall(output)
            failed = [test for not_ok, test in results if not_ok]
            for test in failed:
                report.add(f"{name} {test}", False)
            report.passed += len(results) - len(failed)
            if status != 0 or not results:
                report.show(output)
            if not failed and (status != 0 or not results):
                report.add(name, False, f"ended with status {status}")
            elif not failed:
                print(f"ok   {name}: {len(results)} tests", flush=True)


def tools(report, options):
    """The tools' own tests, tools/tests/test_*.py."""
    make(report, "build what the tools' tests run", f"B={options.top}",
         *(str(options.build / "unit-gcc" / program) for program in ("guest_tables", "explain")))
    environment = dict(os.environ, LINTEL_BUILD=str(options.build.resolve()))
    status, output = run([sys.executable, "-m", "unittest", "discover", "-v", "-s", "tools/tests",
                          "-t", "tools"], UNIT_TIMEOUT, environment)
    results = TOOL_LINE.findall(output)
    for test, where, result in results:
        if result != "ok":
            report.add(f"tools {where} {test}", False, result)
    good, ran = sum(result == "ok" for _, _, result in results), TOOL_COUNT.search(output)
    report.passed += max(0, good - 1)
    report.add("tools", status == 0 and ran and 0 < good == int(ran[1]), f"{good} tests", output)


def _fuzz_target(options, source):
    program = options.build / "fuzz" / source.stem
    if not program.exists():
        return False, "was not built", ""
    found = options.build / "fuzz" / "corpus" / source.stem
    found.mkdir(parents=True, exist_ok=True)
    seeds = SOURCES / "corpus" / source.stem.removeprefix("fuzz_")
    argv = [str(program), f"-max_total_time={options.fuzz_seconds}", "-timeout=10",
            "-rss_limit_mb=1024", f"-artifact_prefix={options.build}/fuzz/{source.stem}-",
            str(found)] + ([str(seeds)] if seeds.is_dir() else [])
    status, output = run(argv, options.fuzz_seconds + 90)
    runs = re.search(r"Done (\d+) runs", output)
    return status == 0 and runs is not None, f"{runs[1]} runs" if runs else "", output


def fuzz(report, options):
    """Every tools/unit/fuzz_*.c for options.fuzz_seconds, two at a time."""
    make(report, "build fuzz targets", f"B={options.top}", "fuzz-programs")
    sources = sorted(SOURCES.glob("fuzz_*.c"))
    with ThreadPoolExecutor(WORKERS) as pool:
        for source, result in zip(sources, pool.map(lambda s: _fuzz_target(options, s), sources)):
            good, detail, output = result
            report.add(f"fuzz {source.stem}", good, detail, output)
