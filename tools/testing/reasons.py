"""Whether the test guests made the VM exits that tools/coverage.txt says, and no others."""
from coverage import measured, table


class Seen:
    """What all boots of test guests showed."""

    def __init__(self):
        self.guests = {}    # guest -> reason -> figures
        self.accesses = {}  # "rdmsr 0x1b" -> ticks

    def add(self, log, consoles):
        """Lintel's log and the guests' texts of one boot."""
        self.guests.update(measured.statistics(log))
        for text in consoles:
            self.accesses.update(measured.accesses_of(text))

    def judge(self, report):
        """Each claim of the table is a result; so is each exit that nobody claims."""
        lines = table.read()
        claimed, rare = {}, set()
        for line in lines.values():
            if line.kind == "exit":
                claimed[line.key] = line.guests()
                if line.rare:
                    rare.add(line.key)
        for reason, guests in claimed.items():
            silent = [name for name in guests if reason not in self.guests.get(name, {})]
            if guests:
                report.add(f"exit {reason} is made", not silent,
                           "not by " + ", ".join(silent) if silent else "by " + ", ".join(guests))
        others = {}
        for name, reasons in self.guests.items():
            for reason in reasons:
                if not claimed.get(reason) and reason not in rare:
                    others.setdefault(reason, name)
        report.add("no exit that the table of coverage leaves out", not others,
                   ", ".join(f"{reason} in {name}" for reason, name in others.items()))

    def save(self, path):
        """For `make measure`."""
        measured.write({"exits": measured.exits_of(table.read(), self.guests),
                        "accesses": self.accesses}, path)
