#!/usr/bin/env python3
"""Check that citations of the Intel SDM name a volume and a title.

Section numbers move between editions, titles seldom do:  SDM Vol. 3C, "MSR-Bitmap Address".
A citation that follows within the same comment may leave out what the one before said.
--list prints every citation, by volume and title.
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("arch", "boot", "drivers", "ept", "guest_tests", "include", "vmm", "vmx")
SUFFIXES = {".c", ".h", ".def", ".asm"}
COMMENT = re.compile(r"/\*.*?\*/|(?:^[ \t]*;.*\n)+", re.DOTALL | re.MULTILINE)
VOLUME = re.compile(r"\bVol(?:\.|ume)\s*([1-4][A-D]?)\b")
TITLE = re.compile(r'["“]([^"”]+)["”]')


def comments(text):
    """(line number, text as one line) of each comment that speaks of the SDM."""
    for match in COMMENT.finditer(text):
        if re.search(r"\bSDM\b", match[0]):
            words = re.sub(r"\s*\n\s*[*;]*\s*", " ", match[0])
            yield text.count("\n", 0, match.start()) + 1, words


def main():
    citations, errors = [], []
    for file in sorted(f for folder in FOLDERS for f in (ROOT / folder).rglob("*")):
        if file.suffix not in SUFFIXES:
            continue
        name = file.relative_to(ROOT).as_posix()
        volume_of_file = None
        for line, words in comments(file.read_text(encoding="utf-8")):
            if "title in SDM" in words:
                continue  # speaks of citations
            rest = words[re.search(r"\bSDM\b", words).start():]
            volume, title = VOLUME.search(rest), TITLE.search(rest)
            volume_of_file = volume[1] if volume else volume_of_file
            if volume_of_file and title:
                citations.append((volume_of_file, title[1], f"{name}:{line}"))
            elif volume:
                errors.append(f'{name}:{line}: cite the title: SDM Vol. {volume[1]}, "Title"')
    if "--list" in sys.argv[1:]:
        for volume, title, where in sorted(citations):
            print(f"Vol. {volume:3} {title:60} {where}")
    print("\n".join(errors), end="\n" if errors else "", file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
