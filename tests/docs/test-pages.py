#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks what the documentation says about the source tree: quoted code, files, functions, tests, links.

Prints TAP.

usage: test-pages.py SOURCE_DIR
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1])
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
READING_MAX = 300  # lines that have to be read for the way of an event
# How much longer or shorter than documented a file's functions may be, in lines.
TOLERANCE = 5


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def find_function(path, name):
    """Returns the lines of a function's definition, from its return type to its closing brace."""
    match = re.search(rf"^[^\n]+\n{name} \((?:(?!;\n).)*?\n{{\n.*?^}}$", read(path), re.M | re.S)
    if match is None:
        raise AssertionError(f"{path} has no function {name}")
    return match.group().split("\n")


def table(header):
    """Returns the cells of the rows of a table, whose first header cell is given."""
    match = re.search(rf"^\| {re.escape(header)} \|.*\n\|[-: |]+\|\n((?:\|.*\n)+)", ARCHITECTURE, re.M)
    if match is None:
        raise AssertionError(f"there is no table {header!r}")
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in match.group(1).splitlines()]


def names_in(cell):
    return re.findall(r"`([^`]+)`", cell)


def strip(line):
    """A line of code without indentation and comments."""
    return re.sub(r"/\*.*?\*/", "", line).strip()


def test_quotes():
    (block,) = re.findall(r"^```c\n(/\* lxcmon/lxcmon-reader\.c.*?)^```$", ARCHITECTURE, re.M | re.S)
    for path, name, quoted in re.findall(r"^/\* (\S+): (\w+)\(\) \*/\n((?:.+\n)+)", block, re.M):
        lines = [strip(line) for line in find_function(path, name)]
        position = 0
        for line in map(strip, quoted.splitlines()):
            if line not in lines[position:]:
                raise AssertionError(f"{name}() in {path} has no line {line!r} (any more, or not in that order)")
            position = lines.index(line, position) + 1


def test_reading_list():
    total = 0
    stated_total = 0
    for path, functions, stated in table("file"):
        (path,) = names_in(path)
        n = sum(len(find_function(path, name)) for name in names_in(functions))
        if abs(n - int(stated)) > TOLERANCE:
            raise AssertionError(f"the functions of {path} have {n} lines, and not {stated}")
        total += n
        stated_total += int(stated)
    if f": {stated_total} lines" not in ARCHITECTURE:
        raise AssertionError(f"the sum of the lines is {stated_total}")
    if total > READING_MAX:
        raise AssertionError(f"{total} lines have to be read, more than {READING_MAX}")


def test_ways():
    """The files on the way of an event of a row have the functions that are named."""
    for header in "of a row, directly", "of a row, through libvirtd":
        for path, functions in table(header):
            for name in names_in(functions):
                find_function(names_in(path)[0], name)
    for name, file in re.findall(r"`(\w+)\(\)` in `([a-z-]+\.c)`", ARCHITECTURE):
        (path,) = ROOT.glob(f"lxcmon*/{file}")
        find_function(path.relative_to(ROOT), name)


def test_decisions():
    for _, path in table("decision"):
        if not (ROOT / names_in(path)[0]).exists():
            raise AssertionError(f"there is no {path}")


def test_file_tables():
    for folder in "lxcmon", "lxcmon-glib", "lxcmon-libvirt", "lxcmon-mock", "tools":
        listed = sorted(name for row in table(f"`{folder}/`") for name in names_in(row[0]))
        there = sorted(path.name for pattern in ("*.c", "*.x") for path in (ROOT / folder).glob(pattern))
        if listed != there:
            raise AssertionError(f"{folder}: listed and not there: {sorted(set(listed) - set(there))}; there and "
                                 f"not listed: {sorted(set(there) - set(listed))}; or listed twice")


def test_edges():
    """The table of states is that of the code."""
    code = re.search(r"allowed_edges\[\] = {\n(.*?)\n};", read("lxcmon/lxcmon-state.c"), re.S).group(1)
    edges = {(start.lower(), end.lower())
             for start, ends in re.findall(r"\[LXCMON_STATE_(\w+)\] = (.*),", code)
             for end in re.findall(r"EDGE \((\w+)\)", ends)}
    stated = {(start, row[1]) for row in table("from") for start in row[0].split(", ")}
    if edges != stated:
        raise AssertionError(f"edges that differ: {sorted(edges ^ stated)}")


def test_named_tests():
    """Tests that pages name, as `test-foo: bar, baz`, are there."""
    for page in PAGES:
        for file, cases in re.findall(r"`(test-[a-z-]+): ([a-z0-9_, ]+)`", page.read_text(encoding="utf-8")):
            sources = [*(ROOT / "tests").glob(f"*/{file}.c")]
            if len(sources) != 1:
                raise AssertionError(f"{page.name}: there is no {file}.c")
            source = sources[0].read_text(encoding="utf-8")
            for case in cases.split(", "):
                if f"\ntest_{case} (" not in source:
                    raise AssertionError(f"{page.name}: {file}.c has no test_{case}")


def test_links():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                raise AssertionError(f"{page.name}: there is no {target}")


def main():
    tests = [test_quotes, test_reading_list, test_ways, test_decisions, test_file_tables, test_edges, test_named_tests,
             test_links]
    failed = False
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} {test.__name__}")
        except AssertionError as error:
            failed = True
            print(f"not ok {number} {test.__name__}\n# {error}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
