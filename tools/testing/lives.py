"""Guests are made, run, and ended after a pseudo-random number of VM exits; whatever they were
doing then, all that they had comes back."""
import re
from dataclasses import dataclass

from emulator import lintel, session

from . import host
from .machines import judge_memory, logs
from .together import EXPIRED, Scenario, boot, small

SEED = 20_000
EXPIRED_LINE = re.compile(r"^LINTEL-EXPIRED guest=(\S+) exits=(\d+) vcpus=(\d+) asleep=(\d+) "
                          r"unstarted=(\d+)\r?$", re.MULTILINE)
CPUS = 2


@dataclass
class Kind:
    """Guests of one kind; their lives end after 1 to `exits` VM exits."""
    name: str
    vcpus: int
    exits: int
    cpu: str = ""  # where all vCPUs are; else Lintel's choice
    naps: int = 1   # they sleep now and then
    starts: int = 0  # the first vCPU starts the others anew all the time

    def cpus(self):
        """CPUs that can run its vCPUs at a time."""
        return 1 if self.cpu else CPUS


# guest_tests/t_small.c needs some 250 exits until its processors have started.
KINDS = (
    Kind("alone", 1, 600),
    Kind("pair", 2, 900),
    Kind("four", 4, 1500),
    Kind("crowd", 4, 1500, naps=0),            # two wait for a CPU, each for another one
    Kind("queue", 3, 900, "1", naps=0),        # two wait for CPU 1, and CPU 0 destroys them
    Kind("starting", 4, 900, starts=1),
)


def scatter(number):
    """As in vmm/lives.c."""
    for _ in range(3):
        number = number * 0xd1342543de82ef95 & (1 << 64) - 1
        number ^= number >> 32
    return number


def limits(kind, seed, count):
    """After how many exits the lives of a guest end."""
    return [1 + scatter(seed << 32 | life) % kind.exits for life in range(count)]


def fits(kind, seed, lives):
    """Each life has ended when it was to.  An exit is counted when it is done: with each vCPU in one
    that is not counted yet, all may make another before the end is seen."""
    return all(limit <= int(exits) < limit + 2 * kind.vcpus for limit, (exits, *_) in
               zip(limits(kind, seed, len(lives)), lives))


def moments(found):
    """What there was to be seen when lives ended: name -> how many of them."""
    seen = dict.fromkeys(("asleep in HLT", "all asleep but one", "several awake",
                          "waiting for a CPU", "starting a processor"), 0)
    kinds = {kind.name: kind for kind in KINDS}
    for name, _, vcpus, asleep, unstarted in found:
        vcpus, asleep, unstarted = int(vcpus), int(asleep), int(unstarted)
        awake = vcpus - asleep - unstarted
        seen["asleep in HLT"] += asleep > 0
        seen["all asleep but one"] += vcpus > 1 and asleep >= vcpus - 1
        seen["several awake"] += awake > 1
        seen["waiting for a CPU"] += awake > kinds[name].cpus()
        seen["starting a processor"] += kinds[name].starts and 1 < vcpus - asleep < vcpus
    return seen


def lives(report, options, count, run):
    """`count` lives, one at a time or as many as there are kinds."""
    each = -(-count // len(KINDS))
    guests = [small(options, kind.name,
                    {"vcpus": kind.vcpus, "exits": kind.exits, "exits_seed": SEED + n,
                     "restarts": each - 1, **({"cpu": kind.cpu} if kind.cpu else {})},
                    rounds=0, cpus=kind.vcpus, naps=kind.naps,
                    starts=kind.starts) for n, kind in enumerate(KINDS)]

    def judge(report, scenario, run, outcome):
        log = lintel.strip_controls(run.text(session.COM1))
        ends = [end for _, end, _ in lintel.GUEST_LINE.findall(log)]
        found = EXPIRED_LINE.findall(log)
        report.add(f"{scenario.name}: expired", ends == ["expired"] * each * len(KINDS) and
                   len(found) == len(ends), f"{len(ends)}", logs(run))
        for n, kind in enumerate(KINDS):
            mine = [life[1:] for life in found if life[0] == kind.name]
            report.add(f"{scenario.name}: {kind.name}", len(mine) == each and
                       fits(kind, SEED + n, mine), f"{len(mine)} lives of 1 to {kind.exits} exits",
                       log)
        seen = moments(found)
        report.add(f"{scenario.name}: moments", all(seen.values()),
                   ", ".join(f"{name}: {number}" for name, number in seen.items()), log)
        looks = judge_memory(report, scenario.name, log)
        if scenario.run == "one-by-one":
            report.add(f"{scenario.name}: counted after each", looks == len(ends), f"{looks}", log)
        report.add(f"{scenario.name}: ends", outcome.status == EXPIRED, outcome.text, logs(run))

    name = "one at a time" if run == "one-by-one" else "together"
    boot(report, options, Scenario(f"{each * len(KINDS)} lives {name}", guests, CPUS, run=run), judge,
         "warning")


def some(report, options):
    """A hundred guests made and ended at pseudo-random exits."""
    if host.make(report, "build guest tests", f"B={options.top}", "guest-images"):
        lives(report, options, 50, "one-by-one")
        lives(report, options, 50, "together")


def thousand(report, options):
    """A thousand guests made and ended at pseudo-random exits, one at a time and together."""
    if host.make(report, "build guest tests", f"B={options.top}", "guest-images"):
        lives(report, options, 1000, "one-by-one")
        lives(report, options, 1000, "together")
