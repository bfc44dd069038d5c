#!/usr/bin/env python3
"""Check that includes only point downward (docs/architecture.md, "Who may include whom")."""
import re
import sys
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
ROOT = Path(__file__).resolve().parents[1]
SUFFIXES = {".c", ".h", ".def"}

# A file below the key may include its own folder and files whose path starts with one of
# these.  The longest key counts.
ALLOWED = {
    "include": (),
    "arch": ("include/",),
    "drivers/platform": ("include/", "arch/"),
    # Knows its environment (drivers/io/env.h) alone: linked into programs that share nothing else.
    "drivers/io": ("include/lib/",),
    "ept": ("include/",),
    "vmx": ("include/", "arch/"),
    "vmm": ("include/", "arch/", "drivers/platform/", "ept/", "vmx/"),
    "boot": ("include/", "arch/x86_64/insn.h", "arch/x86_64/msr.h", "arch/x86_64/cr.h",
             "arch/x86_64/cpuid_bits.h", "arch/x86_64/lib/", "vmx/caps.h", "vmx/controls.def",
             "vmx/controls.h", "vmx/delivery.h", "vmx/mitigation.h",
             "vmm/policy/cpuid_xsave.h", "drivers/platform/uart.h", "drivers/platform/uart_regs.h",
             "drivers/platform/fbcon.h", "drivers/platform/pci.h"),
    # Guests' images and tables: pure, for whoever makes guests.
    "boot/load": ("include/",),
    "boot/pc": ("include/", "boot/load/"),
    # The control partition: a guest's program, which knows nothing of the hypervisor's sources.
    "control": ("include/", "drivers/io/", "boot/load/", "boot/pc/"),
    "control/shell": ("include/",),
    "guest_tests": ("include/",),
    # Drivers on the bare machine, with the guests' run-time.
    "guest_tests/drivers": ("include/", "drivers/io/", "guest_tests/rt/"),
    # The program that starts guests on the bare machine; not a guest.
    "guest_tests/native": ("include/", "arch/", "drivers/platform/", "boot/load/"),
}
GENERATED = ("asm_offsets.inc",)

# Numbers for the assembly files of more than one layer come out of this file.
FREE = ("arch/x86_64/asm_offsets.c",)


def layer_of(path):
    """The longest key of ALLOWED that `path` lies below, or None."""
    layers = [layer for layer in ALLOWED if path.startswith(layer + "/")]
    return max(layers, key=len, default=None)


def resolve(name, file):
    """Where an include comes from, relative to the root: beside the file, -I., -Iinclude."""
    for candidate in (file.parent / name, ROOT / name, ROOT / "include" / name):
        if candidate.is_file():
            return candidate.resolve().relative_to(ROOT).as_posix()
    return None


def errors_in(file):
    """Error texts for one source file."""
    path = file.relative_to(ROOT).as_posix()
    layer = layer_of(path)
    text = file.read_text(encoding="utf-8")
    for match in INCLUDE.finditer(text):
        line = text.count("\n", 0, match.start(1)) + 1
        target = resolve(match[1], file)
        if target is None:
            if match[1] not in GENERATED:
                yield f"{path}:{line}: there is no file {match[1]}"
        elif not target.startswith((layer + "/",) + ALLOWED[layer]):
            yield (f"{path}:{line}: {layer}/ may not include {target}; "
                   f"allowed: {', '.join((layer + '/',) + ALLOWED[layer])}")


def main():
    files = sorted(file for layer in ALLOWED for file in (ROOT / layer).rglob("*")
                   if file.suffix in SUFFIXES and file.relative_to(ROOT).as_posix() not in FREE)
    errors = [error for file in dict.fromkeys(files) for error in errors_in(file)]
    print("\n".join(errors), end="\n" if errors else "", file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
