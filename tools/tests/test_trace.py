"""tools/trace: rings are read as they were written, and what is not sound is refused."""
import io
import json
import random
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from lintel_trace import lines, memory, output, ring, source, spans

LAYOUT = source.layout()
TRACE = Path(__file__).resolve().parents[1] / "trace"
HZ = 50_000_000
EXIT = LAYOUT.exit_base
CPUID, HLT, IO = EXIT + 10, EXIT + 12, EXIT + 30
INJECT, WAIT = 2, 9


def head(event, a=0, vcpu=0x100):
    return a << 32 | vcpu << 16 | event


# tsc, head, b, c: a CPUID, a HLT that slept 1000 ticks, an injection, an IN, one without an end.
WORDS = [(1000, head(CPUID, 100), 0xFFF0, 0), (1200, head(HLT, 300), 0xFFF2, 0),
         (2300, head(WAIT), 1000, 0), (2400, head(INJECT, 0x80000020), 0, 0),
         (2600, head(IO, 200), 0xFFF3, 0x3F80000), (2900, head(7, 0x50, 0xFFFF), 0, 0),
         (3000, head(CPUID, 0), 0xFFF5, 0)]


def dump(words=None, records=8, written=None, cpu=0, hz=HZ, version=LAYOUT.version, size=32,
         magic=LAYOUT.magic, reserved=bytes(24)):
    """A ring as it stands in memory."""
    words = WORDS if words is None else words
    written = len(words) if written is None else written
    slots = [bytes(32)] * records
    for number, four in enumerate(words, start=max(0, written - len(words))):
        slots[number % records] = memory.RECORD.pack(*four)
    header = memory.HEADER.pack(magic, version, size, records, cpu, hz, written, reserved)
    return header + b"".join(slots)


def read(data):
    return ring.merge(memory.read(data, "dump"))


def texts(rings):
    """What every writer makes of rings."""
    for one in rings:
        spans.spans(one)
    out = {}
    for name, write in (("text", output.write_text), ("csv", output.write_csv),
                        ("json", output.write_perfetto), ("top", output.write_top)):
        file = io.StringIO()
        write(rings, file)
        out[name] = file.getvalue()
    return out


class Source(unittest.TestCase):
    def test_names_come_from_the_sources(self):
        self.assertEqual(LAYOUT.magic, b"LNTELTRC")
        self.assertEqual(LAYOUT.exit_name(CPUID), "CPUID")
        self.assertEqual(LAYOUT.events[WAIT][0], "WAIT")
        self.assertFalse(LAYOUT.known(EXIT + 35))  # no such basic exit reason
        self.assertFalse(LAYOUT.known(0))

    def test_other_sources_are_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            for file in (source.HEADER, source.EVENTS, source.REASONS):
                path = Path(folder) / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("nothing\n", encoding="ascii")
            with self.assertRaises(source.SourceError):
                source.layout(Path(folder))


class Memory(unittest.TestCase):
    def test_ring(self):
        [one] = read(dump())
        self.assertEqual((one.cpu, one.tsc_hz, len(one.records)), (0, HZ, len(WORDS)))
        self.assertEqual(one.records[0], ring.Record(0, 1000, CPUID, 0x100, 100, 0xFFF0, 0))
        self.assertEqual([r.name for r in one.records],
                         ["CPUID", "HLT", "WAIT", "INJECT", "IO", "HOST_IRQ", "CPUID"])

    def test_ring_that_went_round(self):
        words = [(n, head(CPUID, 1), n, 0) for n in range(92, 100)]
        [one] = read(dump(words, written=100))
        self.assertEqual([(r.number, r.tsc) for r in one.records],
                         [(n, n) for n in range(92, 100)])

    def test_several_rings_in_a_large_dump(self):
        operand = b"\x48\xb8\x00" + LAYOUT.magic + b"code" * 3  # movabs in trace_init()
        data = bytes(4096) + operand + bytes(1) + dump(cpu=1) + bytes(800) + dump(cpu=0)
        data = bytes(-len(operand + bytes(1)) % 8) + data
        self.assertEqual([one.cpu for one in read(data)], [0, 1])

    def test_newest_record_half_written(self):
        words = WORDS[:-1] + [(5, head(CPUID), 0, 0)]
        [one] = read(dump(words))
        self.assertEqual(len(one.records), len(WORDS) - 1)
        self.assertIn("left out", one.notes[0])

    def test_running_machine_keeps_no_newest_record(self):
        words = [(n, head(CPUID, 1), n, 0) for n in range(92, 100)]
        one = memory.read_ring(dump(words, written=100), 0, "x", running=True)
        self.assertEqual([r.number for r in one.records], list(range(92, 99)))

    def refused(self, data, *parts):
        with self.assertRaises(ring.TraceError) as caught:
            texts(read(data))
        for part in ("dump", *parts):
            self.assertIn(part, str(caught.exception))

    def test_malformed(self):
        time_goes_back = WORDS[:3] + [(1, head(CPUID, 1), 0, 0)] + WORDS[3:]
        unknown = WORDS[:2] + [(1300, head(0x77), 0, 0)] + WORDS[2:]
        no_reason = WORDS[:2] + [(1300, head(EXIT + 35), 0, 0)] + WORDS[2:]
        for data, *parts in (
                (b"", "does not occur"), (b"x" * 4096, "does not occur"),
                (b"abc" + LAYOUT.magic + bytes(40), "0x3", "without a ring"),
                (dump(magic=LAYOUT.magic)[:40], "byte 0x0", "truncated", "header"),
                (dump()[:-1], "truncated", "ring"), (dump(version=9), "version 9"),
                (dump(size=64), "64 bytes"), (dump(records=7), "7 records"),
                (dump(hz=0), "0 Hz"), (dump(cpu=99999), "CPU number 99999"),
                (dump(reserved=b"x" * 24), "reserved"),
                (dump(written=3), "only 3 were written"),
                (dump(time_goes_back), "record 3", "time goes backwards, from 2300 to 1"),
                (dump(unknown), "record 2", "unknown event 0x77"),
                (dump(no_reason), "record 2", "unknown event")):
            with self.subTest(parts):
                self.refused(data, *parts)

    def test_exits_that_overlap(self):
        words = [(1000, head(CPUID, 500), 0, 0), (1400, head(CPUID, 10), 0, 0)]
        with self.assertRaises(ring.TraceError) as caught:
            texts(read(dump(words)))
        self.assertIn("ends at 1500", str(caught.exception))


class Lines(unittest.TestCase):
    def setUp(self):
        [self.ring] = read(dump())
        self.text = lines.write(self.ring)

    def read(self, text):
        return ring.merge(lines.read(text, "log"))

    def test_round_trip_in_a_log(self):
        log = "[1.0] guest\r\n" + self.text.replace("\n", "\r\n") + "LINTEL-EXIT status=0\r\n"
        self.assertEqual(self.read(log), [self.ring])

    def test_place_of_the_ring_is_no_error(self):
        place = "LINTEL-TRACE at cpu=0 address=0x1dc93968 bytes=131136\n"
        self.assertEqual(self.read(place + self.text), [self.ring])

    def test_readings_are_merged(self):
        first = ring.Ring(0, HZ, self.ring.records[:5])
        unfinished = self.ring.records[4].__class__(**{**vars(first.records[4]), "a": 0})
        first.records[4] = unfinished
        second = ring.Ring(0, HZ, self.ring.records[3:])
        self.assertEqual(self.read(lines.write(first) + lines.write(second)), [self.ring])

    def test_gap_is_told(self):
        text = (lines.write(ring.Ring(0, HZ, self.ring.records[:2])) +
                lines.write(ring.Ring(0, HZ, self.ring.records[5:])))
        self.assertIn("records 2 to 4 are lost", self.read(text)[0].notes[0])

    def test_malformed(self):
        ruled = self.text.splitlines()
        for text, *parts in (
                ("", "no trace"), ("hello\n", "no trace"),
                (self.text.replace("end cpu=0", "end cpu=1"), "line 9", "CPU 1"),
                ("\n".join(ruled[:-1]), "truncated"), ("\n".join(ruled[:2]), "truncated"),
                ("\n".join(ruled[:3] + ruled[4:]), "line 4", "a line is lost"),
                ("\n".join(ruled[:7] + ruled[8:]), "1 records are missing"),
                ("\n".join(ruled[1:]), "line 1", "outside of a ring"),
                (ruled[-1], "line 1", "end without a ring"),
                ("\n".join(ruled[:3] + ruled), "line 4", "within that of"),
                (self.text.replace(" fff0 ", " fff1 "), "sum"),
                (self.text.replace(" fff0 ", " ffgX "), "line 2", "no line of a trace"),
                (self.text.replace("version=1", "version=2"), "version 2"),
                (self.text.replace("first=0", "first=9"), "first=9"),
                (self.text.replace("written=7", "written=6"), "only 6"),
                (self.text.replace("LINTEL-TRACE 3 960", "LINTEL-TRACE 3 1"), "backwards")):
            with self.subTest(parts), self.assertRaises(ring.TraceError) as caught:
                self.read(text)
            for part in ("log", *parts):
                self.assertIn(part, str(caught.exception))


class Output(unittest.TestCase):
    def setUp(self):
        self.rings = read(dump() + dump(cpu=1))
        self.texts = texts(self.rings)

    def test_text(self):
        ruled = self.texts["text"].splitlines()
        self.assertEqual(len(ruled), 1 + 2 * len(WORDS))
        self.assertIn("EXIT CPUID: ticks 100, RIP 0xfff0", ruled[1])

    def test_csv(self):
        ruled = self.texts["csv"].splitlines()
        self.assertEqual(ruled[0].split(","), list(output.CSV_COLUMNS))
        self.assertEqual(ruled[1], "0,0,1000,0.0,1,0,CPUID,1,100,65520,0")
        self.assertEqual(ruled[-3].split(",")[4:8], ["", "", "HOST_IRQ", "0"])

    def test_top(self):
        self.assertRegex(self.texts["top"], r"by count\n.*\nCPUID +2 +33.33%")
        self.assertRegex(self.texts["top"], r"by time\n.*\nHLT +2 ")
        self.assertRegex(self.texts["top"], r"most exits\n.*\nCPUID +0xfff0 +2 +200\n")
        self.assertRegex(self.texts["top"], r"IO +0xfff3 +0x3f8 +2 +400\n")

    def test_perfetto_rules(self):
        """The fields that the Trace Event Format asks for, and slices that nest."""
        trace = json.loads(self.texts["json"])
        self.assertIn(trace["displayTimeUnit"], ("ms", "ns"))
        tracks = {}
        for event in trace["traceEvents"]:
            self.assertIsInstance(event["name"], str)
            self.assertIsInstance(event["pid"], int)
            self.assertIsInstance(event["tid"], int)
            self.assertIsInstance(event["args"], dict)
            self.assertIn(event["ph"], ("X", "i", "M"))
            if event["ph"] == "M":
                self.assertIn(event["name"], ("process_name", "thread_name"))
                self.assertIsInstance(event["args"]["name"], str)
                continue
            self.assertGreaterEqual(event["ts"], 0)
            if event["ph"] == "i":
                self.assertEqual(event["s"], "t")
            else:
                self.assertGreater(event["dur"], 0)
                tracks.setdefault((event["pid"], event["tid"]), []).append(
                    (event["ts"], event["ts"] + event["dur"]))
        self.assertEqual(sorted(tracks), [(0, 0x100), (1, 0x100)])
        for slices in tracks.values():
            for one in slices:
                for other in slices:
                    self.assertTrue(one[1] <= other[0] or other[1] <= one[0] or
                                    one[0] <= other[0] and other[1] <= one[1] or
                                    other[0] <= one[0] and one[1] <= other[1])

    def test_perfetto_times(self):
        events = json.loads(self.texts["json"])["traceEvents"]
        cpuid = next(e for e in events if e["name"] == "CPUID")
        hlt = next(e for e in events if e["name"] == "HLT")
        self.assertEqual((cpuid["ts"], cpuid["dur"]), (0, 2.0))   # 100 ticks of 20 ns
        self.assertEqual((hlt["ts"], hlt["dur"]), (4.0, 26.0))    # 300 in Lintel, 1000 asleep


class Mutations(unittest.TestCase):
    """Whatever the bytes are: a trace or a TraceError, never another exception."""

    def attempt(self, parse, data):
        try:
            rings = ring.merge(parse(data))
            texts(rings)
            return True
        except ring.TraceError as error:
            self.assertTrue(error.place and error.what)
            return False

    def test_memory(self):
        chance, good = random.Random(1), 0
        originals = [dump() + bytes(64) + dump(cpu=3),
                     dump([(n, head(CPUID, 1), n, 0) for n in range(92, 100)], written=100)]
        for _ in range(3000):
            data = bytearray(chance.choice(originals))
            for _ in range(chance.randrange(1, 6)):
                at = chance.randrange(len(data))
                data[at] = chance.choice((0, 1, 0xFF, data[at] ^ 1 << chance.randrange(8)))
            if chance.random() < 0.2:
                del data[chance.randrange(len(data)):]
            good += self.attempt(lambda d: memory.read(d, "dump"), bytes(data))
        self.assertTrue(0 < good < 3000)

    def test_lines(self):
        chance, good = random.Random(2), 0
        text = lines.write(read(dump())[0]) + lines.write(read(dump(cpu=2))[0])
        for _ in range(3000):
            piece = list(text)
            for _ in range(chance.randrange(1, 4)):
                at = chance.randrange(len(piece))
                piece[at:at + chance.randrange(3)] = chance.choice("0123456789abcdef= \nL\0\xe9")
            good += self.attempt(lambda t: lines.read(t, "log"), "".join(piece))
        self.assertLess(good, 3000)


class Program(unittest.TestCase):
    def run_tool(self, data, *options):
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            return subprocess.run([sys.executable, str(TRACE), file.name, *options],
                                  capture_output=True, text=True, check=False)

    def test_good(self):
        for option in ("--text", "--csv", "--perfetto", "--top"):
            done = self.run_tool(dump(), option)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("CPUID", done.stdout)

    def test_bad(self):
        for data in (dump(version=2), b"", dump([]), b"LINTEL-TRACE 1 2 3 4 5\n"):
            done = self.run_tool(data)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertTrue(done.stderr.startswith("trace: "))


if __name__ == "__main__":
    unittest.main()
