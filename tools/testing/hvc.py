"""A guest's virtio console (guest_tests/t_virtio_console.c): what is typed at the port that shows it."""
import re
from pathlib import Path

from emulator import lintel, machine, session

from . import host
from .machines import DEBUG_EXIT_PORT, TAP_PLAN, TAP_RESULT, logs

TIMEOUT = 90
LINES = 600
PASTE = bytes(ord("a") + i % 26 for i in range(1000))
# What it asks for, and what is typed then.
TYPED = ((r"^# type hvc\r?\n", b"hvc"), (r"^# type paste\r?\n", PASTE), (r"^# type c\r?\n", b"c"))
LINE = re.compile(r"^# line (\d{4})\.+$", re.MULTILINE)


def judge(report, run):
    """Its TAP lines, and what it wrote by the console: once, in order, where COM1's text is."""
    text = lintel.strip_controls(run.text(session.GUEST))
    results, plan = TAP_RESULT.findall(text), TAP_PLAN.search(text)
    for failed, _, test in results:
        report.add(f"hvc {test}", not failed and "# SKIP" not in test, log=text)
    report.add("hvc plan", bool(plan) and int(plan[1]) == len(results), f"{len(results)} results", text)
    report.add("hvc: in the order of COM1", "# by COM1\n# by the virtio console\n" in text and
               "# emergency\n" in text, log=text)
    lines = [int(number) for number in LINE.findall(text)]
    report.add("hvc: nothing is lost", lines == list(range(LINES)), f"{len(lines)} lines", text)


def hvc(report, options):
    """A guest writes by its virtio console more than there is room for, and reads what is typed."""
    if not host.make(report, "build guest tests", f"B={options.top}", "guest-images"):
        return
    volume = lintel.Volume()
    volume.add_control(options.build / "control.elf")
    volume.add(lintel.Guest("hvc", Path(options.build) / "guest_tests" / "virtio_console.flat", "32M",
                            cmdline="type", debug_exit=DEBUG_EXIT_PORT,
                            devices=(("hvc", "on"), ("rng", "on"))))
    with machine.RunDirectory("hvc") as directory:
        image = volume.make_image(directory.path / "lintel.img", options.build)
        target = machine.Machine(image)
        with session.Session(target, directory, console=lintel.GuestConsole()) as run:
            for asked, typed in TYPED:
                if run.wait([(session.GUEST, asked)], TIMEOUT).reason == "matched":
                    run.send(session.GUEST, typed)
            outcome = lintel.wait_for_end(run, TIMEOUT)
            judge(report, run)
            report.add("hvc: ends", outcome.status == 0, outcome.text, logs(run))
