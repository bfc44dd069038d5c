#!/usr/bin/env python3
"""Find rings of files that call each other, from the objects' symbols.  Data is not called:
a table that one file fills and another reads closes no ring.

    check_rings.py TOP OBJECT...

Prints each ring with the symbols that close it; exit status 1 if there is one.
"""
import subprocess
import sys
from collections import defaultdict
from pathlib import Path


def symbols(objects):
    """object -> (functions it defines, names it needs)."""
    output = subprocess.run(["nm", "-A", "-g", *objects], capture_output=True, text=True,
                            check=True).stdout
    defined, needed = defaultdict(set), defaultdict(set)
    for line in output.splitlines():
        where, _, rest = line.partition(":")
        *_, kind, name = rest.split()
        if kind in "Uwv":
            needed[where].add(name)
        elif kind in "TW":
            defined[where].add(name)
    return defined, needed


def graph_of(objects):
    """object -> {object that it needs: names}."""
    defined, needed = symbols(objects)
    home = {name: where for where, names in defined.items() for name in names}
    graph = {where: defaultdict(set) for where in objects}
    for where, names in needed.items():
        for name in names:
            if name in home and home[name] != where:
                graph[where][home[name]].add(name)
    return graph


def reachable(graph, start):
    seen, waiting = set(), [start]
    while waiting:
        for target in graph[waiting.pop()]:
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return seen


def rings_of(graph):
    """Sets of objects that all reach each other."""
    reach = {where: reachable(graph, where) for where in graph}
    rings = {frozenset(other for other in reach[where] if where in reach[other])
             for where in graph if where in reach[where]}
    return sorted(rings, key=sorted)


def main():
    top, *objects = sys.argv[1:]
    graph = graph_of(objects)
    rings = rings_of(graph)

    def short(where):
        return Path(where).relative_to(top).as_posix().removesuffix(".o")

    for ring in rings:
        print(f"a ring of {len(ring)} files:", file=sys.stderr)
        for where in sorted(ring):
            for target in sorted(set(graph[where]) & ring):
                print(f"  {short(where)} -> {short(target)}: "
                      f"{', '.join(sorted(graph[where][target]))}", file=sys.stderr)
    return 1 if rings else 0


if __name__ == "__main__":
    sys.exit(main())
