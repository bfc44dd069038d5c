"""drivers.img on a PC's old devices: IDE disks, CD drives and the e1000, of QEMU's pc and of Bochs."""
import struct

from emulator.machine import Drive

from . import host
from .drivers import MONITOR, Boot, boot, make_disk, virtio

CD_SECTORS = 500
CD_WORDS = 2048 // 8
MAC = "52:54:00:12:34:56"

# Of q35, of virtio, of hosts that grow a disk; of QEMU's edu device; of a card whose frames nobody takes.
NEVER = frozenset({"pci_scan_by_ecam_is_the_same", "disk_read_only", "disk_grows", "nic_timeout",
                   "disk_virtio_quietened", "pci_msi_and_its_line"})
FAULTS = frozenset({"disk_medium_error", "disk_timeout"})
CDS = frozenset({"cd_without_a_medium", "cd_reads", "cd_ejected_and_inserted"})


def make_cd(path):
    """A medium each of whose words says where it is (guest_tests/drivers/t_ide.c)."""
    path.write_bytes(struct.pack(f"<{CD_SECTORS * CD_WORDS}Q", *range(CD_SECTORS * CD_WORDS)))
    return path


def ide(bus, unit, backend, serial, kind="ide-hd"):
    """QEMU's arguments for a drive; the block node has its serial number's name."""
    return ("-blockdev", f"node-name={serial},{backend}", "-device",
            f"{kind},drive={serial},bus=ide.{bus},unit={unit},serial={serial}")


def scratch(folder):
    """The disk that is written, beside the one that was booted."""
    file = make_disk(folder / "scratch.img", True)
    return ide(0, 1, f"driver=raw,file.driver=file,file.filename={file}", "scratch")


def qemu_with_cds(folder):
    """A CD drive whose medium is taken out at run time, and one without."""
    return {"mac": MAC, "devices": (
        *scratch(folder),
        "-drive", f"if=none,id=ejects,media=cdrom,format=raw,file={make_cd(folder / 'cd.iso')}",
        "-device", "ide-cd,id=ejecting,drive=ejects,bus=ide.1,unit=0,serial=ejects",
        "-device", "ide-cd,bus=ide.1,unit=1")}


def qemu_with_faults(folder):
    """A disk with sectors that cannot be read, and one that takes a second for a request."""
    file = make_disk(folder / "errors.img", False)
    return {"mac": MAC, "devices": (
        *scratch(folder),
        *ide(1, 0, "driver=raw,file.driver=blkdebug,file.inject-error.0.event=read_aio,"
                   "file.inject-error.0.sector=64,file.inject-error.0.errno=5,"
                   f"file.image.driver=file,file.image.filename={file}", "errors"),
        *ide(1, 1, "driver=null-co,size=16777216,latency-ns=1000000000,read-zeroes=on", "slow"))}


def bochs(folder):
    """A disk, a CD and an empty CD drive."""
    return {"mac": MAC, "drives": (Drive(make_disk(folder / "scratch.img", True)),
                                   Drive(make_cd(folder / "cd.iso"), cdrom=True),
                                   Drive(cdrom=True))}


WISHES = {**MONITOR, "ejected": "eject -f ejects", "inserted": "change ejects {folder}/cd.iso raw"}

BOOTS = (
    Boot("drivers ide", qemu_with_cds, 5, NEVER | FAULTS, WISHES, chipset="pc"),
    Boot("drivers ide-faults", qemu_with_faults, 5, NEVER | CDS, MONITOR, chipset="pc"),
    Boot("drivers bochs", bochs, 5,
         NEVER | FAULTS | {"cd_ejected_and_inserted", "nic_link_goes_and_comes"},
         emulator="bochs", limit=400),
)


def drivers(report, options):
    """The drivers against QEMU's virtio, IDE and e1000, and against Bochs' IDE and e1000."""
    if host.make(report, "build drivers.img", f"B={options.top}",
                 str(options.build / "drivers.img")):
        virtio(report, options)
        for what in BOOTS:
            boot(report, options, what)
