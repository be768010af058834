#!/usr/bin/env python3
"""Measures what a lotto purchase leaves when a step of it fails, throws, or the process dies in between.

  scripts/measure_failures.py        both orders, with and without compensation: under two minutes

Every row is one command, of 20 trials with 20 requests each, half of which meet the failure. What is counted are the
facts that survive the trial's process. Needs the release build (build/release); writes results/failures.md.
Exit codes: 0 done, 2 usage, 7 something could not be measured.
"""

import argparse
import json
import subprocess
import sys
from collections import Counter
from itertools import product
from pathlib import Path
from typing import Iterator, NamedTuple, Sequence

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "results/failures.md"
TIMEOUT_S = 300
TRIALS = 20
COMMON = ("--payment=20ms", "--db=10ms", "--failure-rate=0.5", f"--trials={TRIALS}", "--seed=1")
AT_ONCE = "--guard=synchronized,cas"
ONE_BY_ONE = ("--guard=cas", "--threads=1")

HEAD = f"""# What a purchase leaves when a step of it fails

Written by scripts/measure_failures.py. Every row is one command,

    ccbench {' '.join(COMMON)} {AT_ONCE} FLAGS

of {TRIALS} trials of each guard: 20 requests buy one ticket at once, and half of them, drawn by the seed, meet the failure. The
counts are of trials, by what is left at the end: *sold* (paid and completed, once), *unsold* (neither), *paid only* (a customer
is charged and has nothing), *given away* (completed and not paid for). `sent` are payments that went out, and `back` those that
were refunded or completions that were undone, per trial. Who enters first, and so who meets the failure, is luck: counts between
0 and {TRIALS} differ from run to run, those of 0 and {TRIALS} do not.

"""
COLUMNS = ("FLAGS", "synchronized", "sent", "back", "cas", "sent", "back", "cas, one by one", "sent", "back")
STATES = ("sold", "unsold", "paid only", "given away")


class NotMeasured(Exception):
    """One sentence: why there is no figure."""


class Cell(NamedTuple):
    states: Counter
    sent: float
    back: float

    def text(self) -> list[str]:
        states = ", ".join(f"{self.states[state]} {state}" for state in STATES if self.states[state])
        return [states, f"{self.sent:.1f}", f"{self.back:.1f}"]


def state_of(facts: dict[str, int]) -> str:
    paid = facts["payments"] - facts["refunds"]
    completed = facts["completions"] - facts["undone completions"]
    if paid > completed:
        return "paid only"
    if completed > paid:
        return "given away"
    return "sold" if paid else "unsold"


def cell_of(trials: Sequence[dict]) -> Cell:
    if len(trials) != TRIALS:
        raise NotMeasured(f"{len(trials)} trials instead of {TRIALS}")
    facts = [trial["facts"] for trial in trials]
    back = sum(each["refunds"] + each["undone completions"] for each in facts)
    return Cell(Counter(map(state_of, facts)), sum(each["payments"] for each in facts) / TRIALS, back / TRIALS)


def cells_of(ccbench: Path, flags: Sequence[str]) -> dict[str, Cell]:
    """By guard."""
    command = [ccbench, *COMMON, *flags, "--control=never", "--snapshot=never", "--json=-"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
    try:
        trials = json.loads(result.stdout)["trials"]
    except json.JSONDecodeError:
        raise NotMeasured(f"{' '.join(map(str, command))}: {result.stderr.strip()}") from None
    return {name: cell_of([trial for trial in trials if trial["guard"] == name])
            for name in dict.fromkeys(trial["guard"] for trial in trials)}


def rows() -> Iterator[tuple[str, ...]]:
    """The flags of each."""
    failures = [f"--failing-step={step} --failure={failure}"
                for step, failure in product(("payment", "completion"), ("fails", "throws"))] + ["--failure=dies"]
    for order, failure, compensation in product(("payment-first", "complete-first"), failures, ("none", "undo")):
        yield f"--order={order}", *failure.split(), f"--compensation={compensation}"


def line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def measured_row(ccbench: Path, flags: tuple[str, ...]) -> str:
    at_once = cells_of(ccbench, (AT_ONCE, *flags))
    one_by_one = cells_of(ccbench, (*ONE_BY_ONE, *flags))
    return line([f"`{' '.join(flags)}`", *at_once["synchronized"].text(), *at_once["cas"].text(),
                 *one_by_one["cas"].text()])


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures what a purchase leaves when a step of it fails.")
    parser.add_argument("--ccbench", type=Path, default=ROOT / "build/release/ccbench")
    arguments = parser.parse_args()
    try:
        body = "".join(measured_row(arguments.ccbench, flags) for flags in rows())
    except (OSError, subprocess.SubprocessError, NotMeasured) as problem:
        print(f"measure_failures.py: {problem}", file=sys.stderr)
        return 7
    text = HEAD + line(COLUMNS) + line(["---"] * len(COLUMNS)) + body
    TABLE.write_text(text)
    print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
