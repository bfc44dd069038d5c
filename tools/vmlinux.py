#!/usr/bin/env python3
"""Unpack the ELF file that is in a Linux bzImage: vmlinux.py BZIMAGE OUT

With the configuration of Debian's kernels it has the note by which it starts as a PVH guest.
Linux's Documentation/arch/x86/boot.rst, "payload_offset" and "payload_length"."""
import argparse
import gzip
import lzma
import struct
import subprocess
import sys
from pathlib import Path

SETUP_SECTS, MAGIC, PAYLOAD = 0x1F1, 0x202, 0x248  # offsets in the file
SECTOR = 512
SIZE_FIELD = 4  # behind the payload: the length of what it unpacks to


def unlz4(data):
    """Debian's package lz4: Python has no module for it."""
    return subprocess.run(["lz4", "-dc"], input=data, stdout=subprocess.PIPE, check=True).stdout


# The first bytes of a payload; a stream may have more bytes behind it.
FORMATS = ((b"\x1f\x8b", lambda data: gzip.decompress(data[:-SIZE_FIELD])),
           (b"\xfd7zXZ\0", lambda data: lzma.LZMADecompressor().decompress(data)),
           (b"\x02\x21\x4c\x18", lambda data: unlz4(data[:-SIZE_FIELD])))


def payload(image):
    """The packed kernel of a bzImage; ValueError: it is none."""
    if image[MAGIC:MAGIC + 4] != b"HdrS":
        raise ValueError("no bzImage")
    offset, length = struct.unpack_from("<II", image, PAYLOAD)
    start = (image[SETUP_SECTS] + 1) * SECTOR + offset
    if start + length > len(image):
        raise ValueError("cut off")
    return image[start:start + length]


def unpack(image):
    """The vmlinux in it; ValueError, or what the decompressor raises."""
    data = payload(image)
    for magic, decompress in FORMATS:
        if data.startswith(magic):
            kernel = decompress(data)
            if not kernel.startswith(b"\x7fELF"):
                raise ValueError("what is packed is no ELF file")
            return kernel
    raise ValueError(f"packed in a format that begins with {data[:6].hex()}; known: "
                     "gzip, XZ, LZ4")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image", type=Path, metavar="BZIMAGE")
    parser.add_argument("out", type=Path, metavar="OUT")
    args = parser.parse_args()
    try:
        args.out.write_bytes(unpack(args.image.read_bytes()))
    except (OSError, ValueError, EOFError, lzma.LZMAError, subprocess.CalledProcessError) as error:
        sys.exit(f"vmlinux: {args.image}: {error}")


if __name__ == "__main__":
    main()
