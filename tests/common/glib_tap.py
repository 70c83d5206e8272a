# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs unittest's cases and reports them in TAP."""

import sys
import unittest


class TapResult(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.number = 0

    def tell(self, outcome, test, directive='', text=''):
        self.number += 1
        name = test.id().split('.', 1)[-1]
        print(f'{outcome} {self.number} {name}{directive}')
        for line in text.splitlines():
            print('#', line)
        sys.stdout.flush()

    def addSuccess(self, test):
        self.tell('ok', test)

    def addSkip(self, test, reason):
        self.tell('ok', test, f' # SKIP {reason}')

    def addError(self, test, error):
        super().addError(test, error)
        self.tell('not ok', test, text=self._exc_info_to_string(error, test))

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.tell('not ok', test, text=self._exc_info_to_string(error, test))


def main():
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules['__main__'])
    print(f'1..{suite.countTestCases()}')
    result = TapResult()
    suite.run(result)
    sys.exit(not result.wasSuccessful())
