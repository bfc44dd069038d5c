"""Several guests at once, each with its console: ports of their own, and one port for two."""
import re
from pathlib import Path

from emulator import lintel, machine, session

from . import host
from .machines import DEBUG_EXIT_PORT

TIMEOUT = 240
SOME, MANY = 300, 1500  # lines of a flood (guest_tests/t_talk.c)
CPUS = 2
STOPPED = r"^[^\n]*error: guest two stopped: [^\n]*$"


def talker(options, name, console, cmdline=""):
    """guest_tests/t_talk.c under this name."""
    return lintel.Guest(name, Path(options.build) / "guest_tests" / "talk.flat", "32M",
                        cmdline=cmdline or name, console=console, debug_exit=DEBUG_EXIT_PORT)


def heard(run, stream, pattern):
    """Whether the stream says so within the time."""
    return run.wait([(stream, pattern)], TIMEOUT).reason == "matched"


def talk(report, run):
    """Characters reach the guest in front of the port where they are typed."""
    both = heard(run, session.GUEST, r"# one tick 2\b") and \
        heard(run, session.GUEST_COM3, r"# two tick 2\b")
    report.add("consoles: two guests are shown at their ports", both)
    run.send(session.GUEST, b"a")
    run.send(session.GUEST_COM3, b"b")
    report.add("consoles: what is typed reaches its guest",
               heard(run, session.GUEST, "# one got 61") and
               heard(run, session.GUEST_COM3, "# two got 62"))
    run.send(session.GUEST_COM3, b"f")
    whole = heard(run, session.GUEST_COM3, rf"# flood {SOME - 1:06}\r\n")
    lines = re.findall(r"# flood (\d+)\r\n", run.text(session.GUEST_COM3))
    report.add("consoles: a guest in front loses nothing",
               whole and [int(line) for line in lines] == list(range(SOME)), f"{len(lines)} lines")


def change(report, run):
    """The guest in front ends; the one behind it has gone on meanwhile, and comes up."""
    run.send(session.GUEST, b"x")
    up = heard(run, session.GUEST, r"# three tick \d+")
    run.send(session.GUEST, b"c")
    got = heard(run, session.GUEST, "# three got 63")
    console = run.consoles[session.COM2]
    text = console.text_of("three", run.streams[session.GUEST].text).decode()
    lines = [int(line) for line in re.findall(r"# flood (\d+)\r\n", text)]
    report.add("consoles: the next guest gets the port", up and got, f"{console.names}", text)
    report.add("consoles: the end of what it said is still there",
               10000 < len(text) and lines == list(range(MANY - len(lines), MANY)) and
               0 < len(lines) < MANY, f"{len(lines)} lines of the flood", text)
    report.add("consoles: it did not wait", "# three tick 3" in text, log=text)
    report.add("consoles: nothing of it came before", console.names[:2] == ["one", "three"] and
               b"three" not in console.text_of("one", run.streams[session.GUEST].text))


def stop(report, run):
    """Whoever looks at the port of a guest that is stopped sees why."""
    run.send(session.GUEST_COM3, b"s")
    report.add("consoles: why a guest was stopped is said at its port",
               heard(run, session.COM3, STOPPED), log=run.text(session.COM3)[-3000:])
    run.send(session.GUEST, b"x")


def consoles(report, options):
    """Three guests on two CPUs: two at ports of their own, one behind another."""
    if not host.make(report, "build guest tests", f"B={options.top}", "guest-images"):
        return
    volume = lintel.Volume(run="together")
    volume.add(talker(options, "one", "auto"))
    volume.add(talker(options, "two", "com3"))
    volume.add(talker(options, "three", "com2", "three flood"))
    with machine.RunDirectory("consoles") as directory:
        image = volume.make_image(directory.path / "lintel.img", options.build)
        target = machine.Machine(image, cpus=CPUS, serial_ports=3)
        ports = [lintel.GuestConsole(port=port) for port in (session.COM2, session.COM3)]
        with session.Session(target, directory, console=ports) as run:
            talk(report, run)
            change(report, run)
            stop(report, run)
            outcome = lintel.wait_for_end(run, TIMEOUT)
            ends = lintel.GUEST_LINE.findall(lintel.strip_controls(run.text(session.COM1)))
            report.add("consoles: each guest ends in its way", sorted(ends) == [
                ("one", "debug-exit", "0"), ("three", "debug-exit", "0"),
                ("two", "stopped", "125")], f"{ends}", lintel.log_tail(run))
            report.add("consoles: the machine ends", outcome.status == 0, outcome.text,
                       lintel.log_tail(run))
