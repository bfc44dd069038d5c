"""Which exit lasted how long, and what happened in it."""
from dataclasses import dataclass, field

from .ring import TraceError


@dataclass
class Span:
    """An exit and what its vCPU recorded before the next one."""
    exit: object
    inside: list = field(default_factory=list)

    @property
    def slept(self):
        return sum(record.b for record in self.inside if record.name == "WAIT")

    @property
    def end(self):
        """TSC of the entry that followed; an exit's own ticks do not count the sleep in HLT."""
        return self.exit.tsc + self.exit.a + self.slept

    @property
    def finished(self):
        return self.exit.a != 0


def _begin(record):
    return record.tsc - record.b if record.name == "WAIT" else record.tsc


def spans(ring):
    """([Span, ...] in the order of the exits, [record outside of any exit, ...])."""
    found, loose, current = [], [], {}
    for record in ring.records:
        last = current.get(record.vcpu)
        if record.exit:
            if last and last.end > record.tsc:
                raise TraceError(f"CPU {ring.cpu}, record {last.exit.number}",
                                 f"the exit ends at {last.end}, behind the vCPU's next exit at "
                                 f"{record.tsc}")
            current[record.vcpu] = Span(record)
            found.append(current[record.vcpu])
        elif last and (not last.finished or _begin(record) <= last.end):
            last.inside.append(record)
        else:
            loose.append(record)
    return found, loose
