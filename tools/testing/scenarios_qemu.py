"""The guest's side of tests with virtio devices, alone: Linux and the initramfs `storage` on QEMU, whose
kernel loader starts them without firmware and whose devices they use."""
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from emulator import machine

from . import host, scenarios, web
from .report import run

KERNEL = "cloud/vmlinuz"
INITRAMFS = "initramfs-storage.gz"
TIMEOUT = 540
DISK_BYTES = 32 << 20
SERVED_BYTES = 1 << 20
PEERS = ("10.77.0.1", "10.77.0.2")


def start(options, words, *devices):
    """Boots and runs to the power-off; (exit status, what the console said)."""
    return run(["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-machine", "q35",
                "-accel", "tcg", "-cpu", "max", "-m", "128", "-display", "none", "-serial", "stdio",
                "-kernel", str(options.guests / KERNEL),
                "-initrd", str(options.build / INITRAMFS),
                "-append", f"console=ttyS0 quiet {words}", *devices], TIMEOUT)


def disk(name, file):
    """Arguments for a disk."""
    return ("-drive", f"if=none,id={name},format=raw,file={file}",
            "-device", f"virtio-blk-pci,drive={name},disable-legacy=on")


def card(network, last):
    """Arguments for a card; `last` byte of its address."""
    return ("-netdev", f"{network},id=net", "-device", "virtio-net-pci,netdev=net,disable-legacy=on,"
            f"romfile=,mac=52:54:00:12:34:{last:02x}")


def alone(report, options, folder):
    """A guest with two disks and a network."""
    name = "scenarios qemu"
    images = [folder / f"{number}.img" for number in range(2)]
    for image in images:
        with open(image, "wb") as file:
            file.truncate(DISK_BYTES)
    with web.Server(name, SERVED_BYTES) as server:
        words = f"{scenarios.disk_words('vda', 'vdb')} {scenarios.net_words(server)}"
        status, text = start(options, words, *disk("first", images[0]), *disk("second", images[1]),
                             *card("user", 1))
        text = scenarios.judge_lines(report, name, text)
        scenarios.judge_disks(report, name, text, ("vda", "vdb"))
        scenarios.judge_net(report, name, text, server)
    for image in images:
        scenarios.judge_image(report, f"{name} {image.name}", image)
    report.add(f"{name}: powers off", status == 0, f"{status}", text)


def two(report, options, folder):
    """Two guests on one wire."""
    def one(own):
        local, remote = (folder / f"{end}.socket" for end in (own, 1 - own))
        wire = f"dgram,local.type=unix,local.path={local},remote.type=unix,remote.path={remote}"
        return start(options, scenarios.peer_words(PEERS[own], PEERS[1 - own]), *card(wire, own))

    with ThreadPoolExecutor(2) as pool:
        for own, (status, text) in enumerate(pool.map(one, (0, 1))):
            name = f"scenarios qemu {PEERS[own]}"
            text = scenarios.judge_lines(report, name, text)
            scenarios.judge_peer(report, name, text, PEERS[1 - own])
            report.add(f"{name}: powers off", status == 0, f"{status}", text)


def on_qemu(report, options):
    """Linux with QEMU's virtio disks and networks: the guests' side of the tests with Lintel's."""
    if not host.make(report, "build the guest", f"B={options.top}", "guests"):
        return
    with machine.RunDirectory("scenarios-qemu") as directory:
        alone(report, options, Path(directory.path))
        two(report, options, Path(directory.path))
