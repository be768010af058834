#!/usr/bin/env python3
"""Measures how often ccbench catches each guard that is wrong on purpose.

  scripts/measure_faulty.py                 every guard of `ccbench list --faulty`
  scripts/measure_faulty.py faulty-barging  these alone: their rows are replaced, the others stay

Each guard runs for 20 trials under the command that `ccbench list --faulty` gives for it, and, if it holds its
window open itself, for 20 more with --fault-window=0: the fault as it would stand in real code, under plain
stress. A trial has caught it if its verdict is VIOLATION, HUNG or CRASHED. Where the command is
`ccbench explore`, because no machine need ever show the fault, trials are explorations with other seeds, and
plain stress is the command without `explore`. Takes some two minutes for all.
Needs the release build (build/release); writes src/guards/faulty/README.md, which
src/guards/faulty/faulty_test.py holds ccbench to.
Exit codes: 0 done, 2 usage, 7 something could not be measured.
"""

import argparse
import json
import re
import shlex
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "src/guards/faulty/README.md"
TRIALS = 20
AT_ONCE = 2
TIMEOUT_S = 300
CAUGHT = ("VIOLATION", "HUNG", "CRASHED")
EXPLORE = "ccbench explore "

HEAD = f"""# The guards that are wrong on purpose, and how ccbench catches them

Each breaks a promise that it makes; `ccbench list --faulty` names them with their commands, and the head comment of each
file says what is wrong. Written by scripts/measure_faulty.py: {TRIALS} trials of each command. Where luck would decide, the guard
holds its window open itself, for some milliseconds, so that it is caught every time. `plain stress` is the same command
with `--fault-window=0`, under which nobody holds anything open: the fault as it stands in real code. Guards that hold no
window have one figure for both. A command of `ccbench explore` runs with {TRIALS} seeds, and plain stress is the same one
without `explore`.

What the harness sees by itself, and no scenario has to know of:

| invariant | promise | proof |
| --- | --- | --- |
| at most 1 inside | exclusive, admits | by their own stamps two requests were inside one key |
| nobody turned away | waits | a request ended as `turned_away` or `timed_out` before it was inside |
| nobody enters after a success | once | by their stamps one entered when a success of its key had left |
| no section runs twice | does not retry | the guard called the section again |
| nobody waits for another key | per key | in a snapshot one sleeps on a lock whose holder sleeps inside another key |
| nobody overtaken | fifo | in a snapshot in which nobody ran one waits; another that came later enters first |

| guard | what is wrong | it promises | caught | plain stress | verdict | what shows it | command |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""
SURE = f"\nWith their windows all are caught in every one of {TRIALS} trials.\n"
LUCKY = "\nNot in every trial, and so left to controlled interleavings, which try every order: {}.\n"
MISSED = f"""
Plain stress catches these in none of {TRIALS} trials, and they are left to controlled interleavings: {{}}.
"""
SOMETIMES = "\nIt catches these by luck alone: {}.\n"


class Faulty(NamedTuple):
    name: str
    about: str
    promises: str
    command: str  # as a user would type it
    holds_window: bool = False


class Caught(NamedTuple):
    trials: int
    verdicts: Counter
    reasons: Counter  # broken invariants and kinds of hanging, by trials

    @property
    def times(self) -> int:
        return sum(self.verdicts[verdict] for verdict in CAUGHT)


class NotMeasured(Exception):
    """One sentence: why there is no figure."""


class Listed(NamedTuple):
    """What `ccbench list` says of one guard."""

    name: str
    about: str
    promises_text: str
    settings: frozenset[str]
    command: str  # empty, unless it is faulty

    @property
    def promises(self) -> set[str]:
        return set(self.promises_text.split(", "))


def listed_guards(ccbench: Path) -> list[Listed]:
    text = subprocess.run([ccbench, "list"], capture_output=True, text=True, check=True).stdout
    guards = text[:text.index("\nScenarios (--scenario)\n")].replace(" \\\n", " ")
    listed = []
    for entry in re.split(r"\n(?=  \S)", guards)[1:]:
        # What an entry says of one thing may take several lines, further in than the first.
        words = re.sub(r"\n {20,}(?! |promises:|memory:)", " ", entry.split("\n\n")[0])
        name, about = re.match(r"  (\S+) +(.*)", words).groups()
        promises = re.search(r"^ +promises: (.*)$", words, re.MULTILINE)[1]
        command = re.search(r"^ +(ccbench .*)$", words, re.MULTILINE)
        listed.append(Listed(name, about, promises,
                             frozenset(re.findall(r"^    --(\S+)", words, re.MULTILINE)),
                             " ".join(command[1].split()) if command else ""))
    return listed


def faulty_guards(ccbench: Path) -> list[Faulty]:
    return [Faulty(guard.name, guard.about.removeprefix("wrong: "), guard.promises_text, guard.command,
                   "fault-window" in guard.settings)
            for guard in listed_guards(ccbench) if guard.command]


def reasons_of(trial: dict) -> list[str]:
    broken = [invariant["name"] for invariant in trial["invariants"] if not invariant["holds"]]
    if trial["verdict"] == "VIOLATION":
        return broken
    return [trial["hang"]["kind"]] if trial["hang"] else []


def explored(ccbench: Path, faulty: Faulty, trials: int) -> Caught:
    """What only the explorer shows, by so many seeds."""
    verdicts, reasons = Counter(), Counter()
    for seed in range(1, trials + 1):
        result = subprocess.run([ccbench, *shlex.split(faulty.command)[1:], f"--seed={seed}", "--json=-"],
                                capture_output=True, text=True, timeout=TIMEOUT_S)
        try:
            (search,) = json.loads(result.stdout)["searches"]
        except json.JSONDecodeError:
            raise NotMeasured(f"{faulty.command} exited {result.returncode}: {result.stderr.strip()}") from None
        verdicts[search["verdict"]] += 1
        if search["found"]:
            reasons.update({reason.partition(": ")[0] for reason in search["found"]["sentence"].split("; ")})
    return Caught(trials, verdicts, reasons)


def measured(ccbench: Path, faulty: Faulty, trials: int = TRIALS) -> Caught:
    if is_explored(faulty):
        return explored(ccbench, faulty, trials)
    flags = [f"--trials={trials}", "--seed=1", "--control=never", "--snapshot=never", "--json=-"]
    result = subprocess.run([ccbench, *shlex.split(faulty.command)[1:], *flags],
                            capture_output=True, text=True, timeout=TIMEOUT_S)
    try:
        of_guard = [trial for trial in json.loads(result.stdout)["trials"] if trial["guard"] == faulty.name]
    except json.JSONDecodeError:
        raise NotMeasured(f"{faulty.command} exited {result.returncode}: {result.stderr.strip()}") from None
    reasons = Counter(reason for trial in of_guard for reason in dict.fromkeys(reasons_of(trial)))
    return Caught(len(of_guard), Counter(trial["verdict"] for trial in of_guard), reasons)


def measured_all(ccbench: Path, guards: list[Faulty]) -> list[Caught]:
    """In their order; several at a time, because most of what they do is sleep."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(lambda faulty: measured(ccbench, faulty), guards))


def is_explored(faulty: Faulty) -> bool:
    return faulty.command.startswith(EXPLORE)


def plain(faulty: Faulty) -> Faulty:
    if is_explored(faulty):
        return faulty._replace(command=faulty.command.replace(EXPLORE, "ccbench "))
    return faulty._replace(command=f"{faulty.command} --fault-window=0")


def plain_stress(ccbench: Path, guards: list[Faulty]) -> list[Caught]:
    """One after the other: where luck decides, nobody else shall have a hand in it."""
    return [measured(ccbench, plain(faulty)) for faulty in guards]


def row_of(faulty: Faulty, caught: Caught, stressed: Caught) -> str:
    verdicts = ", ".join(verdict for verdict, _ in caught.verdicts.most_common())
    always = [reason for reason, times in caught.reasons.most_common() if times == caught.times]
    reasons = ", ".join(always or [reason for reason, _ in caught.reasons.most_common(3)])
    cells = (faulty.name, faulty.about, faulty.promises, f"{caught.times} of {caught.trials}",
             f"{stressed.times} of {stressed.trials}", verdicts, reasons, f"`{faulty.command}`")
    return f"| {' | '.join(cells)} |"


def rows_of(table: str) -> dict[str, str]:
    lines = (line for line in table.splitlines() if line.startswith("| faulty-"))
    return {line.split("|")[1].strip(): line for line in lines}


def times_in(row: str, column: int) -> int:
    return int(row.split("|")[column].split()[0])


def expected_of(table: str) -> dict[str, int]:
    """By guard, in how many of the trials of the table it was caught."""
    return {name: times_in(row, 4) for name, row in rows_of(table).items()}


def plain_of(table: str) -> dict[str, int]:
    """And under plain stress."""
    return {name: times_in(row, 5) for name, row in rows_of(table).items()}


def text_of(rows: dict[str, str]) -> str:
    table = "\n".join(rows[name] for name in sorted(rows)) + "\n"
    lucky = [name for name, times in expected_of(table).items() if times < TRIALS]
    missed = [name for name, times in plain_of(table).items() if times == 0]
    sometimes = [f"{name} ({times})" for name, times in plain_of(table).items() if 0 < times < TRIALS]
    text = HEAD + table + (LUCKY.format(", ".join(lucky)) if lucky else SURE)
    if missed:
        text += MISSED.format(", ".join(missed))
    if sometimes:
        text += SOMETIMES.format(", ".join(sometimes))
    return text


def measured_rows(ccbench: Path, guards: list[Faulty]) -> dict[str, str]:
    caught = measured_all(ccbench, guards)
    holding = [faulty for faulty in guards if faulty.holds_window or is_explored(faulty)]
    stressed = dict(zip((faulty.name for faulty in holding), plain_stress(ccbench, holding)))
    return {faulty.name: row_of(faulty, times, stressed.get(faulty.name, times))
            for faulty, times in zip(guards, caught)}


def chosen(names: list[str], guards: list[Faulty]) -> list[Faulty]:
    unknown = sorted(set(names) - {faulty.name for faulty in guards})
    if unknown:
        raise NotMeasured(f"ccbench list --faulty has no {', '.join(unknown)}")
    return [faulty for faulty in guards if not names or faulty.name in names]


def main() -> int:
    parser = argparse.ArgumentParser(description="Measures how often ccbench catches each faulty guard.")
    parser.add_argument("guard", nargs="*", help="measure these alone and keep the other rows")
    parser.add_argument("--ccbench", type=Path, default=ROOT / "build/release/ccbench")
    arguments = parser.parse_args()
    try:
        guards = faulty_guards(arguments.ccbench)
        rows = measured_rows(arguments.ccbench, chosen(arguments.guard, guards))
        kept = rows_of(TABLE.read_text()) if arguments.guard else {}
        known = {faulty.name for faulty in guards}
        text = text_of({name: row for name, row in (kept | rows).items() if name in known})
    except (OSError, subprocess.SubprocessError, NotMeasured) as problem:
        print(f"measure_faulty.py: {problem}", file=sys.stderr)
        return 7
    TABLE.write_text(text)
    print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
