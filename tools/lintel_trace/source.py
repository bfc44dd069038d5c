"""Numbers and names of the trace, out of the C sources: they stand nowhere else."""
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEADER = "include/abi/trace.h"
EVENTS = "include/abi/trace_events.def"
REASONS = "include/abi/exit_reasons.def"

DEFINE = re.compile(r"^#define (TRACE_\w+)\s+(0x[0-9a-fA-F]+|\d+)", re.MULTILINE)
EXIT_BASE = re.compile(r"\bTRACE_EXIT = (0x[0-9a-fA-F]+)")
EVENT = re.compile(r'^TRACE_EVENT\((\d+), (\w+), "([^"]*)", "([^"]*)", "([^"]*)"\)',
                   re.MULTILINE)
REASON = re.compile(r"^EXIT_REASON\((\d+), (\w+)\)", re.MULTILINE)


class SourceError(Exception):
    """The sources do not say what the tool needs."""


@dataclass(frozen=True)
class Layout:
    """What include/abi/trace.h says."""
    magic: bytes
    version: int
    records: int
    exit_base: int
    events: dict   # number -> (name, meaning of a, of b, of c)
    reasons: dict  # basic exit reason -> name

    def known(self, event):
        """Whether an event's number means something."""
        return event in self.events or event - self.exit_base in self.reasons

    def exit_name(self, event):
        """The exit reason's name, or None for other events."""
        return self.reasons.get(event - self.exit_base)


@lru_cache
def layout(root=ROOT):
    """The Layout of the sources below `root`."""
    header = (root / HEADER).read_text(encoding="utf-8")
    numbers = {name: int(value, 0) for name, value in DEFINE.findall(header)}
    base = EXIT_BASE.search(header)
    events = {int(number): tuple(rest) for number, *rest in
              EVENT.findall((root / EVENTS).read_text(encoding="utf-8"))}
    reasons = {int(number): name for number, name in
               REASON.findall((root / REASONS).read_text(encoding="utf-8"))}
    missing = {"TRACE_MAGIC", "TRACE_VERSION", "TRACE_RECORDS"} - numbers.keys()
    if missing or not base or not events or not reasons:
        raise SourceError(f"{HEADER}, {EVENTS} or {REASONS} has another form than expected")
    return Layout(numbers["TRACE_MAGIC"].to_bytes(8, "little"), numbers["TRACE_VERSION"],
                  numbers["TRACE_RECORDS"], int(base[1], 0), events, reasons)
