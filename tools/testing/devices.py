"""The control partition finds the machine's disks and network cards, of Bochs."""
import re
import subprocess
from pathlib import Path

from emulator import lintel, machine, session

from . import host
from .machines import DEBUG_EXIT_PORT, logs
from .report import side_by_side

TIMEOUT = 360
MAC = "52:54:00:12:34:56"
DISK_MIB = 24
PARTITIONS = (("system", 16, "ef00"), ("data", 4, "8300"))  # name, MiB, type

# What the log says of a device; the first disk is the one that was booted.
DISK = r"^[^\n]*control: ide(\d): disk [^\n]*, (\d+) MiB, sectors of 512 bytes, at ata(\d)\.(\d)\r?$"
CD = r"^[^\n]*control: ide(\d): CD drive [^\n]* at ata(\d)\.(\d), no medium\r?$"
CARD = r"^[^\n]*control: net(\d): e1000 8086:100e, MAC ([0-9a-f:]+), link (up|down)\r?$"
LIFE = r"^[^\n]*control: life (\d+), "
STOPPED = r"control partition: bus mastering of (\d+) devices switched off\r?$"
DEATHS_LEAST = 5  # of guest_tests/t_forward.c


def make_disk(path):
    """A disk with a GUID partition table."""
    with open(path, "wb") as file:
        file.truncate(DISK_MIB << 20)
    argv = ["/usr/sbin/sgdisk"]
    for number, (name, mib, kind) in enumerate(PARTITIONS, start=1):
        argv += ["-n", f"{number}:0:+{mib}M", "-t", f"{number}:{kind}", "-c", f"{number}:{name}"]
    subprocess.run([*argv, str(path)], check=True, stdout=subprocess.DEVNULL)
    return path


def attached(folder):
    """Lines of the bochsrc: a second disk, a CD drive without a medium, a card."""
    (folder / "slirp.conf").write_text("# slirp config\n", encoding="ascii")
    return ("pci: enabled=1, chipset=i440fx, slot1=e1000",
            f"e1000: enabled=1, mac={MAC}, ethmod=slirp, script={folder / 'slirp.conf'}",
            f"ata0-slave: type=disk, mode=flat, path={make_disk(folder / 'second.img')}",
            "ata1: enabled=1, ioaddr1=0x170, ioaddr2=0x370, irq=15",
            'ata1-master: type=cdrom, path="", status=ejected')


def boot(report, options, name, lines, judge, image="cpuid", **keys):
    """Boots a control partition and one guest; `lines` makes the devices, in a folder."""
    volume = lintel.Volume()
    volume.add_control(options.build / "control.elf")
    volume.add(lintel.Guest("guest", Path(options.build) / "guest_tests" / f"{image}.flat", "32M",
                            debug_exit=DEBUG_EXIT_PORT, keys=keys))
    with machine.RunDirectory(name.replace(" ", "-")) as directory:
        disk = volume.make_image(directory.path / "lintel.img", options.build)
        target = machine.Machine(disk, devices=lines(directory.path))
        with session.Session(target, directory, console=lintel.GuestConsole()) as run:
            outcome = lintel.wait_for_end(run, TIMEOUT)
            log = lintel.strip_controls(run.text(session.COM1))
            report.add(f"{name}: ends", outcome.status == 0, outcome.text, logs(run))
            judge(report, name, log)


def all_of_them(report, name, log):
    """One life; the disks by channel and drive, the card with its address."""
    report.add(f"{name}: one life", re.findall(LIFE, log, re.MULTILINE) == ["0"], log=log)
    disks = re.findall(DISK, log, re.MULTILINE)
    report.add(f"{name}: disks", [(d[0], d[2], d[3]) for d in disks] ==
               [("0", "0", "0"), ("1", "0", "1")] and disks[1][1] == str(DISK_MIB), f"{disks}", log)
    drives = re.findall(CD, log, re.MULTILINE)
    report.add(f"{name}: a CD drive", drives == [("2", "1", "0")], f"{drives}", log)
    cards = re.findall(CARD, log, re.MULTILINE)
    report.add(f"{name}: a card", cards == [("0", MAC, "up")], f"{cards}", log)


def only_the_first(report, name, log):
    """What is not there is not found, and nothing is refused."""
    disks = re.findall(DISK, log, re.MULTILINE)
    report.add(f"{name}: the boot disk alone", [d[0] for d in disks] == ["0"] and
               not re.search(CD, log, re.MULTILINE) and not re.search(CARD, log, re.MULTILINE),
               f"{disks}", log)
    report.add(f"{name}: nothing is refused", "not used" not in log and "control: warning" not in log,
               log=log)


def found_by(life):
    """What a part of the log says that was found."""
    patterns = (DISK, CD, CARD)
    return [len(re.findall(pattern, life, re.MULTILINE)) for pattern in patterns]


def again_and_again(report, name, log):
    """Each life of the control partition finds what the first one has found."""
    deaths = log.count("control partition died: ")
    lives = re.split(LIFE, log, flags=re.MULTILINE)[2::2]
    report.add(f"{name}: found by each life", deaths >= DEATHS_LEAST and
               len(lives) == deaths + 1 and
               all(found_by(life) == [2, 1, 1] for life in lives),
               f"{[found_by(life) for life in lives]}", log)
    stopped = re.findall(STOPPED, log, re.MULTILINE)
    report.add(f"{name}: DMA ends before the memory is another's", len(stopped) == deaths + 1 and
               all(int(count) >= 2 for count in stopped), f"{stopped}", log)


def devices(report, options):
    """The control partition's devices: disks and a card on Bochs, a machine without, several lives."""
    if host.make(report, "build guest tests", f"B={options.top}", "guest-images"):
        side_by_side(report, [
            lambda part: boot(part, options, "devices", attached, all_of_them),
            lambda part: boot(part, options, "no devices", lambda _: (), only_the_first),
            lambda part: boot(part, options, "devices after deaths", attached, again_and_again,
                              "forward", served="devices")])
