"""The shell's live view on its port and on the screen, looked at like a user does."""
import re

from emulator import framebuffer, lintel, machine, session

from . import host
from .machines import COUNTERS, DEBUG_EXIT_PORT, logs
from .shell import FRESH, Shell

PICTURES = 3  # that are waited for
TIMEOUT = 360
PICTURE = re.compile(r"\x1b\[H(.*?)\x1b\[J", re.DOTALL)
REASON = re.compile(r"^([A-Z_]+) +(\d+) +([\d.]+)% +(\d+) +([\d.]+)%$", re.MULTILINE)
TIMES = re.compile(r"guest +([\d.]+)% .*Lintel +([\d.]+)% .*waiting +([\d.]+)% .*others +([\d.]+)%")
RATES = re.compile(r"^exits (\d+) a second, interrupts injected (\d+) a second$", re.MULTILINE)
TOP_RIP = re.compile(r"^guest RIP .*\n([0-9a-f]{16}) ", re.MULTILINE)


def pictures(text):
    """What a terminal shows after each refresh."""
    return [re.sub(r"\x1b\[[0-9]*[Km]|\r", "", found) for found in PICTURE.findall(text)]


def judge_picture(report, picture, cpuid_at):
    """The figures agree with each other, and with what guest_tests/t_live.c does."""
    name = "live view"
    reasons = {row[0]: [float(value) for value in row[1:]] for row in REASON.findall(picture)}
    times = TIMES.search(picture)
    rates = RATES.search(picture)
    rip = TOP_RIP.search(picture)
    report.add(f"{name}: names the guest", "guest live " in picture, log=picture)
    if not (reasons and times and rates and rip):
        report.add(f"{name}: has all of its parts", False, log=picture)
        return
    parts = [float(value) for value in times.groups()]
    total, injected = int(rates[1]), int(rates[2])
    found = sum(row[0] for row in reasons.values())
    report.add(f"{name}: the times are 100 %", abs(sum(parts) - 100) < 0.25, times[0], picture)
    report.add(f"{name}: the reasons' exits are all exits",
               abs(found - total) <= max(len(reasons), total / 1000),
               f"{found:.0f} of {total}", picture)
    report.add(f"{name}: not quite three exits in five are CPUID",
               54 <= reasons.get("CPUID", [0, 0])[1] <= 60, log=picture)
    report.add(f"{name}: the reasons' time is Lintel's",
               abs(sum(row[3] for row in reasons.values()) - parts[1]) < 1, log=picture)
    report.add(f"{name}: interrupts are injected", 5 < injected < total, f"{injected}", picture)
    report.add(f"{name}: the first RIP is the loop of CPUIDs",
               0 <= int(rip[1], 16) - cpuid_at < 64, rip[1], picture)


def look(report, run):
    """`top live` in the shell; pictures on the port and the screen; the guest's text again."""
    shell = Shell(report, run)
    run.wait([(session.GUEST, "# line 2")], TIMEOUT)
    report.add("live view: the shell comes", shell.call())
    run.send(session.COM2, b"top live --interval 1\r")
    for _ in range(PICTURES):
        run.wait([(session.COM2, r"\x1b\[J")], TIMEOUT)
    shown = framebuffer.read_text(run)
    run.send(session.COM2, b"q")
    run.wait([(session.COM2, rf"{FRESH}$")], TIMEOUT)
    run.send(session.COM2, b"leave\r")
    run.wait([(session.GUEST, "# line")], TIMEOUT)
    report.add("live view: on the screen", shown[0].startswith("Lintel: guest live ") and
               any(row.startswith("CPUID ") for row in shown), log="\n".join(shown))
    run.send(session.GUEST, b"x")


def judge(report, run, outcome):
    seen = pictures(run.text(session.COM2))
    text = run.text(session.GUEST)
    cpuid_at = re.search(r"# cpuid at ([0-9a-f]+)", text)
    report.add("live view: is drawn again", len(seen) >= PICTURES, f"{len(seen)}", text[-3000:])
    if len(seen) >= PICTURES and cpuid_at:
        judge_picture(report, seen[PICTURES - 1], int(cpuid_at[1], 16))
    lines = [int(number) for number in re.findall(r"# line (\d+)\r\n", text)]
    report.add("live view: nothing of the guest's output is lost",
               bool(lines) and lines == list(range(len(lines))), f"{len(lines)} lines", text[-3000:])
    counted = COUNTERS.search(lintel.strip_controls(run.text(session.COM1)))
    report.add("live view: counters", bool(counted) and counted[1] == "ok", log=logs(run))
    report.add("live view: the guest ends", outcome.status == 0, outcome.text, logs(run))


def live(report, options):
    """The live view, of a guest whose exits are known, and a screen."""
    if not host.make(report, "build guest tests", f"B={options.top}", "guest-images"):
        return
    volume = lintel.Volume()
    volume.add_control(options.build / "control.elf")
    volume.add(lintel.Guest("live", options.build / "guest_tests" / "live.flat", "32M",
                            cmdline="wait", debug_exit=DEBUG_EXIT_PORT))
    with machine.RunDirectory("live") as directory:
        image = volume.make_image(directory.path / "lintel.img", options.build)
        target = machine.Machine(image, gop=True)
        with session.Session(target, directory, console=lintel.GuestConsole()) as run:
            look(report, run)
            judge(report, run, lintel.wait_for_end(run, TIMEOUT))
