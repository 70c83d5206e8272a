#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Counts the test cases of one or more Meson build directories.

    summarise-tests.py BUILDDIR...

Reads what the last "meson test" left in each (meson-logs/testlog*.json: one record a test, with the
test's output). A test that speaks TAP counts with each of its cases, any other test counts as one. Prints
every failed and every skipped case with its reason; the last line is "N passed, N failed, N skipped".
Exits with 1 if a case failed, a build directory has no results, or nothing ran at all.

A test that Meson calls failed without a failed case (it crashed, or ran out of time) counts as one failed
case more; one that Meson expected to fail counts as one passed.
"""

import glob
import json
import os
import re
import sys
from typing import Iterator, List, NamedTuple

POINT = re.compile(r'^( *)(not )?ok\b[ \t]*([0-9]+)?[ \t]*(?:- )?(.*)$')
PLAN = re.compile(r'^( *)1\.\.([0-9]+)[ \t]*(?:#[ \t]*skip\S*[ \t]*(.*))?$', re.IGNORECASE)
DIRECTIVE = re.compile(r'(?<!\\)#[ \t]*(skip\S*|todo)\b[ \t]*(.*)$', re.IGNORECASE)
SUBTEST = re.compile(r'^ *# Subtest\b')
BAIL_OUT = re.compile(r'^Bail out!\s*(.*)$')
IS_TAP = re.compile(r'^(TAP version [0-9]+|1\.\.[0-9]+)', re.MULTILINE)

PASSED, FAILED, SKIPPED = 'passed', 'failed', 'skipped'


class Case(NamedTuple):
    name: str
    outcome: str
    reason: str


def read_point(match: 're.Match[str]') -> Case:
    """One line "ok ..." or "not ok ..."; what is to do is neither passed nor failed."""
    failed, number, text = match.group(2), match.group(3), match.group(4)
    directive = DIRECTIVE.search(text)
    name = (text[:directive.start()] if directive else text).strip() or (number or '')
    reason = directive.group(2).strip() if directive else ''
    if directive and directive.group(1).lower() == 'todo':
        if failed:
            return Case(name, SKIPPED, f'to do: {reason}')
        return Case(name, FAILED, f'passed, but was marked as to do: {reason}')
    if failed:
        return Case(name, FAILED, reason)
    return Case(name, SKIPPED if directive else PASSED, reason)


def read_tap(output: str) -> List[Case]:
    """The cases of a TAP stream. A point that closes subtests stands for them and is not counted itself."""
    found = []  # (indent, Case); the cases of a closed subtest take their parent's indent
    planned = None
    top_level_points = 0
    nested = False
    for line in output.splitlines():
        line = line.rstrip()
        nested = nested or bool(SUBTEST.match(line))

        plan = PLAN.match(line)
        if plan:
            if plan.group(1):
                nested = True
            else:
                planned = int(plan.group(2))
                if planned == 0:
                    return [Case('', SKIPPED, plan.group(3) or '')]
            continue

        bail_out = BAIL_OUT.match(line)
        if bail_out:
            found.append((0, Case('bailed out', FAILED, bail_out.group(1))))
            planned = None
            continue

        point = POINT.match(line)
        if not point or (point.group(1) and not nested):
            continue
        indent = len(point.group(1))
        top_level_points += indent == 0
        children = []
        while found and found[-1][0] > indent:
            children.insert(0, (indent, found.pop()[1]))
        case = read_point(point)
        if children:
            children = [(indent, child._replace(name=join(case.name, child.name)))
                        for _, child in children]
        unexplained = case.outcome == FAILED and all(child.outcome != FAILED for _, child in children)
        found += children
        if not children or unexplained:
            found.append((indent, case))

    cases = [case for _, case in found]
    if planned is not None and top_level_points < planned:
        cases.append(Case('', FAILED, f'{planned - top_level_points} of {planned} planned cases did not run'))
    return cases


def join(parent: str, child: str) -> str:
    """GLib repeats the parent's path in the child's name, others do not."""
    return child if not parent or child.startswith('/') else f'{parent}: {child}'


def last_line(*texts: str) -> str:
    lines = [line.strip() for text in texts for line in (text or '').splitlines() if line.strip()]
    return lines[-1] if lines else ''


def read_test(record: dict) -> List[Case]:
    result = record['result']
    output = record.get('stdout') or ''
    errors = record.get('stderr') or ''

    if result == 'EXPECTEDFAIL':
        return [Case('', PASSED, '')]
    how = f'{result.lower()}, exit code {record.get("returncode")}'
    cases = read_tap(output) if IS_TAP.search(output) else []
    if not cases:
        if result == 'SKIP':
            cases = [Case('', SKIPPED, last_line(errors, output))]
        elif result == 'OK':
            cases = [Case('', PASSED, '')]
    if result not in ('OK', 'SKIP'):
        cases = [case if case.name or case.outcome != FAILED else case._replace(reason=f'{case.reason} ({how})')
                 for case in cases]
    if result not in ('OK', 'SKIP') and all(case.outcome != FAILED for case in cases):
        cases.append(Case('', FAILED, how))
    return cases


def read_build(build: str) -> Iterator[Case]:
    label = os.path.basename(os.path.normpath(build))
    records = []
    for path in sorted(glob.glob(os.path.join(build, 'meson-logs', 'testlog*.json'))):
        with open(path, encoding='utf-8', errors='replace') as log:
            records += [json.loads(line) for line in log if line.strip()]
    if not records:
        yield Case(label, FAILED, 'no test ran: see above for why')
    for record in records:
        for case in read_test(record):
            parts = [label, record['name'], case.name]
            yield case._replace(name=': '.join(part for part in parts if part))


def main(builds: List[str]) -> int:
    if not builds:
        print(__doc__, file=sys.stderr)
        return 2
    cases = [case for build in builds for case in read_build(build)]
    count = {outcome: sum(case.outcome == outcome for case in cases) for outcome in (PASSED, FAILED, SKIPPED)}
    for outcome in (SKIPPED, FAILED):
        if count[outcome]:
            print(f'\n{outcome.capitalize()}:')
        for case in cases:
            if case.outcome == outcome:
                reason = case.reason or ('' if outcome == FAILED else 'no reason given')
                print(f'  {case.name} -- {reason}' if reason else f'  {case.name}')
    print()
    print(f'{count[PASSED]} passed, {count[FAILED]} failed, {count[SKIPPED]} skipped')
    return 1 if count[FAILED] or not count[PASSED] else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
