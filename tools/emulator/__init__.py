"""Bochs and QEMU with UEFI firmware, driven from Python.

machine.py   what to emulate, and the run directory
bochs.py     the Bochs side: configuration, debugger
qemu.py      the QEMU side: command line, monitor
session.py   one run: start, stream, type, wait, look at memory, stop
lintel.py    Lintel on top: image, lintel.conf, what its log lines mean
framebuffer.py   a framebuffer's bytes as a PNG file
keyboard.py  keys that are pressed
"""
