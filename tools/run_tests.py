#!/usr/bin/python3
"""Run test steps and print each result; the last line is `N passed, N failed`.

Every step has its own time limit, and a step that breaks is a failure, not an end.
"""
import argparse
import os
import signal
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import groupby
from pathlib import Path

from emulator.lanes import LANES as LANES_WORD
from emulator.machine import ROOT, EmulatorError
from testing import (bench, consoles, create, debian, devices, drivers_pc, four, host, hvc, kills, lab,
                     linux_devices, linux_smp, live, lives, machines, manage, nested, plans, replay,
                     scenarios_qemu, shell, smp, together, virtio, xen)
from testing.report import LANES, Part, Report

STEPS = {
    "build": host.build,
    "reproducible": host.reproducible,
    "unit": host.unit,
    "tools": host.tools,
    "replay": replay.replay,
    "fuzz": host.fuzz,
    "guest": machines.guest,
    "guest-soak": machines.guest_soak,
    "refusal": nested.refusal,
    "drivers": drivers_pc.drivers,
    "devices": devices.devices,
    "scenarios": scenarios_qemu.on_qemu,
    "virtio": virtio.virtio,
    "kills": kills.kills,
    "lab": lab.lab,
    "live": live.live,
    "smp": smp.smp,
    "plans": plans.plans,
    "consoles": consoles.consoles,
    "hvc": hvc.hvc,
    "manage": manage.manage,
    "shell": shell.shell,
    "create": create.create,
    "disk": linux_devices.disk,
    "network": linux_devices.network,
    "switch": linux_devices.switch,
    "together": together.together,
    "four": four.four,
    "four-soak": four.soak,
    "lives": lives.some,
    "lives-soak": lives.thousand,
    "kills-soak": kills.soak,
    "linux": machines.linux,
    "linux-smp": linux_smp.linux_smp,
    "lab-models": lab.models,
    "budgets": bench.budgets,
    "report": bench.page,
    "models": machines.models,
    "smp-models": smp.models,
    "kernels": machines.kernels,
    "xen": xen.xen,
    "debian-qemu": debian.on_qemu,
    "debian": debian.debian,
    "linux-smp-soak": linux_smp.soak,
    "reboots": linux_smp.reboots,
}


# These keep all processors busy by themselves, or need what one before them has made.
ALONE = {"build", "reproducible", "unit", "tools", "replay", "fuzz", "report"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0],
                                     formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog="steps:\n" + "\n".join(
                                         f"  {name:12} {step.__doc__.splitlines()[0]}"
                                         for name, step in STEPS.items()))
    parser.add_argument("steps", nargs="+", choices=STEPS, metavar="STEP")
    parser.add_argument("--build", type=Path, default=Path("build"), metavar="DIR")
    parser.add_argument("--guests", type=Path, default=Path("build/guests"), metavar="DIR")
    parser.add_argument("--fuzz-seconds", type=int, default=10, metavar="S")
    parser.add_argument("--only", default="", metavar="REGEX",
                        help="of the step linux-smp-soak: 'cloud 8 on 1' and the like")
    return parser.parse_args()


def take(name, report, options):
    """One step, with whatever happens in it told to the report."""
    try:
        STEPS[name](report, options)
    except (EmulatorError, OSError) as error:
        report.add(name, False, str(error))
    except Exception:  # the other steps are still worth running
        report.add(name, False, "the test program itself failed", traceback.format_exc())


def at_once(names, report, options):
    """Steps that boot emulators, as many at a time as there are lanes; each tells its results when
    it has ended."""
    def call(name):
        print(f".... {name} begins ({time.strftime('%H:%M:%S')})", flush=True)
        part, start = Part(), time.monotonic()
        take(name, part, options)
        return f"{name}, {time.monotonic() - start:.0f} s", part

    with ThreadPoolExecutor(LANES) as pool:
        for done in as_completed([pool.submit(call, name) for name in names]):
            what, part = done.result()
            report.step(what)
            part.tell_all(report)


def interrupted(number, _):
    """At once: threads wait for their emulators, which die with us."""
    print("interrupted", file=sys.stderr, flush=True)
    os._exit(128 + number)


def main():
    options = arguments()
    os.chdir(ROOT)
    options.top = options.guests.parent  # make's B
    os.environ.setdefault(LANES_WORD, str(LANES))
    signal.signal(signal.SIGTERM, interrupted)
    signal.signal(signal.SIGINT, interrupted)
    report = Report()
    for alone, names in groupby(options.steps, key=ALONE.__contains__):
        if not alone:
            at_once(list(names), report, options)
            continue
        for name in names:
            report.step(name)
            take(name, report, options)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
