#!/usr/bin/env python3
"""Make the pages of docs/ that show compiled tables: policies with tests and ticks, devices.

The tables come compiled, out of programs in build/unit-gcc; which tests cover a row is written in
tools/coverage.txt, and is checked; ticks are in docs/measured.json, which --take renews.
"""
import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

from coverage import devices, measured, pages, table


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("programs", type=Path, nargs="+", metavar="PROGRAM",
                        help="policy_tables, driver_tables: what they print is put together")
    parser.add_argument("--check", action="store_true", help="only say which pages are stale")
    parser.add_argument("--rows", action="store_true",
                        help="only hold the table of coverage against the rows and the tests")
    parser.add_argument("--take", type=Path, metavar="FILE",
                        help="the figures of the last run of the test guests")
    return parser.parse_args()


def main():
    args = arguments()
    if args.take:
        shutil.copyfile(args.take, measured.FILE)
    tables = {}
    for program in args.programs:
        tables |= json.loads(subprocess.run([program.resolve()], check=True,
                                            stdout=subprocess.PIPE).stdout)
    lines = table.read()
    try:
        table.check(lines, tables)
    except table.CoverageError as error:
        print(error, file=sys.stderr)
        return 1
    if args.rows:
        print(f"{len(lines)} rows")
        return 0
    stale = []
    made = {**pages.pages(tables, lines, measured.read()), "devices.md": devices.page(tables)}
    for name, text in made.items():
        file = table.ROOT / "docs" / name
        if file.is_file() and file.read_text(encoding="utf-8") == text:
            continue
        stale.append(f"docs/{name}")
        if not args.check:
            file.write_text(text, encoding="utf-8")
    if stale:
        print(("stale, run `make docs`: " if args.check else "written: ") + " ".join(stale))
    return 1 if stale and args.check else 0


if __name__ == "__main__":
    sys.exit(main())
