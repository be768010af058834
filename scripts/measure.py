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
import csv
import datetime
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Iterator, NamedTuple, Sequence

ROOT = Path(__file__).resolve().parent.parent
COMPARISONS = ("lotto", "workers", "counter", "memory", "guards")
LOCKS_AND_SHARING = ("global", "synchronized", "rwlock", "recursive", "single-flight")
SLEEPS_NS = 1_500_000_000  # One purchase: a payment of 1 s and a transaction of 0.5 s.
RECORD_BYTES = 64  # src/driver/trial_memory.h
GUARD_TARGETS = {"cas": 1.5, "synchronized": 1.3, "single-flight": 1.1}
TIMEOUT_S = 180

# Exit codes of ccbench that do not speak against a figure: without a control a clean guard is
# INCONCLUSIVE, and no guard at all is a VIOLATION.
CLEAN = (0, 5)
UNGUARDED = (0, 3, 5)


class NotMeasured(Exception):
    """One sentence: why there is no figure."""


@dataclass
class Figures:
    """One comparison: two series of equal length, a pair per round, and what each pair comes to."""

    comparison: str
    case: str
    about: str
    arms: tuple[str, ...]  # what the series are of; the first is what is judged
    unit: str
    result_unit: str  # `ratio`, or the unit of a difference
    target: float | None  # the result's median must stay below
    derive: Callable[..., float]
    series: list[list[float]] = field(default_factory=list)
    problem: str = ""

    @property
    def results(self) -> list[float]:
        return [self.derive(*values) for values in zip(*self.series)]

    @property
    def met(self) -> bool | None:
        """Nothing where there is no target."""
        if self.problem or self.target is None:
            return None
        return statistics.median(self.results) < self.target


@dataclass
class Case:
    """Figures that take one process per round and arm."""

    figures: Figures
    measure: tuple[Callable[[], float], ...]


class Ran(NamedTuple):
    output: str
    peak_kib: int | None


def ratio(ours: float, theirs: float) -> float:
    if theirs <= 0:
        raise NotMeasured(f"{theirs:g} leaves nothing to compare with")
    return ours / theirs


def difference(ours: float, theirs: float) -> float:
    return ours - theirs


def alone(ours: float, *_: float) -> float:
    return ours


# --- running ---


class Programs:
    """The two programs that are compared."""

    def __init__(self, ccbench: Path, plain: Path, scratch: Path) -> None:
        self.ccbench = ccbench
        self.plain = plain
        self.scratch = scratch
        self.compiler = ""
        self.version = ""

    def run(self, command: Sequence[str | Path], accepted: Sequence[int] = (0,), memory: bool = False) -> Ran:
        """GNU time is there for `memory`, because a process starts with the peak of the one that it was
        forked from, and this one's is higher than what is to be measured."""
        peak = self.scratch / "peak"
        prefix = [gnu_time(), "--quiet", "-f", "%M", "-o", str(peak)] if memory else []
        words = prefix + [str(word) for word in command]
        name = Path(command[0]).name
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT_S, cwd=self.scratch)
        except subprocess.TimeoutExpired:
            raise NotMeasured(f"{name} did not end within {TIMEOUT_S} s") from None
        except OSError as error:
            raise NotMeasured(f"{name} could not be started: {error.strerror}") from None
        if done.returncode not in accepted:
            said = (done.stderr.strip() or done.stdout.strip() or "nothing said").splitlines()[-1]
            raise NotMeasured(f"{name} ended with exit code {done.returncode}: {said}")
        return Ran(done.stdout, int(peak.read_text().split()[-1]) if memory else None)

    def trial(self, *flags: str, accepted: Sequence[int] = CLEAN, memory: bool = False) -> tuple[dict[str, str], Ran]:
        """One trial: its row of trials.csv."""
        path = self.scratch / "trials.csv"
        path.unlink(missing_ok=True)
        command = [self.ccbench, *flags, "--trials=1", "--control=never", "--quiet", f"--csv={path}"]
        ran = self.run(command, accepted, memory)
        row = only_trial(path)
        self.compiler, self.version = row.get("compiler", ""), row.get("version", "")
        return row, ran

    def loop(self, *words: str, memory: bool = False) -> tuple[dict[str, float], Ran]:
        """The plain arm: the values that it prints."""
        ran = self.run([self.plain, *words], memory=memory)
        return {name: float(value) for name, value in (word.split("=") for word in ran.output.split())}, ran

    def benchmarks(self, filter_: str, repetitions: int, clock: str) -> dict[str, list[float]]:
        path = self.scratch / "benchmarks.json"
        path.unlink(missing_ok=True)
        self.run([
            self.ccbench, "bench", f"--benchmark_filter={filter_}", f"--benchmark_repetitions={repetitions}",
            "--benchmark_enable_random_interleaving=true", f"--benchmark_out={path}", "--benchmark_out_format=json",
        ])
        return read_benchmarks(path, clock)


def gnu_time() -> str:
    found = shutil.which("time")
    if found is None:
        raise NotMeasured("memory needs GNU time (Debian's package time)")
    return found


def only_trial(path: Path) -> dict[str, str]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["role"] == "guard"]
    if len(rows) != 1:
        raise NotMeasured(f"ccbench wrote {len(rows)} trials instead of one")
    if not rows[0]["wall_ns"] or int(rows[0]["unfinished"] or 0) > 0:
        raise NotMeasured(f"the trial of {rows[0]['guard']} did not end: {rows[0]['verdict']}")
    return rows[0]


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


def lotto_flags(guard: str, requests: int) -> list[str]:
    return ["--scenario=lotto-purchase", f"--guard={guard}", f"--requests={requests}"]


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
        judged = ("ms", 0.9, alone) if guard == "cas" else ("ratio", 1.05, ratio)
        yield Case(
            Figures("lotto", guard, "1000 requests: wall time beyond 1.5 s of sleeps", ("ccbench", "plain"), "ms",
                    *judged),
            (lambda guard=guard: ccbench_purchase(programs, guard, 1000),
             lambda guard=guard: plain_purchase(programs, guard, 1000)),
        )


def workers_cases(programs: Programs) -> Iterator[Case]:
    yield Case(
        Figures("workers", "10000", "10000 requests under cas: wall time beyond 1.5 s of sleeps", ("ccbench",), "ms",
                "ms", None, alone),
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
        Figures("counter", "cpu", "1000000 requests by 2 threads, no guard: CPU per request", ("ccbench", "plain"),
                "ns", "ns", 150, difference),
        (lambda: ccbench_count(programs, 1_000_000, memory=False),
         lambda: programs.loop("counter", "--requests=1000000", "--threads=2")[0]["cpu_ns_per_request"]),
    )
    yield Case(
        Figures("counter", "memory", "peak memory: growth per request from 100000 to 1000000",
                ("1000000", "100000"), "KiB", "bytes", RECORD_BYTES + 2,
                lambda large, small: (large - small) * 1024 / 900_000),
        (lambda: ccbench_count(programs, 1_000_000, memory=True), lambda: ccbench_count(programs, 100_000, memory=True)),
    )


def peak_mib(ran: Ran) -> float:
    return (ran.peak_kib or 0) / 1024


def memory_cases(programs: Programs) -> Iterator[Case]:
    yield Case(
        Figures("memory", "cas", "1000 requests: peak memory of the largest process", ("ccbench", "plain"), "MiB",
                "MiB", 16, difference),
        (lambda: peak_mib(programs.trial(*lotto_flags("cas", 1000), memory=True)[1]),
         lambda: peak_mib(programs.loop("purchase", "--guard=cas", "--requests=1000", memory=True)[1])),
    )


def worker_benchmarks(programs: Programs, rounds: int) -> Iterator[Figures]:
    """Interleaved by the library, inside one process."""
    figures = Figures("workers", "1000", "making, releasing and joining 1000 workers", ("ccbench", "plain"), "ms",
                      "ratio", 0.8, ratio)
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


@contextmanager
def problem_kept(figures: Figures) -> Iterator[None]:
    """Lets the other comparisons go on when one cannot be measured."""
    try:
        yield
    except NotMeasured as problem:
        figures.problem = str(problem)


def run_round(cases: Sequence[Case], dice: random.Random) -> None:
    """Both arms of a case run one right after the other; which is first, and which case, is drawn."""
    for case in dice.sample(cases, len(cases)):
        figures = case.figures
        if figures.problem:
            continue
        order = dice.sample(range(len(case.measure)), len(case.measure))
        with problem_kept(figures):
            values = {arm: case.measure[arm]() for arm in order}
            figures.derive(*(values[arm] for arm in sorted(values)))
            for arm, series in enumerate(figures.series):
                series.append(values[arm])


def measure(programs: Programs, only: Sequence[str], rounds: int, dice: random.Random) -> list[Figures]:
    by_process = {"lotto": lotto_cases, "workers": workers_cases, "counter": counter_cases, "memory": memory_cases}
    by_benchmark = {"workers": worker_benchmarks, "guards": guard_benchmarks}
    cases = [case for name in only if name in by_process for case in by_process[name](programs)]
    for case in cases:
        case.figures.series = [[] for _ in case.measure]
    if cases:
        for number in range(1, rounds + 1):
            print(f"measure.py: round {number} of {rounds}", file=sys.stderr)
            run_round(cases, dice)
    results = [case.figures for case in cases]
    for name in only:
        if name in by_benchmark:
            print(f"measure.py: benchmarks of {name}", file=sys.stderr)
            results += by_benchmark[name](programs, rounds)
    return sorted(results, key=lambda figures: COMPARISONS.index(figures.comparison))


# --- writing ---


def rounded(value: float) -> str:
    """Three digits that say something."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def spread(values: Sequence[float], unit: str) -> str:
    suffix = "" if unit == "ratio" else f" {unit}"
    middle = rounded(statistics.median(values)) + suffix
    return f"{middle} ({rounded(min(values))}..{rounded(max(values))})" if len(values) > 1 else middle


def table_row(figures: Figures) -> str:
    name = f"{figures.comparison}/{figures.case}"
    if figures.problem:
        return f"| {name} | {figures.about} | | | not measured: {figures.problem} | | |"
    series = [
        spread(values, figures.unit) + ("" if arm in ("ccbench", "plain") else f" [{arm}]")
        for arm, values in zip(figures.arms, figures.series)
    ]
    series += [""] * (2 - len(series))
    result = "" if figures.derive is alone else spread(figures.results, figures.result_unit)
    target = ""
    if figures.target is not None:
        target = f"< {figures.target:g}" + ("" if figures.result_unit == "ratio" else f" {figures.result_unit}")
    met = {True: "yes", False: "**no**", None: ""}[figures.met]
    return f"| {name} | {figures.about} | {series[0]} | {series[1]} | {result} | {target} | {met} |"


def cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()


def machine_facts(programs: Programs, loads: tuple[float, float], rounds: int, seed: int) -> Iterator[str]:
    cpus = len(os.sched_getaffinity(0))
    yield f"Measured {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC by `scripts/measure.py`:"
    yield f"{rounds} rounds, seed {seed}."
    yield f"{cpus} CPUs ({cpu_model()}), {platform.system()} {platform.release()}, {programs.compiler or 'compiler unknown'},"
    yield f"ccbench {programs.version or 'of unknown version'}; load average {loads[0]:.2f} before, {loads[1]:.2f} after."
    if loads[0] > 0.5 * cpus:
        yield "**The machine was busy before: believe the ratios before the times.**"


def write_markdown(path: Path, results: Sequence[Figures], facts: Sequence[str]) -> None:
    lines = [
        "# What ccbench costs", "", *facts, "",
        "Both arms of a comparison ran in turns; each figure is the median over the rounds (least..most), and",
        "ratios and differences are taken within a round. `plain` is src/driver/plain_loop.cc: std::thread,",
        "one std::latch, the guard and the purchase written by hand, no harness.", "",
        "| comparison | of what | ccbench | plain | ratio or difference | target | met |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(table_row(figures) for figures in results),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_csv(path: Path, results: Sequence[Figures]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow("schema comparison case round arm value unit".split())
        for figures in results:
            for arm, values in zip(figures.arms, figures.series):
                for number, value in enumerate(values, 1):
                    writer.writerow(["ccbench.measure/1", figures.comparison, figures.case, number, arm,
                                     f"{value:.6g}", figures.unit])


# --- command line ---


def comparison_names(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in COMPARISONS:
            raise argparse.ArgumentTypeError(f"'{name}' is none of {', '.join(COMPARISONS)}")
    return names


def at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1")
    return int(text)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measures what ccbench itself costs.")
    parser.add_argument("--rounds", type=at_least_one, default=10, help="per comparison (10)")
    parser.add_argument("--only", type=comparison_names, default=list(COMPARISONS), metavar="NAME[,NAME]",
                        help=f"some of {', '.join(COMPARISONS)}")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32), help="decides the order")
    parser.add_argument("--ccbench", type=Path, default=ROOT / "build/release/ccbench")
    parser.add_argument("--plain", type=Path, default=ROOT / "build/release/plain_loop")
    parser.add_argument("--csv", type=Path, default=ROOT / "results/measure.csv")
    parser.add_argument("--markdown", type=Path, default=ROOT / "results/measure.md")
    return parser.parse_args()


def main() -> int:
    arguments = parse()
    for program in (arguments.ccbench, arguments.plain):
        if not os.access(program, os.X_OK):
            print(f"measure.py: {program.name} is not built; cmake --preset release && cmake --build --preset release",
                  file=sys.stderr)
            return 7
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as scratch:
        programs = Programs(arguments.ccbench.resolve(), arguments.plain.resolve(), Path(scratch))
        results = measure(programs, arguments.only, arguments.rounds, random.Random(arguments.seed))
    loads = before, os.getloadavg()[0]
    try:
        for path in (arguments.csv, arguments.markdown):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_csv(arguments.csv, results)
        write_markdown(arguments.markdown, results, list(machine_facts(programs, loads, arguments.rounds, arguments.seed)))
    except OSError as error:
        print(f"measure.py: {error.filename} cannot be written: {error.strerror}", file=sys.stderr)
        return 7
    print(arguments.markdown.read_text(encoding="utf-8"), end="")
    if any(figures.problem for figures in results):
        return 7
    return 4 if any(figures.met is False for figures in results) else 0


if __name__ == "__main__":
    sys.exit(main())
