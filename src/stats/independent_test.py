#!/usr/bin/python3
"""Computes the figures of ccbench again, with numpy and scipy and from its files alone, and compares.

Usage: independent_test.py CCBENCH [unittest args]

What is compared must be equal to the last digit. Every comparison is also made with one value changed, and must find
that: one that could not fail would be worth nothing.
"""

from __future__ import annotations

import copy
import csv
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy
import scipy.stats

CCBENCH = ""

OUTCOMES = ["success", "shared", "refused", "turned_away", "cancelled", "timed_out", "error"]
TRIALS = 12
NEVER = numpy.iinfo(numpy.int64).max

# One thread for each request; a pool; and one whose requests do not all end.
RUNS = {
    "one-shot": ["--guard=none,synchronized,cas,global", "--requests=150", "--keys=3", "--payment=200us", "--db=100us"],
    "pool": ["--scenario=counter", "--guard=none,global,synchronized", "--requests=900", "--threads=6", "--keys=2",
             "--work=20us", "--reference=synchronized"],
    "hung": ["--guard=faulty-abandon,synchronized", "--requests=12", "--keys=2", "--payment=1ms", "--db=1ms",
             "--stall=100ms", "--control=never"],
}  # fmt: skip
EXIT_CODES = {"one-shot": 0, "pool": 0, "hung": 6}


class Files:
    """What a run left behind, read."""

    def __init__(self, folder: Path) -> None:
        def rows(name: str) -> list[dict[str, str]]:
            with (folder / name).open(newline="") as file:
                return list(csv.DictReader(file))

        self.trials = rows("trials.csv")
        self.report = json.loads((folder / "run.json").read_text())
        self.requests: dict[str, list[dict[str, str]]] = {}
        for row in rows("requests.csv"):
            self.requests.setdefault(row["trial"], []).append(row)


def run(folder: Path, *flags: str) -> int:
    command = [CCBENCH, *flags, "--seed=1", "--snapshot=never", f"--out={folder}", "--quiet"]
    return subprocess.run(command, capture_output=True, timeout=300).returncode


# One trial, from its rows in requests.csv


def times_of(requests: list[dict[str, str]], column: str) -> numpy.ma.MaskedArray:
    """Nanoseconds; what did not happen is masked."""
    texts = [request[f"{column}_ns"] for request in requests]
    return numpy.ma.masked_array([int(text or 0) for text in texts], [text == "" for text in texts], dtype=numpy.int64)


def percentile_texts(name: str, samples: numpy.ma.MaskedArray, columns: list[str]) -> dict[str, str]:
    values = samples.compressed()

    def at(fraction: float) -> str:
        return str(numpy.quantile(values, fraction, method="inverted_cdf"))

    texts = {
        "p50": at(0.5) if len(values) > 0 else "",
        "p99": at(0.99) if len(values) >= 100 else "",
        "max": str(values.max()) if len(values) > 0 else "",
    }
    return {f"{name}_{column}_ns": texts[column] for column in columns}


def waits(start, enter, end) -> numpy.ma.MaskedArray:
    """To the entry, or to the result of those who never enter."""
    until = numpy.ma.where(numpy.ma.getmaskarray(enter), end, enter)
    return until - start


def hand_overs(keys, start, enter, leave) -> numpy.ma.MaskedArray:
    """Every entry beside every other: the last to leave of those who entered before, if one waited for him."""
    gaps = []
    inside = ~numpy.ma.getmaskarray(enter)
    left = leave.filled(NEVER)
    for i in numpy.flatnonzero(inside):
        before = inside & (keys == keys[i]) & (enter.data < enter.data[i])
        if not before.any():
            continue
        last = left[before].max()
        if start[i] <= last <= enter[i]:
            gaps.append(int(enter[i]) - int(last))
    return numpy.ma.masked_array(gaps, dtype=numpy.int64)


def overtakes(keys, start, enter, end) -> str:
    """Who entered before one of the same key that had come before."""
    wanted = ~numpy.ma.getmaskarray(start) & ~(numpy.ma.getmaskarray(enter) & ~numpy.ma.getmaskarray(end))
    keys, start, enter = keys[wanted], start.data[wanted], enter.filled(NEVER)[wanted]
    if len(keys) == 0:
        return ""
    same = keys[:, None] == keys[None, :]
    overtaken = same & (start[None, :] < start[:, None]) & (enter[None, :] > enter[:, None])
    return str(int(overtaken.any(axis=1).sum()))


def in_flight_peak(start, end) -> str:
    begun = ~numpy.ma.getmaskarray(start)
    first, last = start.data[begun], end.filled(NEVER)[begun]
    beside = (first[None, :] <= first[:, None]) & (last[None, :] > first[:, None])
    numpy.fill_diagonal(beside, True)
    return str(int(beside.sum(axis=1).max()))


def jain(row: dict[str, str], threads, enter) -> str:
    if int(row["threads"]) == int(row["requests"]):
        return ""
    entered = threads[~numpy.ma.getmaskarray(enter)]
    sections = numpy.bincount(entered, minlength=int(row["threads"])).astype(float)
    return f"{sections.sum() ** 2 / (len(sections) * (sections**2).sum()):.4f}"


def start_spread(threads, start) -> str:
    firsts = [start[threads == thread].min() for thread in numpy.unique(threads[~numpy.ma.getmaskarray(start)])]
    return str(max(firsts) - min(firsts)) if len(firsts) > 1 else ""


def recomputed(row: dict[str, str], requests: list[dict[str, str]]) -> dict[str, str]:
    """Columns of trials.csv."""
    keys = numpy.array([int(request["key"]) for request in requests])
    threads = numpy.array([int(request["thread"] or -1) for request in requests])
    start, enter, leave, end = (times_of(requests, column) for column in ("start", "enter", "leave", "end"))
    outcomes = [request["outcome"] for request in requests]
    return {
        "requests": str(len(requests)),
        **{outcome: str(outcomes.count(outcome)) for outcome in OUTCOMES},
        "unfinished": str(outcomes.count("")),
        "wall_ns": str(end.max()) if outcomes.count("") == 0 else "",
        "start_spread_ns": start_spread(threads, start),
        "in_flight_peak": in_flight_peak(start, end),
        **percentile_texts("wait", waits(start, enter, end), ["p50", "p99", "max"]),
        **percentile_texts("hold", leave - enter, ["p50", "p99", "max"]),
        **percentile_texts("latency", end - start, ["p50", "p99", "max"]),
        **percentile_texts("hand_over", hand_overs(keys, start, enter, leave), ["p50", "p99", "max"]),
        "overtakes": overtakes(keys, start, enter, end),
        "fairness_jain": jain(row, threads, enter),
    }


def check_trial(row: dict[str, str], requests: list[dict[str, str]]) -> list[str]:
    """The columns that are wrong."""
    return [column for column, value in recomputed(row, requests).items() if row[column] != value]


# The guards of a run, from trials.csv


def median_of(samples: list[float]) -> float:
    return float(numpy.quantile(samples, 0.5, method="inverted_cdf"))


def interval_ranks(samples: int) -> tuple[int, int]:
    """Of the ends of the bootstrap interval in the limit of infinitely many resamples: see estimate.h."""
    half = math.ceil(samples / 2)
    at_or_below = [scipy.stats.binom.sf(half - 1, samples, rank / samples) for rank in range(1, samples + 1)]
    low = next(rank for rank, share in enumerate(at_or_below, start=1) if share >= 0.025)
    return low, samples + 1 - low


def estimate_of(samples: list[float]) -> dict | None:
    if not samples:
        return None
    result = {"median": median_of(samples), "low": None, "high": None, "samples": len(samples)}
    if len(samples) >= 6:
        low, high = interval_ranks(len(samples))
        ascending = sorted(samples)
        result.update(low=float(ascending[low - 1]), high=float(ascending[high - 1]))
    return result


def is_beside_bootstrap(samples: list[float], estimate: dict) -> bool:
    """Whether the ends are those that scipy draws, or a neighbour: it draws a finite number of resamples."""
    drawn = scipy.stats.bootstrap(
        (samples,),
        lambda data, axis: numpy.quantile(data, 0.5, method="inverted_cdf", axis=axis),
        method="percentile",
        n_resamples=4000,
        random_state=7,
    ).confidence_interval
    ascending = sorted(samples)

    def near(end: float, other: float) -> bool:
        place = ascending.index(end)
        return ascending[max(place - 1, 0)] <= other <= ascending[min(place + 1, len(samples) - 1)]

    return near(estimate["low"], drawn.low) and near(estimate["high"], drawn.high)


def trials_of(trials: list[dict[str, str]], guard: str) -> list[dict[str, str]]:
    """One in each round, so that its place is its round."""
    return [row for row in trials if row["guard"] == guard]


def walls_of(rows: list[dict[str, str]]) -> dict[int, float]:
    return {place: float(row["wall_ns"]) for place, row in enumerate(rows) if row["wall_ns"] != ""}


def ratios_of(own: dict[int, float], reference: dict[int, float]) -> list[float]:
    return [own[place] / reference[place] for place in sorted(own.keys() & reference.keys())]


def is_ok(row: dict) -> bool:
    return row["role"] == "guard" and row["verdict"] == "OK"


def reference_of(comparison: list[dict], config: dict[str, str]) -> str | None:
    names = [row["guard"] for row in comparison if is_ok(row)]
    if "reference" in config:
        return config["reference"] if config["reference"] in names else None
    return next((name for name in config["guard"].split(",") if name in names), None)


def compared_columns(row: dict) -> list[str]:
    return [name for name, value in row.items() if isinstance(value, dict) and "p50" in value]


def check_comparison(trials: list[dict[str, str]], report: dict) -> list[str]:
    """`guard: what` for each figure of the comparison that is wrong."""
    wrong = []
    comparison = report["comparison"]
    reference = reference_of(comparison, report["config"])
    medians = {row["guard"]: median_of(list(walls_of(trials_of(trials, row["guard"])).values())) for row in comparison
               if is_ok(row)}  # fmt: skip
    for row in comparison:
        rows = trials_of(trials, row["guard"])
        walls = walls_of(rows)

        def check(what: str, value: object, wanted: object) -> None:
            if value != wanted:
                wrong.append(f"{row['guard']}: {what}")

        for column in compared_columns(row):
            values = [int(trial[column]) for trial in rows if trial[column] != ""]
            check(column, row[column], {"min": min(values), "p50": median_of(values), "max": max(values)})
        beyond = [wall - float(rows[0]["section_ns"]) for wall in walls.values()]
        check("time_ns", row["time_ns"], estimate_of(list(walls.values())))
        check("beyond_section_ns", row["beyond_section_ns"], estimate_of(beyond))
        ratios = ratios_of(walls, walls_of(trials_of(trials, reference))) if reference and is_ok(row) else []
        check("ratio", row["ratio"], estimate_of(ratios))
        check("reference", row["reference"], row["guard"] == reference)
        ranked = sorted(medians, key=medians.__getitem__)
        check("rank", row["rank"], ranked.index(row["guard"]) + 1 if row["guard"] in ranked else None)
        check("trials", row["trials"], len(rows))
        check("verdict", row["verdict"], worst_verdict(rows))
        check("sentence", bound_in(row["sentence"]), bound_of(rows) if row["verdict"] == "OK" else None)
    return wrong


def worst_verdict(rows: list[dict[str, str]]) -> str:
    order = ["ERROR", "VIOLATION", "CRASHED", "HUNG", "INCONCLUSIVE", "OK"]
    return min((row["verdict"] for row in rows), key=order.index)


def bound_in(sentence: str) -> str | None:
    found = re.search(r"0 of \d+ trials broke: below (\S+) %", sentence)
    return found[1] if found else None


def bound_of(rows: list[dict[str, str]]) -> str:
    """The rate that so many trials without a failure exclude with a probability of 95 %."""
    high = scipy.stats.binomtest(0, len(rows), alternative="less").proportion_ci(0.95, "exact").high
    return f"{100 * high:.2g}"


# Power, from the trials in run.json


def check_power(rows: list[dict[str, str]], report: dict) -> list[str]:
    """`cell: column` for each that is wrong."""
    wrong = []
    for cell, row in enumerate(rows):
        window = "" if row["window_ns"] == "0" else f"window={int(row['window_ns']) // 1000000}ms"
        trials = [
            trial
            for trial in report["trials"]
            if str(trial["requests"]) == row["requests"]
            and [item for item in trial["params"].split(";") if item.startswith("window")] == [window][: len(window)]
        ]
        broken = sum(trial["effects"] > 1 for trial in trials)
        interval = scipy.stats.binomtest(broken, len(trials)).proportion_ci(0.95, "exact")
        ends = {"low": f"{interval.low:.4f}", "high": f"{interval.high:.4f}"}
        wanted = {"trials": str(len(trials)), "broken": str(broken), **ends}
        wrong += [f"{cell}: {column}" for column, value in wanted.items() if row[column] != value]
    return wrong


class Independent(unittest.TestCase):
    files: dict[str, Files] = {}
    power: list[dict[str, str]] = []
    power_report: dict = {}

    @classmethod
    def setUpClass(cls) -> None:
        folder = Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, folder)
        for name, flags in RUNS.items():
            code = run(folder / name, *flags, f"--trials={TRIALS if name != 'hung' else 2}")
            if code != EXIT_CODES[name]:
                raise AssertionError(f"{name}: exit code {code}")
            cls.files[name] = Files(folder / name)
        command = [CCBENCH, "power", f"--trials={TRIALS}", "--requests=2,8", "--window=0,1ms", "--start=aligned",
                   "--seed=1", f"--out={folder}/power", "--quiet"]  # fmt: skip
        subprocess.run(command, capture_output=True, check=True, timeout=300)
        with (folder / "power" / "power.csv").open(newline="") as file:
            cls.power = list(csv.DictReader(file))
        cls.power_report = json.loads((folder / "power" / "run.json").read_text())

    def test_every_trial_has_the_figures_of_its_requests(self) -> None:
        for name, files in self.files.items():
            for row in files.trials:
                with self.subTest(name, trial=row["trial"], guard=row["guard"]):
                    self.assertEqual(check_trial(row, files.requests[row["trial"]]), [])

    def test_the_runs_have_what_is_to_be_checked(self) -> None:
        """Or equal columns would prove nothing."""
        rows = [row for files in self.files.values() for row in files.trials]
        for column in recomputed(rows[0], self.files["one-shot"].requests["1"]):
            if column not in ("shared", "cancelled", "timed_out", "error"):
                with self.subTest(column):
                    self.assertTrue(any(row[column] not in ("", "0") for row in rows))
        self.assertTrue(any(row["fairness_jain"] not in ("", "1.0000") for row in rows))
        for guard in self.files["pool"].report["comparison"][1:] + self.files["one-shot"].report["comparison"][1:]:
            self.assertEqual(guard["ratio"]["samples"], TRIALS)

    def test_a_wrong_figure_of_a_trial_is_found(self) -> None:
        for name, files in self.files.items():
            row = files.trials[-1]
            requests = files.requests[row["trial"]]
            for column, value in recomputed(row, requests).items():
                planted = "0.1234" if column == "fairness_jain" else str(int(value or 0) + 1)
                with self.subTest(name, column=column):
                    self.assertIn(column, check_trial({**row, column: planted}, requests))

    def test_a_wrong_time_of_a_request_is_found(self) -> None:
        files = self.files["pool"]
        row = next(row for row in files.trials if row["guard"] == "synchronized")
        first = files.requests[row["trial"]][0]
        for column, planted, found in [
            ("end_ns", 10**12, {"wall_ns", "latency_max_ns", "in_flight_peak"}),
            ("enter_ns", 10**12, {"wait_max_ns", "overtakes"}),
            ("leave_ns", 10**12, {"hold_max_ns"}),
            ("start_ns", -(10**12), {"wait_max_ns", "latency_max_ns", "start_spread_ns"}),
        ]:
            with self.subTest(column):
                requests = [{**first, column: str(planted)}, *files.requests[row["trial"]][1:]]
                self.assertLessEqual(found, set(check_trial(row, requests)))
        others = files.requests[row["trial"]][1:]
        self.assertIn("success", check_trial(row, [{**first, "outcome": "refused"}, *others]))
        self.assertIn("requests", check_trial(row, others))
        to_one = [{**request, "thread": "0"} for request in files.requests[row["trial"]]]
        self.assertIn("fairness_jain", check_trial(row, to_one))

    def test_every_guard_has_the_figures_of_its_trials(self) -> None:
        for name, files in self.files.items():
            with self.subTest(name):
                self.assertEqual(check_comparison(files.trials, files.report), [])

    def test_a_wrong_figure_of_a_guard_is_found(self) -> None:
        files = self.files["pool"]
        guard = next(i for i, row in enumerate(files.report["comparison"]) if row["guard"] == "global")
        planted = []
        for what, value in files.report["comparison"][guard].items():
            if isinstance(value, dict):
                planted += [(what, member) for member in value]
        planted += [(what, None) for what in ("reference", "rank", "trials", "verdict", "sentence")]
        self.assertGreater(len(planted), 70)
        for what, member in planted:
            report = copy.deepcopy(files.report)
            row = report["comparison"][guard]
            if member is not None:
                row[what][member] += 1e-9 if what == "ratio" and member != "samples" else 1
            else:
                row[what] = "0 of 12 trials broke: below 23 %" if what == "sentence" else "something else"
            with self.subTest(what, member=member):
                self.assertIn(f"global: {what}", check_comparison(files.trials, report))

    def test_a_wrong_trial_of_a_guard_is_found(self) -> None:
        files = self.files["pool"]
        for column in ("wall_ns", "wait_max_ns", "hand_over_p50_ns"):
            trials = copy.deepcopy(files.trials)
            longest = max(trials_of(trials, "global"), key=lambda row: int(row[column]))
            longest[column] = str(int(longest[column]) + 1)
            with self.subTest(column):
                self.assertIn(f"global: {column}", check_comparison(trials, files.report))
        # Two rounds of one guard exchanged: its own figures stay, those of its pairs do not.
        trials = copy.deepcopy(files.trials)
        rows = trials_of(trials, "global")
        walls = [row["wall_ns"] for row in rows]
        for row, wall in zip(rows, walls[1:] + walls[:1]):
            row["wall_ns"] = wall
        self.assertEqual(check_comparison(trials, files.report), ["global: ratio"])

    def test_intervals_are_those_of_a_drawn_bootstrap(self) -> None:
        intervals = 0
        for name in ("one-shot", "pool"):
            files = self.files[name]
            reference = reference_of(files.report["comparison"], files.report["config"])
            for row in files.report["comparison"]:
                walls = walls_of(trials_of(files.trials, row["guard"]))
                cases = [(list(walls.values()), row["time_ns"])]
                if row["ratio"] and row["guard"] != reference:
                    cases.append((ratios_of(walls, walls_of(trials_of(files.trials, reference))), row["ratio"]))
                for samples, estimate in cases:
                    with self.subTest(name, guard=row["guard"]):
                        self.assertTrue(is_beside_bootstrap(samples, estimate))
                        ascending = sorted(samples)
                        # Two places further out or in is not beside it any more.
                        place = ascending.index(estimate["low"])
                        self.assertFalse(is_beside_bootstrap(samples, {**estimate, "low": ascending[place + 2]}))
                        place = ascending.index(estimate["high"])
                        self.assertFalse(is_beside_bootstrap(samples, {**estimate, "high": ascending[place + 2]}))
                        intervals += 1
        self.assertGreaterEqual(intervals, 10)

    def test_power_has_the_rates_of_its_trials(self) -> None:
        self.assertEqual(len(self.power), 4)
        self.assertEqual(check_power(self.power, self.power_report), [])
        for cell, row in enumerate(self.power):
            for column in ("trials", "broken", "low", "high"):
                planted = [dict(other) for other in self.power]
                planted[cell][column] = "0.4321" if column in ("low", "high") else str(int(row[column]) + 1)
                with self.subTest(cell=cell, column=column):
                    self.assertEqual(check_power(planted, self.power_report), [f"{cell}: {column}"])


if __name__ == "__main__":
    CCBENCH = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=1)
