"""Test guests with virtio drivers of their own (guest_tests/virtio/): the same guests on QEMU's devices,
which judge the driver; and a hostile one beside one that does honest work, under Lintel."""
import re
from functools import partial

from emulator import lintel, machine, session

from . import host, together
from .machines import TAP_PLAN, TAP_RESULT, logs
from .report import side_by_side

LIMIT = 120       # seconds, of a guest on QEMU
END = r"^# failed (\d+)\r?\n"
DISK_BYTES = 16 << 20
BY_PORTS = ",modern-pio-notify=on"
# Those that judge what a driver sees; each with how many of its tests are for Lintel's devices alone, or
# have no device there.
ON_QEMU = {"virtio": 6, "virtio_start": 2, "virtio_blk": 0, "virtio_net": 3, "virtio_victim": 0}

SEEDS = (1, 2, 3)
TICKS = 400_000_000  # of the victim; the hostile guest needs as long for its rounds
ROUNDS = 400
VICTIM = re.compile(r"^LINTEL-VIRTIO victim blocks=(\d+) sum=0x[0-9a-f]+ slowest=(\d+)\r?$", re.MULTILINE)
HOSTILE = re.compile(r"^LINTEL-VIRTIO hostile devices=(\d+) rounds=(\d+) broken=(\d+)\r?$", re.MULTILINE)
# What is said of a device that a driver has broken (control/virtio/device.c), and of whose.
STOPPED = re.compile(r"needs a reset")


# ---------------------------------------------------------------- QEMU's devices

def qemu_devices(folder):
    """A disk, one that is read-only, two cards on one wire, entropy.  The disk and one card have their
    doorbells at ports, too, in front of those in memory."""
    argv = ["-device", "virtio-rng-pci,disable-legacy=on"]
    for name, properties in (("first", ",discard=unmap"), ("second", ",readonly=on")):
        file = folder / f"{name}.img"
        with open(file, "wb") as image:
            image.truncate(DISK_BYTES)
        argv += ["-drive", f"if=none,id={name},format=raw,file={file}{properties}",
                 "-device", f"virtio-blk-pci,drive={name},serial={name},disable-legacy=on"
                 f"{BY_PORTS if name == 'first' else ''}"]
    for number in (1, 2):
        argv += ["-netdev", f"hubport,hubid=0,id=net{number}", "-device",
                 f"virtio-net-pci,netdev=net{number},disable-legacy=on,romfile=,"
                 f"mac=52:54:00:12:34:{number:02x}{BY_PORTS if number == 1 else ''}"]
    return tuple(argv)


def on_qemu(report, options, image, skips):
    """A test guest's image on the bare machine."""
    name = f"virtio qemu {image}"
    with machine.RunDirectory(name.replace(" ", "-")) as directory:
        target = machine.Machine(options.build / "bare" / f"{image}.img", emulator="qemu",
                                 devices=qemu_devices(directory.path))
        with session.Session(target, directory) as run:
            ended = run.wait([(session.COM1, END)], LIMIT)
            text = run.text(session.COM1)
    results, plan = TAP_RESULT.findall(text), TAP_PLAN.search(text)
    for failed, _, test in results:
        report.add(f"{name} {test}", not failed, log=text)
    skipped = sum(" # SKIP " in test for _, _, test in results)
    report.add(f"{name} plan", ended.reason == "matched" and bool(plan) and
               int(plan[1]) == len(results) and skipped == skips,
               f"{len(results)} results, {skipped} left out", text)


# ---------------------------------------------------------------- under Lintel

def guest(options, image, name, devices, **words):
    """A guest with these devices and words on its command line."""
    one = together.guest(options, image, name, {"memory": "32M"}, **words)
    one.devices = devices
    return one


def with_hostile(options, seed):
    """A hostile guest and its victim on one CPU, and at one switch."""
    return together.Scenario(f"virtio, hostile {seed}", [
        guest(options, "virtio_hostile", "hostile",
              (("disk", "memory:1M"), ("disk", "memory:1M"), ("net", "inner"), ("net", "inner")),
              seed=seed, rounds=ROUNDS),
        guest(options, "virtio_victim", "victim", (("disk", "memory:2M"),), seed=seed, ticks=TICKS)],
                             control=True)


def judge_hostile(report, scenario, run, outcome):
    """Both end well; the control partition has said what was broken, and lives."""
    log, name = lintel.strip_controls(run.text(session.COM1)), scenario.name
    ended = {one: (end, int(status)) for one, end, status in lintel.GUEST_LINE.findall(log)}
    for one, pattern in (("victim", VICTIM), ("hostile", HOSTILE)):
        said = together.said_by(run, one)
        found = pattern.search(said)
        report.add(f"{name}: {one}", ended.get(one) == ("debug-exit", 0) and bool(found),
                   found[0].strip() if found else f"{ended.get(one, 'missing')}", said + logs(run))
    report.add(f"{name}: says what was broken", STOPPED.search(log) is not None, log=log)
    report.add(f"{name}: the control partition lives", "control partition died" not in log, log=log)
    report.add(f"{name}: ends", outcome.status == 0, outcome.text, logs(run))


def virtio(report, options):
    """Test guests' own virtio drivers: on QEMU's devices, and a hostile one beside an honest one."""
    images = [f"{options.build}/bare/{image}.img" for image in ON_QEMU]
    if not host.make(report, "build virtio tests", f"B={options.top}", "guest-images", *images):
        return
    side_by_side(report, [
        *(partial(on_qemu, options=options, image=image, skips=skips)
          for image, skips in ON_QEMU.items()),
        *(partial(together.boot, options=options, scenario=with_hostile(options, seed),
                  judge_it=judge_hostile) for seed in SEEDS)])
