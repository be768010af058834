"""What the measuring scripts share: running programs in turns, figures with their targets, the files.

Exit codes of those scripts: 0 all targets met, 2 usage, 4 a target was missed, 7 something could not be
measured.
"""

import argparse
import csv
import datetime
import math
import operator
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Sequence

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = Path(sys.argv[0]).name
TIMEOUT_S = 600

# Exit codes of ccbench that do not speak against a figure: without a control a clean guard is
# INCONCLUSIVE, and no guard at all is a VIOLATION.
CLEAN = (0, 5)
UNGUARDED = (0, 3, 5)


class NotMeasured(Exception):
    """One sentence: why there is no figure."""


# --- figures ---


class Target(NamedTuple):
    """What must be true of the results of all rounds."""

    bound: float
    relation: str = "<"
    of: Callable[[Sequence[float]], float] = statistics.median
    name: str = ""  # of `of`, unless that is the median

    def met(self, results: Sequence[float]) -> bool:
        holds = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq}[self.relation]
        return holds(self.of(results), self.bound)

    def text(self, unit: str) -> str:
        return " ".join(word for word in (self.name, self.relation, f"{self.bound:g}", unit) if word)


def below(bound: float) -> Target:
    return Target(bound)


def at_least(bound: float) -> Target:
    return Target(bound, ">=")


@dataclass
class Figures:
    """One comparison: series of equal length, one value per round, and what each round comes to."""

    comparison: str
    case: str
    about: str
    arms: tuple[str, ...]  # what the series are of; the first is what is judged
    unit: str
    result_unit: str  # `ratio`, or the unit of a difference
    target: Target | None
    derive: Callable[..., float]
    # A value for each series, of what all arms of the case measured in one round.
    pick: Callable[[Sequence[Any]], Sequence[float]] = list
    note: Callable[[Sequence[float]], str] | None = None  # what else there is to say of the results
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
        return self.target.met(self.results)


@dataclass
class Case:
    """Figures that take one process per round and arm."""

    figures: list[Figures]
    measure: tuple[Callable[[], Any], ...]


def ratio(ours: float, theirs: float) -> float:
    if theirs <= 0:
        raise NotMeasured(f"{theirs:g} leaves nothing to compare with")
    return ours / theirs


def difference(ours: float, theirs: float) -> float:
    return ours - theirs


def alone(ours: float, *_: float) -> float:
    return ours


@contextmanager
def problem_kept(*figures: Figures) -> Iterator[None]:
    """Lets the other comparisons go on when one cannot be measured."""
    try:
        yield
    except NotMeasured as problem:
        for each in figures:
            each.problem = str(problem)


def run_round(cases: Sequence[Case], dice: random.Random) -> None:
    """The arms of a case run one right after the other; which is first, and which case, is drawn."""
    for case in dice.sample(cases, len(cases)):
        if any(figures.problem for figures in case.figures):
            continue
        order = dice.sample(range(len(case.measure)), len(case.measure))
        with problem_kept(*case.figures):
            by_arm = {arm: case.measure[arm]() for arm in order}
            measured = [by_arm[arm] for arm in sorted(by_arm)]
            values = [list(figures.pick(measured)) for figures in case.figures]
            for figures, of_round in zip(case.figures, values):
                figures.derive(*of_round)
            for figures, of_round in zip(case.figures, values):
                for series, value in zip(figures.series, of_round):
                    series.append(value)


def run_rounds(cases: Sequence[Case], rounds: int, dice: random.Random) -> list[Figures]:
    for case in cases:
        for figures in case.figures:
            figures.series = [[] for _ in figures.arms]
    if cases:
        for number in range(1, rounds + 1):
            print(f"{SCRIPT}: round {number} of {rounds}", file=sys.stderr)
            run_round(cases, dice)
    return [figures for case in cases for figures in case.figures]


# --- running ---


class Ran(NamedTuple):
    output: str
    peak_kib: int | None
    seconds: float  # from its start to its end


class Programs:
    """Runs programs, and knows what ccbench says of itself."""

    def __init__(self, ccbench: Path, scratch: Path) -> None:
        self.ccbench = ccbench
        self.scratch = scratch
        self.compiler = ""
        self.version = ""

    def run(self, command: Sequence[str | Path], accepted: Sequence[int] = (0,), memory: bool = False,
            environment: Mapping[str, str] | None = None) -> Ran:
        """GNU time is there for `memory`, because a process starts with the peak of the one that it was
        forked from, and this one's is higher than what is to be measured."""
        peak = self.scratch / "peak"
        prefix = [gnu_time(), "--quiet", "-f", "%M", "-o", str(peak)] if memory else []
        words = prefix + [str(word) for word in command]
        name = Path(command[0]).name
        begin = time.perf_counter()
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT_S, cwd=self.scratch,
                                  env=environment)
        except subprocess.TimeoutExpired:
            raise NotMeasured(f"{name} did not end within {TIMEOUT_S} s") from None
        except OSError as error:
            raise NotMeasured(f"{name} could not be started: {error.strerror}") from None
        seconds = time.perf_counter() - begin
        if done.returncode not in accepted:
            said = (done.stderr.strip() or done.stdout.strip() or "nothing said").splitlines()[-1]
            raise NotMeasured(f"{name} ended with exit code {done.returncode}: {said}")
        return Ran(done.stdout, int(peak.read_text().split()[-1]) if memory else None, seconds)

    def trial(self, *flags: str, accepted: Sequence[int] = CLEAN, memory: bool = False) -> tuple[dict[str, str], Ran]:
        """One trial: its row of trials.csv."""
        path = self.scratch / "trials.csv"
        path.unlink(missing_ok=True)
        command = [self.ccbench, *flags, "--trials=1", "--control=never", "--quiet", f"--csv={path}"]
        ran = self.run(command, accepted, memory)
        row = only_trial(path)
        self.compiler, self.version = row.get("compiler", ""), row.get("version", "")
        return row, ran


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


def lotto_flags(guard: str, requests: int) -> list[str]:
    return ["--scenario=lotto-purchase", f"--guard={guard}", f"--requests={requests}"]


def named_values(output: str) -> dict[str, str]:
    """`a=1 b=2` taken apart."""
    return dict(word.split("=", 1) for word in output.split())


# --- writing ---


def rounded(value: float) -> str:
    """Three digits that say something."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def spread(values: Sequence[float], unit: str) -> str:
    suffix = "" if unit in ("", "ratio") else f" {unit}"
    middle = rounded(statistics.median(values)) + suffix
    return f"{middle} ({rounded(min(values))}..{rounded(max(values))})" if len(values) > 1 else middle


def interval(results: Sequence[float], shown: Callable[[float], str] = rounded, confidence: float = 0.95) -> str:
    """The bootstrap interval of the median, with infinitely many resamples: src/stats/estimate.h."""
    ordered = sorted(results)
    count = len(ordered)
    if count < 6:
        return "too few rounds for an interval"
    half = math.ceil(count / 2)

    def median_is_below(rank: int) -> float:
        share = rank / count
        return sum(math.comb(count, k) * share**k * (1 - share) ** (count - k) for k in range(half, count + 1))

    low = next(rank for rank in range(1, count + 1) if median_is_below(rank) >= (1 - confidence) / 2)
    return f"{confidence * 100:g} %: {shown(ordered[low - 1])}..{shown(ordered[count - low])}"


def table_row(figures: Figures) -> str:
    name = f"{figures.comparison}/{figures.case}"
    if figures.problem:
        return f"| {name} | {figures.about} | | | not measured: {figures.problem} | | |"
    series = [
        spread(values, figures.unit) + ("" if arm in ("ccbench", "plain") else f" [{arm}]")
        for arm, values in zip(figures.arms, figures.series)
    ]
    series += [""] * (2 - len(series))
    said = [] if figures.derive is alone else [spread(figures.results, figures.result_unit)]
    if figures.note is not None:
        said.append(figures.note(figures.results))
    result = "; ".join(said)
    target = ""
    if figures.target is not None:
        target = figures.target.text("" if figures.result_unit == "ratio" else figures.result_unit)
    met = {True: "yes", False: "**no**", None: ""}[figures.met]
    return f"| {name} | {figures.about} | {series[0]} | {series[1]} | {result} | {target} | {met} |"


def table(columns: Sequence[str], results: Sequence[Figures]) -> Iterator[str]:
    """`columns`: of the two series and of what comes of them."""
    yield f"| comparison | of what | {' | '.join(columns)} | target | met |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    yield from (table_row(figures) for figures in results)


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
    yield f"Measured {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC by `scripts/{SCRIPT}`:"
    yield f"{rounds} rounds, seed {seed}."
    yield f"{cpus} CPUs ({cpu_model()}), {platform.system()} {platform.release()}, {programs.compiler or 'compiler unknown'},"
    yield f"ccbench {programs.version or 'of unknown version'}; load average {loads[0]:.2f} before, {loads[1]:.2f} after."
    if loads[0] > 0.5 * cpus:
        yield "**The machine was busy before: believe the ratios before the times.**"


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


def at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1")
    return int(text)


def add_arguments(parser: argparse.ArgumentParser, comparisons: Sequence[str], rounds: int) -> None:
    def comparison_names(text: str) -> list[str]:
        names = text.split(",")
        for name in names:
            if name not in comparisons:
                raise argparse.ArgumentTypeError(f"'{name}' is none of {', '.join(comparisons)}")
        return names

    stem = Path(SCRIPT).stem
    parser.add_argument("--rounds", type=at_least_one, default=rounds, help=f"per comparison ({rounds})")
    parser.add_argument("--only", type=comparison_names, default=list(comparisons), metavar="NAME[,NAME]",
                        help=f"some of {', '.join(comparisons)}")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32), help="decides the order")
    parser.add_argument("--csv", type=Path, default=ROOT / f"results/{stem}.csv")
    parser.add_argument("--markdown", type=Path, default=ROOT / f"results/{stem}.md")


def all_built(*programs: Path) -> bool:
    for program in programs:
        if not os.access(program, os.X_OK):
            print(f"{SCRIPT}: {program.name} is not built; cmake --preset release && cmake --build --preset release",
                  file=sys.stderr)
            return False
    return True


def finish(results: Sequence[Figures], text: Sequence[str], csv_path: Path, markdown: Path) -> int:
    """Writes and prints; answers the exit code."""
    try:
        for path in (csv_path, markdown):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_csv(csv_path, results)
        markdown.write_text("\n".join(text) + "\n", encoding="utf-8")
    except OSError as error:
        print(f"{SCRIPT}: {error.filename} cannot be written: {error.strerror}", file=sys.stderr)
        return 7
    print(markdown.read_text(encoding="utf-8"), end="")
    if any(figures.problem for figures in results):
        return 7
    return 4 if any(figures.met is False for figures in results) else 0
