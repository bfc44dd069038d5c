"""Linux guests under Lintel on Bochs with virtio disks and networks: the control partition's, which has them
from Bochs' IDE disk and its e1000.  What the guests do is in scenarios.py."""
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import mkdisk
from emulator import lintel, machine, session

from . import host, scenarios, web
from .machines import judge_dmesg, logs

KERNEL = "cloud/vmlinuz"
INITRAMFS = "initramfs-storage.gz"
QUICK = "console=ttyS0 quiet mitigations=off cryptomgr.notests rodata=off"  # half of a boot less
MEMORY = "128M"
TIMEOUT = 1500  # seconds: two minutes of a processor had not been enough for the step switch
MAC = "52:54:00:12:34:56"
CONSOLES = (session.COM2, session.COM3)  # the guests', in turns
SERVED_BYTES = 1 << 20
PEERS = ("10.77.0.1", "10.77.0.2")

# The second disk of the machine is Lintel's ide1: the first one is the boot medium.
PARTS = (mkdisk.Part("files", 32, fat=True), mkdisk.Part("root", 32))
FILE = "guest.img"
FILE_MIB = 24
ROOT_OFFSET = 33 << 20
DISKS = {"vda": "ide1:root", "vdb": f"ide1:files:/{FILE}"}


@dataclass
class Hardware:
    """What the emulated machine has beside its boot medium."""
    drives: tuple = ()
    mac: str = ""
    cpus: int = 1


def linux(options, name, words, **keys):
    """A Linux guest; `words` for tools/guest_init/scenario."""
    return lintel.Guest(name, options.guests / KERNEL, MEMORY, options.build / INITRAMFS,
                        f"{QUICK} {words}", on_reboot="restart", **keys)


def console_text(run, name):
    """What a guest wrote on the port that shows it."""
    return b"".join(console.text_of(name, run.streams[session.GUEST_AT[port]].text)
                    for port, console in run.consoles.items()).decode("utf-8", "replace")


def prepare(options, directory, guests, hardware):
    """The machine that boots the guests together with the control partition, and their consoles."""
    volume = lintel.Volume(run="together")
    volume.add_control(options.build / "control.elf")
    volume.lines.append("control_memory = 64M")
    for number, guest in enumerate(guests):
        guest.console = f"com{2 + number}"
        volume.add(guest)
    memory = sum(lintel.parse_size(guest.memory) for guest in guests)
    image = volume.make_image(directory.path / "lintel.img", options.build)
    consoles = [lintel.GuestConsole(port=port) for port in CONSOLES[:len(guests)]]
    return machine.Machine(image, cpus=hardware.cpus, serial_ports=1 + len(guests),
                           memory=machine.emulator_memory(memory), drives=hardware.drives,
                           mac=hardware.mac), consoles


def boot(report, options, name, directory, guests, hardware, judge):
    """Boots the guests; judge(guest, text) for each of them."""
    target, consoles = prepare(options, directory, guests, hardware)
    with session.Session(target, directory, console=consoles) as run:
        outcome = lintel.wait_for_end(run, TIMEOUT)
        for guest in guests:
            text = scenarios.judge_lines(report, f"{name} {guest.name}", console_text(run, guest.name))
            judge(guest, text)
            judge_dmesg(report, f"{name} {guest.name}", text)
        report.add(f"{name}: ends", outcome.status == 0, outcome.text, logs(run))


def built(report, options):
    return host.make(report, "build Lintel and the guest", f"B={options.top}", "all", "guests")


# ---------------------------------------------------------------- disks

def make_drive(folder):
    """A disk with an empty partition, and one with FAT and a file of zeros as a disk of its own."""
    source = folder / "zeros"
    with open(source, "wb") as file:
        file.truncate(FILE_MIB << 20)
    parts = [mkdisk.Part(part.name, part.mib, part.fat) for part in PARTS]
    parts[0].files.append(f"{FILE}={source}")
    mkdisk.make(folder / "drive.img", parts)
    source.unlink()
    return folder / "drive.img"


def take_file(drive, to):
    """The file on the drive's FAT partition."""
    subprocess.run(["mcopy", "-n", "-i", f"{drive}@@1M", f"::/{FILE}", str(to)], check=True,
                   env=dict(os.environ, MTOOLSRC=os.devnull, MTOOLS_SKIP_CHECK="1"))
    return to


def disk(report, options):
    """A guest with disks: a partition, a file on FAT; file systems on them over a reboot."""
    if not built(report, options):
        return
    with machine.RunDirectory("disk") as directory:
        folder = Path(directory.path)
        drive = make_drive(folder)
        guest = linux(options, "linux", scenarios.disk_words(*DISKS),
                      devices=tuple(("disk", text) for text in DISKS.values()))
        boot(report, options, "disk", directory, [guest], Hardware((machine.Drive(drive),)),
             lambda _, text: scenarios.judge_disks(report, "disk", text, DISKS))
        scenarios.judge_image(report, "disk, partition", drive, ROOT_OFFSET)
        scenarios.judge_image(report, "disk, file", take_file(drive, folder / "file.img"))


# ---------------------------------------------------------------- networks

def network(report, options):
    """A guest with a network card: DHCP, ping and HTTP through the machine's e1000."""
    if not built(report, options):
        return
    with machine.RunDirectory("network") as directory, web.Server("network", SERVED_BYTES) as server:
        guest = linux(options, "linux", scenarios.net_words(server), devices=(("net", "lan"),))
        boot(report, options, "network", directory, [guest], Hardware(mac=MAC),
             lambda _, text: scenarios.judge_net(report, "network", text, server))


def switch(report, options):
    """Two guests on a switch that send each other 10 MiB."""
    if not built(report, options):
        return
    guests = [linux(options, f"linux{own}", scenarios.peer_words(PEERS[own], PEERS[1 - own]),
                    devices=(("net", "inside"),)) for own in (0, 1)]
    peer_of = {guest.name: peer for guest, peer in zip(guests, reversed(PEERS))}
    with machine.RunDirectory("switch") as directory:
        boot(report, options, "switch", directory, guests, Hardware(),
             lambda guest, text: scenarios.judge_peer(report, f"switch {guest.name}", text,
                                                      peer_of[guest.name]))
