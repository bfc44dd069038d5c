"""Guests that run together: those that mean harm (guest_tests/t_hog.c) do none to the others
(t_victim.c), and each gets what its keys say."""
import re
from dataclasses import dataclass

from emulator import lintel, machine, session

from . import host
from .machines import AUDIT_LINE, COUNTERS, DEBUG_EXIT_PORT, logs

TIMEOUT = 1500
SLICE = 250_000  # ticks: 5 ms
WINDOW = 10_000_000       # 20 turns of each of two
LONG_WINDOW = 50_000_000
START = 40_000_000        # all have been made by then
EACH = 12_000_000         # of a hog's mode
SHARE_OF_2, SHARE_OF_3 = 475, 316  # thousandths: 95 % of what is due
SHARE_OF_CAP = 194
REAL_TIME = 12_000
MEMORY_LINE = re.compile(r"^LINTEL-MEMORY free=(\d+) of=(\d+) lintel=(\d+) of=(\d+) vpids=(\d+) "
                         r"queued=(\d+) looks=(\d+) losses=(\d+)\r?$", re.MULTILINE)
COST_LINE = re.compile(r"^LINTEL-GUEST-COST name=\S+ bytes=(\d+) ticks=\d+\r?$", re.MULTILINE)
COST_MAX = 300 << 10
EXPIRED = 124
MANY = 100
TIMES = re.compile(r"^LINTEL-TIMES guest=(\S+) total=(\d+) lintel=\d+ waiting=(\d+) guest=\d+ "
                   r"stolen=(\d+) vcpu=(\d+)\r?$", re.MULTILINE)
STATS = re.compile(r"^LINTEL-STATS guest=(\S+) reason=(\S+) count=(\d+) ", re.MULTILINE)
SAID = re.compile(r"^# [^\r\n]*", re.MULTILINE)

# What t_hog.c's second processor does; with the second list, its first one is awake, too.
ALONE = ("cpuid", "port", "outs", "mmio", "msr", "vmcall", "xsetbv", "cr", "touch", "reset", "spin",
         "cli", "pause", "page", "db", "ac", "nmi", "init", "timer", "periodic", "hlt")
BOTH = ("ipi", "pit")


@dataclass
class Scenario:
    """Guests that run at once, and what is to be seen afterwards."""
    name: str
    guests: list
    cpus: int = 1
    run: str = "together"  # or one-by-one


def guest(options, image, name, keys=None, **words):
    """A guest with `words` on its command line and `keys` in its section."""
    keys = dict(keys or {})
    return lintel.Guest(name, options.build / "guest_tests" / f"{image}.flat",
                        keys.pop("memory", "8M"), vcpus=keys.pop("vcpus", 1),
                        cmdline=" ".join(f"{key}={value}" for key, value in words.items()),
                        debug_exit=DEBUG_EXIT_PORT, switches=("stats", *keys.pop("on", ())),
                        keys=keys)


def victim(options, name, keys=None, **words):
    return guest(options, "victim", name, keys, **words)


def hog(options, name, modes, keys=None, **words):
    return guest(options, "hog", name, {"memory": "32M", "vcpus": 2, "on": ("touch",), **(keys or {})},
                 modes=",".join(modes), **words)


def shares(log):
    """(guest, vCPU) -> the part of a processor that it had while it wanted one."""
    found = {}
    for name, total, waiting, stolen, vcpu in TIMES.findall(log):
        wanted = int(total) - int(waiting)
        found[name, int(vcpu)] = (wanted - int(stolen)) / wanted if wanted else 0
    return found


def judge_pinned(report, log):
    """A guest that computes on a CPU of its own exits for nothing but its timer."""
    counts = {reason: int(count) for name, reason, count in STATS.findall(log) if name == "pinned"}
    timers = counts.get("WRMSR", 0)
    report.add("pinned: no exits but its timer's", timers > 100 and
               not set(counts) & {"EXTERNAL_INTERRUPT", "INTERRUPT_WINDOW", "EOI_INDUCED"} and
               counts.get("HLT", 0) <= 1 and
               counts.get("PREEMPTION_TIMER", 0) <= timers + 3 and
               counts.get("EXCEPTION_OR_NMI", 0) <= 2,
               " ".join(f"{reason}:{count}" for reason, count in counts.items()), log)


def judge_memory(report, name, log):
    """Frames, VPIDs and places on queues have come back, each time that no guest lived and at the
    end; returns how often no guest lived."""
    found = MEMORY_LINE.search(log)
    report.add(f"{name}: all memory comes back", bool(found) and found[1] == found[2] and
               found[3] == found[4] and found[5] == found[6] == found[8] == "0" and found[7] != "0",
               found[0].strip() if found else "", log)
    return int(found[7]) if found else 0


def judge(report, scenario, run, outcome):
    """All that has to hold in every scenario."""
    log = lintel.strip_controls(run.text(session.COM1))
    said = "; ".join(SAID.findall(run.text(session.GUEST))[-3:])
    ended = {name: (end, int(status)) for name, end, status in lintel.GUEST_LINE.findall(log)}
    had = shares(log)
    for one in scenario.guests:
        got = ended.get(one.name, ("missing", -1))
        report.add(f"{scenario.name}: {one.name}", got == ("debug-exit", 0),
                   f"{got[0]} {got[1]}, share {had.get((one.name, 0), 0):.3f}", logs(run))
    if any(one.name == "pinned" for one in scenario.guests):
        judge_pinned(report, log)
    wrong = [text for text in COUNTERS.findall(log) if text != "ok"]
    report.add(f"{scenario.name}: counters", not wrong, "; ".join(wrong), log)
    audits = len(AUDIT_LINE.findall(log))
    report.add(f"{scenario.name}: audits", audits == 2 * len(scenario.guests) + 1, f"{audits}", log)
    judge_memory(report, scenario.name, log)
    report.add(f"{scenario.name}: ends", outcome.status in (0, 1), outcome.text + "; " + said,
               logs(run))


def boot(report, options, scenario, judge_it=judge, log_level="info"):
    """One boot of a scenario."""
    volume = lintel.Volume(log_level, run=scenario.run)
    for one in scenario.guests:
        volume.add(one)
    with machine.RunDirectory("together") as directory:
        image = volume.make_image(directory.path / "lintel.img", options.build)
        target = machine.Machine(image, cpus=scenario.cpus)
        with session.Session(target, directory, console=lintel.GuestConsole()) as run:
            judge_it(report, scenario, run, lintel.wait_for_end(run, TIMEOUT))


# ---------------------------------------------------------------- scenarios

def with_one_hog(options, name, modes, each, share, late):
    """A victim and, one after another, all that a hog can do, on one CPU."""
    ticks = each * len(modes)
    return Scenario(name, [
        hog(options, "hog", modes, ticks=ticks + 2 * WINDOW, each=each),
        victim(options, "victim", ticks=ticks, window=WINDOW, share=share, late=late)])


def on_two_cpus(options, ticks):
    """A pair on each of two CPUs, and the hogs do different things at a time."""
    modes = ALONE + BOTH
    each = ticks // len(modes)
    return Scenario("two hogs and two victims on 2 CPUs", [
        *(hog(options, f"hog{n}", modes[n * 5:] + modes[:n * 5],
              {"memory": "16M", "cpu": n}, ticks=ticks + 2 * START + WINDOW, each=each) for n in (0, 1)),
        *(victim(options, f"victim{n}", {"cpu": n}, ticks=ticks, window=WINDOW, share=SHARE_OF_3,
                 late=3 * SLICE, start=START, linger=START) for n in (0, 1))], cpus=2)


def weights(options):
    """100 to 300, held within 2 %: neither gets less than that, so neither gets more."""
    words = {"ticks": 3 * LONG_WINDOW, "window": LONG_WINDOW, "start": START, "linger": START}
    return Scenario("weights 100 to 300", [
        victim(options, "light", {"weight": 100}, share=245, **words),
        victim(options, "heavy", {"weight": 300}, share=735, **words)])


def caps(options):
    """A cap of 20 % beside nobody who wants the rest; what a guest sleeps does not count."""
    return Scenario("a cap of 20 %", [
        victim(options, "sleeper", {"cap": 20, "cpu": 0}, ticks=LONG_WINDOW, window=WINDOW, rest=1,
               late=REAL_TIME),
        victim(options, "capped", {"cap": 20, "cpu": 1}, ticks=2 * LONG_WINDOW, window=LONG_WINDOW,
               share=SHARE_OF_CAP, most=204)], cpus=2)


def pinned(options):
    """A processor of its own, while a hog does its worst on the other one."""
    modes = ("cpuid", "ipi", "pit", "cli")
    ticks = 2 * WINDOW * len(modes)
    return Scenario("a guest on a CPU of its own", [
        hog(options, "hog", modes, {"cpu": 0}, ticks=ticks + 2 * START, each=2 * WINDOW),
        victim(options, "pinned", {"schedule": "pinned", "cpu": 1}, ticks=ticks, window=WINDOW,
               share=970, late=REAL_TIME, start=START)], cpus=2)


def priorities(options):
    """A guest that sleeps, wakes up, and is above all that hogs do."""
    modes = ALONE
    ticks = WINDOW * len(modes)
    return Scenario("a guest of a higher priority", [
        hog(options, "hog", modes, ticks=ticks + 2 * WINDOW, each=WINDOW),
        victim(options, "first", {"priority": 6}, ticks=ticks, window=WINDOW, rest=1, late=REAL_TIME)])


# ---------------------------------------------------------------- small ones

def small(options, name, keys=None, **words):
    """guest_tests/t_small.c, without a console and with no lines about it but its end."""
    one = guest(options, "small", name, {"memory": "4M", **(keys or {})}, **words)
    one.console, one.switches = "none", ()
    return one


def many(report, options):
    """As many guests at a time as a machine may want."""
    guests = [small(options, f"small{n}", rounds=20) for n in range(MANY)]

    def judge_many(report, scenario, run, outcome):
        log = lintel.strip_controls(run.text(session.COM1))
        ends = [end for _, end, status in lintel.GUEST_LINE.findall(log) if status == "0"]
        report.add(f"{scenario.name}: all end well", ends == ["debug-exit"] * MANY, f"{len(ends)}",
                   logs(run))
        costs = [int(cost) for cost in COST_LINE.findall(log)]
        report.add(f"{scenario.name}: Lintel's memory for each", len(costs) == MANY and
                   max(costs) <= COST_MAX, f"{max(costs, default=0)} bytes", log)
        judge_memory(report, scenario.name, log)
        report.add(f"{scenario.name}: ends", outcome.status == 0, outcome.text, logs(run))

    boot(report, options, Scenario(f"{MANY} guests", guests, cpus=2), judge_many, "warning")


SCENARIOS = (
    lambda o: with_one_hog(o, "one hog", ALONE, EACH, SHARE_OF_2, 2 * SLICE),
    lambda o: with_one_hog(o, "one hog with two vCPUs", BOTH, EACH, SHARE_OF_3, 3 * SLICE),
    lambda o: on_two_cpus(o, 10 * WINDOW),
    weights, caps, pinned, priorities,
)


def together(report, options):
    """Several guests at once, some of them hostile."""
    if not host.make(report, "build guest tests", f"B={options.top}", "guest-images"):
        return
    for scenario in SCENARIOS:
        boot(report, options, scenario(options))
    many(report, options)
