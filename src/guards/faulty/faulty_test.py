#!/usr/bin/env python3
"""ccbench catches every guard that is wrong on purpose as often as README.md says.

Usage: faulty_test.py CCBENCH [unittest args]. The table is written by scripts/measure_faulty.py.
"""

from __future__ import annotations

import math
import os
import re
import sys
import unittest
from collections import Counter
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parents[2] / "scripts"))

import measure_faulty  # noqa: E402
from measure_faulty import TRIALS, Caught, Faulty, Listed  # noqa: E402

CCBENCH = ""


def least(expected: int) -> int:
    """So often at least, where luck decides: four standard deviations below what the table says.

    Both the table and this run are samples. Nothing is left to luck where the table says always.
    """
    if expected == TRIALS:
        return TRIALS
    share = expected / TRIALS
    return max(0, math.floor(expected - 4 * math.sqrt(2 * TRIALS * share * (1 - share))))


class FaultyGuards(unittest.TestCase):
    guards: list[Faulty]
    results: dict[str, Caught]
    expected: dict[str, int]
    correct: list[Listed]
    twins: dict[tuple[str, str], Caught]

    @classmethod
    def setUpClass(cls) -> None:
        cls.guards = measure_faulty.faulty_guards(Path(CCBENCH))
        cls.correct = [guard for guard in measure_faulty.listed_guards(Path(CCBENCH)) if not guard.command]
        cls.twins = {}
        cls.results = dict(zip((faulty.name for faulty in cls.guards),
                               measure_faulty.measured_all(Path(CCBENCH), cls.guards)))
        cls.expected = measure_faulty.expected_of((FOLDER / "README.md").read_text())

    def test_are_all_listed_with_their_commands(self) -> None:
        files = {"faulty-" + path.stem.replace("_", "-") for path in FOLDER.glob("*.cc")
                 if not path.stem.endswith(("_test", "_benchmark"))}
        self.assertEqual({faulty.name for faulty in self.guards}, files)
        for faulty in self.guards:
            self.assertRegex(faulty.command, rf"^ccbench (explore )?--guard={faulty.name} --", faulty.name)

    def test_are_all_in_the_table(self) -> None:
        self.assertEqual(set(self.expected), {faulty.name for faulty in self.guards}, "run scripts/measure_faulty.py")
        table = (FOLDER / "README.md").read_text()
        for faulty in self.guards:
            self.assertIn(f"`{faulty.command}`", table, "run scripts/measure_faulty.py")

    def test_say_in_their_files_how_they_are_shown(self) -> None:
        for faulty in self.guards:
            path = FOLDER / (faulty.name.removeprefix("faulty-").replace("-", "_") + ".cc")
            comment = re.sub(r"\s*\n//\s*", " ", path.read_text())
            self.assertIn(f"$ {faulty.command}", comment, path.name)

    def test_are_caught_as_often_as_the_table_says(self) -> None:
        for name, caught in self.results.items():
            with self.subTest(name):
                self.assertEqual(caught.trials, TRIALS)
                self.assertGreaterEqual(caught.times, least(self.expected.get(name, TRIALS)), caught)

    def test_are_caught_by_eyes_that_do_not_catch_a_correct_guard(self) -> None:
        seen = set()
        for faulty in self.guards:
            twin = self.twin_of(faulty)
            if twin is None:
                continue  # Nobody here keeps what it promises.
            name, caught = twin
            seen.add(name)
            # What convicts the faulty one. A scenario may hold something else against both of them.
            convicting = {reason for reason, times in self.results[faulty.name].reasons.items() if times == TRIALS}
            self.assertFalse(convicting & set(caught.reasons), f"{name} instead of {faulty.command}: {caught}")
        self.assertGreater(len(seen), 3)

    def twin_of(self, faulty: Faulty) -> tuple[str, Caught] | None:
        """A correct guard that promises no less, and little more, and has the settings of the command."""
        promised = set(faulty.promises.split(", "))
        able = [correct for correct in self.correct if promised <= correct.promises]
        for correct in sorted(able, key=lambda guard: len(guard.promises)):
            command = faulty.command.replace(faulty.name, correct.name)
            if (correct.name, command) not in self.twins:
                try:
                    self.twins[correct.name, command] = measure_faulty.measured(
                        Path(CCBENCH), faulty._replace(name=correct.name, command=command), trials=2)
                except measure_faulty.NotMeasured:
                    continue
            return correct.name, self.twins[correct.name, command]
        return None


class TheTable(unittest.TestCase):
    def test_keeps_the_rows_of_guards_that_are_not_measured_again(self) -> None:
        def row(name: str, caught: int, plain: int) -> str:
            times = [Caught(TRIALS, Counter(VIOLATION=count, INCONCLUSIVE=TRIALS - count), Counter(why=count))
                     for count in (caught, plain)]
            return measure_faulty.row_of(Faulty(name, "wrong", "waits", f"ccbench --guard={name}"), *times)

        rows = {name: row(name, *times) for name, times in
                {"faulty-b": (TRIALS, 0), "faulty-a": (TRIALS, 3), "faulty-c": (TRIALS, TRIALS)}.items()}
        table = measure_faulty.text_of(rows)
        self.assertEqual(measure_faulty.rows_of(table), rows)
        self.assertEqual(list(measure_faulty.expected_of(table)), ["faulty-a", "faulty-b", "faulty-c"])
        self.assertEqual(measure_faulty.plain_of(table), {"faulty-a": 3, "faulty-b": 0, "faulty-c": TRIALS})
        below = table[table.rindex("| faulty-"):]
        self.assertRegex(below, r"controlled interleavings: faulty-b\.\n")
        self.assertIn("faulty-a (3)", below)
        self.assertEqual(measure_faulty.text_of(measure_faulty.rows_of(table)), table)


class TheMargin(unittest.TestCase):
    def test_leaves_nothing_to_luck_where_a_guard_is_always_caught(self) -> None:
        self.assertEqual([least(TRIALS), least(0)], [TRIALS, 0])
        self.assertTrue(all(least(times) < times for times in range(1, TRIALS)))


if __name__ == "__main__":
    CCBENCH = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=1)
