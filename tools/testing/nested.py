"""The machine on which Lintel is nested (EMULATOR=qemu), but without VT-x: what can be judged of it here."""
import json
import re

from emulator import lintel, machine, session

from . import host
from .devices import MAC, make_disk
from .machines import logs

REFUSAL_TIMEOUT = 360
# What OVMF shows once the boot application has returned to it.
FIRMWARE_AGAIN = r"UEFI Interactive Shell|Shell>|Boot Manager|Device Manager|Press any key"
TABLES = "unit-gcc/driver_tables"
# What the machine has for the control partition: id, and how many; the boot medium is a disk.
DEVICES = {"1af4:1042": 2, "1af4:1041": 1}
SHELL = r"Shell> "
MAP_END = r"Total Memory: [^\r\n]*\r?\n"

FUNCTION = re.compile(r"^  Bus +\d+, device +\d+, function +\d+:", re.MULTILINE)
ID = re.compile(r"PCI device ([0-9a-f]{4}:[0-9a-f]{4})")
# A BAR of QEMU's `info pci`; 6 is the ROM, which nobody maps.
BAR = re.compile(r"BAR([0-5]): (?:\d\d bit (?:prefetchable )?(memory)|I/O) at 0x([0-9a-f]+) \[0x([0-9a-f]+)\]")
# A row of `memmap` of the firmware's shell.
NAMED = re.compile(r"^(\w+) +([0-9A-F]{16})-([0-9A-F]{16}) ", re.MULTILINE)


def bars_of(text):
    """{id: [[(kind, first, last) of each BAR] of each function]} of what `info pci` says."""
    found = {}
    for part in FUNCTION.split(text)[1:]:
        name = ID.search(part)
        found.setdefault(name[1] if name else "", []).append(
            [("memory" if kind else "port", int(first, 16), int(last, 16))
             for _, kind, first, last in BAR.findall(part)])
    return found


def is_given(bar, rows):
    """Whether a row of vmm/policy/devices.def gives the control partition all of a BAR."""
    kind, first, last = bar
    return first <= last and any(row["kind"] == kind and row["first"] <= first and last <= row["last"]
                                 for row in rows)


def judge_places(report, text, rows, named):
    """The devices are there, and each BAR of theirs is the control partition's: a row has it, and the
    firmware's memory map (`named`: ranges) does not."""
    found = bars_of(text)
    for name, count in DEVICES.items():
        functions = found.get(name, [])
        bars = [bar for function in functions for bar in function]
        report.add(f"nested: {name} is there", len(functions) == count and all(functions),
                   f"{len(functions)} of {count}", text)
        denied = [f"{kind} {first:x} to {last:x}" for kind, first, last in bars
                  if not is_given((kind, first, last), rows)]
        report.add(f"nested: the control partition has each BAR of {name}", not denied,
                   "; ".join(denied), text)
        inside = [f"{first:x} to {last:x}" for kind, first, last in bars if kind == "memory" and
                  any(first <= end and begin <= last for begin, end in named)]
        report.add(f"nested: the firmware's memory map has no BAR of {name}", not inside,
                   "; ".join(inside), text)


def memory_map(run):
    """The ranges that the firmware's shell lists; it has been seen already, or comes."""
    if not re.search(SHELL, run.text(session.COM1)):
        run.wait([(session.COM1, SHELL)], REFUSAL_TIMEOUT)
    run.send(session.COM1, b"memmap\r")
    run.wait([(session.COM1, MAP_END)], REFUSAL_TIMEOUT)
    text = lintel.strip_controls(run.text(session.COM1)).replace("\r", "\n")
    return [(int(first, 16), int(last, 16)) for _, first, last in NAMED.findall(text)]


def judge_devices(report, run, rows):
    """What the firmware gave the devices, and what it keeps."""
    named = memory_map(run)
    report.add("nested: the firmware's memory map", len(named) > 10 and
               any(first == 0 for first, _ in named), f"{len(named)} ranges", logs(run))
    judge_places(report, run.debugger().ask("info pci"), rows, named)


def refusal(report, options):
    """QEMU's machine for KVM without VMX: the application explains itself and returns to the firmware;
    and where the firmware has placed the devices that the control partition is to drive."""
    if not host.make(report, "build the tables", f"B={options.top}", str(options.build / TABLES)):
        return
    status, text = host.run([str(options.build / TABLES)], host.CHECK_TIMEOUT)
    rows = json.loads(text)["control_device"] if status == 0 else []
    with machine.RunDirectory("refusal") as directory:
        target = machine.Machine(options.build / "lintel.img", emulator="qemu", virtio=True, mac=MAC,
                                 drives=(machine.Drive(make_disk(directory.path / "second.img")),),
                                 debugger=True)
        with session.Session(target, directory) as run:
            ended = run.wait([(session.COM1, lintel.REFUSED_LINE)], REFUSAL_TIMEOUT)
            refused = ended.reason == "matched"
            report.add("refusal without VT-x", refused,
                       ended.match[1].decode("utf-8", "replace") if refused else ended.reason,
                       logs(run))
            ended = run.wait([(session.COM1, FIRMWARE_AGAIN)], REFUSAL_TIMEOUT)
            again = refused and ended.reason == "matched"
            report.add("refusal returns to the firmware", again, log=logs(run))
            if again:
                judge_devices(report, run, rows)
