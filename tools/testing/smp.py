"""Machines with several CPUs: all are found and start, and the guest runs as on one."""
import re

from emulator import lintel, machine, session

from . import host
from .machines import TAP_RESULT, Boot, guest_of, logs, read_guest_list

COUNTS = (2, 4)
MOST = 8       # with each other CPU model: once, since every CPU takes its share of the time
GUEST = "fpu"
RESETS = 5
TIMEOUT = 240
COUNTED = re.compile(r"^[^\n]*smp: (\d+) CPUs?, ", re.MULTILINE)
ANSWERS = re.compile(r"^[^\n]*smp: CPU (\d+) answers: APIC id (\d+), ", re.MULTILINE)
LEFT_OUT = re.compile(r"^[^\n]*smp: [^\n]*left out[^\n]*", re.MULTILINE)
# Written by each CPU when it is in VMX operation.
TRACE_AT = re.compile(r"^LINTEL-TRACE at cpu=(\d+) address=(0x[0-9a-f]+) bytes=(\d+)\r?$",
                      re.MULTILINE)


def judge_cpus(report, name, count, log):
    """Lintel's log of a machine with `count` CPUs."""
    others = list(range(1, count))
    counted = COUNTED.search(log)
    report.add(f"{name}: the CPUs are counted", bool(counted) and int(counted[1]) == count,
               counted[1] if counted else "not reported", log)
    answers = [(int(cpu), int(apic)) for cpu, apic in ANSWERS.findall(log)]
    report.add(f"{name}: each answers to IPI and NMI", answers == list(zip(others, others)),
               f"{answers}", log)
    places = TRACE_AT.findall(log)
    report.add(f"{name}: VMX and a trace ring on each",
               [int(cpu) for cpu, *_ in places] == list(range(count)) and
               len({address for _, address, _ in places}) == count, f"{len(places)} rings", log)
    left_out = LEFT_OUT.findall(log)
    report.add(f"{name}: none is left out", not left_out, "; ".join(left_out))


def boot(report, options, count, cpu_model=""):
    """One boot with a test guest."""
    name = f"smp {count} CPUs" + (f" {cpu_model}" if cpu_model else "")
    row = next(row for row in read_guest_list([GUEST]) if row.name == GUEST)

    def judge(run, outcome):
        log = lintel.strip_controls(run.text(session.COM1))
        judge_cpus(report, name, count, log)
        text = run.text(session.GUEST)
        results = TAP_RESULT.findall(text)
        report.add(f"{name}: the guest's tests", bool(results) and
                   not any(failed for failed, *_ in results), f"{len(results)}", text)
        report.add(f"{name}: ends", outcome.status == 0, outcome.text, logs(run))

    Boot(options, name.replace(" ", "-"), [guest_of(row, options.build / "guest_tests")],
         cpu_model, count).run(TIMEOUT, judge)


def restarts(report, options, name, guest, count, cpus, timeout):
    """A guest that resets itself: Lintel starts it anew until it has ended `count` times."""
    volume = lintel.Volume()
    volume.add(guest)
    end = rf"LINTEL-GUEST name={guest.name} end=(\S+) status=\d+\r?\n"
    with machine.RunDirectory(name.replace(" ", "-")) as directory:
        image = volume.make_image(directory.path / "lintel.img", options.build)
        target = machine.Machine(image, cpus=cpus, memory=machine.emulator_memory(
            lintel.parse_size(guest.memory)))
        with session.Session(target, directory, console=lintel.GuestConsole()) as run:
            for number in range(count):
                ended = run.wait([(session.COM1, end)], timeout)
                how = ended.match[1].decode() if ended.reason == "matched" else ended.reason
                if how != "reboot":
                    break
            report.add(f"{name}: {count} times", how == "reboot",
                       f"the end of life {number + 1}: {how}", logs(run))


def smp(report, options):
    """A test guest on machines with several CPUs; one that is reset by its last processor."""
    if not host.make(report, "build guest tests", f"B={options.top}", "guest-images"):
        return
    for count in COUNTS:
        boot(report, options, count)
    guest = lintel.Guest("resets", options.build / "guest_tests" / "smp_end.flat", "32M",
                         cmdline="cf9", vcpus=4, on_reboot="restart")
    restarts(report, options, "smp resets", guest, RESETS, 2, TIMEOUT)


def models(report, options):
    """The same with many CPUs, and on CPUs without x2APIC among others."""
    if not host.make(report, "build guest tests", f"B={options.top}", "guest-images"):
        return
    boot(report, options, MOST)
    for model in machine.CPU_MODELS[1:]:
        boot(report, options, COUNTS[0], model)
