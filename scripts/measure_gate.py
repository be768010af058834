#!/usr/bin/env python3
"""Measures how often the gate is red where it must not be, and where it must be.

  scripts/measure_gate.py                       300 rounds, quiet and beside a busy neighbour: some 25 minutes
  scripts/measure_gate.py --only quiet          one of them
  scripts/measure_gate.py --gates 'same=10,20 %=5'   instead, real gates of these candidates, end to end: some 40 s each

A round is what one pair of a gate is, of several candidates at once: three trials of each arm, in an order that is
drawn, each in a process of its own, and beside each one of a single thread for the tail. `same` is the base again; the
others are slowed down on purpose by --plant, really and not by scaling results: by 5, 10, 15 and 20 % in every section,
or ten times in every 50th (`tail`).

A gate is then the recorded pairs from some round on: it looks after 20, 40 and 80 of them and judges by the rules of
src/gate/judge.h, which are written down here again and checked against real gates. 200 gates begin at rounds that are
drawn; they overlap, so that of 300 rounds about four to fifteen gates are independent: the real gates are the check.
Those take hours to be many, so each run adds its own to those of earlier ones.

Needs the release build (build/release). Writes results/measure_gate.csv, the value of every arm and metric in every
round, and results/measure_gate.md; of real gates results/measure_gate_real.csv, a row for each, and
results/measure_gate_real.md.
Exit codes: 0 all targets met, 2 usage, 4 a target was missed, 7 something could not be measured.
"""

import argparse
import csv
import datetime
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Iterator, NamedTuple, Sequence

import measuring
from measuring import NotMeasured, Programs

CONDITIONS = ("quiet", "noisy")
ARMS = {"base": "1", "same": "1", "5 %": "1.05", "10 %": "1.1", "15 %": "1.15", "20 %": "1.2", "tail": "10/50"}
REPETITIONS = 3
LOOKS = (20, 40, 80)
ALPHA = 0.005
THRESHOLD = 0.10
GATES = 200
REAL = measuring.ROOT / "results/measure_gate_real"


class Metric(NamedTuple):
    column: str
    reduce: object
    alone: bool = False  # of trials of one thread


METRICS = {"wall": Metric("wall_ns", min), "lone_p99": Metric("latency_p99_ns", statistics.median_low, alone=True)}


class Aim(NamedTuple):
    """At most, or at least, this share of gates red by this metric."""

    arm: str
    metric: str
    most: float | None = None
    least: float | None = None

    def met(self, share: float) -> bool | None:
        if self.most is None and self.least is None:
            return None
        return share <= self.most if self.most is not None else share >= self.least

    def text(self) -> str:
        if self.most is not None:
            return f"at most {self.most:.0%}"
        return f"at least {self.least:.0%}" if self.least is not None else ""


AIMS = [
    Aim("same", "any", most=0.01),
    Aim("5 %", "wall", most=0.05),
    Aim("10 %", "wall"),
    Aim("15 %", "wall", least=0.80),
    Aim("20 %", "wall", least=0.95),
    Aim("tail", "lone_p99", least=0.80),
]

# --- the rules of src/gate/judge.h ---


def ranks_of_interval(count: int, alpha: float) -> tuple[int, int] | None:
    """Of the sorted samples, from 1: the limit of the percentile bootstrap of the median (src/stats/estimate.h)."""
    if count < 6:
        return None
    half = math.ceil(count / 2)

    def reaches(rank: int) -> float:
        share = rank / count
        return sum(math.comb(count, k) * share**k * (1 - share) ** (count - k) for k in range(half, count + 1))

    low = next(rank for rank in range(1, count + 1) if reaches(rank) >= alpha)
    return low, count + 1 - low


def judgement(ratios: Sequence[float], alpha: float, threshold: float = THRESHOLD) -> str:
    ordered = sorted(ratios)
    median = ordered[math.ceil(len(ordered) / 2) - 1]
    low, high = (ordered[rank - 1] for rank in ranks_of_interval(len(ordered), alpha))
    if low > 1 and median > 1 + threshold:
        return "regressed"
    if high < 1 and median < 1 / (1 + threshold):
        return "improved"
    return "pass" if high < 1 + threshold else "inconclusive"


def gate_of(pairs: dict[str, Sequence[float]]) -> tuple[dict[str, str], int]:
    """What the gate says of each metric, and after how many pairs it knew."""
    found = {metric: "inconclusive" for metric in pairs}
    for look in LOOKS:
        for metric, ratios in pairs.items():
            if found[metric] == "inconclusive":
                found[metric] = judgement(ratios[:look], ALPHA / len(pairs))
        if "inconclusive" not in found.values():
            return found, look
    return found, LOOKS[-1]


# --- recording ---


class Neighbour:
    """A process that is busy all the time, where one is wanted; and ends with this one, however that ends."""

    BUSY = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n for _ in range(100000): pass"

    def __init__(self, wanted: bool) -> None:
        command = [sys.executable, "-c", self.BUSY]
        self.process = subprocess.Popen(command) if wanted else None

    def __enter__(self) -> "Neighbour":
        return self

    def __exit__(self, *_) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


class Recorder:
    def __init__(self, programs: Programs, guard: str, threads: int, requests: int) -> None:
        self.programs = programs
        self.threads = threads
        self.flags = ["--scenario=counter", f"--guard={guard}", f"--requests={requests}", "--snapshot=never"]

    def round(self, dice: random.Random) -> dict[str, dict[str, float]]:
        """For each arm the value of each metric."""
        rows: dict[tuple[str, bool], list[dict[str, str]]] = {(arm, alone): [] for arm in ARMS for alone in (False, True)}
        seed = dice.randrange(2**32)
        for _ in range(REPETITIONS):
            for arm in dice.sample(list(ARMS), len(ARMS)):
                for alone in (False, True):
                    threads = 1 if alone else self.threads
                    row, _ = self.programs.trial(*self.flags, f"--threads={threads}", f"--plant={ARMS[arm]}", f"--seed={seed}")
                    rows[arm, alone].append(row)
        return {arm: {name: metric.reduce([int(row[metric.column]) for row in rows[arm, metric.alone]])
                      for name, metric in METRICS.items()} for arm in ARMS}


Rounds = list[dict[str, dict[str, float]]]


def record(recorder: Recorder, condition: str, rounds: int, dice: random.Random) -> Rounds:
    recorded: Rounds = []
    with Neighbour(condition == "noisy"):
        for number in range(1, rounds + 1):
            if number % 20 == 1:
                print(f"{measuring.SCRIPT}: {condition}, round {number} of {rounds}", file=sys.stderr)
            recorded.append(recorder.round(dice))
    return recorded


# --- gates ---


def simulated(rounds: Rounds, arm: str, dice: random.Random) -> list[tuple[dict[str, str], int]]:
    results = []
    for _ in range(GATES):
        begin = dice.randrange(len(rounds) - LOOKS[-1] + 1)
        window = rounds[begin:begin + LOOKS[-1]]
        # Which of the two the machine favours is nobody's merit.
        turned = arm == "same" and dice.random() < 0.5
        pairs = {metric: [of[arm][metric] / of["base"][metric] for of in window] for metric in METRICS}
        if turned:
            pairs = {metric: [1 / ratio for ratio in ratios] for metric, ratios in pairs.items()}
        results.append(gate_of(pairs))
    return results


def share_red(results: Sequence[tuple[dict[str, str], int]], metric: str) -> float:
    def red(found: dict[str, str]) -> bool:
        return "regressed" in found.values() if metric == "any" else found[metric] == "regressed"

    return sum(red(found) for found, _ in results) / len(results)


class Real(NamedTuple):
    condition: str
    candidate: str
    wall: str  # the verdict of this metric
    lone_p99: str
    pairs: int
    seconds: float
    date: str

    @property
    def red(self) -> bool:
        return "regressed" in (self.wall, self.lone_p99)


def real_gate(programs: Programs, recorder: Recorder, condition: str, arm: str) -> Real:
    """A gate end to end, whose statistics are also computed here again, from the values it reports."""
    report = programs.scratch / "gate.json"
    flags = [*(flag for flag in recorder.flags if not flag.startswith("--snapshot")), f"--threads={recorder.threads}"]
    begin = time.perf_counter()
    subprocess.run([str(programs.ccbench), "gate", f"--base={programs.ccbench}", *flags, f"--plant={ARMS[arm]}",
                    f"--json={report}", "--quiet"], capture_output=True, timeout=600, cwd=programs.scratch)
    seconds = time.perf_counter() - begin
    metrics = json.loads(report.read_text())["contests"][0]["metrics"]
    for metric in metrics:
        ratios = [candidate / base for base, candidate in metric["values"]]
        again = judgement(ratios, metric["alpha"], metric["threshold"])
        if again != metric["verdict"]:
            raise NotMeasured(f"the gate says {metric['verdict']} of {metric['name']} and this script {again}")
    found = {metric["name"]: metric["verdict"] for metric in metrics}
    return Real(condition, arm, found["wall"], found["lone_p99"], max(len(m["values"]) for m in metrics), seconds,
                f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}")


def read_gates(path: Path) -> list[Real]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [Real(row["condition"], row["candidate"], row["wall"], row["lone_p99"], int(row["pairs"]),
                     float(row["seconds"]), row["date"]) for row in csv.DictReader(file)]


def run_gates(programs: Programs, recorder: Recorder, arguments: argparse.Namespace, dice: random.Random) -> None:
    """Each is written down as it ends, so that an interrupted run loses one."""
    path = REAL.with_suffix(".csv")
    for condition in arguments.only:
        wanted = [arm for arm, count in arguments.gates.items() for _ in range(count)]
        dice.shuffle(wanted)
        with Neighbour(condition == "noisy"):
            for number, arm in enumerate(wanted, 1):
                gate = real_gate(programs, recorder, condition, arm)
                print(f"{measuring.SCRIPT}: {condition}, gate {number} of {len(wanted)}: {arm}: {gate.wall}, {gate.lone_p99}, "
                      f"{gate.pairs} pairs, {gate.seconds:.0f} s", file=sys.stderr)
                new = not path.exists()
                with path.open("a", newline="", encoding="utf-8") as file:
                    writer = csv.writer(file, lineterminator="\n")
                    if new:
                        writer.writerow(["schema", *Real._fields])
                    writer.writerow(["ccbench.measure_gate/1", *gate[:5], f"{gate.seconds:.1f}", gate.date])


# --- writing ---


def change(rounds: Rounds, arm: str, metric: str) -> float:
    return statistics.median(of[arm][metric] / of["base"][metric] for of in rounds)


def table_of(condition: str, rounds: Rounds, dice: random.Random, missed: list[str]) -> Iterator[str]:
    yield f"| {condition}: candidate | metric | median ratio | red | aim | met | pairs until it knew (median, most) |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for aim in AIMS:
        results = simulated(rounds, aim.arm, dice)
        share = share_red(results, aim.metric)
        met = aim.met(share)
        if met is False:
            missed.append(f"{condition}: {aim.arm}")
        pairs = [look for _, look in results]
        ratio = "" if aim.metric == "any" else f"{change(rounds, aim.arm, aim.metric):.3f}"
        word = {True: "yes", False: "**no**", None: ""}[met]
        yield (f"| {aim.arm} | {aim.metric} | {ratio} | {share:.1%} | {aim.text()} | {word} | "
               f"{statistics.median(pairs):.0f}, {max(pairs)} |")


def at_most(red: int, gates: int) -> float:
    """The share of red gates that so many could still come from, at 95 % (C. Clopper, E. Pearson, 1934)."""
    if red == gates:
        return 1.0
    low, high = red / gates, 1.0
    for _ in range(60):
        share = (low + high) / 2
        so_few = sum(math.comb(gates, k) * share**k * (1 - share) ** (gates - k) for k in range(red + 1))
        low, high = (share, high) if so_few > 0.05 else (low, share)
    return high


def real_text(gates: Sequence[Real]) -> Iterator[str]:
    dates = sorted({gate.date for gate in gates})
    yield "# How often real gates are red"
    yield ""
    yield f"{len(gates)} gates, end to end, on {', '.join(dates)}, by `scripts/measure_gate.py --gates`, which computes"
    yield "every judgement again. Same settings and candidates as in [measure_gate.md](measure_gate.md)."
    yield "`builds`: beside a busy neighbour and, most of the time, a compiler on the other CPU; more than the aims are for."
    for condition in [*CONDITIONS, "builds"]:
        if all(gate.condition != condition for gate in gates):
            continue
        yield ""
        yield (f"| {condition}: candidate | gates | red | by wall | by lone_p99 | aim | red at most, at 95 % | inconclusive | "
               "seconds (median, most) |")
        yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
        for aim in AIMS:
            found = [gate for gate in gates if (gate.condition, gate.candidate) == (condition, aim.arm)]
            if not found:
                continue
            red = sum(gate.red for gate in found)
            bound = f"{at_most(red, len(found)):.1%}" if aim.most is not None else ""
            seconds = [gate.seconds for gate in found]
            yield (f"| {aim.arm} | {len(found)} | {red} | {sum(gate.wall == 'regressed' for gate in found)} | "
                   f"{sum(gate.lone_p99 == 'regressed' for gate in found)} | {aim.text()} | {bound} | "
                   f"{sum('inconclusive' in (gate.wall, gate.lone_p99) for gate in found)} | "
                   f"{statistics.median(seconds):.0f}, {max(seconds):.0f} |")


def write_rounds(path: Path, recorded: dict[str, Rounds]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow("schema comparison case round arm value unit".split())
        for condition, rounds in recorded.items():
            for number, arms in enumerate(rounds, 1):
                for arm, metrics in arms.items():
                    for metric, value in metrics.items():
                        writer.writerow(["ccbench.measure/1", condition, metric, number, arm, f"{value:.0f}", "ns"])


def counts(text: str) -> dict[str, int]:
    found = {}
    for part in text.split(","):
        arm, _, count = part.partition("=")
        if arm not in ARMS or arm == "base" or not count.isdigit():
            raise argparse.ArgumentTypeError(f"expected candidates with counts, not {part!r}")
        found[arm] = int(count)
    return found


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measures how often the gate is red.")
    measuring.add_arguments(parser, CONDITIONS, rounds=300)
    parser.add_argument("--ccbench", type=Path, default=measuring.ROOT / "build/release/ccbench")
    parser.add_argument("--guard", default="synchronized")
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--requests", type=int, default=30000)
    parser.add_argument("--gates", type=counts, metavar="CANDIDATE=N[,CANDIDATE=N...]",
                        help="run real gates instead, of " + ", ".join(arm for arm in ARMS if arm != "base").replace("%", "%%"))
    arguments = parser.parse_args()
    if arguments.rounds < LOOKS[-1]:
        parser.error(f"--rounds: a gate may need {LOOKS[-1]} pairs")
    return arguments


def main() -> int:
    arguments = parse()
    if not measuring.all_built(arguments.ccbench):
        return 7
    before = os.getloadavg()[0]
    dice = random.Random(arguments.seed)
    missed: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        programs = Programs(arguments.ccbench.resolve(), Path(scratch))
        recorder = Recorder(programs, arguments.guard, arguments.threads, arguments.requests)
        try:
            if arguments.gates:
                run_gates(programs, recorder, arguments, dice)
                text = "\n".join(real_text(read_gates(REAL.with_suffix(".csv")))) + "\n"
                REAL.with_suffix(".md").write_text(text, encoding="utf-8")
                print(text, end="")
                return 0
            recorded = {condition: record(recorder, condition, arguments.rounds, dice) for condition in arguments.only}
        except NotMeasured as problem:
            print(f"{measuring.SCRIPT}: {problem}", file=sys.stderr)
            return 7
    loads = before, os.getloadavg()[0]
    text = ["# How often the gate is red", "", *measuring.machine_facts(programs, loads, arguments.rounds, arguments.seed), "",
            f"`counter` under `{arguments.guard}`, {arguments.threads} threads, {arguments.requests} requests. A gate: {REPETITIONS} trials",
            f"of each arm in a pair, looks after {', '.join(map(str, LOOKS))} pairs, {ALPHA:.1%} to a side per look shared by",
            f"{len(METRICS)} metrics, threshold {THRESHOLD:.0%}. {GATES} gates per row over recorded pairs; `noisy`: beside one process that is",
            "always busy."]
    for condition, rounds in recorded.items():
        text += ["", *table_of(condition, rounds, dice, missed)]
    write_rounds(arguments.csv, recorded)
    arguments.markdown.write_text("\n".join(text) + "\n", encoding="utf-8")
    print(arguments.markdown.read_text(encoding="utf-8"), end="")
    return 4 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
