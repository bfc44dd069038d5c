"""Linux with several processors, on machines with fewer, as many and more CPUs; and reboots."""
from emulator import lintel

from . import smp
from .machines import boot_linux

TEST = ((2, 1), (4, 2))  # vCPUs, CPUs of the emulated machine
SOAK = ((1, 2), (2, 2), (4, 1), (4, 4), (8, 2), (8, 4))
TIMEOUT, SOAK_TIMEOUT = 600, 3600
REBOOTS = 10


def linux_smp(report, options):
    """Debian's cloud kernel with several processors."""
    for vcpus, cpus in TEST:
        boot_linux(report, options, f"linux {vcpus} vCPUs on {cpus}", vcpus=vcpus, cpus=cpus,
                   timeout=TIMEOUT)


def soak(report, options):
    """More of these, with Debian's generic kernel."""
    for vcpus, cpus in SOAK:
        boot_linux(report, options, f"linux generic {vcpus} vCPUs on {cpus}", "generic",
                   vcpus=vcpus, cpus=cpus, timeout=SOAK_TIMEOUT)


def reboots(report, options):
    """A guest with four processors that reboots again and again."""
    linux = lintel.Guest("linux", options.guests / "cloud" / "vmlinuz", "256M",
                         options.build / "initramfs-test.gz",
                         "console=ttyS0 quiet lintel.reboot", vcpus=4, on_reboot="restart")
    smp.restarts(report, options, "linux reboots", linux, REBOOTS, cpus=2, timeout=SOAK_TIMEOUT)
