#!/usr/bin/env python3
"""The plain build pays nothing for the explorer: a guard written with the policy has the machine code of one by hand.

  zero_cost_test.py OBJECT    of zero_cost_by_hand.cc, optimised
"""

import re
import subprocess
import sys
import unittest

OBJECT = ""


def functions(path: str) -> dict[str, list[str]]:
    """The instructions of every function, jumps by their distance from its beginning and calls by name."""
    text = subprocess.run(["objdump", "--disassemble", "--reloc", "--no-show-raw-insn", "--demangle", path],
                          check=True, capture_output=True, text=True).stdout
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if begin := re.fullmatch(r"[0-9a-f]+ <(.*)>:", line):
            lines = found.setdefault(begin[1], [])
            name = begin[1]
        elif instruction := re.match(r"\s*[0-9a-f]+:\t(.*)", line):
            said = instruction[1].replace(name, "here").strip()
            said = re.sub(r"\b[0-9a-f]+ (<here)", r"\1", said)
            said = re.sub(r"^\s*[0-9a-f]+: ", "", said)
            lines.append(re.sub(r"\s+#.*", "", said))
    return found


def body(name: str) -> list[str]:
    """Of the one function that begins so; what the compiler has set apart as unlikely is not the way of a request."""
    [lines] = [lines for function, lines in functions(OBJECT).items()
               if f"::{name}(" in function and ".cold" not in function]
    # Where strings and the unlikely parts lie is not code.
    return [re.sub(r"(\.rodata|\.text\.unlikely|\.text|\.LC)\S*", r"\1", line) for line in lines]


class ZeroCost(unittest.TestCase):
    def test_the_machine_code_is_that_of_one_by_hand(self) -> None:
        self.assertEqual(body("run_of_the_policy"), body("run_by_hand"))

    def test_it_is_a_locked_compare_and_exchange(self) -> None:
        self.assertTrue(any("lock cmpxchg" in line or "cas" in line for line in body("run_of_the_policy")))

    def test_one_look_more_would_be_seen(self) -> None:
        self.assertNotEqual(body("run_of_the_policy"), body("run_with_one_look_more"))

    def test_it_knows_nothing_of_the_explorer(self) -> None:
        for line in body("run_of_the_policy"):
            self.assertNotIn("explore", line)


if __name__ == "__main__":
    OBJECT = sys.argv.pop()
    unittest.main()
