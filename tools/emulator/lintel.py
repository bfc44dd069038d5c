"""Lintel on an emulated machine: its image, its configuration, and what its log says.

COM1 has the firmware's and Lintel's log.  COM2 has the same until Lintel gives it to a
guest (CONSOLE_GUEST), and again afterwards (CONSOLE_LOG).  A guest on the bare machine has
COM1.  docs/testing.md lists all lines that begin with LINTEL-.
"""
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from .machine import ROOT, EmulatorError, Machine, RunDirectory
from .session import COM1, COM2, Session

TIMEOUT_STATUS, STOPPED_STATUS, PANIC_STATUS = 124, 125, 126

# The end of a run in Lintel's log; group 1 is the status.  With the line's end: `$` would match
# half a line that has just arrived.
EXIT_LINE = r"^LINTEL-EXIT status=(\d+)\r?\n"
REFUSED_LINE = r"^LINTEL-BOOT refused: ([^\r\n]*)\r?\n"
EXIT_SEEN = re.compile(EXIT_LINE, re.MULTILINE)
GUEST_LINE = re.compile(r"^LINTEL-GUEST name=(\S+) end=(\S+) status=(\d+)\r?$", re.MULTILINE)

# The last line before a serial port is the guest's, and how the first one after it begins.
# Group 1, if it is there: that guest's name.
CONSOLE_GUEST = re.compile(rb"^LINTEL-(?:CONSOLE guest(?: name=(\S+))?|MARK kernel-entry)[^\n]*\n",
                           re.MULTILINE)
CONSOLE_LOG = (b"LINTEL-CONSOLE log", b"LINTEL-GUEST name=")

# Where the laboratory's result went, or the result itself.
LAB_FILE = re.compile(r"^LINTEL-LAB file=\\lintel\\(\S+) bytes=(\d+)\r?$", re.MULTILINE)
LAB_SERIAL = re.compile(r"^LINTEL-LAB begin\r?\n(.*?)^LINTEL-LAB end bytes=(\d+)\r?$",
                        re.MULTILINE | re.DOTALL)
LAB_TIMEOUT = 900
ESP_OFFSET = "1M"  # of the file system in an image of tools/mkimage.py

BUILD_HINT = "run 'make' first"


@dataclass
class Guest:
    """One [guest] section of lintel.conf, its files as paths on the workstation."""
    name: str
    kernel: Path
    memory: str = "256M"
    initrd: Path = None
    cmdline: str = ""
    vcpus: int = 1
    modules: list = field(default_factory=list)  # (path, string)
    on_reboot: str = "end"
    console: str = "auto"
    debug_exit: int = 0
    switches: tuple = ()       # keys that are turned on, like stats
    keys: dict = field(default_factory=dict)  # any others: name -> value
    cpu: str = ""              # the machine's CPUs that it may run on; empty: any
    devices: tuple = ()        # what the control partition serves: (key of lintel.conf, text)


def quote(text):
    """A value between quotes, as docs/config.md wants it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def parse_size(text):
    """MiB of a size like 256M or 2G; ValueError otherwise."""
    match = re.fullmatch(r"(\d+)([MG])", text)
    if not match:
        raise ValueError(f"'{text}' is no size; allowed: a number with M or G, like 256M")
    return int(match[1]) * (1024 if match[2] == "G" else 1)


class Volume:
    """What goes onto the boot volume: lintel.conf and the files it names.

    `run`: "one-by-one", each guest after the end of the one before, or "together"."""

    def __init__(self, log_level="info", on_end="poweroff", lab="off", run="one-by-one"):
        self.lines = [f"log_level = {log_level}", f"on_end = {on_end}", f"run = {run}"]
        if lab != "off":
            self.lines.append(f"lab = {lab}")
        self.files = {}  # lower-case name -> (name below lintel/, Path)

    def add_file(self, name, path):
        """A file that no guest names."""
        self.files[name.lower()] = (name, Path(path).resolve())

    def _add_file(self, path):
        """Each file once; two files of one name get different names."""
        path = Path(path).resolve()
        base = re.sub(r"[^A-Za-z0-9._-]", "_", path.name)[-60:]
        name, number = base, 1
        while self.files.get(name.lower(), (name, path))[1] != path:
            number += 1
            name = f"{number}-{base}"
        self.files[name.lower()] = (name, path)
        return name

    def add_control(self, path):
        """The control partition's program; before the first guest."""
        self.lines.append(f"control = {self._add_file(path)}")

    def add(self, guest):
        """Appends a guest; guests run in this order."""
        self.lines += ["", f"[guest {guest.name}]",
                       f"kernel = {self._add_file(guest.kernel)}",
                       f"memory = {guest.memory}", f"vcpus = {guest.vcpus}"]
        if guest.cpu:
            self.lines.append(f"cpu = {guest.cpu}")
        if guest.initrd:
            self.lines.append(f"initrd = {self._add_file(guest.initrd)}")
        if guest.cmdline:
            self.lines.append(f"cmdline = {quote(guest.cmdline)}")
        for path, string in guest.modules:
            self.lines.append(f"module = {self._add_file(path)} {quote(string)}")
        self.lines += [f"console = {guest.console}", f"on_reboot = {guest.on_reboot}"]
        if guest.debug_exit:
            self.lines.append(f"debug_exit = 0x{guest.debug_exit:x}")
        self.lines += [f"{key} = on" for key in guest.switches]
        self.lines += [f"{key} = {value}" for key, value in guest.keys.items()]
        self.lines += [f"{kind} = {text}" for kind, text in guest.devices]

    def configuration(self):
        return "\n".join(self.lines) + "\n"

    def make_image(self, out, build=ROOT / "build", hypervisor="hv.elf", kind="img"):
        """Writes the bootable image.  `hypervisor`: hv.elf or native.elf of the build."""
        out = Path(out)
        configuration = out.with_suffix(".conf")
        configuration.write_text(self.configuration(), encoding="utf-8")
        contents = [("EFI/BOOT/BOOTX64.EFI", Path(build) / "BOOTX64.EFI"),
                    ("lintel/hv.elf", Path(build) / hypervisor),
                    ("lintel/lintel.conf", configuration)]
        contents += [(f"lintel/{name}", path) for name, path in self.files.values()]
        argv = [sys.executable, str(ROOT / "tools" / "mkimage.py"), kind, "--out", str(out)]
        for name, path in contents:
            if not path.is_file():
                hint = f"; {BUILD_HINT}" if path.parent == Path(build) else ""
                raise EmulatorError(f"there is no file {path}{hint}")
            argv += ["--file", f"{name}={path}"]
        if subprocess.run(argv, check=False).returncode != 0:
            raise EmulatorError("tools/mkimage.py could not make the image")
        return out


class GuestConsole:
    """The guests' part of what a serial port prints."""

    def __init__(self, native=False, port=None):
        self.port = (COM1 if native else COM2) if port is None else port
        self.open = False
        self.pending = b""
        self.given = 0    # bytes
        self.starts = []  # what `given` was when a guest got the port ...
        self.names = []   # ... and which one

    def feed(self, data):
        """The guest's part of `data` and of what was held back before."""
        self.pending += data
        out = b""
        while True:
            if not self.open:
                begin = CONSOLE_GUEST.search(self.pending)
                if not begin:
                    break
                self.pending = self.pending[begin.end():]
                self.starts.append(self.given + len(out))
                self.names.append((begin[1] or b"").decode("ascii", "replace"))
                self.open = True
            end, closed = self._end_of_guest()
            out += self.pending[:end]
            self.pending = self.pending[end:]
            if not closed:
                break
            self.open = False
        self.given += len(out)
        return out

    def _end_of_guest(self):
        """(where the log goes on, true), or (what is surely the guest's, false)."""
        found = [at for at in map(self.pending.find, CONSOLE_LOG) if at >= 0]
        if found:
            return min(found), True
        held = max(length for mark in CONSOLE_LOG for length in range(len(mark))
                   if self.pending.endswith(mark[:length]))
        return len(self.pending) - held, False

    def sections(self, text):
        """The guest stream's bytes, cut where a guest got the port."""
        return [text[start:end] for start, end in
                zip(self.starts, self.starts[1:] + [len(text)])]

    def text_of(self, name, text):
        """The guest stream's bytes that are of the guest with this name."""
        return b"".join(section for who, section in zip(self.names, self.sections(text))
                        if who == name)


@dataclass
class Outcome:
    """How a run of Lintel ended, as an exit status and in words."""
    status: int
    text: str


def wait_for_end(session, timeout, on_end_wait=10.0):
    """Runs until Lintel's last line; lets the emulator end by itself."""
    ended = session.wait([(COM1, EXIT_LINE), (COM1, REFUSED_LINE)], timeout)
    if ended.reason == "timeout":
        return Outcome(TIMEOUT_STATUS, f"no end within {timeout:.0f} s")
    if ended.reason == "exit":
        return Outcome(PANIC_STATUS, "the emulator ended before Lintel said how it went:\n" +
                       session.emulator_log())
    if ended.match.re.pattern == REFUSED_LINE.encode():
        return Outcome(PANIC_STATUS, "the boot application refused this machine: " +
                       ended.match[1].decode("utf-8", "replace"))
    session.wait_for_exit(on_end_wait)
    status = int(ended.match[1])
    words = {0: "the guest powered off", STOPPED_STATUS: "Lintel stopped the guest",
             PANIC_STATUS: "Lintel panicked"}
    return Outcome(status, words.get(status, f"the guest ended with status {status}"))


def log_tail(session, lines=40):
    """The end of Lintel's log without terminal control sequences."""
    return "\n".join(strip_controls(session.text(COM1)).splitlines()[-lines:])


def strip_controls(text):
    """Text without the escape sequences that firmware paints its screens with."""
    text = re.sub(r"\x1b\[[0-9;?=]*[A-Za-z]", "", text)
    return text.replace("\r", "")


# ---------------------------------------------------------------- the laboratory

def read_volume(image, name):
    """The bytes of a file below lintel/ in a disk image, or None."""
    environment = dict(os.environ, MTOOLSRC=os.devnull, MTOOLS_SKIP_CHECK="1")
    done = subprocess.run(["mtype", "-i", f"{image}@@{ESP_OFFSET}", f"::/lintel/{name}"],
                          env=environment, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None


def lab_result(session, image):
    """The JSON text that the laboratory has left: (name of the file or "", bytes)."""
    log = session.text(COM1)
    file, serial = LAB_FILE.search(log), LAB_SERIAL.search(log)
    if file:
        name, text, size = file[1], read_volume(image, file[1]), int(file[2])
    elif serial:
        name, text, size = "", serial[1].replace("\r", "").encode(), int(serial[2])
    else:
        raise EmulatorError(f"the laboratory gave no result:\n{log_tail(session)}")
    if text is None or len(text) != size:
        raise EmulatorError(f"the laboratory's result {name or 'on the serial port'} should have "
                            f"{size} bytes: {'no such file' if text is None else len(text)}")
    return name, text


def run_lab(build=ROOT / "build", name="lab", cpu_model="", emulator="bochs", log_level="info",
            timeout=LAB_TIMEOUT):
    """Runs the laboratory in a machine of its own and returns its result as a dictionary.

    EmulatorError: it did not come to an end, and the text says why."""
    volume = Volume(log_level, lab="on")
    with RunDirectory(name) as directory:
        image = volume.make_image(directory.path / "lintel.img", build)
        target = Machine(image, emulator=emulator, cpu_model=cpu_model)
        with Session(target, directory) as run:
            outcome = wait_for_end(run, timeout)
            if outcome.status != 0:
                raise EmulatorError(f"the laboratory failed: {outcome.text}\n{log_tail(run)}")
            return json.loads(lab_result(run, image)[1])
