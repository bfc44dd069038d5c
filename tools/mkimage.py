#!/usr/bin/env python3
"""Makes a bootable image out of files: a GPT disk with an EFI system partition, or an ISO.

  mkimage.py img|iso --out FILE --file DEST=SRC [--file DEST=SRC ...] [--size MIB]

DEST is the path on the EFI system partition (EFI/BOOT/BOOTX64.EFI).  The same input gives
the same bytes, anywhere and at any time: dates come from SOURCE_DATE_EPOCH or are fixed,
serial numbers and GUIDs come from the contents.  Needs mtools; for ISOs, xorriso.
"""
import argparse
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import gpt
from gpt import MIB, SECTOR

LABEL = "LINTEL"
DEFAULT_EPOCH = 1767225600  # 2026-01-01
FAT32_FROM = 64 * MIB
ESP_MIN = 16 * MIB
FAT32_CLUSTERS_MIN = 66000  # fewer than 65525 would make it a FAT16, whatever it says


class ImageError(Exception):
    """Something that the user can put right."""


def epoch():
    """Seconds since 1970 that every date in the image is."""
    return int(os.environ.get("SOURCE_DATE_EPOCH", DEFAULT_EPOCH))


def run(*command):
    """Runs a tool with dates and configuration that are not the machine's."""
    environment = dict(os.environ, TZ="UTC", LC_ALL="C", MTOOLSRC=os.devnull,
                       MTOOLS_SKIP_CHECK="1", SOURCE_DATE_EPOCH=str(epoch()))
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True,
                              check=False)
    except FileNotFoundError as error:
        raise ImageError(f"{command[0]} is not installed") from error
    if done.returncode:
        raise ImageError(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")


def parse_files(arguments):
    """-> [(DEST as a list of names, SRC)], sorted, so that order on the command line is nothing."""
    files = {}
    for argument in arguments:
        dest, equals, src = argument.partition("=")
        names = [name for name in dest.split("/") if name]
        if not equals or not names or not src:
            raise ImageError(f"--file {argument}: want DEST=SRC")
        if not pathlib.Path(src).is_file():
            raise ImageError(f"--file {argument}: {src} is not a file")
        if "/".join(names) in files:
            raise ImageError(f"--file {argument}: DEST is given twice")
        files["/".join(names)] = src
    return [(dest.split("/"), src) for dest, src in sorted(files.items())]


def digest(files):
    total = hashlib.sha256()
    for names, src in files:
        with open(src, "rb") as source:
            content = hashlib.file_digest(source, "sha256").hexdigest()
        total.update(f"{'/'.join(names)}\0{content}\n".encode())
    return total.digest()


def esp_size(files, wanted):
    """Bytes, a multiple of 1 MiB."""
    content = sum(-(-os.path.getsize(src) // 4096) * 4096 + 4096 * len(names)
                  for names, src in files)
    least = max(ESP_MIN, content + content // 20 + 2 * MIB)
    least = -(-least // MIB) * MIB
    if wanted is None:
        return least
    if wanted < least:
        raise ImageError(f"--size: the contents need {least // MIB + 2} MiB")
    return wanted


def cluster_sectors(size):
    if size < FAT32_FROM:
        return 4
    sectors = 8
    while sectors > 1 and size // SECTOR // sectors < FAT32_CLUSTERS_MIN:
        sectors //= 2
    return sectors


def make_fat(path, files, size, seed):
    """A FAT file system; hidden sectors are left 0, since an ISO has it at another place."""
    with open(path, "wb") as image:
        image.truncate(size)
    fat32 = ["-F"] if size >= FAT32_FROM else []
    run("mformat", "-i", path, "-v", LABEL, "-N", seed[:4].hex(), "-T", str(size // SECTOR),
        "-h", "64", "-s", "32", "-c", str(cluster_sectors(size)), *fat32, "::")
    folders = {"/".join(names[:i]) for names, _ in files for i in range(1, len(names))}
    if folders:
        run("mmd", "-i", path, *(f"::/{folder}" for folder in sorted(folders)))
    for names, src in files:
        run("mcopy", "-i", path, src, "::/" + "/".join(names))


def make_disk(out, esp, seed):
    gpt.write(out, [gpt.Partition("EFI system partition", gpt.EFI_SYSTEM, os.path.getsize(esp), esp,
                                  "esp")], seed)


def make_iso(out, esp, folder):
    """El Torito with the ESP as its image.  (A catalog entry's 16 bits end at 32 MiB; xorriso then
    says 0, which is "up to the end of the medium" to UEFI, and FAT knows its own size.)"""
    root = pathlib.Path(folder, "root")
    root.mkdir()
    image = root / "esp.img"
    shutil.move(esp, image)
    image.chmod(0o644)
    root.chmod(0o755)
    for path in (image, root):
        os.utime(path, (epoch(), epoch()))
    run("xorriso", "-as", "mkisofs", "-quiet", "-V", LABEL, "-r",
        "--set_all_file_dates", "set_to_mtime",
        "-e", "esp.img", "-no-emul-boot",
        "-o", str(pathlib.Path(out).resolve()), str(root))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("kind", choices=["img", "iso"])
    parser.add_argument("--out", required=True)
    parser.add_argument("--file", action="append", required=True, metavar="DEST=SRC")
    parser.add_argument("--size", type=int, metavar="MIB", help="size of a disk image")
    args = parser.parse_args()
    try:
        files = parse_files(args.file)
        seed = digest(files)
        wanted = None if args.size is None else (args.size - 2) * MIB
        with tempfile.TemporaryDirectory() as folder:
            esp = str(pathlib.Path(folder, "esp.img"))
            make_fat(esp, files, esp_size(files, wanted), seed)
            part = str(pathlib.Path(folder, "image"))
            if args.kind == "img":
                make_disk(part, esp, seed)
            else:
                make_iso(part, esp, folder)
            shutil.move(part, args.out)
    except (ImageError, OSError) as error:
        sys.exit(f"mkimage.py: {error}")


if __name__ == "__main__":
    main()
