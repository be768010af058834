#!/usr/bin/python3
"""Tests of scripts/plot.py: what it computes, what it refuses, and that it draws.

Pictures are read back as SVG, whose texts are texts. Run with the interpreter that has matplotlib.
"""

from __future__ import annotations

import contextlib
import csv
import importlib.util
import io
import itertools
import math
import statistics
import subprocess
import sys
import tempfile
import unittest
import warnings
from fractions import Fraction
from pathlib import Path
from unittest import mock

PLOT = Path(__file__).resolve().with_name("plot.py")
specification = importlib.util.spec_from_file_location("plot", PLOT)
plot = importlib.util.module_from_spec(specification)
sys.modules["plot"] = plot  # Where dataclasses look their module up.
specification.loader.exec_module(plot)

MS = 1_000_000


def trial(number: int, guard: str, wall: int | None, **more: object) -> dict[str, object]:
    """A row of trials.csv."""
    row = {"schema": "ccbench.trials/1", "trial": number, "role": "guard", "guard": guard, "scenario": "lotto",
           "verdict": "OK", "requests": 4, "threads": 4, "keys": 1, "params": "", "section_ns": 10 * MS,
           "wall_ns": "" if wall is None else wall, "wait_p50_ns": 5, "wait_p99_ns": "", "wait_max_ns": 9,
           "success": 1, "shared": 0, "refused": 3, "turned_away": 0, "cancelled": 0, "timed_out": 0, "error": 0,
           "unfinished": 0, "cpus": 2, "latency_p50_ns": 7}
    return row | more


def request(number: int, of: int, start: int, enter: object = "", leave: object = "", end: object = "",
            outcome: str = "refused") -> dict[str, object]:
    """A row of requests.csv."""
    return {"schema": "ccbench.requests/1", "trial": of, "request": number, "outcome": outcome if end != "" else "",
            "start_ns": start, "enter_ns": enter, "leave_ns": leave, "end_ns": end}


def rung(requests: int, window: int, broken: int, **more: object) -> dict[str, object]:
    """A row of power.csv."""
    row = {"schema": "ccbench.power/1", "run_id": "r", "scenario": "lotto", "start": "aligned", "requests": requests,
           "threads": requests, "window_ns": window, "window_kind": "fixed", "trials": 20, "broken": broken,
           "low": 0, "high": 1}
    return row | more


class WithFolder(unittest.TestCase):
    def setUp(self) -> None:
        # matplotlib's doubts about a picture are a fault of it.
        doubts = warnings.catch_warnings()
        doubts.__enter__()
        self.addCleanup(doubts.__exit__, None, None, None)
        warnings.simplefilter("error", UserWarning)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, name: str, rows: list[dict[str, object]]) -> Path:
        path = self.folder / name
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        return path

    def run_plot(self, *arguments: object) -> subprocess.CompletedProcess:
        """As the command would answer, without the second that loading matplotlib takes."""
        words = ["plot.py", *map(str, arguments)]
        out, error = io.StringIO(), io.StringIO()
        with mock.patch("sys.argv", words), contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
            try:
                code = plot.main()
            except SystemExit as end:
                code = end.code
        return subprocess.CompletedProcess(words, code, out.getvalue(), error.getvalue())

    def drawn(self, picture: str, *arguments: object) -> str:
        """The picture as SVG."""
        path = self.folder / "picture.svg"
        result = self.run_plot(picture, self.folder, *arguments, "-o", path)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return path.read_text(encoding="utf-8")

    def refused(self, picture: str, *arguments: object) -> str:
        result = self.run_plot(picture, *arguments, "-o", self.folder / "picture.svg")
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        self.assertTrue(result.stderr.startswith("plot.py: "), result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        return result.stderr.removeprefix("plot.py: ").rstrip("\n")

    def assert_in_order(self, picture: str, *texts: str) -> None:
        places = [picture.find(f">{text}<") for text in texts]
        self.assertNotIn(-1, places, texts)
        self.assertEqual(places, sorted(places), texts)


class Interval(unittest.TestCase):
    def test_is_that_of_all_resamples_there_are(self) -> None:
        for n in (6, 7):
            medians = sorted(sorted(drawn)[(n + 1) // 2 - 1] for drawn in itertools.product(range(n), repeat=n))
            # The first value that the median of a resample does not exceed in 2.5 % of the cases or more.
            low = next(k for k in range(n) if sum(median <= k for median in medians) >= 0.025 * len(medians))
            self.assertEqual(plot.interval_of(list(range(n))), (low, n - 1 - low), n)

    def test_is_exact_where_there_are_too_many_resamples_to_list(self) -> None:
        for n in (8, 12, 30, 61, 100):
            def resamples(k: int) -> Fraction:
                """The share of those in which at least half of the draws fall among the first k of n."""
                hits = range((n + 1) // 2, n + 1)
                return Fraction(sum(math.comb(n, hit) * k**hit * (n - k) ** (n - hit) for hit in hits), n**n)

            low = next(k for k in range(1, n + 1) if resamples(k) >= Fraction(25, 1000))
            self.assertEqual(plot.interval_of(list(range(1, n + 1))), (low, n + 1 - low), n)

    def test_is_not_there_below_six_trials(self) -> None:
        self.assertIsNone(plot.interval_of([1, 2, 3, 4, 5]))
        self.assertIsNotNone(plot.interval_of([1, 2, 3, 4, 5, 6]))

    def test_does_not_depend_on_the_order(self) -> None:
        values = [5.0, 1.0, 9.0, 3.0, 7.0, 2.0, 8.0, 4.0, 6.0]
        self.assertEqual(plot.interval_of(values), plot.interval_of(sorted(values)))

    def test_is_mirrored_with_its_values(self) -> None:
        for n in (6, 7, 8, 12, 30, 101):
            low, high = plot.interval_of([float(value) for value in range(n)])
            self.assertEqual(low + high, n - 1)
            self.assertLess(low, statistics.median(range(n)))

    def test_narrows_as_the_root_of_the_trials(self) -> None:
        widths = {n: (lambda ends: (ends[1] - ends[0]) / n)(plot.interval_of(list(range(n)))) for n in (100, 10_000)}
        self.assertAlmostEqual(widths[100] / widths[10_000], 10, delta=0.7)  # Whole numbers are not exact.

    def test_the_median_is_one_of_the_trials(self) -> None:
        self.assertEqual(plot.median_of([4.0, 1.0, 3.0, 2.0]), 2.0)
        self.assertEqual(plot.median_of([3.0, 1.0, 2.0]), 2.0)
        cell = plot.Cell("cas", "guard", 4, "", [{"wall_ns": f"{i}000000000"} for i in (1, 2, 3, 4)])
        self.assertEqual(cell.span("wall_ns"), plot.Span(1.0, 2.0, 4.0))


class ByGuard(WithFolder):
    def compare(self) -> None:
        self.write("trials.csv", [
            *(trial(i + 1, "slow", (20 + i) * MS) for i in range(6)),
            *(trial(i + 7, "quick", 11 * MS + i) for i in range(6)),
            trial(13, "wrong", 10 * MS + 1, verdict="VIOLATION", success=4, refused=0),
            trial(14, "none", 10 * MS + 2, role="control", verdict="VIOLATION", success=4, refused=0),
            trial(15, "hung", None, verdict="HUNG", success=0, refused=0, unfinished=4),
        ])

    def test_never_ranks_a_wrong_guard_above_a_right_one(self) -> None:
        self.compare()
        for picture in ("outcomes", "cost"):
            with self.subTest(picture):
                drawn = self.drawn(picture)
                self.assert_in_order(drawn, "quick", "slow", "hung", "wrong")
                self.assertEqual(drawn.count(">VIOLATION<"), 2)
                self.assertEqual(drawn.count(">HUNG<"), 1)
        # Also where the wrong guard came first and was quicker.
        rows = [trial(1, "wrong", 9 * MS, verdict="VIOLATION")]
        rows += [trial(n, "right", 11 * MS, requests=n, threads=n) for n in (8, 20)]
        self.write("trials.csv", rows)
        self.assert_in_order(self.drawn("trials"), "right", "wrong: VIOLATION")
        self.assertIn(">not measured<", self.drawn("trials"))
        self.compare()
        self.assert_in_order(self.drawn("order"), "quick", "slow", "hung: HUNG", "wrong: VIOLATION")

    def test_wrong_guards_stand_apart(self) -> None:
        self.compare()
        cells = plot.ranked(plot.read_cells(self.folder / "trials.csv"))
        self.assertEqual(plot.places(cells)[:2], [0, 1])
        self.assertGreater(plot.places(cells)[2], 2)
        self.assertEqual(plot.places(cells[2:])[0], 0)

    def test_outcomes_are_shares_with_numbers(self) -> None:
        self.compare()
        drawn = self.drawn("outcomes")
        for text in ("success", "refused", "unfinished"):
            self.assertIn(f">{text}<", drawn)
        self.assertNotIn(">shared<", drawn)
        self.assertEqual(drawn.count(">3<"), 2)
        self.assertEqual(drawn.count(">4<"), 3)

    def test_cost_is_the_wall_time_beyond_one_section(self) -> None:
        self.compare()
        rows = plot.read_cells(self.folder / "trials.csv", ["section_ns"])[0].rows
        self.assertAlmostEqual(plot.beyond_section(rows[0]), 0.010)
        self.assertIn("its 95 % interval", self.drawn("cost"))
        self.assertIn(">no trial ended<", self.drawn("cost"))
        self.write("trials.csv", [trial(i, "cas", 11 * MS + i) for i in range(1, 6)])
        self.assertNotIn("interval", self.drawn("cost"))

    def test_guards_are_compared_only_where_all_else_is_equal(self) -> None:
        self.write("trials.csv", [
            trial(1, "slow", 20 * MS, requests=2, threads=2), trial(2, "quick", 12 * MS, requests=2, threads=2),
            trial(3, "slow", 15 * MS, requests=9, threads=9), trial(4, "quick", 11 * MS, requests=9, threads=9),
        ])
        cells = plot.ranked(plot.told_apart(plot.read_cells(self.folder / "trials.csv")))
        self.assertEqual([cell.name for cell in cells],
                         ["quick\n2 requests", "slow\n2 requests", "quick\n9 requests", "slow\n9 requests"])


class Titles(WithFolder):
    def title(self, **more: object) -> list[str]:
        cells = plot.read_cells(self.write("trials.csv", [trial(1, "cas", 11 * MS, **more)]))
        return plot.title_of(cells, "What").split("\n")

    def test_tell_the_settings_that_matter(self) -> None:
        self.assertEqual(self.title(params="db=20ms;snapshot=30ms;snapshot-every=10ms;window=1us"),
                         ["What", "lotto, 4 requests, 1 key, db=20ms, window=1us"])
        self.assertEqual(self.title(threads=2, keys=3), ["What", "lotto, 4 requests, 3 keys, 2 threads"])

    def test_names_tell_only_what_differs(self) -> None:
        rows = [trial(i, "cas", 11 * MS, params=params, keys=keys) for i, (params, keys) in enumerate(
            (("db=20ms;pay=1ms", 1), ("db=20ms;pay=1ms;window=1us", 1), ("db=20ms;pay=1ms", 2)))]
        cells = plot.read_cells(self.write("trials.csv", rows))
        self.assertEqual([cell.setting for cell in cells],
                         ["1 key, window=0", "1 key, window=1us", "2 keys, window=0"])
        self.assertEqual(plot.title_of(cells, "What"), "What\nlotto, 4 requests, db=20ms, pay=1ms")

    def test_are_wrapped_where_they_would_be_cut(self) -> None:
        params = ";".join(f"setting-{i}={i}ms" for i in range(20))
        lines = self.title(params=params)
        self.assertGreater(len(lines), 3)
        self.assertLessEqual(max(map(len, lines)), plot.TITLE_WIDTH)
        self.assertEqual(" ".join(lines).count("setting-"), 20)


class ForADuration(WithFolder):
    """No two trials have as many requests then."""

    def compare(self, **more: object) -> list[plot.Cell]:
        """The quick guard ends most requests, and has the longest latency."""
        params = {"params": "duration=100ms", "duration_ns": 100 * MS, "rate": "", "threads": 2} | more
        self.write("trials.csv", [
            trial(3 * i + n, guard, 100 * MS + i, requests=count + i, success=count + i - 1, refused=1, verdict=verdict,
                  latency_p50_ns=latency, **params)
            for i in range(6) for n, (guard, count, latency, verdict) in enumerate(
                (("slow", 100, 5, "OK"), ("wrong", 9000, 1, "VIOLATION"), ("quick", 400, 8, "OK")))])
        return plot.read_cells(self.folder / "trials.csv")

    def test_a_guard_has_one_cell(self) -> None:
        cells = self.compare()
        self.assertEqual([(cell.name, len(cell.rows)) for cell in plot.told_apart(cells)],
                         [("slow", 6), ("wrong", 6), ("quick", 6)])
        self.assertAlmostEqual(plot.per_request(cells[0].rows[0]), 0.001)
        for picture in ("trials", "cost", "order"):
            with self.subTest(picture):
                drawn = self.drawn(picture)
                verdict = "wrong: VIOLATION" if picture == "order" else "VIOLATION"
                self.assert_in_order(drawn, "quick", "slow", verdict)
                self.assertIn(">Time per request ", drawn)
                self.assertNotIn("Wall time", drawn)
                self.assertNotIn(" 400 requests", drawn)
        self.assertIn(">9001.5<", self.drawn("outcomes"))

    def test_guards_with_a_rate_are_ranked_by_their_latency(self) -> None:
        self.compare(rate="200.000", params="duration=100ms;rate=200")
        for picture in ("trials", "cost", "order"):
            with self.subTest(picture):
                drawn = self.drawn(picture)
                self.assert_in_order(drawn, "slow", "quick")
                self.assertIn(">Median latency ", drawn)
        self.assertIn(">waiting, arrival to section or answer<", self.drawn("trials"))

    def test_rates_can_be_swept(self) -> None:
        cells = self.compare(rate="200.000", params="duration=100ms;rate=200")
        more = [row | {"rate": "300.000", "params": "duration=100ms;rate=300"} for cell in cells for row in cell.rows]
        path = self.write("trials.csv", [row for cell in cells for row in cell.rows] + more)
        setting, _, series = plot.read_series(path, None)
        self.assertEqual((setting, [point.x for point in series[0].points]), ("rate", [200.0, 300.0]))
        self.assertIn(">median latency, arrival to end<", self.drawn("sweep"))

    def test_is_not_compared_with_a_batch(self) -> None:
        cells = self.compare()
        rows = [row for cell in cells for row in cell.rows]
        path = self.write("trials.csv", [rows[0], rows[6] | {"duration_ns": 0}])
        self.assertEqual(self.refused("cost", path), "the trials are measured by time per request and wall time, which "
                         "are not to be compared with each other")


class Sweep(WithFolder):
    def sweep(self, **more: object) -> list[dict[str, object]]:
        return [trial(0, guard, wall * MS + i, verdict=verdict, params=params, **more)
                for guard, wall, verdict in (("cas", 11, "OK"), ("faulty", 30, "VIOLATION"), ("lock", 15, "OK"))
                for params in ("", "window=1us", "window=1ms") for i in range(6)]

    def test_finds_what_was_swept(self) -> None:
        self.write("trials.csv", self.sweep())
        drawn = self.drawn("sweep")
        for text in ("window", "0", "1 µs", "1 ms"):
            self.assertIn(f">{text}<", drawn)
        self.assert_in_order(drawn, "lock", "cas", "faulty: VIOLATION")
        self.assertIn("95 % intervals", drawn)

    def test_shows_what_the_guard_may_be_blamed_for(self) -> None:
        path = self.write("trials.csv", self.sweep())
        _, _, series = plot.read_series(path, None)
        self.assertAlmostEqual(plot.median_of(series[0].points[0].values), 0.001)
        drawn = self.drawn("sweep")
        self.assertIn(">wall time beyond one section<", drawn)
        self.assertNotIn(">wall time<", drawn)

    def test_a_guard_has_one_colour_and_a_setting_one_kind_of_line(self) -> None:
        path = self.write("trials.csv", [*self.sweep(), *self.sweep(requests=9, threads=9)])
        _, _, series = plot.read_series(path, "requests")
        styles = {(one.guard, one.rest): plot.style_of(one, ["lock", "cas", "faulty"],
                                                       ["window=0", "window=1us", "window=1ms"]) for one in series}
        self.assertEqual(len(styles), 9)
        for what, index, among in (("color", 0, 3), ("marker", 0, 3), ("linestyle", 1, 3)):
            pairs = {(key[index], style[what]) for key, style in styles.items()}
            self.assertEqual((len(pairs), len({value for _, value in pairs})), (among, among), what)
        self.assertEqual(styles["faulty", "window=0"]["color"], plot.GREY)

    def test_asks_for_the_axis_where_several_settings_were_swept(self) -> None:
        path = self.write("trials.csv", [*self.sweep(), *self.sweep(requests=9, threads=9)])
        self.assertEqual(self.refused("sweep", path), f"{path} sweeps requests and window: --by says which is the axis")
        drawn = self.drawn("sweep", "--by=requests")
        self.assertIn(">requests released together<", drawn)
        self.assert_in_order(drawn, "lock, window=0", "lock, window=1us", "cas, window=0",
                             "faulty, window=1ms: VIOLATION")
        self.assertEqual(self.refused("sweep", path, "--by=payment"),
                         f"{path} has no setting payment, only keys, requests, window")

    def test_threads_are_swept_only_where_they_do_not_follow_the_requests(self) -> None:
        path = self.write("trials.csv", [trial(n, "cas", 11 * MS, requests=n, threads=n) for n in (2, 20)])
        self.assertEqual(plot.read_series(path, None)[0], "requests")
        path = self.write("trials.csv", [trial(n, "cas", 11 * MS, requests=20, threads=n) for n in (2, 20)])
        setting, _, series = plot.read_series(path, None)
        self.assertEqual((setting, [point.x for point in series[0].points]), ("threads", [2.0, 20.0]))
        path = self.write("trials.csv", [trial(n, "cas", 11 * MS, requests=n, threads=2) for n in (2, 20)])
        self.assertEqual(plot.read_series(path, None)[0], "requests")

    def test_knows_the_defaults_of_the_flags(self) -> None:
        flags = (PLOT.parents[1] / "src" / "cli" / "flags.h").read_text()
        for name, value in plot.DEFAULTS.items():
            self.assertRegex(flags, rf'{{"{name}", "[^"]*", "{value}",')

    def test_needs_one_and_values_that_are_numbers(self) -> None:
        path = self.write("trials.csv", [trial(1, "cas", 11 * MS)])
        self.assertEqual(self.refused("sweep", path), f"{path} holds no sweep")
        path = self.write("trials.csv", [trial(n, "cas", 11 * MS, params=f"start={n}") for n in ("latch", "aligned")])
        self.assertIn("the value 'latch', which is no number", self.refused("sweep", path))
        path = self.write("trials.csv", [trial(n, "cas", 11 * MS, params=p) for n, p in enumerate(("", "payment=1ms"))])
        self.assertIn("at the default of payment, which the file does not tell", self.refused("sweep", path))


class OfRequests(WithFolder):
    def queue(self) -> None:
        """Two guards; under one a request never gets in."""
        self.write("requests.csv", [
            request(0, 1, 0, 10, 100, 110, "success"), request(1, 1, 0, 110, 120, 130), request(2, 1, 5, "", "", 50),
            request(0, 2, 0, 10, 90, 95, "success"), request(1, 2, 1), request(2, 2, ""),
        ])
        self.write("trials.csv", [trial(1, "lock", 130), trial(2, "abandon", None, verdict="HUNG", unfinished=2)])

    def test_counts_who_waits_and_who_is_inside(self) -> None:
        self.queue()
        found, scenario = plot.read_requests(self.folder / "requests.csv", only_last=True, wanted=None)
        self.assertEqual((scenario, [waits.name for waits in found]), ("lotto", ["lock", "abandon: HUNG"]))
        moments, counts = plot.counts_over_time(map(plot.waiting_of, found[0].lines))
        self.assertEqual(list(zip([round(moment * 1e9) for moment in moments], counts)),
                         [(0, 2), (5, 3), (10, 2), (50, 1), (110, 0)])
        inside = [plot.inside_of(line) for line in found[0].lines if line.enter is not None]
        self.assertEqual(plot.counts_over_time(inside)[1], [1, 0, 1, 0])
        started = [line for line in found[1].lines if line.start is not None]
        self.assertEqual(plot.counts_over_time(map(plot.waiting_of, started))[1], [1, 2, 1])

    def test_blocked_shows_snapshots_as_dots(self) -> None:
        self.queue()
        self.assertNotIn("by snapshot", self.drawn("blocked"))
        self.write("snapshots.csv", [{"schema": "ccbench.snapshots/1", "trial": 1, "t_ns": 50, "thread": thread,
                                      "state": "BLOCKED", "phase": phase}
                                     for thread, phase in enumerate(("guard", "step:pay"))])
        drawn = self.drawn("blocked")
        self.assert_in_order(drawn, "waiting", "inside", "in the guard,", "by snapshot", "in the section,")
        self.assert_in_order(drawn, "lock", "abandon: HUNG")
        self.assertIn(">snapshot<", self.drawn("timeline", "--trial=1"))
        self.assertNotIn(">snapshot<", self.drawn("timeline", "--trial=2"))

    def test_the_distribution_does_not_end_before_those_who_still_wait(self) -> None:
        self.queue()
        drawn = self.drawn("ecdf")
        self.assert_in_order(drawn, "lock", "abandon: HUNG", "(1 never got further)")
        found, _ = plot.read_requests(self.folder / "requests.csv", only_last=False, wanted=None)
        self.assertEqual([plot.curve_of(waits)[1] for waits in found], [[1 / 3, 2 / 3, 1.0], [0.5]])
        self.assertEqual(plot.distribution([3.0, 1.0, 2.0], 4), ([1.0, 2.0, 3.0], [0.25, 0.5, 0.75]))
        xs, ys = plot.distribution([float(i) for i in range(100_000)], 100_000)
        self.assertEqual((len(xs), xs[0], xs[-1], ys[-1]), (plot.MOST_STEPS, 0.0, 99_999.0, 1.0))
        self.assertTrue(all(abs(y - (x + 1) / 100_000) < 1e-12 for x, y in zip(xs, ys)))

    def test_the_timeline_shows_steps_where_there_are_any(self) -> None:
        line = plot.Line("success", 0.0, 1.0, 9.0, 10.0, (("pay", 2.0), ("send", 5.0)))
        self.assertEqual(list(plot.stretches(line, 10.0)),
                         [("waiting", 0.0, 1.0), ("in the section", 1.0, 2.0), ("step pay", 2.0, 5.0),
                          ("step send", 5.0, 9.0), ("after it", 9.0, 10.0)])
        self.write("requests.csv", [request(0, 1, 0, 10, 90, 100, "success") | {"steps": "pay@20;send@50"},
                                    request(1, 1, 0, "", "", 40) | {"steps": ""}])
        drawn = self.drawn("timeline")
        self.assert_in_order(drawn, "waiting", "in the section", "step pay", "step send")
        path = self.write("requests.csv", [request(0, 1, 0, 10, 90, 100) | {"steps": "pay@soon"}])
        self.assertEqual(self.refused("timeline", path), "'soon' in column steps is not a whole number")

    def test_the_timeline_of_a_hung_trial_ends_after_its_last_snapshot(self) -> None:
        story = plot.Story(1, "", "", "HUNG", {}, {0.03: {"guard": 2}, 2.0: {"guard": 2}})
        self.assertAlmostEqual(plot.last_moment([0.0, 0.00001], story, unfinished=True), 2.1)
        self.assertEqual(plot.last_moment([0.0, 3.0], story, unfinished=False), 3.0)
        self.assertEqual(plot.last_moment([], None, unfinished=False), 1.0)

    def test_an_open_loop_counts_from_the_arrival(self) -> None:
        self.write("requests.csv", [
            request(0, 1, 0, 10, 100, 110, "success") | {"arrival_ns": 0},
            request(1, 1, 120, 121, 220, 230) | {"arrival_ns": 20},
            request(2, 1, "") | {"arrival_ns": 40}, request(3, 1, "") | {"arrival_ns": ""},
        ])
        self.write("trials.csv", [trial(1, "lock", 230)])
        (waits,), _ = plot.read_requests(self.folder / "requests.csv", only_last=False, wanted=None)
        times, still = plot.known_waits(waits)
        self.assertEqual(([round(time * 1e9) for time in times], still), ([10, 101], 1))
        found = [list(plot.stretches(line, 300e-9)) for line in waits.lines]
        self.assertEqual(found[1][:2], [("queued, no worker free", 20e-9, 120e-9), ("waiting", 120e-9, 121e-9)])
        self.assertEqual(found[2:], [[("queued, no worker free", 40e-9, 300e-9)], []])
        self.assertIn(">waiting, arrival to section or answer<", self.drawn("ecdf"))
        self.assertIn(">the arrival on<", self.drawn("blocked"))
        drawn = self.drawn("timeline")
        self.assert_in_order(drawn, "4 requests, in order of their arrivals", "queued, no worker free", "waiting")
        self.queue()
        self.assertNotIn("arrival", self.drawn("ecdf") + self.drawn("blocked") + self.drawn("timeline"))

    def test_need_no_other_file(self) -> None:
        self.queue()
        (self.folder / "trials.csv").unlink()
        for picture in ("ecdf", "blocked", "timeline", "requests"):
            with self.subTest(picture):
                self.assertIn("trial 2", self.drawn(picture))

    def test_blocked_is_of_the_last_trial_and_the_distribution_of_all(self) -> None:
        path = self.write("requests.csv", [request(0, 1, 0, 10, 20, 30), request(0, 2, 0, 5, 20, 30)])
        self.write("trials.csv", [trial(1, "lock", 30), trial(2, "lock", 30)])
        for only_last, number, count in ((True, 2, 1), (False, 1, 2)):
            (waits,), _ = plot.read_requests(path, only_last, None)
            self.assertEqual((waits.trial, len(waits.lines)), (number, count))

    def test_names_are_sorted_as_people_do(self) -> None:
        names = ["cas, 20 requests", "cas", "cas, 8 requests"]
        self.assertEqual(sorted(names, key=plot.naturally), ["cas", "cas, 8 requests", "cas, 20 requests"])

    def test_a_trial_can_be_chosen(self) -> None:
        self.queue()
        path = self.folder / "requests.csv"
        for picture in ("ecdf", "blocked", "timeline"):
            with self.subTest(picture):
                self.assertNotIn("abandon", self.drawn(picture, "--trial=1"))
                self.assertEqual(self.refused(picture, path, "--trial=9"), f"{path} holds no trial 9, only 1, 2")


class Snapshots(WithFolder):
    def test_panels_tell_the_verdict_of_the_guard_also_of_a_control(self) -> None:
        self.write("trials.csv", [trial(1, "none", 9, role="control", verdict="VIOLATION"), trial(2, "cas", 9),
                                  trial(3, "wrong", 9, verdict="VIOLATION"), trial(4, "wrong", 9)])
        self.write("snapshots.csv", [{"schema": "ccbench.snapshots/1", "trial": n, "t_ns": 5, "state": state,
                                      "phase": "guard"} for n in (1, 2, 3, 4) for state in ("BLOCKED", "RUNNABLE")])
        drawn = self.drawn("snapshots")
        self.assert_in_order(drawn, "none (control): VIOLATION", "cas", "wrong: VIOLATION")
        stories = plot.read_stories(self.folder / "snapshots.csv", None)
        self.assertEqual([story.trial for story in stories], [1, 2, 4])  # Also where the last trial was lucky.

    def test_are_told_apart_in_grey(self) -> None:
        def shade(colour: str) -> float:
            return sum(weight * int(colour[i:i + 2], 16) for weight, i in ((0.299, 1), (0.587, 3), (0.114, 5)))

        for kinds in (plot.STATES, plot.PLACES):
            for (one, first, hatch), (other, second, another) in itertools.combinations(kinds.values(), 2):
                self.assertTrue(hatch != another or abs(shade(first) - shade(second)) > 30, f"{one} like {other}")


class Power(WithFolder):
    def test_labels_every_rung(self) -> None:
        self.write("power.csv", [rung(2, 0, 0), rung(2, 1000, 7), rung(20, 1000, 20),
                                 rung(20, 1000, 3, start="latch", threads=4)])
        drawn = self.drawn("power")
        for text in ("0/20", "7/20", "20/20", "3/20", "none", "1 µs", "start aligned", "start latch, 4 threads"):
            self.assertIn(f">{text}<", drawn)

    def test_refuses_nonsense(self) -> None:
        path = self.write("power.csv", [rung(2, 0, 21)])
        self.assertEqual(self.refused("power", path), f"{path} says that 21 of 20 trials broke")
        path = self.write("power.csv", [rung(2, 0, 1), rung(2, 0, 1, scenario="counter")])
        self.assertIn("several scenarios", self.refused("power", path))


class BadInput(WithFolder):
    FILES = {"trials": "trials", "outcomes": "trials", "cost": "trials", "sweep": "trials", "order": "trials",
             "ecdf": "requests", "blocked": "requests", "timeline": "requests", "snapshots": "snapshots",
             "power": "power"}

    def rows_for(self, file: str) -> list[dict[str, object]]:
        return {"trials": [trial(1, "cas", 11 * MS), trial(2, "cas", 11 * MS, keys=2)],
                "requests": [request(0, 1, 0, 1, 2, 3)], "power": [rung(2, 0, 1)],
                "snapshots": [{"schema": "ccbench.snapshots/1", "trial": 1, "t_ns": 5, "state": "",
                               "phase": "guard"}]}[file]

    def test_is_answered_by_one_sentence(self) -> None:
        for picture, file in self.FILES.items():
            with self.subTest(picture):
                rows = self.rows_for(file)
                path = self.write(f"{file}.csv", rows)
                self.drawn(picture)  # So that it is what follows that is refused.
                lines = path.read_text().splitlines()
                used = {"trials": "wait_p50_ns", "requests": "enter_ns", "snapshots": "phase", "power": "broken"}[file]
                self.write(f"{file}.csv", [{name: row[name] for name in row if name != used} for row in rows])
                self.assertEqual(self.refused(picture, path), f"{path} has no column {used}")
                self.write(f"{file}.csv", [row | {"schema": "ccbench.other/7"} for row in rows])
                self.assertIn("holds rows of schema ccbench.other/7", self.refused(picture, path))
                path.write_text("\n".join([*lines[:-1], lines[-1].rsplit(",", 1)[0]]))
                self.assertIn("has not as many fields as its header", self.refused(picture, path))
                path.write_text(lines[0] + "\n")
                self.assertRegex(self.refused(picture, path), f"^{path} holds no ")
                path.write_text("")
                self.assertIn("has no column schema", self.refused(picture, path))
                path.write_bytes(b"\xff\xfe\x00")
                self.assertIn("cannot be read", self.refused(picture, path))
                path.unlink()
                self.assertEqual(self.refused(picture, path), f"{path} is not there")

    def test_numbers_that_are_none_are_named(self) -> None:
        for picture, rows, column in (("cost", [trial(1, "cas", 1, section_ns="soon")], "section_ns"),
                                      ("ecdf", [request(0, 1, 0, "soon")], "enter_ns"),
                                      ("power", [rung(2, 0, 1, trials="soon")], "trials")):
            with self.subTest(picture):
                path = self.write("input.csv", rows)
                self.assertEqual(self.refused(picture, path), f"'soon' in column {column} is not a whole number")

    def test_a_rate_that_is_none_is_named(self) -> None:
        path = self.write("trials.csv", [trial(1, "cas", 1, rate="soon")])
        self.assertEqual(self.refused("cost", path), "'soon' in column rate is no number")

    def test_a_picture_of_another_kind_is_refused(self) -> None:
        path = self.write("trials.csv", [trial(1, "cas", 11 * MS)])
        result = self.run_plot("cost", path, "-o", self.folder / "picture.gif")
        self.assertEqual(result.returncode, 2)
        self.assertIn("must end in .svg, .pdf or .png", result.stderr)


class Pictures(WithFolder):
    def test_are_the_same_for_the_same_input_and_keep_their_texts(self) -> None:
        path = self.write("trials.csv", [trial(1, "cas", 11 * MS), trial(2, "lock", 12 * MS)])
        for suffix in ("svg", "pdf", "png"):
            with self.subTest(suffix):
                pictures = [self.folder / f"{name}.{suffix}" for name in "ab"]
                self.assertEqual(self.run_plot("cost", path, "-o", pictures[0]).returncode, 0)
                subprocess.run([PLOT, "cost", path, "-o", pictures[1]], check=True, timeout=120)
                first, second = (picture.read_bytes() for picture in pictures)
                self.assertEqual(first, second)
        self.assertIn(b"/FontFile2", (self.folder / "a.pdf").read_bytes())  # The font itself, not outlines of letters.
        self.assertIn(">lock<", (self.folder / "a.svg").read_text())


if __name__ == "__main__":
    unittest.main()
