"""Machines with several CPUs: all are found and start, and the guest runs as on one; a CPU that does
not start is left out."""
import re
import subprocess
from dataclasses import dataclass

from emulator import lintel, machine, session

from . import host
from .machines import TAP_RESULT, Boot, guest_of, logs, read_guest_list

COUNTS = (2, 4)
MOST = 8       # with each other CPU model: once, since every CPU takes its share of the time
GUEST = "fpu"
RESETS = 5
TIMEOUT = 720
COUNTED = re.compile(r"^[^\n]*smp: (\d+) CPUs?\r?$", re.MULTILINE)
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


# ---------------------------------------------------------------- planted faults

@dataclass
class Fault:
    """What CPU 1 finds where `victim` begins; the CPUs after it find what belongs there."""
    name: str
    victim: str
    code: bytes
    cpus: int
    says: tuple   # patterns for Lintel's log
    status: int


FAULTS = (
    Fault("a fault on CPU 1", "cpu_main", b"\x0f\x0b", 2,  # UD2
          (r"panic on CPU 1: #UD", r"  rip 0008:{victim:x} ", r"  1 of 1 other CPUs stopped"),
          lintel.PANIC_STATUS),
    Fault("a CPU that halts", "trap_init", b"\xf4\xeb\xfd", 3,  # HLT, and again
          (r"smp: the CPU with APIC id 1 is left out: it does not start",
           r"smp: CPU 1 answers: APIC id 2, ", r"smp: 2 CPUs"), 0),
    Fault("a CPU that is refused", "cpu_main", b"\xc3", 3,  # RET
          (r"smp: the CPU with APIC id 1 is left out: see above",
           r"smp: CPU 1 answers: APIC id 2, ", r"smp: 2 CPUs"), 0),
)


def address_of(options, symbol):
    """The linked address of a function of hv.elf."""
    names = subprocess.run(["nm", options.build / "hv.debug.elf"], capture_output=True, text=True,
                           check=True).stdout
    return int(re.search(rf"^([0-9a-f]+) [tT] {symbol}$", names, re.MULTILINE)[1], 16)


class Planted:
    """Stops the machine whenever a CPU comes to `place`, and changes the code at `victim` for the
    first one."""

    def __init__(self, run, place, victim, code):
        self.run, self.victim, self.code = run, victim, code
        self.stops = 0
        debugger = run.debugger()
        debugger.stop()
        debugger.break_at(place)
        debugger.resume()
        run.poll = self.look

    def look(self):
        debugger = self.run.debugger()
        if not debugger.stopped():
            return
        self.stops += 1
        if self.stops <= 2:
            self.code = debugger.write_code(self.victim, self.code)
        debugger.resume()


def boot_with(report, options, fault):
    """One boot with a fault."""
    name, victim = f"smp, {fault.name}", address_of(options, fault.victim)
    row = next(row for row in read_guest_list([GUEST]) if row.name == GUEST)
    volume = lintel.Volume()
    volume.add(guest_of(row, options.build / "guest_tests"))
    with machine.RunDirectory("smp-fault") as directory:
        image = volume.make_image(directory.path / "lintel.img", options.build)
        target = machine.Machine(image, cpus=fault.cpus)
        with session.Session(target, directory, console=lintel.GuestConsole()) as run:
            run.wait([(session.COM1, ".")], TIMEOUT)  # Bochs runs
            planted = Planted(run, address_of(options, "ap_main"), victim, fault.code)
            outcome = lintel.wait_for_end(run, TIMEOUT)
            log = lintel.strip_controls(run.text(session.COM1))
            report.add(f"{name}: planted", planted.stops == fault.cpus - 1, f"{planted.stops}",
                       logs(run))
            for says in fault.says:
                says = says.replace("{victim:x}", f"{victim:x}")
                report.add(f"{name}: {says.strip()}", re.search(says, log) is not None, log=log)
            report.add(f"{name}: ends", outcome.status == fault.status, outcome.text, logs(run))


# ---------------------------------------------------------------- steps

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
    for fault in FAULTS:
        boot_with(report, options, fault)
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
