#!/usr/bin/env python3
"""Make the recordings of exits in tools/recorded/ anew: boot Linux and some test guests on Bochs
under the recording build of Lintel (make RECORD=1), and take the recording out of its memory.

tools/replay/ replays them.  Linux puts itself at a random address: two recordings of it differ.
"""
import argparse
import lzma
import os
import re
import sys
from pathlib import Path

from emulator import lintel, machine, session
from testing import machines

TARGET = Path("tools/recorded")
TIMEOUT = 400
RECORD_LINE = re.compile(r"^LINTEL-RECORD address=(0x[0-9a-f]+) bytes=(\d+) exits=(\d+)( full)?\r?$",
                         re.MULTILINE)

# Every handler, and every way a guest ends; what only repeats itself at length is left out.
GUESTS = ("cpuid", "vmx", "msr", "port", "cr", "modes", "except", "debug", "step", "irq", "timer",
          "lapic", "lapic_timer", "x2apic", "uart", "pvclock", "fpu", "mmio", "hostile", "multiboot",
          "end-debug-exit", "end-halt", "end-poweroff", "end-i8042", "end-triple", "end-read",
          "end-hole-form", "end-hole-cr3")


def linux(options):
    """Debian's cloud kernel, from its first instruction."""
    return [lintel.Guest("linux", options.guests / "cloud" / "vmlinuz", "256M",
                         options.build / "initramfs-test.gz", "console=ttyS0 quiet")]


def tests(options):
    """Rows of guest_tests/list.txt."""
    rows = {row.name: row for row in machines.read_guest_list([])}
    return [machines.guest_of(rows.get(name, machines.Row(name)), options.guest_images)
            for name in GUESTS]


def take_out(run, directory):
    """The recording, out of the stopped machine's memory, and how many exits it has."""
    found = RECORD_LINE.search(lintel.strip_controls(run.text(session.COM1)))
    if not found:
        raise machine.EmulatorError("Lintel says nothing of a recording; is it the build of RECORD=1?")
    if found[4]:
        raise machine.EmulatorError("the recording does not fit its buffer")
    address, size, exits = int(found[1], 16), int(found[2]), int(found[3])
    file = directory.path / "recording"
    debugger = run.debugger()
    debugger.stop()
    debugger.ask(f'writemem "{file}" {address:#x} {size}', 60)
    data = file.read_bytes()
    if len(data) != size or not data.startswith(b"LINTELRC"):
        raise machine.EmulatorError("Bochs did not write the recording's memory")
    return data, exits


def record(options, name, guests):
    """Boots once and writes TARGET/name.rec.xz."""
    volume = lintel.Volume(on_end="halt")
    for guest in guests:
        volume.add(guest)
    with machine.RunDirectory(f"record-{name}") as directory:
        image = volume.make_image(directory.path / "lintel.img", options.build)
        target = machine.Machine(image, memory=machine.emulator_memory(256))
        with session.Session(target, directory, console=lintel.GuestConsole()) as run:
            ended = run.wait([(session.COM1, lintel.EXIT_LINE)], TIMEOUT)
            if ended.reason != "matched":
                raise machine.EmulatorError(f"{name}: {ended.reason}\n{lintel.log_tail(run)}")
            data, exits = take_out(run, directory)
    file = options.to / f"{name}.rec.xz"
    file.write_bytes(lzma.compress(data, lzma.FORMAT_XZ, lzma.CHECK_CRC32, 9 | lzma.PRESET_EXTREME))
    print(f"{file}: {exits} exits, {len(data)} bytes, {file.stat().st_size} compressed", flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="linux, tests; default: both")
    parser.add_argument("--build", type=Path, default=Path("build/record"), metavar="DIR")
    parser.add_argument("--guest-images", type=Path, default=Path("build/guest_tests"),
                        metavar="DIR")
    parser.add_argument("--guests", type=Path, default=Path("build/guests"), metavar="DIR")
    parser.add_argument("--to", type=Path, default=TARGET, metavar="DIR")
    return parser.parse_args()


def main():
    options = arguments()
    os.chdir(machine.ROOT)
    recordings = {"linux": linux, "tests": tests}
    try:
        for name in options.names or recordings:
            record(options, name, recordings[name](options))
    except (machine.EmulatorError, OSError) as error:
        print(f"record: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
