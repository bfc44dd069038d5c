"""tools/testing/replay: how a fault is planted."""
import tempfile
import unittest
from pathlib import Path

from testing import replay

TABLE = """# what for

# one
a.c
- x = 1;
+ x = 2;
# two
b.c
- if (x)
+ if (!x)
"""
SOURCE = "int f(void)\n{\n    x = 1;\n    if (x)\n        y = 1;\n    y = 1;\n}\n"


class Faults(unittest.TestCase):
    """The table of faults, and a file with one of them."""

    def plant(self, line, faulty):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "a.c"
            file.write_text(SOURCE, encoding="utf-8")
            return replay.plant(replay.Fault(file, line, faulty))

    def test_table(self):
        self.assertEqual(replay.read_faults(TABLE),
                         [replay.Fault(Path("a.c"), "x = 1;", "x = 2;"),
                          replay.Fault(Path("b.c"), "if (x)", "if (!x)")])

    def test_the_line_alone_changes(self):
        self.assertEqual(self.plant("x = 1;", "x = 2;"), SOURCE.replace("x = 1;", "x = 2;"))

    def test_a_line_that_is_not_there(self):
        self.assertIsNone(self.plant("x = 3;", "x = 2;"))

    def test_a_line_that_is_there_twice(self):
        self.assertIsNone(self.plant("y = 1;", "y = 2;"))


if __name__ == "__main__":
    unittest.main()
