"""Bochs: configuration file, command and debugger.

Debian's Bochs is built with its debugger, which reads commands from standard input.
A pipe does as well as a terminal: `-rc` with `c` starts the machine, SIGINT brings the
prompt back, and the answer to a command ends with the next prompt.  End of file on
standard input ends Bochs, so the pipe stays open.
"""
import os
import re
import signal
import struct
import time
from pathlib import Path

from .machine import CPU_MODEL, Drive, EmulatorError

FIRMWARE = Path("/usr/share/ovmf/OVMF.fd")
VGA_BIOS = Path("/usr/share/vgabios/vgabios.bin")
INSTRUCTIONS_PER_SECOND = 50_000_000  # of emulated time; also the TSC's frequency
HOST_MEMORY_MAX = 2048                # MiB that Bochs holds at once; it swaps the rest itself
DRIVES = ("ata0-master", "ata0-slave", "ata1-master", "ata1-slave")
PROMPT = re.compile(rb"<bochs:\d+> $")
PHYSICAL_PAGE = re.compile(r"maps to physical page (0x[0-9a-f]+)")

# ignore_bad_msrs: the firmware reads an MSR that Bochs does not have.
# sync=none and time0: a run is the same, tick by tick, each time.
# rfb without time-out: a display library that needs neither terminal nor client.
TEMPLATE = """\
plugin_ctrl: unmapped=1, biosdev=1, serial=1, iodebug=1
config_interface: textconfig
display_library: {display}
cpu: model={model}, count={cpus}, ips={ips}, reset_on_triple_fault=0, ignore_bad_msrs=1
memory: guest={memory}, host={host_memory}
romimage: file={firmware}
vgaromimage: file={vga_bios}
{vga}
{pci}
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
{drives}
boot: disk
{serial}
log: {directory}/bochs.log
panic: action=fatal
error: action=report
info: action=ignore
debug: action=ignore
clock: sync=none, time0=1700000000
port_e9_hack: enabled=0
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
magic_break: enabled=0
{devices}"""


def _drive(drive):
    """What a line of the bochsrc says of an IDE drive."""
    if not drive.cdrom:
        return f"type=disk, mode=flat, path={drive.image}"
    if drive.image is None:
        return 'type=cdrom, path="", status=ejected'
    return f"type=cdrom, path={drive.image}, status=inserted"


def _drives(machine, image):
    """The lines of all IDE drives."""
    drives = (Drive(image, machine.cdrom), *machine.drives)
    if len(drives) > len(DRIVES):
        raise EmulatorError(f"{len(drives)} drives; an IDE controller has {len(DRIVES)}: "
                            "the boot medium's and three more")
    lines = [f"{place}: {_drive(drive)}" for place, drive in zip(DRIVES, drives)]
    if len(drives) > 2:
        lines.insert(2, "ata1: enabled=1, ioaddr1=0x170, ioaddr2=0x370, irq=15")
    return "\n".join(lines)


def _pci(machine, directory):
    """The lines of the PCI slots and of the card in one of them."""
    cards = ["cirrus"] * machine.gop + ["e1000"] * bool(machine.mac)
    slots = "".join(f", slot{number}={card}" for number, card in enumerate(cards, 1))
    lines = [f"pci: enabled=1, chipset=i440fx{slots}"]
    if machine.mac:
        script = directory / "slirp.conf"
        script.write_text("# slirp config\n", encoding="ascii")  # Bochs wants this first line
        lines.append(f"e1000: enabled=1, mac={machine.mac}, ethmod=slirp, script={script}")
    return "\n".join(lines)


def configuration(machine, directory, image, ports):
    """The text of the bochsrc for a machine, and the files that it names in `directory`."""
    display, vga = (("sdl2", "vga: extension=cirrus") if machine.gop
                    else ('rfb, options="timeout=0"', ""))
    serial = "\n".join(f"com{n}: enabled=1, mode=socket-client, dev=127.0.0.1:{port}"
                       for n, port in enumerate(ports, 1))
    return TEMPLATE.format(
        display=display, vga=vga, pci=_pci(machine, directory),
        drives=_drives(machine, image), serial=serial, directory=directory,
        model=machine.cpu_model or CPU_MODEL, cpus=machine.cpus, memory=machine.memory,
        host_memory=min(machine.memory, HOST_MEMORY_MAX), ips=INSTRUCTIONS_PER_SECOND,
        firmware=FIRMWARE, vga_bios=VGA_BIOS,
        devices="".join(f"{line}\n" for line in machine.devices))


def command(machine, directory, image, ports):
    """Writes the files that Bochs wants and returns (argv, environment)."""
    for file, package in ((FIRMWARE, "ovmf"), (VGA_BIOS, "vgabios")):
        if not file.exists():
            raise EmulatorError(f"no {file}; install the package {package} (tools/setup.sh)")
    if " " in str(directory) or "," in str(directory):
        raise EmulatorError(f"Bochs takes no blank or comma in a path: {directory}")
    (directory / "bochsrc").write_text(configuration(machine, directory, image, ports),
                                       encoding="ascii")
    (directory / "debugger.rc").write_text("c\n", encoding="ascii")
    environment = dict(os.environ, SDL_VIDEODRIVER="x11" if machine.display else "dummy",
                       DISPLAY=machine.display, SDL_AUDIODRIVER="dummy")
    return ["bochs", "-q", "-f", str(directory / "bochsrc"),
            "-rc", str(directory / "debugger.rc")], environment


class Debugger:
    """Looks at a stopped machine.  The output file is where Bochs' standard output goes."""

    def __init__(self, process, output, directory):
        self.process, self.output, self.directory = process, output, directory
        self.resumed = 0  # what it has printed before is no sign that it has stopped again

    def _wait_for_prompt(self, start, timeout):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            with open(self.output, "rb") as file:
                file.seek(start)
                text = file.read()
            if PROMPT.search(text):
                return text
            if self.process.poll() is not None:
                raise EmulatorError("Bochs ended while its debugger was asked")
            time.sleep(0.02)
        raise EmulatorError("Bochs' debugger gives no prompt")

    def _size(self):
        return os.path.getsize(self.output)

    def stop(self):
        """Stops the machine between two instructions."""
        start = self._size()
        os.kill(self.process.pid, signal.SIGINT)
        self._wait_for_prompt(start, 10)

    def stopped(self):
        """Whether the machine has stopped by itself, at a watchpoint."""
        with open(self.output, "rb") as file:
            file.seek(max(self.resumed, self._size() - 64))
            return PROMPT.search(file.read()) is not None

    def watch_writes(self, address):
        """Stops the machine when something is written there; it must be stopped."""
        if "inserted" not in self.ask(f"watch w 0x{address:x}").lower():
            raise EmulatorError(f"Bochs sets no watchpoint at {address:#x}")

    def break_at(self, linear):
        """Stops the machine before the instruction there; it must be stopped."""
        self.ask(f"lb 0x{linear:x}")

    def write_code(self, linear, code):
        """Changes instructions that the CPU has not run yet, at an address of the stopped CPU.
        Returns what was there."""
        found = PHYSICAL_PAGE.search(self.ask(f"page 0x{linear:x}"))
        if not found:
            raise EmulatorError(f"Bochs knows no physical page of {linear:#x}")
        physical = int(found[1], 16) + linear % 4096
        before = self.read_physical(physical, len(code))
        self.write_physical(physical, code)
        return before

    def write_physical(self, address, data):
        """Changes physical memory that no instruction has been fetched from."""
        for offset, byte in enumerate(data):
            self.ask(f"setpmem 0x{address + offset:x} 1 0x{byte:x}")

    def ask(self, text, timeout=60):
        """One debugger command's answer; the machine must be stopped."""
        start = self._size()
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()
        answer = self._wait_for_prompt(start, timeout).decode("latin-1")
        return PROMPT.sub(b"", answer.encode("latin-1")).decode("latin-1").partition("\n")[2]

    def read_physical(self, address, size):
        """Bytes of physical memory.  (`writemem` would be quicker but takes linear addresses
        of the CPU's present page tables.)"""
        words = []
        for line in self.ask(f"xp /{(size + 3) // 4}wx 0x{address:x}").splitlines():
            _, colon, values = line.partition(":\t")
            if colon:
                words += [int(value, 16) for value in values.split()]
        data = struct.pack(f"<{len(words)}I", *words)[:size]
        if len(data) != size:
            raise EmulatorError(f"Bochs shows only {len(data)} of {size} bytes at {address:#x}")
        return data

    def resume(self):
        """Lets the machine run on."""
        self.resumed = self._size()
        self.process.stdin.write(b"c\n")
        self.process.stdin.flush()
