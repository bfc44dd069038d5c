"""drivers.img: the drivers of drivers/io on the bare machine, judged by the emulators' own devices.

The image tests every device that it finds.  A disk's serial number says what it is good for
(guest_tests/drivers/t_disk_errors.c); disks whose first sector says so are written.  Here are virtio's
devices; a PC's old ones are in drivers_pc.py."""
import re
import socket
from dataclasses import dataclass
from pathlib import Path

from emulator import machine, session

from .machines import TAP_PLAN, TAP_RESULT

MARK = b"LINTEL-SCRATCH"
DISK_BYTES = 16 << 20
LARGER = "20M"
LIMIT = 150  # seconds from one line that is waited for to the next
WANTS = r"^LINTEL-DRIVERS wants (\w+)\r?\n"  # the whole line, which may come in pieces
END = r"^# failed (\d+)\r?\n"
SKIPPED = re.compile(r"^(.*) # SKIP (.*)$")
FOUND = re.compile(r"^# (disk|nic) (\S+ \S+)", re.MULTILINE)


@dataclass
class Disk:
    """A virtio disk: its serial number, which is its file's and its node's name, too."""
    name: str
    scratch: bool = True
    properties: str = ""    # of the device
    transitional: bool = False
    backend: str = "driver=raw,node-name={name},file.driver=file,file.filename={file}"


# With MSI-X; several queues and 4 KiB sectors; fewer vectors than queues, with a transitional device's ids;
# without MSI-X, behind a bridge; a queue of four entries without indirect descriptors and event index, of a
# device that takes the bus's addresses alone; what t_disk_errors.c wants.
DISKS = (
    Disk("queues", properties=",num-queues=4,logical_block_size=4096,physical_block_size=4096",
         backend="driver=raw,node-name={name},discard=unmap,file.driver=file,file.filename={file}"),
    Disk("few", properties=",num-queues=4,vectors=2", transitional=True),
    Disk("line", properties=",num-queues=2,vectors=0,bus=bridge"),
    Disk("small", properties=",num-queues=1,queue-size=4,indirect_desc=off,event_idx=off,"
                             "iommu_platform=on"),
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
# name, the last byte of its address, its network, its properties.  What the third one sends nobody reads.
CARDS = (
    ("nic", 0x56, "user", ""),
    ("line-nic", 0x57, "user", ",vectors=0"),
    ("deaf", 0x99, "socket,connect=127.0.0.1:{port}", ""),
)
DEVICES = len(DISKS) + 1 + len(CARDS)  # and the disk that grows

# Tests of IDE and CD drives, and of a card that computes checksums: QEMU's user network lets virtio's not.
PC_ONLY = frozenset({"ide_reset_during_writes", "cd_without_a_medium", "cd_reads",
                     "cd_ejected_and_inserted", "nic_checksums_by_the_card"})

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


def qemu_devices(folder, port):
    """All virtio devices, their files in `folder`."""
    plain = make_disk(folder / "plain.img", True)
    argv = ["-device", "pcie-root-port,id=bridge", "-device", "edu",
            "-drive", f"if=none,id=plain,format=raw,discard=unmap,file={plain}",
            "-device", "virtio-blk-pci,drive=plain,serial=plain,disable-legacy=on"]
    for disk in DISKS:
        file = make_disk(folder / f"{disk.name}.img", disk.scratch)
        argv += ["-blockdev", disk.backend.format(name=disk.name, file=file), "-device",
                 f"virtio-blk-pci,drive={disk.name},serial={disk.name},"
                 f"disable-legacy={'off' if disk.transitional else 'on'}{disk.properties}"]
    for name, last, network, properties in CARDS:
        argv += ["-netdev", f"{network.format(port=port)},id=net-{name}",
                 "-device", f"virtio-net-pci,id={name},netdev=net-{name},disable-legacy=on,"
                            f"mac=52:54:00:12:34:{last:02x}{properties}"]
    return {"devices": tuple(argv)}


def deaf_peer():
    """A listener that takes a connection and never reads from it."""
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.bind(("127.0.0.1", 0))
    peer.listen(1)
    return peer


@dataclass
class Boot:
    """One boot of drivers.img."""
    name: str
    make: object                    # makes the devices' files in a folder; fields of the Machine
    devices: int                    # disks and cards that the image has to find
    skips: frozenset = frozenset()  # tests that have no device here
    wishes: dict = None             # what the image may ask the host for: monitor commands
    emulator: str = "qemu"
    chipset: str = "q35"
    limit: int = LIMIT


def judge(report, what, text, ended):
    """Each TAP line is a result, none is left out or skipped but what.skips, and every device was
    found."""
    name, devices = what.name, what.devices
    results = TAP_RESULT.findall(text)
    plan = TAP_PLAN.search(text)
    for failed, _, test in results:
        skipped = SKIPPED.match(test)
        if not failed and skipped and skipped[1] in what.skips:
            continue
        report.add(f"{name} {skipped[1] if skipped else test}", not failed and not skipped,
                   skipped[2] if skipped else "", text)
    found = FOUND.findall(text)
    report.add(f"{name} devices", len(found) == devices, f"{len(found)} of {devices}", text)
    report.add(f"{name} plan", ended and plan is not None and int(plan[1]) == len(results),
               f"{len(results)} results", text)


def follow(run, wishes, limit):
    """Does what the image asks the host for, if it can (`wishes`), until it ends; whether it did."""
    while True:
        seen = run.wait([(session.COM1, WANTS), (session.COM1, END)], limit)
        if seen.reason != "matched":
            return False
        word = seen.match[1].decode("ascii")
        if word.isdigit():
            return True
        if wishes is not None:
            run.debugger().ask(wishes[word].format(folder=run.path))


def boot(report, options, what):
    """Boots, does what the image asks for, and judges what it says."""
    with machine.RunDirectory(what.name.replace(" ", "-")) as directory:
        target = machine.Machine(options.build / "drivers.img", emulator=what.emulator,
                                 chipset=what.chipset, debugger=True,
                                 **what.make(Path(directory.path)))
        with session.Session(target, directory) as run:
            ended = follow(run, what.wishes, what.limit)
            judge(report, what, run.text(session.COM1), ended)


def virtio(report, options):
    """The drivers against QEMU's virtio devices."""
    with deaf_peer() as peer:
        port = peer.getsockname()[1]
        boot(report, options, Boot("drivers virtio", lambda folder: qemu_devices(folder, port),
                                   DEVICES, PC_ONLY, MONITOR))
