#!/usr/bin/python3
"""Makes a Debian system on a disk image, for a guest: of Debian's packages, by mmdebstrap, as root.

  mkdebian.py --out DIR

gives DIR/disk.img, a GPT disk whose partition `root` has the ext4 file system; DIR/vmlinuz and
DIR/initrd.img, the system's own kernel and the initramfs that its initramfs-tools made;
DIR/archive.sum, the digest (digest()) of what is in the system's /srv/archive.tar.zst.  The release and
the mirrors are the workstation's.  root's password is `lintel`.  No loop device is needed: mke2fs
fills the file system.  The workstation's apt must know Debian's packages (apt-get update).
"""
import argparse
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import gpt
import mkdisk
import mkimage

ROOT_MIB = 640  # the system, the archive, and twice what is in it
LABEL = PARTITION = "root"
PASSWORD = "lintel"
ORIGIN = "Debian"
TARGETS = "$(ORIGIN) $(REPO_URI) $(RELEASE) $(COMPONENT)"

PACKAGES = ("linux-image-cloud-amd64", "initramfs-tools", "systemd-sysv", "udev", "login",
            "e2fsprogs", "zstd")
# What dpkg does not unpack: nobody reads it here.
EXCLUDED = ("/usr/share/man/*", "/usr/share/locale/*", "/usr/share/doc/*", "/usr/share/info/*")

# Units that cost a boot instructions and do nothing for a server with one disk and a serial console
# (docs/decisions/0050-a-debian-guest.md).
MASKED = ("getty@.service", "getty-static.service", "modprobe@.service", "kmod-static-nodes.service",
          "systemd-modules-load.service", "systemd-sysusers.service", "systemd-update-utmp.service",
          "systemd-update-utmp-runlevel.service", "systemd-journal-flush.service",
          "dev-hugepages.mount", "dev-mqueue.mount", "sys-kernel-config.mount",
          "sys-kernel-debug.mount", "sys-kernel-tracing.mount", "sys-fs-fuse-connections.mount",
          "proc-sys-fs-binfmt_misc.automount", "systemd-ask-password-console.path",
          "systemd-ask-password-wall.path", "e2scrub_reap.service", "e2scrub_all.timer",
          "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "fstrim.timer")

# An emulator that skips idle time lets minutes pass at once: so limits of time are long.
FILES = {
    "etc/hostname": "debian\n",
    "etc/hosts": "127.0.0.1 localhost debian\n",
    "etc/fstab": "/dev/vda / ext4 defaults 0 1\n",
    "etc/systemd/system.conf.d/lintel.conf":
        "[Manager]\nDefaultTimeoutStartSec=1h\nDefaultTimeoutStopSec=1h\nDefaultDeviceTimeoutSec=1h\n",
    "etc/systemd/journald.conf.d/lintel.conf": "[Journal]\nStorage=volatile\n",
}

OUTPUTS = ("archive.sum", "vmlinuz", "initrd.img", "disk.img")  # the last one is there when all are
# 2020: of the file system.  An emulated machine's clock must not be before it.
MADE_AT = "1577836800"

ARCHIVED = ("usr/bin", "usr/share")
ARCHIVE = "srv/archive.tar.zst"
DIGEST_COMMAND = "find {} -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum"


def run(*command, **options):
    """Runs a tool; its output is shown when it fails."""
    environment = dict(os.environ, LC_ALL="C", DEBIAN_FRONTEND="noninteractive",
                       E2FSPROGS_FAKE_TIME=MADE_AT)
    try:
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False, **options)
    except FileNotFoundError as error:
        raise mkimage.ImageError(f"{command[0]} is not installed; run tools/setup.sh") from error
    if done.returncode:
        raise mkimage.ImageError(f"{' '.join(map(str, command))}:\n{done.stdout}")
    return done.stdout


# ---------------------------------------------------------------- the packages

def codename(os_release):
    """The release's name in the text of an os-release file."""
    found = re.search(r"^VERSION_CODENAME=(\w+)$", os_release, re.MULTILINE)
    if not found:
        raise mkimage.ImageError("/etc/os-release has no VERSION_CODENAME: this is no release of Debian")
    return found[1]


def sources(indexes, release):
    """sources.list of that release, its updates and its security updates, out of what apt says of
    its indexes (a line of TARGETS each); other origins and components are left out."""
    wanted = (release, f"{release}-updates", f"{release}-security")
    rows = [line.split() for line in indexes.splitlines()]
    found = [row for row in rows if len(row) == 4 and row[0] == ORIGIN and row[2] in wanted
             and row[3] == "main"]
    if not any(row[2] == release for row in found):
        raise mkimage.ImageError(f"apt knows no packages of Debian {release}; run 'apt-get update' as root")
    return "".join(f"deb {uri} {suite} main\n" for _, uri, suite, _ in found)


def unpack(root):
    """The packages, unpacked and configured."""
    release = codename(Path("/etc/os-release").read_text(encoding="utf-8"))
    lines = sources(run("apt-get", "indextargets", "--format", TARGETS, "Created-By: Packages"), release)
    run("mmdebstrap", "--mode=root", "--variant=minbase", f"--include={','.join(PACKAGES)}",
        "--aptopt=APT::Install-Recommends \"false\"",
        *(f"--dpkgopt=path-exclude={path}" for path in EXCLUDED), release, str(root), "-", input=lines)


# ---------------------------------------------------------------- what is this system's own

def configure(root):
    """Files, masked units, the password."""
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="ascii")
    for unit in MASKED:
        (root / "etc/systemd/system" / unit).symlink_to("/dev/null")
    run("chpasswd", "-R", str(root), input=f"root:{PASSWORD}\n")


def digest(top, folders):
    """SHA-256 in hexadecimal over what sha256sum says of all files, by their names: what
    DIGEST_COMMAND prints in `top`."""
    total = hashlib.sha256()
    names = [os.path.relpath(os.path.join(path, name), top)
             for folder in folders for path, _, files in os.walk(Path(top, folder)) for name in files]
    for name in sorted(map(os.fsencode, names)):
        path = os.path.join(os.fsencode(top), name)
        if not os.path.islink(path):
            with open(path, "rb") as file:
                total.update(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  ".encode() + name + b"\n")
    return total.hexdigest()


def archive(root):
    """Makes the archive; returns its contents' digest."""
    run("tar", "--create", "--zstd", "--sort=name", "--file", str(root / ARCHIVE), "--directory",
        str(root), *ARCHIVED)
    return digest(root, ARCHIVED)


def boot_file(root, name):
    """The only one of that name in /boot."""
    found = list((root / "boot").glob(f"{name}-*"))
    if len(found) != 1:
        raise mkimage.ImageError(f"the system has {len(found)} files /boot/{name}-*, want one")
    return found[0]


# ---------------------------------------------------------------- the disk

def make(out):
    """All files of the directory `out`; they appear together."""
    with tempfile.TemporaryDirectory(dir=out.resolve(), prefix="new-") as folder:
        root, new = Path(folder, "root"), Path(folder, "new")
        new.mkdir()
        unpack(root)
        configure(root)
        (new / "archive.sum").write_text(archive(root) + "\n", encoding="ascii")
        for name in ("vmlinuz", "initrd.img"):
            shutil.copy(boot_file(root, name), new / name)
        system = Path(folder, "root.ext4")
        run("/sbin/mke2fs", "-q", "-t", "ext4", "-L", LABEL, "-d", str(root),
            "-E", "lazy_itable_init=0,lazy_journal_init=0", str(system), f"{ROOT_MIB}M")
        mkdisk.make(new / "disk.img", [mkdisk.Part(PARTITION, ROOT_MIB, source=system)])
        run("fallocate", "--dig-holes", str(new / "disk.img"))
        for name in OUTPUTS:
            os.replace(new / name, out / name)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True, type=Path, metavar="DIR")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing half made stays
    try:
        if os.geteuid() != 0:
            raise mkimage.ImageError("only root can give the system's files their owners; "
                                     "run 'sudo make debian'")
        args.out.mkdir(parents=True, exist_ok=True)
        make(args.out)
    except (mkimage.ImageError, OSError) as error:
        sys.exit(f"mkdebian.py: {error}")


if __name__ == "__main__":
    main()
