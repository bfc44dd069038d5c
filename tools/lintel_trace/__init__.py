"""The trace ring of Lintel (include/abi/trace.h), as tools/trace reads it.

source.py     numbers and names, out of the C sources
ring.py       records and rings, and what must hold for them
memory.py     rings in a dump of memory
lines.py      rings in the LINTEL-TRACE lines of a log
spans.py      which exit lasted how long, and what happened in it
output.py     text, CSV, Chrome/Perfetto JSON, and the tables of --top
"""
