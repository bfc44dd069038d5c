"""Guests that run together: those that mean harm (guest_tests/t_hog.c) do none to the others
(t_victim.c), and each gets what its keys say."""
import re
from dataclasses import dataclass
from functools import partial

from emulator import lintel, machine, session

from . import four, host
from .hostile import ALONE, BOTH
from .machines import AUDIT_LINE, COUNTERS, DEBUG_EXIT_PORT, judge_memory, logs
from .report import side_by_side

TIMEOUT = 1500
ONE_CONSOLE = (session.COM2,)  # for many guests, and where ports cost the boot CPU time that counts
SLICE = 250_000  # ticks: 5 ms
WINDOW = 10_000_000       # 20 turns of each of two
LONG_WINDOW = 50_000_000
START = 40_000_000        # all have been made by then
EACH = 12_000_000         # of a hog's mode
SHARE_OF_2 = 475          # thousandths: 95 % of what is due
LATE = SLICE + 50_000     # a timer, while another one has its turn, be it a storm of exits
SHARE_OF_CAP = 195       # of 200; 196 are seen: a victim does not count its own overhead
# A timer of a higher priority: 2,000 ticks until the host's timer breaks a storm of exits, an exit
# that is under way (5,600: INIT), the change of vCPUs, the handler.  12,316 were seen.
REAL_TIME = 12_500
COST_LINE = re.compile(r"^LINTEL-GUEST-COST name=\S+ bytes=(\d+) ticks=\d+\r?$", re.MULTILINE)
COST_MAX = 300 << 10
EXPIRED = 124
MANY = 100
TIMES = re.compile(r"^LINTEL-TIMES guest=(\S+) total=(\d+) lintel=\d+ waiting=(\d+) guest=\d+ "
                   r"stolen=(\d+) vcpu=(\d+)\r?$", re.MULTILINE)
STATS = re.compile(r"^LINTEL-STATS guest=(\S+) reason=(\S+) count=(\d+) ", re.MULTILINE)
MEASURED = re.compile(r"^# passes \d+, (share \d+ to \d+), .*; (the latest timer: \d+) at",
                      re.MULTILINE)


@dataclass
class Scenario:
    """Guests that run at once, and what is to be seen afterwards."""
    name: str
    guests: list
    cpus: int = 1
    consoles: tuple = (session.COM2, session.COM3, session.COM4)  # the guests', in turns
    run: str = "together"  # or one-by-one
    control: bool = False  # with a control partition


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


def said_by(run, name):
    """What a guest wrote on its console while it was the one that the port shows."""
    texts = (console.text_of(name, run.streams[session.GUEST_AT[port]].text)
             for port, console in run.consoles.items())
    return b"".join(texts).decode("ascii", "replace")


def not_done(one, said):
    """The modes of a hog that it did not come to."""
    words = dict(word.partition("=")[::2] for word in one.cmdline.split())
    wanted = words["modes"].split(",") if "modes" in words else []
    return [mode for mode in wanted if not re.search(rf"^# {mode} at \d+", said, re.MULTILINE)]


def judge(report, scenario, run, outcome):
    """All that has to hold in every scenario."""
    log = lintel.strip_controls(run.text(session.COM1))
    ended = {name: (end, int(status)) for name, end, status in lintel.GUEST_LINE.findall(log)}
    had = shares(log)
    for one in scenario.guests:
        got, said = ended.get(one.name, ("missing", -1)), said_by(run, one.name)
        missed = not_done(one, said)
        report.add(f"{scenario.name}: {one.name}", got == ("debug-exit", 0) and not missed,
                   " ".join(("without", *missed, "")) * bool(missed) + f"{got[0]} {got[1]}, "
                   f"{had.get((one.name, 0), 0):.3f} of all its time" +
                   "".join(f", {share}, {timer}" for share, timer in MEASURED.findall(said)),
                   said + logs(run))
    if any(one.name == "pinned" for one in scenario.guests):
        judge_pinned(report, log)
    wrong = [text for text in COUNTERS.findall(log) if text != "ok"]
    report.add(f"{scenario.name}: counters", not wrong, "; ".join(wrong), log)
    audits = len(AUDIT_LINE.findall(log))
    report.add(f"{scenario.name}: audits", audits == 2 * (len(scenario.guests) + scenario.control) + 1,
               f"{audits}", log)
    judge_memory(report, scenario.name, log)
    report.add(f"{scenario.name}: ends", outcome.status in (0, 1), outcome.text, logs(run))


def boot(report, options, scenario, judge_it=judge, log_level="info"):
    """One boot of a scenario."""
    volume = lintel.Volume(log_level, run=scenario.run)
    if scenario.control:
        volume.add_control(options.build / "control.elf")
    for number, one in enumerate(scenario.guests):
        if one.console != "none":
            one.console = f"com{2 + number % len(scenario.consoles)}"
        volume.add(one)
    with machine.RunDirectory("together") as directory:
        image = volume.make_image(directory.path / "lintel.img", options.build)
        target = machine.Machine(image, cpus=scenario.cpus, serial_ports=1 + len(scenario.consoles))
        consoles = [lintel.GuestConsole(port=port) for port in scenario.consoles]
        with session.Session(target, directory, console=consoles) as run:
            judge_it(report, scenario, run, lintel.wait_for_end(run, TIMEOUT))


# ---------------------------------------------------------------- scenarios

def with_one_hog(options, name, modes, each):
    """A victim and, one after another, all that a hog can do, on one CPU.  Half of it is the
    victim's, also where both vCPUs of the hog are awake: interrupts are all that one does."""
    ticks = each * len(modes)
    return Scenario(name, [
        hog(options, "hog", modes, ticks=ticks + 2 * WINDOW, each=each),
        victim(options, "victim", ticks=ticks, window=WINDOW, share=SHARE_OF_2, late=LATE)])


def on_two_cpus(options, ticks):
    """A pair on each of two CPUs, and the hogs do different things at a time."""
    modes = ALONE + BOTH
    each = ticks // len(modes)
    return Scenario("two hogs and two victims on 2 CPUs", [
        *(hog(options, f"hog{n}", modes[n * 5:] + modes[:n * 5],
              {"memory": "16M", "cpu": n}, ticks=ticks + 2 * START + WINDOW, each=each) for n in (0, 1)),
        *(victim(options, f"victim{n}", {"cpu": n}, ticks=ticks, window=WINDOW, share=SHARE_OF_2,
                 late=LATE, start=START, linger=START) for n in (0, 1))], cpus=2)


def weights(options):
    """100 to 300, held within 2 %: neither gets less than that, so neither gets more.  A window that
    begins with the end of a turn and ends before the next one has one less: a quarter of a percent
    of it, at most."""
    window = 2 * LONG_WINDOW
    words = {"ticks": 2 * window, "window": window, "start": START, "linger": START}
    return Scenario("weights 100 to 300", [
        victim(options, "light", {"weight": 100}, share=245, **words),
        victim(options, "heavy", {"weight": 300}, share=735, **words)])


def caps(options):
    """A cap of 20 % beside nobody who wants the rest; what a guest sleeps does not count."""
    return Scenario("a cap of 20 %", [
        victim(options, "sleeper", {"cap": 20, "cpu": 0}, ticks=LONG_WINDOW, window=WINDOW, rest=1,
               late=2000),
        victim(options, "capped", {"cap": 20, "cpu": 1}, ticks=2 * LONG_WINDOW, window=LONG_WINDOW,
               share=SHARE_OF_CAP, most=204)], cpus=2, consoles=ONE_CONSOLE)


def pinned(options):
    """A processor of its own, while a hog does its worst on the other one."""
    modes = ("cpuid", "ipi", "pit", "cli")
    ticks = 2 * WINDOW * len(modes)
    return Scenario("a guest on a CPU of its own", [
        victim(options, "pinned", {"schedule": "pinned", "cpu": 1}, ticks=ticks, window=WINDOW,
               share=990, late=1000, start=START),
        hog(options, "hog", modes, {"cpu": 0}, ticks=ticks + 2 * START, each=2 * WINDOW)],
                    cpus=2, consoles=ONE_CONSOLE)


def priorities(options):
    """A guest that sleeps, wakes up, and is above all that hogs do."""
    modes = ALONE
    ticks = WINDOW * len(modes)
    return Scenario("a guest of a higher priority", [
        victim(options, "first", {"priority": 6}, ticks=ticks, window=WINDOW, rest=1,
               late=REAL_TIME),
        hog(options, "hog", modes, ticks=ticks + 2 * WINDOW, each=WINDOW)], consoles=ONE_CONSOLE)


def spread(options):
    """Four that compute on two CPUs, which begin as three and one: each gets half of a CPU.  Those
    that sleep are what the fourth one is placed by.  Until the third one goes, a timer may wait for
    the turns of two others."""
    words = {"ticks": 8 * WINDOW, "window": 2 * WINDOW, "start": START, "linger": START}
    return Scenario("four that compute on 2 CPUs", [
        *(victim(options, f"sleeper{n}", {"cpu": 1}, rest=1, **words) for n in range(2)),
        *(victim(options, f"victim{n}", share=SHARE_OF_2, late=2 * SLICE, **words)
          for n in range(4))], cpus=2)


def nmis(options):
    """One whose processors wait for NMIs in HLT, beside one that is in its NMI handler most of the
    time: what blocks NMIs for the one does not for the other."""
    ticks = 16 * WINDOW
    return Scenario("NMIs in two guests", [
        guest(options, "wakes", "woken", {"memory": "32M", "vcpus": 2}, rounds=200, work=SLICE),
        hog(options, "hog", ("nmi",), ticks=ticks, each=ticks)])


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

    boot(report, options, Scenario(f"{MANY} guests", guests, 2, ONE_CONSOLE), judge_many,
         "warning")


SCENARIOS = (
    lambda o: with_one_hog(o, "one hog", ALONE, EACH),
    lambda o: with_one_hog(o, "one hog with two vCPUs", BOTH, EACH),
    lambda o: on_two_cpus(o, 10 * WINDOW),
    spread, weights, caps, pinned, priorities, nmis,
)


def together(report, options):
    """Several guests at once, some of them hostile."""
    if not host.make(report, "build guest tests", f"B={options.top}", "guest-images"):
        return
    side_by_side(report, [
        lambda part: four.four(part, options),
        *(partial(boot, options=options, scenario=scenario(options)) for scenario in SCENARIOS),
        lambda part: many(part, options)])
