#!/usr/bin/python3
"""Makes a disk image with a GPT and named partitions: a guest's disk, beside the boot medium.

  mkdisk.py --out FILE --partition NAME=SIZE[,fat] [--partition ...] [--file NAME:DEST=SRC ...]

SIZE is a number with M or G.  A partition with `fat` has a FAT file system with the files that are
given for it, DEST being the path there; the others are zeros.  The same input gives the same bytes.
"""
import argparse
import hashlib
import os
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import gpt
import mkimage

NAME = re.compile(r"[A-Za-z0-9._ -]{1,36}")
PARTITION = re.compile(r"([^=]*)=(\d+)([MG])(,fat)?")
LEAST_FAT = 4  # MiB


@dataclass
class Part:
    """A partition: MiB; files of a FAT file system as DEST=SRC; or a file with its first bytes."""
    name: str
    mib: int
    fat: bool = False
    files: list = field(default_factory=list)
    source: Path = None


def parse_partition(text):
    """NAME=SIZE[,fat]"""
    found = PARTITION.fullmatch(text)
    if not found or not NAME.fullmatch(found[1]):
        raise mkimage.ImageError(f"--partition {text}: want NAME=SIZE[,fat], NAME of up to 36 letters, "
                                 "digits, dots, blanks, - and _, SIZE like 32M")
    mib = int(found[2]) * (1024 if found[3] == "G" else 1)
    if mib < (LEAST_FAT if found[4] else 1):
        raise mkimage.ImageError(f"--partition {text}: too small; a FAT file system takes {LEAST_FAT}M, "
                                 "any other partition 1M")
    return Part(found[1], mib, bool(found[4]))


def parse(partitions, files):
    """-> list of Part."""
    parts = [parse_partition(text) for text in partitions]
    by_name = {part.name: part for part in parts}
    if len(by_name) != len(parts) or len(parts) > gpt.ENTRIES:
        raise mkimage.ImageError(f"want up to {gpt.ENTRIES} partitions, each with a name of its own")
    for text in files:
        name, colon, file = text.partition(":")
        if not colon or name not in by_name or not by_name[name].fat:
            raise mkimage.ImageError(f"--file {text}: want NAME:DEST=SRC, NAME of a partition with fat")
        by_name[name].files.append(file)
    return parts


def make(out, parts):
    """Writes the image of a list of Part."""
    files = [mkimage.parse_files(part.files) for part in parts]
    total = hashlib.sha256()
    for part, contents in zip(parts, files):
        total.update(f"{part.name}\0{part.mib}\0{part.fat}\n".encode() + mkimage.digest(contents))
        if part.source:
            if os.path.getsize(part.source) > part.mib * gpt.MIB:
                raise mkimage.ImageError(f"partition {part.name}: {part.source} has more than {part.mib}M")
            total.update(mkimage.digest([((part.name,), part.source)]))
    seed = total.digest()
    with tempfile.TemporaryDirectory() as folder:
        partitions = []
        for number, (part, contents) in enumerate(zip(parts, files)):
            size, source = part.mib * gpt.MIB, part.source
            if part.fat:
                source = str(Path(folder, f"{number}.fat"))
                mkimage.make_fat(source, contents, size, seed)
            kind = gpt.BASIC_DATA if part.fat else gpt.LINUX_DATA
            partitions.append(gpt.Partition(part.name, kind, size, source))
        image = str(Path(folder, "image"))
        gpt.write(image, partitions, seed)
        shutil.move(image, out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True, metavar="FILE")
    parser.add_argument("--partition", action="append", required=True, metavar="NAME=SIZE[,fat]")
    parser.add_argument("--file", action="append", default=[], metavar="NAME:DEST=SRC")
    args = parser.parse_args()
    try:
        make(args.out, parse(args.partition, args.file))
    except (mkimage.ImageError, OSError) as error:
        sys.exit(f"mkdisk.py: {error}")


if __name__ == "__main__":
    main()
