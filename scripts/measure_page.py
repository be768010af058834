#!/usr/bin/env python3
"""Measures how large the page of a comparison is, and how long a browser takes to draw it.

  scripts/measure_page.py       10 rounds: some half a minute

Seven guards, 1000 requests, five trials, a snapshot every 100 ms. Drawn means: from the request for the page until two frames
after it has loaded, in headless Chromium, without the browser's own start.

Needs the release build (build/release) and Chromium. Writes results/measure_page.csv, one row per figure, and
results/measure_page.md, one row per comparison.
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
from measuring import Case, Figures, NotMeasured, Programs, alone, below

sys.path.insert(0, str(measuring.ROOT / "src/report"))
import html_page_test  # noqa: E402

COMPARISONS = ("size", "drawn")
GUARDS = "cas,coalesce,global,recursive,rwlock,single-flight,synchronized"
FLAGS = ("--requests=1000", "--payment=50ms", "--db=20ms", "--trials=5", "--snapshot-every=100ms", "--quiet")


def write_page(programs: Programs) -> Path:
    page = programs.scratch / "report.html"
    programs.trial("--guard=cas", *FLAGS[:3])  # Which tells compiler and version.
    programs.run([programs.ccbench, f"--guard={GUARDS}", *FLAGS, f"--html={page}"])
    return page


def drawn(page: Path, scheme: str) -> float:
    seen = html_page_test.look_at(page, scheme, 1200)
    if seen["complaints"]:
        raise NotMeasured(f"the browser complains: {seen['complaints'][0]}")
    return seen["drawn_after_s"]


def cases(page: Path, only: Sequence[str]) -> Iterator[Case]:
    if "size" in only:
        figures = Figures("size", "page", "bytes of the page", ("page",), "MB", "MB", below(2), alone)
        yield Case([figures], (lambda: page.stat().st_size / 1e6,))
    if "drawn" in only:
        for scheme in ("light", "dark"):
            figures = Figures("drawn", scheme, "from asking for the page to its second frame", (scheme,), "s", "s", below(2), alone)
            yield Case([figures], (lambda scheme=scheme: drawn(page, scheme),))


def text_of(results: Sequence[Figures], facts: Sequence[str]) -> list[str]:
    return ["# The page of a comparison", "", *facts, "",
            f"`ccbench --guard={GUARDS} {' '.join(FLAGS)} --html=report.html`", "",
            *measuring.table(("measured", "", ""), results)]


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures the page of a comparison.")
    measuring.add_arguments(parser, COMPARISONS, rounds=10)
    parser.add_argument("--ccbench", type=Path, default=measuring.ROOT / "build/release/ccbench")
    arguments = parser.parse_args()
    if not measuring.all_built(arguments.ccbench):
        return 7
    if html_page_test.CHROMIUM is None:
        print(f"{measuring.SCRIPT}: there is no Chromium", file=sys.stderr)
        return 7
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as scratch:
        programs = Programs(arguments.ccbench.resolve(), Path(scratch))
        page = write_page(programs)
        results = measuring.run_rounds(list(cases(page, arguments.only)), arguments.rounds, random.Random(arguments.seed))
    facts = list(measuring.machine_facts(programs, (before, os.getloadavg()[0]), arguments.rounds, arguments.seed))
    return measuring.finish(results, text_of(results, facts), arguments.csv, arguments.markdown)


if __name__ == "__main__":
    sys.exit(main())
