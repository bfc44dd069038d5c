#!/usr/bin/env python3
"""Writes the console's font as C: console_font[256][16], by Latin-1 code.

The glyphs come from the build machine's console fonts (Debian: console-setup-linux),
PSF version 1 or 2, 8x16; the file's own Unicode table says which glyph is which
character.  Usage: mkfont.py [FONT.psf[.gz]] > font.c
"""
import gzip
import pathlib
import struct
import sys

FOLDER = pathlib.Path("/usr/share/consolefonts")
CANDIDATES = ["Lat15-Terminus16", "Lat15-Fixed16", "Lat15-VGA16", "Lat2-Terminus16"]
GLYPHS, ROWS = 256, 16
REPLACEMENT = ord("?")


def psf1(data):
    """-> (glyphs, {code point: glyph index})"""
    _, mode, height = struct.unpack_from("<HBB", data)
    count = 512 if mode & 1 else 256
    glyphs = [data[4 + i * height:4 + (i + 1) * height] for i in range(count)]
    table, index = {}, 0
    if mode & 6:
        sequence = False
        for (code,) in struct.iter_unpack("<H", data[4 + count * height:]):
            if code == 0xFFFF:
                index, sequence = index + 1, False
            elif code == 0xFFFE:
                sequence = True
            elif not sequence:
                table.setdefault(code, index)
    return glyphs, table


def psf2(data):
    """-> (glyphs, {code point: glyph index})"""
    _, _, header, flags, count, size, height, width = struct.unpack_from("<8I", data)
    if width != 8 or size != height:
        raise ValueError(f"glyphs are {width} pixels wide, not 8")
    glyphs = [data[header + i * size:header + (i + 1) * size] for i in range(count)]
    table = {}
    if flags & 1:
        entries = data[header + count * size:].split(b"\xff")
        for index, entry in enumerate(entries[:count]):
            for char in entry.split(b"\xfe")[0].decode("utf-8"):
                table.setdefault(ord(char), index)
    return glyphs, table


def load(path):
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    if data[:2] == b"\x36\x04":
        glyphs, table = psf1(data)
    elif data[:4] == b"\x72\xb5\x4a\x86":
        glyphs, table = psf2(data)
    else:
        raise ValueError("neither PSF1 nor PSF2")
    if any(len(glyph) != ROWS for glyph in glyphs):
        raise ValueError("glyphs are not 16 rows high, or the file is truncated")
    return glyphs, table or {i: i for i in range(min(GLYPHS, len(glyphs)))}


def find_font():
    for name in CANDIDATES:
        path = FOLDER / f"{name}.psf.gz"
        if path.exists():
            return path
    sys.exit(f"mkfont.py: no font in {FOLDER}; install console-setup-linux")


def glyph_of(code, glyphs, table):
    if code < 0x20 or 0x7F <= code < 0xA0:
        return bytes(ROWS)
    index = table.get(code, table.get(REPLACEMENT, 0))
    return glyphs[index]


def main():
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else find_font()
    try:
        glyphs, table = load(path)
        rows = [glyph_of(code, glyphs, table) for code in range(GLYPHS)]
    except (ValueError, IndexError, OSError, struct.error) as error:
        sys.exit(f"mkfont.py: {path}: {error}")
    print(f"/* Made by tools/mkfont.py from {path.name}. */")
    print('#include "drivers/platform/fbcon.h"\n')
    print("const u8 console_font[FBCON_GLYPHS][FBCON_GLYPH_ROWS] = {")
    for row in rows:
        print("    {" + ", ".join(f"0x{byte:02x}" for byte in row) + "},")
    print("};")


if __name__ == "__main__":
    main()
