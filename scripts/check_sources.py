#!/usr/bin/env python3
"""Checks what neither the compiler nor clang-tidy checks about these sources.

  scripts/check_sources.py               the self-test, then the check: what ctest runs
  scripts/check_sources.py --self-test   only the self-test

1. Guards, stores and scenarios synchronise through their `Sync` and with nothing else, so that the
   explorer can run the same code under its own scheduler.
2. Includes point one way through the folders of src/, and only one file knows CLI11.
3. The top level holds src/, scenarios/, results/, scripts/ and files.

A check that cannot fail is worth nothing: the self-test plants a breach of every rule in a copy of the
tree and demands that each is found, and that what is allowed is not. Prints one line per finding, and
exits with 1 if there is any.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Iterator, NamedTuple


class Finding(NamedTuple):
    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


TOP_LEVEL = {"src", "scenarios", "results", "scripts"}

# What the files of a folder may include, besides their own folder. A folder of src/ that is not named
# here has no place in the arrows yet.
BELOW = {
    "core": set(),
    "schedule": {"core"},
    "sync": {"core", "schedule"},
    "stores": {"core", "sync"},
    "guards": {"core", "sync"},
    "scenarios": {"core", "sync", "stores"},
    "stats": {"core", "snapshot"},
    "snapshot": {"core", "stats"},
    "history": {"core"},
    "driver": {"core", "sync", "snapshot", "stats", "history"},
    "report": {"core", "snapshot", "stats", "driver"},
    "gate": {"core", "sync", "snapshot", "stats", "driver", "report"},
    "explore": {"core", "schedule", "sync", "history", "driver", "report"},
    "cli": {"core", "sync", "snapshot", "stats", "driver", "report", "gate", "explore"},
}

PLAIN_SYNC_ONLY = {"guards", "stores", "scenarios"}

# Names of std that wait, order, start threads, tell the time or draw numbers behind the explorer's back.
# The lock holders lock_guard, unique_lock and shared_lock only call the mutex they are given.
STD_BANNED = """
    mutex timed_mutex recursive_mutex recursive_timed_mutex shared_mutex shared_timed_mutex
    condition_variable condition_variable_any notify_all_at_thread_exit
    atomic atomic_ref atomic_flag atomic_thread_fence atomic_signal_fence
    atomic_bool atomic_int atomic_uint atomic_long atomic_ulong atomic_size_t
    thread jthread this_thread stop_source stop_token stop_callback
    counting_semaphore binary_semaphore latch barrier
    scoped_lock lock try_lock call_once once_flag
    future shared_future promise async packaged_task
    random_device mt19937 mt19937_64
""".split()
BANNED = [
    (re.compile(r"\bstd\s*::\s*(?:" + "|".join(STD_BANNED) + r")\b"), "{}"),
    (re.compile(r"\b(?:steady|system|high_resolution)_clock\b"), "{}"),
    (re.compile(r"\busing\s+namespace\s+std\b"), "{} (it hides such names)"),
    (re.compile(r"\b(?:thread_local|volatile)\b"), "{}"),
    (re.compile(r"\b(?:pthread_\w+|sem_(?:init|open|wait|post)|futex|sched_yield)\b"), "{}"),
    (re.compile(r"\b(?:usleep|nanosleep|clock_nanosleep|clock_gettime|sleep)\s*(?=\()"), "{}()"),
    (re.compile(r"\b__(?:atomic|sync)_\w+"), "{}"),
    (re.compile(r"#\s*include\s*<(?:pthread|semaphore|threads|stdatomic|linux/futex)\.h>"), "{}"),
]

SOURCE_ENDINGS = {".h", ".cc"}
# Tests and benchmarks, and the hand-written arm that ccbench is measured against.
FREE = re.compile(r"_(test|benchmark)\.(h|cc)$|_by_hand\.cc$|^src/guards/plain\.h$|^src/driver/plain_loop\.cc$")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.MULTILINE)
# A digit separator is not the start of a character literal, hence the look-behind.
NOT_CODE = re.compile(
    r'(?P<comment>//[^\n]*|/\*.*?\*/)'
    r'|(?P<raw>R"(?P<mark>[^\s()\\]{0,16})\(.*?\)(?P=mark)")'
    r'|(?P<text>"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\')',
    re.DOTALL,
)


def blanked(code: str, texts: bool) -> str:
    """`code` with comments, and literals if `texts`, as blanks; lines stay where they are."""

    def blank(match: re.Match[str]) -> str:
        if match["comment"] is None and not texts:
            return match[0]
        return re.sub(r"[^\n]", " ", match[0])

    return NOT_CODE.sub(blank, code)


def line_of(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def folder_of(path: str) -> str:
    """`guards` for src/guards/faulty/x.cc, `scenarios` for scenarios/x.cc, `main` for src/main.cc."""
    parts = path.split("/")
    if parts[0] == "scenarios":
        return "scenarios"
    return parts[1] if len(parts) > 2 else "main"


def check_plain_sync(path: str, code: str) -> Iterator[Finding]:
    if folder_of(path) not in PLAIN_SYNC_ONLY or FREE.search(path):
        return
    text = blanked(code, texts=True)
    for pattern, shape in BANNED:
        for match in pattern.finditer(text):
            what = shape.format(" ".join(match[0].split()))
            yield Finding(
                path,
                line_of(text, match.start()),
                f"{what} is out of the explorer's sight; use what Sync offers (src/sync/std_sync.h)",
            )


def check_arrows(path: str, code: str) -> Iterator[Finding]:
    folder = folder_of(path)
    if FREE.search(path) or folder == "main":
        return
    if folder not in BELOW:
        yield Finding(path, 1, f"src/{folder} has no place in the arrows; give it one in scripts/check_sources.py")
        return
    text = blanked(code, texts=False)
    for match in INCLUDE.finditer(text):
        if match[1] != '"':
            continue
        target = match[2].split("/")[0] if "/" in match[2] else ""
        line = line_of(text, match.start())
        if not target:
            yield Finding(path, line, f'"{match[2]}" hides its folder; write the path from src/')
        elif target != folder and target not in BELOW[folder]:
            allowed = ", ".join(sorted(BELOW[folder] | {folder}))
            yield Finding(path, line, f"{folder} must not depend on {target}; its includes may come from {allowed}")


def check_cli11(files: dict[str, str]) -> Iterator[Finding]:
    """One .cc pays for parsing CLI11 and is the one place to look for flags."""
    users = []
    for path, code in sorted(files.items()):
        text = blanked(code, texts=False)
        for match in INCLUDE.finditer(text):
            if match[2].startswith("CLI/") and not FREE.search(path):
                users.append(Finding(path, line_of(text, match.start()), ""))
                break
    for user in users:
        if user.path.endswith(".h"):
            yield user._replace(text="CLI11 in a header; every file that includes this one would parse it")
    sources = [user for user in users if user.path.endswith(".cc")]
    for user in sources[1:]:
        yield user._replace(text=f"CLI11 in a second file; {sources[0].path} is the one that knows it")


def top_level_folders(root: Path) -> set[str]:
    """Those that git tracks; outside a checkout, all that are there but hidden ones and build/."""
    try:
        git = subprocess.run(
            ["git", "-C", str(root), "ls-files", "-z"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        git = ""
    if git:
        return {name.split("/")[0] for name in git.split("\0") if "/" in name and not name.startswith(".")}
    return {
        entry.name
        for entry in root.iterdir()
        if entry.is_dir() and not entry.name.startswith(".") and entry.name not in {"build", "__pycache__"}
    }


def check_top_level(root: Path) -> Iterator[Finding]:
    for name in sorted(top_level_folders(root) - TOP_LEVEL):
        allowed = ", ".join(sorted(f"{folder}/" for folder in TOP_LEVEL))
        yield Finding(f"{name}/", 1, f"a folder at the top level that is none of {allowed}")


def sources_of(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
        for top in ("src", "scenarios")
        for path in sorted((root / top).rglob("*"))
        if path.suffix in SOURCE_ENDINGS
    }


def check(root: Path) -> list[Finding]:
    files = sources_of(root)
    findings = [*check_top_level(root), *check_cli11(files)]
    for path, code in files.items():
        findings += check_plain_sync(path, code)
        findings += check_arrows(path, code)
    return sorted(findings)


class Plant(NamedTuple):
    """A file to put into a copy of the tree, and a part of what must be said of it.

    None: nothing may be said. Empty: not judged, there only for others to trip over.
    """

    path: str
    code: str
    expected: str | None


def sync_plants() -> Iterator[Plant]:
    # Named again, so that one that falls out of the list above is missed here.
    essential = "mutex recursive_mutex shared_mutex condition_variable atomic thread jthread this_thread"
    for name in {*essential.split(), "counting_semaphore", "latch", "scoped_lock", *STD_BANNED}:
        yield Plant(f"src/guards/faulty/plant_{name}.cc", f"std::{name} x;\n", f"std::{name} ")
    others = {
        "clock": "auto t = std::chrono::steady_clock::now();",
        "using": "using namespace std;",
        "thread_local": "static thread_local int x;",
        "volatile": "volatile int flag;",
        "pthread": "pthread_mutex_lock(&m);",
        "usleep": "usleep(5);",
        "nanosleep": "::nanosleep(&t, nullptr);",
        "builtin": "__atomic_load_n(&x, 0);",
        "header": "#include <pthread.h>",
    }
    for name, code in others.items():
        yield Plant(f"scenarios/plant_{name}.cc", "// A line above.\n" + code + "\n", ":2: ")
    yield Plant("src/stores/plant.h", "std::mutex m;", "std::mutex ")
    yield Plant("src/guards/plant_separator.cc", "int n = 1'000; std::mutex m; int k = 2'000;", "std::mutex ")
    allowed = {
        "holders": "std::lock_guard a(m); std::unique_lock b(m); std::shared_lock c(m);",
        "order": "x.load(std::memory_order_relaxed); std::exception_ptr e;",
        "sync": "typename Sync::mutex m; typename Sync::thread t; Sync::sleep_for(d);",
        "comment": "// A std::mutex per key.\n/* or a\n std::thread */ int x;",
        "text": 'const char* about = "one std::mutex \\" for all"; char q = \'"\'; auto r = R"(std::atomic)";',
    }
    for name, code in allowed.items():
        yield Plant(f"src/guards/allowed_{name}.cc", code, None)
    yield Plant("src/guards/allowed_test.cc", '#include "driver/run.h"\nstd::mutex m;', None)
    yield Plant("src/driver/allowed_mutex.cc", "std::mutex m;", None)


def arrow_plants() -> Iterator[Plant]:
    def place(folder: str) -> str:
        return "scenarios" if folder == "scenarios" else f"src/{folder}"

    for folder, below in BELOW.items():
        for target in (set(BELOW) | {"newcomer"}) - below - {folder}:
            code = f'#include "{target}/x.h"\n'
            yield Plant(f"{place(folder)}/plant_{target}.h", code, f"{folder} must not depend on {target};")
        code = "".join(f'#include "{target}/x.h"\n' for target in below | {folder})
        yield Plant(f"{place(folder)}/allowed_arrows.cc", code, None)
        yield Plant(f"{place(folder)}/allowed_benchmark.cc", '#include "cli/options.h"\n', None)
    yield Plant("src/core/plant_bare.cc", '#include "guard.h"\n', "hides its folder")
    yield Plant("src/newcomer/plant.cc", "", "has no place in the arrows")
    yield Plant("src/core/allowed_comment.cc", '// #include "cli/options.h"\n', None)
    yield Plant("src/cli/plant_0.cc", "#include <CLI/CLI.hpp>\n", "")
    yield Plant("src/cli/plant_1.cc", "#include <CLI/App.hpp>\n", "CLI11 in a second file")
    yield Plant("src/cli/plant_2.h", "#include <CLI/CLI.hpp>\n", "CLI11 in a header")
    yield Plant("src/cli/allowed_test.cc", "#include <CLI/CLI.hpp>\n", None)


def self_test(root: Path) -> list[str]:
    """What the check missed or wrongly found in a copy of the tree with all breaches planted."""
    plants = [*sync_plants(), *arrow_plants(), Plant("docs/plant.md", "", "at the top level")]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for top in TOP_LEVEL:
            if (root / top).is_dir():
                shutil.copytree(root / top, copy / top, ignore=shutil.ignore_patterns("__pycache__"))
        before = set(check(copy))
        for plant in plants:
            path = copy / plant.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(plant.code, encoding="utf-8")
        found = [str(finding) for finding in check(copy) if finding not in before]
    problems = []
    for plant in plants:
        mine = [line for line in found if line.startswith((f"{plant.path}:", f"{plant.path.split('/')[0]}/:"))]
        if plant.expected and not any(plant.expected in line for line in mine):
            problems.append(f"self-test: a breach in {plant.path} was not found; expected '{plant.expected}'")
        if plant.expected is None and mine:
            problems.append(f"self-test: what is allowed was found: {mine[0]}")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--self-test", action="store_true", help="only show that the check can fail")
    arguments = parser.parse_args()
    root = Path(__file__).resolve().parent.parent
    lines = self_test(root)
    if not arguments.self_test and not lines:
        lines = [str(finding) for finding in check(root)]
    for line in lines:
        print(line)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
