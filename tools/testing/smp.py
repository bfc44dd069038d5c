"""Machines with several CPUs: all are found and start, and the guest runs as on one."""
import re
import subprocess

from emulator import lintel, machine, session

from . import host
from .machines import TAP_RESULT, Boot, guest_of, logs, read_guest_list

COUNTS = (2, 4)
MOST = 8       # with each other CPU model: once, since every CPU takes its share of the time
GUEST = "fpu"
UD2 = b"\x0f\x0b"
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


# ---------------------------------------------------------------- panic

def address_of(options, symbol):
    """The linked address of a function of hv.elf."""
    names = subprocess.run(["nm", options.build / "hv.debug.elf"], capture_output=True, text=True,
                           check=True).stdout
    return int(re.search(rf"^([0-9a-f]+) [tT] {symbol}$", names, re.MULTILINE)[1], 16)


class PlantUd2:
    """Stops the machine when `at` is called, and writes UD2 where `victim` begins."""

    def __init__(self, run, at, victim):
        self.run, self.victim, self.done = run, victim, False
        debugger = run.debugger()
        debugger.stop()
        debugger.break_at(at)
        debugger.resume()
        run.poll = self.look

    def look(self):
        debugger = self.run.debugger()
        if not self.done and debugger.stopped():
            debugger.write_code(self.victim, UD2)
            self.done = True
            debugger.resume()


def panic(report, options):
    """A fault on a CPU that has just started: its record, and the others stop."""
    name = "panic on CPU 1"
    at, victim = address_of(options, "ap_main"), address_of(options, "cpu_main")
    row = next(row for row in read_guest_list([GUEST]) if row.name == GUEST)
    volume = lintel.Volume()
    volume.add(guest_of(row, options.build / "guest_tests"))
    with machine.RunDirectory("smp-panic") as directory:
        image = volume.make_image(directory.path / "lintel.img", options.build)
        with session.Session(machine.Machine(image, cpus=2), directory) as run:
            run.wait([(session.COM1, ".")], TIMEOUT)  # Bochs runs
            planted = PlantUd2(run, at, victim)
            outcome = lintel.wait_for_end(run, TIMEOUT)
            log = lintel.strip_controls(run.text(session.COM1))
            report.add(f"{name}: the fault is planted", planted.done, log=logs(run))
            report.add(f"{name}: the record names it", "panic on CPU 1: #UD" in log, log=log)
            report.add(f"{name}: its place", re.search(rf"rip 0008:{victim:x} ", log) is not None,
                       f"{victim:#x}", log)
            report.add(f"{name}: the other stops", "1 of 1 other CPUs stopped" in log, log=log)
            report.add(f"{name}: status", outcome.status == lintel.PANIC_STATUS,
                       f"{outcome.status}", log)


# ---------------------------------------------------------------- steps

def smp(report, options):
    """A test guest on machines with several CPUs."""
    if not host.make(report, "build guest tests", f"B={options.top}", "guest-images"):
        return
    for count in COUNTS:
        boot(report, options, count)
    panic(report, options)


def models(report, options):
    """The same with many CPUs, and on CPUs without x2APIC among others."""
    if not host.make(report, "build guest tests", f"B={options.top}", "guest-images"):
        return
    boot(report, options, MOST)
    for model in machine.CPU_MODELS[1:]:
        boot(report, options, COUNTS[0], model)
