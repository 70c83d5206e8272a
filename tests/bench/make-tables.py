#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints the tables of docs/performance.md, in Markdown, from what lxcmon-bench prints.

    lxcmon-bench | make-tables.py

With the option --write PAGE, replaces the tables of that page instead.
"""

import re
import sys

PEERS = ["limit", "signal", "core", "client", "obvious", "libvirt", "gio", "gdbus"]

# The rows of the first table: measure, number of connections or None for any, what it is called.
MEASURED = [
    ("latency", 1, "latency with 1 connection, µs"),
    ("latency", 100, "latency with 100, µs"),
    ("latency", 1000, "latency with 1,000, µs"),
    ("latency", 4900, "latency with 4,900, µs"),
    ("latency", 9900, "latency with 9,900, µs"),
    ("one-write", None, "one write per message, ns per event"),
    ("storm", None, "storm of 9,900, ms"),
    ("wave", None, "wave over 9,900, ns per event"),
    ("bulk", None, "bulk stream, ns per event"),
    ("add", None, "adding: the last tenth, to the first"),
    ("heap", None, "heap of an idle client, bytes"),
    ("heap-handlers", None, "the same with two handlers"),
    ("event-syscalls", None, "system calls of a lone event"),
    ("event-allocations", None, "allocations of a lone event"),
    ("idle", None, "system calls of 100 idle clients in 2 s"),
]

# The rows of the second one, in the order of what users notice first.
GOALS = [
    ("an event among many containers", ["latency"], "at most", "better"),
    ("growth from 1 to 9,900 containers", ["latency"], "grows", None),
    ("events one at a time", ["one-write"], "at most", "better"),
    ("all containers end at once (storm)", ["storm"], "at most", "better"),
    ("all containers start at once (wave)", ["wave"], "at most", "better"),
    ("a flood of events (bulk)", ["bulk"], "at most", "better"),
    ("decoding", ["decode"], "at most", "better"),
    ("memory of a client", ["heap", "heap-handlers"], "at most", "better"),
    ("a lone event", ["event-syscalls", "event-allocations"], "at most", None),
    ("adding a client to many", ["add"], "at most", None),
    ("idle", ["idle"], "at most", None),
]


def read_bench(lines):
    """Returns {(measure, peer, n): (median, ratio)} and [(measure, peer, n, goal, figure, held)]."""
    figures = {}
    goals = []
    measure = peer = n = None
    for line in lines:
        if match := re.match(r"([a-z-]+): .*, in \S+$", line):
            measure = match.group(1)
        elif match := re.match(r"  (\w+) +(\d+) +(\S+) +\S+ +\S+ +(\S+)(.*)$", line):
            peer, n = match.group(1), int(match.group(2))
            lost = "LOST" in match.group(5)
            figures[measure, peer, n] = ("loses events" if lost else match.group(3), match.group(4))
        elif match := re.match(r" +goal: (.*): (\S+), (held|MISSED)$", line):
            goals.append((measure, peer, n, match.group(1), match.group(2), match.group(3) == "held"))
    return figures, goals


def shorten(figure):
    """Two runs differ by more than the fourth digit."""
    if not re.fullmatch(r"[0-9.]+", figure):
        return figure
    value = float(figure)
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def find(figures, measure, peer, n):
    """The figure of a peer, and how many connections it was measured with: fewer where there were not enough
    descriptors."""
    fitting = [(m, value) for (name, who, m), value in figures.items()
               if name == measure and who == peer and (n is None or m == n)]
    return fitting[-1] if fitting else (None, None)


def measured_table(figures):
    yield "| | " + " | ".join(PEERS) + " |"
    yield "| --- |" + " ---: |" * len(PEERS)
    for measure, n, name in MEASURED:
        full, _ = find(figures, measure, "limit", n)
        cells = []
        for peer in PEERS:
            m, value = find(figures, measure, peer, n)
            cell = ""
            if value is not None and value[0] != "-":
                cell = shorten(value[0])
                if measure in ("latency", "one-write", "storm", "wave", "bulk") and peer in ("signal", "core", "client"):
                    cell += f" ({shorten(value[1])}×)"
                if full is not None and m < full:
                    cell += " *"
            cells.append(cell)
        if any(cells):
            yield f"| {name} | " + " | ".join(cells) + " |"


def reword(goal):
    return goal.replace("at most 0 ", "no ").replace("at most 2 ratio", "at most twice the first").replace(
        "calls", "system calls").replace("ns/message", "ns per message")


def goals_table(goals):
    yield "| what | goal | measured |"
    yield "| --- | --- | --- |"
    for name, measures, bound, factor in GOALS:
        worst = {}
        for measure, peer, n, goal, figure, held in goals:
            if measure not in measures:
                continue
            if not goal.startswith(bound) and (factor is None or factor not in goal):
                continue
            who = {"client": "signals", "core": "plain C"}.get(peer, peer)
            where = f", {n:,} connections" if measure == "latency" and "better" in goal else ""
            what = ", two handlers" if measure == "heap-handlers" else ""
            text = f"{who}{where}{what}: {reword(goal)}"
            is_factor = "better" in goal
            known = worst.get(text)
            if known is None or (float(figure) < float(known[0])) == is_factor:
                worst[text] = (figure, held if known is None else held and known[1])
        if worst:
            yield (f"| {name} | " + "<br>".join(worst) + " | "
                   + "<br>".join(shorten(figure) + ("" if held else " **missed**") for figure, held in worst.values()) + " |")


def replace(page, table):
    """Replaces the table that has the same first line."""
    lines = page.split("\n")
    start = lines.index(table[0])
    end = start
    while lines[end].startswith("|"):
        end += 1
    return "\n".join(lines[:start] + table + lines[end:])


def main():
    figures, goals = read_bench(sys.stdin)
    tables = [list(measured_table(figures)), list(goals_table(goals))]
    if sys.argv[1:2] == ["--write"]:
        with open(sys.argv[2], encoding="utf-8") as stream:
            page = stream.read()
        for table in tables:
            page = replace(page, table)
        with open(sys.argv[2], "w", encoding="utf-8") as stream:
            stream.write(page)
    else:
        print("\n\n".join("\n".join(table) for table in tables))


if __name__ == "__main__":
    main()
