#!/usr/bin/env python3
"""Measures what snapshots cost, and whether they disturb what they show.

  scripts/measure_snapshots.py                       everything, 20 rounds: some ten minutes
  scripts/measure_snapshots.py --only capture,cost   some of it

capture   a snapshot of 1000 and of 20 blocked threads
tools     the same beside gdb, eu-stack and jstack, each at a process of its own with as many threads that are
          blocked in the same ways (src/snapshot/snapshot_probe.cc, scripts/BlockedShape.java)
order     whether threads that queue at a mutex get it in the order in which they came
cost      what a snapshot every 100 ms adds to a trial

The arms of every comparison run in turns, in an order drawn anew for each round, and what is compared is the
ratio or the difference within a round. Needs the release build, and for `tools` the Debian packages gdb,
elfutils and default-jdk-headless. Writes results/measure_snapshots.csv, one row per figure, and
results/measure_snapshots.md, one row per comparison.
Exit codes: 0 all targets met, 2 usage, 4 a target was missed, 7 something could not be measured.
"""

import argparse
import csv
import os
import random
import selectors
import shutil
import statistics
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator, NamedTuple, Sequence

import measuring
from measuring import (ROOT, TIMEOUT_S, Case, Figures, NotMeasured, Target, alone, below, difference, lotto_flags,
                       ratio)

COMPARISONS = ("capture", "tools", "order", "cost")
THREADS = 1000
HOLDERS = 3  # Of the shapes: one of each kind of lock.
FRAMES = 9  # That every thread of the shapes has at least: functions named `nested`.
CAPTURES = 15  # In one process; their median counts.
CAPTURE_TARGETS_MS = {1000: 20, 20: 0.4}
WAITERS, GAP_MS, LOOKS = 20, 60, 50
EVERY_MS = 100
LEAST_SNAPSHOTS = 10  # Of a trial that takes 1.5 s.
RESAMPLES = 10_000


class Programs(measuring.Programs):
    def __init__(self, build: Path, scratch: Path) -> None:
        super().__init__(build / "ccbench", scratch)
        self.probe = build / "snapshot_probe"

    def probed(self, *words: str) -> dict[str, str]:
        return measuring.named_values(self.run([self.probe, *words]).output)

    def capture(self, threads: int) -> dict[str, float]:
        """Milliseconds, of snapshots that show all there is."""
        values = self.probed("capture", f"--threads={threads}", f"--rounds={CAPTURES}")
        rows = threads + HOLDERS
        for name, expected in (("rows", rows), ("stable", rows), ("complete", rows), ("owners", HOLDERS)):
            if int(values[name]) != expected:
                raise NotMeasured(f"the snapshot of {threads} threads is not whole: {name} {values[name]} of {expected}")
        return {name.removesuffix("_ns"): int(time) / 1e6 for name, time in values.items() if name.endswith("_ns")}

    def changes(self, mode: str, seed: int) -> float:
        """In how many places of the queue somebody else got the mutex than came there."""
        values = self.probed("order", f"--mode={mode}", f"--waiters={WAITERS}", f"--gap-ms={GAP_MS}",
                             f"--looks={LOOKS}", f"--seed={seed}")
        if mode != "none" and (int(values["looks"]) != LOOKS or int(values["seen"]) != WAITERS):
            raise NotMeasured(f"{values['looks']} looks saw at most {values['seen']} of {WAITERS} waiters")
        return float(values["changes"])

    def purchase(self, guard: str, snapshots: bool) -> float:
        """Milliseconds of wall time."""
        path = self.scratch / "snapshots.csv"
        path.unlink(missing_ok=True)
        more = [f"--snapshot-every={EVERY_MS}ms"] if snapshots else []
        row, _ = self.trial(*lotto_flags(guard, THREADS), "--snapshot=never", *more, f"--snapshots-csv={path}")
        if int(row["violations"] or 0) > 0 or int(row["success"]) != 1:
            raise NotMeasured(f"{guard} let {row['success']} purchases succeed")
        with path.open(newline="", encoding="utf-8") as file:
            taken = len({line["snapshot"] for line in csv.DictReader(file)})
        if taken < LEAST_SNAPSHOTS if snapshots else taken > 0:
            raise NotMeasured(f"a trial that should have {'some' if snapshots else 'no'} snapshots has {taken}")
        return int(row["wall_ns"]) / 1e6


# --- capture ---


def capture_cases(programs: Programs) -> Iterator[Case]:
    """All figures of a case come from one process."""
    parts = {
        "wall": ("", "blocked threads: states, locks, owners, whole stacks, cycles"),
        "cpu": ("-cpu", "of that: CPU time"),
        "look": ("-look", "of that: reading the threads, which keeps nobody waiting"),
        "resolve": ("-resolve", "of that: unwinding"),
        "again": ("-again", "the next one, if nobody has moved"),
        "prepare": ("-prepare", "before the first one of a trial: opening the kernel's files"),
        "first": ("-first", "the first one of a process: also reading debug information, opening files, naming"),
    }
    for threads, target in CAPTURE_TARGETS_MS.items():
        figures = []
        for part, (suffix, about) in parts.items():
            figures.append(
                Figures("capture", f"{threads}{suffix}", f"{threads} {about}" if part == "wall" else about, ("ccbench",),
                        "ms", "ms", below(target) if part == "wall" else None, alone,
                        pick=lambda measured, part=part: [measured[0][part]]))
        yield Case(figures, (lambda threads=threads: programs.capture(threads),))


# --- tools ---


class Tool(NamedTuple):
    name: str
    package: str
    command: Callable[[str], list[str]]
    shape: Callable[[Programs], list[str | Path]]
    version: tuple[str, ...]


def native_shape(programs: Programs) -> list[str | Path]:
    return [programs.probe, "shape", f"--threads={THREADS}"]


def java_shape(_: Programs) -> list[str | Path]:
    return [installed("java", "default-jdk-headless"), ROOT / "scripts/BlockedShape.java", str(THREADS)]


TOOLS = (
    Tool("gdb", "gdb",
         lambda pid: ["-nx", "-batch", "-iex", "set debuginfod enabled off", "-ex", "thread apply all bt", "-p", pid],
         native_shape, ("gdb", "--version")),
    Tool("eu-stack", "elfutils", lambda pid: ["-p", pid], native_shape, ("eu-stack", "--version")),
    Tool("jstack", "default-jdk-headless", lambda pid: [pid], java_shape, ("java", "--version")),
)


def installed(program: str, package: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise NotMeasured(f"{program} is not installed (Debian's package {package})")
    return found


@contextmanager
def standing(command: Sequence[str | Path]) -> Iterator[str]:
    """The process id of a shape, once its threads are blocked and until the end of the scope."""
    with subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as process:
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(process.stdout, selectors.EVENT_READ)
                said = process.stdout.readline() if selector.select(TIMEOUT_S) else ""
            if not said.startswith("ready pid="):
                raise NotMeasured(f"{Path(command[0]).name} did not block {THREADS} threads")
            yield said.split("=")[1].strip()
        finally:
            process.kill()


def tool_ms(programs: Programs, tool: Tool) -> float:
    """From the start of the tool to its end. Its second run counts: the first one may have files to read, and
    a JVM to make ready for those that come after it."""
    program = installed(tool.name, tool.package)
    offline = {name: value for name, value in os.environ.items() if name != "DEBUGINFOD_URLS"}
    with standing(tool.shape(programs)) as pid:
        for _ in range(2):
            ran = programs.run([program, *tool.command(pid)], environment=offline)
    if ran.output.count("nested") < THREADS * FRAMES:
        raise NotMeasured(f"{tool.name} showed {ran.output.count('nested')} of {THREADS * FRAMES} frames")
    return ran.seconds * 1e3


def tools_cases(programs: Programs) -> Iterator[Case]:
    for tool in TOOLS:
        about = f"{THREADS} blocked threads: {tool.name}, its start included"
        yield Case(
            [Figures("tools", tool.name, f"{about}; ours in a trial", ("ccbench", tool.name), "ms", "ratio", below(0.1),
                     ratio, pick=lambda measured: [measured[0]["wall"], measured[1]]),
             Figures("tools", f"{tool.name}-first", f"{about}; ours as the first of a process, as in capture/1000-first",
                     ("ccbench", tool.name), "ms", "ratio", None, ratio,
                     pick=lambda measured: [measured[0]["first"], measured[1]])],
            (lambda: programs.capture(THREADS), lambda tool=tool: tool_ms(programs, tool)),
        )


def tool_versions(programs: Programs) -> Iterator[str]:
    for tool in TOOLS:
        try:
            said = programs.run([installed(tool.version[0], tool.package), *tool.version[1:]]).output
            yield said.splitlines()[0]
        except (NotMeasured, IndexError):
            continue


# --- order ---


def order_cases(programs: Programs, dice: random.Random) -> Iterator[Case]:
    def in_all(results: Sequence[float]) -> str:
        return f"{sum(results):g} in all"

    def target(relation: str) -> Target:
        return Target(0, relation, sum, "in all")

    about = f"{WAITERS} waiters {GAP_MS} ms apart: places in the queue that changed, "
    yield Case(
        [Figures("order", "look", f"{about}{LOOKS} snapshots against none", ("ccbench", "none"), "places", "places",
                 target("<="), difference, pick=lambda measured: [measured[0], measured[1]], note=in_all),
         Figures("order", "signals", f"{about}{LOOKS} with signals (--snapshot-full) against none", ("ccbench", "none"),
                 "places", "places", target(">"), difference, pick=lambda measured: [measured[2], measured[1]],
                 note=in_all)],
        tuple(lambda mode=mode: programs.changes(mode, dice.randrange(10**6)) for mode in ("look", "none", "signals")),
    )


# --- cost ---


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Of the median, at 95 %, by resampling; the same values give the same interval."""
    dice = random.Random(1)
    medians = sorted(statistics.median(dice.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return medians[int(0.025 * RESAMPLES)], medians[int(0.975 * RESAMPLES) - 1]


def upper_end(values: Sequence[float]) -> float:
    return median_interval(values)[1]


def interval_text(values: Sequence[float]) -> str:
    low, high = median_interval(values)
    return f"median at 95 %: {measuring.rounded(low)}..{measuring.rounded(high)} %"


def percent_more(ours: float, theirs: float) -> float:
    return (ratio(ours, theirs) - 1) * 100


def cost_cases(programs: Programs) -> Iterator[Case]:
    """Judged by the upper end of the interval and not by the median: noise must not pass for a small cost."""
    for guard in ("cas", "synchronized"):
        yield Case(
            [Figures("cost", guard, f"{THREADS} requests, 1.5 s: wall time with a snapshot every {EVERY_MS} ms against none",
                     ("ccbench", "none"), "ms", "%", Target(2, "<", upper_end, "upper end"), percent_more,
                     note=interval_text)],
            (lambda guard=guard: programs.purchase(guard, snapshots=True),
             lambda guard=guard: programs.purchase(guard, snapshots=False)),
        )


# --- all of it ---


def measure(programs: Programs, only: Sequence[str], rounds: int, dice: random.Random) -> list[Figures]:
    by_name = {"capture": capture_cases, "tools": tools_cases, "order": lambda programs: order_cases(programs, dice),
               "cost": cost_cases}
    return measuring.run_rounds([case for name in COMPARISONS if name in only for case in by_name[name](programs)],
                                rounds, dice)


def text_of(results: Sequence[Figures], facts: Sequence[str]) -> list[str]:
    return [
        "# What snapshots cost, and what they disturb", "", *facts, "",
        "The arms of a comparison ran in turns; each figure is the median over the rounds (least..most), and ratios",
        f"and differences are taken within a round. In `capture` and `tools` a round's figure is the median of {CAPTURES}",
        "snapshots, each by an observer that has not looked before. The threads are blocked in equal parts at",
        "a mutex, a shared mutex (to read, to write), a recursive mutex and a condition variable, or sleep, each under",
        f"{FRAMES} frames; {HOLDERS} more hold the locks. `order` is judged by the sum over all rounds, `cost` by the upper end of",
        "the interval of the median (bootstrap).", "",
        *measuring.table(("ours", "other", "ratio or difference"), results),
    ]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measures what snapshots cost, and whether they disturb.")
    measuring.add_arguments(parser, COMPARISONS, rounds=20)
    parser.add_argument("--build", type=Path, default=ROOT / "build/release", help="where the programs are")
    return parser.parse_args()


def main() -> int:
    arguments = parse()
    build = arguments.build.resolve()
    if not measuring.all_built(build / "ccbench", build / "snapshot_probe"):
        return 7
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as scratch:
        programs = Programs(build, Path(scratch))
        results = measure(programs, arguments.only, arguments.rounds, random.Random(arguments.seed))
        versions = list(tool_versions(programs)) if "tools" in arguments.only else []
    facts = list(measuring.machine_facts(programs, (before, os.getloadavg()[0]), arguments.rounds, arguments.seed))
    if versions:
        facts.append(f"Beside it: {'; '.join(versions)}.")
    return measuring.finish(results, text_of(results, facts), arguments.csv, arguments.markdown)


if __name__ == "__main__":
    sys.exit(main())
