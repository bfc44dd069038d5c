#!/usr/bin/env python3
"""Print what Lintel costs a guest, in ticks of the TSC (make bench-boot).

1. Linux from the kernel's entry to the first instruction of userspace, under Lintel and on
   the bare emulator.  The same boot application starts hv.elf or native.elf.  The latter
   prints `LINTEL-MARK kernel-entry tsc=N`; under Lintel the guest's TSC begins at 0.  The
   initramfs' first program prints `LINTEL-MARK userspace tsc=N`.
2. What exits cost as the guest sees it, from the BENCH lines of guest_tests/t_bench_exits.c.

On Bochs a tick is an instruction, so the figures are the same each time.
"""
import argparse
import re
import sys
from pathlib import Path

from emulator import lintel, machine, session

MARK = r"LINTEL-MARK {} tsc=(\d+)"
BENCH = re.compile(r"^BENCH ([^\r\n]*?) min=(\d+) median=(\d+) max=(\d+)", re.MULTILINE)
TIMEOUT = 240
BOOT_LIMIT = 1.05  # of the bare emulator's ticks
CPUID_LIMIT = 200  # ticks


class BenchError(Exception):
    """A run did not give its figures."""


def run(args, name, guest, hypervisor, until):
    """Boots with one guest until its console shows a pattern; returns both streams' texts."""
    volume = lintel.Volume()
    volume.add(guest)
    native = hypervisor == "native.elf"
    with machine.RunDirectory(f"bench-{name}") as directory:
        image = volume.make_image(directory.path / "lintel.img", args.build, hypervisor)
        target = machine.Machine(image, cpu_model=args.cpu_model)
        with session.Session(target, directory, console=lintel.GuestConsole(native)) as run:
            run.wait([(session.COM1, lintel.EXIT_LINE), (session.COM1, lintel.REFUSED_LINE),
                      (session.GUEST, until)], TIMEOUT)
            return run.text(session.COM1), run.text(session.GUEST)


def mark(name, text):
    match = re.search(MARK.format(name), text)
    if not match:
        raise BenchError(f"no LINTEL-MARK {name}; the log ends with\n" +
                         "\n".join(lintel.strip_controls(text).splitlines()[-20:]))
    return int(match[1])


def boot_ticks(args, hypervisor):
    """Ticks from the kernel's entry to userspace."""
    linux = lintel.Guest("linux", args.guests / "cloud" / "vmlinuz", "256M",
                         args.build / "initramfs-test.gz", "console=ttyS0 quiet")
    name = "native" if hypervisor == "native.elf" else "lintel"
    log, console = run(args, name, linux, hypervisor, MARK.format("userspace") + r"\r?\n")
    entry = mark("kernel-entry", log) if name == "native" else 0
    return mark("userspace", console or log) - entry


def exit_costs(args):
    """name -> (min, median, max) ticks."""
    image = args.build / "guest_tests" / "bench_exits.flat"
    guest = lintel.Guest("bench", image, "64M", debug_exit=0xF4)
    _, console = run(args, "exits", guest, "hv.elf", "^1\\.\\.")
    costs = {name: tuple(map(int, rest)) for name, *rest in BENCH.findall(console)}
    if not costs:
        raise BenchError("the guest bench_exits printed no BENCH line")
    return costs


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=machine.ROOT / "build", metavar="DIR")
    parser.add_argument("--guests", type=Path, default=machine.ROOT / "build" / "guests",
                        metavar="DIR")
    parser.add_argument("--cpu-model", default="", metavar="M", help="Bochs model")
    args = parser.parse_args()
    try:
        native = boot_ticks(args, "native.elf")
        hosted = boot_ticks(args, "hv.elf")
        costs = exit_costs(args)
    except (BenchError, machine.EmulatorError, OSError) as error:
        print(f"bench_boot: {error}", file=sys.stderr)
        return 1
    print(f"Linux, kernel entry to userspace, bare emulator: {native:>14,} ticks")
    print(f"Linux, kernel entry to userspace, under Lintel:  {hosted:>14,} ticks")
    print(f"ratio: {hosted / native:.4f} (limit {BOOT_LIMIT})")
    for name, (least, median, most) in costs.items():
        print(f"exit {name}: {least} to {most} ticks, median {median}")
    cpuid = min((c[1] for name, c in costs.items() if name.startswith("cpuid")), default=None)
    print(f"CPUID exit: {cpuid} ticks (limit {CPUID_LIMIT})")
    good = hosted <= native * BOOT_LIMIT and cpuid is not None and cpuid <= CPUID_LIMIT
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
