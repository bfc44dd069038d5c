"""tools/coverage.txt, checked against the compiled tables and against the tests that exist."""
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "tools" / "coverage.txt"
GUEST_LIST = ROOT / "guest_tests" / "list.txt"
GUEST_TEST = re.compile(r"^GUEST_TEST\((\w+)\)", re.MULTILINE)
UNIT_TEST = re.compile(r"\b(?:cmocka_unit_test\w*|TEST)\((\w+)[,)]")

# How the rows of each compiled table are called.
KEYS = {
    "exit": lambda row: row["name"],
    "cpuid": lambda row: hex(row["leaf"]),
    "msr": lambda row: hex(row["first"]),
    "port": lambda row: hex(row["first"]),
    "mmio": lambda row: hex(row["first"]),
    "hypercall": lambda row: row["name"],
}


class CoverageError(Exception):
    """The table does not fit the tree; one line for each reason."""


@dataclass
class Line:
    """One line of the table."""
    kind: str
    key: str
    guest: list = field(default_factory=list)   # GUEST or GUEST.TEST
    unit: list = field(default_factory=list)    # FILE.TEST
    off: list = field(default_factory=list)     # VM-execution controls
    never: str = ""
    rare: str = ""
    unmeasured: str = ""

    def guests(self):
        """The names of the test guests, each once, in order."""
        return list(dict.fromkeys(name.partition(".")[0] for name in self.guest))


def parse(text):
    """(kind, key) -> Line."""
    lines = {}
    for number, row in enumerate(text.splitlines(), start=1):
        words = shlex.split(row, comments=True)
        if not words:
            continue
        if len(words) < 2 or words[0] not in KEYS:
            raise CoverageError(f"coverage.txt:{number}: no kind and key")
        line = Line(words[0], words[1])
        for word in words[2:]:
            name, equals, value = word.partition("=")
            if not equals or name not in ("guest", "unit", "off", "never", "rare",
                                               "unmeasured"):
                raise CoverageError(f"coverage.txt:{number}: {word}?")
            old = getattr(line, name)
            setattr(line, name, value.split(",") if isinstance(old, list) else value)
        if (line.kind, line.key) in lines:
            raise CoverageError(f"coverage.txt:{number}: {line.key} a second time")
        lines[line.kind, line.key] = line
    return lines


def read():
    return parse(TABLE.read_text(encoding="utf-8"))


def guest_images():
    """Test guest -> image, of the guests that are made of guest_tests/t_*.c; of those with an image
    of another kind (file=): "", since no test of theirs can be named."""
    images = {path.stem[2:]: path.stem[2:] for path in (ROOT / "guest_tests").glob("t_*.c")}
    for row in GUEST_LIST.read_text(encoding="utf-8").splitlines():
        words = shlex.split(row, comments=True)
        if words:
            values = dict(word.split("=", 1) for word in words[1:])
            images[words[0]] = "" if "file" in values else values.get("image", words[0])
    return images


def _tests_in(path, pattern):
    return set(pattern.findall(path.read_text(encoding="utf-8"))) if path.is_file() else None


def _check_tests(line, images):
    where = f"{line.kind} {line.key}"
    for name in line.guest:
        guest, _, test = name.partition(".")
        tests = set() if images.get(guest) == "" else \
            _tests_in(ROOT / "guest_tests" / f"t_{images.get(guest)}.c", GUEST_TEST)
        if tests is None or (test and test not in tests):
            yield f"{where}: there is no guest test {name}"
    for name in line.unit:
        file, _, test = name.partition(".")
        tests = _tests_in(ROOT / "tools" / "unit" / f"{file}.c", UNIT_TEST)
        if tests is None or test not in tests:
            yield f"{where}: there is no unit test {name}"


def _check_line(line, tables):
    where = f"{line.kind} {line.key}"
    if not line.unit:
        yield f"{where}: no unit test"
    reasons = sum(map(bool, (line.guest, line.off, line.never, line.rare)))
    if reasons != 1 or (line.kind != "exit" and not line.guest):
        yield f"{where}: wants a guest test" + \
              (", or a reason why there is none" if line.kind == "exit" else "")
    for control in line.off:
        if tables["controls"].get(control) != 0:
            yield f"{where}: the control '{control}' is " + \
                  ("on" if control in tables["controls"] else "unknown")


def check(lines, tables):
    """Raises CoverageError if the table leaves out a row, names one that is not there, or a
    test that is not there."""
    images = guest_images()
    rows = {(kind, key(row)) for kind, key in KEYS.items() for row in tables[kind]}
    errors = [f"{kind} {key}: no line in coverage.txt" for kind, key in rows - lines.keys()]
    errors += [f"{kind} {key}: there is no such row" for kind, key in lines.keys() - rows]
    for line in lines.values():
        errors += _check_tests(line, images)
        errors += _check_line(line, tables)
    if errors:
        raise CoverageError("\n".join(sorted(errors)))
