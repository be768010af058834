#!/usr/bin/env python3
"""`ccbench gate` as CI runs it: real processes, real files. Usage: gate_command_test.py CCBENCH [unittest args]

Whether it is red for a slow-down is not asked here, because that takes a machine and minutes: `ccbench gate --self-test`
and scripts/measure_gate.py do. Here looks are few and small, so that the words may be any; how they follow from the
values is computed again.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy
import scipy.stats

CCBENCH = ""
# Small, and with sleeps so that a control breaks in every trial.
QUICK = ["--scenario=counter", "--requests=40", "--threads=4", "--work=1ms", "--work-kind=sleep", "--looks=6,8",
         "--repeat=1", "--trials=2", "--no-progress", "--seed=1"]


def run(*flags: str, **more) -> subprocess.CompletedProcess:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GITHUB_")}
    environment.update(more.pop("environment", {}))
    return subprocess.run([CCBENCH, "gate", *flags], capture_output=True, text=True, timeout=300, env=environment, **more)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


class Folder(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)


def judged_again(metric: dict, threshold: float) -> tuple[str, float, float, float]:
    """By scipy: the percentile bootstrap of the median in its limit is a question about binomial numbers."""
    ratios = sorted(candidate / base for base, candidate in metric["values"])
    count = len(ratios)
    half = -(-count // 2)
    reaches = scipy.stats.binom.sf(half - 1, count, numpy.arange(1, count + 1) / count)
    low_rank = int(numpy.argmax(reaches >= metric["alpha"])) + 1
    low, high = ratios[low_rank - 1], ratios[count - low_rank]
    median = float(numpy.quantile(ratios, 0.5, method="inverted_cdf"))
    if low > 1 and median > 1 + threshold:
        return "regressed", median, low, high
    if high < 1 and median < 1 / (1 + threshold):
        return "improved", median, low, high
    return ("pass" if high < 1 + threshold else "inconclusive"), median, low, high


class Comparing(Folder):
    def test_the_statistics_are_those_of_scipy(self) -> None:
        report = self.folder / "gate.json"
        result = run(f"--base={CCBENCH}", "--guard=synchronized,global", "--metric=wall,wait_max", *QUICK, f"--json={report}")
        self.assertIn(result.returncode, (0, 4), result.stderr)
        gate = json.loads(report.read_text())
        self.assertEqual(gate["schema"], "ccbench.gate/1")
        self.assertTrue(gate["same_program"])
        metrics = [metric for contest in gate["contests"] for metric in contest["metrics"]]
        self.assertEqual(len(metrics), 4)
        for metric in metrics:
            word, median, low, high = judged_again(metric, gate["config"]["threshold"])
            self.assertEqual(metric["verdict"], word)
            for name, value in (("ratio", median), ("low", low), ("high", high)):
                self.assertAlmostEqual(metric[name], value, places=9)
            # And what is checked can fail: every pair turned round is another word, or another ratio.
            turned = dict(metric, values=[[candidate, base] for base, candidate in metric["values"]])
            if abs(median - 1) > 1e-6:
                self.assertNotAlmostEqual(judged_again(turned, 0.1)[1], median, places=9)

    def test_all_files_are_of_one_gate(self) -> None:
        files = {name: self.folder / name for name in ("json", "csv", "junit", "markdown", "bencher", "github-benchmark")}
        result = run(f"--base={CCBENCH}", "--guard=synchronized", "--metric=wall,wait_max", *QUICK, *(f"--{name}={path}" for name, path in files.items()))
        self.assertIn(result.returncode, (0, 4), result.stderr)
        gate = json.loads(files["json"].read_text())
        rows = rows_of(files["csv"])
        self.assertEqual({row["role"] for row in rows}, {"base", "candidate"})
        # One metric may be decided at an earlier look than the other.
        pairs = max(len(metric["values"]) for metric in gate["contests"][0]["metrics"])
        self.assertEqual(len(rows), pairs * 2)
        self.assertEqual([row["trial"] for row in rows], [str(number) for number in range(1, len(rows) + 1)])
        for metric in gate["contests"][0]["metrics"]:
            column = {"wall": "wall_ns", "wait_max": "wait_max_ns"}[metric["name"]]
            base = [int(row[column]) for row in rows if row["role"] == "base" and row[column]]
            self.assertEqual([value for value, _ in metric["values"]], base[:len(metric["values"])])
        suites = ElementTree.parse(files["junit"]).getroot()
        names = {suite.get("name") for suite in suites}
        self.assertLessEqual({"ccbench.correctness", "ccbench.performance"}, names)
        self.assertIn("| synchronized | wall |", files["markdown"].read_text())
        self.assertIn("synchronized", json.loads(files["bencher"].read_text()))
        self.assertTrue(json.loads(files["github-benchmark"].read_text()))
        self.assertIn("synchronized", result.stdout)

    def test_a_candidate_that_is_wrong_is_red_with_the_command_that_repeats_it(self) -> None:
        report, junit = self.folder / "gate.json", self.folder / "junit.xml"
        result = run("--base-guard=synchronized", "--candidate-guard=faulty-read-lock", *QUICK, f"--json={report}", f"--junit={junit}")
        self.assertEqual(result.returncode, 3, result.stderr)
        contest = json.loads(report.read_text())["contests"][0]
        self.assertEqual((contest["candidate"]["verdict"], contest["metrics"]), ("VIOLATION", []))
        self.assertGreater(int(ElementTree.parse(junit).getroot().get("failures")), 0)
        command = contest["candidate"]["repeated_by"]
        self.assertIn("--guard=faulty-read-lock", command)
        again = subprocess.run([CCBENCH, *command.split()[1:]], capture_output=True, timeout=120)
        self.assertEqual(again.returncode, 3)

    def test_a_base_that_is_wrong_is_not_held_against_the_candidate(self) -> None:
        result = run("--base-guard=faulty-read-lock", "--candidate-guard=synchronized", *QUICK)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("not judged", result.stdout)

    def test_where_no_control_breaks_nothing_is_known(self) -> None:
        # Its microseconds are not what is judged.
        still = ["--scenario=lotto-purchase", "--requests=1", "--payment=0", "--db=0", "--threshold=1000%", *QUICK[5:]]
        self.assertEqual(run(f"--base={CCBENCH}", "--guard=synchronized", *still).returncode, 5)
        self.assertEqual(run(f"--base={CCBENCH}", "--guard=synchronized", *still, "--inconclusive=ok").returncode, 0)

    def test_two_configuration_files_are_two_arms(self) -> None:
        for name, guard in (("a", "synchronized"), ("b", "global")):
            (self.folder / name).write_text(f'guard = "{guard}"\nscenario = "counter"\nrequests = 40\nthreads = 4\n'
                                            'work = "1ms"\nwork-kind = "sleep"\n')
        result = run(f"--base-config={self.folder}/a", f"--candidate-config={self.folder}/b", *QUICK[5:])
        self.assertIn(result.returncode, (0, 4), result.stderr)
        self.assertIn("synchronized → global", result.stdout)


class AgainstABaseline(Folder):
    def setUp(self) -> None:
        super().setUp()
        self.baseline = self.folder / "baseline.csv"
        code = subprocess.run([CCBENCH, *QUICK[:5], "--guard=synchronized,global,cas", "--trials=8", "--seed=1", "--quiet",
                               "--no-progress", f"--csv={self.baseline}"], capture_output=True, timeout=120).returncode
        self.assertEqual(code, 0)

    def refused(self) -> str:
        result = run(f"--baseline={self.baseline}", "--no-progress")
        self.assertEqual(result.returncode, 7, result.stdout + result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1, "one sentence")
        return result.stderr

    def test_times_of_another_day_are_shown(self) -> None:
        shown = run(f"--baseline={self.baseline}", "--no-progress").stdout
        self.assertRegex(" ".join(shown.split()), r"synchronized: median wall \S+ \S+ then, \S+ \S+ now \(of another day: not judged\)")

    def test_what_is_as_it_was_passes(self) -> None:
        result = run(f"--baseline={self.baseline}", "--no-progress", "--threshold=500%")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_a_count_that_has_changed_is_a_violation(self) -> None:
        text = self.baseline.read_text()
        changed = text.replace(",guard,synchronized,", ",guard,cas_,").replace(",guard,cas,", ",guard,synchronized,")
        self.baseline.write_text(changed.replace(",guard,cas_,", ",guard,cas,"))
        self.assertEqual(run(f"--baseline={self.baseline}", "--no-progress").returncode, 3)

    def test_what_cannot_be_used_is_answered_by_a_sentence(self) -> None:
        whole = self.baseline.read_text()
        for text, words in (("", "is empty"), (whole[:len(whole) // 2], "has no end"), ("a,b\n1,2\n", "no column schema"),
                            (whole.replace("trials/1", "trials/2"), "ccbench.trials/2"),
                            (whole.splitlines(keepends=True)[0], "no trial of a guard"),
                            (whole.replace(",synchronized,", ",mutex-of-another,"), "no guard 'mutex-of-another'")):
            with self.subTest(words):
                self.baseline.write_text(text)
                self.assertIn(words, self.refused())
        self.baseline.unlink()
        self.assertIn("No such file", self.refused())


class Surroundings(Folder):
    def test_what_is_no_ccbench_is_no_base(self) -> None:
        for program in ("/bin/true", "/bin/cat", str(self.folder), "/nowhere/ccbench"):
            result = run(f"--base={program}", "--guard=cas", *QUICK)
            self.assertEqual(result.returncode, 7, program)
            self.assertIn(program if program != "/bin/true" else "true", result.stdout + result.stderr)

    def test_a_file_that_cannot_be_written_costs_no_measurement(self) -> None:
        begin = time.monotonic()
        result = run(f"--base={CCBENCH}", "--guard=cas", "--json=/nowhere/gate.json", "--no-progress")
        self.assertEqual(result.returncode, 2)
        self.assertIn("/nowhere/gate.json", result.stderr)
        self.assertLess(time.monotonic() - begin, 30)

    def test_wrong_flags_are_answered_by_a_sentence(self) -> None:
        base = f"--base={CCBENCH}"
        for flags, word in (([], "say what to compare"), ([base], "--guard"), ([base, "--guard=none"], "none"),
                            ([base, "--guard=cas", "--looks=20,10"], "ascend"), ([base, "--guard=cas", "--threshold=0"], "share"),
                            ([base, "--guard=cas", "--metric=wal"], "wall"), (["--base-guard=cas"], "--candidate-guard"),
                            ([base, "--self-test"], "one thing"), ([base, "--guard=cas", "--requests=2,3"], "one value"),
                            ([base, "--guard=cas", "--html=x"], "no such file"), ([base, "--guard=cas", "--control=never"], "itself"),
                            (["--baseline=x", "--guard=cas"], "stands in the baseline"), ([base, "--guard=cas", "--repeat=0"], "1 to 99")):
            result = run(*flags)
            self.assertEqual(result.returncode, 2, (flags, result.stderr))
            self.assertIn(word, result.stderr)
            self.assertEqual(result.stderr.count("\n"), 1, flags)

    def test_a_signal_leaves_valid_files_and_no_process(self) -> None:
        report, junit, rows = self.folder / "gate.json", self.folder / "junit.xml", self.folder / "rows.csv"
        gate = subprocess.Popen([CCBENCH, "gate", f"--base={CCBENCH}", "--guard=synchronized", "--scenario=counter", "--requests=40",
                                 "--threads=4", "--work=2ms", "--work-kind=sleep", "--no-progress", f"--json={report}", f"--junit={junit}",
                                 f"--csv={rows}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        time.sleep(2)
        gate.send_signal(signal.SIGTERM)
        gate.communicate(timeout=60)
        self.assertEqual(gate.returncode, 143)
        self.assertEqual(json.loads(report.read_text())["exit_code"], 143)
        ElementTree.parse(junit)
        rows_of(rows)
        # Each arm is of a group of its own, and of this session.
        sessions = subprocess.run(["ps", "-o", "pid=", "--sid", str(gate.pid)], capture_output=True, text=True).stdout.split()
        self.assertEqual(sessions, [])

    def test_github_gets_annotations_and_a_summary(self) -> None:
        summary = self.folder / "summary.md"
        result = run("--base-guard=synchronized", "--candidate-guard=faulty-read-lock", *QUICK,
                     environment={"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)})
        self.assertEqual(result.returncode, 3)
        self.assertRegex(result.stdout, r"(?m)^::error title=")
        self.assertIn("faulty-read-lock", summary.read_text())
        self.assertNotIn("::error", run("--base-guard=synchronized", "--candidate-guard=faulty-read-lock", *QUICK).stdout)

    def test_init_writes_once(self) -> None:
        first = run("init", str(self.folder))
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertTrue(list(self.folder.glob(".github/workflows/*.yml")))
        before = {path: path.read_text() for path in self.folder.rglob("*") if path.is_file()}
        again = run("init", str(self.folder))
        self.assertNotEqual(again.returncode, 0)
        self.assertEqual({path: path.read_text() for path in self.folder.rglob("*") if path.is_file()}, before)

    def test_help_and_dry_run_measure_nothing(self) -> None:
        self.assertIn("--self-test", run("--help").stdout)
        dry = run(f"--base={CCBENCH}", "--guard=cas,global", "--dry-run")
        self.assertEqual(dry.returncode, 0)
        self.assertIn("--guard=global", dry.stdout)


if __name__ == "__main__":
    CCBENCH = os.path.realpath(sys.argv.pop(1))
    unittest.main()
