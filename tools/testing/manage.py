"""The shell as whoever looks after guests uses it: three guests and the control partition on two CPUs."""
import re
from pathlib import Path

from emulator import lintel, machine, session

from . import host
from .consoles import CPUS, heard, talker
from .shell import KEY, Shell, TIMEOUT, becomes, visit

FOR_EVER = 10**15  # ticks
TIMER_EXITS = re.compile(r"guest=busy reason=PREEMPTION_TIMER count=(\d+)")
FEW = 100          # while what the guest and the shell have said is sent
FREE = re.compile(r"(\d+) KiB of memory are free")


def ticks(run):
    """How many lines the guest at COM3 has said."""
    return len(re.findall("# two tick", run.text(session.GUEST_COM3)))


def free(shell):
    """KiB of memory."""
    found = FREE.search(shell.ask("audit"))
    return int(found[1]) if found else -1


def cpu_of(shell, name):
    """Where a guest's first vCPU is."""
    found = re.search(rf"^{name} +\d+ \w+ +\d+ (\d+)", shell.ask("list"), re.MULTILINE)
    return found[1] if found else "?"


def come(shell):
    """Over a guest, by its key."""
    run = shell.run
    both = heard(run, session.GUEST, r"# one tick 1\b") and \
        heard(run, session.GUEST_COM3, r"# two tick 1\b")
    shell.add("comes by its key", both and shell.call())
    shell.add("lists the CPUs", len(re.findall(r"^ *[01] +\d+ +[\d.]+% +\d+$", shell.ask("cpus"), re.MULTILINE)) == CPUS)


def hold(shell):
    """A paused guest stands still, and goes on."""
    run = shell.run
    shell.ask("pause two")
    shell.add("pauses", becomes(shell, "two", "paused"))
    run.wait(timeout=1)
    before = ticks(run)
    run.wait(timeout=3)
    shell.add("a paused guest stands still", ticks(run) == before, f"{before}, {ticks(run)}")
    run.send(session.GUEST_COM3, b"a")
    shell.ask("resume two")
    shell.add("resumes", becomes(shell, "two", "runs") and
              heard(run, session.GUEST_COM3, "# two got 61") and
              heard(run, session.GUEST_COM3, "# two tick"))


def move(shell):
    """A vCPU runs on the CPU that it is told."""
    for cpu in ("0", "1", "0"):
        shell.ask(f"move two --cpu {cpu}")
        there = any(cpu_of(shell, "two") == cpu for _ in range(10))
        shell.add(f"moves a vCPU to CPU {cpu}",
                  there and heard(shell.run, session.GUEST_COM3, "# two tick"))


def live_and_die(shell):
    """Memory comes back from each life."""
    run = shell.run
    with_two = free(shell)
    shell.ask("start three")
    shell.add("starts", becomes(shell, "three", "runs"))
    with_three = free(shell)
    shell.ask("destroy three")
    shell.add("destroys", becomes(shell, "three", "ended") and with_three < free(shell) == with_two,
              f"{with_two}, {with_three} KiB")
    shell.ask("start three")
    shell.add("starts again", becomes(shell, "three", "runs") and free(shell) == with_three)
    shell.ask("pause two")
    shell.ask("reset two")
    shell.add("resets, even what is paused", becomes(shell, "two", "runs") and
              free(shell) == with_three and heard(run, session.GUEST_COM3, "# two tick 0"))


def switch(shell):
    """The guest behind comes to the front, and the other one back; the shell leads back to where it came."""
    run = shell.run
    shell.add("switches consoles", visit(shell, b"console three\r", b"t", "# three got 74", "three"))
    shell.call()
    shell.add("leads back by its key", visit(shell, KEY, b"u", "# three got 75", "three"))
    shell.call()
    shell.add("switches back", visit(shell, b"console one\r", b"o", "# one got 6f", "one"))
    run.wait(timeout=1)
    run.send(session.GUEST, KEY + KEY)
    shell.add("its key twice is the guest's", heard(run, session.GUEST, "# one got 1c"))


def end(shell):
    """With the last guest ended, the machine ends when the shell is left; COM1 has all of the log."""
    run = shell.run
    run.wait(timeout=1)
    at_log = Shell(shell.report, run, session.COM1)
    shell.add("comes at any port", at_log.call())
    ended = [becomes(at_log, name, "ended") for name in ("two", "three", "one") if at_log.ask(f"destroy {name}")]
    shell.add("keeps the machine", all(ended) and len(ended) == 3 and
              not lintel.EXIT_SEEN.search(run.text(session.COM1)))
    run.send(session.COM1, b"leave\r")
    outcome = lintel.wait_for_end(run, TIMEOUT)
    log = lintel.strip_controls(run.text(session.COM1))
    shell.add("the machine ends", outcome.status == 0, outcome.text)
    text = run.text(session.COM2)
    shell.add("whoever comes to the front begins a line", "console three\r\nLINTEL-CONSOLE log\r\n" in text and
              not re.search("[^\n]LINTEL-CONSOLE", text), log=text)
    shell.add("what the log got meanwhile is shown",
              {name for name, how, _ in lintel.GUEST_LINE.findall(log) if how == "killed"} >= {"one", "two"}, log=log)


def interrupt(report, options):
    """A guest that computes on the only CPU and never exits: the key comes through all the same."""
    busy = lintel.Guest("busy", Path(options.build) / "guest_tests" / "compute.flat", "32M",
                        cmdline=f"ticks={FOR_EVER}", keys={"schedule": "pinned"},
                        switches=("stats",))
    volume = lintel.Volume(run="together")
    volume.add_control(options.build / "control.elf")
    volume.add(busy)
    with machine.RunDirectory("manage-busy") as directory:
        image = volume.make_image(directory.path / "lintel.img", options.build)
        target = machine.Machine(image, cpus=CPUS)
        with session.Session(target, directory, console=lintel.GuestConsole()) as run:
            person = Shell(report, run)
            heard(run, session.GUEST, "# memory")
            run.wait(timeout=2)
            person.add("comes over a guest that computes", person.call())
            person.ask("destroy busy")
            person.add("destroys a guest that computes", becomes(person, "busy", "ended"))
            run.send(session.COM2, b"leave\r")
            outcome = lintel.wait_for_end(run, TIMEOUT)
            log = lintel.strip_controls(run.text(session.COM1))
            timers = TIMER_EXITS.search(log)
            person.add("looks at no port meanwhile", outcome.status == 0 and
                       int(timers[1] if timers else 0) < FEW, timers[0] if timers else outcome.text)


def manage(report, options):
    """The shell's orders, with three guests on two CPUs."""
    if not host.make(report, "build guest tests", f"B={options.top}", "guest-images"):
        return
    interrupt(report, options)
    volume = lintel.Volume(run="together")
    volume.add_control(options.build / "control.elf")
    volume.add(talker(options, "one", "com2"))
    volume.add(talker(options, "two", "com3"))
    volume.add(talker(options, "three", "com2"))
    volume.lines.append("start = ask")
    with machine.RunDirectory("manage") as directory:
        image = volume.make_image(directory.path / "lintel.img", options.build)
        target = machine.Machine(image, cpus=CPUS, serial_ports=3)
        ports = [lintel.GuestConsole(port=port) for port in (session.COM2, session.COM3)]
        with session.Session(target, directory, console=ports) as run:
            person = Shell(report, run)
            for part in (come, hold, move, live_and_die, switch, end):
                part(person)
