"""Linux with several processors, on machines with fewer, as many and more CPUs; and reboots."""
import itertools
import re

from emulator import lintel

from . import smp
from .machines import BY_LINTEL, boot_linux

TEST = (("cloud", 2, 1), ("cloud", 4, 2))  # kernel, vCPUs, CPUs of the emulated machine
KERNELS, VCPUS, CPUS = ("cloud", "generic"), (1, 2, 4, 8), (1, 2, 4)
GRID = tuple(itertools.product(KERNELS, VCPUS, CPUS))
TIMEOUT, SOAK_TIMEOUT = 1500, 3600
REBOOTS = 10
REBOOTED = (("cloud", 4, 2), ("generic", 2, 1))


def boot(report, options, cell, timeout):
    """The test initramfs, whose self-check takes processors away and gives them back."""
    kernel, vcpus, cpus = cell
    boot_linux(report, options, f"linux {kernel} {vcpus} vCPUs on {cpus}", kernel, vcpus=vcpus,
               cpus=cpus, timeout=timeout)


def linux_smp(report, options):
    """Debian's cloud kernel with several processors."""
    for cell in TEST:
        boot(report, options, cell, TIMEOUT)


def soak(report, options):
    """Debian's cloud and generic kernels with 1 to 8 vCPUs on 1 to 4 CPUs; --only chooses some."""
    chosen = [cell for cell in GRID
              if re.search(options.only, "{0} {1} on {2}".format(*cell))]
    report.add("linux grid: some are chosen", bool(chosen), f"{len(chosen)} of {len(GRID)}")
    for cell in chosen:
        boot(report, options, cell, SOAK_TIMEOUT)


def reboots(report, options):
    """Guests with several processors that reboot again and again."""
    for kernel, vcpus, cpus in REBOOTED:
        linux = lintel.Guest("linux", options.guests / kernel / "vmlinuz", "256M",
                             options.build / "initramfs-test.gz",
                             "console=ttyS0 quiet lintel.reboot", vcpus=vcpus, on_reboot="restart",
                             keys=BY_LINTEL)  # REBOOTED: more vCPUs than CPUs
        smp.restarts(report, options, f"linux {kernel} reboots", linux, REBOOTS, cpus=cpus,
                     timeout=SOAK_TIMEOUT)
