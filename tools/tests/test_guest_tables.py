"""The tables that guests get, judged by those who wrote the book: ACPICA's compiler reads them
and compiles them again, its interpreter loads them, and dmidecode lists the SMBIOS structures.

The program build/unit-gcc/guest_tables writes them; LINTEL_BUILD names another build folder."""
import itertools
import os
import re
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("LINTEL_BUILD", ROOT / "build")).resolve() / "unit-gcc/guest_tables"
CPUS = range(1, 9)
ACPI_TABLES = ("dsdt", "facp", "facs", "apic", "xsdt")
COMPLAINT = re.compile(r"error|warning|remark|invalid|unknown|\*\*\*", re.IGNORECASE)
# What iasl writes into a header itself: checksum, compiler's name and version.
COMPILERS_BYTES = [9, *range(28, 36)]
DSDT_DEVICES = {"PIC": "{2}", "TIMR": "{0}", "RTC": "{8}", "COM1": "{4}", "SYSR": ""}
PCI_DEVICES = ["PCI0", "ECAM"]
PCI_SLOTS = 32
# Granularity, first, last, translation, length.
PCI_WINDOWS = [("WordBusNumber", [0, 0, 0, 0, 1]), ("WordIO", [0, 0xc000, 0xcfff, 0, 0x1000]),
               ("DWordMemory", [0, 0xe0000000, 0xefffffff, 0, 0x10000000])]


def each(test):
    """Calls it with each number of processors, whether there is a PCI bus, and a folder with the
    tables of such a guest."""
    def run(self):
        for cpus, pci in itertools.product(CPUS, (False, True)):
            with self.subTest(cpus=cpus, pci=pci), tempfile.TemporaryDirectory() as name:
                self.run_program(name, str(PROGRAM), str(cpus), str(int(pci)), ".")
                test(self, cpus, pci, Path(name))
    return run


class GuestTables(unittest.TestCase):
    """Each test for 1 to 8 processors."""

    def setUp(self):
        self.assertTrue(PROGRAM.is_file(), f"there is no {PROGRAM}; make it")

    def run_program(self, folder, *argv):
        """Its output; a failure of the test if it does not end well."""
        done = subprocess.run(argv, cwd=folder, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, f"{' '.join(argv)}: {done.stdout}")
        return done.stdout

    @each
    def test_acpi_compiles_again(self, cpus, pci, folder):
        for table in (*ACPI_TABLES, "mcfg") if pci else ACPI_TABLES:
            said = self.run_program(folder, "iasl", "-d", f"{table}.dat")
            self.assertIsNone(COMPLAINT.search(said), said)
            (folder / "again").mkdir(exist_ok=True)
            said = self.run_program(folder, "iasl", "-p", f"again/{table}", f"{table}.dsl")
            self.assertIn(" 0 Errors, 0 Warnings, 0 Remarks", said)
            if table != "dsdt":  # iasl writes its constants shorter
                self.same_bytes(folder, table)
        apic = (folder / "apic.dsl").read_text()
        self.assertEqual(apic.count("[Processor Local APIC]"), cpus)
        self.assertEqual(apic.count("[Interrupt Source Override]"), 2)

    def same_bytes(self, folder, table):
        """The table came through unchanged, but for what iasl says of itself."""
        before = bytearray((folder / f"{table}.dat").read_bytes())
        after = bytearray((folder / f"again/{table}.aml").read_bytes())
        for at in COMPILERS_BYTES if table != "facs" else []:
            before[at] = after[at] = 0
        self.assertEqual(before, after, table)

    @each
    def test_devices(self, cpus, pci, folder):
        self.run_program(folder, "iasl", "-d", "dsdt.dat")
        text = re.sub(r"\s", "", (folder / "dsdt.dsl").read_text())
        devices = re.findall(r"Device\((\w+)\)", text)
        self.assertEqual(devices, [f"CPU{n}" for n in range(cpus)] + list(DSDT_DEVICES) +
                         (PCI_DEVICES if pci else []))
        self.assertEqual(text.count('"ACPI0007"'), cpus)
        windows = re.findall(r"(Word\w+|DWord\w+)\(([^)]*)\)", text)
        self.assertEqual([(kind, [int(n, 16) for n in re.findall(r"0x(\w+),", words)])
                          for kind, words in windows], PCI_WINDOWS if pci else [])
        self.assertEqual("".join(re.findall(r"IRQNoFlags\(\)(\{\d+\})", text)),
                         "".join(DSDT_DEVICES.values()))

    # With a FADT of its own: acpiexec's self-tests want GPE blocks and PM2, which no guest has.
    @each
    def test_acpi_loads(self, cpus, pci, folder):
        wanted = [r"\_S5"] + [rf"\_SB.CPU{n}.{name}" for n in range(cpus)
                              for name in ("_UID", "_STA")]
        if pci:
            wanted += [r"\_SB.PCI0._PRT"]
        said = self.run_program(folder, "acpiexec", "-b",
                                "; ".join(f"evaluate {path}" for path in wanted),
                                *(f"{table}.dat" for table in ("dsdt", "facs", "apic")))
        self.assertIn("1 ACPI AML tables successfully acquired and loaded", said)
        self.assertIsNone(re.search(r"error|warning|AE_", said, re.IGNORECASE), said)
        values = [int(value, 16) for value in re.findall(r"\[Integer\] = ([0-9A-F]+)", said)]
        routes = [value for slot in range(PCI_SLOTS if pci else 0)
                  for value in (slot << 16 | 0xffff, 0, 0, 16 + slot % 8)]
        self.assertEqual(values, [5, 5, 0, 0] + [value for n in range(cpus)
                                                 for value in (n, 0xf)] + routes, said)

    @each
    def test_smbios(self, cpus, _pci, folder):
        data = bytearray((folder / "smbios.dat").read_bytes())
        self.assertEqual(struct.unpack_from("<Q", data, 16)[0], 0xf0020)
        struct.pack_into("<Q", data, 16, 32)  # in a dump, the structures lie here
        data[5] = 0
        data[5] = -sum(data[:24]) & 0xff
        (folder / "dump").write_bytes(data)
        said = self.run_program(folder, "dmidecode", "--from-dump", "dump")
        self.assertIsNone(re.search(r"broken|wrong|bad|invalid|out of spec|truncated|\berror:",
                                    said, re.IGNORECASE), said)
        self.assertEqual([int(kind) for kind in re.findall(r"DMI type (\d+),", said)],
                         [0, 1, 3, 4, 16, 17, 19, 19, 32, 127])
        for words in ("SMBIOS 3.0.0 present", "Manufacturer: Lintel",
                      "Product Name: Lintel virtual machine", "UUID: Not Settable",
                      "System is a virtual machine", "ACPI is supported",
                      f"Core Count: {cpus}", f"Core Enabled: {cpus}", f"Thread Count: {cpus}",
                      "Max Speed: 2500 MHz", "Size: 5 GB", "Maximum Capacity: 5 GB",
                      "Range Size: 3 GB", "Range Size: 2 GB", "Status: No errors detected"):
            self.assertIn(words, said)
        self.assertEqual("Multi-Core" in said, cpus > 1)
