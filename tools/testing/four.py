"""Four different guests at once, with more vCPUs than the machine has CPUs: two Linux guests that
compute what is known (tools/guest_init/check_work.c), memtest86+, and one that does in turn what
harms others (guest_tests/t_hog.c).  None is bound to a CPU.  The control partition's shell is asked again and
again what time each vCPU had; in each window each of the three must have got what is due, and so
must each of its vCPUs in all."""
import re
from dataclasses import dataclass
from itertools import zip_longest

from emulator import lintel, machine, session

from . import host
from .hostile import ALONE, BOTH
from .machines import (AUDIT_LINE, BY_LINTEL, CHECK_LINE, COUNTERS, DEBUG_EXIT_PORT, judge_dmesg, judge_memory,
                       logs)
from .shell import Shell

CPUS = 2
VCPUS = 2            # of each guest
MODE_TICKS = 80_000_000  # of each of the hog's modes: all of them in TICKS
TICKS, SOAK_TICKS = 2_000_000_000, 20_000_000_000
WINDOW = 150_000_000  # ticks at least: a turn that somebody waits for is counted when it begins
PAUSE = 2            # seconds between two questions
TIMEOUT = 1500       # seconds: until all four run, and until they have ended
DUE = CPUS / (4 * VCPUS)  # of a CPU, for each vCPU: there are 8, all of one weight, whoever sleeps
LEAST = 0.95 * DUE
KERNEL = ("console=ttyS0 quiet mitigations=off cryptomgr.notests rodata=off lintel.work "
          f"lintel.cpus={VCPUS}")
LINUX_IMAGE, MEMTEST_IMAGE = "cloud/vmlinuz", "memtest86+/memtest86+x64.bin"
MODES = ALONE + BOTH
LINUX = {"linux1": session.GUEST_COM3, "linux2": session.GUEST_COM4}
VICTIMS = (*LINUX, "memtest")
# Of themselves, if nobody stops them.
ENDS = {"linux1": "poweroff", "linux2": "poweroff", "memtest": "reboot", "hog": "debug-exit"}
ESCAPE = b"\x1b"     # memtest86+ restarts the machine

WORK = re.compile(r"^LINTEL-WORK rounds=([\d,]+) wrong=(\d+)\r?$", re.MULTILINE)
STATUS = re.compile(r"#(\d+)  \[.*?Pass: +(\d+) .*?Errors: +(\d+)", re.DOTALL)
COMPLAINT = re.compile(r"^\[ *[\d.]+\] (?:warning|error): .*$", re.MULTILINE)


@dataclass
class Times:
    """Ticks of a vCPU's life until a question."""
    total: int
    asleep: int
    waited: int
    slices: int = 0  # of all of its guest's: that were over
    given: int = 0   # that were given away


def guests(options):
    """The four, the hog behind memtest86+ at COM2."""
    linux, memtest = options.guests / LINUX_IMAGE, options.guests / MEMTEST_IMAGE
    words = f"modes={','.join(MODES)} each={MODE_TICKS} ticks={10 * SOAK_TICKS}"
    return [*(lintel.Guest(name, linux, "96M", options.build / "initramfs-test.gz", KERNEL,
                           vcpus=VCPUS, console=f"com{number}", keys=BY_LINTEL)
              for number, name in enumerate(LINUX, start=3)),
            lintel.Guest("memtest", memtest, "6M", cmdline="console=ttyS0", vcpus=VCPUS,
                         on_reboot="end", console="com2"),
            lintel.Guest("hog", options.build / "guest_tests" / "hog.flat", "16M", cmdline=words,
                         vcpus=VCPUS, debug_exit=DEBUG_EXIT_PORT, switches=("touch",),
                         console="com2")]


# ---------------------------------------------------------------- while they run

def times(name, facts):
    """(guest, vCPU) -> Times, out of the answer of `stats NAME`."""
    # Why a vCPU has lost its CPU: its slice was over, or it gave the rest of it away in a loop of PAUSE.
    left = {row["exit"]: row["count"] for row in facts.get("exits", [])}
    return {(name, int(row["vcpu"])): Times(row["ticks"], row["asleep"], row["waiting"],
                                            left.get("PREEMPTION_TIMER", 0), left.get("PAUSE", 0))
            for row in facts.get("vcpus", []) if row["vcpu"] != "all"}


def ask(shell):
    """(guest, vCPU) -> Times."""
    found = {}
    shell.call()
    for name in VICTIMS:
        found.update(times(name, shell.ask_json(f"stats {name}")))
    shell.run.send(shell.port, b"leave\r")
    shell.run.wait([(shell.port, "LINTEL-CONSOLE log")], TIMEOUT)
    return found


def age(sample):
    """Ticks since the first guest's start."""
    return max((times.total for times in sample.values()), default=0)


def watch(run, ticks):
    """Samples, WINDOW apart or more, for as many ticks."""
    shell = Shell(None, run, session.COM1)
    samples = [ask(shell)]
    while age(samples[-1]) - age(samples[0]) < ticks:
        if run.wait(timeout=PAUSE).reason == "exit":
            break
        sample = ask(shell)
        if age(sample) - age(samples[-1]) >= WINDOW:
            samples.append(sample)
    return samples


def all_run(report, run):
    """Whether each of the victims is at its work."""
    signs = {"memtest": (session.GUEST, r"Errors: +0"),
             **{name: (stream, r"^LINTEL-WORK ") for name, stream in LINUX.items()}}
    good = True
    for name, sign in signs.items():
        ended = run.wait([sign], TIMEOUT)
        good &= report.add(f"four guests: {name} works", ended.reason == "matched", ended.reason,
                           logs(run))
    return good


def end(run, stopped):
    """Each guest ends in its way, or is stopped; the hog has the port once memtest86+ is gone."""
    for stream in LINUX.values():
        run.send(stream, b"x")
    if "memtest" not in stopped:
        run.send(session.GUEST, ESCAPE)
    for _ in range(len(ENDS) - len(stopped)):  # in whatever order
        run.wait([(session.COM1, r"^LINTEL-GUEST name=\S+ end=")], TIMEOUT)
    shell = Shell(None, run, session.COM1)
    shell.call()
    for name in stopped:
        if name == "hog":
            run.wait([(session.GUEST, r"^# \w+ at ")], TIMEOUT)
        shell.ask(f"destroy {name}")
    run.send(session.COM1, b"leave\r")
    return lintel.wait_for_end(run, TIMEOUT)


# ---------------------------------------------------------------- what is to be seen

def windows(samples):
    """(guest, vCPU) -> in each window: ticks in which it wanted a CPU, and in which it had one.  A
    window most of which it slept says nothing, nor one in which its guest gave away more of its
    slices than it used, as memtest86+ does where it waits for minutes: None."""
    found = {key: [] for key in samples[0]}
    for before, after in zip(samples, samples[1:]):
        for key, start in before.items():
            if key not in after:
                continue
            total = after[key].total - start.total
            wanted = total - (after[key].asleep - start.asleep)
            had = wanted - (after[key].waited - start.waited)
            used = after[key].slices - start.slices >= after[key].given - start.given
            found[key].append((wanted, had) if used and 2 * wanted > total else None)
    return found


def share(parts):
    """Of all these ticks; None if they say nothing."""
    parts = list(filter(None, parts))
    wanted = sum(part[0] for part in parts)
    return sum(part[1] for part in parts) / wanted if wanted else None


def judge_shares(report, samples, ticks):
    """Each guest in each window; and each of its vCPUs, which may wait longer for a while where more
    of them are on one CPU than on the other, in all."""
    ran = age(samples[-1]) - age(samples[0])
    report.add("four guests: run at once", ran >= ticks, f"for {ran} ticks")
    found = windows(samples)
    for name in VICTIMS:
        vcpus = [found.get((name, vcpu), []) for vcpu in range(VCPUS)]
        got = [one for one in map(share, zip_longest(*vcpus)) if one is not None]
        # memtest86+ does some of its tests with its first processor alone, and in one of them
        # it waits for minutes.
        enough = len(got) >= (len(samples) - 1 if name in LINUX else 2)
        report.add(f"four guests: share of {name}", enough and min(got) >= LEAST,
                   f"{min(got, default=0):.3f} to {max(got, default=0):.3f} in {len(got)} "
                   f"windows, due {DUE:.3f}")
        for vcpu, parts in enumerate(vcpus):
            total = share(parts) or 0
            each = [share([part]) for part in parts if part]
            report.add(f"four guests: share of {name}, vCPU {vcpu}", total >= LEAST,
                       f"{total:.3f} in all, {min(each, default=0):.3f} to "
                       f"{max(each, default=0):.3f}, due {DUE:.3f}")


def judge_linux(report, name, text):
    """Its sums are right all along, and it got on."""
    lines = [([int(rounds) for rounds in counts.split(",")], int(wrong))
             for counts, wrong in WORK.findall(text)]
    rounds = [after - before for before, after in zip(lines[0][0], lines[-1][0])] if lines else []
    report.add(f"{name}: its sums are right", len(lines) > 2 and len(rounds) == VCPUS and
               min(rounds) > 0 and not any(wrong for _, wrong in lines), f"rounds {rounds}", text)
    for failed, what in CHECK_LINE.findall(text):
        report.add(f"{name}: {what}", not failed, log=text)
    report.add(f"{name}: LINTEL-GUEST-OK", "LINTEL-GUEST-OK" in text, log=text)
    judge_dmesg(report, name, text)


def judge_memtest(report, text):
    """No error in any of the states that it showed, and it got on."""
    seen = [tuple(map(int, state)) for state in STATUS.findall(lintel.strip_controls(text))]
    tests = sorted({(done, test) for test, done, _ in seen})
    report.add("memtest86+: no errors", len(seen) > 2 and not any(errors for *_, errors in seen),
               f"{len(seen)} states", text)
    report.add("memtest86+: gets on", len(tests) > 2,
               f"passes {tests[-1][0]}, tests {len(tests)}" if tests else "", text)


def judge(report, run, outcome, stopped):
    """How all ended."""
    log = lintel.strip_controls(run.text(session.COM1))
    for name, stream in LINUX.items():
        judge_linux(report, name, run.text(stream))
    judge_memtest(report, run.text(session.GUEST))
    did = set(re.findall(r"^# (\w+) at \d+", run.text(session.GUEST), re.MULTILINE))
    report.add("four guests: the hog did all", did >= set(MODES), " ".join(set(MODES) - did))
    ended = {name: how for name, how, _ in lintel.GUEST_LINE.findall(log)}
    report.add("four guests: end as they should",
               ended == {**ENDS, **dict.fromkeys(stopped, "killed")}, f"{ended}", log)
    wrong = [text for text in COUNTERS.findall(log) if text != "ok"]
    report.add("four guests: counters", not wrong, "; ".join(wrong), log)
    audits = len(AUDIT_LINE.findall(log))
    report.add("four guests: audits", audits == 2 * (len(ENDS) + 1) + 1, f"{audits}", log)
    strange = COMPLAINT.findall(log)
    report.add("four guests: Lintel warns of nothing", not strange, "; ".join(strange))
    judge_memory(report, "four guests", log, control=True)
    report.add("four guests: the machine ends", outcome.status not in
               (lintel.PANIC_STATUS, lintel.TIMEOUT_STATUS), outcome.text, logs(run))


def four(report, options, ticks=TICKS, stopped=("hog",)):
    """Linux twice, memtest86+ and a hostile guest at once."""
    files = [str(options.guests / name) for name in (LINUX_IMAGE, MEMTEST_IMAGE)]
    if not host.make(report, "guests and test guests", f"B={options.top}", "guests",
                     "guest-images", *files):
        return
    volume = lintel.Volume(run="together")
    volume.add_control(options.build / "control.elf")
    for one in guests(options):
        volume.add(one)
    with machine.RunDirectory("four") as directory:
        image = volume.make_image(directory.path / "lintel.img", options.build)
        target = machine.Machine(image, cpus=CPUS, serial_ports=4)
        consoles = [lintel.GuestConsole(port=port)
                    for port in (session.COM2, session.COM3, session.COM4)]
        with session.Session(target, directory, console=consoles) as run:
            if all_run(report, run):
                judge_shares(report, watch(run, ticks), ticks)
                judge(report, run, end(run, stopped), stopped)


def soak(report, options):
    """The four for ten times as long."""
    # Then memtest86+ is in the test in which it waits for minutes, and hears no key.
    four(report, options, SOAK_TICKS, ("memtest", "hog"))
