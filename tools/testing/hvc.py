"""A guest's virtio console (guest_tests/t_virtio_console.c): what is typed at the port that shows it."""
import itertools
import re
from pathlib import Path

from emulator import lintel, machine, session

from . import host
from .machines import DEBUG_EXIT_PORT, TAP_PLAN, TAP_RESULT, logs

TIMEOUT = 360
LINES = 600
PASTE = bytes(ord("a") + i % 26 for i in range(1000))
# What it asks for, and what is typed then.
TYPED = ((r"^# type hvc\r?\n", b"hvc"), (r"^# type paste\r?\n", PASTE), (r"^# type c\r?\n", b"c"))
# What the killer cannot see here: the guest beside it computes with IF clear, and Bochs keeps the
# machine's interrupts back meanwhile (docs/caveats.md).
NOT_SEEN = {"device_interrupt"}
# A buffer that was under way when the control partition died is written again (docs/virtio.md).
BROKEN_OFF = re.compile(r"^# line (\d{4})\.*(?=# line \1\.)", re.MULTILINE)
LINE = re.compile(r"^# line (\d{4})\.+$", re.MULTILINE)


def judge_killer(report, name, run):
    """What the guest that has the control partition die has to say."""
    text = lintel.strip_controls(run.text(session.GUEST_COM3))
    results, plan = TAP_RESULT.findall(text), TAP_PLAN.search(text)
    bad = {test for failed, _, test in results if failed} - NOT_SEEN
    report.add(f"{name}: the other guest", bool(plan) and int(plan[1]) == len(results) and not bad,
               f"{len(results)} results, {', '.join(sorted(bad)) or 'none'} bad", text)


def judge(report, name, run, killer):
    """Its TAP lines, and what it wrote by the console: once, in order, where COM1's text is."""
    text = lintel.strip_controls(run.text(session.GUEST))
    results, plan = TAP_RESULT.findall(text), TAP_PLAN.search(text)
    for failed, _, test in results:
        report.add(f"{name} {test}", not failed and "# SKIP" not in test, log=text)
    report.add(f"{name} plan", bool(plan) and int(plan[1]) == len(results), f"{len(results)} results", text)
    report.add(f"{name}: in the order of COM1", "# by COM1\n# by the virtio console\n" in text and
               "# emergency\n" in text, log=text)
    lines = [int(number) for number in LINE.findall(BROKEN_OFF.sub("", text) if killer else text)]
    if killer:
        lines = [number for number, _ in itertools.groupby(lines)]
    report.add(f"{name}: nothing is lost", lines == list(range(LINES)), f"{len(lines)} lines", text)


def talk(report, name, run, killer):
    """Types what the guest asks for; the first time not before the control partition has died."""
    for asked, typed in TYPED:
        if run.wait([(session.GUEST, asked)], TIMEOUT).reason != "matched":
            return
        if killer and typed == TYPED[0][1]:
            run.wait([(session.COM1, rf"^LINTEL-GUEST name={killer.name} [^\n]*\n")], TIMEOUT)
            lives = run.text(session.COM1).count("control partition died: ")
            report.add(f"{name}: the control partition dies before", lives > 0, f"{lives} times")
        run.send(session.GUEST, typed)


def boot(report, options, name, killer=None):
    """The guest alone, or beside one that has the control partition die."""
    volume = lintel.Volume(run="together")
    volume.add_control(options.build / "control.elf")
    images = Path(options.build) / "guest_tests"
    volume.add(lintel.Guest("hvc", images / "virtio_console.flat", "32M", cmdline="type",
                            debug_exit=DEBUG_EXIT_PORT, devices=(("hvc", "on"), ("rng", "on"))))
    if killer:
        volume.add(killer)
    ports = (session.COM2, session.COM3)
    with machine.RunDirectory(name) as directory:
        image = volume.make_image(directory.path / "lintel.img", options.build)
        target = machine.Machine(image, serial_ports=3)
        consoles = [lintel.GuestConsole(port=port) for port in ports]
        with session.Session(target, directory, console=consoles) as run:
            talk(report, name, run, killer)
            outcome = lintel.wait_for_end(run, TIMEOUT)
            judge(report, name, run, killer)
            if killer:
                judge_killer(report, name, run)
            ends = dict(re.findall(r"^LINTEL-GUEST name=(\S+) end=debug-exit status=(\d+)\r?$",
                                   run.text(session.COM1), re.MULTILINE))
            report.add(f"{name}: ends", ends.get("hvc") == "0", outcome.text, logs(run))


def hvc(report, options):
    """A guest writes by its virtio console more than there is room for, and reads what is typed; also
    after the control partition has been started again."""
    if not host.make(report, "build guest tests", f"B={options.top}", "guest-images"):
        return
    boot(report, options, "hvc")
    boot(report, options, "hvc-again",
         lintel.Guest("forward", Path(options.build) / "guest_tests" / "forward.flat", "32M",
                      console="com3", debug_exit=DEBUG_EXIT_PORT, keys={"served": "devices"}))
