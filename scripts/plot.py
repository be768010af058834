#!/usr/bin/python3
"""Draws what ccbench measured, from the files it wrote.

  scripts/plot.py trials results/run -o wall.svg       wall time and waiting, by guard and requests
  scripts/plot.py outcomes results/run -o got.pdf      what the requests got, by guard
  scripts/plot.py cost results/run -o cost.pdf         time beyond the section, by guard
  scripts/plot.py sweep results/run -o sweep.pdf       time over the setting that was swept
  scripts/plot.py order results/run -o order.svg       time in order of execution: does it drift?
  scripts/plot.py ecdf results/run -o waits.pdf        how long requests waited, by guard
  scripts/plot.py timeline results/run -o lines.png    one trial, request by request (also: requests)
  scripts/plot.py blocked results/run -o blocked.svg   who waits and who is inside, over time
  scripts/plot.py snapshots results/run -o states.png  what the threads did over time, by guard
  scripts/plot.py power results/power.csv -o power.pdf  where the race can be seen

The input is a folder written by `ccbench --out`, or the CSV file itself. Time is the wall time of a batch,
the time per request where workers ran for a duration, the median latency where requests arrived at a rate.
Guards that are not OK stand below the others and are marked; they have no rank. Needs matplotlib, which
`scripts/setup.sh test` installs. Exit codes: 0, 2 for input that cannot be drawn, 7 without matplotlib.
"""

from __future__ import annotations

import argparse
import bisect
import csv
import math
import re
import statistics
import sys
import textwrap
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable, Iterable, Iterator, Sequence

try:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.axes import Axes
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_hex
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch, Rectangle
    from matplotlib.ticker import EngFormatter, FixedLocator, MaxNLocator, NullFormatter, NullLocator, PercentFormatter
except ImportError:
    print("plot.py: needs matplotlib; scripts/setup.sh test installs it for /usr/bin/python3", file=sys.stderr)
    sys.exit(7)

# Okabe and Ito's palette: told apart with any colour vision.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY, PALE = "#8A8A8A", "#E4E4E4"
SERIES_COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
LINE_STYLES = ("-", (0, (5, 1)), (0, (1, 1)), (0, (4, 1, 1, 1)), (0, (6, 1, 1, 1, 1, 1)))
SERIES_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")

WORST_FIRST = ("VIOLATION", "CRASHED", "HUNG", "ERROR", "INCONCLUSIVE", "OK")
WAITS = (("wait_p50_ns", "p50", "o", SKY), ("wait_p99_ns", "p99", "s", BLUE), ("wait_max_ns", "maximum", "^", BLACK))

# What counts as far enough apart for a logarithmic axis.
LOG_RATIO = 50


class InputError(Exception):
    """One sentence for the person who gave the input."""


class NothingInside(InputError):
    """The file is sound, and empty."""


@dataclass(frozen=True)
class Span:
    """A figure over the trials of one cell, in seconds."""

    least: float
    median: float
    most: float


@dataclass
class Cell:
    """All trials of one guard under one setting."""

    guard: str
    role: str
    requests: int  # of each trial; 0 where workers run for a duration, and no two trials have as many
    setting: str
    rows: list[dict[str, str]]

    @property
    def name(self) -> str:
        name = f"{self.guard} (control)" if self.role == "control" else self.guard
        return f"{name}\n{self.setting}" if self.setting else name

    @property
    def verdict(self) -> str:
        found = {row["verdict"] for row in self.rows}
        return next((verdict for verdict in WORST_FIRST if verdict in found), "ERROR")

    @property
    def wrong(self) -> bool:
        return self.verdict != "OK"

    def span(self, column: str) -> Span | None:
        """Nothing where no trial measured it."""
        return self.span_of(lambda row: seconds_in(row, column))

    def span_of(self, value: Callable[[dict[str, str]], float | None]) -> Span | None:
        values = values_of(self, value)
        return Span(min(values), median_of(values), max(values)) if values else None


# --- reading ---


def number_in(row: dict[str, str], column: str) -> int:
    try:
        return int(row[column])
    except ValueError:
        raise InputError(f"'{row[column]}' in column {column} is not a whole number") from None


def seconds_in(row: dict[str, str], column: str) -> float | None:
    """Nothing where it was not measured."""
    return number_in(row, column) / 1e9 if row[column] else None


def values_of(cell: Cell, value: Callable[[dict[str, str]], float | None]) -> list[float]:
    return [found for row in cell.rows if (found := value(row)) is not None]


def find_input(given: Path, name: str) -> Path:
    path = given / name if given.is_dir() else given
    if not path.is_file():
        raise InputError(f"{path} is not there")
    return path


def read_rows(path: Path, schema: str, columns: Iterable[str]) -> Iterator[dict[str, str]]:
    """The rows of a file of ccbench's, checked for what is going to be used of it."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = [column for column in columns if column not in (reader.fieldnames or [])]
            if "schema" not in (reader.fieldnames or []):
                raise InputError(f"{path} has no column schema, so ccbench did not write it")
            for row in reader:
                if row["schema"] != schema:
                    raise InputError(f"{path} holds rows of schema {row['schema']}, not {schema}")
                if missing:
                    raise InputError(f"{path} has no column {missing[0]}")
                if None in row.values() or None in row:
                    raise InputError(f"{path}:{reader.line_num} has not as many fields as its header")
                yield row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read: {error}") from error


def read_cells(path: Path, more: Iterable[str] = ()) -> list[Cell]:
    columns = [*more] + "schema verdict guard role scenario requests threads keys params wall_ns".split()
    columns += [*(wait[0] for wait in WAITS), *OUTCOMES, "latency_p50_ns"]
    rows = list(read_rows(path, "ccbench.trials/1", columns))
    if not rows:
        raise InputError(f"{path} holds no trials")
    if len({row["scenario"] for row in rows}) > 1:
        raise InputError(f"{path} holds several scenarios, which are not to be compared with each other")
    groups: dict[tuple[str, ...], list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        requests = 0 if has_duration(row) else number_in(row, "requests")
        groups[row["guard"], row["role"], requests, setting_of(row)].append(row)
    common = common_settings(rows)
    differing = {name_in(entry) for row in rows for entry in setting_of(row).split()} - set(map(name_in, common))
    return [
        Cell(guard, role, requests, told_of(setting.split(), differing), trials)
        for (guard, role, requests, setting), trials in groups.items()
    ]


def common_settings(rows: Sequence[dict[str, str]]) -> list[str]:
    """Of all rows, in the order of the first."""
    every = [setting_of(row).split() for row in {setting_of(row): row for row in rows}.values()]
    return [entry for entry in every[0] if all(entry in other for other in every)]


def name_in(entry: str) -> str:
    return entry.partition("=")[0]


def told_of(entries: Sequence[str], differing: set[str]) -> str:
    """Those that differ between the cells, also where one is at a default that is known."""
    left = {name: DEFAULTS[name] for name in differing & set(DEFAULTS)}
    left |= dict(entry.partition("=")[::2] for entry in entries if name_in(entry) in differing)
    return ", ".join(in_words(f"{name}={value}") for name, value in sorted(left.items()))


# What a trial has that says nothing of such a setting. Scenarios have defaults of their own, which no file names.
DEFAULTS = {"window": "0", "reenter": "0", "time-scale": "1", "snapshot-every": "0", "timeout": "60s", "stall": "2s"}


def setting_of(row: dict[str, str]) -> str:
    """All that makes a cell besides guard and requests; a pool only where there is one."""
    parts = [f"keys={row['keys']}"]
    if has_duration(row) or row["threads"] != row["requests"]:
        parts.append(f"threads={row['threads']}")
    return " ".join([*parts, *filter(None, row["params"].split(";"))])


# --- measures ---


def is_given(row: dict[str, str], column: str) -> bool:
    try:
        return float(row.get(column) or 0) > 0
    except ValueError:
        raise InputError(f"'{row[column]}' in column {column} is no number") from None


def has_duration(row: dict[str, str]) -> bool:
    return is_given(row, "duration_ns")


def has_rate(row: dict[str, str]) -> bool:
    return is_given(row, "rate")


def per_request(row: dict[str, str]) -> float | None:
    wall = seconds_in(row, "wall_ns")
    ended = sum(number_in(row, outcome) for outcome in OUTCOMES if outcome != "unfinished")
    return wall / ended if wall is not None and ended else None


@dataclass(frozen=True)
class Measure:
    """What guards are ranked by, as everywhere in ccbench."""

    name: str
    axis: str
    of: Callable[[dict[str, str]], float | None]


WALL = Measure("wall time", "wall time, release to last end", lambda row: seconds_in(row, "wall_ns"))
PER_REQUEST = Measure("time per request", "wall time per request that ended", per_request)
LATENCY = Measure("median latency", "median latency, arrival to end", lambda row: seconds_in(row, "latency_p50_ns"))


def measure_in(row: dict[str, str]) -> Measure:
    if has_rate(row):
        return LATENCY
    return PER_REQUEST if has_duration(row) else WALL


def measure_of(cells: Iterable[Cell]) -> Measure:
    found = {measure_in(row) for cell in cells for row in cell.rows}
    if len(found) > 1:
        names = " and ".join(sorted(measure.name for measure in found))
        raise InputError(f"the trials are measured by {names}, which are not to be compared with each other")
    return found.pop()


def waiting_axis(from_arrival: bool) -> str:
    return f"waiting, {'arrival' if from_arrival else 'start'} to section or answer"


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


# --- axes ---


def scale_time(axis_of: Axes, values: Sequence[float], horizontal: bool) -> None:
    """Linear from 0, or logarithmic where the values lie too far apart to be seen together."""
    positive = [value for value in values if value > 0]
    set_scale = axis_of.set_xscale if horizontal else axis_of.set_yscale
    set_limits = axis_of.set_xlim if horizontal else axis_of.set_ylim
    axis = axis_of.xaxis if horizontal else axis_of.yaxis
    if positive and max(positive) / min(positive) > LOG_RATIO:
        if len(positive) == len(values):
            set_scale("log")
            set_limits(min(positive) / 2, max(positive) * 2)
        else:
            set_scale("symlog", linthresh=min(positive), linscale=0.5)
            set_limits(0, max(positive) * 2)
        axis.set_minor_locator(NullLocator())
        axis.set_minor_formatter(NullFormatter())
    else:
        set_limits(0, max(positive, default=1) * 1.1)
        axis.set_major_locator(MaxNLocator(6))
    axis.set_major_formatter(EngFormatter(unit="s", sep=" "))
    axis_of.grid(True, axis="x" if horizontal else "y", color=PALE, linewidth=0.8)
    axis_of.set_axisbelow(True)


def plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)


def save(figure: Figure, path: Path) -> None:
    # The same input gives the same bytes.
    metadata = {".svg": {"Date": None}, ".png": {"Software": None}, ".pdf": {"CreationDate": None}}[path.suffix]
    try:
        figure.savefig(path, dpi=150, metadata=metadata)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        pyplot.close(figure)


# --- trials ---


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def caption(rows: Sequence[dict[str, str]], trials: str) -> str:
    """What the figures come from, and what speaks against them."""

    def fact(column: str) -> str:
        return ", ".join(sorted({row.get(column, "") for row in rows} - {""}))

    parts = [trials, fact("cpu_model"), f"{fact('cpus')} CPUs" if fact("cpus") else "", fact("compiler")]
    build = fact("build_type")
    if build and build != "Release":
        parts.append(f"{build} build: not for figures")
    sanitizer = fact("sanitizer")
    if sanitizer not in ("", "none"):
        parts.append(f"sanitizer {sanitizer}: not for figures")
    return " · ".join(part for part in parts if part)


def trials_caption(cells: Sequence[Cell]) -> str:
    counts = sorted({len(cell.rows) for cell in cells})
    if counts == [1]:
        return caption(cells[0].rows, "one trial each")
    number = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    all_rows = [row for cell in cells for row in cell.rows]
    return caption(all_rows, f"median of {number} trials each, whiskers from least to most")


def title_of(cells: Sequence[Cell], what: str) -> str:
    rows = [row for cell in cells for row in cell.rows]
    parts = [rows[0]["scenario"]]
    requests = {cell.requests for cell in cells}
    if len(requests) == 1 and requests != {0}:
        parts.append(plural(requests.pop(), "request"))
    parts += [in_words(entry) for entry in common_settings(rows) if not entry.startswith("snapshot")]
    return "\n".join([what, *textwrap.wrap(", ".join(parts), TITLE_WIDTH, break_on_hyphens=False)])


# Letters of a line of a title that fit on the narrowest picture.
TITLE_WIDTH = 72


def in_words(entry: str) -> str:
    name, _, value = entry.partition("=")
    return plural(int(value), name[:-1]) if name in ("requests", "keys", "threads") and value.isdigit() else entry


def draw_span(axes: Axes, y: float, span: Span | None, marker: str, colour: str, hollow: bool) -> None:
    if span is None:
        return
    axes.plot([span.least, span.most], [y, y], color=colour, linewidth=1.5, solid_capstyle="butt")
    face = "white" if hollow else colour
    axes.plot([span.median], [y], marker=marker, color=colour, markerfacecolor=face, markersize=7, linestyle="")


def ranked_class(cell: Cell) -> int:
    """The guards that held come first, whatever their times."""
    return WORST_FIRST[::-1].index(cell.verdict)


def ranked(cells: Sequence[Cell], value: Callable[[Cell], float | None] | None = None) -> list[Cell]:
    """The guards that held, by their measure (or another value), then those that did not, which have no rank. Guards
    are only compared where all else is equal."""

    def time_of(cell: Cell) -> float | None:
        time = cell.span_of(measure_in(cell.rows[0]).of)
        return time.median if time else None

    def place(cell: Cell) -> tuple[int, int, str, float]:
        found = None if cell.wrong else (value or time_of)(cell)
        return ranked_class(cell), cell.requests, cell.setting, math.inf if found is None else found

    return sorted(cells, key=place)


def told_apart(cells: Sequence[Cell]) -> list[Cell]:
    """With the number of requests in their names where that differs."""
    if len({cell.requests for cell in cells}) == 1:
        return list(cells)
    return [replace(cell, setting=", ".join(filter(None, [plural(cell.requests, "request"), cell.setting])))
            if cell.requests else cell for cell in cells]


def spans_of(cells: Iterable[Cell], columns: Iterable[str]) -> list[float]:
    columns = list(columns)
    return ends_of(cell.span(column) for cell in cells for column in columns)


def ends_of(spans: Iterable[Span | None]) -> list[float]:
    return [value for span in spans if span for value in (span.least, span.median, span.most)]


def draw_by_guard(cells: Sequence[Cell]) -> Figure:
    """One row per guard: what it is ranked by on the left, waiting on the right."""
    cells = ranked(cells)
    measure = measure_of(cells)
    height = 1.9 + 0.5 * len(cells)
    figure, (left, right) = pyplot.subplots(1, 2, sharey=True, figsize=(10.5, height), layout="constrained")
    for y, cell in enumerate(cells):
        colour = GREY if cell.wrong else BLUE
        time = cell.span_of(measure.of)
        draw_span(left, y, time, "o", colour, hollow=cell.wrong)
        if time:
            label = EngFormatter(unit="s", places=3, sep=" ")(time.median)
            left.annotate(label, (time.median, y), (0, 7), textcoords="offset points", ha="center", fontsize=7.5,
                          color=GREY if cell.wrong else BLACK)
        for offset, (column, _, marker, colour) in zip((-0.22, 0.0, 0.22), WAITS):
            draw_span(right, y + offset, cell.span(column), marker, GREY if cell.wrong else colour, hollow=cell.wrong)
        if cell.wrong:
            for axes in (left, right):
                axes.axhspan(y - 0.5, y + 0.5, facecolor="none", edgecolor=PALE, hatch="///", linewidth=0, zorder=0)
    scale_time(left, ends_of(cell.span_of(measure.of) for cell in cells), horizontal=True)
    scale_time(right, spans_of(cells, [wait[0] for wait in WAITS]), horizontal=True)
    names = [f"{cell.name}\n{cell.verdict}" if cell.wrong else cell.name for cell in cells]
    left.set_yticks(range(len(cells)), names)
    left.set_ylim(len(cells) - 0.5, -0.5)
    for label, cell in zip(left.get_yticklabels(), cells):
        label.set_color(GREY if cell.wrong else BLACK)
    left.set_xlabel(measure.axis)
    right.set_xlabel(waiting_axis(from_arrival=measure is LATENCY))
    for axes in (left, right):
        plain(axes)
        axes.tick_params(axis="y", length=0)
    measured = [wait for wait in WAITS if spans_of(cells, [wait[0]])]
    handles = [Line2D([], [], marker=m, color=c, linestyle="", label=name) for _, name, m, c in measured]
    if any(cell.wrong for cell in cells):
        handles.append(Line2D([], [], marker="o", color=GREY, markerfacecolor="white", linestyle="", label="not OK"))
    right.legend(handles=handles, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, title="waiting")
    figure.suptitle(title_of(cells, f"{capital(measure.name)} and waiting by guard"), fontsize=12)
    figure.supxlabel(trials_caption(cells), fontsize=8, color=GREY)
    return figure


def draw_series(axes: Axes, cells: Sequence[Cell], column: str, colour: str, marker: str) -> None:
    """One guard over the number of requests."""
    points = [(cell.requests, cell.span(column), cell) for cell in sorted(cells, key=lambda cell: cell.requests)]
    known = [(x, span, cell) for x, span, cell in points if span]
    wrong = any(cell.wrong for cell in cells)
    style = {"color": GREY if wrong else colour, "linestyle": (0, (4, 2)) if wrong else "-"}
    axes.plot([x for x, _, _ in known], [span.median for _, span, _ in known], linewidth=1.2, **style)
    for x, span, cell in known:
        axes.plot([x, x], [span.least, span.most], color=style["color"], linewidth=1.5)
        face = "white" if cell.wrong else style["color"]
        axes.plot([x], [span.median], marker=marker, color=style["color"], markerfacecolor=face, markersize=6)


def draw_by_requests(cells: Sequence[Cell]) -> Figure:
    """One line per guard over the number of requests: wall time and three figures of waiting."""
    series: dict[str, list[Cell]] = defaultdict(list)
    for cell in sorted(cells, key=lambda cell: cell.wrong):
        series[cell.name].append(cell)
    figure, grid = pyplot.subplots(2, 2, sharex=True, figsize=(10.5, 7.2), layout="constrained")
    panels = [("wall_ns", "wall time"), *((column, f"waiting, {name}") for column, name, _, _ in WAITS)]
    counts = sorted({cell.requests for cell in cells})
    handles = []
    for index, (name, members) in enumerate(series.items()):
        colour, marker = SERIES_COLOURS[index % 7], SERIES_MARKERS[index % 9]
        wrong = [cell for cell in members if cell.wrong]
        for axes, (column, _) in zip(grid.flat, panels):
            draw_series(axes, members, column, colour, marker)
        worst = min((cell.verdict for cell in wrong), key=WORST_FIRST.index, default="")
        handles.append(
            Line2D([], [], color=GREY if wrong else colour, marker=marker, linestyle="--" if wrong else "-",
                   markerfacecolor="white" if wrong else colour, label=f"{name}: {worst}" if wrong else name)
        )
    for axes, (column, label) in zip(grid.flat, panels):
        if counts[-1] / counts[0] > 10:
            axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(counts))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticks(counts, [f"{count}" for count in counts])
        scale_time(axes, spans_of(cells, [column]), horizontal=False)
        if not spans_of(cells, [column]):
            axes.set_yticks([])
            axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color=GREY)
        axes.set_title(label, loc="left", fontsize=10)
        plain(axes)
    for axes in grid[1]:
        axes.set_xlabel("requests released together")
    grid[0][1].legend(handles=handles, loc="upper left", bbox_to_anchor=(1.02, 1.0), frameon=False)
    figure.suptitle(title_of(cells, "Wall time and waiting by number of requests"), fontsize=12)
    figure.supxlabel(trials_caption(cells), fontsize=8, color=GREY)
    return figure


def draw_trials(arguments: argparse.Namespace) -> Figure:
    cells = read_cells(find_input(arguments.input, "trials.csv"))
    several = len({cell.requests for cell in cells}) > 1
    return draw_by_requests(cells) if several else draw_by_guard(cells)


# --- guards, one below the other ---

INTERVAL_FROM = 6


def upper_half(draws: int, chance: float) -> float:
    """The probability that at least half of so many draws hit, each with this chance."""
    if chance >= 1:
        return 1.0
    logs = (
        math.lgamma(draws + 1) - math.lgamma(hits + 1) - math.lgamma(draws - hits + 1)
        + hits * math.log(chance) + (draws - hits) * math.log1p(-chance)
        for hits in range((draws + 1) // 2, draws + 1)
    )
    return math.fsum(math.exp(log) for log in logs)


def median_of(values: Sequence[float]) -> float:
    """By nearest rank, like the rest of ccbench: one of the trials."""
    return sorted(values)[(len(values) + 1) // 2 - 1]


def interval_of(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float] | None:
    """Where the median may lie: the percentile bootstrap with infinitely many resamples, which needs no drawing.

    A resample of n has its median at or below the k-th value with the probability that at least half of n
    draws fall among the first k. Nothing below 6 trials: even their whole range would miss too often.
    """
    n = len(values)
    if n < INTERVAL_FROM:
        return None
    ascending = sorted(values)
    low = bisect.bisect_left(range(1, n + 1), (1 - confidence) / 2, key=lambda k: upper_half(n, k / n))
    return ascending[low], ascending[n - 1 - low]


def places(cells: Sequence[Cell]) -> list[float]:
    """From the top; the guards that are not OK after a gap."""
    return [index + (0.6 if cell.wrong and not cells[0].wrong else 0.0) for index, cell in enumerate(cells)]


def name_guards(axes: Axes, cells: Sequence[Cell], at: Sequence[float]) -> None:
    """Names on the left. Guards that are not OK stand apart on hatched ground, with their verdict."""
    axes.set_yticks(at, [f"{cell.name}\n{cell.verdict}" if cell.wrong else cell.name for cell in cells])
    axes.set_ylim(at[-1] + 0.5, at[0] - 0.5)
    axes.tick_params(axis="y", length=0)
    for label, cell in zip(axes.get_yticklabels(), cells):
        label.set_color(GREY if cell.wrong else BLACK)
    for y, cell in zip(at, cells):
        if cell.wrong:
            axes.axhspan(y - 0.5, y + 0.5, facecolor="none", edgecolor=PALE, hatch="///", linewidth=0, zorder=0)
    first = next((index for index, cell in enumerate(cells) if cell.wrong), 0)
    if first > 0:
        axes.axhline(at[first] - 0.8, color=GREY, linewidth=0.8)


def guards_figure(cells: Sequence[Cell]) -> tuple[Figure, Axes, list[float]]:
    at = places(cells)
    figure, axes = pyplot.subplots(figsize=(8.5, 1.9 + 0.45 * (at[-1] + 1)), layout="constrained")
    name_guards(axes, cells, at)
    plain(axes)
    return figure, axes, at


# --- outcomes ---

# Told apart in grey by their shade, and by their hatches where shades are alike.
OUTCOMES = {
    "success": ("success", GREEN, ""),
    "shared": ("shared", "#8FD6BE", "..."),
    "refused": ("refused", SKY, ""),
    "turned_away": ("turned away", "#CFE6F5", ""),
    "cancelled": ("cancelled", YELLOW, "---"),
    "timed_out": ("timed out", ORANGE, "\\\\\\"),
    "error": ("error", VERMILION, ""),
    "unfinished": ("unfinished", BLACK, ""),
}


def number_text(value: float) -> str:
    return f"{value:.0f}" if value == round(value) else f"{value:.1f}"


def is_dark(colour: str) -> bool:
    red, green, blue = (int(colour[i:i + 2], 16) for i in (1, 3, 5))
    return 0.299 * red + 0.587 * green + 0.114 * blue < 125


def draw_bar(axes: Axes, y: float, cell: Cell) -> None:
    """What the requests of one guard got, on average over its trials."""
    begin = 0.0
    total = cell.requests or sum(number_in(row, outcome) for row in cell.rows for outcome in OUTCOMES) / len(cell.rows)
    for outcome, (_, colour, hatch) in OUTCOMES.items():
        mean = statistics.fmean(number_in(row, outcome) for row in cell.rows)
        share = mean / max(total, 1)
        if share == 0:
            continue
        # Hollow, as everywhere: what a guard that does not hold lets through is no success to be shown off.
        faces = {"facecolor": "white", "edgecolor": colour, "linewidth": 1.6} if cell.wrong else {
            "facecolor": colour, "edgecolor": "white", "linewidth": 0.6, "hatch": hatch}
        axes.barh(y, share, 0.7, left=begin, **faces)
        if share > 0.045:
            axes.text(begin + share / 2, y, number_text(mean), ha="center", va="center", fontsize=8,
                      color="white" if is_dark(colour) and not cell.wrong else BLACK)
        begin += share


def draw_outcomes(arguments: argparse.Namespace) -> Figure:
    cells = ranked(told_apart(read_cells(find_input(arguments.input, "trials.csv"), list(OUTCOMES))))
    figure, axes, at = guards_figure(cells)
    for y, cell in zip(at, cells):
        draw_bar(axes, y, cell)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel("share of the requests")
    seen = {outcome for cell in cells for row in cell.rows for outcome in OUTCOMES if number_in(row, outcome) > 0}
    axes.legend(handles=[Patch(facecolor=colour, hatch=hatch, edgecolor="white", label=label)
                         for outcome, (label, colour, hatch) in OUTCOMES.items() if outcome in seen],
                loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    figure.suptitle(title_of(cells, "What the requests got"), fontsize=12)
    counts = {len(cell.rows) for cell in cells}
    words = "one trial each" if counts == {1} else "numbers are means per trial"
    figure.supxlabel(caption([row for cell in cells for row in cell.rows], words), fontsize=8, color=GREY)
    return figure


# --- cost ---


def beyond_section(row: dict[str, str]) -> float | None:
    """Nothing unless all requests of the trial ended."""
    wall, section = seconds_in(row, "wall_ns"), seconds_in(row, "section_ns")
    return None if wall is None or section is None else wall - section


BEYOND = Measure("time beyond the section", "wall time beyond one section", beyond_section)


def cost_measure(cells: Iterable[Cell]) -> Measure:
    """Of a batch the part that the guard may be blamed for."""
    measure = measure_of(cells)
    return BEYOND if measure is WALL else measure


def draw_cost_of(axes: Axes, y: float, cell: Cell, measure: Measure) -> None:
    values = values_of(cell, measure.of)
    if not values:
        axes.text(0.01, y, "no trial ended", transform=axes.get_yaxis_transform(), va="center", fontsize=8, color=GREY)
        return
    colour = GREY if cell.wrong else BLUE
    # Side by side in order of execution, so that dots do not hide each other.
    spread = [0.0] if len(values) == 1 else [0.5 * i / (len(values) - 1) - 0.25 for i in range(len(values))]
    axes.plot(values, [y + offset for offset in spread], linestyle="", marker="o", markersize=3.5, color=colour,
              markerfacecolor="none" if cell.wrong else colour, alpha=0.55, markeredgewidth=0.8)
    if interval := interval_of(values):
        axes.plot(interval, [y, y], color=GREY if cell.wrong else BLACK, linewidth=2.2, solid_capstyle="butt", zorder=3)
    axes.plot([median_of(values)] * 2, [y - 0.3, y + 0.3], color=GREY if cell.wrong else BLACK, linewidth=1.6, zorder=4)


def draw_cost(arguments: argparse.Namespace) -> Figure:
    cells = told_apart(read_cells(find_input(arguments.input, "trials.csv"), ["section_ns"]))
    measure = cost_measure(cells)
    cells = ranked(cells, lambda cell: median_of(values) if (values := values_of(cell, measure.of)) else None)
    figure, axes, at = guards_figure(cells)
    for y, cell in zip(at, cells):
        draw_cost_of(axes, y, cell, measure)
    scale_time(axes, [value for cell in cells for value in values_of(cell, measure.of)], horizontal=True)
    axes.set_xlabel(measure.axis)
    most = max(len(cell.rows) for cell in cells)
    handles = [
        Line2D([], [], linestyle="", marker="o", markersize=3.5, color=BLUE, alpha=0.55, label="a trial"),
        Line2D([], [], linestyle="", marker="|", markersize=11, markeredgewidth=1.6, color=BLACK, label="median"),
    ]
    if most >= INTERVAL_FROM:
        handles.append(Line2D([], [], color=BLACK, linewidth=2.2, label="its 95 % interval"))
    if any(cell.wrong for cell in cells):
        handles.append(Line2D([], [], linestyle="", marker="o", markersize=3.5, color=GREY, markerfacecolor="none",
                              label="not OK"))
    axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    figure.suptitle(title_of(cells, f"{capital(measure.name)} by guard"), fontsize=12)
    counts = sorted({len(cell.rows) for cell in cells})
    words = plural(counts[0], "trial") if len(counts) == 1 else f"{counts[0]} to {counts[-1]} trials"
    figure.supxlabel(caption([row for cell in cells for row in cell.rows], words), fontsize=8, color=GREY)
    return figure


# --- order ---


def draw_order(arguments: argparse.Namespace) -> Figure:
    """A strip for each guard, all over the same run: what drifts together is the machine."""
    cells = ranked(told_apart(read_cells(find_input(arguments.input, "trials.csv"), ["trial"])))
    measure = measure_of(cells)
    left_out = len(cells) - MOST_PANELS
    cells = cells[:MOST_PANELS]
    figure, grid = pyplot.subplots(len(cells), 1, sharex=True, squeeze=False, figsize=(8.5, 1.6 + 0.95 * len(cells)),
                                   layout="constrained")
    for axes, cell in zip(grid[:, 0], cells):
        draw_strip(axes, cell, measure)
    last = max(number_in(row, "trial") for cell in cells for row in cell.rows)
    grid[-1][0].set_xlim(0.5, last + 0.5)
    grid[-1][0].xaxis.set_major_locator(MaxNLocator(8, integer=True))
    grid[-1][0].set_xlabel("trial, in order of execution")
    figure.suptitle(title_of(cells, f"{capital(measure.name)} in order of execution"), fontsize=12)
    words = "lines: medians; crosses: trials that did not end" + (f"; {left_out} more left out" if left_out > 0 else "")
    figure.supxlabel(caption([row for cell in cells for row in cell.rows], words), fontsize=8, color=GREY)
    return figure


def draw_strip(axes: Axes, cell: Cell, measure: Measure) -> None:
    colour = GREY if cell.wrong else BLUE
    points = [(number_in(row, "trial"), measure.of(row)) for row in cell.rows]
    ended = [(trial, time) for trial, time in points if time is not None]
    axes.plot([trial for trial, _ in ended], [time for _, time in ended], linestyle="", marker="o", markersize=3.5,
              color=colour, markerfacecolor="none" if cell.wrong else colour)
    crosses = [trial for trial, time in points if time is None]
    axes.plot(crosses, [0.08] * len(crosses), linestyle="", marker="x", markersize=5, color=GREY,
              transform=axes.get_xaxis_transform())
    if ended:
        axes.axhline(median_of([time for _, time in ended]), color=colour, linewidth=0.8, zorder=1)
    else:
        axes.set_yticks([])
    if cell.wrong:
        axes.set_facecolor("#F6F6F6")
    name = cell.name.replace("\n", " ")
    axes.set_title(f"{name}: {cell.verdict}" if cell.wrong else name, loc="left", fontsize=9, pad=2,
                   color=GREY if cell.wrong else BLACK)
    axes.margins(y=0.25)
    axes.yaxis.set_major_locator(MaxNLocator(2, min_n_ticks=2)) if ended else None
    axes.yaxis.set_major_formatter(EngFormatter(unit="s", sep=" "))
    plain(axes)


# --- sweep ---

UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def settings_of(row: dict[str, str], pools: bool) -> dict[str, str]:
    """All that can be swept, as it was typed; threads only where they do not merely follow the requests."""
    settings = {"keys": row["keys"]} if has_duration(row) else {"requests": row["requests"], "keys": row["keys"]}
    if pools:
        settings["threads"] = row["threads"]
    for entry in filter(None, row["params"].split(";")):
        name, _, value = entry.partition("=")
        settings[name] = value
    return settings


def value_in(text: str, setting: str) -> tuple[float, bool]:
    """A number, or seconds of a duration, and whether it is one."""
    if not text:
        raise InputError(f"some trials are at the default of {setting}, which the file does not tell: give it a value")
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([a-zµ]*)", text)
    if found is None or (found[2] and found[2] not in UNITS):
        raise InputError(f"the setting {setting} has the value '{text}', which is no number: it cannot be an axis")
    return float(found[1]) * UNITS.get(found[2], 1.0), bool(found[2])


def swept_setting(path: Path, every: Sequence[dict[str, str]], by: str | None) -> str:
    values = {name: {settings.get(name, "") for settings in every} for settings in every for name in settings}
    if by is not None:
        if by not in values:
            raise InputError(f"{path} has no setting {by}, only {', '.join(sorted(values))}")
        return by
    swept = sorted(name for name, found in values.items() if len(found) > 1)
    if len(swept) != 1:
        what = f"sweeps {' and '.join(swept)}: --by says which is the axis" if swept else "holds no sweep"
        raise InputError(f"{path} {what}")
    return swept[0]


@dataclass
class Point:
    """One guard at one value of what was swept."""

    x: float
    cell: Cell
    values: list[float]


@dataclass
class Series:
    """One guard under one of the settings that are not the axis."""

    guard: str
    rest: str
    points: list[Point]

    @property
    def verdict(self) -> str:
        return min((point.cell.verdict for point in self.points), key=WORST_FIRST.index)

    @property
    def wrong(self) -> bool:
        return self.verdict != "OK"

    @property
    def name(self) -> str:
        name = f"{self.guard}, {self.rest}" if self.rest else self.guard
        return f"{name}: {self.verdict}" if self.wrong else name


def read_series(path: Path, by: str | None) -> tuple[str, bool, list[Series]]:
    """What was swept, whether it is a duration, and for each guard (and other setting) its points."""
    cells = read_cells(path, ["section_ns"])
    measure = cost_measure(cells)
    pools = any(has_duration(row) or row["threads"] != row["requests"] for cell in cells for row in cell.rows)
    every = [settings_of(cell.rows[0], pools) for cell in cells]
    setting = swept_setting(path, every, by)
    differing = {name for settings in every for name in settings
                 if name != setting and len({other.get(name) for other in every}) > 1}
    groups: dict[tuple[str, str], dict[float, Cell]] = defaultdict(dict)
    is_time = False
    for cell, settings in zip(cells, every):
        x, timed = value_in(settings.pop(setting, DEFAULTS.get(setting, "")), setting)
        is_time = is_time or timed
        rest = told_of([f"{name}={value}" for name, value in settings.items()], differing)
        groups[f"{cell.guard} (control)" if cell.role == "control" else cell.guard, rest][x] = cell
    series = [Series(guard, rest, [Point(x, cell, values) for x, cell in sorted(found.items())
                                   if (values := values_of(cell, measure.of))])
              for (guard, rest), found in groups.items()]
    return setting, is_time, [one for one in series if one.points]


def style_of(series: Series, guards: Sequence[str], rests: Sequence[str]) -> dict[str, object]:
    """A colour and a marker for each guard, a kind of line for each of the other settings."""
    guard, rest = guards.index(series.guard), rests.index(series.rest)
    # In a sweep of one setting dashes are left to tell in grey who is wrong.
    line = LINE_STYLES[1 if series.wrong and len(rests) == 1 else rest % len(LINE_STYLES)]
    colour = GREY if series.wrong else SERIES_COLOURS[guard % len(SERIES_COLOURS)]
    return {"color": colour, "linestyle": line, "marker": SERIES_MARKERS[guard % len(SERIES_MARKERS)], "markersize": 5,
            "markerfacecolor": "white" if series.wrong else colour}


def draw_line(axes: Axes, series: Series, style: dict[str, object]) -> None:
    axes.plot([point.x for point in series.points], [median_of(point.values) for point in series.points],
              linewidth=1.3, zorder=1 if series.wrong else 3, **style)
    known = [(point.x, interval) for point in series.points if (interval := interval_of(point.values))]
    if known and not series.wrong:
        axes.fill_between([x for x, _ in known], [low for _, (low, _) in known], [high for _, (_, high) in known],
                          color=style["color"], alpha=0.18, linewidth=0)


def scale_setting(axes: Axes, values: Sequence[float], is_time: bool) -> None:
    positive = [value for value in values if value > 0]
    if positive and max(positive) / min(positive) > 10:
        if len(positive) == len(values):
            axes.set_xscale("log")
        else:
            axes.set_xscale("symlog", linthresh=min(positive), linscale=0.5)
    axes.xaxis.set_minor_locator(NullLocator())
    text = EngFormatter(unit="s", sep=" ") if is_time else (lambda value: f"{value:g}")
    axes.set_xticks(values, ["0" if value == 0 else text(value) for value in values])


def draw_sweep(arguments: argparse.Namespace) -> Figure:
    path = find_input(arguments.input, "trials.csv")
    setting, is_time, series = read_series(path, arguments.by)
    if not series:
        raise InputError(f"{path} holds no trial that ended")
    # From the top of the picture to its bottom, and then the guards that are not OK.
    tops = {one.guard: max(median_of(other.points[-1].values) for other in series if other.guard == one.guard)
            for one in series}
    series.sort(key=lambda one: (one.wrong, -tops[one.guard], naturally(one.rest)))
    guards = list(dict.fromkeys(one.guard for one in series))
    rests = sorted({one.rest for one in series}, key=naturally)
    figure, axes = pyplot.subplots(figsize=(8.5, max(4.6, 1.9 + 0.21 * len(series))), layout="constrained")
    handles = []
    for one in series:
        style = style_of(one, guards, rests)
        draw_line(axes, one, style)
        handles.append(Line2D([], [], label=one.name, linewidth=1.3, **style))
    points = [point for one in series for point in one.points]
    measure = cost_measure(point.cell for point in points)
    times = [median_of(point.values) for point in points]
    times += [end for point in points for end in interval_of(point.values) or ()]
    scale_time(axes, times, horizontal=False)
    scale_setting(axes, sorted({point.x for point in points}), is_time)
    axes.set_xlabel({"requests": "requests released together"}.get(setting, setting))
    axes.set_ylabel(measure.axis)
    # Long enough to tell the kinds of lines apart.
    axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, handlelength=3.6)
    plain(axes)
    rows = [row for point in points for row in point.cell.rows]
    figure.suptitle(title_of([point.cell for point in points], f"{capital(measure.name)} by {setting}"), fontsize=12)
    counts = sorted({len(point.values) for point in points})
    words = f"medians of {counts[0]}" + (f" to {counts[-1]}" if len(counts) > 1 else "") + " trials"
    words += ", bands: their 95 % intervals" if counts[-1] >= INTERVAL_FROM else ", too few for intervals"
    figure.supxlabel(caption(rows, words), fontsize=8, color=GREY)
    return figure


# --- requests ---

PHASES = {
    "queued, no worker free": YELLOW,
    "waiting": ORANGE,
    "in the section": BLUE,
    "after it": SKY,
    "unfinished, never entered": PURPLE,
    "unfinished, entered": VERMILION,
}
OUTCOME_MARKERS = {
    "success": ("o", GREEN),
    "shared": ("D", "white"),
    "refused": ("X", BLACK),
    "turned_away": ("<", "white"),
    "cancelled": ("s", "white"),
    "timed_out": ("h", BLACK),
    "error": ("P", YELLOW),
}


@dataclass(frozen=True)
class Line:
    """One request: times in seconds since the release."""

    outcome: str
    start: float | None
    enter: float | None
    leave: float | None
    end: float | None
    steps: tuple[tuple[str, float], ...] = ()  # names and when they were entered
    arrival: float | None = None  # when it was meant to start, where requests arrive at a rate

    @property
    def begin(self) -> float | None:
        """Latency counts from here: who waits for a worker waits too. Nothing for who never came."""
        return self.start if self.arrival is None else self.arrival


def steps_in(row: dict[str, str]) -> tuple[tuple[str, float], ...]:
    """Of `payment@1234;purchase@5678`; nothing where no steps were kept."""
    steps = []
    for entry in filter(None, (row.get("steps") or "").split(";")):
        name, _, at = entry.rpartition("@")
        steps.append((name, number_in({"steps": at}, "steps") / 1e9))
    return tuple(steps)


REQUEST_COLUMNS = "trial outcome start_ns enter_ns leave_ns end_ns".split()


def line_in(row: dict[str, str]) -> Line:
    arrival = seconds_in(row, "arrival_ns") if "arrival_ns" in row else None
    return Line(row["outcome"], *(seconds_in(row, column) for column in REQUEST_COLUMNS[2:]), steps_in(row), arrival)


def read_trial(path: Path, wanted: int | None) -> tuple[int, list[Line]]:
    """The trial asked for, or the last one."""
    trial: int | None = wanted
    lines: list[Line] = []
    seen: set[int] = set()
    for row in read_rows(path, "ccbench.requests/1", REQUEST_COLUMNS):
        number = number_in(row, "trial")
        seen.add(number)
        if wanted is None and (trial is None or number > trial):
            trial, lines = number, []
        if number == trial:
            lines.append(line_in(row))
    if not seen:
        raise InputError(f"{path} holds no requests")
    if trial is None or not lines:
        raise InputError(f"{path} holds no trial {wanted}, only {', '.join(map(str, sorted(seen)))}")
    return trial, lines


def times_of(line: Line) -> list[float]:
    return [time for time in (line.arrival, line.start, line.enter, line.leave, line.end) if time is not None]


def stretches(line: Line, last: float) -> Iterator[tuple[str, float, float]]:
    """Phase, beginning and end of each stretch of a request; what never ended lasts until `last`."""
    if line.arrival is not None:
        yield "queued, no worker free", line.arrival, last if line.start is None else line.start
    if line.start is None:
        return
    end = last if line.end is None else line.end
    if line.enter is None:
        yield ("waiting" if line.end is not None else "unfinished, never entered"), line.start, end
        return
    yield "waiting", line.start, line.enter
    if line.leave is None and line.end is None:
        yield "unfinished, entered", line.enter, end
        return
    leave = end if line.leave is None else line.leave
    marks = [("in the section", line.enter), *((f"step {name}", at) for name, at in line.steps), ("", leave)]
    for (phase, begin), (_, until) in zip(marks, marks[1:]):
        yield phase, begin, until
    yield "after it", leave, end


def phase_colours(lines: Sequence[Line]) -> dict[str, str]:
    """With shades of the section's colour for its steps, dark to light, as far as there are any."""
    names = list(dict.fromkeys(f"step {name}" for line in lines for name, _ in line.steps))
    blues = pyplot.get_cmap("Blues")
    shades = {name: to_hex(blues(0.95 - 0.65 * i / max(len(names) - 1, 1))) for i, name in enumerate(names)}
    # Or it would look like one of them.
    return PHASES | ({"after it": "#C4C4C4"} if names else {}) | shades


def draw_lines(axes: Axes, lines: Sequence[Line], last: float, points_per_row: float) -> list[Line2D]:
    """The stretches, and the legend of those that there are."""
    colours = phase_colours(lines)
    segments: dict[str, list[list[tuple[float, float]]]] = {phase: [] for phase in colours}
    for y, line in enumerate(lines):
        for phase, begin, end in stretches(line, last):
            if end > begin:
                segments[phase].append([(begin, y), (end, y)])
    handles = []
    for phase, colour in colours.items():
        if not segments[phase]:
            continue
        # With gaps while they can be seen. Sections stay visible however many others wait.
        dense = points_per_row < 3
        width = max(points_per_row, 0.5) if dense else min(9.0, 0.75 * points_per_row)
        inside = phase in ("in the section", "unfinished, entered") or phase.startswith("step ")
        axes.add_collection(
            LineCollection(segments[phase], colors=colour, linewidths=max(width, 1.5) if inside else width,
                           capstyle="butt", antialiased=not dense, zorder=2.5 if inside else 2,
                           rasterized=len(lines) > 2000)
        )
        handles.append(Line2D([], [], color=colour, linewidth=5, label=phase))
    return handles


def draw_ends(axes: Axes, lines: Sequence[Line], points_per_row: float, clip: bool) -> list[Line2D]:
    """How each request ended, and the legend of the outcomes that there are."""
    size = min(7.0, max(2.2, 0.8 * points_per_row))
    handles = []
    for outcome, (marker, face) in OUTCOME_MARKERS.items():
        ends = [(line.end, y) for y, line in enumerate(lines) if line.outcome == outcome and line.end is not None]
        if not ends:
            continue
        # One success among a thousand failures is what the picture is looked at for.
        rare = len(ends) * 20 <= len(lines)
        axes.plot([x for x, _ in ends], [y for _, y in ends], linestyle="", marker=marker, color=BLACK,
                  markerfacecolor=face, markersize=max(size, 6.0) if rare else size, markeredgewidth=min(0.8, size / 5),
                  zorder=5 if rare else 3, clip_on=clip, rasterized=len(lines) > 2000)
        name = outcome.replace("_", " ")
        handles.append(Line2D([], [], linestyle="", marker=marker, color=BLACK, markerfacecolor=face, markersize=6,
                              label=f"{name}: {len(ends)}"))
    return handles


def arrivals_or_starts(lines: Iterable[Line]) -> str:
    return "arrivals" if any(line.arrival is not None for line in lines) else "starts"


def trial_name(given: Path, trial: int) -> str:
    """What trials.csv beside the requests tells of the trial."""
    beside = (given if given.is_dir() else given.parent) / "trials.csv"
    if beside.is_file():
        for row in read_rows(beside, "ccbench.trials/1", ["trial", "guard", "scenario", "verdict"]):
            if row["trial"] == str(trial):
                return f"{row['scenario']} under {row['guard']}: {row['verdict']} (trial {trial})"
    return f"trial {trial}"


def last_moment(times: Sequence[float], story: Story | None, unfinished: bool) -> float:
    """How long who has not ended is known to have waited: until the last snapshot, if not longer."""
    moments = [*times, *(story.places if story else ())]
    return (max(moments, default=0.0) or 1.0) * (1.05 if unfinished else 1)


def draw_requests(arguments: argparse.Namespace) -> Figure:
    path = find_input(arguments.input, "requests.csv")
    trial, lines = read_trial(path, arguments.trial)
    never_started = float("inf")
    lines.sort(key=lambda line: never_started if line.begin is None else line.begin)
    story = snapshots_beside(path).get(trial)
    times = [time for line in lines for time in times_of(line)]
    unfinished = sum(line.end is None for line in lines)
    last = last_moment(times, story, unfinished > 0)

    height = min(6.5, max(3.2, 2.0 + 0.16 * len(lines)))
    figure, axes = pyplot.subplots(figsize=(10.5, height), layout="constrained")
    points_per_row = (height - 1.4) * 72 / len(lines)
    handles = draw_lines(axes, lines, last, points_per_row)
    handles += draw_ends(axes, lines, points_per_row, clip=arguments.until is not None)
    unstarted = sum(line.start is None for line in lines)
    if unfinished:
        words = f"unfinished: {unfinished}" + (f" ({unstarted} never started)" if unstarted else "")
        handles.append(Line2D([], [], linestyle="", label=words))
    for moment in story.places if story else ():
        axes.axvline(moment, color=BLACK, linewidth=0.8, linestyle=(0, (2, 2)), zorder=4)
    if story:
        handles.append(Line2D([], [], color=BLACK, linewidth=0.8, linestyle=(0, (2, 2)), label="snapshot"))
    axes.set_xlim(min([0.0, *times]), arguments.until or last * 1.01)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.xaxis.set_major_formatter(EngFormatter(unit="s", sep=" "))
    axes.grid(True, axis="x", color=PALE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_yticks([])
    plain(axes)
    axes.set_xlabel("time since the release")
    axes.set_ylabel(f"{plural(len(lines), 'request')}, in order of their {arrivals_or_starts(lines)}")
    axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False)
    figure.suptitle(f"Where each request was\n{trial_name(arguments.input, trial)}", fontsize=12)
    return figure


# --- snapshots ---

# From the bottom: what stands in another's way is read off the axis. Told apart in grey by their hatches.
STATES = {
    "BLOCKED": ("blocked", VERMILION, ""),
    "WAITING": ("waiting", ORANGE, "\\\\\\"),
    "TIMED_WAITING": ("sleeping, or waiting with a limit", SKY, ""),
    "IN_SYSCALL": ("in a system call", PURPLE, "xxx"),
    "RUNNABLE": ("running, or waiting for a CPU", GREEN, "///"),
    "": ("not known", GREY, "..."),
    "TERMINATED": ("finished", PALE, ""),
}
PLACES = {
    "guard": ("in the guard", VERMILION, ""),
    "barrier": ("at the start barrier", ORANGE, "\\\\\\"),
    "step": ("in the section", BLUE, "///"),
    "finished": ("finished", PALE, ""),
}
MOST_PANELS = 12


@dataclass
class Story:
    """The snapshots of one trial: at each moment, how many threads did what."""

    trial: int
    scenario: str
    guard: str
    verdict: str
    states: dict[float, dict[str, int]]
    places: dict[float, dict[str, int]]

    @property
    def name(self) -> str:
        if not self.guard:
            return f"trial {self.trial}"
        return f"{self.guard}: {self.verdict}" if self.wrong else self.guard

    @property
    def wrong(self) -> bool:
        return self.verdict not in ("OK", "")

    @property
    def knows_states(self) -> bool:
        """Whether anybody but the threads themselves was asked: they only tell that they have finished."""
        found = {state for moment in self.states.values() for state in moment}
        return "" not in found or bool(found - {"", "TERMINATED"})


def read_every_story(path: Path) -> dict[int, Story]:
    """By trial; without what trials.csv knows."""
    stories: dict[int, Story] = {}
    for row in read_rows(path, "ccbench.snapshots/1", "trial t_ns state phase".split()):
        trial = number_in(row, "trial")
        story = stories.setdefault(trial, Story(trial, "", "", "", {}, {}))
        moment = number_in(row, "t_ns") / 1e9
        for counts, what in ((story.states, row["state"]), (story.places, row["phase"].partition(":")[0])):
            of_moment = counts.setdefault(moment, defaultdict(int))
            of_moment[what] += 1
    if not stories:
        raise NothingInside(f"{path} holds no snapshots")
    return stories


def read_stories(path: Path, wanted: int | None) -> list[Story]:
    """The trial asked for; without that, the last one of every guard, or every one where no guards are known."""
    stories = read_every_story(path)
    if wanted is not None and wanted not in stories:
        raise InputError(f"{path} holds no trial {wanted}, only {', '.join(map(str, sorted(stories)))}")
    guards, scenario = guards_of_trials(path)
    for trial in guards.keys() & stories.keys():
        story = stories[trial]
        (story.guard, story.verdict), story.scenario = guards[trial], scenario
    if wanted is not None:
        return [stories[wanted]]
    last = {story.guard or f"{story.trial}": story for _, story in sorted(stories.items())}
    return sorted(last.values(),
                  key=lambda story: ("(control)" not in story.guard, naturally(story.guard), story.trial))


def draw_story(axes: Axes, story: Story, by_state: bool, width: float) -> None:
    """One bar for each snapshot. Between them nobody looked, so that nothing is drawn there."""
    counts = story.states if by_state else story.places
    moments = sorted(counts)
    floor = [0] * len(moments)
    for what, (_, colour, hatch) in (STATES if by_state else PLACES).items():
        heights = [counts[moment].get(what, 0) for moment in moments]
        if any(heights):
            axes.bar(moments, heights, width, bottom=floor, facecolor=colour, hatch=hatch, edgecolor="white",
                     linewidth=0)
            floor = [low + height for low, height in zip(floor, heights)]


def draw_snapshots(arguments: argparse.Namespace) -> Figure:
    stories = read_stories(find_input(arguments.input, "snapshots.csv"), arguments.trial)
    left_out = len(stories) - MOST_PANELS
    stories = stories[:MOST_PANELS]
    # One legend for all, so all by states or all by places.
    by_state = all(story.knows_states for story in stories)
    moments = [sorted(story.places) for story in stories]
    last = max(times[-1] for times in moments) or 1.0
    gaps = [after - before for times in moments for before, after in zip(times, times[1:])]
    # A gap each, but for snapshots that came close together by chance.
    width = min(max(statistics.median(gaps), last / 400) * 0.85 if gaps else last / 20, last / 20)
    threads = max(sum(counts.values()) for story in stories for counts in story.places.values())

    columns = 1 if len(stories) == 1 else 2
    rows = -(-len(stories) // columns)
    figure, grid = pyplot.subplots(rows, columns, sharex=True, sharey=True, squeeze=False,
                                   figsize=(10.5, 1.6 + (3.4 if rows == 1 else 1.9 * rows)), layout="constrained")
    panels = list(grid.flat)
    for axes, story in zip(panels, stories):
        draw_story(axes, story, by_state, width)
        axes.set_title(story.name, loc="left", fontsize=10, color=GREY if story.wrong else BLACK)
        axes.grid(True, axis="y", color=PALE, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.xaxis.set_major_locator(MaxNLocator(5 if columns > 1 else 8))
        axes.xaxis.set_major_formatter(EngFormatter(unit="s", sep=" "))
        plain(axes)
    panels[0].set_xlim(0, last + width)
    panels[0].set_ylim(0, threads)
    for axes in panels[:len(stories)][-columns:]:
        axes.set_xlabel("time since the release")
        axes.tick_params(labelbottom=True)
    for axes in grid[:, 0]:
        axes.set_ylabel("threads")

    table = {story.trial: story.states if by_state else story.places for story in stories}
    seen = {what for counts in table.values() for moment in counts.values() for what in moment}
    handles = [Patch(facecolor=colour, hatch=hatch, edgecolor="white", linewidth=0, label=label)
               for what, (label, colour, hatch) in reversed((STATES if by_state else PLACES).items()) if what in seen]
    if len(stories) < len(panels):
        panels[-1].set_axis_off()
        panels[-1].legend(handles=handles, loc="center left", frameon=False)
    else:
        grid[0][-1].legend(handles=handles, loc="upper left", bbox_to_anchor=(1.02, 1.0), frameon=False)
    about = [*sorted({story.scenario for story in stories} - {""}), plural(threads, "thread")]
    figure.suptitle(f"Blocked threads over time\n{', '.join(about)}", fontsize=12)
    number = plural(sum(map(len, moments)), "snapshot")
    words = [f"{number}, one bar each" + ("" if by_state else "; without the kernel's view, by phase")]
    if left_out > 0:
        words.append(f"{left_out} more left out")
    figure.supxlabel(" · ".join(words), fontsize=8, color=GREY)
    return figure


# --- blocked, ecdf: all requests, guard by guard ---


@dataclass
class Waits:
    """The requests of one or more trials of one guard."""

    name: str
    wrong: bool
    trial: int
    lines: list[Line]


def guards_of_trials(file: Path) -> tuple[dict[int, tuple[str, str]], str]:
    """Name and verdict of each trial's guard over all its trials, and the scenario, from trials.csv beside the
    file; no names where there is none."""
    beside = file.parent / "trials.csv"
    if not beside.is_file():
        return {}, ""
    cells = told_apart(read_cells(beside, ["trial"]))
    found = {number_in(row, "trial"): (cell.name.replace("\n", ", "), cell.verdict)
             for cell in cells for row in cell.rows}
    return found, cells[0].rows[0]["scenario"]


def naturally(name: str) -> list[tuple[int, str]]:
    """To sort by: 8 requests before 20."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]


def read_requests(path: Path, only_last: bool, wanted: int | None) -> tuple[list[Waits], str]:
    """By guard, all its trials or the last one; the trial asked for alone; trial by trial where no guards are known.
    The guards that are OK first."""
    guards, scenario = guards_of_trials(path)
    found: dict[str, Waits] = {}
    seen: set[int] = set()
    for row in read_rows(path, "ccbench.requests/1", REQUEST_COLUMNS):
        trial = number_in(row, "trial")
        seen.add(trial)
        if wanted is not None and trial != wanted:
            continue
        name, verdict = guards.get(trial, (f"trial {trial}", "OK"))
        shown = name if verdict == "OK" else f"{name}: {verdict}"
        waits = found.setdefault(name, Waits(shown, verdict != "OK", trial, []))
        if only_last and trial > waits.trial:
            waits.trial, waits.lines = trial, []
        waits.lines.append(line_in(row))
    if not seen:
        raise InputError(f"{path} holds no requests")
    if not found:
        raise InputError(f"{path} holds no trial {wanted}, only {', '.join(map(str, sorted(seen)))}")
    return sorted(found.values(), key=lambda waits: (waits.wrong, naturally(waits.name))), scenario


def counts_over_time(stretches_in: Iterable[tuple[float, float]]) -> tuple[list[float], list[int]]:
    """How many there are from each moment on; what lasts to infinity never ends."""
    changes: dict[float, int] = defaultdict(int)
    for begin, end in stretches_in:
        changes[begin] += 1
        if end < math.inf:
            changes[end] -= 1
    moments = sorted(changes)
    total = 0
    return moments, [total := total + changes[moment] for moment in moments]


def waiting_of(line: Line) -> tuple[float, float]:
    """From the start, or the arrival where there is one, to the entry, or to the end for who never enters."""
    until = line.enter if line.enter is not None else line.end
    return line.begin or 0.0, math.inf if until is None else until


def inside_of(line: Line) -> tuple[float, float]:
    until = line.leave if line.leave is not None else line.end
    return line.enter or 0.0, math.inf if until is None else until


def last_of(lines: Iterable[Line]) -> float:
    return max((time for line in lines for time in times_of(line)), default=0.0)


def snapshots_beside(path: Path) -> dict[int, Story]:
    beside = path.parent / "snapshots.csv"
    if not beside.is_file():
        return {}
    try:
        return {story.trial: story for story in read_every_story(beside).values()}
    except NothingInside:
        return {}


def draw_blocked_of(axes: Axes, waits: Waits, story: Story | None, last: float) -> None:
    for label, colour, style, lines in (
        ("waiting", VERMILION, "-", [waiting_of(line) for line in waits.lines if line.begin is not None]),
        ("inside", BLUE, "--", [inside_of(line) for line in waits.lines if line.enter is not None]),
    ):
        moments, counts = counts_over_time(lines)
        axes.step([0.0, *moments, last], [0, *counts, counts[-1] if counts else 0], where="post", color=colour,
                  linewidth=1.3, linestyle=style, label=label)
    for place, colour, marker in (("guard", VERMILION, "o"), ("step", BLUE, "s")) if story else ():
        moments = sorted(story.places)
        axes.plot(moments, [story.places[moment].get(place, 0) for moment in moments], linestyle="", marker=marker,
                  markersize=5, color=colour, markerfacecolor="white", zorder=4, clip_on=False)
    axes.set_title(waits.name, loc="left", fontsize=10, color=GREY if waits.wrong else BLACK)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.xaxis.set_major_formatter(EngFormatter(unit="s", sep=" "))
    axes.grid(True, axis="y", color=PALE, linewidth=0.8)
    axes.set_axisbelow(True)
    if waits.wrong:
        axes.set_facecolor("#F6F6F6")
    plain(axes)


def draw_blocked(arguments: argparse.Namespace) -> Figure:
    path = find_input(arguments.input, "requests.csv")
    found, scenario = read_requests(path, only_last=True, wanted=arguments.trial)
    stories = snapshots_beside(path)
    left_out = len(found) - MOST_PANELS
    found = found[:MOST_PANELS]
    shown = [stories.get(waits.trial) for waits in found]
    last = max([last_of(line for waits in found for line in waits.lines),
                *(moment for story in shown if story for moment in story.places)]) or 1.0
    columns = 1 if len(found) == 1 else 2
    rows = -(-len(found) // columns)
    figure, grid = pyplot.subplots(rows, columns, sharex=True, sharey=True, squeeze=False,
                                   figsize=(10.5, 1.6 + (3.0 if rows == 1 else 1.6 * rows)), layout="constrained")
    panels = list(grid.flat)
    for axes, waits, story in zip(panels, found, shown):
        draw_blocked_of(axes, waits, story, last)
    panels[0].set_xlim(0, last)
    panels[0].set_ylim(0, 1.06 * max(axes.dataLim.y1 for axes in panels[:len(found)]))
    panels[0].xaxis.set_major_locator(MaxNLocator(5 if columns > 1 else 8))
    for axes in panels[:len(found)][-columns:]:
        axes.set_xlabel("time since the release")
        axes.tick_params(labelbottom=True)
    for axes in grid[:, 0]:
        axes.set_ylabel("requests")
    since = arrivals_or_starts(line for waits in found for line in waits.lines)
    waiting = "waiting" if since == "starts" else "waiting, from\nthe arrival on"
    handles = [Line2D([], [], color=VERMILION, label=waiting),
               Line2D([], [], color=BLUE, linestyle="--", label="inside")]
    if any(shown):
        handles += [Line2D([], [], linestyle="", marker=marker, color=colour, markerfacecolor="white", label=label)
                    for marker, colour, label in (("o", VERMILION, "in the guard,\nby snapshot"),
                                                  ("s", BLUE, "in the section,\nby snapshot"))]
    if len(found) < len(panels):
        panels[-1].set_axis_off()
        panels[-1].legend(handles=handles, loc="center left", frameon=False)
    else:
        panels[columns - 1].legend(handles=handles, loc="upper left", bbox_to_anchor=(1.02, 1.0), frameon=False)
    which = f"trial {found[0].trial}" if arguments.trial is not None else "the last trial of each guard"
    figure.suptitle("Who waits, and who is inside\n" + ", ".join(filter(None, [scenario, which])), fontsize=12)
    if left_out > 0:
        figure.supxlabel(f"{left_out} more left out", fontsize=8, color=GREY)
    return figure


MOST_STEPS = 2000


def distribution(waits: Sequence[float], total: int) -> tuple[list[float], list[float]]:
    """The share of all that waited so long or less. Of many, evenly picked ones and the last."""
    ascending = sorted(waits)
    picked = range(len(ascending)) if len(ascending) <= MOST_STEPS else [
        round(i * (len(ascending) - 1) / (MOST_STEPS - 1)) for i in range(MOST_STEPS)]
    return [ascending[i] for i in picked], [(i + 1) / total for i in picked]


def known_waits(waits: Waits) -> tuple[list[float], int]:
    """And of how many requests nothing is known but that they still waited when their trial ended. A clock ticks in
    steps: what shows as 0 is less than one of them, and a logarithmic axis has no 0."""
    all_waits = [waiting_of(line) for line in waits.lines if line.begin is not None]
    times = [max(until - begin, 1e-9) for begin, until in all_waits if until < math.inf]
    return times, len(all_waits) - len(times)


def curve_of(waits: Waits) -> tuple[list[float], list[float]]:
    times, still = known_waits(waits)
    return distribution(times, len(times) + still)


def draw_ecdf(arguments: argparse.Namespace) -> Figure:
    path = find_input(arguments.input, "requests.csv")
    found, scenario = read_requests(path, only_last=False, wanted=arguments.trial)
    figure, axes = pyplot.subplots(figsize=(8.5, 4.4), layout="constrained")
    every = [time for waits in found for time in known_waits(waits)[0]]
    limits = (min(every) / 1.5, max(every) * 1.5) if every else (1e-9, 1.0)
    drawn = {True: 0, False: 0}
    for waits in found:
        xs, ys = curve_of(waits)
        number = drawn[waits.wrong]
        drawn[waits.wrong] += 1
        still = known_waits(waits)[1]
        label = waits.name + (f"\n({still} never got further)" if still else "")
        # To the edge, since who still waits may have waited any longer.
        axes.step([limits[0], *xs, limits[1]], [0.0, *ys, ys[-1] if ys else 0.0], where="post", label=label,
                  color=GREY if waits.wrong else SERIES_COLOURS[number % 7],
                  linestyle=LINE_STYLES[(number + 1) % 5 if waits.wrong else number % 5],
                  linewidth=1.1 if waits.wrong else 1.7, zorder=2 if waits.wrong else 3)
    axes.set_xlim(*limits)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(EngFormatter(unit="s", sep=" "))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.grid(True, color=PALE, linewidth=0.8)
    axes.set_axisbelow(True)
    since = arrivals_or_starts(line for waits in found for line in waits.lines)
    axes.set_xlabel(waiting_axis(from_arrival=since == "arrivals"))
    axes.set_ylabel("share of the requests")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    plain(axes)
    counts = {len(waits.lines) for waits in found}
    number = plural(max(counts), "request") + (" under each guard" if len(found) > 1 else "")
    if len(counts) > 1:
        number = plural(sum(len(waits.lines) for waits in found), "request") + " altogether"
    figure.suptitle("How long requests waited\n" + ", ".join(filter(None, [scenario, number])), fontsize=12)
    return figure


# --- power ---


@dataclass(frozen=True)
class Rung:
    """Trials without a guard under one setting, and how many of them broke."""

    panel: str
    window: float
    requests: int
    trials: int
    broken: int


def read_rungs(path: Path) -> tuple[str, list[Rung]]:
    columns = "scenario start requests threads window_ns window_kind trials broken low high".split()
    rungs: list[Rung] = []
    scenarios: set[str] = set()
    rows = list(read_rows(path, "ccbench.power/1", columns))
    several_kinds = len({row["window_kind"] for row in rows if row["window_ns"] != "0"}) > 1
    for row in rows:
        scenarios.add(row["scenario"])
        kind = f", {row['window_kind']} window" if several_kinds and row["window_kind"] else ""
        pool = "" if row["threads"] == row["requests"] else f", {row['threads']} threads"
        rung = Rung(f"start {row['start']}{kind}{pool}", number_in(row, "window_ns") / 1e9,
                    *(number_in(row, column) for column in ("requests", "trials", "broken")))
        if not 0 <= rung.broken <= rung.trials:
            raise InputError(f"{path} says that {rung.broken} of {rung.trials} trials broke")
        rungs.append(rung)
    if not rungs:
        raise InputError(f"{path} holds no rungs of a ladder")
    if len(scenarios) > 1:
        raise InputError(f"{path} holds several scenarios, which are not to be compared with each other")
    return scenarios.pop(), rungs


def draw_rungs(axes: Axes, rungs: Sequence[Rung], windows: Sequence[float], requests: Sequence[int]) -> None:
    """Fields from white, where no trial broke, to dark, where all did; crossed out where none was tried."""
    colours = pyplot.get_cmap("Blues")
    at = {(rung.window, rung.requests): rung for rung in rungs}
    for y, count in enumerate(requests):
        for x, window in enumerate(windows):
            rung = at.get((window, count))
            if rung is None or rung.trials == 0:
                axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor="white", edgecolor=PALE, hatch="xxx"))
                continue
            share = rung.broken / rung.trials
            axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colours(0.9 * share) if share else "white",
                                     edgecolor=GREY, linewidth=0.5))
            axes.text(x, y, f"{rung.broken}/{rung.trials}", ha="center", va="center", fontsize=8,
                      color="white" if share > 0.55 else BLACK)
    axes.set_xlim(-0.5, len(windows) - 0.5)
    axes.set_ylim(-0.5, len(requests) - 0.5)
    text = EngFormatter(unit="s", sep=" ")
    axes.set_xticks(range(len(windows)), ["none" if window == 0 else text(window) for window in windows])
    axes.set_yticks(range(len(requests)), [str(count) for count in requests])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def draw_power(arguments: argparse.Namespace) -> Figure:
    scenario, rungs = read_rungs(find_input(arguments.input, "power.csv"))
    panels = list(dict.fromkeys(rung.panel for rung in rungs))[:MOST_PANELS]
    windows = sorted({rung.window for rung in rungs})
    requests = sorted({rung.requests for rung in rungs})
    columns = 1 if len(panels) == 1 or len(windows) > 9 else 2
    rows = -(-len(panels) // columns)
    width = min(14.0, max(5.5, columns * (1.2 + 0.62 * len(windows)) + 1.2))
    figure, grid = pyplot.subplots(rows, columns, sharex=True, sharey=True, squeeze=False,
                                   figsize=(width, 1.7 + rows * (0.7 + 0.38 * len(requests))), layout="constrained")
    for axes, panel in zip(grid.flat, panels):
        draw_rungs(axes, [rung for rung in rungs if rung.panel == panel], windows, requests)
        axes.set_title(panel, loc="left", fontsize=10)
    for axes in list(grid.flat)[len(panels):]:
        axes.set_axis_off()
    for axes in list(grid.flat)[:len(panels)][-columns:]:
        axes.set_xlabel("window between check and act")
        axes.tick_params(labelbottom=True)
    for axes in grid[:, 0]:
        axes.set_ylabel("requests")
    figure.suptitle(f"Where the race can be seen\n{scenario}, without a guard", fontsize=12)
    figure.supxlabel("trials that broke of those carried out; the darker, the more", fontsize=8, color=GREY)
    return figure


# --- command line ---


def picture(text: str) -> Path:
    path = Path(text)
    if path.suffix not in (".svg", ".pdf", ".png"):
        raise argparse.ArgumentTypeError(f"{text} must end in .svg, .pdf or .png")
    return path


def duration(text: str) -> float:
    """Seconds: `20ms`, `1.5s`."""
    for unit, scale in (("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3), ("s", 1.0)):
        if text.endswith(unit):
            try:
                if (seconds := float(text.removesuffix(unit)) * scale) > 0:
                    return seconds
            except ValueError:
                pass
            break
    raise argparse.ArgumentTypeError(f"'{text}' is no duration such as 20ms")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Draws what ccbench measured, from the files it wrote.")
    commands = parser.add_subparsers(required=True, metavar="PICTURE")
    drawings: list[tuple[str, str, str, Callable[[argparse.Namespace], Figure]]] = [
        ("trials", "trials", "wall time and waiting, by guard and number of requests", draw_trials),
        ("outcomes", "trials", "what the requests got, by guard", draw_outcomes),
        ("cost", "trials", "time beyond the section, by guard: trials, median and its interval", draw_cost),
        ("sweep", "trials", "time over the setting that was swept, by guard", draw_sweep),
        ("order", "trials", "time in order of execution, by guard", draw_order),
        ("ecdf", "requests", "how long requests waited, by guard", draw_ecdf),
        ("timeline", "requests", "one trial, request by request", draw_requests),
        ("blocked", "requests", "who waits and who is inside over time, by guard", draw_blocked),
        ("snapshots", "snapshots", "what the threads did over time, by guard", draw_snapshots),
        ("power", "power", "where the race can be seen: trials that broke, by window and requests", draw_power),
    ]
    which = {"timeline": "the last one", "ecdf": "all", "blocked": "the last one of every guard",
             "snapshots": "the last one of every guard"}
    for name, file, about, draw in drawings:
        aliases = ["requests"] if name == "timeline" else []
        command = commands.add_parser(name, help=about, description=about, aliases=aliases)
        command.add_argument("input", type=Path, help=f"a folder that holds {file}.csv, or the file itself")
        command.add_argument("-o", "--output", type=picture, required=True, help="an .svg, .pdf or .png file")
        command.set_defaults(draw=draw, trial=None)
        if name in which:
            command.add_argument("--trial", type=int, metavar="K", help=f"which trial; {which[name]} by default")
        if name == "timeline":
            command.add_argument("--until", type=duration, metavar="D", help="only the time up to D since the release")
        if name == "sweep":
            command.add_argument("--by", metavar="SETTING", help="the setting of the axis, where several were swept")
    return parser.parse_args()


def main() -> int:
    # Texts stay texts, to be searched and copied: in .svg in the font of the page, in .pdf with their own.
    matplotlib.rcParams.update({"svg.hashsalt": "ccbench", "svg.fonttype": "none", "pdf.fonttype": 42,
                                "hatch.linewidth": 0.6, "font.size": 9})
    arguments = parse()
    try:
        save(arguments.draw(arguments), arguments.output)
    except InputError as error:
        print(f"plot.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
