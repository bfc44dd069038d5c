"""The generated pages of docs/: the compiled tables, their tests, their ticks."""
from .table import KEYS

NOTE = """<!-- Made by `make docs` (tools/gen_docs.py) from the compiled tables, tools/coverage.txt and
docs/measured.json.  `make check` fails when it is stale. -->
"""
TESTS = """
Tests are `GUEST.TEST` of `guest_tests/` (guests of `guest_tests/list.txt`) and `FILE.TEST` of `tools/unit/`.
A dash stands where there is nothing, with the reason if there is one.
"""
TICKS = """
Ticks are what the guest sees between two RDTSC around the access, median, of which the empty pair is {nothing};
on the emulator a tick is an instruction (`guest_tests/t_bench_rows.c`, `make measure`).
"""
ALL_BITS = {32: 0xFFFFFFFF, 64: 0xFFFFFFFFFFFFFFFF}

# What is done with a port, as tools/policy_tables.c names it.
ACTIONS = {"model": "a model in Lintel", "pass": "no exit",
           "spare": "a model in Lintel, unless the control partition has claimed the port",
           "shared": "a model in Lintel; a wider access from the port before may be claimed"}


def code(names):
    return "<br>".join(f"`{name}`" for name in names) or "-"


def grid(titles, rows):
    """A table of Markdown; cells must not hold what would end them."""
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    for row in rows:
        lines.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |")
    return "\n".join(lines) + "\n"


def mask(value, bits):
    return "all" if value == ALL_BITS[bits] else hex(value) if value else "0"


def span(row):
    first, last = row["first"], row["last"]
    return f"{first:#x}" if first == last else f"{first:#x} to {last:#x}"


class Pages:
    """What all pages are made of."""

    def __init__(self, tables, lines, figures):
        self.tables, self.lines, self.figures = tables, lines, figures

    def line(self, kind, row):
        return self.lines[kind, KEYS[kind](row)]

    def tests(self, kind, row):
        line = self.line(kind, row)
        return [code(line.guest), code(line.unit)]

    def ticks(self, kind, row, access):
        """A cell: the ticks of `access KEY`, or why there are none."""
        key = KEYS[kind](row) if kind != "hypercall" else hex(row["number"])
        ticks = self.figures["accesses"].get(f"{access} {key}")
        line = self.line(kind, row)
        return ticks if ticks is not None else f"- ({line.unmeasured or 'not measured'})"

    def ticks_note(self):
        return TICKS.format(nothing=self.figures["accesses"].get("nothing 0x0", "-"))

    # ------------------------------------------------------------ one function a page

    def exits(self):
        made, others = [], []
        for row in self.tables["exit"]:
            line = self.line("exit", row)
            head = [row["number"], row["name"], row["policy"]]
            if not line.guest:
                why = line.never or line.rare or "control off: " + ", ".join(line.off)
                others.append(head + [why, code(line.unit)])
                continue
            figures = self.figures["exits"].get(row["name"])
            ticks = [f"- ({line.unmeasured or 'not measured'})", "-"]
            if figures:
                ticks = [f"{figures['min']} / {figures['mean']}",
                         f"{figures['count']} in {figures['guest']}"]
            made.append(head + [", ".join(row["needs"]) or "-", *self.tests("exit", row), *ticks])
        return f"""# VM exits

{NOTE}
One row for each basic exit reason: what Lintel does (`vmm/policy/exit_rows.def`), what of the exit it reads from the
VMCS, which tests make it, and what it costs. The guest tests prove that they make an exit by Lintel's own counters:
a guest named here without that exit, or an exit seen that no row here has, fails the guest step of `make test`.
{TESTS}
## Exits that a guest can make

Ticks from the exit to the entry behind it: the fewest, and the mean, in the guest named beside them. They are
instructions on the emulator (`make measure`), without the transitions themselves.

{grid(["#", "exit", "what Lintel does", "reads", "guest tests", "unit tests", "ticks: min / mean",
       "exits"], made)}
## Exits that no guest can make on the emulator

Each control named here is off on the CPU model that the tests run on. Some of these exits are answered nevertheless:
another processor may have what this one lacks.

{grid(["#", "exit", "what Lintel does", "why none comes", "unit tests"], others)}"""

    def cpuid(self):
        rows = []
        for row in self.tables["cpuid"]:
            subleaves = "-" if row["last"] == row["first"] else f"{row['first']} to {row['last']}"
            after = [text for text in ("fix-up" if row["fixed"] else "", row["live"]) if text]
            rows.append([f"{row['leaf']:#x}", row["name"], subleaves,
                         *(mask(row[r], 32) for r in ("eax", "ebx", "ecx", "edx")),
                         ", ".join(after) or "-", *self.tests("cpuid", row),
                         self.ticks("cpuid", row, "cpuid")])
        return f"""# CPUID

{NOTE}
What a guest's CPUID says (`boot/cpuid_table.c`): of the host's answer, the bits that the masks keep; then a fix-up
of what must be another value, and of what follows CR4, XCR0 or IA32_APIC_BASE at that moment. A leaf without a row reads as zeros up
to the highest basic leaf, and above it as that one.
{TESTS}{self.ticks_note()}
{grid(["leaf", "what", "subleaves", "EAX", "EBX", "ECX", "EDX", "then", "guest tests", "unit tests",
       "ticks"], rows)}"""

    def msr(self):
        words = {"deny": "#GP(0)", "pass": "no exit", "held": "held", "call": "model",
                 "ignore": "dropped", "local APIC": "local APIC"}
        rows = []
        for row in self.tables["msr"]:
            held = "held" in (row["read"], row["write"])
            denied = "- (refused)" if row["write"] == "deny" else self.ticks("msr", row, "wrmsr")
            rows.append([span(row), row["name"], words[row["read"]], words[row["write"]],
                         hex(row["reset"]) if held else "-",
                         mask(row["writable"], 64) if row["write"] == "held" else "-",
                         *self.tests("msr", row), self.ticks("msr", row, "rdmsr"), denied])
        return f"""# MSRs

{NOTE}
Every MSR that a guest has (`vmm/policy/msr.c`); the VMCS's bitmap is computed from the same rows. All others are
#GP(0), counted and traced.

* no exit: the processor's own, switched by VMX or nobody else's
* held: a value of the guest's own; a write may change the writable bits and no other
* model: `vmm/msr_models.c`, or `vmm/pv.c` for KVM's, decides
* local APIC: it decides (`vmm/dev/lapic_msr.c`); with virtual-interrupt delivery and in x2APIC mode, TPR and writes of EOI
  and SELF IPI do not exit
{TESTS}{self.ticks_note()}
{grid(["MSR", "name", "read", "write", "at reset", "writable", "guest tests", "unit tests",
       "ticks: RDMSR", "WRMSR"], rows)}"""

    def ports(self):
        ports = [[span(row), row["name"],
                  ", ".join(str(size) for size in (1, 2, 4) if row["sizes"] & size),
                  ACTIONS[row["action"]],
                  *self.tests("port", row), self.ticks("port", row, "in"),
                  self.ticks("port", row, "out")] for row in self.tables["port"]]
        memory = [[span(row), row["name"],
                   "reads as ones, takes writes" if row["kind"] == "open bus" else row["kind"],
                   *self.tests("mmio", row), self.ticks("mmio", row, "mmio-read"),
                   self.ticks("mmio", row, "mmio-write")] for row in self.tables["mmio"]]
        accesses = self.figures["accesses"]
        refused = " and ".join(str(accesses.get(f"{way} 0x1234", "-")) for way in ("in", "out"))
        return f"""# Ports and device memory

{NOTE}
The I/O ports of a guest's board (`vmm/policy/io_ports.def`); the VMCS's bitmaps are computed from the same rows. A
port without a row reads as ones and takes writes in silence; both are counted and traced (IN and OUT of such a port:
{refused} ticks). An access of a size that a device does not take whole is split into bytes.
{TESTS}{self.ticks_note()}
{grid(["ports", "device", "sizes", "answered by", "guest tests", "unit tests", "ticks: IN", "OUT"],
      ports)}
## Device memory

Guest-physical addresses that are no RAM and have a row of `vmm/mmio.c`. An access to any other stops the guest.

{grid(["addresses", "device", "answer", "guest tests", "unit tests", "ticks: load", "store"],
      memory)}"""

    def hypercalls(self):
        who = {"ANYONE": "any guest", "MARKER": "a guest with `ledger = on`",
               "SERVED": "a guest that is `served`", "CONTROL": "the control partition"}
        rows = [[row["number"], row["name"], who[row["who"]],
                 row["arguments"], row["result"], row["text"], *self.tests("hypercall", row),
                 self.ticks("hypercall", row, "hypercall")] for row in self.tables["hypercall"]]
        return f"""# Hypercalls

{NOTE}
VMCALL at CPL 0; RAX = number; RDI, RSI, RDX, R10 = arguments; RAX = result, below 0 an error of
`include/abi/errors.h` (`include/abi/hypercalls.def`). At another CPL it is #UD, as is VMCALL on a processor without
VMX. A number without a row gives ABI_ENOSYS, and one that the guest has no right to ABI_EPERM.
{TESTS}{self.ticks_note()}
{grid(["number", "name", "who", "arguments", "result", "what it does", "guest tests", "unit tests",
      "ticks"], rows)}"""

    def trace(self):
        rows = [[hex(row["number"]), row["name"], row["a"], row["b"], row["c"]]
                for row in self.tables["trace"]]
        exits = [[hex(0x100 + row["number"]), row["name"]] for row in self.tables["exit"]]
        layout = {of: grid(["offset", "bytes", "field"],
                           [[row["offset"], row["size"], f"`{row['name']}`"]
                            for row in self.tables["layout"] if row["of"] == of])
                  for of in ("trace_record", "trace_ring")}
        return f"""# Trace events

{NOTE}
The records of the trace ring (`include/abi/trace.h`, `include/abi/trace_events.def`): the TSC, the event's number, vm
<< 8 | vcpu, and three values. A VM exit is event 0x100 + its basic reason; a: ticks from this exit to the entry that
followed; b: the guest's RIP; c: the exit qualification, 0 if the exit's row does not read it. `tools/trace` reads rings, and the shell's [`trace`](shell.md).

{grid(["event", "name", "a", "b", "c"], rows)}
## A record

{layout["trace_record"]}
## A ring

All numbers are little-endian. Record number n of all that were ever written is `record[n % records]`.

{layout["trace_ring"]}
## VM exits

{grid(["event", "exit"], exits)}"""

    def shell(self):
        t = self.tables
        short = {}
        for row in t["shell_alias"]:
            short.setdefault(row["command"], []).append(row["name"])
        commands = [[code([f"{row['name']} {row['usage']}".strip()]), row["help"],
                     code(short.get(row["name"], []))] for row in t["shell_command"]]
        options = [[code([row["command"]]), code([f"--{row['name']}"]), row["values"] or "-",
                    row["times"], row["help"]] for row in t["shell_option"]]
        keys = [[code([f"--{row['of']}"]), code([row["name"]]), row["values"] or "-", row["help"]]
                for row in t["shell_key"]]
        settings = [[code([row["name"]]), row["values"], row["help"]] for row in t["shell_setting"]]
        return f"""# The management shell

{NOTE}
The shell of the control partition (`control/shell/`), for whoever looks after the guests.

![the shell on the framebuffer](shell.png)

The control partition has a console as guests have: at COM2 if the machine has it, else COM1, and on the screen. `Ctrl-\\`, typed at any serial
port of the machine or at its keyboard, brings it to the front there and on the screen, and leads back; it never comes by itself. Typed twice within half a second,
the key is one such character for the guest. No other key would do better: `Ctrl-]` ends `make run` and telnet, `Ctrl-A` belongs to screen and to shells, and few programs want
`Ctrl-\\`, which most shells take for "quit". When the control partition dies, the shell comes back in its next life with a new prompt, and says so; what had been typed
of a line is gone.

Orders -- `start`, `pause`, `resume`, `stop`, `reset`, `destroy`, `move`, `console` -- are calls of [the boundary](abi.md): what is ordered happens soon after the answer, and `list --all` shows it. `stop` presses the guest's ACPI power button, which a guest without an operating
system that listens does not hear. As long as somebody is here, Lintel does not end: who has ended the last guest may start another one. `leave` shows what
was there before; `console GUEST` shows a guest's console, and `Ctrl-\\` leads back.

`create` makes a guest and starts it, unless it is to be `--paused`; its answer comes when the guest runs, which takes some seconds, or says what was wrong and leaves
nothing behind. `--kernel` is a bzImage, a Multiboot, PVH or flat image, as in [lintel.conf](config.md#kernel). Files are those of the volume that has
`\\lintel\\lintel.conf`, if one of the control partition's disks has it: `vmlinuz` lies in its folder `\\lintel`, `\\vm\\linux` anywhere; `ide0:2:/vm/linux` names the disk
and the partition, as [`disk`](config.md#disk) does. The guest's memory has to have room for the kernel's file beside its image. The guest is one like those of lintel.conf
that have `served = memory`, in all lists and for all orders. Each time it starts -- a reboot, `reset`, `start` -- its files are read anew. It stays when it powers off; when it is
destroyed, it is no more ([decision 0064](decisions/0064-guests-that-are-made.md)). It lives through deaths of the control partition, disks and networks included, as others do;
Lintel's end is its end.

Requests and frames are counted from the control partition's
last start. `log` has what it has said in all of its lives, the last 16 KiB, and with `--lintel` the last 16 KiB of Lintel's own log.

A command may be cut off as long as it is one command's beginning. Words end at blanks; `"..."` and `'...'` hold blanks
together. Options stand anywhere, as `--name value` or `--name=value`. `--json`, an option of every command, makes the answer
one JSON object; `message` and `error` in it are sentences, lists have the columns' names. An order that is not carried
out says what would be right.

## What Lintel counts

`stats GUEST` has a line for each kind of VM exit, the most frequent first: TSC ticks from exit to entry, mean, median, 99 %, longest (median and 99 % to an eighth; of
several virtual CPUs, the largest); then a line for each virtual CPU: its time, the parts of it in Lintel, asleep and waiting for a CPU, interrupts, refused accesses
to MSRs and (the guest's) to ports. A sleep is counted when it ends. `cpus` has the time in which virtual CPUs had a CPU, as of the end of the last turn.

`trace` shows the [events](trace.md) that are still in the CPUs' rings, the newest last: when (seconds, as in Lintel's log), on which CPU, of which virtual CPU, what, and
its three values; of an exit RIP, qualification and ticks. `trace GUEST` and `trace EVENT` choose. A ring has 4096 records, which a busy CPU fills in
less than a second; everything is always traced. What the control partition makes itself by looking is left out, unless `--all` is there.

`audit` walks all page tables, which is a panic if one is wrong; no guest begins or ends meanwhile.

`top GUEST` is the live view: what the guest did since the picture before, first since its start, again every `--interval` seconds until a key is typed.

![the live view of a guest on the framebuffer](top.png)

* `time`: an exit that goes on counts when it ends; `waiting` is for something to do, `others` had the CPU that it wanted.
* `mean ticks`: from exit to entry. `guest RIP`: where the exits of that time came from, as far as the rings still have them.

## Commands

The last column is virsh's word, where it has another one.

{grid(["command", "what it does", "also"], commands)}
## Options

{grid(["command", "option", "value", "times", "what it says"], options)}
## Keys of --disk and --network

With commas between: `--disk file=\\vm\\a.img,cache=none`. A disk has one of the first four.

{grid(["option", "key", "value", "what it says"], keys)}
The words of `cache` are QEMU's: `writeback` keeps writes in memory until the guest flushes, `none` keeps nothing,
`writethrough` says that a write is done when it is on the medium, `unsafe` ignores flushes
([decision 0034](decisions/0034-the-block-cache.md)).

## Settings

{grid(["name", "value", "what it says"], settings)}
## While a line is typed

Left, Right, Home, End, Backspace, Delete, and `Ctrl-A -B -D -E -F` as in other shells; `Ctrl-W` takes a word away,
`Ctrl-U` what is before the cursor, `Ctrl-K` what is behind it, `Ctrl-Y` puts that back; Up, Down, `Ctrl-P`, `Ctrl-N`
show the last 32 lines; `Ctrl-L` draws the line anew, `Ctrl-C` drops it; Tab completes commands, guests, options, keys and their
words, and lists what is possible.
"""


def pages(tables, lines, figures):
    """File name in docs/ -> text."""
    make = Pages(tables, lines, figures)
    return {"exits.md": make.exits(), "cpuid.md": make.cpuid(), "msr.md": make.msr(),
            "ports.md": make.ports(), "hypercalls.md": make.hypercalls(),
            "trace.md": make.trace(), "shell.md": make.shell()}
