"""The machines that are run for the figures: the laboratory, guests under Lintel, and Linux on the
bare machine for comparison."""
from lintel_trace import lines, ring

from emulator import lintel, machine, qemu, session, tracing

from . import readings, sources, timeline
from .figures import FORMAT, VERSION, figures
from .readings import ReadingError

TIMEOUT = 900  # seconds: other machines are slower
DEBUG_EXIT_PORT = 0xF4
# Bochs gives RDRAND and RDSEED other numbers in each run; without them and what is made of
# them, two boots are the same tick by tick.
CMDLINE = "console=ttyS0 quiet ledger=on nokaslr clearcpuid=rdrand,rdseed"
BENCH, BENCH_SMP, LINUX = "bench_exits", "bench_smp", "linux"
APICV_OFF = (("apicv", "off"),)
USERSPACE = r"LINTEL-MARK userspace tsc=\d+\r?\n"


def check_host(emulator):
    """Raises with the reason if this machine cannot run the emulator that is wanted."""
    if emulator == "kvm":
        reason = qemu.why_no_nested_vmx()
        if reason:
            raise ReadingError(f"EMULATOR=qemu needs KVM with nested VMX, but {reason}")


class Bench:
    """All runs of one `make bench`."""

    def __init__(self, options):
        self.options = options
        self.emulator = options.emulator
        self.traced = self.emulator == "bochs"

    def _machine(self, image, cpus, cpu_model):
        return machine.Machine(image, emulator=self.emulator, cpus=cpus,
                               cpu_model=cpu_model or self.options.cpu_model)

    def _linux(self, switches=()):
        return lintel.Guest(LINUX, self.options.guests / "cloud" / "vmlinuz", "256M",
                            self.options.build / "initramfs-test.gz", CMDLINE,
                            switches=switches)

    def _bench(self):
        return lintel.Guest(BENCH, self.options.build / "guest_tests" / "bench_exits.flat",
                            "32M", debug_exit=DEBUG_EXIT_PORT, switches=("stats", "touch"))

    def _bench_smp(self, name, cmdline="", cpu="", keys=()):
        return lintel.Guest(name, self.options.build / "guest_tests" / "bench_smp.flat", "32M",
                            cmdline=cmdline, vcpus=2, cpu=cpu, debug_exit=DEBUG_EXIT_PORT,
                            keys=dict(keys))

    def _bench_apic(self, keys=()):
        return lintel.Guest("bench_apic", self.options.build / "guest_tests" / "bench_exits.flat",
                            "32M", cmdline="apic", debug_exit=DEBUG_EXIT_PORT, keys=dict(keys))

    def _bench_served(self, name, devices=(), keys=()):
        return lintel.Guest(name, self.options.build / "guest_tests" / f"{name}.flat", "32M",
                            debug_exit=DEBUG_EXIT_PORT, devices=devices, keys=dict(keys))

    def _boot(self, name, guests, hypervisor, look, cpus=1, cpu_model="", control=False):
        volume = lintel.Volume()
        if control:
            volume.add_control(self.options.build / "control.elf")
        for guest in guests:
            volume.add(guest)
        native = hypervisor == "native.elf"
        with machine.RunDirectory(f"bench-{name}") as directory:
            image = volume.make_image(directory.path / "lintel.img", self.options.build,
                                      hypervisor)
            with session.Session(self._machine(image, cpus, cpu_model), directory,
                                 console=lintel.GuestConsole(native)) as run:
                return look(run)

    # ------------------------------------------------------------ under Lintel

    def _hosted(self, run):
        """(Lintel's log, [each guest's console], rings of the trace or None)."""
        capture = tracing.Capture(run, run.path / "trace.txt") if self.traced else None
        outcome = lintel.wait_for_end(run, TIMEOUT)
        log = lintel.strip_controls(run.text(session.COM1))
        if outcome.status != 0:
            raise ReadingError(f"{outcome.text}; the log ends with\n{lintel.log_tail(run)}")
        consoles = [lintel.strip_controls(part.decode("utf-8", "replace")) for part in
                    run.console.sections(run.streams[session.GUEST].text)]
        rings = None
        if capture:
            capture.finish()
            rings = ring.merge(lines.read(capture.path.read_text(encoding="ascii"),
                                          str(capture.path)))
        return log, consoles, rings

    def hosted(self):
        """The guests under Lintel, in one boot."""
        guests = [self._bench(), self._linux(("stats", "ledger"))]
        log, consoles, rings = self._boot("hosted", guests, "hv.elf", self._hosted)
        if len(consoles) != len(guests):
            raise ReadingError(f"{len(consoles)} of {len(guests)} guests had a console")
        found = {"seen_by_guest": readings.bench(consoles[0]),
                 "guests": readings.statistics(log), "ledger": readings.ledger(log),
                 "userspace": readings.mark("userspace", consoles[1])}
        for guest in guests:
            if guest.name not in found["guests"]:
                raise ReadingError(f"no LINTEL-STATS of the guest {guest.name}")
        if "boot" not in found["ledger"].get(LINUX, {}):
            raise ReadingError("no LINTEL-LEDGER of the boot")
        if rings:
            check_trace(rings, [guest.name for guest in guests], found["guests"])
        return found, rings

    def _consoles(self, run):
        outcome = lintel.wait_for_end(run, TIMEOUT)
        if outcome.status != 0:
            raise ReadingError(f"{outcome.text}; the log ends with\n{lintel.log_tail(run)}")
        return run.text(session.GUEST)

    def smp(self):
        """Two virtual processors on two CPUs, and on one."""
        guests = [self._bench_smp(BENCH_SMP), self._bench_smp("shared", "shared", "0")]
        return readings.bench(self._boot("smp", guests, "hv.elf", self._consoles, cpus=2))

    def without_delivery(self):
        """The local APIC where no processor delivers its interrupts: switched off in lintel.conf,
        and (on Bochs) a model that cannot; each name with a suffix."""
        found = {}
        boots = [("off", [self._bench_apic(APICV_OFF)], 1, ""),
                 ("off", [self._bench_smp(BENCH_SMP, keys=APICV_OFF)], 2, "")]
        if self.emulator == "bochs":
            boots.append(("cnl", [self._bench_apic()], 1, "corei3_cnl"))
        for suffix, guests, cpus, cpu_model in boots:
            rows = readings.bench(self._boot(f"apic-{suffix}", guests, "hv.elf", self._consoles,
                                             cpus, cpu_model))
            found.update((f"{name}-{suffix}", row) for name, row in rows.items()
                         if name != "empty")
        return found

    def served(self):
        """What the control partition answers: an access, a request to a disk in its memory, a frame
        from one card to another."""
        disks = (("disk", "memory:1M"), ("net", "inner"), ("net", "inner"))
        guests = (self._bench_served("bench_forward", keys=(("served", "devices"),)),
                  self._bench_served("bench_virtio", disks))
        found = {}
        for guest in guests:
            found.update(readings.bench(self._boot(guest.name, [guest], "hv.elf", self._consoles,
                                                   control=True)))
        return found

    # ------------------------------------------------------------ the bare machine

    def _bare(self, run):
        ended = run.wait([(session.COM1, lintel.EXIT_LINE), (session.COM1, lintel.REFUSED_LINE),
                          (session.GUEST, USERSPACE)], TIMEOUT)
        text = run.text(session.COM1) + run.text(session.GUEST)
        if ended.reason != "matched" or ended.stream != session.GUEST:
            raise ReadingError("Linux did not come to userspace on the bare machine; the log "
                               f"ends with\n{lintel.log_tail(run)}")
        return readings.mark("userspace", text) - readings.mark("kernel-entry", text)

    def bare(self):
        """Ticks from the kernel's entry to userspace without Lintel."""
        return self._boot("bare", [self._linux()], "native.elf", self._bare)

    # ------------------------------------------------------------ all

    def lab(self):
        """The laboratory's own file."""
        return readings.lab(lintel.run_lab(self.options.build, "bench-lab",
                                           self.options.cpu_model, self.emulator))

    def measure(self):
        """The results, without what was only needed to check them."""
        say = self.options.say
        check_host(self.emulator)
        say("the laboratory")
        lab = self.lab()
        say("guests under Lintel: bench_exits and Linux")
        hosted, rings = self.hosted()
        say("guests with two virtual processors")
        hosted["seen_by_guest"].update(self.smp())
        say("guests without virtual-interrupt delivery")
        hosted["seen_by_guest"].update(self.without_delivery())
        say("guests whose devices the control partition serves")
        hosted["seen_by_guest"].update(self.served())
        say("Linux on the bare machine")
        bare = self.bare()
        userspace = hosted.pop("userspace")
        boot = {"bare_ticks": bare, "hosted_ticks": userspace, "timeline": None,
                "exits": hosted["ledger"][LINUX].pop("boot")["reasons"]}
        if rings:
            boot["timeline"] = timeline.timeline(rings, 1, {"userspace": userspace})
        results = {"format": FORMAT, "version": VERSION, "emulator": self.emulator,
                   "cpu_model": self.options.cpu_model or machine.CPU_MODEL, "boot": boot,
                   "lab": lab, "size": sources.measure(self.options.build, machine.ROOT),
                   **hosted}
        results["figures"] = figures(results)
        return results


def check_trace(rings, names, guests):
    """The trace holds every exit that Lintel has counted, and as many ticks."""
    for vm, name in enumerate(names):
        counted = {reason: (row["count"], row["sum"])
                   for reason, row in guests[name]["reasons"].items()}
        traced = timeline.totals(rings, vm)
        if counted != traced:
            wrong = sorted(reason for reason in counted.keys() | traced.keys()
                           if counted.get(reason) != traced.get(reason))[0]
            raise ReadingError(f"the trace and Lintel's counters disagree on {name}'s {wrong}: "
                               f"{traced.get(wrong)} and {counted.get(wrong)} (exits, ticks)")
