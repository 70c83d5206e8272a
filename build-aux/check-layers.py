#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks that no files of a library need each other in a circle.

    check-layers.py NM LIBRARY.a SOURCE_DIR

A file needs another one if it uses a symbol that the other one defines (as nm reports for the objects in
LIBRARY.a), or if it includes it (as the headers in SOURCE_DIR say). Prints TAP, and each circle with what
makes it one.
"""

import collections
import pathlib
import re
import subprocess
import sys
from typing import Dict, List

# What a file needs, and by what: {'a.c': {'b.c': 'b_symbol'}}.
Graph = Dict[str, Dict[str, str]]

# nm --portability --print-file-name: "lib.a[a.c.o]: symbol T 0 1c".
SYMBOL = re.compile(r'^.*\[(.*)\]: (\S+) (\S)')
INCLUDE = re.compile(r'^\s*#\s*include\s+["<](?:.*/)?([^/">]+)[">]', re.MULTILINE)


def read_objects(nm: str, library: str) -> Graph:
    output = subprocess.run([nm, '--portability', '--print-file-name', library], check=True,
                            stdout=subprocess.PIPE, text=True).stdout
    symbols = [match.groups() for match in map(SYMBOL.match, output.splitlines()) if match]
    objects = [(pathlib.PurePath(member).name.removesuffix('.o'), symbol, kind)
               for member, symbol, kind in symbols]
    defined = {symbol: file for file, symbol, kind in objects if kind.isupper() and kind != 'U'}
    graph: Graph = collections.defaultdict(dict)
    for file, symbol, kind in objects:
        graph[file]  # also a file that needs nothing
        if kind == 'U' and defined.get(symbol, file) != file:
            graph[file].setdefault(defined[symbol], symbol)
    return graph


def read_headers(folder: str) -> Graph:
    headers = {path.name: path.read_text(encoding='utf-8') for path in pathlib.Path(folder).glob('*.h')}
    return {name: {included: f'#include of {included}' for included in INCLUDE.findall(text) if included in headers}
            for name, text in headers.items()}


def find_path(graph: Graph, start: str, end: str) -> List[str]:
    """The shortest path of at least one step; empty where there is none."""
    before: Dict[str, str] = {}
    queue = collections.deque([start])
    while queue:
        file = queue.popleft()
        for needed in sorted(graph.get(file, {})):
            if needed not in before:
                before[needed] = file
                queue.append(needed)
    if end not in before:
        return []
    path = [end]
    while len(path) == 1 or path[-1] != start:
        path.append(before[path[-1]])
    return path[::-1]


def find_circles(graph: Graph) -> List[List[str]]:
    """A shortest circle for each set of files that all need each other, and how many these are."""
    circles = []
    seen = set()
    for file in sorted(graph):
        circle = [] if file in seen else find_path(graph, file, file)
        if circle:
            members = {other for other in graph if find_path(graph, file, other) and find_path(graph, other, file)}
            seen |= members
            shortest = min((find_path(graph, member, member) for member in sorted(members)), key=len)
            circles.append((shortest, sorted(members)))
    return circles


def report(number: int, name: str, graph: Graph) -> bool:
    circles = find_circles(graph)
    print(f'{"not ok" if circles else "ok"} {number} no circle among {len(graph)} {name}')
    for circle, members in circles:
        print(f'# {len(members)} need each other: {", ".join(members)}')
        for file, needed in zip(circle, circle[1:]):
            print(f'#   {file} needs {needed}: {graph[file][needed]}')
    return not circles


def main(arguments: List[str]) -> int:
    if len(arguments) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    nm, library, folder = arguments
    objects, headers = read_objects(nm, library), read_headers(folder)
    print('1..2')
    good = [report(1, 'files', objects), report(2, 'headers', headers)]
    if not objects or not headers:
        print('Bail out! no files, or no headers, were found')
        return 1
    return 0 if all(good) else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
