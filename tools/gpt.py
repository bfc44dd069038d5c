"""Disk images with a GUID partition table (UEFI Specification, "GUID Partition Table Disk Layout").

The same partitions and the same seed give the same bytes: GUIDs come from the seed.
"""
import shutil
import struct
import uuid
import zlib
from dataclasses import dataclass

SECTOR = 512
MIB = 1 << 20
FIRST = MIB // SECTOR  # of the first partition; each one begins at a whole MiB
ENTRIES, ENTRY = 128, 128
ENTRY_SECTORS = ENTRIES * ENTRY // SECTOR
NAME_BYTES = 72
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "lintel:image")

EFI_SYSTEM = uuid.UUID("C12A7328-F81F-11D2-BA4B-00A0C93EC93B")  # UEFI Specification
BASIC_DATA = uuid.UUID("EBD0A0A2-B9E5-4433-87C0-68B6B72699C7")  # FAT that no firmware boots from
LINUX_DATA = uuid.UUID("0FC63DAF-8483-4772-8E79-3D69D8477DE4")


@dataclass
class Partition:
    """A partition: `source` is a file with its first bytes, None for zeros; `guid_name` is what its
    GUID is made of, beside the seed."""
    name: str
    type: uuid.UUID
    bytes: int
    source: str = None
    guid_name: str = ""


def _chs(lba):
    """For the protective MBR, with 255 heads and 63 sectors a track."""
    cylinder, rest = divmod(lba, 255 * 63)
    if cylinder > 1023:
        return b"\xff\xff\xff"
    head, sector = divmod(rest, 63)
    return bytes([head, sector + 1 | cylinder >> 2 & 0xC0, cylinder & 0xFF])


def _protective_mbr(sectors):
    mbr = bytearray(SECTOR)
    last = sectors - 1
    mbr[446:462] = (b"\0" + _chs(1) + b"\xee" + _chs(last) +
                    struct.pack("<II", 1, min(last, 0xFFFFFFFF)))
    mbr[510:512] = b"\x55\xaa"
    return bytes(mbr)


def _header(sectors, backup, entries, disk_guid):
    own, other = (sectors - 1, 1) if backup else (1, sectors - 1)
    table = sectors - 1 - ENTRY_SECTORS if backup else 2
    usable = (2 + ENTRY_SECTORS, sectors - 2 - ENTRY_SECTORS)

    def pack(crc):
        return struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, crc, 0, own, other,
                           *usable, disk_guid.bytes_le, table, ENTRIES, ENTRY,
                           zlib.crc32(entries))

    return pack(zlib.crc32(pack(0))).ljust(SECTOR, b"\0")


def _entry(partition, first, seed):
    guid = uuid.uuid5(NAMESPACE, (partition.guid_name or partition.name) + seed.hex())
    last = first + partition.bytes // SECTOR - 1
    return (partition.type.bytes_le + guid.bytes_le + struct.pack("<QQQ", first, last, 0) +
            partition.name.encode("utf-16-le").ljust(NAME_BYTES, b"\0"))


def write(out, partitions, seed):
    """Writes the image.  The partitions' sizes are whole MiB; their names have up to 36 characters;
    `seed` is bytes."""
    firsts, end = [], FIRST
    for partition in partitions:
        firsts.append(end)
        end += partition.bytes // SECTOR
    sectors = end + MIB // SECTOR
    disk_guid = uuid.uuid5(NAMESPACE, "disk" + seed.hex())
    entries = b"".join(_entry(partition, first, seed)
                       for partition, first in zip(partitions, firsts))
    entries = entries.ljust(ENTRIES * ENTRY, b"\0")
    with open(out, "wb") as disk:
        disk.write(_protective_mbr(sectors))
        disk.write(_header(sectors, False, entries, disk_guid))
        disk.write(entries)
        for partition, first in zip(partitions, firsts):
            if partition.source is not None:
                disk.seek(first * SECTOR)
                with open(partition.source, "rb") as source:
                    shutil.copyfileobj(source, disk, MIB)
        disk.seek((sectors - 1 - ENTRY_SECTORS) * SECTOR)
        disk.write(entries)
        disk.write(_header(sectors, True, entries, disk_guid))
