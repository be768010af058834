#!/usr/bin/env python3
"""Measures what each way of guarding a slow look-up costs in calls and in time (vm-lookup).

  scripts/measure_lookups.py                       everything, 10 rounds: some six minutes
  scripts/measure_lookups.py --only shared,rush    some of it

All trials of a round run one after the other in an order drawn anew for each round. Counts must be right in every
round; times are judged by their median.

Needs the release build (build/release). Writes results/lookups.csv, one row per figure, and results/lookups.md, one row
per comparison.
Exit codes: 0 all targets met, 2 usage, 4 a target was missed, 7 something could not be measured.
"""

import argparse
import json
import os
import random
import sys
import tempfile
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple, Sequence

import measuring
from measuring import UNGUARDED, Case, Figures, Programs, Target, alone, below, difference, ratio

COMPARISONS = ("one", "shared", "apart", "cache", "rush")
CALL_S = 0.5
RUSH_CALL_MS = 100
TTL_MS = 200


class Lookups(NamedTuple):
    """What one trial came to."""

    wall_s: float
    calls: int
    spread_ms: float  # from the first start of a worker to the last
    stale: int
    oldest_ms: float  # the age of the oldest answer, counted from when it was first given to somebody
    latency_us: float  # the median

    @property
    def allowed(self) -> int:
        """Who starts last may miss every call that has ended by then."""
        return 1 + int(self.spread_ms // RUSH_CALL_MS)


def look_up(programs: Programs, guard: str, *flags: str) -> Lookups:
    path = programs.scratch / "run.json"
    row, _ = programs.trial("--scenario=vm-lookup", f"--guard={guard}", "--snapshot=never", *flags, f"--json={path}",
                            accepted=UNGUARDED)
    trials = json.loads(path.read_text(encoding="utf-8"))["trials"]
    facts = next(trial["facts"] for trial in trials if trial["role"] == "guard")
    return Lookups(wall_s=int(row["wall_ns"]) / 1e9, calls=facts["calls"], spread_ms=int(row["start_spread_ns"]) / 1e6,
                   stale=facts["stale answers"], oldest_ms=facts["oldest answer in µs"] / 1e3,
                   latency_us=int(row["latency_p50_ns"]) / 1e3)


# --- targets ---


def exactly(count: float) -> Target:
    """In every round."""
    return Target(count, "==", lambda results: max(results, key=lambda result: abs(result - count)), "always")


def never_above(bound: float) -> Target:
    return Target(bound, "<=", max, "always")


def above(bound: float) -> Target:
    return Target(bound, ">")


# --- the comparisons ---


class Judged(NamedTuple):
    """One figure of a trial."""

    what: str
    unit: str
    target: Target | None
    value: Callable[[Lookups], float]


def wall(target: Target | None) -> Judged:
    return Judged("wall time", "s", target, lambda trial: trial.wall_s)


def calls(target: Target | None) -> Judged:
    return Judged("calls", "", target, lambda trial: trial.calls)


def case_of(programs: Programs, comparison: str, guard: str, about: str, flags: Sequence[str],
            judged: Sequence[Judged]) -> Case:
    figures = [
        Figures(comparison, guard, f"{about}: {each.what}", ("ccbench",), each.unit, each.unit, each.target, alone,
                pick=lambda arms, each=each: [each.value(arms[0])])
        for each in judged
    ]
    return Case(figures, (lambda: look_up(programs, guard, *flags),))


def one_cases(programs: Programs) -> Iterator[Case]:
    about, flags = "20 requests, 1 machine", ("--requests=20",)
    for guard in ("none", "ttl-cache"):
        yield case_of(programs, "one", guard, about, flags, [calls(exactly(20)), wall(below(CALL_S + 0.05))])
    for guard in ("single-flight", "coalesce"):
        yield case_of(programs, "one", guard, about, flags, [calls(exactly(1)), wall(below(CALL_S + 0.05))])
    yield case_of(programs, "one", "synchronized", about, flags, [calls(exactly(20)), wall(above(20 * CALL_S))])


def shared_cases(programs: Programs) -> Iterator[Case]:
    about, flags = "1000 requests, 10 machines", ("--requests=1000", "--keys=10")
    for guard in ("single-flight", "coalesce"):
        yield case_of(programs, "shared", guard, about, flags, [calls(exactly(10)), wall(below(0.55))])
    for guard in ("none", "ttl-cache"):
        yield case_of(programs, "shared", guard, about, flags, [calls(exactly(1000)), wall(None)])


def apart_cases(programs: Programs) -> Iterator[Case]:
    about, flags = "10 requests, 10 machines", ("--requests=10", "--keys=10")
    yield case_of(programs, "apart", "global", about, flags, [calls(exactly(10)), wall(above(10 * CALL_S))])
    for guard in ("synchronized", "single-flight", "coalesce"):
        yield case_of(programs, "apart", guard, about, flags, [calls(exactly(10)), wall(below(CALL_S + 0.05))])


def cache_cases(programs: Programs) -> Iterator[Case]:
    """Requests that arrive over time: what keeping an answer saves, and what it costs."""
    about = "80 requests, 40 a second, 50 ms per call"
    flags = ("--call=50ms", "--rate=40", "--requests=80", "--threads=20")
    cached = (*flags, f"--ttl={TTL_MS}ms")
    stale = Judged("stale answers", "", exactly(0), lambda trial: trial.stale)
    latency = Judged("median latency", "µs", None, lambda trial: trial.latency_us)
    oldest = Judged("oldest answer", "ms", never_above(TTL_MS), lambda trial: trial.oldest_ms)
    yield case_of(programs, "cache", "none", about, flags, [calls(exactly(80)), stale, latency])
    yield case_of(programs, "cache", "single-flight", about, flags, [stale, latency])
    yield case_of(programs, "cache", "ttl-cache", about, cached,
                  [stale._replace(target=above(0)), oldest, latency._replace(target=below(1000))])
    yield Case(
        [Figures("cache", "saved", f"{about}: calls", ("ttl-cache", "single-flight"), "", "ratio", below(1), ratio,
                 pick=lambda arms: [arm.calls for arm in arms])],
        (lambda: look_up(programs, "ttl-cache", *cached), lambda: look_up(programs, "single-flight", *flags)),
    )


def rush_cases(programs: Programs) -> Iterator[Case]:
    about = f"10000 requests, 1 machine, {RUSH_CALL_MS} ms per call: calls"
    for guard in ("single-flight", "coalesce"):
        yield Case(
            [Figures("rush", guard, about, ("calls", "1 + spread / call"), "", "", never_above(0), difference,
                     pick=lambda arms: [arms[0].calls, arms[0].allowed]),
             Figures("rush", guard, "from the first start to the last", ("ccbench",), "ms", "ms", None, alone,
                     pick=lambda arms: [arms[0].spread_ms])],
            (lambda guard=guard: look_up(programs, guard, "--requests=10000", f"--call={RUSH_CALL_MS}ms"),),
        )


def cases(programs: Programs, only: Sequence[str]) -> Iterator[Case]:
    by_name: dict[str, Callable[[Programs], Iterator[Case]]] = {
        "one": one_cases, "shared": shared_cases, "apart": apart_cases, "cache": cache_cases, "rush": rush_cases}
    for name in COMPARISONS:
        if name in only:
            yield from by_name[name](programs)


# --- writing ---


def text_of(results: Sequence[Any], facts: Sequence[str]) -> list[str]:
    return [
        "# What it costs to look a machine up", "", *facts, "",
        "The scenario vm-lookup: a call takes 500 ms where nothing else is said. Trials of all rows ran in turns; each figure",
        "is the median over the rounds (least..most). A target that says always holds in every round.", "",
        "- `one`: everybody asks for the same machine at once. Without a guard, and with a cold cache, everybody makes a",
        "  call; a lock makes one call after the other; who coalesces makes one.",
        "- `shared`: the same for ten machines, a hundred requests each.",
        "- `apart`: everybody asks for another machine. One lock for all makes them wait for each other.",
        f"- `cache`: requests arrive over time, and an answer is kept for {TTL_MS} ms. That saves calls and gives old answers.",
        "- `rush`: so many threads that the last starts after the first call has ended. Who starts then makes the next one,",
        "  so there are at most 1 + floor(start spread / time of a call).", "",
        *measuring.table(("measured", "beside", "ratio or difference"), results),
    ]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measures what each way of guarding a slow look-up costs.")
    measuring.add_arguments(parser, COMPARISONS, rounds=10)
    parser.set_defaults(csv=measuring.ROOT / "results/lookups.csv", markdown=measuring.ROOT / "results/lookups.md")
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
    facts = list(measuring.machine_facts(programs, (before, os.getloadavg()[0]), arguments.rounds, arguments.seed))
    return measuring.finish(results, text_of(results, facts), arguments.csv, arguments.markdown)


if __name__ == "__main__":
    sys.exit(main())
