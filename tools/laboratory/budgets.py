"""tools/budgets: a limit for each figure, and the comparison with what was measured.

A figure above its limit fails.  So does a budget whose figure was not measured, and a
measured figure without a budget: nothing is left out silently.
"""
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

SLACK = Decimal("0.95")  # a figure below this part of its limit is worth a tighter one


class BudgetError(Exception):
    """tools/budgets has a mistake: its line and what is wrong there."""


@dataclass(frozen=True)
class Budget:
    """A row of tools/budgets."""
    name: str
    limit: Decimal
    unit: str
    why: str


@dataclass(frozen=True)
class Verdict:
    """What became of one figure or budget."""
    name: str
    state: str  # ok, better, over, missing, unknown
    value: object = None
    limit: object = None
    unit: str = ""
    why: str = ""

    @property
    def good(self):
        return self.state in ("ok", "better")

    @property
    def text(self):
        words = {"ok": "within", "better": "well within", "over": "OVER"}
        if self.state == "missing":
            return f"limit {self.limit} {self.unit}, but the figure was not measured"
        if self.state == "unknown":
            return f"{self.value} {self.unit}, but tools/budgets has no row for it"
        more = f"; the limit could be {self.value}" if self.state == "better" else ""
        return f"{self.value} {self.unit}, {words[self.state]} the limit of {self.limit}{more}"


def parse(text, name="tools/budgets"):
    """name -> Budget, in the file's order."""
    rows = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split("#", 1)[0].split(None, 3)
        if not words:
            continue
        if len(words) != 4:
            raise BudgetError(f"{name}:{number}: a row is NAME LIMIT UNIT WHY")
        try:
            limit = Decimal(words[1])
        except InvalidOperation:
            raise BudgetError(f"{name}:{number}: '{words[1]}' is no number") from None
        if not limit.is_finite() or limit < 0:
            raise BudgetError(f"{name}:{number}: a limit of {words[1]}")
        if words[0] in rows:
            raise BudgetError(f"{name}:{number}: {words[0]} has a row already")
        rows[words[0]] = Budget(words[0], limit, words[2], words[3].strip())
    if not rows:
        raise BudgetError(f"{name}: no row")
    return rows


def _judge(budget, figure):
    if figure["unit"] != budget.unit:
        return Verdict(budget.name, "missing", None, budget.limit, budget.unit,
                       f"measured in {figure['unit']}")
    value = Decimal(str(figure["value"]))
    state = "over" if value > budget.limit else \
        "better" if value < budget.limit * SLACK else "ok"
    return Verdict(budget.name, state, value, budget.limit, budget.unit, budget.why)


def compare(rows, figures):
    """[Verdict, ...]: each budget in its order, then what has none."""
    verdicts = [_judge(row, figures[row.name]) if row.name in figures else
                Verdict(row.name, "missing", None, row.limit, row.unit, row.why)
                for row in rows.values()]
    return verdicts + [Verdict(name, "unknown", figure["value"], None, figure["unit"])
                       for name, figure in sorted(figures.items()) if name not in rows]


def tightened(text, figures):
    """The file's text with each limit lowered to the figure, if that is lower."""
    rows, out = parse(text), []
    for line in text.splitlines(keepends=True):
        words = line.split("#", 1)[0].split(None, 3)
        row = rows.get(words[0]) if words else None
        figure = figures.get(row.name) if row else None
        if figure and _judge(row, figure).good and Decimal(str(figure["value"])) < row.limit:
            old = words[1]
            new = str(figure["value"])
            start = line.index(old, len(words[0]))
            width = len(line[len(words[0]):start]) + len(old)
            line = line[:len(words[0])] + new.rjust(width) + line[start + len(old):]
        out.append(line)
    return "".join(out)
