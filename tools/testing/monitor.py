"""The monitor, used like a person does: three guests at once on two CPUs."""
import re
from pathlib import Path

from emulator import lintel, machine, session

from . import host
from .consoles import CPUS, talker

KEY = b"\x1c"
TIMEOUT = 240
PROMPT = r"lintel> $"
ROW = r"^{} +\d+ (\w+) +\d+ (\S+) +\d+M"
FOR_EVER = 10**15  # ticks
TIMER_EXITS = re.compile(r"guest=busy reason=PREEMPTION_TIMER count=(\d+)")
FEW = 100          # while what the guest and the monitor have said is sent
FREE = re.compile(r"in order; (\d+) KiB of memory are free")


class Monitor:
    """Whoever types at a serial port."""

    def __init__(self, report, run, port=session.COM2):
        self.report, self.run, self.port = report, run, port

    def open(self):
        """The key; true if the prompt comes."""
        self.run.send(self.port, KEY)
        return self.run.wait([(self.port, PROMPT)], TIMEOUT).reason == "matched"

    def ask(self, line):
        """What a command answers."""
        before = len(self.run.text(self.port))
        self.run.send(self.port, line.encode() + b"\r")
        self.run.wait([(self.port, rf"{line}\r\n(?:[^\x1b]*\n)?lintel> $")], TIMEOUT)
        answer = self.run.text(self.port)[before:]
        return answer.partition("\n")[2].replace("\r", "")

    def row(self, name):
        """(state, CPUs) of a guest in the list."""
        found = re.search(ROW.format(name), self.ask("list"), re.MULTILINE)
        return found.groups() if found else ("?", "?")

    def becomes(self, name, state):
        """Whether the guest gets into that state soon."""
        return any(self.row(name)[0] == state for _ in range(20))

    def free(self):
        """KiB of memory."""
        found = FREE.search(self.ask("audit"))
        return int(found[1]) if found else -1

    def add(self, what, good, detail=""):
        """A result, with the end of what the port showed."""
        self.report.add(f"monitor: {what}", good, detail, self.run.text(self.port)[-3000:])


def ticks(run):
    """How many lines the guest at COM3 has said."""
    return len(re.findall("# two tick", run.text(session.GUEST_COM3)))


def heard(run, stream, pattern):
    """Whether the stream says so within the time."""
    return run.wait([(stream, pattern)], TIMEOUT).reason == "matched"


def look(monitor):
    """Questions, and lines that are wrong."""
    run = monitor.run
    both = heard(run, session.GUEST, r"# one tick 1\b") and \
        heard(run, session.GUEST_COM3, r"# two tick 1\b")
    monitor.add("opens", both and monitor.open())
    monitor.add("lists the guests", [monitor.row(name)[0] for name in ("one", "two", "three")] ==
                ["runs", "runs", "waits"])
    monitor.add("lists the CPUs", len(re.findall(r"^ +[01] +\d+ +[\d.]+%$", monitor.ask("cpus"),
                                                 re.MULTILINE)) == CPUS)
    monitor.add("helps", all(word in monitor.ask("help") for word in ("pause", "audit", "CPU")))
    monitor.add("says what is wrong", "there is no guest 'four'" in monitor.ask("stop four") and
                "'sta' may be" in monitor.ask("sta two") and
                "does not run" in monitor.ask("pause three"))
    monitor.add("shows exits", "all exits" in monitor.ask("stats two"))
    monitor.add("shows the log", "guest one: 32 MiB" in monitor.ask("log"))


def hold(monitor):
    """A paused guest stands still, and goes on."""
    run = monitor.run
    monitor.ask("pause two")
    monitor.add("pauses", monitor.row("two")[0] == "paused")
    run.wait(timeout=1)
    before = ticks(run)
    run.wait(timeout=3)
    monitor.add("a paused guest stands still", ticks(run) == before, f"{before}, {ticks(run)}")
    run.send(session.GUEST_COM3, b"a")
    monitor.ask("resume two")
    monitor.add("resumes", monitor.row("two")[0] == "runs" and
                heard(run, session.GUEST_COM3, "# two got 61") and
                heard(run, session.GUEST_COM3, "# two tick"))


def move(monitor):
    """A vCPU runs on the CPU that it is told."""
    for cpu in ("0", "1", "0"):
        monitor.ask(f"move two 0 {cpu}")
        there = any(monitor.row("two")[1] == cpu for _ in range(10))
        monitor.add(f"moves a vCPU to CPU {cpu}",
                    there and heard(monitor.run, session.GUEST_COM3, "# two tick"))
    monitor.add("refuses a CPU that there is not", "no CPU 7" in monitor.ask("move two 0 7"))


def live_and_die(monitor):
    """Memory comes back from each life."""
    run = monitor.run
    with_two = monitor.free()
    monitor.ask("start three")
    monitor.add("starts", monitor.becomes("three", "runs"))
    with_three = monitor.free()
    monitor.ask("stop three")
    monitor.add("stops", monitor.becomes("three", "ended") and with_three < monitor.free() == with_two,
                f"{with_two}, {with_three} KiB")
    monitor.ask("start three")
    monitor.add("starts again", monitor.becomes("three", "runs") and monitor.free() == with_three)
    monitor.ask("pause two")
    monitor.ask("reset two")
    monitor.add("resets, even what is paused", monitor.becomes("two", "runs") and
                monitor.free() == with_three and heard(run, session.GUEST_COM3, "# two tick 0"))


def switch(monitor):
    """The guest behind comes to the front, and the other one back."""
    run = monitor.run
    run.send(session.COM2, b"console three\r")
    front = heard(run, session.GUEST, r"# three tick")
    run.send(session.GUEST, b"t")
    monitor.add("switches consoles", front and heard(run, session.GUEST, "# three got 74"))
    monitor.open()
    run.send(session.COM2, b"console one\r")
    run.send(session.GUEST, b"o")
    monitor.add("switches back", heard(run, session.GUEST, "# one got 6f"))
    run.send(session.GUEST, KEY + KEY)
    monitor.add("its key twice is the guest's", heard(run, session.GUEST, "# one got 1c"))


def end(monitor):
    """With the last guest ended, the machine ends when the monitor is left."""
    monitor.open()
    for name in ("two", "three", "one"):
        monitor.ask(f"stop {name}")
        monitor.becomes(name, "ended")
    monitor.add("keeps the machine", monitor.row("one")[0] == "ended" and
                not lintel.EXIT_SEEN.search(monitor.run.text(session.COM1)))
    monitor.run.send(session.COM2, b"leave\r")
    outcome = lintel.wait_for_end(monitor.run, TIMEOUT)
    monitor.add("the machine ends", outcome.status == 0, outcome.text)


def interrupt(report, options):
    """A guest that computes on the only CPU and never exits: the key comes through all the same."""
    busy = lintel.Guest("busy", Path(options.build) / "guest_tests" / "compute.flat", "32M",
                        cmdline=f"ticks={FOR_EVER}", keys={"schedule": "pinned"},
                        switches=("stats",))
    volume = lintel.Volume()
    volume.add(busy)
    with machine.RunDirectory("monitor-busy") as directory:
        image = volume.make_image(directory.path / "lintel.img", Path(options.build))
        target = machine.Machine(image)
        with session.Session(target, directory, console=lintel.GuestConsole()) as run:
            person = Monitor(report, run)
            heard(run, session.GUEST, "# memory")
            run.wait(timeout=2)
            person.add("opens over a guest that computes", person.open())
            person.ask("stop busy")
            person.add("stops a guest that computes", person.becomes("busy", "ended"))
            run.send(session.COM2, b"leave\r")
            outcome = lintel.wait_for_end(run, TIMEOUT)
            log = lintel.strip_controls(run.text(session.COM1))
            timers = TIMER_EXITS.search(log)
            person.add("looks at no port meanwhile", outcome.status == 0 and
                       int(timers[1] if timers else 0) < FEW, timers[0] if timers else outcome.text)


def monitor(report, options):
    """All commands of the monitor, with three guests on two CPUs."""
    if not host.make(report, "build guest tests", f"B={options.top}", "guest-images"):
        return
    interrupt(report, options)
    volume = lintel.Volume(run="together")
    volume.add(talker(options, "one", "com2"))
    volume.add(talker(options, "two", "com3"))
    volume.add(talker(options, "three", "com2"))
    volume.lines.append("start = ask")
    with machine.RunDirectory("monitor") as directory:
        image = volume.make_image(directory.path / "lintel.img", Path(options.build))
        target = machine.Machine(image, cpus=CPUS, serial_ports=3)
        ports = [lintel.GuestConsole(port=port) for port in (session.COM2, session.COM3)]
        with session.Session(target, directory, console=ports) as run:
            person = Monitor(report, run)
            for part in (look, hold, move, live_and_die, switch, end):
                part(person)
