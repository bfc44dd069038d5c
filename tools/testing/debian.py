"""Debian (tools/mkdebian.py) as a guest: two lives with a login at the console, a large archive unpacked in
the first one and looked at in both, its disk looked at in the end.  Under Lintel on Bochs the disk is a
partition of the machine's second IDE disk; on QEMU, without Lintel, it is QEMU's virtio disk."""
import re
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import mkdebian
from emulator import lintel, machine, session

from . import host, linux_devices, scenarios
from .machines import judge_dmesg, logs

MEMORY = "384M"
# Left out: what only makes a boot long (linux_devices.QUICK).
CMDLINE = f"{linux_devices.QUICK} root=/dev/vda ro"
TIMEOUT = 5400  # seconds, for all of it
ROOT_OFFSET = 1 << 20
UNPACKED = "/root/unpacked"
TOOL_TIMEOUT = 120
# QEMU's clock goes by instructions, 16 ns each: a busy workstation would let the guest's time-outs pass.
QEMU_CLOCK = ("-icount", "shift=4")

SUM_LINE = re.compile(r"^([0-9a-f]{64})  -$", re.MULTILINE)
SUMS = (f"cd {UNPACKED} && echo 3 >/proc/sys/vm/drop_caches && " +
        mkdebian.DIGEST_COMMAND.format(" ".join(mkdebian.ARCHIVED)))
DMESG = "dmesg -k -r -l emerg,alert,crit,err,warn | sed 's/^/LINTEL-DMESG /'; echo LINTEL-DMESG end"


class Lost(Exception):
    """The guest does not go on; the text says what it was to do."""


@dataclass
class Talk:
    """A conversation with a shell of the guest's, at a stream of a session, until a time."""
    report: object
    name: str
    run: session.Session
    stream: int
    end: float
    warns: bool = True  # whether the kernel's warnings are judged
    commands: int = 0

    def hear(self, pattern, what):
        """Waits for a pattern and returns its match."""
        ended = self.run.wait([(self.stream, pattern)], max(1.0, self.end - time.monotonic()))
        if ended.reason != "matched":
            raise Lost(f"{what}: {ended.reason}")
        return ended.match

    def type(self, line):
        """A line and its end."""
        self.run.send(self.stream, line.encode() + b"\n")

    def login(self):
        """root, by its password, to a shell without prompt and echo."""
        self.hear("login: ", "a login prompt")
        self.type("root")
        self.hear("Password: ", "a question for the password")
        self.type(mkdebian.PASSWORD)
        self.hear("root@debian:~# ", "a shell")
        self.type("stty -echo; PS1= exec sh")
        self.command("true")
        self.report.add(f"{self.name}: a login at the console", True)

    def command(self, line):
        """(exit status, what it printed)"""
        self.commands += 1
        start = len(self.run.streams[self.stream].text)
        self.type(f"{line}; echo LINTEL-DID {self.commands} $?")
        match = self.hear(rf"LINTEL-DID {self.commands} (\d+)\r?\n", line)
        text = match.string[start:match.start()].decode("utf-8", "replace")
        return int(match[1]), lintel.strip_controls(text)

    def judge(self, what, line, good=lambda text: True):
        """A command must succeed, and what it prints be good."""
        begun = time.monotonic()
        status, text = self.command(line)
        self.report.add(f"{self.name}: {what}", status == 0 and good(text),
                        f"{time.monotonic() - begun:.0f} s" + f", status {status}" * (status != 0), text)


def healthy(talk, wanted):
    """What holds in each life: `wanted` is the sum of what was unpacked."""
    talk.judge("the root file system was clean", "journalctl -b -o cat -u systemd-fsck-root",
               lambda text: f"{mkdebian.LABEL}: clean, " in text)
    talk.judge("the files' sum, read from the disk", SUMS,
               lambda text: SUM_LINE.findall(text) == [wanted])
    talk.judge("no unit failed", "systemctl list-units --failed --plain --no-legend",
               lambda text: not text.strip())
    if talk.warns:
        _, text = talk.command(DMESG)
        judge_dmesg(talk.report, talk.name, text)


def live(talk, wanted):
    """Both lives."""
    talk.login()
    talk.judge("it is Debian", "cat /etc/os-release; uname -r", lambda text: "\nID=debian\n" in text)
    talk.judge("unpacks the archive", f"mkdir {UNPACKED} && tar -x -C {UNPACKED} -f /{mkdebian.ARCHIVE}")
    talk.judge("sync", "sync")
    healthy(talk, wanted)
    talk.type("reboot")
    talk.login()
    healthy(talk, wanted)
    talk.type("poweroff")


def judge_disk(report, name, image, wanted):
    """What the workstation finds on the disk afterwards."""
    place = scenarios.judge_clean(report, name, image, ROOT_OFFSET)
    with tempfile.TemporaryDirectory(dir=image.parent) as folder:
        dump = subprocess.run(["/sbin/debugfs", "-R", f"rdump {UNPACKED} {folder}", place],
                              capture_output=True, check=False, timeout=TOOL_TIMEOUT)
        found = mkdebian.digest(Path(folder, Path(UNPACKED).name), mkdebian.ARCHIVED)
    report.add(f"{name}: the sum of the files on the disk's image", found == wanted,
               log=dump.stderr.decode("utf-8", "replace"))


def scenario(report, name, target, directory, drive, wanted, consoles=()):
    """A machine's whole run."""
    with session.Session(target, directory, console=consoles) as run:
        stream = session.GUEST if consoles else session.COM1
        try:
            live(Talk(report, name, run, stream, time.monotonic() + TIMEOUT, bool(consoles)), wanted)
            if consoles:
                outcome = lintel.wait_for_end(run, TIMEOUT)
                report.add(f"{name}: ends", outcome.status == 0, outcome.text, logs(run))
            else:
                report.add(f"{name}: powers off", run.wait_for_exit(TIMEOUT))
        except Lost as error:
            report.add(name, False, str(error), f"{logs(run)}\n{run.text(stream)[-3000:]}")
            return
    judge_disk(report, name, drive, wanted)


def prepared(report, options, directory):
    """(the folder with Debian's files, its disk for this run, the archive's sum), or None."""
    folder = options.guests / "debian"
    if not host.make(report, "make Debian", f"B={options.top}", "debian", "SETUP=0"):
        return None
    drive = directory.path / "drive.img"
    subprocess.run(["cp", "--sparse=always", str(folder / "disk.img"), str(drive)], check=True)
    return folder, drive, (folder / "archive.sum").read_text(encoding="ascii").strip()


def debian(report, options):
    """Debian under Lintel on Bochs: login, a large archive, a reboot, a file system that is clean."""
    if not linux_devices.built(report, options):
        return
    with machine.RunDirectory("debian") as directory:
        made = prepared(report, options, directory)
        if not made:
            return
        folder, drive, wanted = made
        guest = lintel.Guest("debian", folder / "vmlinuz", MEMORY, folder / "initrd.img", CMDLINE,
                             on_reboot="restart", devices=(("disk", f"ide1:{mkdebian.PARTITION}"),))
        target, consoles = linux_devices.prepare(options, directory, [guest],
                                                 linux_devices.Hardware((machine.Drive(drive),)))
        scenario(report, "debian", target, directory, drive, wanted, consoles)


def on_qemu(report, options):
    """Debian on QEMU, without Lintel: the guest's side of the step debian."""
    with machine.RunDirectory("debian-qemu") as directory:
        made = prepared(report, options, directory)
        if not made:
            return
        folder, drive, wanted = made
        medium = directory.path / "empty.img"  # the firmware starts the kernel without looking at it
        medium.write_bytes(bytes(1 << 20))
        root = f"driver=raw,node-name=root,offset={ROOT_OFFSET},size={mkdebian.ROOT_MIB << 20},file=disk"
        target = machine.Machine(
            medium, emulator="qemu", memory=lintel.parse_size(MEMORY), serial_ports=2,
            devices=(*QEMU_CLOCK, "-kernel", str(folder / "vmlinuz"), "-initrd", str(folder / "initrd.img"),
                     "-append", CMDLINE, "-action", "reboot=reset",
                     "-blockdev", f"driver=file,node-name=disk,filename={drive}", "-blockdev", root,
                     "-device", "virtio-blk-pci,drive=root,disable-legacy=on"))
        scenario(report, "debian qemu", target, directory, drive, wanted)
