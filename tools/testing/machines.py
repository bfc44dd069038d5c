"""What boots on an emulator: test guests, Linux."""
import re
import shlex
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from emulator import lintel, machine, session
from lintel_trace import lines, ring, spans

from . import host
from .reasons import Seen
from .report import side_by_side

GUEST_LIST = Path("guest_tests/list.txt")
TAP_RESULT = re.compile(r"^(not )?ok (\d+) - (.*?)\r?$", re.MULTILINE)
TAP_PLAN = re.compile(r"^1\.\.(\d+)\r?$", re.MULTILINE)
CHECK_LINE = re.compile(r"^(not )?ok ([^\r\n]*)", re.MULTILINE)

# What tools/guest_init/rc prints of the kernel's log, and the table that accepts it.
DMESG_TABLE = Path("docs/guest-dmesg.md")
DMESG_ROW = re.compile(r"^\| `(.+?)` +\|", re.MULTILINE)
DMESG_LINE = re.compile(r"^LINTEL-DMESG <[0-4]>\[[ \d.]+\] (.*)$", re.MULTILINE)
DMESG_END = "LINTEL-DMESG end"

# Whether sums equal totals (vmm/exit_stats.h); group 1 is `ok` or what is wrong.
COUNTERS = re.compile(r"^LINTEL-STATS-CHECK guest=\S+ ([^\r\n]*)", re.MULTILINE)
AUDIT_LINE = re.compile(r"audit: \d+ host leaves, no W\+X; \d+ guest frames, all its own")

# Before the end, and before the first guest.
MEMORY_LINE = re.compile(r"^LINTEL-MEMORY free=(\d+) of=(\d+) lintel=(\d+) of=(\d+) vpids=(\d+) "
                         r"queued=(\d+) looks=(\d+) losses=(\d+)\r?$", re.MULTILINE)

# Exits per operation (tools/guest_init/ledger.c), and how many are far too many.
LEDGER_LINE = re.compile(r"^LINTEL-LEDGER guest=\S+ op=(\S+) count=(\d+) exits=(\d+)", re.MULTILINE)
LEDGER_LIMITS = {"boot": 90000, "timer_tick": 5, "context_switch": 0.25, "page_fault": 0.25,
                 "syscall": 0.02, "console_char": 3}

GUESTS_A_BOOT = 40  # lintel.conf takes CONFIG_GUESTS_MAX, and a log has its length
DEBUG_EXIT_PORT = 0xF4
GUESTS_TIMEOUT = 1500
SOAK_TIMEOUT = 3600
LINUX_TIMEOUT = 720


def logs(run):
    """The ends of both streams, for a failure's report."""
    parts = [f"Lintel's log ({run.path}/com1.log):", lintel.log_tail(run, 30)]
    if run.console:
        guest = lintel.strip_controls(run.text(session.GUEST)).splitlines()[-25:]
        parts += ["the guest's console:", *guest]
    return "\n".join(parts)


def judge_memory(report, name, log, control=False):
    """Frames, VPIDs and places on queues have come back, at the end and each time that nobody lived,
    which a control partition always does before; returns how often nobody lived."""
    found = MEMORY_LINE.search(log)
    report.add(f"{name}: all memory comes back", bool(found) and found[1] == found[2] and
               found[3] == found[4] and found[5] == found[6] == found[8] == "0" and (found[7] == "0") == control,
               found[0].strip() if found else "", log)
    return int(found[7]) if found else 0


class Boot:
    """One boot of an image with the given guests."""

    def __init__(self, options, name, guests, cpu_model="", cpus=1, control=False, keys=()):
        self.options, self.name, self.guests = options, name, guests
        self.cpu_model, self.cpus, self.control, self.keys = cpu_model, cpus, control, keys

    def run(self, timeout, judge):
        """Boots, waits for Lintel's end, and lets judge(run, outcome) look at it."""
        volume = lintel.Volume()
        if self.control:
            volume.add_control(self.options.build / "control.elf")
        volume.lines += self.keys
        for guest in self.guests:
            volume.add(guest)
        largest = max(lintel.parse_size(guest.memory) for guest in self.guests)
        with machine.RunDirectory(self.name) as directory:
            image = volume.make_image(directory.path / "lintel.img", self.options.build)
            target = machine.Machine(image, cpu_model=self.cpu_model, cpus=self.cpus,
                                     memory=machine.emulator_memory(largest))
            with session.Session(target, directory, console=lintel.GuestConsole()) as run:
                judge(run, lintel.wait_for_end(run, timeout))


# ---------------------------------------------------------------- test guests

OWN_CPU = ("control_cpu = 1", "control_poll = on")


@dataclass
class Row:
    """A test guest: a line `NAME key=value ...` of guest_tests/list.txt, values quoted as in
    the shell.  Images that no line names have a row with these values."""
    name: str
    image: str = ""         # guest_tests/t_<image>.c; empty: as the name
    file: str = ""          # any other image of the build's guest_tests/
    module: str = ""        # FILE[=STRING],...: modules, files of the same folder
    memory: str = "64M"
    cmdline: str = ""
    on_reboot: str = "end"
    end: str = "debug-exit"
    status: int = 0
    vcpus: int = 1          # the guest's
    cpus: int = 1           # the emulated machine's
    soak: str = ""          # yes: takes long
    step: str = ""          # the step that boots it; empty: guest, or guest-soak
    on: str = ""            # KEY,...: keys of lintel.conf that are turned on, beside stats
    keys: str = ""          # KEY=VALUE,...: other keys of lintel.conf
    served: str = ""        # by the control partition: devices, memory
    disk: str = ""          # TEXT;...: virtio disks, as the key of lintel.conf
    net: str = ""           # TEXT;...: virtio network cards
    own: str = ""           # yes: the control partition has the machine's CPU 1, and polls
    hvc: str = ""           # on: a virtio console
    rng: str = ""           # on: a virtio source of entropy
    says: str = ""          # regular expression that Lintel's log must contain

    @property
    def devices(self):
        """(key of lintel.conf, text) of each."""
        return tuple((kind, text) for kind in ("disk", "net", "hvc", "rng")
                     for text in filter(None, getattr(self, kind).split(";")))

    @property
    def controlled(self):
        """Whether it needs a control partition."""
        return bool(self.served or self.devices)


def read_guest_list(images):
    """The rows in the list's order, then the images that it does not name."""
    rows = []
    text = GUEST_LIST.read_text(encoding="utf-8") if GUEST_LIST.exists() else ""
    for line in text.splitlines():
        words = shlex.split(line, comments=True)
        if words:
            row = Row(words[0], **dict(word.split("=", 1) for word in words[1:]))
            for key in ("status", "vcpus", "cpus"):
                setattr(row, key, int(getattr(row, key)))
            rows.append(row)
    named = {row.image or row.name for row in rows}
    return rows + [Row(image) for image in images if image not in named]


def keys_of(row):
    """What lintel.conf says of a row's guest beside its switches."""
    keys = dict(key.split("=") for key in filter(None, row.keys.split(",")))
    return {**keys, "served": row.served} if row.served else keys


def guest_of(row, folder):
    """The row's guest, its files in `folder`."""
    modules = []
    for text in filter(None, row.module.split(",")):
        name, equals, string = text.partition("=")
        modules.append((folder / name, string if equals else name))
    return lintel.Guest(row.name, folder / (row.file or f"{row.image or row.name}.flat"),
                        row.memory, cmdline=row.cmdline, vcpus=row.vcpus, modules=modules,
                        on_reboot=row.on_reboot, debug_exit=DEBUG_EXIT_PORT,
                        switches=("stats", *filter(None, row.on.split(","))),
                        keys=keys_of(row), devices=row.devices)


def judge_trace(report, name, log):
    """The trace ring that a guest with `trace_dump = on` left in the log is sound."""
    try:
        rings = ring.merge(lines.read(log, "log"))
        exits = sum(len(spans.spans(one)[0]) for one in rings)
        report.add(f"{name} trace", exits > 0, f"{exits} exits", log)
    except ring.TraceError as error:
        report.add(f"{name} trace", False, str(error), log)


def judge_guest(report, row, ended, text, log):
    """One test guest: its TAP lines, its end, and what was said of it."""
    name = f"guest {row.name}"
    results = TAP_RESULT.findall(text)
    plan = TAP_PLAN.search(text)
    for failed, _, test in results:
        report.add(f"{name} {test}", not failed, log=text)
    if row.end == "debug-exit" and row.status == 0 and (
            not plan or int(plan[1]) != len(results)):
        report.add(f"{name} plan", False, f"{len(results)} results, the plan says "
                   f"{plan[1] if plan else 'nothing'}", text)
    good = ended == (row.end, row.status)
    counted = COUNTERS.findall(log)
    wrong = [text for text in counted if text != "ok"]
    report.add(f"{name} counters", len(counted) == row.vcpus and not wrong,
               "; ".join(wrong) or f"of {len(counted)} vCPUs", log)
    report.add(f"{name} ends", good, f"{ended[0]} {ended[1]}" +
               ("" if good else f", not {row.end} {row.status}"), text)
    if "trace_dump" in row.on:
        judge_trace(report, name, log)
    if row.says:
        report.add(f"{name} log", re.search(row.says, log) is not None, row.says, log)


def log_sections(log):
    """name -> (end, the log from the previous guest's end to this one's)."""
    sections, start = {}, 0
    for match in lintel.GUEST_LINE.finditer(log):
        sections[match[1]] = ((match[2], int(match[3])), log[start:match.end()])
        start = match.end()
    return sections


def boots_of(rows):
    """(name, CPUs, rows) of each boot: rows for as many CPUs share boots, in the list's order, and
    those with a control partition have boots of their own."""
    def kind(row):
        return row.cpus, row.controlled, bool(row.own)

    for cpus, served, own in sorted({kind(row) for row in rows}):
        group = [row for row in rows if kind(row) == (cpus, served, own)]
        machine_name = ((f"{cpus}-cpus-" if cpus > 1 else "") + ("served-" if served else "") +
                        ("polled-" if own else ""))
        for number, start in enumerate(range(0, len(group), GUESTS_A_BOOT), start=1):
            yield (f"guest-tests-{machine_name}{number}", cpus,
                   group[start:start + GUESTS_A_BOOT])


def run_rows(report, options, name, rows, seen, cpus=1, timeout=GUESTS_TIMEOUT):
    """Boots once with these test guests, one after another; `seen` gets what they showed."""
    guests = [guest_of(row, options.build / "guest_tests") for row in rows]
    served = any(row.controlled for row in rows)

    def judge(run, outcome):
        log = lintel.strip_controls(run.text(session.COM1))
        of_guest = log_sections(log)
        consoles = run.console.sections(run.streams[session.GUEST].text)
        texts = [console.decode("utf-8", "replace") for console in consoles]
        texts += [""] * (len(rows) - len(texts))
        seen.add(log, texts)
        for row, text in zip(rows, texts):
            ended, said = of_guest.get(row.name, (("missing", -1), log))
            judge_guest(report, row, ended, text, said)
        finished = lintel.EXIT_SEEN.search(log) is not None
        report.add(f"{name}, host", finished and outcome.status != lintel.PANIC_STATUS,
                   outcome.text, logs(run))
        # Before and after each guest, and at the end, and whenever a control partition asks; a violation is a
        # panic (vmm/audit.c).
        audits = len(AUDIT_LINE.findall(log))
        lives = len(rows) + (1 + log.count("control partition died: ") if served else 0)
        due = 2 * lives + 1
        report.add(f"{name}, audits of page tables and EPT", audits >= due if served else audits == due,
                   f"{audits}", log)

    keys = OWN_CPU if any(row.own for row in rows) else ()
    Boot(options, name, guests, cpus=cpus, control=served, keys=keys).run(timeout, judge)


def guest_rows(report, options):
    """All rows; None if the images cannot be built."""
    if not host.make(report, "build guest tests", f"B={options.top}", "guest-images"):
        return None
    images = sorted(path.stem for path in Path("guest_tests").glob("t_*.c"))
    return read_guest_list([image.removeprefix("t_") for image in images])


def guest(report, options):
    """The test guests, many in one boot; each TAP line is a result."""
    rows = guest_rows(report, options)
    seen = Seen()
    side_by_side(report, [partial(run_rows, options=options, name=name, rows=group, seen=seen,
                                  cpus=cpus)
                          for name, cpus, group in boots_of([row for row in rows or ()
                                                             if not row.soak and not row.step])])
    if rows:
        seen.judge(report)
        seen.save(options.build / "measured.json")


def guest_soak(report, options):
    """Those that take long."""
    rows = guest_rows(report, options)
    for name, cpus, group in boots_of([row for row in rows or ()
                                      if row.soak and not row.step]):
        run_rows(report, options, f"{name}-soak", group, Seen(), cpus, SOAK_TIMEOUT)


# ---------------------------------------------------------------- Linux

def accepted_warnings():
    """The regular expressions in the table of docs/guest-dmesg.md."""
    return [re.compile(pattern)
            for pattern in DMESG_ROW.findall(DMESG_TABLE.read_text(encoding="utf-8"))]


def judge_dmesg(report, name, text):
    """Every warning or error that the kernel logged is one that the table accepts."""
    text = lintel.strip_controls(text)
    accepted = accepted_warnings()
    report.add(f"{name}: all of dmesg was seen", DMESG_END in text.splitlines(), log=text)
    strange = [line for line in DMESG_LINE.findall(text)
               if not any(pattern.fullmatch(line) for pattern in accepted)]
    report.add(f"{name}: no warning but the accepted", not strange, "; ".join(strange))


def judge_ledger(report, name, log):
    """Every operation that tools/guest_init marks is counted, and those that need no exit
    have next to none."""
    counted = {op: int(exits) / int(count) for op, count, exits in LEDGER_LINE.findall(log)}
    for op, limit in LEDGER_LIMITS.items():
        report.add(f"{name}: exits of one {op}", op in counted and counted[op] <= limit,
                   f"{counted[op]:.3f}" if op in counted else "not counted", log)


# For Linux guests whose virtual CPUs share CPUs: Lintel injects.  Bochs 2.7 lets a guest with IF clear
# have a virtual interrupt when one of the host comes at that moment -- where CPUs are shared, at the
# end of turns, too --, and Linux is not made for that (docs/caveats.md).
BY_LINTEL = {"apicv": "off"}


def boot_linux(report, options, name, kernel="cloud", cpu_model="", vcpus=1, cpus=1,
               timeout=LINUX_TIMEOUT):
    """A kernel with the test initramfs: its self-check's lines, and the power-off."""
    image = options.guests / kernel / "vmlinuz"
    if not image.exists() and not host.make(report, f"download {kernel}", f"B={options.top}",
                                            str(image)):
        return
    linux = lintel.Guest("linux", image, "256M", options.build / "initramfs-test.gz",
                         f"console=ttyS0 ledger=on lintel.cpus={vcpus}", vcpus=vcpus,
                         keys=BY_LINTEL if vcpus > cpus else {}, switches=("ledger",))

    def judge(run, outcome):
        text = run.text(session.GUEST)
        for failed, what in CHECK_LINE.findall(text):
            report.add(f"{name}: {what}", not failed, log=logs(run))
        report.add(f"{name}: LINTEL-GUEST-OK", "LINTEL-GUEST-OK" in text, log=logs(run))
        judge_dmesg(report, name, text)
        log = lintel.strip_controls(run.text(session.COM1))
        if vcpus == 1:
            judge_ledger(report, name, log)
        counted = COUNTERS.findall(log)
        report.add(f"{name}: counters", counted == ["ok"] * vcpus, "; ".join(counted),
                   logs(run))
        report.add(f"{name}: ends", outcome.status == 0, outcome.text, logs(run))

    Boot(options, name.replace(" ", "-"), [linux], cpu_model, cpus).run(timeout, judge)


def linux(report, options):
    """Debian's cloud kernel on the default CPU."""
    boot_linux(report, options, "linux")


def models(report, options):
    """The same on every CPU model that Lintel is to run on."""
    for model in machine.CPU_MODELS:
        boot_linux(report, options, f"linux {model}", cpu_model=model)


def kernels(report, options):
    """Debian's other kernels."""
    for kernel in ("generic", "rt"):
        boot_linux(report, options, f"linux {kernel}", kernel)
