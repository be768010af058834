#!/usr/bin/env python3
"""Measures what ccbench itself costs, against the same work done without it.

  scripts/measure.py                         everything, 10 rounds: some ten minutes
  scripts/measure.py --only lotto,guards     some of it

Both arms of every comparison run in turns on one machine at one time, in an order drawn anew for each
round, and what is compared is the ratio or the difference within a round: its median, least and most.
Times that were measured earlier, or elsewhere, are worth nothing here.

Needs the release build (build/release) and, for memory, GNU time. Writes results/measure.csv, one row
per figure, and results/measure.md, one row per comparison.
Exit codes: 0 all targets met, 2 usage, 4 a target was missed, 7 something could not be measured.
"""

import argparse
import json
import os
import random
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Iterator, Sequence

import measuring
from measuring import (UNGUARDED, Case, Figures, NotMeasured, Ran, alone, below, difference, lotto_flags,
                       problem_kept, ratio)

COMPARISONS = ("lotto", "workers", "counter", "memory", "guards", "wake")
LOCKS_AND_SHARING = ("global", "synchronized", "rwlock", "recursive", "single-flight")
SLEEPS_NS = 1_500_000_000  # One purchase: a payment of 1 s and a transaction of 0.5 s.
RECORD_BYTES = 64  # src/driver/trial_memory.h
GUARD_TARGETS = {"cas": below(1.5), "synchronized": below(1.3), "single-flight": below(1.1)}


class Programs(measuring.Programs):
    """The two programs that are compared."""

    def __init__(self, ccbench: Path, plain: Path, scratch: Path) -> None:
        super().__init__(ccbench, scratch)
        self.plain = plain

    def loop(self, *words: str, memory: bool = False) -> tuple[dict[str, float], Ran]:
        """The plain arm: the values that it prints."""
        ran = self.run([self.plain, *words], memory=memory)
        return {name: float(value) for name, value in measuring.named_values(ran.output).items()}, ran

    def benchmarks(self, filter_: str, repetitions: int, clock: str) -> dict[str, list[float]]:
        path = self.scratch / "benchmarks.json"
        path.unlink(missing_ok=True)
        self.run([
            self.ccbench, "bench", f"--benchmark_filter={filter_}", f"--benchmark_repetitions={repetitions}",
            "--benchmark_enable_random_interleaving=true", f"--benchmark_out={path}", "--benchmark_out_format=json",
        ])
        return read_benchmarks(path, clock)

    def counters(self, filter_: str, repetitions: int) -> dict[str, list[float]]:
        """What a benchmark counts beside its time, by name and repetition."""
        self.benchmarks(filter_, repetitions, "real_time")
        found: dict[str, list[float]] = defaultdict(list)
        for run in json.loads((self.scratch / "benchmarks.json").read_text())["benchmarks"]:
            if run["run_type"] != "iteration":
                continue
            for name, value in run.items():
                if name.endswith(("_ms", "_ratio")):
                    found[name].append(value)
        return found


def read_benchmarks(path: Path, clock: str) -> dict[str, list[float]]:
    """Nanoseconds by benchmark and repetition; `clock` is `real_time` or `cpu_time`."""
    try:
        # The library leaves the file empty where no benchmark has such a name.
        document = json.loads(path.read_text(encoding="utf-8") or "{}")
    except (OSError, json.JSONDecodeError) as error:
        raise NotMeasured(f"the benchmarks left no results: {error}") from None
    scale = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}
    found: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for entry in document.get("benchmarks", []):
        if entry.get("run_type", "iteration") != "iteration":
            continue
        if entry.get("error_occurred"):
            raise NotMeasured(f"{entry['name']}: {entry.get('error_message', 'failed')}")
        time = entry[clock] * scale[entry.get("time_unit", "ns")]
        found[plain_name(entry["name"])].append((entry.get("repetition_index", 0), time))
    return {name: [time for _, time in sorted(times)] for name, times in found.items()}


def plain_name(name: str) -> str:
    """Without what the library appends: arguments, `repeats:5`, `real_time`, `iterations:10`."""
    parts = [part for part in name.split("/") if ":" not in part and not part.endswith("_time")]
    while parts[-1].isdecimal():
        parts.pop()
    return "/".join(parts)


# --- the comparisons ---


def ccbench_purchase(programs: Programs, guard: str, requests: int) -> float:
    """Milliseconds beyond the sleeps of the one purchase that succeeds."""
    row, _ = programs.trial(*lotto_flags(guard, requests))
    if int(row["violations"] or 0) > 0 or int(row["success"]) != 1:
        raise NotMeasured(f"{guard} let {row['success']} purchases succeed")
    return (int(row["wall_ns"]) - SLEEPS_NS) / 1e6


def plain_purchase(programs: Programs, guard: str, requests: int) -> float:
    values, _ = programs.loop("purchase", f"--guard={guard}", f"--requests={requests}")
    if values["payments"] != 1:
        raise NotMeasured(f"the plain {guard} let {values['payments']:g} payments out")
    return (values["wall_ns"] - SLEEPS_NS) / 1e6


def lotto_cases(programs: Programs) -> Iterator[Case]:
    """`cas` is judged by its own time, since all but one request leave at once; who waits, against the plain loop."""
    for guard in ("cas", *LOCKS_AND_SHARING):
        judged = ("ms", below(0.9), alone) if guard == "cas" else ("ratio", below(1.05), ratio)
        yield Case(
            [Figures("lotto", guard, "1000 requests: wall time beyond 1.5 s of sleeps", ("ccbench", "plain"), "ms",
                     *judged)],
            (lambda guard=guard: ccbench_purchase(programs, guard, 1000),
             lambda guard=guard: plain_purchase(programs, guard, 1000)),
        )


def workers_cases(programs: Programs) -> Iterator[Case]:
    yield Case(
        [Figures("workers", "10000", "10000 requests under cas: wall time beyond 1.5 s of sleeps", ("ccbench",), "ms",
                 "ms", None, alone)],
        (lambda: ccbench_purchase(programs, "cas", 10_000),),
    )


def ccbench_count(programs: Programs, requests: int, memory: bool) -> float:
    """CPU nanoseconds per request, or the peak in KiB."""
    flags = ["--scenario=counter", "--guard=none", "--work=0", f"--requests={requests}", "--threads=2"]
    row, ran = programs.trial(*flags, accepted=UNGUARDED, memory=memory)
    if ran.peak_kib is not None:
        return float(ran.peak_kib)
    return (int(row["cpu_user_ns"]) + int(row["cpu_sys_ns"])) / requests


def counter_cases(programs: Programs) -> Iterator[Case]:
    yield Case(
        [Figures("counter", "cpu", "1000000 requests by 2 threads, no guard: CPU per request", ("ccbench", "plain"),
                 "ns", "ns", below(150), difference)],
        (lambda: ccbench_count(programs, 1_000_000, memory=False),
         lambda: programs.loop("counter", "--requests=1000000", "--threads=2")[0]["cpu_ns_per_request"]),
    )
    yield Case(
        [Figures("counter", "memory", "peak memory: growth per request from 100000 to 1000000",
                 ("1000000", "100000"), "KiB", "bytes", below(RECORD_BYTES + 2),
                 lambda large, small: (large - small) * 1024 / 900_000)],
        (lambda: ccbench_count(programs, 1_000_000, memory=True), lambda: ccbench_count(programs, 100_000, memory=True)),
    )


def peak_mib(ran: Ran) -> float:
    return (ran.peak_kib or 0) / 1024


def memory_cases(programs: Programs) -> Iterator[Case]:
    yield Case(
        [Figures("memory", "cas", "1000 requests: peak memory of the largest process", ("ccbench", "plain"), "MiB",
                 "MiB", below(16), difference)],
        (lambda: peak_mib(programs.trial(*lotto_flags("cas", 1000), memory=True)[1]),
         lambda: peak_mib(programs.loop("purchase", "--guard=cas", "--requests=1000", memory=True)[1])),
    )


def worker_benchmarks(programs: Programs, rounds: int) -> Iterator[Figures]:
    """Interleaved by the library, inside one process."""
    figures = Figures("workers", "1000", "making, releasing and joining 1000 workers", ("ccbench", "plain"), "ms",
                      "ratio", below(0.8), ratio)
    with problem_kept(figures):
        times = programs.benchmarks("workers/1000", rounds, "real_time")
        for arm in figures.arms:
            if f"workers/1000/{arm}" not in times:
                raise NotMeasured(f"there is no benchmark workers/1000/{arm}")
            figures.series.append([time / 1e6 for time in times[f"workers/1000/{arm}"]])
    yield figures


def guard_benchmarks(programs: Programs, rounds: int) -> Iterator[Figures]:
    """Every guard for which there is a bare counterpart: the same primitive with nothing around it."""
    about = "uncontended, on a key that exists: CPU against the bare primitive"
    failed = Figures("guards", "all", about, ("ccbench", "bare"), "ns", "ratio", None, ratio)
    with problem_kept(failed):
        times = programs.benchmarks("existing_key", rounds, "cpu_time")
        guards = [name.split("/")[1] for name in sorted(times) if name.endswith("/bare")]
        if not guards:
            raise NotMeasured("there are no benchmarks existing_key/GUARD/bare")
        for guard in guards:
            figures = Figures("guards", guard, about, ("ccbench", "bare"), "ns", "ratio", GUARD_TARGETS.get(guard), ratio)
            with problem_kept(figures):
                if f"existing_key/{guard}" not in times:
                    raise NotMeasured(f"there is no benchmark existing_key/{guard}")
                figures.series = [times[f"existing_key/{guard}"], times[f"existing_key/{guard}/bare"]]
            yield figures
    if failed.problem:
        yield failed


def wake_benchmarks(programs: Programs, rounds: int) -> Iterator[Figures]:
    """Guards that let callers share a call, beside the best of three ways written by hand: the benchmark runs all of them in
    turns itself, and says of each its median, and the median of its ratio to the best."""
    about = "1000 callers that wait for one call: from its end to the return of the last"
    failed = Figures("wake", "all", about, ("ccbench", "best by hand"), "ms", "ratio", None, ratio)
    with problem_kept(failed):
        counters = programs.counters("wake_1000", rounds)
        guards = [name.removesuffix("_ratio") for name in counters if name.endswith("_ratio") and "_" not in name.removesuffix("_ratio")]
        guards = [guard for guard in guards if guard != "chain"]
        if not guards:
            raise NotMeasured("there is no benchmark wake_1000")
        for guard in guards:
            ours = counters[f"{guard}_ms"]
            figures = Figures("wake", guard, about, ("ccbench", "best by hand"), "ms", "ratio", below(1.1), ratio)
            figures.series = [ours, [ms / of_best for ms, of_best in zip(ours, counters[f"{guard}_ratio"])]]
            yield figures
    if failed.problem:
        yield failed


def measure(programs: Programs, only: Sequence[str], rounds: int, dice: random.Random) -> list[Figures]:
    by_process = {"lotto": lotto_cases, "workers": workers_cases, "counter": counter_cases, "memory": memory_cases}
    by_benchmark = {"workers": worker_benchmarks, "guards": guard_benchmarks, "wake": wake_benchmarks}
    cases = [case for name in only if name in by_process for case in by_process[name](programs)]
    results = measuring.run_rounds(cases, rounds, dice)
    for name in only:
        if name in by_benchmark:
            print(f"measure.py: benchmarks of {name}", file=sys.stderr)
            results += by_benchmark[name](programs, rounds)
    return sorted(results, key=lambda figures: COMPARISONS.index(figures.comparison))


def text_of(results: Sequence[Figures], facts: Sequence[str]) -> list[str]:
    return [
        "# What ccbench costs", "", *facts, "",
        "Both arms of a comparison ran in turns; each figure is the median over the rounds (least..most), and",
        "ratios and differences are taken within a round. `plain` is src/driver/plain_loop.cc: std::thread,",
        "one std::latch, the guard and the purchase written by hand, no harness.", "",
        *measuring.table(("ccbench", "plain", "ratio or difference"), results),
    ]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measures what ccbench itself costs.")
    measuring.add_arguments(parser, COMPARISONS, rounds=10)
    parser.add_argument("--ccbench", type=Path, default=measuring.ROOT / "build/release/ccbench")
    parser.add_argument("--plain", type=Path, default=measuring.ROOT / "build/release/plain_loop")
    return parser.parse_args()


def main() -> int:
    arguments = parse()
    if not measuring.all_built(arguments.ccbench, arguments.plain):
        return 7
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as scratch:
        programs = Programs(arguments.ccbench.resolve(), arguments.plain.resolve(), Path(scratch))
        results = measure(programs, arguments.only, arguments.rounds, random.Random(arguments.seed))
    loads = before, os.getloadavg()[0]
    facts = list(measuring.machine_facts(programs, loads, arguments.rounds, arguments.seed))
    return measuring.finish(results, text_of(results, facts), arguments.csv, arguments.markdown)


if __name__ == "__main__":
    sys.exit(main())
