#!/usr/bin/env python3
"""Measures how many schedules the explorer runs per second of CPU time, beside loom and shuttle.

  scripts/measure_explore.py --build-peers              everything, 20 rounds: some fifteen minutes
  scripts/measure_explore.py --only speed,sizes         some of it, here without loom and shuttle

All arms run the same program, that of src/explore/fixture.h, in turns on one machine at one time, in an order drawn anew
for each round. What is compared is CPU time, which other load lengthens less than wall time; ratios are taken within a
round: the median with its 95 % bootstrap interval.

Needs the release build (build/release) and the crate in scripts/peers, which `--build-peers` builds with cargo into
build/peers. Writes results/measure_explore.csv, one row per figure, and results/measure_explore.md, one row per
comparison.
Exit codes: 0 all targets met, 2 usage, 4 a target was missed, 7 something could not be measured.
"""

import argparse
import csv
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Callable, Iterator, NamedTuple, Sequence

import measuring
from measuring import Case, Figures, NotMeasured, Target, alone, at_least, interval, ratio

COMPARISONS = ("speed", "shuttle", "loom", "sizes", "command")
WITH_PEERS = ("shuttle", "loom")
PROGRAMS = ("none", "cas", "mutex")
REQUESTS = 3
CPU_S = 0.5  # of an arm in a round
CRATE = measuring.ROOT / "scripts/peers"
BUILD = measuring.ROOT / "build/peers"

# What was asked for, in thousands of schedules per CPU-second and as a ratio.
SPEED = at_least(2000)
TIMES = at_least(20)

PER_CPU_SECOND = "k/s"


class Rates(NamedTuple):
    """Of a program, in thousands per second of CPU time."""

    schedules: float
    searches: float = 0  # how often all schedules were gone through, as far as the arm tells them apart


class Programs(measuring.Programs):
    """What is compared."""

    def __init__(self, ccbench: Path, peers: Path, scratch: Path) -> None:
        super().__init__(ccbench, scratch)
        self.peers = peers
        said = self.run([ccbench, "--version"]).output
        self.version, self.compiler = re.match(r"ccbench (\S+) \((.*?),", said).groups()

    def ours(self, strategy: str, program: str, requests: int = REQUESTS) -> Rates:
        name = f"explore/{strategy}/{program}/{requests}"
        ran = self.run([self.ccbench, "bench", f"--benchmark_filter=^{name}$", f"--benchmark_min_time={CPU_S}",
                        "--benchmark_format=json"])
        runs = json.loads(ran.output or "{}").get("benchmarks", [])
        if len(runs) != 1:
            raise NotMeasured(f"there is no benchmark {name}")
        return Rates(runs[0]["schedules"] / 1e3, runs[0].get("searches", 0) / 1e3)

    def theirs(self, tool: str, program: str) -> Rates:
        ran = self.run([self.peers, tool, program, str(REQUESTS), str(CPU_S)])
        row = next(csv.DictReader(ran.output.splitlines()))
        kilo_seconds = float(row["cpu_seconds"]) * 1e3
        return Rates(int(row["schedules"]) / kilo_seconds, int(row["searches"]) / kilo_seconds)

    def command(self, guard: str) -> Rates:
        """What a person gets: the scenario lotto-purchase with all that is counted and checked after each schedule."""
        ran = self.run([self.ccbench, "explore", f"--guard={guard}", f"--requests={REQUESTS}", "--strategy=random",
                        "--schedules=200000", "--json=-"], accepted=measuring.CLEAN)
        search = json.loads(ran.output)["searches"][0]
        return Rates(search["schedules"] / search["cpu_seconds"] / 1e3)


# --- the comparisons ---


def figure(comparison: str, case: str, about: str, arms: tuple[str, ...], target: Target | None,
           pick: Callable[[Sequence[Rates]], Sequence[float]]) -> Figures:
    compared = len(arms) > 1
    return Figures(comparison, case, about, arms, PER_CPU_SECOND, "ratio" if compared else PER_CPU_SECOND, target,
                   ratio if compared else alone, pick, note=interval)


def only_arm(comparison: str, case: str, about: str, arm: str, measure: Callable[[], Rates]) -> Case:
    return Case([figure(comparison, case, about, (arm,), None, lambda measured: [measured[0].schedules])], (measure,))


def program_case(programs: Programs, program: str, only: Sequence[str]) -> Case:
    """All arms of a program run one right after the other, so that any two can be compared."""
    arms: dict[str, Callable[[], Rates]] = {"random": lambda: programs.ours("random", program)}
    if set(WITH_PEERS) & set(only):
        arms["dpor"] = lambda: programs.ours("dpor", program)
    if "shuttle" in only:
        arms["shuttle"] = lambda: programs.theirs("shuttle", program)
        arms["shuttle-dfs"] = lambda: programs.theirs("shuttle-dfs", program)
    if "loom" in only:
        arms["loom"] = lambda: programs.theirs("loom", program)
    of = {name: position for position, name in enumerate(arms)}
    figures = []

    def add(comparison: str, about: str, chosen: tuple[str, ...], target: Target | None, rate: str = "schedules") -> None:
        figures.append(figure(comparison, program, about, chosen, target,
                              lambda measured: [getattr(measured[of[name]], rate) for name in chosen]))

    if "speed" in only:
        add("speed", f"{REQUESTS} requests, at random", ("random",), SPEED if program == "none" else None)
    if "shuttle" in only:
        add("shuttle", f"{REQUESTS} requests", ("random", "shuttle"), TIMES)
        add("shuttle-all", f"{REQUESTS} requests, searches", ("dpor", "shuttle-dfs"), None, "searches")
    if "loom" in only:
        add("loom", f"{REQUESTS} requests", ("dpor", "loom"), TIMES)
        add("loom-random", f"{REQUESTS} requests", ("random", "loom"), TIMES)
        add("loom-all", f"{REQUESTS} requests, searches", ("dpor", "loom"), None, "searches")
    return Case(figures, tuple(arms.values()))


def size_cases(programs: Programs) -> Iterator[Case]:
    sizes = [("random", 2), ("random", 8), ("dpor", 2), ("dpor", 3)]
    for program in PROGRAMS:
        for strategy, requests in sizes:
            yield only_arm("sizes", f"{strategy}-{program}-{requests}", f"{requests} requests", strategy,
                           lambda s=strategy, p=program, r=requests: programs.ours(s, p, r))
    yield only_arm("sizes", f"switches-none-{REQUESTS}", f"{REQUESTS} requests, draws and switches alone", "switches",
                   lambda: programs.ours("switches", "none"))


def cases(programs: Programs, only: Sequence[str]) -> Iterator[Case]:
    if {"speed", *WITH_PEERS} & set(only):
        yield from (program_case(programs, program, only) for program in PROGRAMS)
    if "sizes" in only:
        yield from size_cases(programs)
    if "command" in only:
        for guard in ("cas", "synchronized"):
            yield only_arm("command", guard, f"ccbench explore, {REQUESTS} requests", "random",
                           lambda guard=guard: programs.command(guard))


# --- writing ---


def facts_of_peers(peers: Path) -> Iterator[str]:
    locked = dict(re.findall(r'name = "(.*)"\nversion = "(.*)"', (CRATE / "Cargo.lock").read_text(encoding="utf-8")))
    compiler = re.search(rb"rustc version ([\d.]+)", peers.read_bytes())
    yield (f"loom {locked['loom']}, shuttle {locked['shuttle']}, rustc {compiler[1].decode() if compiler else 'unknown'}"
           " (release, one codegen unit, link-time optimisation).")


def text_of(results: Sequence[Figures], facts: Sequence[str]) -> list[str]:
    return [
        "# How fast the explorer is", "", *facts, "",
        "Repeat it with `scripts/measure_explore.py --build-peers`, after `cmake --preset release && cmake --build --preset",
        "release`.", "",
        "Asked for: at least 2 000 000 schedules per CPU-second of `none` with three requests at random, and at least 20 times",
        "as many as loom and shuttle of the same program.", "",
        "The program is that of src/explore/fixture.h: each request looks at a cell, sleeps and writes it, under no guard",
        "(`none`), a flag that turns away (`cas`) or a mutex. A schedule is one run of it from its making to its end, in an",
        f"order that the tool chose. Every arm takes some {CPU_S:g} s of CPU time per round; what is counted is thousands of",
        "schedules per second of it (k/s), which leaves out that other load takes the CPU away, and not that it shares the",
        "caches and the core: that has been seen to cost ours up to a third. Arms of a program run one right after the other,",
        "in an order that is drawn. Figures are medians over the rounds (least..most), and ratios are taken within a round.", "",
        "- `random` draws every step, `dpor` runs one schedule of each class of equal ones, again and again; both with all that",
        "  the explorer keeps of a schedule. `ours` stands first in each row.",
        "- `shuttle-all` and `loom-all` compare how soon there is an answer for all orders: thousands of whole searches per",
        "  second. shuttle's goes through every schedule (`DfsScheduler`), loom's through those that its model tells apart, and",
        "  ours through one of each class, without being told that the requests are alike.",
        "- `switches` draws tasks and switches to them as `random` does for `none`, and does nothing else: no operation, no",
        "  record, nobody who waits.",
        "- `command` is `ccbench explore` itself, of the scenario lotto-purchase, whose requests take more steps, and with",
        "  everything that is made, counted and checked for each schedule.", "",
        "What differs between the tools, and speaks for neither:", "",
        "- shuttle draws at random from those who can go on, as `random` does. It starts and joins threads as part of every",
        "  schedule, each of which is a step; ours are there before the first one, and are used again.",
        "- loom has no random order: it goes through all schedules that its model tells apart, as `dpor` does, and begins anew.",
        "  Its model is that of C11, in which a load may see any older value, so that what it does for a step is more, and it",
        "  tells more schedules apart. Ours follows whether a load could, until one can; shuttle's is sequentially consistent.",
        "  The row with `random` beside it is there because that was asked.",
        "- Where ours have a sleep, loom has `yield_now`, which lets the others go first, and shuttle a sleep, which is a step.",
        "- For both tools the first thread serves a request itself, nothing is logged, and loom keeps no place for threads that",
        "  do not come: their cheapest form.", "",
        *measuring.table(("ours", "theirs", "ratio, or interval"), results),
    ]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measures how many schedules the explorer runs per second of CPU time.")
    measuring.add_arguments(parser, COMPARISONS, rounds=20)
    parser.add_argument("--ccbench", type=Path, default=measuring.ROOT / "build/release/ccbench")
    parser.add_argument("--peers", type=Path, default=BUILD / "release/peers")
    parser.add_argument("--build-peers", action="store_true", help="build the crate in scripts/peers with cargo first")
    return parser.parse_args()


def build_peers() -> bool:
    command = ["cargo", "build", "--quiet", "--release", "--locked", f"--manifest-path={CRATE / 'Cargo.toml'}",
               f"--target-dir={BUILD}"]
    try:
        return subprocess.run(command, check=False).returncode == 0
    except OSError as error:
        print(f"{measuring.SCRIPT}: cargo could not be started: {error.strerror}", file=sys.stderr)
        return False


def main() -> int:
    arguments = parse()
    if arguments.build_peers and not build_peers():
        return 7
    if not measuring.all_built(arguments.ccbench):
        return 7
    with_peers = bool(set(WITH_PEERS) & set(arguments.only))
    if with_peers and not os.access(arguments.peers, os.X_OK):
        print(f"{measuring.SCRIPT}: {arguments.peers.name} is not built; pass --build-peers", file=sys.stderr)
        return 7
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as scratch:
        programs = Programs(arguments.ccbench.resolve(), arguments.peers.resolve(), Path(scratch))
        dice = random.Random(arguments.seed)
        results = measuring.run_rounds(list(cases(programs, arguments.only)), arguments.rounds, dice)
    loads = before, os.getloadavg()[0]
    facts = list(measuring.machine_facts(programs, loads, arguments.rounds, arguments.seed))
    if with_peers:
        facts += facts_of_peers(arguments.peers)
    return measuring.finish(results, text_of(results, facts), arguments.csv, arguments.markdown)


if __name__ == "__main__":
    sys.exit(main())
