#!/usr/bin/python3
"""Draws what ccbench measured, from the files it wrote.

  scripts/plot.py trials results/run -o wall.svg       wall time and waiting, by guard and requests
  scripts/plot.py requests results/run -o lines.png    one trial, request by request
  scripts/plot.py snapshots results/run -o blocked.png  blocked threads over time, by guard

The input is a folder written by `ccbench --out`, or the CSV file itself. Needs matplotlib, which
`scripts/setup.sh test` installs. Exit codes: 0, 2 for input that cannot be drawn, 7 without matplotlib.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterable, Iterator, Sequence

try:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.axes import Axes
    from matplotlib.collections import LineCollection
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.ticker import EngFormatter, FixedLocator, MaxNLocator, NullFormatter, NullLocator
except ImportError:
    print("plot.py: needs matplotlib; scripts/setup.sh test installs it for /usr/bin/python3", file=sys.stderr)
    sys.exit(7)

# Okabe and Ito's palette: told apart with any colour vision.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY, PALE = "#8A8A8A", "#E4E4E4"
SERIES_COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
SERIES_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")

WORST_FIRST = ("VIOLATION", "CRASHED", "HUNG", "ERROR", "INCONCLUSIVE", "OK")
WAITS = (("wait_p50_ns", "p50", "o", SKY), ("wait_p99_ns", "p99", "s", BLUE), ("wait_max_ns", "maximum", "^", BLACK))

# What counts as far enough apart for a logarithmic axis.
LOG_RATIO = 50


class InputError(Exception):
    """One sentence for the person who gave the input."""


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
    requests: int
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
        values = [seconds for row in self.rows if (seconds := seconds_in(row, column)) is not None]
        return Span(min(values), statistics.median(values), max(values)) if values else None


# --- reading ---


def number_in(row: dict[str, str], column: str) -> int:
    try:
        return int(row[column])
    except ValueError:
        raise InputError(f"'{row[column]}' in column {column} is not a whole number") from None


def seconds_in(row: dict[str, str], column: str) -> float | None:
    """Nothing where it was not measured."""
    return number_in(row, column) / 1e9 if row[column] else None


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


def read_cells(path: Path) -> list[Cell]:
    columns = "schema verdict guard role scenario requests threads keys params wall_ns".split()
    columns += [wait[0] for wait in WAITS]
    rows = list(read_rows(path, "ccbench.trials/1", columns))
    if not rows:
        raise InputError(f"{path} holds no trials")
    if len({row["scenario"] for row in rows}) > 1:
        raise InputError(f"{path} holds several scenarios, which are not to be compared with each other")
    groups: dict[tuple[str, ...], list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        groups[row["guard"], row["role"], row["requests"], setting_of(row)].append(row)
    several = len({key[3] for key in groups}) > 1
    return [
        Cell(guard, role, number_in(trials[0], "requests"), setting if several else "", trials)
        for (guard, role, _, setting), trials in groups.items()
    ]


def setting_of(row: dict[str, str]) -> str:
    """All that makes a cell besides guard and requests; a pool only where there is one."""
    parts = [f"keys={row['keys']}"]
    if row["threads"] != row["requests"]:
        parts.append(f"threads={row['threads']}")
    return " ".join([*parts, *filter(None, row["params"].split(";"))])


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
    metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
    try:
        figure.savefig(path, dpi=150, metadata=metadata)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error


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
    if len(requests) == 1:
        parts.append(plural(requests.pop(), "request"))
    settings = {setting_of(row) for row in rows}
    if len(settings) == 1:
        parts.append(settings.pop().replace("keys=1", "1 key").replace("keys=", "keys "))
    return f"{what}\n{', '.join(parts)}"


def draw_span(axes: Axes, y: float, span: Span | None, marker: str, colour: str, hollow: bool) -> None:
    if span is None:
        return
    axes.plot([span.least, span.most], [y, y], color=colour, linewidth=1.5, solid_capstyle="butt")
    face = "white" if hollow else colour
    axes.plot([span.median], [y], marker=marker, color=colour, markerfacecolor=face, markersize=7, linestyle="")


def ranked(cells: Sequence[Cell]) -> list[Cell]:
    """The guards that held by wall time, then those that did not, which have no rank."""

    def place(cell: Cell) -> tuple[int, float]:
        wall = cell.span("wall_ns")
        if cell.wrong:
            return WORST_FIRST[::-1].index(cell.verdict), 0.0
        return 0, wall.median if wall else float("inf")

    return sorted(cells, key=place)


def spans_of(cells: Iterable[Cell], columns: Iterable[str]) -> list[float]:
    columns = list(columns)
    found = (cell.span(column) for cell in cells for column in columns)
    return [value for span in found if span for value in (span.least, span.median, span.most)]


def draw_by_guard(cells: Sequence[Cell]) -> Figure:
    """One row per guard: wall time on the left, waiting on the right."""
    cells = ranked(cells)
    height = 1.9 + 0.5 * len(cells)
    figure, (left, right) = pyplot.subplots(1, 2, sharey=True, figsize=(10.5, height), layout="constrained")
    for y, cell in enumerate(cells):
        colour = GREY if cell.wrong else BLUE
        wall = cell.span("wall_ns")
        draw_span(left, y, wall, "o", colour, hollow=cell.wrong)
        if wall:
            label = EngFormatter(unit="s", places=3, sep=" ")(wall.median)
            left.annotate(label, (wall.median, y), (0, 7), textcoords="offset points", ha="center", fontsize=7.5,
                          color=GREY if cell.wrong else BLACK)
        for offset, (column, _, marker, colour) in zip((-0.22, 0.0, 0.22), WAITS):
            draw_span(right, y + offset, cell.span(column), marker, GREY if cell.wrong else colour, hollow=cell.wrong)
        if cell.wrong:
            for axes in (left, right):
                axes.axhspan(y - 0.5, y + 0.5, facecolor="none", edgecolor=PALE, hatch="///", linewidth=0, zorder=0)
    scale_time(left, spans_of(cells, ["wall_ns"]), horizontal=True)
    scale_time(right, spans_of(cells, [wait[0] for wait in WAITS]), horizontal=True)
    names = [f"{cell.name}\n{cell.verdict}" if cell.wrong else cell.name for cell in cells]
    left.set_yticks(range(len(cells)), names)
    left.set_ylim(len(cells) - 0.5, -0.5)
    for label, cell in zip(left.get_yticklabels(), cells):
        label.set_color(GREY if cell.wrong else BLACK)
    left.set_xlabel("wall time, release to last end")
    right.set_xlabel("waiting, start to section or answer")
    for axes in (left, right):
        plain(axes)
        axes.tick_params(axis="y", length=0)
    measured = [wait for wait in WAITS if spans_of(cells, [wait[0]])]
    handles = [Line2D([], [], marker=m, color=c, linestyle="", label=name) for _, name, m, c in measured]
    if any(cell.wrong for cell in cells):
        handles.append(Line2D([], [], marker="o", color=GREY, markerfacecolor="white", linestyle="", label="not OK"))
    right.legend(handles=handles, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, title="waiting")
    figure.suptitle(title_of(cells, "Wall time and waiting by guard"), fontsize=12)
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
    for cell in cells:
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


# --- requests ---

PHASES = {
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


def read_trial(path: Path, wanted: int | None) -> tuple[int, list[Line]]:
    """The trial asked for, or the last one."""
    columns = "trial outcome start_ns enter_ns leave_ns end_ns".split()
    trial: int | None = wanted
    lines: list[Line] = []
    seen: set[int] = set()
    for row in read_rows(path, "ccbench.requests/1", columns):
        number = number_in(row, "trial")
        seen.add(number)
        if wanted is None and (trial is None or number > trial):
            trial, lines = number, []
        if number == trial:
            lines.append(Line(row["outcome"], *(seconds_in(row, column) for column in columns[2:])))
    if not seen:
        raise InputError(f"{path} holds no requests")
    if trial is None or not lines:
        raise InputError(f"{path} holds no trial {wanted}, only {', '.join(map(str, sorted(seen)))}")
    return trial, lines


def stretches(line: Line, last: float) -> Iterator[tuple[str, float, float]]:
    """Phase, beginning and end of each stretch of a request; what never ended lasts until `last`."""
    if line.start is None:
        return
    end = last if line.end is None else line.end
    if line.enter is None:
        yield ("waiting" if line.end is not None else "unfinished, never entered"), line.start, end
        return
    yield "waiting", line.start, line.enter
    if line.leave is None:
        yield ("in the section" if line.end is not None else "unfinished, entered"), line.enter, end
        return
    yield "in the section", line.enter, line.leave
    yield "after it", line.leave, end


def draw_lines(axes: Axes, lines: Sequence[Line], last: float, points_per_row: float) -> list[Line2D]:
    """The stretches, and the legend of those that there are."""
    segments: dict[str, list[list[tuple[float, float]]]] = {phase: [] for phase in PHASES}
    for y, line in enumerate(lines):
        for phase, begin, end in stretches(line, last):
            if end > begin:
                segments[phase].append([(begin, y), (end, y)])
    handles = []
    for phase, colour in PHASES.items():
        if not segments[phase]:
            continue
        # With gaps while they can be seen. Sections stay visible however many others wait.
        dense = points_per_row < 3
        width = max(points_per_row, 0.5) if dense else min(9.0, 0.75 * points_per_row)
        inside = phase in ("in the section", "unfinished, entered")
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


def trial_name(given: Path, trial: int) -> str:
    """What trials.csv beside the requests tells of the trial."""
    beside = (given if given.is_dir() else given.parent) / "trials.csv"
    if beside.is_file():
        for row in read_rows(beside, "ccbench.trials/1", ["trial", "guard", "scenario", "verdict"]):
            if row["trial"] == str(trial):
                return f"{row['scenario']} under {row['guard']}: {row['verdict']} (trial {trial})"
    return f"trial {trial}"


def draw_requests(arguments: argparse.Namespace) -> Figure:
    trial, lines = read_trial(find_input(arguments.input, "requests.csv"), arguments.trial)
    never_started = float("inf")
    lines.sort(key=lambda line: never_started if line.start is None else line.start)
    times = [time for line in lines for time in (line.start, line.enter, line.leave, line.end) if time is not None]
    last = max(times, default=0.0) or 1.0
    unfinished = sum(line.end is None for line in lines)
    if unfinished:
        last *= 1.05

    height = min(6.5, max(3.2, 2.0 + 0.16 * len(lines)))
    figure, axes = pyplot.subplots(figsize=(10.5, height), layout="constrained")
    points_per_row = (height - 1.4) * 72 / len(lines)
    handles = draw_lines(axes, lines, last, points_per_row)
    handles += draw_ends(axes, lines, points_per_row, clip=arguments.until is not None)
    unstarted = sum(line.start is None for line in lines)
    if unfinished:
        words = f"unfinished: {unfinished}" + (f" ({unstarted} never started)" if unstarted else "")
        handles.append(Line2D([], [], linestyle="", label=words))
    axes.set_xlim(min([0.0, *times]), arguments.until or last * 1.01)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.xaxis.set_major_formatter(EngFormatter(unit="s", sep=" "))
    axes.grid(True, axis="x", color=PALE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_yticks([])
    plain(axes)
    axes.set_xlabel("time since the release")
    axes.set_ylabel(f"{plural(len(lines), 'request')}, in order of their starts")
    axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False)
    figure.suptitle(f"Where each request was\n{trial_name(arguments.input, trial)}", fontsize=12)
    return figure


# --- snapshots ---

# From the bottom: what stands in another's way is read off the axis.
STATES = {
    "BLOCKED": ("blocked", VERMILION),
    "WAITING": ("waiting", ORANGE),
    "TIMED_WAITING": ("sleeping, or waiting with a limit", SKY),
    "IN_SYSCALL": ("in a system call", PURPLE),
    "RUNNABLE": ("running, or waiting for a CPU", GREEN),
    "": ("not known", GREY),
    "TERMINATED": ("finished", PALE),
}
PLACES = {
    "guard": ("in the guard", VERMILION),
    "barrier": ("at the start barrier", ORANGE),
    "step": ("in the section", BLUE),
    "finished": ("finished", PALE),
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
        return self.guard if self.verdict in ("OK", "") else f"{self.guard}: {self.verdict}"

    @property
    def knows_states(self) -> bool:
        """Whether anybody but the threads themselves was asked: they only tell that they have finished."""
        found = {state for moment in self.states.values() for state in moment}
        return "" not in found or bool(found - {"", "TERMINATED"})


def read_stories(path: Path, wanted: int | None) -> list[Story]:
    """The trial asked for; without that, the last one of every guard, or every one where no guards are known."""
    stories: dict[int, Story] = {}
    for row in read_rows(path, "ccbench.snapshots/1", "trial t_ns state phase".split()):
        trial = number_in(row, "trial")
        story = stories.setdefault(trial, Story(trial, "", "", "", {}, {}))
        moment = number_in(row, "t_ns") / 1e9
        for counts, what in ((story.states, row["state"]), (story.places, row["phase"].partition(":")[0])):
            of_moment = counts.setdefault(moment, defaultdict(int))
            of_moment[what] += 1
    if not stories:
        raise InputError(f"{path} holds no snapshots")
    if wanted is not None and wanted not in stories:
        raise InputError(f"{path} holds no trial {wanted}, only {', '.join(map(str, sorted(stories)))}")
    beside = path.parent / "trials.csv"
    if beside.is_file():
        for row in read_rows(beside, "ccbench.trials/1", ["trial", "scenario", "guard", "role", "verdict"]):
            if (story := stories.get(number_in(row, "trial"))) is not None:
                story.guard = f"{row['guard']} (control)" if row["role"] == "control" else row["guard"]
                story.verdict = row["verdict"] if row["role"] != "control" else ""
                story.scenario = row["scenario"]
    if wanted is not None:
        return [stories[wanted]]
    last = {story.guard or f"{story.trial}": story for _, story in sorted(stories.items())}
    return sorted(last.values(), key=lambda story: (not story.guard.endswith("(control)"), story.guard, story.trial))


def draw_story(axes: Axes, story: Story, by_state: bool, width: float) -> None:
    """One bar for each snapshot. Between them nobody looked, so that nothing is drawn there."""
    counts = story.states if by_state else story.places
    moments = sorted(counts)
    floor = [0] * len(moments)
    for what, (_, colour) in (STATES if by_state else PLACES).items():
        heights = [counts[moment].get(what, 0) for moment in moments]
        if any(heights):
            axes.bar(moments, heights, width, bottom=floor, color=colour, linewidth=0)
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
        axes.set_title(story.name, loc="left", fontsize=10)
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
    handles = [Line2D([], [], color=colour, linewidth=7, label=label)
               for what, (label, colour) in reversed((STATES if by_state else PLACES).items()) if what in seen]
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


# --- command line ---


def picture(text: str) -> Path:
    path = Path(text)
    if path.suffix not in (".svg", ".png"):
        raise argparse.ArgumentTypeError(f"{text} must end in .svg or .png")
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
    commands = parser.add_subparsers(required=True, metavar="trials|requests|snapshots")
    drawings: list[tuple[str, str, Callable[[argparse.Namespace], Figure]]] = [
        ("trials", "wall time and waiting, by guard and number of requests", draw_trials),
        ("requests", "one trial, request by request", draw_requests),
        ("snapshots", "blocked threads over time, by guard", draw_snapshots),
    ]
    for name, about, draw in drawings:
        command = commands.add_parser(name, help=about, description=about)
        command.add_argument("input", type=Path, help=f"a folder that holds {name}.csv, or the file itself")
        command.add_argument("-o", "--output", type=picture, required=True, help="an .svg or .png file")
        command.set_defaults(draw=draw, trial=None)
        if name != "trials":
            which = "the last one" if name == "requests" else "the last one of every guard"
            command.add_argument("--trial", type=int, metavar="K", help=f"which trial; {which} by default")
        if name == "requests":
            command.add_argument("--until", type=duration, metavar="D", help="only the time up to D since the release")
    return parser.parse_args()


def main() -> int:
    matplotlib.rcParams.update({"svg.hashsalt": "ccbench", "hatch.linewidth": 0.6, "font.size": 9})
    arguments = parse()
    try:
        save(arguments.draw(arguments), arguments.output)
    except InputError as error:
        print(f"plot.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
