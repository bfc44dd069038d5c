"""The tables that modprobe reads, made of modules made up here."""
import struct
import unittest

import kernel_modules

KERNEL = "6.1.0-1 SMP preempt"


def module(name, depends="", aliases=(), kernel=KERNEL):
    """An ELF file with a section .modinfo and little else."""
    strings = [f"name={name}", f"depends={depends}", f"vermagic={kernel}",
               *(f"alias={alias}" for alias in aliases)]
    information = "".join(f"{text}\0" for text in strings).encode()
    names = b"\0.modinfo\0.shstrtab\0"
    sections = [(0, 0, 0), (1, 64, len(information)), (10, 64 + len(information), len(names))]
    table = 64 + len(information) + len(names)
    header = (kernel_modules.ELF_MAGIC.ljust(0x28, b"\0") + struct.pack("<Q", table) +
              bytes(10) + struct.pack("<HHH", 64, len(sections), 2))
    return header + information + names + b"".join(
        kernel_modules.SECTION.pack(name, 0, 0, 0, at, size, 0, 0, 0, 0)
        for name, at, size in sections)


class Tables(unittest.TestCase):
    """modules.dep and modules.alias."""

    def table(self, modules, name):
        return kernel_modules.files(modules)[f"lib/modules/6.1.0-1/{name}"].decode().splitlines()

    def test_all_that_is_needed(self):
        """Those that others need are loaded first: they come last."""
        modules = {"a.ko": module("a", "b,d"), "b.ko": module("b", "c"), "c.ko": module("c", "d"),
                   "d.ko": module("d")}
        self.assertEqual(self.table(modules, "modules.dep"),
                         ["a.ko: b.ko c.ko d.ko", "b.ko: c.ko d.ko", "c.ko: d.ko", "d.ko:"])

    def test_dash_and_underscore(self):
        """They are the same in a module's name, not in its file's."""
        modules = {"a-x.ko": module("a_x", "b-x"), "b-x.ko": module("b_x")}
        self.assertEqual(self.table(modules, "modules.dep"), ["a-x.ko: b-x.ko", "b-x.ko:"])

    def test_aliases(self):
        """One line each."""
        modules = {"a.ko": module("a", aliases=("pci:v1*", "virtio:d2*"))}
        self.assertEqual(self.table(modules, "modules.alias"),
                         ["alias pci:v1* a", "alias virtio:d2* a"])

    def test_bytes_are_kept(self):
        """The module itself."""
        data = module("a")
        self.assertEqual(kernel_modules.files({"a.ko": data})["lib/modules/6.1.0-1/a.ko"], data)


class Refused(unittest.TestCase):
    """What cannot be loaded in the guest."""

    def refused(self, modules, words):
        with self.assertRaisesRegex(kernel_modules.ModuleError, words):
            kernel_modules.files(modules)

    def test_no_module(self):
        """Not ELF, cut off, without the section."""
        for data in (b"", b"#!/bin/sh\n" * 9, module("a")[:80],
                     module("a").replace(b".modinfo", b".modinfx")):
            self.refused({"a.ko": data}, "a.ko is no 64-bit kernel module")

    def test_no_name(self):
        """A section that says something else."""
        self.refused({"a.ko": module("a").replace(b"name=", b"nome=")}, "a.ko does not say")

    def test_missing(self):
        """Names who needs it."""
        self.refused({"a.ko": module("a", "b")}, "a needs the module b")

    def test_ring(self):
        """Does not run on for ever."""
        self.refused({"a.ko": module("a", "b"), "b.ko": module("b", "a")}, "need each other")

    def test_two_kernels(self):
        """Of two packages."""
        self.refused({"a.ko": module("a"), "b.ko": module("b", kernel="6.2 SMP")},
                     "modules of 2 kernels: 6.1.0-1 6.2")

    def test_none(self):
        """An empty folder."""
        self.refused({}, "no modules")
