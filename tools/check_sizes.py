#!/usr/bin/env python3
"""Check the lengths of files and functions; --list prints the ten longest of each."""
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("arch", "boot", "control", "drivers", "ept", "guest_tests", "include", "tools", "vmm",
           "vmx")
SUFFIXES = {".c", ".h", ".asm", ".py", ".sh", ".mk"}
# The house says "about" 400 and 60; this is where about ends.
FILE_MAX, FUNCTION_MAX = 450, 75


def functions(lines):
    """(line number, length) of each function: the format puts its braces in column 1."""
    start = None
    for number, line in enumerate(lines, start=1):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            yield start, number - start - 1
            start = None


def main():
    files, bodies = [], []
    for file in sorted(f for folder in FOLDERS for f in (ROOT / folder).rglob("*")):
        if file.suffix not in SUFFIXES:
            continue
        name = file.relative_to(ROOT).as_posix()
        lines = file.read_text(encoding="utf-8").splitlines()
        files.append((len(lines), name))
        if file.suffix in (".c", ".h"):
            bodies += [(length, f"{name}:{start}") for start, length in functions(lines)]
    if "--list" in sys.argv[1:]:
        for title, found in (("files", files), ("functions", bodies)):
            print(f"longest {title}:")
            print("\n".join(f"{length:6} {name}" for length, name in sorted(found)[:-11:-1]))
    errors = [f"{name}: {length} lines, at most {limit}"
              for found, limit in ((files, FILE_MAX), (bodies, FUNCTION_MAX))
              for length, name in sorted(found, reverse=True) if length > limit]
    print("\n".join(errors), end="\n" if errors else "", file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
