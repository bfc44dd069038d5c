"""Sizes of the images, and how many lines of source one has to trust."""
import re
from pathlib import Path

from .readings import ReadingError

SOURCES = (".c", ".asm")
# Compiled next to hv.elf: native.elf, and what only the check for rings of files needs there.
OTHER_IMAGES = ("guest_tests/", "drivers/io/", "control/", "boot/")
LABORATORY = "vmm/lab"  # in hv.elf, but it runs in the guests' place
IMAGES = ("hv.elf", "BOOTX64.EFI")
# Comments go, strings stay; a line break in a comment stays.
C_TOKEN = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|//[^\n]*|/\*.*?\*/', re.DOTALL)
ASM_TOKEN = re.compile(r'"[^"\n]*"|\'[^\'\n]*\'|`[^`\n]*`|;[^\n]*')


def _without(match):
    text = match[0]
    return text if text[0] in "\"'`" else "\n" * text.count("\n")


def code_lines(text, assembler=False):
    """Lines that are neither blank nor comment."""
    text = (ASM_TOKEN if assembler else C_TOKEN).sub(_without, text)
    return sum(1 for line in text.splitlines() if line.strip())


def hypervisor_sources(build, root):
    """The C and assembler files that hv.elf is made of: from the compiler's dependency files."""
    files = set()
    for rules in sorted(Path(build, "hv").rglob("*.d")):
        text = rules.read_text(encoding="utf-8").replace("\\\n", " ")
        names = text.partition(":")[2].split()
        if names and not names[0].startswith(OTHER_IMAGES):
            files.add((root / names[0]).resolve())
    inside = sorted(file for file in files if file.is_file() and file.suffix in SOURCES and
                    not file.is_relative_to(Path(build).resolve()))
    if not inside:
        raise ReadingError(f"no dependency files below {build}/hv; build hv.elf first")
    return inside


def measure(build, root):
    """{"bytes": {image: size}, "lines": {part of hv.elf: lines}}."""
    lines = {"trusted": 0, "laboratory": 0}
    for file in hypervisor_sources(build, root):
        part = "laboratory" if file.is_relative_to(root / LABORATORY) else "trusted"
        lines[part] += code_lines(file.read_text(encoding="utf-8"), file.suffix == ".asm")
    return {"bytes": {name: (Path(build) / name).stat().st_size for name in IMAGES},
            "lines": lines}
