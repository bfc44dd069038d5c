"""Plans of guests that the loader would never make: hv.elf refuses each with its guest alone
(docs/decisions/0061-the-loader-plans-guests.md).  Bochs' debugger spoils them between the two."""
import re
import subprocess
from dataclasses import dataclass

from emulator import lintel, machine, session

from . import host
from .machines import DEBUG_EXIT_PORT, judge_memory, logs
from .smp import address_of

TIMEOUT = 300
REMEDY = "; BOOTX64.EFI and hv.elf must be of one build"
GOOD = "good"
GOOD_STATUS = 42  # guest_tests/t_end.c
BOOT_INFO = re.compile(r"\brdi: ([0-9a-f]{8})_([0-9a-f]{8})")


@dataclass
class Fault:
    """What a guest's plan says instead, and what hv.elf has to say to it."""
    name: str
    place: str          # in struct guest_plan
    value: object       # a function of what boot_info says of hv.elf: its first byte
    says: str


FAULTS = (
    Fault("target", "segment[0].to", lambda hv: 32 << 20,
          "its plan: a segment is outside of the guest's RAM"),
    Fault("source", "segment[0].from", lambda hv: hv,
          "its plan: a segment's bytes are not the loader's"),
    Fault("length", "segment[0].len", lambda hv: 1 << 40,
          "its plan: a segment is longer than its room"),
    Fault("rip", "rip", lambda hv: 1 << 40,
          "its plan: RIP is not in the first 4 GiB of the guest's RAM"),
)


def layout(options):
    """Offsets in the structs of include/boot_info.h, by the compiler: place -> bytes."""
    places = {"plans": ("boot_info", "plans"), "hv_base": ("boot_info", "hv_base"),
              **{fault.place: ("guest_plan", fault.place) for fault in FAULTS}}
    lines = [f'printf("%zu\\n", offsetof(struct {name}, {place}));' for name, place in places.values()]
    program = options.build / "plan_layout"
    source = "\n".join(["#include <stdio.h>", '#include "boot_info.h"', "int main(void) {", *lines,
                        'printf("%zu\\n", sizeof(struct guest_plan)); }'])
    subprocess.run(["gcc", "-std=gnu17", "-Iinclude", "-x", "c", "-o", program, "-"],
                   input=source, text=True, check=True)
    said = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    return dict(zip([*places, "size"], map(int, said.split())))


class Spoiler:
    """Stops the machine where hv.elf begins, and changes the plan of guest n by FAULTS[n]."""

    def __init__(self, run, options):
        self.run, self.at = run, layout(options)
        self.done = False
        debugger = run.debugger()
        debugger.stop()
        debugger.break_at(address_of(options, "hv_main"))
        debugger.resume()
        run.poll = self.look

    def _number(self, address):
        return int.from_bytes(self.run.debugger().read_physical(address, 8), "little")

    def look(self):
        debugger = self.run.debugger()
        if self.done or not debugger.stopped():
            return
        found = BOOT_INFO.search(debugger.ask("r"))
        info = int(found[1] + found[2], 16)
        plans = self._number(info + self.at["plans"])
        for n, fault in enumerate(FAULTS):
            value = fault.value(self._number(info + self.at["hv_base"]))
            debugger.write_physical(plans + n * self.at["size"] + self.at[fault.place],
                                    value.to_bytes(8, "little"))
        self.done = True
        debugger.resume()


def judge(report, run, outcome):
    """Each guest with a bad plan was refused, and the last one ran."""
    log = lintel.strip_controls(run.text(session.COM1))
    ended = {name: (end, int(status)) for name, end, status in lintel.GUEST_LINE.findall(log)}
    for fault in FAULTS:
        line = f"guest {fault.name}: {fault.says}{REMEDY}"
        report.add(f"plans: {line}", re.search(rf"error: {re.escape(line)}$", log, re.MULTILINE)
                   is not None, log=log)
        report.add(f"plans: {fault.name} alone is stopped",
                   ended.get(fault.name) == ("stopped", lintel.STOPPED_STATUS),
                   f"{ended.get(fault.name)}", log)
    report.add("plans: the guest beside them runs to its end",
               ended.get(GOOD) == ("debug-exit", GOOD_STATUS), f"{ended.get(GOOD)}", logs(run))
    report.add("plans: the machine ends", outcome.status == GOOD_STATUS, outcome.text, logs(run))
    judge_memory(report, "plans", log)


def plans(report, options):
    """Guests with plans that are spoilt on the way from the loader to hv.elf, beside one with its own."""
    if not host.make(report, "build guest tests", f"B={options.top}", "guest-images"):
        return
    volume = lintel.Volume()
    for name in (*(fault.name for fault in FAULTS), GOOD):
        volume.add(lintel.Guest(name, options.build / "guest_tests" / "end.flat", "32M",
                                cmdline="debug-exit", debug_exit=DEBUG_EXIT_PORT))
    with machine.RunDirectory("plans") as directory:
        image = volume.make_image(directory.path / "lintel.img", options.build)
        with session.Session(machine.Machine(image), directory, console=lintel.GuestConsole()) as run:
            run.wait([(session.COM1, ".")], TIMEOUT)  # Bochs runs
            spoiler = Spoiler(run, options)
            outcome = lintel.wait_for_end(run, TIMEOUT)
            report.add("plans: spoilt", spoiler.done, log=logs(run))
            judge(report, run, outcome)
