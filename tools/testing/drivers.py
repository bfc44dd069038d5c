"""drivers.img: the drivers of drivers/io on the bare machine, judged by the emulators' own devices.

The image tests every device that it finds.  A disk's serial number says what it is good for
(guest_tests/drivers/t_disk_errors.c); disks whose first sector says so are written."""
import re
from dataclasses import dataclass
from pathlib import Path

from emulator import machine, session

from . import host
from .machines import TAP_PLAN, TAP_RESULT

MARK = b"LINTEL-SCRATCH"
DISK_BYTES = 16 << 20
LARGER = "20M"
LIMIT = 150  # seconds from one line that is waited for to the next
WANTS = r"^LINTEL-DRIVERS wants (\w+)"
END = r"^# failed (\d+)"
SKIPPED = re.compile(r"^(.*) # SKIP (.*)$")
FOUND = re.compile(r"^# (disk|nic) (\S+ \S+)", re.MULTILINE)


@dataclass
class Disk:
    """A virtio disk: its serial number, which is its file's and its node's name, too."""
    name: str
    scratch: bool = True
    properties: str = ""    # of the device
    backend: str = "driver=raw,node-name={name},file.driver=file,file.filename={file}"


# With MSI-X; several queues and 4 KiB sectors; fewer vectors than queues; without MSI-X; a queue of four
# entries without indirect descriptors and event index; what t_disk_errors.c wants.
DISKS = (
    Disk("queues", properties=",num-queues=4,logical_block_size=4096,physical_block_size=4096",
         backend="driver=raw,node-name={name},discard=unmap,file.driver=file,file.filename={file}"),
    Disk("few", properties=",num-queues=4,vectors=2"),
    Disk("line", properties=",num-queues=2,vectors=0"),
    Disk("small", properties=",num-queues=1,queue-size=4,indirect_desc=off,event_idx=off"),
    Disk("readonly", scratch=False,
         backend="driver=raw,node-name={name},read-only=on,file.driver=file,file.filename={file}"),
    Disk("errors", scratch=False,
         backend="driver=raw,node-name={name},file.driver=blkdebug,"
                 "file.inject-error.0.event=read_aio,file.inject-error.0.sector=64,"
                 "file.inject-error.0.errno=5,file.image.driver=file,file.image.filename={file}"),
    Disk("slow", scratch=False,
         backend="driver=null-co,node-name={name},size=16777216,latency-ns=1000000000,"
                 "read-zeroes=on"),
)
DEVICES = len(DISKS) + 1 + 2  # beside these: the disk that grows, and two network cards

MONITOR = {
    "larger": f"block_resize plain {LARGER}",
    "unplugged": "set_link nic off",
    "plugged": "set_link nic on",
}


def make_disk(path, scratch):
    """A disk of zeros; the first bytes say that it may be written."""
    with open(path, "wb") as file:
        file.truncate(DISK_BYTES)
        if scratch:
            file.write(MARK)
    return path


def qemu_devices(folder):
    """QEMU's arguments for all virtio devices, their files in `folder`."""
    plain = make_disk(folder / "plain.img", True)
    argv = ["-drive", f"if=none,id=plain,format=raw,discard=unmap,file={plain}",
            "-device", "virtio-blk-pci,drive=plain,serial=plain,disable-legacy=on"]
    for disk in DISKS:
        file = make_disk(folder / f"{disk.name}.img", disk.scratch)
        argv += ["-blockdev", disk.backend.format(name=disk.name, file=file), "-device",
                 f"virtio-blk-pci,drive={disk.name},serial={disk.name},disable-legacy=on"
                 f"{disk.properties}"]
    for number, (name, properties) in enumerate((("nic", ""), ("line-nic", ",vectors=0"))):
        argv += ["-netdev", f"user,id=net{number}", "-device",
                 f"virtio-net-pci,id={name},netdev=net{number},disable-legacy=on,"
                 f"mac=52:54:00:12:34:{0x56 + number:02x}{properties}"]
    return tuple(argv)


def judge(report, name, text, devices, ended):
    """Each TAP line is a result, none is left out, and every device was found."""
    results = TAP_RESULT.findall(text)
    plan = TAP_PLAN.search(text)
    for failed, _, test in results:
        skipped = SKIPPED.match(test)
        report.add(f"{name} {skipped[1] if skipped else test}", not failed and not skipped,
                   skipped[2] if skipped else "", text)
    found = FOUND.findall(text)
    report.add(f"{name} devices", len(found) == devices, f"{len(found)} of {devices}", text)
    report.add(f"{name} plan", ended and plan is not None and int(plan[1]) == len(results),
               f"{len(results)} results", text)


def follow(run, wishes):
    """Does what the image asks the host for, until it ends; whether it did."""
    while True:
        seen = run.wait([(session.COM1, WANTS), (session.COM1, END)], LIMIT)
        if seen.reason != "matched":
            return False
        word = seen.match[1].decode("ascii")
        if word.isdigit():
            return True
        run.debugger().ask(wishes[word])


def boot(report, options, name, devices, expected):
    """One boot of drivers.img with these devices; `devices` makes them in a folder."""
    with machine.RunDirectory(name.replace(" ", "-")) as directory:
        target = machine.Machine(options.build / "drivers.img", emulator="qemu", debugger=True,
                                 devices=devices(Path(directory.path)))
        with session.Session(target, directory) as run:
            ended = follow(run, MONITOR)
            judge(report, name, run.text(session.COM1), expected, ended)


def drivers(report, options):
    """The drivers against QEMU's virtio devices."""
    if host.make(report, "build drivers.img", f"B={options.top}",
                 str(options.build / "drivers.img")):
        boot(report, options, "drivers virtio", qemu_devices, DEVICES)
