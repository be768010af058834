#!/usr/bin/env python3
"""Measures what recording everything costs: requests, timelines, a snapshot every 100 ms.

  scripts/measure_recording.py                  everything, 20 rounds: some four minutes
  scripts/measure_recording.py --only short     some of it

Both arms run in turns on one machine at one time, in an order drawn anew for each round. One writes every file and
takes a snapshot every 100 ms, the other writes trials.csv and takes none; what is compared is the wall time that both
measured, by its ratio within a round: the median with its 95 % bootstrap interval.

Needs the release build (build/release). Writes results/measure_recording.csv, one row per figure, and
results/measure_recording.md, one row per comparison.
Exit codes: 0 all targets met, 2 usage, 4 a target was missed, 7 something could not be measured.
"""

import argparse
import os
import random
import sys
import tempfile
from pathlib import Path
from typing import Iterator, Sequence

import measuring
from measuring import Case, Figures, NotMeasured, Programs, below, lotto_flags, ratio

COMPARISONS = ("purchase", "short")
GUARDS = ("cas", "synchronized", "single-flight")
SHORT = ("--payment=50ms", "--db=20ms")


def interval(results: Sequence[float]) -> str:
    return measuring.interval(results, shown=lambda ratio: f"{ratio:.4f}")


def wall_ms(programs: Programs, guard: str, flags: Sequence[str], everything: bool) -> float:
    recording = ["--snapshot-every=100ms", "--out=everything"] if everything else ["--snapshot=never"]
    row, _ = programs.trial(*lotto_flags(guard, 1000), *flags, *recording)
    if row["success"] != "1":
        raise NotMeasured(f"{guard} let {row['success']} purchases succeed")
    return int(row["wall_ns"]) / 1e6


def cases(programs: Programs, only: Sequence[str]) -> Iterator[Case]:
    about = {"purchase": "1000 requests, 1.5 s of sleeps", "short": "1000 requests, 70 ms of sleeps"}
    for comparison in only:
        flags = SHORT if comparison == "short" else ()
        for guard in GUARDS:
            yield Case(
                [Figures(comparison, guard, f"{about[comparison]}: wall time", ("everything", "nothing"), "ms", "ratio",
                         below(1.03), ratio, note=interval)],
                (lambda guard=guard, flags=flags: wall_ms(programs, guard, flags, everything=True),
                 lambda guard=guard, flags=flags: wall_ms(programs, guard, flags, everything=False)),
            )


def text_of(results: Sequence[Figures], facts: Sequence[str]) -> list[str]:
    return [
        "# What recording everything costs", "", *facts, "",
        "Both arms of a comparison ran in turns; each figure is the median over the rounds (least..most), and",
        "ratios are taken within a round, their median with its bootstrap interval. `everything` writes all files",
        "and takes a snapshot every 100 ms; `nothing` writes trials.csv and takes none.", "",
        *measuring.table(("everything", "nothing", "ratio"), results),
    ]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measures what recording everything costs.")
    measuring.add_arguments(parser, COMPARISONS, rounds=20)
    parser.add_argument("--ccbench", type=Path, default=measuring.ROOT / "build/release/ccbench")
    return parser.parse_args()


def main() -> int:
    arguments = parse()
    if not measuring.all_built(arguments.ccbench):
        return 7
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as scratch:
        programs = Programs(arguments.ccbench.resolve(), Path(scratch))
        dice = random.Random(arguments.seed)
        results = measuring.run_rounds(list(cases(programs, arguments.only)), arguments.rounds, dice)
    loads = before, os.getloadavg()[0]
    facts = list(measuring.machine_facts(programs, loads, arguments.rounds, arguments.seed))
    return measuring.finish(results, text_of(results, facts), arguments.csv, arguments.markdown)


if __name__ == "__main__":
    sys.exit(main())
