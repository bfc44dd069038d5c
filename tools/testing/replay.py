"""Recorded exits (tools/recorded/) replayed against the handlers, changed ones, planted faults."""
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from emulator.machine import RunDirectory

from . import host
from .report import run

EXITS_MIN = 20000  # that the recordings must have together
FAULTS_MIN = 12
FAULTS = Path("tools/replay/faults.txt")
SUMMARY = re.compile(r"^(\S+): (\d+) exits, all the same", re.MULTILINE)
REPLAY_TIMEOUT = 30
COMPILE_TIMEOUT = 60
CHANGED_MAX = 178  # bytes of an input: an exit and 16 changes
DIFFERENT = 1  # exit status of the replay: an exit did what was not recorded


def _recordings(options):
    return sorted(str(path) for path in (options.build / "replay").glob("*.rec"))


def _replay(report, options, kind):
    """All recordings by one compiler's program."""
    name = f"replay of recorded exits, {kind}"
    status, output = run([str(options.build / "replay" / f"unit-{kind}" / "replay"),
                          *_recordings(options)], REPLAY_TIMEOUT)
    exits = sum(int(found[1]) for found in SUMMARY.findall(output))
    report.add(name, status == 0 and exits >= EXITS_MIN,
               f"{exits} exits" + ("" if exits >= EXITS_MIN else f", at least {EXITS_MIN}"), output)


# ---------------------------------------------------------------- planted faults

@dataclass
class Fault:
    """One line of a source file, and what it becomes."""
    file: Path
    line: str
    faulty: str


def read_faults(text):
    """The faults of a text like tools/replay/faults.txt."""
    file, line, faults = None, None, []
    for row in text.splitlines():
        if row.startswith("- "):
            line = row[2:]
        elif row.startswith("+ "):
            faults.append(Fault(file, line, row[2:]))
        elif row and not row.startswith("#"):
            file = Path(row)
    return faults


def plant(fault):
    """The file's text with the fault, or None if the line is not there once."""
    lines = fault.file.read_text(encoding="utf-8").splitlines()
    at = [number for number, line in enumerate(lines) if line.strip() == fault.line]
    if len(at) != 1:
        return None
    indent = lines[at[0]][:-len(lines[at[0]].lstrip())]
    lines[at[0]] = indent + fault.faulty
    return "\n".join(lines) + "\n"


def _find(options, directory, number, fault):
    """(found, what happened, output) of the replay with one fault."""
    text = plant(fault)
    if text is None:
        return False, f"the line is not in the file once: {fault.line}", ""
    compiler, objects = (options.build / "replay/plain/commands").read_text().splitlines()
    base = directory / f"fault-{number}"
    source, program = base.with_suffix(".c"), base.with_suffix("")
    source.write_text(text, encoding="utf-8")
    made = base.with_suffix(".o")
    original = str(options.build / "replay/plain" / fault.file.with_suffix(".o"))
    rest = [name for name in objects.split() if name != original]
    status, output = run([*compiler.split(), "-c", "-o", str(made), str(source)], COMPILE_TIMEOUT)
    if status == 0:
        status, output = run([compiler.split()[0], "-o", str(program), str(made), *rest],
                             COMPILE_TIMEOUT)
    if status != 0:
        return False, "it does not compile", output
    status, output = run([str(program), *_recordings(options)], REPLAY_TIMEOUT)
    program.unlink()
    return status == DIFFERENT, "found" if status == DIFFERENT else f"status {status}", output


def _faults(report, options):
    """Each planted fault is found, and without one nothing is."""
    program = options.build / "replay" / "plain" / "replay"
    status, output = run([str(program), *_recordings(options)], REPLAY_TIMEOUT)
    report.add("replay without a fault", status == 0, log=output)
    faults = read_faults(FAULTS.read_text(encoding="utf-8"))
    with RunDirectory("faults") as directory, ThreadPoolExecutor(host.WORKERS) as pool:
        results = pool.map(lambda pair: _find(options, directory.path, *pair), enumerate(faults))
        for fault, (found, what, output) in zip(faults, results):
            report.add(f"replay finds in {fault.file}: {fault.faulty}", found, what, output)
    report.add("planted faults", len(faults) >= FAULTS_MIN, f"{len(faults)}")


# ---------------------------------------------------------------- changed exits

def _fuzz(report, options):
    """Exits with changes: no sanitizer's report, no broken rule."""
    folder = options.build / "replay"
    corpus = folder / "corpus"
    corpus.mkdir(exist_ok=True)
    status, output = run([str(folder / "fuzz" / "fuzz_replay"), "-timeout=10", "-rss_limit_mb=1024",
                          f"-max_total_time={options.fuzz_seconds}", f"-max_len={CHANGED_MAX}",
                          f"-artifact_prefix={folder}/fuzz_replay-", str(corpus)],
                         options.fuzz_seconds + 90,
                         dict(os.environ, LINTEL_RECORDINGS=":".join(_recordings(options))))
    runs = re.search(r"Done (\d+) runs", output)
    report.add("fuzz changed exits", status == 0 and runs is not None,
               f"{runs[1]} runs" if runs else "", output)


def replay(report, options):
    """Recorded exits against the handlers, as they were and changed; planted faults are found."""
    if not host.make(report, "build the replay", f"B={options.top}", "replay-programs"):
        return
    for kind in ("gcc", "clang"):
        _replay(report, options, kind)
    _faults(report, options)
    _fuzz(report, options)
