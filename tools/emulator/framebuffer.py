"""A framebuffer's bytes as a PNG file, or as text."""
import re
import struct
import zlib
from dataclasses import dataclass

import mkfont



@dataclass
class Geometry:
    """A 32-bit framebuffer, blue in the lowest byte."""
    base: int = 0x80000000  # where Bochs' cirrus adapter has it under OVMF
    width: int = 800
    height: int = 600
    stride: int = 800       # pixels


def geometry_from_log(text):
    """What Lintel's log says about the framebuffer, or the default."""
    match = re.search(r"framebuffer (\d+)x(\d+)(?: stride (\d+))? at (0x[0-9a-f]+)", text)
    if not match:
        return Geometry()
    width, height = int(match[1]), int(match[2])
    return Geometry(int(match[4], 16), width, height, int(match[3] or width))


def _chunk(kind, data):
    return (struct.pack(">I", len(data)) + kind + data +
            struct.pack(">I", zlib.crc32(kind + data)))


def write_png(path, memory, geometry):
    """`memory` is what lies at geometry.base."""
    rows = bytearray()
    for y in range(geometry.height):
        start = y * geometry.stride * 4
        line = memory[start:start + geometry.width * 4]
        rgb = bytearray(geometry.width * 3)
        rgb[0::3], rgb[1::3], rgb[2::3] = line[2::4], line[1::4], line[0::4]
        rows += b"\0" + rgb
    header = struct.pack(">IIBBBBB", geometry.width, geometry.height, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) +
                     _chunk(b"IDAT", zlib.compress(bytes(rows), 9)) + _chunk(b"IEND", b""))


def capture(session):
    """(what the screen shows, its geometry); the machine runs on afterwards."""
    geometry = geometry_from_log(session.text(0))
    debugger = session.debugger()
    debugger.stop()
    memory = debugger.read_physical(geometry.base, geometry.stride * geometry.height * 4)
    debugger.resume()
    return memory, geometry


def screenshot(session, path):
    """The machine's screen as a PNG file."""
    write_png(path, *capture(session))


def _character(pixels, characters):
    """What a cell's 128 pixels show: one of `characters` in any two colours; "?" otherwise."""
    colours = set(pixels)
    if len(colours) == 1:
        return " "
    for ink in colours if len(colours) == 2 else ():
        glyph = bytes(sum((pixels[y * 8 + x] == ink) << 7 - x for x in range(8))
                      for y in range(16))
        if glyph in characters:
            return characters[glyph]
    return "?"


def read_text(session):
    """The rows of text on the screen."""
    memory, geometry = capture(session)
    font, table = mkfont.load(mkfont.find_font())
    characters = {font[table[code]]: chr(code) for code in range(0x7E, 0x20, -1)}
    rows = []
    for top in range(0, geometry.height - 15, 16):
        row = ""
        for left in range(0, geometry.width - 7, 8):
            pixels = []
            for y in range(top, top + 16):
                pixels += struct.unpack_from("<8I", memory, (y * geometry.stride + left) * 4)
            row += _character([pixel & 0xFFFFFF for pixel in pixels], characters)
        rows.append(row.rstrip())
    return rows
