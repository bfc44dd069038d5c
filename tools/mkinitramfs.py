#!/usr/bin/env python3
"""Make the Linux test guest's initramfs: busybox and the programs of tools/guest_init.

Same input, same bytes: entries are sorted, times and owners are 0.  Device nodes are
written straight into the archive, so root is not needed.
"""
import argparse
import gzip
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import kernel_modules

HERE = Path(__file__).resolve().parent / "guest_init"
FILE_SYSTEM_TOOLS = ("/sbin/mke2fs", "/sbin/e2fsck")  # of the workstation: busybox makes ext2 only


class Archive:
    """A cpio archive in the kernel's "newc" form (kernel documentation,
    "initramfs buffer format")."""

    def __init__(self):
        self.entries = {}

    def directory(self, name):
        self.entries[name] = (stat.S_IFDIR | 0o755, b"", 0)

    def file(self, name, data, mode=0o644):
        """With the directories that it is in."""
        for folder in list(Path(name).parents)[:-1]:
            self.entries.setdefault(str(folder), (stat.S_IFDIR | 0o755, b"", 0))
        self.entries[name] = (stat.S_IFREG | mode, data, 0)

    def link(self, name, target):
        self.entries[name] = (stat.S_IFLNK | 0o777, target.encode(), 0)

    def device(self, name, major, minor):
        self.entries[name] = (stat.S_IFCHR | 0o600, b"", major << 8 | minor)

    @staticmethod
    def _entry(inode, name, mode, data, device):
        links = 2 if stat.S_ISDIR(mode) else 1
        fields = (inode, mode, 0, 0, links, 0, len(data), 0, 0,
                  device >> 8, device & 0xFF, len(name) + 1, 0)
        header = b"070701" + b"".join(b"%08x" % field for field in fields)
        head = header + name.encode() + b"\0"
        return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)

    def bytes(self):
        # A directory sorts before what is in it.
        parts = [self._entry(inode, name, *self.entries[name])
                 for inode, name in enumerate(sorted(self.entries), start=1)]
        parts.append(self._entry(0, "TRAILER!!!", 0, b"", 0))
        data = b"".join(parts)
        return data + b"\0" * (-len(data) % 512)


def applets(busybox):
    """Names of the busybox's programs; runs it, so it must fit the workstation."""
    result = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
    return result.stdout.split()


def add_tool(archive, tool):
    """A program of the workstation, with the libraries that its loader finds.  Busybox's shell takes its
    own of that name unless it is called by its path."""
    result = subprocess.run(["ldd", tool], capture_output=True, text=True, check=True)
    archive.file(f"sbin/{Path(tool).name}", Path(tool).read_bytes(), 0o755)
    for path in re.findall(r"^\s*(?:\S+ => )?(/\S+) \(0x", result.stdout, re.MULTILINE):
        archive.file(path[1:], Path(path).read_bytes(), 0o755)


def add_drivers(archive, modules):
    """Kernel modules out of a folder, and the script that loads them."""
    contents = {path.name: path.read_bytes() for path in sorted(modules.glob("*.ko"))}
    for name, data in kernel_modules.files(contents).items():
        archive.file(name, data)
    archive.file("etc/drivers", (HERE / "drivers").read_bytes())


def add_scenario(archive):
    """What works on virtio devices."""
    archive.file("bin/scenario", (HERE / "scenario").read_bytes(), 0o755)
    archive.file("etc/dhcp", (HERE / "dhcp").read_bytes(), 0o755)
    for tool in FILE_SYSTEM_TOOLS:
        add_tool(archive, tool)


def build(variant, busybox, programs, modules):
    archive = Archive()
    for name in ("bin", "sbin", "dev", "etc", "proc", "sys", "root", "tmp", "mnt"):
        archive.directory(name)
    archive.device("dev/console", 5, 1)
    archive.device("dev/null", 1, 3)
    archive.file("init", (programs / "start").read_bytes(), 0o755)
    archive.file("bin/busybox", Path(busybox).read_bytes(), 0o755)
    for program in ("selfcheck", "ledger"):
        archive.file(f"bin/{program}", (programs / program).read_bytes(), 0o755)
    for applet in applets(busybox):
        if applet != "busybox":
            archive.link(f"bin/{applet}", "busybox")
    archive.link("sbin/init", "../bin/busybox")
    archive.file("etc/inittab", (HERE / "inittab").read_bytes())
    archive.file("etc/rc", (HERE / "rc").read_bytes(), 0o755)
    archive.file("etc/profile", (HERE / "profile").read_bytes())
    archive.file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
    archive.file("etc/group", b"root:x:0:\n")
    if variant == "test":
        archive.file("etc/poweroff", b"")
    else:
        add_drivers(archive, modules)
    if variant == "storage":
        add_scenario(archive)
    return archive.bytes()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("variant", choices=("run", "test", "storage"),
                        help="after the self-check: run gives a shell, test powers off; storage is "
                             "run with tools for ext4 and with scenarios for disks and networks")
    parser.add_argument("--programs", required=True, type=Path, metavar="DIR",
                        help="where the built programs start, selfcheck and ledger are")
    parser.add_argument("--busybox", default="/bin/busybox", metavar="FILE",
                        help="a static busybox (default %(default)s)")
    parser.add_argument("--modules", type=Path, metavar="DIR",
                        help="kernel modules for virtio devices; not for the variant test")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE")
    args = parser.parse_args()
    if not os.access(args.busybox, os.X_OK):
        sys.exit(f"mkinitramfs: no {args.busybox}; install busybox-static (tools/setup.sh)")
    if args.variant != "test" and args.modules is None:
        parser.error(f"the variant {args.variant} wants --modules DIR (tools/fetch_guests.sh)")
    try:
        data = build(args.variant, args.busybox, args.programs, args.modules)
    except kernel_modules.ModuleError as error:
        sys.exit(f"mkinitramfs: {args.modules}: {error}; fetch them again with the kernel "
                 "(tools/fetch_guests.sh)")
    except subprocess.CalledProcessError as error:
        sys.exit(f"mkinitramfs: {' '.join(error.cmd)}: {error.stderr}")
    args.out.write_bytes(gzip.compress(data, compresslevel=9, mtime=0))


if __name__ == "__main__":
    main()
