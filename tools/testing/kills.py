"""The control partition is killed again and again (guest_tests/t_killer.c) while guests go on with their
disks and networks (t_virtio_survivor.c): nothing that they were told is done may be lost."""
import itertools
import re
import struct
from dataclasses import dataclass
from pathlib import Path

import mkdisk
from emulator import lintel, machine, session

from . import host, together
from .machines import logs
from .report import side_by_side

TIMEOUT = 60               # seconds of a boot, and of each death
HZ = 50_000_000            # of Bochs' TSC
LATE = 2 * HZ              # I/O goes on within two seconds
EACH = HZ * 3 // 2         # ticks from one death to the next, on the average
START, LINGER = HZ // 2, HZ
PART_MIB = 4
DISK_BYTES = 256 * 4096    # of each partition that the guests use
PARTS = {"first": "ide1:first", "second": "ide1:second,cache=none", "third": "ide1:third,cache=writethrough"}
KILLS = re.compile(r"^LINTEL-KILLS null=(\d+) smashed=(\d+) endless=(\d+) slowest=(\d+)\r?$", re.MULTILINE)
SURVIVED = re.compile(r"^LINTEL-SURVIVOR requests=(\d+) flushes=(\d+) resets=(\d+) longest=(\d+) sent=(\d+) "
                      r"received=(\d+) silence=(\d+) disk=0x([0-9a-f]+)\r?$", re.MULTILINE)
DEADLY = re.compile(r"^LINTEL-DEADLY ticks=(\d+)\r?$", re.MULTILINE)
FAILED = "guest deadly: disk0: the control partition has died over its work again and again"
LIVES = 3                  # that one request may kill (KEPT_DEADLY of control/served/kept.h)
LEFT = re.compile(r"^LINTEL-LEAVER disk=0x([0-9a-f]+)\r?$", re.MULTILINE)
DIED = re.compile(r"control partition died: ")
WORDS = 64                 # of 64 bits


@dataclass
class Plan:
    """How often, and on how many CPUs."""
    name: str
    kills: int
    cpus: int
    seed: int
    late: int = LATE


def survivors(options, plan):
    """One for each partition of the disk."""
    for number, (name, text) in enumerate(PARTS.items()):
        one = together.guest(options, "virtio_survivor", name, {"memory": "8M"}, seed=plan.seed + number,
                             ticks=START + plan.kills * EACH + LINGER, late=plan.late, line=number % 2,
                             memory=int(number == 2))
        one.devices = (("disk", text), ("net", "inner"))
        yield one


def guests(options, plan):
    """The killer, and survivors."""
    yield together.guest(options, "killer", "killer", {"memory": "8M", "served": "devices"}, kills=plan.kills,
                         ticks=plan.kills * EACH, seed=plan.seed, start=START, late=LATE)
    yield from survivors(options, plan)


def leaving(options):
    """A guest that ends in the middle of a death: on the other CPU, since an endless loop keeps its own."""
    keys = {"memory": "8M", "cpu": 1}
    leaver = together.guest(options, "virtio_leaver", "leaver", keys)
    leaver.devices, leaver.switches = (("disk", "ide1:first"),), ()
    yield together.guest(options, "killer", "killer", {**keys, "served": "devices"}, kills=1, ticks=1000,
                         loops=1, start=2 * HZ, late=LATE)
    yield leaver


def with_deadly(options, plan):
    """A guest whose request kills each life that looks at it, and two that go on."""
    deadly = together.guest(options, "virtio_deadly", "deadly", {"memory": "8M"}, start=START)
    deadly.devices = (("disk", "memory:1M,deadly"),)
    yield deadly
    yield from itertools.islice(survivors(options, plan), 2)


def sum_of(data):
    """As t_virtio_survivor.c computes it."""
    total = 0
    for (word,) in struct.iter_unpack("<Q", data):
        total = (total * 31 + word) % (1 << WORDS)
    return total


def on_disk(drive):
    """name -> the sum of what the guest's partition holds."""
    sums, offset = {}, 1 << 20
    with open(drive, "rb") as file:
        for name in PARTS:
            file.seek(offset)
            sums[name] = sum_of(file.read(DISK_BYTES))
            offset += PART_MIB << 20
    return sums


def judge_survivor(report, name, said, ended, on_medium, log, late=LATE):
    """It ended well, went on all the time, and its disk holds what it wrote."""
    found = SURVIVED.search(said)
    text = found[0].strip() if found else f"{ended}"
    report.add(name, ended == ("debug-exit", 0) and bool(found), text, said + log)
    if not found:
        return
    requests, _, resets, longest, _, received, silence = (int(number) for number in found.groups()[:-1])
    report.add(f"{name}: goes on", 0 < longest < late and requests > 0 and resets > 0,
               f"{requests} requests, {resets} resets, {longest / HZ:.2f} s without", said)
    report.add(f"{name}: frames come", 0 < silence < late and received > 0,
               f"{received} frames, {silence / HZ:.2f} s without", said)
    report.add(f"{name}: what it flushed is on the disk", on_medium == int(found[8], 16),
               log=said + log)


def judge(report, plan, run, outcome, drive):
    """So many deaths, in all ways, and nobody has noticed but by the time."""
    log, name = lintel.strip_controls(run.text(session.COM1)), plan.name
    ended = {one: (end, int(status)) for one, end, status in lintel.GUEST_LINE.findall(log)}
    said = together.said_by(run, "killer")
    killed = KILLS.search(said)
    ways = [int(way) for way in killed.groups()[:3]] if killed else []
    report.add(f"{name}: kills", ended.get("killer") == ("debug-exit", 0) and sum(ways) == plan.kills and
               min(ways) > 0, killed[0].strip() if killed else "", said + logs(run))
    deaths = len(DIED.findall(log))
    report.add(f"{name}: deaths", deaths == plan.kills, f"{deaths}", log)
    sums = on_disk(drive)
    for one in PARTS:
        judge_survivor(report, f"{name}: {one}", together.said_by(run, one), ended.get(one), sums[one],
                       logs(run))
    report.add(f"{name}: ends", outcome.status == 0, outcome.text, logs(run))


def judge_leaver(report, plan, run, outcome, drive):
    """It has ended before the control partition was there again, and what it had written is on the disk."""
    log, said = lintel.strip_controls(run.text(session.COM1)), together.said_by(run, "leaver")
    found = LEFT.search(said)
    ended = {one: (end, int(status)) for one, end, status in lintel.GUEST_LINE.findall(log)}
    report.add(f"{plan.name}: the guest", ended.get("leaver") == ("debug-exit", 0), f"{ended.get('leaver')}",
               said + logs(run))
    lives = log.split("control partition died: ")
    report.add(f"{plan.name}: a death, and it was gone", len(lives) == 2 and "guest leaver: disk0" in lives[0] and
               "guest leaver: disk0" not in lives[1], log=log)
    report.add(f"{plan.name}: what it wrote is on the disk",
               bool(found) and on_disk(drive)["first"] == int(found[1], 16), log=said + log)
    report.add(f"{plan.name}: ends", outcome.status == 0, outcome.text, logs(run))


def judge_deadly(report, plan, run, outcome, drive):
    """As many deaths as it takes; then its device alone has failed, until it is reset."""
    log, said = lintel.strip_controls(run.text(session.COM1)), together.said_by(run, "deadly")
    found, name = DEADLY.search(said), plan.name
    ended = {one: (end, int(status)) for one, end, status in lintel.GUEST_LINE.findall(log)}
    report.add(f"{name}: the guest", ended.get("deadly") == ("debug-exit", 0) and bool(found),
               found[0].strip() if found else f"{ended.get('deadly')}", said + logs(run))
    deaths = len(DIED.findall(log))
    report.add(f"{name}: deaths", deaths == plan.kills, f"{deaths}", log)
    report.add(f"{name}: says whose device it is", log.count(FAILED) == 1, log=log)
    for one in ("first", "second"):
        judge_survivor(report, f"{name}: {one}", together.said_by(run, one), ended.get(one),
                       on_disk(drive)[one], logs(run), plan.late)
    report.add(f"{name}: ends", outcome.status == 0, outcome.text, logs(run))


def boot(report, options, plan, guests_of=None, judge_it=judge):
    """One boot."""
    if not host.make(report, "build guest tests", f"B={options.top}", "guest-images"):
        return
    volume = lintel.Volume(run="together")
    volume.add_control(options.build / "control.elf")
    ports = (session.COM2, session.COM3, session.COM4)
    for number, one in enumerate(guests_of or guests(options, plan)):
        one.console = f"com{2 + number % len(ports)}"
        volume.add(one)
    with machine.RunDirectory("kills") as directory:
        drive = Path(directory.path) / "drive.img"
        mkdisk.make(drive, [mkdisk.Part(name, PART_MIB) for name in PARTS])
        image = volume.make_image(directory.path / "lintel.img", options.build)
        target = machine.Machine(image, cpus=plan.cpus, serial_ports=1 + len(ports),
                                 drives=(machine.Drive(drive),))
        consoles = [lintel.GuestConsole(port=port) for port in ports]
        with session.Session(target, directory, console=consoles) as run:
            outcome = lintel.wait_for_end(run, TIMEOUT * (10 + plan.kills))
            judge_it(report, plan, run, outcome, drive)


def kills(report, options):
    """The control partition is killed ten times while guests read, write and talk; by a guest that leaves;
    by a request again and again."""
    by_request = Plan("kills, by one's request", LIVES, 1, 1, LIVES * LATE)
    side_by_side(report, [
        lambda part: boot(part, options, Plan("kills", 10, 1, 1)),
        lambda part: boot(part, options, Plan("kills, a guest leaves", 1, 2, 1), leaving(options),
                          judge_leaver),
        lambda part: boot(part, options, by_request, with_deadly(options, by_request), judge_deadly)])


def soak(report, options):
    """The same a hundred times, on two CPUs."""
    # Among so many, a death comes before the one before is over for the last guest: EACH / 2 after
    # it (t_killer.c) at the earliest.  The killer's own limit, for each of them, stays.
    boot(report, options, Plan("kills-soak", 100, 2, 2, LATE + EACH // 2))
