#!/usr/bin/env python3
"""Runs the real ccbench: exit codes, files, signals, bad input. Usage: command_line_test.py CCBENCH [unittest args]"""

from __future__ import annotations

import csv
import fcntl
import io
import itertools
import json
import os
import pty
import re
import resource
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest
from pathlib import Path

CCBENCH = ""

TRIALS_HEADER = (
    "schema,run_id,trial,role,guard,scenario,store,processes,requests,threads,keys,seed,section_ns,verdict,success,"
    "shared,refused,turned_away,cancelled,timed_out,error,expected_success,violations,effects,wall_ns,cpu_user_ns,"
    "cpu_sys_ns,ctx_voluntary,ctx_involuntary,start_spread_ns,in_flight_peak,wait_p50_ns,wait_p99_ns,wait_max_ns,"
    "hold_p50_ns,latency_p50_ns,latency_p99_ns,latency_max_ns,blocked_peak,fairness_jain,exit_code,started_unix_ns,"
    "load1,cpus,compiler,build_type,sanitizer,version,unfinished,params,pair,rep,order,host,cpu_model,perturbed"
)
REQUESTS_HEADER = "schema,run_id,trial,request,thread,key,kind,outcome,reason,start_ns,enter_ns,leave_ns,end_ns,steps"
SNAPSHOTS_HEADER = (
    "schema,run_id,trial,snapshot,t_ns,thread,tid,state,java_state,phase,lock,lock_kind,owner_thread,stable,stack"
)
QUICK = ["--payment=50ms", "--db=20ms"]


def run(*flags: str, **options) -> subprocess.CompletedProcess:
    options.setdefault("timeout", 120)
    return subprocess.run([CCBENCH, *flags], capture_output=True, text=True, **options)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def children_of(process: int) -> list[int]:
    path = Path(f"/proc/{process}/task/{process}/children")
    return [int(child) for child in path.read_text().split()]


def wait_until(condition, what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain until {what}")
        time.sleep(0.01)


def is_gone(process: int) -> bool:
    try:
        return ") Z" in Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return True


def threads_of(process: int) -> int:
    try:
        return len(os.listdir(f"/proc/{process}/task"))
    except FileNotFoundError:
        return 0


def sleeps_once(process: int) -> bool:
    try:
        return sleepers_of(process) == 1
    except FileNotFoundError:
        return False


def sleepers_of(process: int, in_call: str = "nanosleep") -> int:
    places = [Path(f"/proc/{process}/task/{thread}/wchan").read_text() for thread in os.listdir(f"/proc/{process}/task")]
    return sum(in_call in place for place in places)


class WithFolder(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)

    def start(self, *flags: str, stderr=subprocess.PIPE) -> subprocess.Popen:
        process = subprocess.Popen([CCBENCH, *flags], stdout=subprocess.PIPE, stderr=stderr, text=True)
        self.addCleanup(self.stop, process)
        return process

    @staticmethod
    def stop(process: subprocess.Popen) -> None:
        process.kill()
        process.communicate()

    def trial_of(self, process: subprocess.Popen, threads: int = 10) -> int:
        """The process of the running trial, once it has that many threads besides its first.

        The processes before it measure the harness, with one worker.
        """
        found: list[int] = []

        def runs() -> bool:
            found[:] = [child for child in children_of(process.pid) if threads_of(child) > threads]
            return bool(found)

        wait_until(runs, "a trial and its threads run")
        return found[0]


    def trial_with_one_sleeper(self, process: subprocess.Popen) -> int:
        """The process of the running trial, once one worker is left and has slept for 20 looks in a row.

        Nobody sleeps for that long in the processes before it.
        """
        looks: list[int] = []

        def sleeps() -> bool:
            asleep = [child for child in children_of(process.pid) if threads_of(child) == 2 and sleeps_once(child)]
            looks[:] = [*looks, *asleep] if set(looks) <= set(asleep) else []
            return len(looks) >= 20

        wait_until(sleeps, "all but the winner have ended")
        return looks[0]


class MainJob(WithFolder):
    def test_without_a_guard_twenty_requests_break_the_purchase(self) -> None:
        result = run("--guard=none", *QUICK, "--csv=-")
        self.assertEqual(result.returncode, 3)
        row = rows_of(result.stdout)[0]
        self.assertEqual((row["role"], row["verdict"], row["success"], row["effects"]), ("guard", "VIOLATION", "20", "20"))
        self.assertIn("one payment sent: 20 instead of 1", result.stderr)

    def test_cas_lets_one_of_a_thousand_through(self) -> None:
        result = run("--guard=cas", "--requests=1000", *QUICK, "--csv=-")
        self.assertEqual(result.returncode, 0, result.stderr)
        control, guard = rows_of(result.stdout)
        self.assertEqual((control["role"], control["verdict"]), ("control", "VIOLATION"))
        self.assertEqual(guard["verdict"], "OK")
        self.assertEqual((guard["success"], guard["turned_away"], guard["effects"]), ("1", "999", "1"))
        self.assertEqual((guard["expected_success"], guard["violations"], guard["unfinished"]), ("1", "0", "0"))
        self.assertGreaterEqual(int(guard["wall_ns"]), 70_000_000)

    def test_without_delays_a_latch_proves_nothing_unless_a_control_broke(self) -> None:
        result = run("--guard=cas", "--payment=0", "--db=0", "--start=latch", "--csv=-")
        rows = rows_of(result.stdout)
        broke = any(row["verdict"] == "VIOLATION" for row in rows if row["role"] == "control")
        verdict = rows[-1]["verdict"]
        self.assertEqual((verdict, result.returncode), ("OK", 0) if broke else ("INCONCLUSIVE", 5))

    def test_one_request_cannot_race_so_nothing_is_proved(self) -> None:
        flags = ["--guard=cas", "--requests=1", "--payment=0", "--db=0"]
        self.assertEqual(run(*flags).returncode, 5)
        self.assertEqual(run(*flags, "--inconclusive=ok").returncode, 0)
        rows = rows_of(run(*flags, "--csv=-").stdout)
        self.assertEqual([row["role"] for row in rows], ["control"] * 5 + ["guard"])

    def test_control_never_is_inconclusive_for_a_clean_guard(self) -> None:
        self.assertEqual(run("--guard=cas", *QUICK, "--control=never").returncode, 5)

    def test_all_guards_that_fit_hold(self) -> None:
        result = run("--guard=all", *QUICK, "--csv=-")
        self.assertEqual(result.returncode, 0, result.stderr)
        rows = {row["guard"]: row for row in rows_of(result.stdout)}
        self.assertLessEqual({"none", "global", "synchronized", "cas", "rwlock", "recursive", "single-flight"}, set(rows))
        self.assertEqual(rows["single-flight"]["shared"], "19")
        for name, row in rows.items():
            if name != "none":
                self.assertEqual((row["verdict"], row["success"], row["effects"]), ("OK", "1", "1"), name)

    def test_faulty_guards_are_caught(self) -> None:
        for name in ["faulty-load-store", "faulty-read-lock", "faulty-loser-clears"]:
            with self.subTest(name):
                result = run(f"--guard={name}", "--keys=2", *QUICK)
                self.assertEqual(result.returncode, 3, result.stdout)

    def test_ten_thousand_workers_work(self) -> None:
        result = run("--guard=cas", "--requests=10000", "--payment=300ms", "--db=10ms", "--csv=-")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(rows_of(result.stdout)[-1]["turned_away"], "9999")

    def test_the_seed_decides_the_order_of_trials(self) -> None:
        flags = ["--guard=cas,global,synchronized", "--payment=1ms", "--db=1ms", "--trials=4", "--csv=-"]
        runs = [rows_of(run(*flags, "--control=never", f"--seed={seed}").stdout) for seed in (7, 7, 8)]
        order = [[row["guard"] for row in rows if row["role"] == "guard"] for rows in runs]
        self.assertEqual(len(order[0]), 12)
        self.assertEqual(order[0], order[1])
        self.assertNotEqual(order[0], order[2])

    def test_works_where_the_ends_of_children_are_ignored(self) -> None:
        result = run("--guard=none", *QUICK, preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
        self.assertEqual((result.returncode, result.stderr), (3, ""))


class ManyRequests(WithFolder):
    COUNTER = ["--scenario=counter", "--guard=synchronized", "--threads=2", "--control=never", "--snapshot=never"]

    def test_beyond_two_million_are_counted(self) -> None:
        result = run(*self.COUNTER, "--requests=2000001", "--csv=-")
        self.assertEqual(result.returncode, 5, result.stderr)
        row = rows_of(result.stdout)[0]
        self.assertEqual((row["requests"], row["success"], row["unfinished"], row["effects"]),
                         ("2000001", "2000001", "0", "2000001"))
        self.assertIn("more than 2000000 requests: percentiles are from histograms", result.stderr)

    def test_for_a_time_are_as_many_as_a_pool_carries(self) -> None:
        result = run(*self.COUNTER, "--duration=100ms", "--keys=3", f"--out={self.folder}/out")
        self.assertEqual(result.returncode, 5, result.stderr)
        self.assertIn("100ms of requests, 2 threads, 3 keys", result.stdout)
        row = rows_of((self.folder / "out" / "trials.csv").read_text())[0]
        self.assertEqual((row["requests"], row["unfinished"]), ("", "0"))
        self.assertEqual(row["duration_ns"], "100000000")
        self.assertGreaterEqual(int(row["wall_ns"]), 100_000_000)
        rate = int(row["success"]) / int(row["wall_ns"]) * 1e9
        self.assertAlmostEqual(float(row["throughput"]), rate, delta=0.06)
        rows = rows_of((self.folder / "out" / "requests.csv").read_text())
        self.assertEqual(len(rows) + int(row["lost_events"]), int(row["success"]))
        self.assertTrue(all(request["arrival_ns"] == "" for request in rows))
        trial = json.loads((self.folder / "out" / "run.json").read_text())["trials"][0]
        self.assertEqual(sum(worker["requests"] for worker in trial["workers"]), int(row["success"]))
        self.assertIsNone(trial["arrivals"])
        self.assertEqual(run("report", str(self.folder / "out")).stdout, result.stdout)

    def test_in_an_open_loop_arrive_at_their_rate(self) -> None:
        result = run(*self.COUNTER, "--rate=2000", "--requests=100", f"--out={self.folder}/out")
        self.assertEqual(result.returncode, 5, result.stderr)
        rows = rows_of((self.folder / "out" / "requests.csv").read_text())
        self.assertEqual([int(row["arrival_ns"]) for row in rows], [i * 500_000 for i in range(100)])
        self.assertTrue(all(int(row["arrival_ns"]) <= int(row["start_ns"]) for row in rows))
        row = rows_of((self.folder / "out" / "trials.csv").read_text())[0]
        self.assertEqual((float(row["rate"]), row["params"].split(";")[-1]), (2000.0, "snapshot=never"))
        self.assertIn("rate=2000", row["params"])
        trial = json.loads((self.folder / "out" / "run.json").read_text())["trials"][0]
        self.assertEqual((trial["arrivals"]["started"], trial["arrivals"]["queued"]), (100, 0))

    def test_say_that_their_rate_was_not_reached(self) -> None:
        result = run(*self.COUNTER, "--rate=1000", "--arrivals=poisson", "--duration=200ms", "--work=20ms",
                     "--work-kind=sleep", "--snapshot-at=blocked >= 1", "--json=-")
        self.assertRegex(result.stderr, r"the\s+rate\s+of\s+1000/s\s+was\s+not\s+reached:\s+synchronized\s+started")
        arrivals = json.loads(result.stdout)["trials"][0]["arrivals"]
        self.assertGreater(arrivals["queued"], 50)

    def test_a_limit_counts_from_the_end_of_the_duration(self) -> None:
        result = run(*self.COUNTER, "--duration=300ms", "--timeout=100ms", "--csv=-")
        row = rows_of(result.stdout)[0]
        self.assertEqual((row["verdict"], row["unfinished"]), ("INCONCLUSIVE", "0"))

    def test_are_kept_when_a_counted_run_is_interrupted(self) -> None:
        process = self.start(*self.COUNTER, "--duration=60s", "--csv=-")
        works = lambda: any(threads_of(child) > 2 for child in children_of(process.pid))
        wait_until(works, "its threads run")
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130)
        row = rows_of(output)[0]
        self.assertEqual(row["verdict"], "ERROR")
        self.assertLessEqual(int(row["unfinished"]), 2)


class Files(WithFolder):
    def test_are_all_written_agree_and_parse(self) -> None:
        result = run("--guard=cas,synchronized", *QUICK, "--snapshot=25ms", f"--out={self.folder}/deep/er", "--trials=2")
        self.assertEqual(result.returncode, 0, result.stderr)
        out = self.folder / "deep" / "er"
        trials = (out / "trials.csv").read_text()
        self.assertTrue(trials.startswith(TRIALS_HEADER))  # New columns come only at the end.
        self.assertTrue((out / "requests.csv").read_text().startswith(REQUESTS_HEADER))
        self.assertEqual((out / "snapshots.csv").read_text().splitlines()[0], SNAPSHOTS_HEADER)
        rows = rows_of(trials)
        report = json.loads((out / "run.json").read_text())
        self.assertEqual(report["schema"], "ccbench.run/1")
        self.assertEqual(set(report["calibration"]), {"clock_read_ns", "harness_ns"})
        self.assertTrue(all(cost > 0 for cost in report["calibration"].values()))
        self.assertEqual(len(report["trials"]), len(rows))
        for row, trial in zip(rows, report["trials"]):
            for name, text in row.items():
                value = trial[name]
                self.assertEqual(text, "" if value is None else str(value), name) if not isinstance(value, float) else None
        requests = rows_of((out / "requests.csv").read_text())
        self.assertEqual(len(requests), 20 * len(rows))
        for row in rows:
            outcomes = [request["outcome"] for request in requests if request["trial"] == row["trial"]]
            for outcome in ("success", "refused", "turned_away"):
                self.assertEqual(outcomes.count(outcome), int(row[outcome]))
        self.assertTrue(all(None not in row.values() for row in rows))
        dump = (out / "threads.txt").read_text()
        self.assertTrue(dump.startswith("Full thread dump of ccbench "), dump[:200])
        self.assertEqual(
            sorted(path.name for path in out.iterdir()),
            ["report.html", "requests.csv", "run.json", "snapshots.csv", "threads.txt", "trace.json", "trials.csv"],
        )

    def test_thread_dump_has_every_thread_of_every_snapshot(self) -> None:
        flags = ["--guard=synchronized", "--control=never", "--payment=300ms", "--db=0", "--snapshot=100ms,200ms"]
        dump = run(*flags, "--thread-dump=-").stdout
        self.assertEqual(dump.count("\n-- snapshot "), 2)
        for snapshot in dump.split("\n-- snapshot ")[1:]:
            threads = re.findall(r'^"T(\d+)" tid=\d+ (\S+)', snapshot, re.MULTILINE)
            self.assertEqual([int(thread) for thread, _ in threads], list(range(20)))
            self.assertEqual([phase for _, phase in threads].count("guard"), 19)
            self.assertEqual([phase for _, phase in threads].count("step:payment"), 1)
            self.assertIn("synchronized[ticket-1]", snapshot)

    def test_one_may_be_standard_output_and_the_table_moves(self) -> None:
        result = run("--guard=none", *QUICK, "--json=-")
        self.assertEqual(json.loads(result.stdout)["schema"], "ccbench.run/1")
        self.assertIn("VIOLATION", result.stderr)

    def test_that_cannot_be_opened_fail_before_anything_runs(self) -> None:
        begin = time.monotonic()
        result = run("--guard=none", "--payment=20s", f"--csv={self.folder}/missing/trials.csv")
        self.assertEqual(result.returncode, 2)
        self.assertLess(time.monotonic() - begin, 15)
        self.assertIn("missing/trials.csv cannot be written", result.stderr)
        result = run("--guard=none", "--out=/dev/null/x")
        self.assertEqual((result.returncode, result.stderr), (2, "ccbench: /dev/null/x cannot be made: Not a directory\n"))

    def test_keep_older_results_where_another_cannot_be_opened(self) -> None:
        good = self.folder / "good.csv"
        good.write_text("older results\n")
        result = run("--guard=none", f"--csv={good}", f"--json={self.folder}/missing/run.json")
        self.assertEqual(result.returncode, 2)
        self.assertEqual(good.read_text(), "older results\n")
        self.assertEqual(run("--guard=none", *QUICK, f"--csv={good}").returncode, 3)
        self.assertTrue(good.read_text().startswith(TRIALS_HEADER))

    def test_that_are_the_same_are_refused_and_devices_are_not(self) -> None:
        folder = self.folder
        (folder / "other").symlink_to(folder)
        for flags in [
            [f"--csv={folder}/x", f"--json={folder}/x"],
            [f"--csv={folder}/x", f"--json={folder}/./other/x"],
            [f"--csv={folder}/trials.csv", f"--out={folder}"],
        ]:
            for present in (False, True):
                with self.subTest(flags, present=present):
                    (folder / "x").write_text("older results\n") if present else (folder / "x").unlink(missing_ok=True)
                    result = run("--guard=none", *flags)
                    self.assertEqual(result.returncode, 2)
                    names = [flag.partition("=")[0] for flag in flags]
                    self.assertIn(f"{names[0]} and {names[1]} name the same file", result.stderr)
                    self.assertEqual((folder / "x").exists(), present)
                    self.assertFalse((folder / "trials.csv").exists())
        self.assertEqual(run("--guard=none", *QUICK, "--csv=/dev/null", "--json=/dev/null").returncode, 3)

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full here")
    def test_that_cannot_be_finished_cost_exit_7_and_a_sentence(self) -> None:
        result = run("--guard=cas", *QUICK, "--csv=/dev/full")
        self.assertEqual(result.returncode, 7)
        self.assertIn("/dev/full could not be written to its end: No space left on device", result.stderr)
        self.assertIn("cas", result.stdout)

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full here")
    def test_the_table_that_cannot_be_written_is_told_by_the_name_of_its_stream(self) -> None:
        script = f'"{CCBENCH}" --guard=none {" ".join(QUICK)}'
        result = subprocess.run(["bash", "-c", f"{script} >/dev/full"], capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, 7)
        self.assertIn("standard output could not be written to its end: No space left on device", result.stderr)
        result = subprocess.run(["bash", "-c", f"{script} --json=- 2>/dev/full"], capture_output=True, timeout=60)
        self.assertEqual(result.returncode, 7)

    def test_are_written_though_nobody_reads_the_table(self) -> None:
        for redirect in (">&-", "| true", "--json=- 2>&1 >/dev/null | true"):
            with self.subTest(redirect):
                path = self.folder / "trials.csv"
                script = f'set -o pipefail; "{CCBENCH}" --guard=cas {" ".join(QUICK)} --csv="{path}" {redirect}'
                result = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertEqual(len(rows_of(path.read_text())), 2)
                path.unlink()

    def test_the_table_has_colour_and_progress_on_a_terminal_only(self) -> None:
        self.assertNotIn("\033", run("--guard=none", *QUICK).stdout)
        with_color = self.on_terminal({"TERM": "xterm"})
        self.assertIn("\033[", with_color)
        self.assertIn("trial 1 of 1", with_color)
        self.assertNotIn("\033[3", self.on_terminal({"TERM": "xterm", "NO_COLOR": "1"}))

    def test_the_table_is_as_wide_as_the_terminal(self) -> None:
        flags = ["--guard=cas,synchronized", "--connections=100", "--no-progress"]
        widest = {}
        for columns in (10, 80, 300):
            text = self.on_terminal({"TERM": "xterm", "NO_COLOR": "1"}, *flags, columns=columns)
            self.assertIn("synchronized", text)
            widest[columns] = max(len(line) for line in text.splitlines())
        self.assertLessEqual(widest[80], 80)
        self.assertLess(widest[10], widest[80])
        self.assertGreater(widest[300], 80)
        self.assertLessEqual(widest[300], 110)

    def on_terminal(self, environment: dict[str, str], *flags: str, columns: int = 0) -> str:
        return on_terminal(["--guard=none", *QUICK] if not flags else [*QUICK, *flags], environment, columns)

    def hand_overs(self, trial: str) -> int:
        """Requests that waited for the one before them on their key: each leaves before the next one enters."""
        held: dict[str, list[tuple[int, ...]]] = {}
        for row in rows_of((self.folder / "requests.csv").read_text()):
            if row["trial"] == trial:
                held.setdefault(row["key"], []).append(tuple(int(row[f"{what}_ns"]) for what in ("enter", "leave", "start")))
        pairs = [pair for times in held.values() for pair in itertools.pairwise(sorted(times))]
        return sum(start <= leave for (_, leave, _), (_, _, start) in pairs)

    def test_the_trace_has_the_times_of_the_requests(self) -> None:
        run("--guard=cas,synchronized", *QUICK, "--trials=2", "--keys=2", f"--out={self.folder}", "--control=never")
        trace = json.loads((self.folder / "trace.json").read_text())["traceEvents"]
        trials = {row["trial"]: row for row in rows_of((self.folder / "trials.csv").read_text())}
        names = {event["pid"]: event["args"]["name"] for event in trace if event["name"] == "process_name"}
        self.assertEqual(len(names), 2)
        traced = set()
        for event in trace:
            if event["ph"] == "X" and event["cat"] in ("request", "waiting", "holding"):
                begin, length = (round(1000 * event[name]) for name in ("ts", "dur"))
                request = event["args"]["request"]
                traced.add((names[event["pid"]], request, event["cat"], begin, begin + length))
        expected = set()
        last = {row["guard"]: trial for trial, row in trials.items()}
        for row in rows_of((self.folder / "requests.csv").read_text()):
            if row["trial"] not in last.values():
                continue
            trial = trials[row["trial"]]
            name = f"{trial['guard']} · trial {row['trial']} · {trial['verdict']}"
            start, enter, leave, end = (int(row[f"{what}_ns"] or -1) for what in ("start", "enter", "leave", "end"))
            expected.add((name, int(row["request"]), "request", start, end))
            if (until := end if enter < 0 else enter) > start:
                expected.add((name, int(row["request"]), "waiting", start, until))
            if enter >= 0:
                expected.add((name, int(row["request"]), "holding", enter, leave))
        self.assertEqual(traced, expected)
        arrows = sum(event["ph"] == "f" for event in trace)
        self.assertEqual(arrows, self.hand_overs(last["synchronized"]))
        self.assertGreater(arrows, 0)
        steps = {event["name"] for event in trace if event["ph"] == "X" and event["cat"] == "step"}
        self.assertIn("payment", steps)


class DyingTrials(WithFolder):
    def test_leave_counts_a_verdict_and_a_file_that_parses(self) -> None:
        for number, name in [
            (signal.SIGKILL, "SIGKILL"),
            (signal.SIGSEGV, "SIGSEGV"),
            (signal.SIGABRT, "SIGABRT"),
            (34, "34"),  # a real-time signal, which glibc has no name for
        ]:
            with self.subTest(name):
                path = self.folder / "trials.csv"
                process = self.start("--guard=cas", "--control=never", "--payment=30s", f"--csv={path}")
                trial = self.trial_with_one_sleeper(process)
                os.kill(trial, number)
                self.assertEqual(process.wait(60), 9)
                (row,) = rows_of(path.read_text())
                self.assertEqual((row["verdict"], row["exit_code"]), ("CRASHED", "9"))
                self.assertEqual((row["turned_away"], row["unfinished"], row["effects"]), ("19", "1", "1"))
                self.assertEqual(row["wall_ns"], "")
                self.assertIn(name, process.stdout.read())

    def test_do_not_hide_two_payments(self) -> None:
        path = self.folder / "trials.csv"
        process = self.start("--guard=none", "--payment=30s", "--start=latch", f"--csv={path}")
        trial = self.trial_of(process, threads=20)
        # With a plain latch, who sleeps by the clock has sent its payment.
        wait_until(lambda: sleepers_of(trial) == 20, "all payments are sent")
        os.kill(trial, signal.SIGKILL)
        self.assertEqual(process.wait(60), 3)
        (row,) = rows_of(path.read_text())
        self.assertEqual((row["verdict"], row["unfinished"]), ("VIOLATION", "20"))
        self.assertEqual(row["effects"], "20")

    def test_of_a_hang_are_ended_and_told(self) -> None:
        result = run("--guard=synchronized", "--reenter=1", "--control=never", *QUICK, "--stall=200ms", "--csv=-")
        self.assertEqual(result.returncode, 6, result.stderr)
        (row,) = rows_of(result.stdout)
        self.assertEqual((row["verdict"], row["unfinished"], row["blocked_peak"]), ("HUNG", "20", "20"))

    def test_over_their_time_are_ended(self) -> None:
        begin = time.monotonic()
        result = run("--guard=none", "--payment=50s", "--timeout=300ms", "--csv=-")
        self.assertEqual(result.returncode, 3, "20 payments were sent: that is beyond repair")
        self.assertEqual(run("--guard=cas", "--control=never", "--payment=50s", "--timeout=300ms").returncode, 6)
        self.assertLess(time.monotonic() - begin, 30)

    def test_refused_threads_are_an_error_that_names_the_limit(self) -> None:
        def little_memory() -> None:
            resource.setrlimit(resource.RLIMIT_AS, (300 << 20, 300 << 20))

        result = run("--guard=cas", "--requests=10000", "--csv=-", preexec_fn=little_memory)
        self.assertEqual(result.returncode, 7)
        self.assertIn("RLIMIT_AS", result.stderr)
        for row in rows_of(result.stdout):
            self.assertEqual((row["verdict"], row["unfinished"], row["effects"]), ("ERROR", "10000", "0"))

    def run_as_nobody(self, *flags: str, before=lambda: None) -> subprocess.CompletedProcess:
        def become() -> None:
            before()
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)

        binary = self.folder / "ccbench"  # Nobody may not see the folder that it was built in.
        shutil.copy(CCBENCH, binary)
        self.folder.chmod(0o755)
        return subprocess.run([binary, *flags], capture_output=True, text=True, preexec_fn=become, timeout=60)

    @unittest.skipUnless(os.geteuid() == 0, "only root can become another user")
    def test_are_seen_through_the_kernel_without_privileges(self) -> None:
        flags = ["--guard=synchronized", "--control=never", "--payment=2s", "--db=0", "--snapshot=500ms", "--json=-"]
        result = self.run_as_nobody(*flags)
        document = json.loads(result.stdout)
        snapshot = document["trials"][0]["snapshots"][0]
        self.assertEqual((snapshot["mode"], snapshot["states"]), ("kernel", {"BLOCKED": 19, "TIMED_WAITING": 1}))
        self.assertIsNotNone(snapshot["locks"][0]["owner"])
        self.assertFalse([warning for warning in document["warnings"] if "snapshots" in warning])

    @unittest.skipUnless(shutil.which("ldd"), "needs ldd")
    def test_no_library_replaces_the_c_librarys_backtrace(self) -> None:
        libraries = subprocess.run(["ldd", CCBENCH], capture_output=True, text=True, check=True).stdout
        self.assertIn("libc.so", libraries)
        self.assertNotIn("unwind", libraries)

    @unittest.skipUnless(os.geteuid() == 0, "only root can become a user with a limit of his own")
    def test_the_limit_of_user_processes_is_named(self) -> None:
        few = lambda: resource.setrlimit(resource.RLIMIT_NPROC, (30, 30))
        result = self.run_as_nobody("--guard=cas", "--requests=100", before=few)
        self.assertEqual(result.returncode, 7, result.stdout)
        self.assertIn("RLIMIT_NPROC", " ".join(result.stdout.split()))

    def test_killed_for_want_of_memory_say_so(self) -> None:
        group = Path("/sys/fs/cgroup/memory/ccbench_test")
        try:
            group.mkdir()
            self.addCleanup(group.rmdir)
            (group / "memory.limit_in_bytes").write_text("40000000")
        except OSError:
            self.skipTest("no control group of memory can be made here")

        def join() -> None:
            (group / "cgroup.procs").write_text("0")

        result = run("--guard=cas", "--control=never", "--requests=10000", preexec_fn=join)
        self.assertEqual(result.returncode, 9, result.stdout)
        self.assertIn("the kernel had run out of memory", " ".join(result.stdout.split()))


class GuardsThatHang(unittest.TestCase):
    """The faulty guards that nobody gets through. Each hangs every trial, also around a section that takes no time."""

    def check(self, name: str, kind: str, success: int, error: int, unfinished: int, payments: int) -> dict:
        for delays in (QUICK, ["--payment=0", "--db=0"]):
            with self.subTest(delays):
                flags = [f"--guard={name}", "--requests=20", "--keys=2", "--control=never", "--stall=1s", "--json=-"]
                result = run(*flags, *delays)
                self.assertEqual(result.returncode, 6, result.stderr)
                (trial,) = json.loads(result.stdout)["trials"]
                counts = tuple(trial[column] for column in ("success", "error", "unfinished", "effects"))
                self.assertEqual((trial["verdict"], counts), ("HUNG", (success, error, unfinished, payments)), result.stderr)
                self.assertEqual(trial["hang"]["kind"], kind, trial["hang"])
        return trial

    def test_reentry_lets_nobody_in(self) -> None:
        trial = self.check("faulty-reentry", "deadlock", success=0, error=0, unfinished=20, payments=0)
        (member,) = trial["hang"]["cycle"]
        self.assertEqual(member["holds"], member["waits_for"])
        self.assertRegex(member["holds"], r"^faulty-reentry\[ticket-[12]\]$")

    def test_wrong_stamp_makes_an_error_of_each_keys_purchase_and_keeps_the_rest(self) -> None:
        trial = self.check("faulty-wrong-stamp", "stalled", success=0, error=2, unfinished=18, payments=2)
        self.assertEqual({lock["owner"] for lock in trial["snapshots"][-1]["locks"]}, {None})

    def test_lock_order_lets_nobody_in(self) -> None:
        trial = self.check("faulty-lock-order", "deadlock", success=0, error=0, unfinished=20, payments=0)
        first, second = trial["hang"]["cycle"]
        self.assertEqual((first["holds"], first["waits_for"]), (second["waits_for"], second["holds"]))
        self.assertEqual({first["holds"], second["holds"]}, {f"faulty-lock-order[ticket-{n}]" for n in (1, 2)})
        # The names are not swapped: each holds the lock of its own key.
        requests = {0: "faulty-lock-order[ticket-1]", 1: "faulty-lock-order[ticket-2]"}
        for member in (first, second):
            self.assertEqual(member["holds"], requests[member["thread"] % 2])

    def test_abandon_keeps_all_but_each_keys_first(self) -> None:
        trial = self.check("faulty-abandon", "stalled", success=2, error=0, unfinished=18, payments=2)
        snapshot = trial["snapshots"][-1]
        for lock in snapshot["locks"]:
            self.assertEqual((lock["kind"], lock["waiters"]), ("mutex", 9))
            self.assertEqual(snapshot["threads"][lock["owner"]]["state"], "TERMINATED")
        self.assertIn("has ended", trial["hang"]["sentence"])

    def test_lost_wakeup_keeps_all_but_each_keys_first(self) -> None:
        trial = self.check("faulty-lost-wakeup", "stalled", success=2, error=0, unfinished=18, payments=2)
        kinds = {lock["kind"] for lock in trial["snapshots"][-1]["locks"]}
        self.assertLessEqual(kinds, {"condition_variable", "futex"})  # The latter where stacks are not built in.

    def test_lock_order_holds_on_one_key(self) -> None:
        result = run("--guard=faulty-lock-order", "--requests=4", "--payment=1ms", "--db=1ms", "--csv=-")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(rows_of(result.stdout)[-1]["verdict"], "OK")


class Interruption(WithFolder):
    def check(self, number: int, code: int) -> None:
        path = self.folder / "trials.csv"
        process = self.start("--guard=synchronized", "--trials=3", "--payment=30s", "--control=never", f"--csv={path}")
        trial = self.trial_of(process, threads=20)
        begin = time.monotonic()
        process.send_signal(number)
        self.assertEqual(process.wait(60), code)
        self.assertLess(time.monotonic() - begin, 20, "it waited for the payment")
        wait_until(lambda: is_gone(trial), "the trial is gone")
        (row,) = rows_of(path.read_text())
        self.assertEqual((row["verdict"], row["unfinished"]), ("ERROR", "20"))
        self.assertIn("interrupted", process.stdout.read())

    def test_by_control_c_exits_130_and_keeps_what_was_measured(self) -> None:
        self.check(signal.SIGINT, 130)

    def test_by_sigterm_exits_143(self) -> None:
        self.check(signal.SIGTERM, 143)

    def test_by_both_at_once_keeps_it_too(self) -> None:
        for _ in range(3):
            path = self.folder / "trials.csv"
            process = self.start("--guard=synchronized", "--payment=30s", "--control=never", f"--csv={path}")
            self.trial_of(process, threads=20)
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGTERM)
            self.assertIn(process.wait(60), (130, 143))
            (row,) = rows_of(path.read_text())
            self.assertEqual((row["verdict"], row["unfinished"]), ("ERROR", "20"))

    def test_sigquit_takes_a_snapshot_and_the_run_goes_on(self) -> None:
        path = self.folder / "snapshots.csv"
        flags = ["--guard=synchronized", "--payment=4s", "--db=0", "--control=never", "--snapshot=never"]
        process = self.start(*flags, f"--snapshots-csv={path}")
        trial = self.trial_of(process, threads=20)
        wait_until(lambda: sleepers_of(trial) == 1 and sleepers_of(trial, "futex") == 20,
                   "somebody pays, and all others wait, the first thread for them")
        process.send_signal(signal.SIGQUIT)
        self.assertEqual(process.wait(60), 5, "held, and no control")
        rows = rows_of(path.read_text())
        self.assertEqual({row["snapshot"] for row in rows}, {"1"})
        self.assertEqual([row["phase"] for row in rows].count("guard"), 19)
        self.assertEqual([row["phase"] for row in rows].count("step:payment"), 1)
        dump = process.stderr.read()
        self.assertTrue(dump.startswith("synchronized, "), dump)
        self.assertRegex(dump, r"\nlocks    synchronized\[ticket-1\] .*19 waiters")
        self.assertEqual(len(re.findall(r'^"T\d+" tid=\d+ guard', dump, re.MULTILINE)), 19)

    def test_one_sigquit_is_answered_once(self) -> None:
        flags = ["--guard=synchronized", "--payment=700ms", "--db=0", "--control=never", "--snapshot=never"]
        process = self.start(*flags, "--trials=3", "--start=latch")
        trial = self.trial_of(process, threads=20)
        wait_until(lambda: sleepers_of(trial) == 1, "somebody pays")
        process.send_signal(signal.SIGQUIT)
        process.wait(60)
        self.assertEqual(process.stderr.read().count(" after the release: "), 1)

    def test_a_dump_that_nobody_reads_keeps_nobody_waiting(self) -> None:
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        flags = ["--guard=synchronized", "--requests=300", "--payment=60s", "--control=never", "--snapshot=never"]
        process = self.start(*flags, stderr=writer)
        os.close(writer)
        trial = self.trial_of(process, threads=300)
        wait_until(lambda: sleepers_of(trial) == 1, "somebody pays")
        for _ in range(20):  # More than a pipe holds.
            process.send_signal(signal.SIGQUIT)
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(60), 143)

    def test_time_in_which_nobody_could_look_is_no_stall(self) -> None:
        flags = ["--guard=synchronized", "--requests=3", "--payment=1s", "--db=0", "--stall=200ms", "--snapshot=never"]
        process = self.start(*flags, "--control=never", "--inconclusive=ok")
        trial = self.trial_of(process, threads=3)
        wait_until(lambda: sleepers_of(trial) == 1, "somebody pays")
        time.sleep(0.2)  # Until it has looked once more: else what moved before is news to it afterwards.
        for stopped in (process.pid, trial):
            os.kill(stopped, signal.SIGSTOP)
        time.sleep(2)  # Longer than a step and the stall.
        process.send_signal(signal.SIGCONT)
        time.sleep(0.05)  # It looks before anybody can have moved.
        os.kill(trial, signal.SIGCONT)
        self.assertEqual(process.wait(60), 0)

    def test_a_trial_does_not_outlive_a_killed_ccbench(self) -> None:
        process = self.start("--guard=none", "--payment=60s")
        trial = self.trial_of(process)
        process.kill()
        wait_until(lambda: is_gone(trial), "the trial is gone")


class Report(WithFolder):
    """What --out has written, shown again."""

    FILES = ["trials.csv", "requests.csv", "snapshots.csv", "threads.txt", "run.json", "report.html"]

    def setUp(self) -> None:
        super().setUp()
        flags = ["--guard=cas,single-flight,faulty-lock-order", "--keys=2", "--snapshot=5ms", "--trials=6", *QUICK]
        self.table = run(*flags, "--out=one", cwd=self.folder).stdout

    def test_is_the_same_to_the_byte(self) -> None:
        again = run("report", "one", "--out=again", cwd=self.folder)
        self.assertEqual((again.returncode, again.stderr, again.stdout), (0, "", self.table))
        for name in self.FILES:
            self.assertEqual((self.folder / "one" / name).read_bytes(), (self.folder / "again" / name).read_bytes(), name)

    def test_shows_what_the_files_say(self) -> None:
        path = self.folder / "one" / "run.json"
        path.write_text(re.sub(r'"wall_ns": (\d)', r'"wall_ns": 1\1', path.read_text()))
        again = run("report", "one", cwd=self.folder)
        self.assertEqual(again.returncode, 0)
        self.assertNotEqual(again.stdout, self.table)

    def test_puts_several_runs_beside_each_other(self) -> None:
        run("--guard=cas,synchronized", "--keys=2", "--snapshot=5ms", "--trials=2", *QUICK, "--out=two", cwd=self.folder)
        both = run("report", "one", "two", cwd=self.folder)
        self.assertEqual(both.returncode, 0)
        self.assertTrue(both.stdout.startswith("== one\n" + self.table))
        page = run("report", "one", "two", "--html=both.html", cwd=self.folder)
        self.assertEqual((page.returncode, page.stdout), (0, both.stdout))
        self.assertEqual((self.folder / "both.html").read_text().count("<article"), 2)
        self.assertRegex(both.stdout, r"\ncas +one +\S+ +OK +6 .*\n +two +\S+ +OK +2 ")
        across = both.stdout[both.stdout.index("runs beside each other") :]
        places = [across.index(text) for text in ("\ncas ", "not ranked", "\nfaulty-lock-order ")]
        self.assertEqual(places, sorted(places))
        self.assertLess(across.index("\nsynchronized "), across.index("not ranked"))

    def test_names_a_duration_as_the_size_of_its_cells(self) -> None:
        for name in ("three", "four"):
            run("--scenario=counter", "--guard=cas", "--duration=5ms", "--threads=1", f"--out={name}", cwd=self.folder)
        both = run("report", "three", "four", cwd=self.folder).stdout
        self.assertIn("\ncounter, 5ms of requests, 1 thread, 1 key\n", both)

    def test_says_what_it_cannot_read(self) -> None:
        path = self.folder / "one" / "run.json"
        good = path.read_text()
        requests = self.folder / "one" / "requests.csv"
        for text, expected in [
            ("", "is not the report of a run"),
            (good[: len(good) // 2], "is not the report of a run"),
            (good.replace("ccbench.run/1", "ccbench.run/9"), "its schema is 'ccbench.run/9'"),
            (good.replace('"guard": "cas,', '"guard": "nobody,'), "there is no guard 'nobody'"),
            (good.replace('"verdict": "HUNG"', '"verdict": "SLEEPY"'), "'SLEEPY' is not known here"),
        ]:
            path.write_text(text)
            with self.subTest(expected):
                result = run("report", "one", cwd=self.folder)
                self.assertEqual(result.returncode, 7, result.stdout)
                self.assertEqual(result.stderr.count("\n"), 1)
                self.assertIn("one/run.json", result.stderr)
                self.assertIn(expected, result.stderr)
        path.write_text(good)
        requests.write_text(requests.read_text()[:-20])
        result = run("report", "one", cwd=self.folder)
        self.assertEqual((result.returncode, result.stderr.count("\n")), (7, 1))
        self.assertIn("one/requests.csv", result.stderr)

    def test_takes_folders_and_nothing_that_is_to_be_run(self) -> None:
        for flags, expected in [
            (["report"], "name the folders"),
            (["report", "one", "--guard=cas"], "--guard"),
            (["report", "one", "--no-such"], "--no-such"),
            (["report", "one", "one", "--csv=x.csv"], "of several folders only"),
            (["report", "one", "one", "--html=-"], "of several folders only"),
        ]:
            with self.subTest(flags):
                result = run(*flags, cwd=self.folder)
                self.assertEqual((result.returncode, result.stderr.count("\n")), (2, 1), result.stderr)
                self.assertIn(expected, result.stderr)
        result = run("report", "nowhere", cwd=self.folder)
        self.assertEqual(result.returncode, 7)
        self.assertIn("nowhere/run.json cannot be read: No such file or directory", result.stderr)


    def test_makes_nothing_of_requests_that_are_not_there(self) -> None:
        (self.folder / "one" / "requests.csv").unlink()
        for flag in ("--requests-csv", "--trace"):
            result = run("report", "one", f"{flag}=made", cwd=self.folder)
            self.assertEqual((result.returncode, result.stdout), (2, ""))
            self.assertEqual(result.stderr, f"ccbench: {flag}: one has no requests.csv to make it of\n")
        result = run("report", "one", "--out=again", cwd=self.folder)
        self.assertEqual(result.returncode, 0)
        self.assertIn("one has no requests.csv", result.stderr)


class BadInput(WithFolder):
    def refused(self, *flags: str) -> str:
        result = run(*flags)
        self.assertEqual(result.returncode, 2, flags)
        self.assertEqual(result.stdout, "")
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        self.assertTrue(result.stderr.startswith("ccbench: "))
        return result.stderr

    def test_is_answered_by_one_sentence_with_flag_value_and_what_is_allowed(self) -> None:
        for flags, words in [
            (["--guard=cass"], ["--guard", "'cass'", "did you mean cas?"]),
            (["--guard=qqqqqq"], ["--guard", "'qqqqqq'", "synchronized", "single-flight"]),
            (["--guard=cas,,none"], ["--guard", "'cas,,none'", "empty item"]),
            (["--guard=cas,"], ["--guard", "empty item"]),
            (["--guard="], ["--guard", "missing"]),
            (["--guard=cas,cas"], ["--guard", "'cas'", "twice"]),
            (["--guard=all,cas"], ["--guard", "'all'", "alone"]),
            (["--scenario=lotto"], ["--scenario", "'lotto'", "lotto-purchase"]),
            (["--requests=0"], ["--requests", "'0'", "1 to 10000000000"]),
            (["--requests=12x"], ["--requests", "'12x'", "1 to 10000000000"]),
            (["--requests=-5"], ["--requests", "'-5'"]),
            (["--requests=1e3"], ["--requests", "'1e3'"]),
            (["--requests=1000000000000000000000"], ["--requests", "10000000000"]),
            (["--requests"], ["--requests", "missing"]),
            (["--requests=1", "--requests=2"], ["--requests", "twice"]),
            (["--requests=1000000"], ["--requests=1000000", "--threads"]),
            (["--threads=21"], ["--threads", "'21'", "1 to 20, the number of requests"]),
            (["--duration=1s", "--requests=5"], ["--duration", "--requests", "one of them"]),
            (["--duration=1us"], ["--duration", "1us", "1ms"]),
            (["--duration=1s", "--threads=5000"], ["--threads=5000", "--duration", "4096"]),
            (["--duration=1s", "--threads=8", "--keys=1000000"], ["--keys=1000000", "--threads=8", "4000000"]),
            (["--duration=1s", "--shrink", "--guard=none"], ["--shrink", "--duration"]),
            (["--requests=3000000", "--threads=2", "--out=none"], ["--requests=3000000", "2000000", "--requests-csv"]),
            (["--rate=0.0001"], ["--rate", "0.0001", "0.001"]),
            (["--rate=1e8"], ["--rate", "'1e8'", "10000000"]),
            (["--rate=0.001", "--requests=100"], ["--requests=100", "--rate=0.001", "24h"]),
            (["--arrivals=poisson"], ["--arrivals", "--rate"]),
            (["--rate=5", "--arrivals=often"], ["--arrivals", "'often'", "even, poisson"]),
            (["--read-ratio=0.5"], ["--read-ratio", "lotto-purchase"]),
            (["--scenario=counter", "--read-ratio=1.5"], ["--read-ratio", "'1.5'", "0 to 1"]),
            (["--failure-rate=2"], ["--failure-rate", "'2'", "0 to 1"]),
            (["--failure=explodes"], ["--failure", "'explodes'", "fails, throws, dies"]),
            (["--failing-step=bill"], ["--failing-step", "'bill'", "payment, completion"]),
            (["--compensation=maybe"], ["--compensation", "'maybe'", "none, undo"]),
            (["--scenario=counter", "--failure-rate=0.1"], ["--failure-rate", "counter", "lotto-purchase"]),
            (["--keys=0"], ["--keys", "'0'"]),
            (["--key-skew=uniform"], ["--key-skew", "zipf:S"]),
            (["--key-skew=zipf:11"], ["--key-skew", "'11'", "0 to 10"]),
            (["--trials=0"], ["--trials"]),
            (["--seed=abc"], ["--seed", "'abc'"]),
            (["--payment=5"], ["--payment", "'5'", "unit"]),
            (["--payment=-5s"], ["--payment", "'-5s'"]),
            (["--payment=5sec"], ["--payment", "'5sec'"]),
            (["--payment=2562047h", "--time-scale=1000"], ["--payment", "'2562047h'", "0 to 24h"]),
            (["--payment=20h", "--time-scale=2"], ["--payment", "--time-scale=2", "24h"]),
            (["--timeout=0"], ["--timeout", "1ms"]),
            (["--time-scale=-1"], ["--time-scale", "'-1'"]),
            (["--visibility=never"], ["--visibility", "'never'", "commit, instant"]),
            (["--connections=x"], ["--connections", "'x'"]),
            (["--work=1s"], ["--work", "lotto-purchase", "counter"]),
            (["--start=now"], ["--start", "'now'", "aligned, latch"]),
            (["--control=sometimes"], ["--control", "auto, always, never"]),
            (["--snapshot=1s,,2s"], ["--snapshot", "empty item"]),
            (["--snapshot-every=1us"], ["--snapshot-every", "1ms"]),
            (["--snapshot-at=blocked"], ["--snapshot-at", "'blocked'", "blocked, inside or finished", "< <= > >= == !="]),
            (["--snapshot-at=blocked >= 1,asleep > 2"], ["--snapshot-at", "'asleep > 2'", "'blocked >= 19'"]),
            (["--snapshot-at=blocked >= -1"], ["--snapshot-at", "'blocked >= -1'"]),
            (["--snapshot-at=blocked >= 1,"], ["--snapshot-at", "empty item"]),
            (["--expect=success"], ["--expect", "'success'", "METRIC OP VALUE", "< <= > >= == !="]),
            (["--expect=success = 1"], ["--expect", "'success = 1'", "METRIC OP VALUE"]),
            (["--expect=wall < 5"], ["--expect", "'wall < 5'", "a duration with its unit"]),
            (["--expect=success < 5ms"], ["--expect", "success", "a number", "'5ms'"]),
            (["--expect=wal < 5s"], ["--expect", "'wal'", "did you mean wall?"]),
            (["--expect=wall_ns < 5s"], ["--expect", "'wall_ns'", "did you mean wall?"]),
            (["--expect=throughputs_p50 > 5"], ["--expect", "'throughputs_p50'", "did you mean throughput?"]),
            (["--expect=qqqqqq > 5"], ["--expect", "'qqqqqq'", "there are", "success", "wait_p99", "throughput"]),
            (["--expect=success{gard=cas} == 1"], ["--expect", "'gard'", "did you mean guard?"]),
            (["--expect=success{guard=cas} == 1"], ["--expect", "this run has no guard 'cas'", "none"]),
            (["--expect=success{scenario=counter} == 1"], ["--expect", "no scenario 'counter'", "lotto-purchase"]),
            (["--expect=success{role=guards} == 1"], ["--expect", "no role 'guards'", "did you mean guard?"]),
            (["--expect=verdict != VIOLATON"], ["--expect", "'VIOLATON'", "did you mean VIOLATION?"]),
            (["--expect=verdict > OK"], ["--expect", "verdict", "== and != alone"]),
            (["--expect=success == 1,"], ["--expect", "empty item"]),
            (["--expect=success == 1", "--expect=x == 2"], ["--expect", "'x == 2'"]),
            (["--expect="], ["--expect", "missing", "METRIC OP VALUE"]),
            (["power", "--expect=success == 1"], ["--expect", "power"]),
            (["--plant=0.5", "--guard=cas"], ["--plant", "'0.5'", "1 to 1000"]),
            (["--plant=10/0", "--guard=cas"], ["--plant", "'10/0'", "1 to 1000000"]),
            (["--plant=slow", "--guard=cas"], ["--plant", "'slow'", "'10/50'"]),
            (["--plant=1.5", "--guard=none"], ["--plant", "none", "name a guard"]),
            (["power", "--plant=1.5"], ["--plant", "power"]),
            (["--snapshot-full=perhaps"], ["--snapshot-full", "'perhaps'", "true, false"]),
            (["--thread-dump="], ["--thread-dump", "missing"]),
            (["--thread-dump=-", "--json=-"], ["standard output"]),
            (["--csv="], ["--csv", "missing"]),
            (["--csv=-", "--json=-"], ["standard output"]),
            (["--out=-"], ["--out", "'-'", "folder"]),
            (["--guard=\033[31m\x7f\x9b\nä"], ["'?[31m???ä'"]),
            (["--quiet=maybe"], ["--quiet", "'maybe'"]),
            (["--gaurd=cas"], ["--gaurd", "did you mean --guard?"]),
            (["--zzzzzzzzzz"], ["--zzzzzzzzzz", "--help"]),
            (["-x"], ["-x"]),
            (["--guard=cas", "stray"], ["'stray'"]),
            (["frobnicate"], ["'frobnicate'", "run, power, report, gate, explore, list, bench"]),
            (["lis"], ["'lis'", "did you mean list?"]),
            (["list", "--all"], ["--all"]),
        ]:
            with self.subTest(flags):
                sentence = self.refused(*flags)
                for word in words:
                    self.assertIn(word, sentence)

    def test_in_a_config_file_is_answered_too(self) -> None:
        path = self.folder / "bad.toml"
        self.assertIn("cannot be read: No such file", self.refused(f"--config={path}"))
        self.assertIn(str(self.folder), self.refused(f"--config={self.folder}"))
        for text, word in [
            ("gaurd = cas\n", "'gaurd'; did you mean --guard?"),
            ("guard = cas\nrequests = many\n", "'many'"),
            ("[run]\nguard = cas\n", "section [run]"),
            ("config = other.toml\n", "'config'; a config file can neither name another one"),
            ("help = true\n", "'help'; a config file can neither"),
            ('requests = 5\nguard = "none"\nrequests = 7\n', "'requests' is given twice"),
            ("requests = 5\nrequests = 7\n", "'requests' is given twice"),
            ('guard = "none"\nrequests = 5\nguard = "cas"\n', "'guard' is given twice"),
            ("guard cas\n", "guard cas"),
            ('expect = "success == 1"\nexpect = "wall < 2s"\n', "'expect' is given twice"),
            ('expect = "wall < 2"\n', "'wall < 2'"),
            ("\x00\x01\x02\n", "unknown key"),
        ]:
            with self.subTest(text):
                path.write_text(text)
                self.assertIn(word, self.refused(f"--config={path}"))

    def test_of_google_benchmark_is_refused(self) -> None:
        self.assertEqual(run("bench", "--benchmark_filtr=x").returncode, 2)


class ConfigFile(WithFolder):
    def test_says_what_flags_say_and_the_command_line_wins(self) -> None:
        path = self.folder / "experiment.toml"
        path.write_text('# one experiment\nguard = ["cas", "none"]\npayment = 50ms\ndb = "20ms"\nrequests = 7\nquiet = true\n')
        rows = rows_of(run(f"--config={path}", "--csv=-").stdout)
        self.assertEqual({row["guard"] for row in rows}, {"cas", "none"})
        self.assertEqual({(row["requests"], row["section_ns"]) for row in rows}, {("7", "70000000")})
        rows = rows_of(run(f"--config={path}", "--requests=9", "--guard=none", "--csv=-").stdout)
        self.assertEqual([(row["guard"], row["requests"]) for row in rows], [("none", "9")])

    def test_params_name_what_is_not_at_its_default(self) -> None:
        row = rows_of(run("--guard=none", "--payment=0.05s", "--db=20ms", "--visibility=commit", "--csv=-").stdout)[0]
        self.assertEqual(row["params"], "db=20ms;payment=50ms")

    def test_equal_settings_have_equal_text(self) -> None:
        self.assertEqual(self.written("--time-scale=1.0", "--reenter=00", "--timeout=60000ms", "--requests=020"), "")
        self.assertEqual(self.written("--snapshot-every=0s", "--snapshot=0.5s"), "")
        self.assertEqual(self.written("--key-skew=zipf:1"), "key-skew=zipf:1")
        self.assertEqual(self.written("--key-skew=zipf:1.0"), "key-skew=zipf:1")
        self.assertEqual(self.written("--snapshot=1s,100ms"), "snapshot=100ms,1s")
        self.assertEqual(self.written("--time-scale=-0.0"), "time-scale=0")
        self.assertEqual(self.written("--snapshot-at=blocked  >=019,inside<1"), "snapshot-at=blocked>=19,inside<1")
        self.assertEqual(self.written("--snapshot-full"), "snapshot-full=true")
        self.assertEqual(self.written("--snapshot-full=false"), "")

    def test_takes_lists_and_switches_from_a_file(self) -> None:
        path = self.folder / "experiment.toml"
        path.write_text('snapshot-at = ["blocked >= 3", "finished == 1"]\nsnapshot-full = true\n')
        self.assertEqual(
            self.written(f"--config={path}"), "snapshot-at=blocked>=3,finished==1;snapshot-full=true"
        )

    def written(self, *flags: str) -> str:
        """The settings of a run as its row has them, but for the delays, and checked against run.json."""
        path = self.folder / "run.json"
        (row,) = rows_of(run("--guard=none", *QUICK, *flags, f"--json={path}", "--csv=-").stdout)
        self.assertEqual(json.loads(path.read_text())["config"]["requests"], "20")
        return ";".join(item for item in row["params"].split(";") if item not in ("db=20ms", "payment=50ms"))


def on_terminal(flags: list[str], environment: dict[str, str], columns: int) -> str:
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [CCBENCH, *flags],
        stdout=side,
        stderr=side,
        env={**os.environ, "NO_COLOR": "", **environment},
    )
    os.close(side)
    text = b""
    while True:
        select.select([main], [], [], 60)
        try:
            chunk = os.read(main, 65536)
        except OSError:  # The last writer has gone.
            break
        if not chunk:
            break
        text += chunk
    os.close(main)
    process.wait(60)
    return text.decode()


def is_listed(name: str) -> bool:
    """Whether this ccbench has a guard or a scenario of the name; asked when a test runs, not when it is defined."""
    return re.search(rf"^  {name}( |$)", run("list").stdout, re.MULTILINE) is not None


class Expectations(WithFolder):
    """What --expect demands of the columns of trials.csv."""

    def test_that_are_met_exit_0_and_are_told(self) -> None:
        expectations = ["success == 1", "wall_p50{guard=cas} < 1h", "effects{role=control} == 20"]
        flags = ["--guard=cas,synchronized", "--trials=2", *QUICK, *(f"--expect={text}" for text in expectations)]
        result = run(*flags)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertRegex(result.stdout, r"\nexpect     success == 1                 met in 4 trials \(1\)\n")
        self.assertRegex(result.stdout, r"\n           wall_p50\{guard=cas\} < 1h     met: [\d.]+ ms over 2 trials\n")
        self.assertRegex(result.stdout, r"\n           effects\{role=control\} == 20  met in 1 trial \(20\)\n")

    def test_that_are_not_met_exit_8_and_name_the_first_trial(self) -> None:
        for expectation, words in [
            ("success > 1", "not met in 2 of 2 trials: 1 in trial 2 (cas)"),
            ("wall_min < 1ms", "not met: "),
            ("wait_p99 > 0", "no samples in 2 trials; a p99 takes 100 samples"),
            ("fairness_jain >= 0", "no samples in 2 trials"),
            ("verdict{role=control} == OK", "not met in 1 of 1 trial: VIOLATION in trial 1 (none (control))"),
            ("success{trial=99} == 1", "there is no such trial"),
        ]:
            with self.subTest(expectation):
                result = run("--guard=cas", "--trials=2", *QUICK, "--expect=success == 1", f"--expect={expectation}")
                self.assertEqual(result.returncode, 8, result.stdout + result.stderr)
                self.assertIn(words, " ".join(result.stdout.split()))

    def test_weigh_less_than_verdicts_and_more_than_inconclusive(self) -> None:
        alone = ["--guard=cas", "--requests=1", *QUICK]  # One request cannot race.
        for flags, code in [
            (["--guard=none", *QUICK], 3),
            (["--guard=faulty-load-store", *QUICK], 3),
            (["--guard=faulty-reentry", *QUICK], 6),
            (["--guard=cas", *QUICK], 8),
            (alone, 8),
            ([*alone, "--inconclusive=ok"], 8),
        ]:
            with self.subTest(flags):
                result = run(*flags, "--expect=success == 99")
                self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        self.assertEqual(run(*alone, "--expect=success == 1").returncode, 5)

    def test_are_checked_before_anything_runs(self) -> None:
        for flags in (["--expect=wal < 5s"], ["--expect=wal < 5s", "--dry-run"]):
            begin = time.monotonic()
            self.assertEqual(run("--guard=cas", "--payment=60s", "--timeout=24h", *flags).returncode, 2)
            self.assertLess(time.monotonic() - begin, 60)

    def test_stand_in_a_file_as_a_list(self) -> None:
        path = self.folder / "experiment.toml"
        expectations = ["success == 1", "wall_max{guard=cas,role=guard} < 1h", "wait_p99{guard=cas} < 5ms"]
        path.write_text(f"guard = \"cas\"\nexpect = {json.dumps(expectations)}\n")
        result = run(f"--config={path}", *QUICK, "--json=-")
        self.assertEqual(result.returncode, 8)
        report = json.loads(result.stdout)
        self.assertEqual([one["expectation"] for one in report["expectations"]], expectations)
        self.assertEqual([one["met"] for one in report["expectations"]], [True, True, False])
        self.assertEqual(report["config"]["expect"], ", ".join(expectations))
        path.write_text(f"guard = \"cas\"\nexpect = {json.dumps(expectations[1])}\n")
        result = run(f"--config={path}", *QUICK, "--json=-")
        self.assertEqual((result.returncode, json.loads(result.stdout)["config"]["expect"]), (0, expectations[1]))
        # The command line wins, as over every line of a file.
        result = run(f"--config={path}", *QUICK, "--expect=success == 1", "--json=-")
        self.assertEqual(json.loads(result.stdout)["config"]["expect"], "success == 1")

    def test_are_told_again_by_report(self) -> None:
        flags = ["--guard=cas,none", "--trials=3", *QUICK, "--expect=success{guard=cas,role=guard} == 1, wall_p50 < 1ms"]
        table = run(*flags, "--out=one", cwd=self.folder)
        self.assertEqual(table.returncode, 8)
        again = run("report", "one", "--out=again", cwd=self.folder)
        self.assertEqual((again.returncode, again.stdout), (0, table.stdout))
        for name in ("run.json", "report.html"):
            self.assertEqual((self.folder / "one" / name).read_bytes(), (self.folder / "again" / name).read_bytes(), name)
        page = (self.folder / "one" / "report.html").read_text()
        self.assertIn("<dt>expect</dt>", page)
        self.assertRegex(page, r"not met: [\d.]+ ms \(cas\) over 3 trials")

    def test_agree_with_trials_csv(self) -> None:
        flags = ["--scenario=counter", "--guard=synchronized", "--requests=200", "--threads=2", "--trials=3"]
        run(*flags, "--control=never", "--out=one", cwd=self.folder)
        rows = rows_of((self.folder / "one" / "trials.csv").read_text())
        # What the file says of a trial is what an expectation of that trial compares.
        report = self.folder / "one" / "run.json"
        expectations = []
        for row in rows:
            for column, value in row.items():
                # Since 1970 it is more nanoseconds than a duration can say exactly.
                if column != "started_unix_ns" and re.fullmatch(r"-?\d+(\.\d+)?", value):
                    metric = column.removesuffix("_ns")
                    unit = "ns" if metric != column and value != "0" else ""
                    expectations.append(f"{metric}{{trial={row['trial']}}} == {value}{unit}")
        config = json.loads(report.read_text())
        for one in config["configurations"]:
            one["config"]["expect"] = ", ".join(expectations)
        report.write_text(json.dumps(config))
        again = json.loads(run("report", "one", "--json=-", cwd=self.folder).stdout)
        self.assertGreater(len(expectations), 100)
        self.assertEqual([one["expectation"] for one in again["expectations"]], expectations)
        for one in again["expectations"]:
            self.assertTrue(one["met"], one)


class Plants(WithFolder):
    """Guards that are slowed down on purpose."""

    def test_cannot_be_mistaken_for_guards(self) -> None:
        result = run("--guard=cas,synchronized", "--plant=1.50", *QUICK, "--out=one", cwd=self.folder)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertRegex(result.stdout, r"^ccbench .* · planted\n")
        self.assertIn("\nwith db=20ms payment=50ms plant=1.5\n", result.stdout)
        warning = "the guards are slowed down on purpose (--plant=1.5): no time here is one of theirs"
        self.assertIn(warning, " ".join(result.stdout.split()))
        for row in rows_of((self.folder / "one" / "trials.csv").read_text()):
            self.assertIn("plant=1.5", row["params"].split(";"))
            if row["role"] == "guard":
                self.assertEqual(row["verdict"], "OK")
                self.assertGreaterEqual(int(row["wall_ns"]), 1.5 * 70e6)
        report = json.loads((self.folder / "one" / "run.json").read_text())
        self.assertEqual(report["config"]["plant"], "1.5")
        self.assertIn(warning, report["warnings"])
        page = (self.folder / "one" / "report.html").read_text()
        self.assertRegex(page, r"<title>ccbench .* · planted</title>")
        self.assertIn("the guards are slowed down on purpose (--plant=1.5)", page)
        self.assertEqual(run("report", "one", cwd=self.folder).stdout, result.stdout)

    def test_make_a_sweep_of_two_arms(self) -> None:
        flags = ["--scenario=counter", "--guard=synchronized", "--requests=200", "--threads=2", "--trials=3"]
        rows = rows_of(run(*flags, "--control=never", "--plant=1,3,10/50", "--csv=-").stdout)
        plants = [re.search(r"plant=([^;]+)", row["params"])[1] for row in rows]
        self.assertEqual({plant: plants.count(plant) for plant in plants}, {"1": 3, "3": 3, "10/50": 3})
        self.assertEqual({row["success"] for row in rows}, {"200"})

    def test_are_expected_to_take_longer(self) -> None:
        flags = ["--scenario=counter", "--guard=synchronized", "--requests=100", "--work=100ms", "--dry-run"]
        self.assertIn("about 10 s", run(*flags, "--control=never").stdout)
        self.assertIn("about 20 s", run(*flags, "--control=never", "--plant=2").stdout)
        self.assertIn("about 12 s", run(*flags, "--control=never", "--plant=10/50").stdout)

    def test_do_not_change_verdicts(self) -> None:
        for guard, code in [("all", 0), ("faulty-load-store", 3), ("faulty-lock-order", 6)]:
            with self.subTest(guard):
                result = run(f"--guard={guard}", "--plant=3", "--keys=2", *QUICK)
                self.assertEqual(result.returncode, code, result.stdout + result.stderr)


class ReadingRequests(WithFolder):
    COUNTER = ["--scenario=counter", "--guard=rwlock", "--control=never", "--requests=200", "--threads=4"]

    def test_are_drawn_by_the_seed_and_write_nothing(self) -> None:
        result = run(*self.COUNTER, "--read-ratio=0.5", "--seed=3", f"--out={self.folder}/out")
        self.assertEqual(result.returncode, 5, result.stderr)
        (row,) = rows_of((self.folder / "out" / "trials.csv").read_text())
        kinds = [request["kind"] for request in rows_of((self.folder / "out" / "requests.csv").read_text())]
        self.assertEqual(set(kinds), {"read", "write"})
        self.assertEqual((row["success"], int(row["effects"])), ("200", kinds.count("write")))
        self.assertIn("read-ratio=0.5", row["params"])
        again = run(*self.COUNTER, "--read-ratio=0.5", "--seed=3", "--requests-csv=-").stdout
        self.assertEqual([request["kind"] for request in rows_of(again)], kinds)
        self.assertEqual(run("report", str(self.folder / "out")).stdout, result.stdout)

    def test_are_none_or_all_at_the_ends_of_the_range(self) -> None:
        for ratio, kind in (("0", "write"), ("1", "read")):
            rows = rows_of(run(*self.COUNTER, f"--read-ratio={ratio}", "--requests-csv=-").stdout)
            self.assertEqual({row["kind"] for row in rows}, {kind})


class FailingSteps(WithFolder):
    FLAGS = ["--guard=synchronized", "--control=never", *QUICK]

    def test_are_told_by_what_they_leave(self) -> None:
        result = run(*self.FLAGS, "--failure-rate=1", "--order=complete-first", "--csv=-")
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertIn("no completion without a payment: 1 instead of 0", " ".join(result.stderr.split()))
        (row,) = rows_of(result.stdout)
        self.assertEqual((row["success"], row["effects"], row["expected_success"]), ("0", "0", ""))
        self.assertEqual(row["params"], "control=never;db=20ms;failure-rate=1;order=complete-first;payment=50ms")

    def test_that_are_taken_back_leave_nothing_and_let_another_buy(self) -> None:
        flags = ["--guard=synchronized", "--control=never", "--payment=1ms", "--db=1ms", "--failing-step=completion",
                 "--compensation=undo", "--failure-rate=0.7"]
        result = run(*flags, "--seed=1", f"--out={self.folder}/out")
        self.assertEqual(result.returncode, 5, result.stdout)
        (trial,) = json.loads((self.folder / "out" / "run.json").read_text())["trials"]
        facts = trial["facts"]
        self.assertEqual((trial["success"], facts["payments"] - facts["refunds"]), (1, 1))
        self.assertEqual(facts["refunds"], facts["failed completions"])
        self.assertEqual(run("report", str(self.folder / "out")).stdout, result.stdout)

    def test_of_a_process_that_dies_say_what_it_leaves(self) -> None:
        result = run(*self.FLAGS, "--failure-rate=1", "--failure=dies", f"--out={self.folder}/out")
        self.assertEqual(result.returncode, 9, result.stdout)
        text = " ".join(result.stdout.split())
        self.assertIn("SIGKILL", text)
        self.assertIn("; no payment without a completion: 1 instead of 0", text)
        (trial,) = json.loads((self.folder / "out" / "run.json").read_text())["trials"]
        self.assertEqual((trial["facts"]["payments"], trial["facts"]["completions"]), (1, 0))
        self.assertEqual(run("report", str(self.folder / "out")).stdout, result.stdout)

    def test_that_throw_are_errors(self) -> None:
        flags = ["--guard=synchronized", "--control=never", "--payment=1ms", "--db=0", "--requests=3"]
        (row,) = rows_of(run(*flags, "--failure-rate=1", "--failure=throws", "--csv=-").stdout)
        self.assertEqual((row["error"], row["effects"]), ("3", "0"))


class WhatTheHarnessSees(unittest.TestCase):
    def test_of_a_bound_stands_beside_the_scenarios_invariants(self) -> None:
        result = run("--guard=faulty-read-lock,synchronized,none", *QUICK, "--json=-")
        invariants = {trial["guard"]: {each["name"]: each for each in trial["invariants"]}
                      for trial in json.loads(result.stdout)["trials"]}
        self.assertEqual(invariants["faulty-read-lock"]["at most 1 inside"]["observed"], 20)
        self.assertIn("at most 1 inside: 20 instead of 1", " ".join(result.stderr.split()))
        held = invariants["synchronized"]["at most 1 inside"]
        self.assertEqual((held["expected"], held["observed"], held["holds"]), (1, 1, True))
        self.assertNotIn("at most 1 inside", invariants["none"])

    def test_of_a_bound_counts_the_permits(self) -> None:
        result = run("--guard=semaphore,faulty-extra-permit", "--permits=3", *QUICK, "--json=-")
        invariants = {trial["guard"]: {each["name"]: each for each in trial["invariants"]}
                      for trial in json.loads(result.stdout)["trials"]}
        held = invariants["semaphore"]["at most 3 inside"]
        self.assertEqual((held["expected"], held["observed"], held["holds"]), (3, 3, True))
        self.assertGreater(invariants["faulty-extra-permit"]["at most 3 inside"]["observed"], 3)

    def test_of_a_guard_that_gives_up_are_time_outs(self) -> None:
        for patience, outcome, reason in (("0", "turned_away", "the key is taken"),
                                          ("1ms", "timed_out", "the key stayed taken")):
            with self.subTest(patience):
                flags = [f"--patience={patience}", "--payment=500ms", "--db=0", "--snapshot=100ms", "--json=-"]
                document = json.loads(run("--guard=try-lock", "--control=never", *flags).stdout)
                (trial,) = document["trials"]
                self.assertEqual((trial["success"], trial[outcome]), (1, 19))
                (failure,) = trial["reasons"]
                self.assertIn(reason, json.dumps(trial["reasons"]), failure)

    def test_of_a_lock_with_a_time_limit_has_its_name(self) -> None:
        flags = ["--patience=60s", "--payment=500ms", "--db=0", "--snapshot=250ms", "--control=never"]
        text = " ".join(run("--guard=try-lock", *flags).stdout.split())
        self.assertIn("19 waiting for try-lock[ticket-1]", text)


class GuardSettings(WithFolder):
    """By the permits of the semaphore."""

    FLAGS = ["--scenario=counter", "--control=never", "--requests=4"]

    def setUp(self) -> None:
        super().setUp()
        if not is_listed("semaphore"):
            self.skipTest("there is no semaphore here")

    def test_of_no_guard_of_the_run_are_refused(self) -> None:
        result = run("--guard=cas,synchronized", "--permits=2")
        self.assertEqual((result.returncode, result.stdout, result.stderr.count("\n")), (2, "", 1))
        for word in ("--permits", "semaphore"):
            self.assertIn(word, result.stderr)
        self.assertEqual(run("--guard=semaphore", "--permits=0").returncode, 2)

    def test_are_for_the_guards_that_have_them(self) -> None:
        rows = rows_of(run(*self.FLAGS, "--guard=cas,semaphore", "--permits=3", "--csv=-").stdout)
        self.assertEqual({row["params"] for row in rows}, {"control=never;permits=3"})

    def test_by_which_a_guard_does_not_fit_leave_it_out_of_all(self) -> None:
        flags = ["--payment=1ms", "--db=1ms", "--requests=4"]
        for permits, fits in (("1", True), ("3", False)):
            result = run("--guard=all", f"--permits={permits}", *flags, "--csv=-")
            self.assertEqual("semaphore" in {row["guard"] for row in rows_of(result.stdout)}, fits, permits)
            left_out = re.search(r"semaphore +does not promise: exclusive", result.stderr)
            self.assertEqual(left_out is None, fits, result.stderr)
        text = run("--guard=all", "--permits=1,3", *flags, f"--out={self.folder}/out").stdout
        self.assertRegex(text, r"semaphore permits=3 +does not promise: exclusive\n")
        self.assertRegex(text, r"ttl-cache +does not promise: exclusive\n")
        self.assertEqual(run("report", f"{self.folder}/out").stdout, text)
        self.assertEqual(run("--guard=all", "--permits=3", "--reference=semaphore", *flags).returncode, 2)
        self.assertEqual(run("--guard=all", "--scenario=fan-out", "--permits=3").returncode, 2)

    def test_make_a_sweep(self) -> None:
        text = run(*self.FLAGS, "--guard=semaphore", "--permits=1,2", "--dry-run").stdout
        self.assertIn("2 configurations of 1 guard", text)
        rows = rows_of(run(*self.FLAGS, "--guard=semaphore", "--permits=1,2", "--csv=-").stdout)
        self.assertEqual({row["params"] for row in rows}, {"control=never", "control=never;permits=2"})

    def test_stand_in_a_file_and_in_the_config(self) -> None:
        path = self.folder / "experiment.toml"
        path.write_text('scenario = "counter"\nguard = "semaphore"\nrequests = 4\ncontrol = "never"\npermits = 2\n')
        document = json.loads(run(f"--config={path}", "--json=-").stdout)
        self.assertEqual(document["config"]["permits"], "2")
        document = json.loads(run(*self.FLAGS, "--guard=semaphore", "--json=-").stdout)
        self.assertEqual(document["config"]["permits"], "1")

    def test_stand_in_help_and_list(self) -> None:
        self.assertRegex(run("--help").stdout, r"--permits N +semaphore\b")
        listed = run("list").stdout
        self.assertRegex(listed[listed.index("\n  semaphore"):], r"^\n  semaphore .*\n(?:.*\n){1,2}    --permits ")


class Objections(unittest.TestCase):
    def test_of_a_scenario_are_usage_errors(self) -> None:
        if not is_listed("vm-lookup"):
            self.skipTest("there is no scenario here that objects")
        result = run("--scenario=vm-lookup", "--key-parts=none", "--keys=2")
        self.assertEqual((result.returncode, result.stdout, result.stderr.count("\n")), (2, "", 1))
        self.assertTrue(result.stderr.startswith("ccbench: scenario vm-lookup: "), result.stderr)
        self.assertEqual(run("--scenario=vm-lookup", "--key-parts=none", "--keys=1", "--dry-run").returncode, 0)


class Texts(WithFolder):
    def test_list_shows_every_guard_and_scenario(self) -> None:
        text = run("list").stdout
        for word in ["none", "global", "synchronized", "cas", "rwlock", "recursive", "single-flight", "faulty-load-store",
                     "lotto-purchase", "counter", "promises: exclusive", "guards that fit"]:
            self.assertIn(word, text)
        self.assertIn("needs: cancels; or independent\n", text)

    def test_list_says_how_much_memory_a_guard_keeps_by_key(self) -> None:
        text = run("list").stdout
        for name, memory in [("global", "does not grow with the keys"),
                             ("cas", "up to 64 bytes for every key ever used")]:
            self.assertRegex(text, rf"(?m)^  {name} .*\n(?:   .*\n)+ +memory: {memory}$")

    def test_list_has_each_faulty_guard_with_its_promises_and_its_command(self) -> None:
        text = run("list", "--faulty").stdout
        self.assertIn(text, run("list").stdout)
        names = re.findall(r"^  (faulty-\S+)", text, re.MULTILINE)
        self.assertIn("faulty-lost-wakeup", names)
        for name in names:
            part = re.search(rf"^  {name} .*\n(?:   .*\n)+", text, re.MULTILINE)[0]
            self.assertRegex(part, r"\n +promises: [a-z]")
            self.assertRegex(part, rf"\n +ccbench (explore )?--guard={name} --")

    def test_list_is_as_wide_as_the_terminal(self) -> None:
        def words(text: str) -> list[str]:
            return text.replace("\\\n", " ").split()

        piped = run("list").stdout
        self.assertLessEqual(max(len(line) for line in piped.splitlines()), 110)
        for columns in (70, 80, 300):
            shown = on_terminal(["list"], {}, columns).replace("\r\n", "\n")
            self.assertLessEqual(max(len(line) for line in shown.splitlines()), min(columns, 110), columns)
            self.assertEqual(words(shown), words(piped), columns)

    def test_a_command_in_the_list_may_be_typed_as_it_stands(self) -> None:
        shown = on_terminal(["list", "--faulty"], {}, 80).replace("\r\n", "\n")
        broken = re.search(r"^ +ccbench (--guard=faulty-load-store (?:.*\\\n)+.*)$", shown, re.MULTILINE)[1]
        script = f'"{CCBENCH}" {broken} --trials=1 --control=never --quiet'
        result = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, 3, result.stderr)

    def test_help_groups_its_flags_and_shows_examples(self) -> None:
        text = run("--help").stdout
        for heading in ["What to run:", "How to run it:", "Settings of the scenarios:", "Snapshots:", "Output:"]:
            self.assertIn(heading, text)
        self.assertEqual(text.count("\n  ccbench --"), 5)
        self.assertLessEqual(max(len(line) for line in text.splitlines()), 110)

    def test_help_names_every_owner_of_a_setting_that_several_have(self) -> None:
        text = re.sub(r"\n {31}", " ", run("--help").stdout)
        listed = run("list").stdout
        shared = 0
        settings = text[text.index("Settings of the scenarios:"):text.index("Snapshots:")]
        settings += text[text.index("Settings of the guards:"):]
        for flag, about in re.findall(r"^  --(\S+) [^ ]+ +(.*)$", settings, re.MULTILINE):
            count = listed.count(f"\n    --{flag:<16} ")
            # Those that mean the same by it stand together, the others behind a semicolon.
            owners = [owner for owners in re.findall(r"(?:^|; )((?:[a-z-]+, )*[a-z-]+): ", about) for owner in owners.split(", ")]
            if count > 0:
                self.assertEqual(len(owners), count, flag)
                self.assertEqual(len(set(owners)), count, flag)
                shared += count > 1
        self.assertGreater(shared, 0)

    def test_help_has_many_names(self) -> None:
        text = run("--help").stdout
        for words in (["-h"], ["help"], ["run", "--help"], ["run", "-h"], ["list", "--help"], ["list", "-h"]):
            with self.subTest(words):
                result = run(*words)
                self.assertEqual((result.returncode, result.stdout, result.stderr), (0, text, ""))

    def test_help_has_the_range_of_every_number(self) -> None:
        flags = re.sub(r"\n {31}", " ", run("--help").stdout)  # What is said of one may take several lines.
        for line in flags.splitlines():
            if re.match(r"  --\S+ [DNKRF](\[,|\s)", line) and "--seed" not in line and "--guard" not in line:
                self.assertRegex(line, r"\d(ms)? to \d+")

    def test_the_examples_of_the_help_work(self) -> None:
        for line in run("--help").stdout.splitlines():
            if not line.startswith("  ccbench --"):
                continue
            with self.subTest(line):
                flags = line.split()[1:]
                result = run(*flags, "--time-scale=0.1", cwd=self.folder)
                expected = 3 if "faulty" in line else 0
                self.assertEqual(result.returncode, expected, result.stdout + result.stderr)

    def test_version_names_compiler_and_build_type(self) -> None:
        self.assertRegex(run("--version").stdout, r"^ccbench \d+\.\d+\.\d+ \((g|clang)\+\+ [\d.]+, \w+, sanitizer: [\w,]+\)\n$")

    def test_bench_passes_flags_through(self) -> None:
        text = run("bench", "--benchmark_list_tests").stdout
        for name in ["existing_key/cas", "existing_key/cas/bare", "first_use/", "contended/", "workers/1000/ccbench"]:
            self.assertIn(name, text)


class Sweeps(WithFolder):
    def rows(self, *flags: str) -> list[dict[str, str]]:
        result = run(*flags, "--payment=1ms", "--db=0", "--snapshot=never", "--csv=-")
        self.assertIn(result.returncode, (0, 3, 5), result.stderr)
        return rows_of(result.stdout)

    def test_run_every_guard_under_every_combination_in_every_round(self) -> None:
        sizes = ["--requests=2,4", "--window=0,1ms,2ms", "--keys=1,2"]
        rows = self.rows("--guard=none,cas", *sizes, "--trials=2", "--seed=3")
        self.assertEqual(len(rows), 2 * 2 * 3 * 2 * 2)
        cells = [(row["guard"], row["requests"], row["section_ns"], row["keys"]) for row in rows]
        wanted = {(n, section, k) for n in "24" for section in ("1000000", "2000000", "3000000") for k in "12"}
        self.assertEqual({cell[1:] for cell in cells}, wanted)
        self.assertEqual(set(cells[:24]), set(cells[24:]), "one after the other, each round has all")
        self.assertEqual(len(set(cells)), 24)
        self.assertNotEqual(cells[:24], sorted(cells[:24]), "shuffled")
        for row in rows:
            window = {"1000000": "", "2000000": ";window=1ms", "3000000": ";window=2ms"}[row["section_ns"]]
            self.assertEqual(row["params"], f"db=0;payment=1ms;snapshot=never{window}")
            self.assertEqual(row["requests"], row["threads"])

    def test_show_their_configurations_in_the_order_of_their_lists(self) -> None:
        path = self.folder / "run.json"
        flags = ["--guard=cas", "--payment=1ms", "--db=0", "--window=1ms,0", "--requests=20,2"]
        result = run(*flags, f"--json={path}")
        row = re.compile(r"^(\d+) +(\S+) +(?:cas|none \(control\)) +[A-Z]", re.MULTILINE)
        rows = row.findall(result.stdout)
        # The settings in the order of their names, their values as they were typed; and every guard in each.
        self.assertEqual(rows[::2], [("20", "1ms"), ("20", "0"), ("2", "1ms"), ("2", "0")], result.stdout)
        self.assertEqual(rows[::2], rows[1::2])
        report = json.loads(path.read_text())
        settings = [configuration["settings"] for configuration in report["configurations"]]
        self.assertEqual(settings[1], {"requests": "20", "window": "0"})
        self.assertEqual((report["config"]["requests"], report["config"]["window"]), ("20,2", "1ms,0"))
        self.assertEqual([row["configuration"] for row in report["comparison"]], [0, 0, 1, 1, 2, 2, 3, 3])

    def test_take_what_is_the_same_once(self) -> None:
        self.assertEqual(len(self.rows("--guard=none", "--requests=2,02,2,3", "--window=1ms,1000us")), 2)

    def test_have_no_more_threads_than_requests(self) -> None:
        rows = self.rows("--guard=none", "--requests=2,8", "--threads=4,8", "--seed=1")
        sizes = sorted((row["requests"], row["threads"]) for row in rows)
        self.assertEqual(sizes, [("2", "2"), ("8", "4"), ("8", "8")])

    def test_of_settings_of_the_scenario_and_words(self) -> None:
        lists = ["--payment=1ms,2ms", "--start=aligned,latch", "--visibility=commit,instant"]
        rows = rows_of(run("--guard=none", "--requests=2", "--db=0", *lists, "--csv=-").stdout)
        self.assertEqual(len(rows), 8)
        self.assertEqual({row["section_ns"] for row in rows}, {"1000000", "2000000"})
        self.assertEqual(len({row["params"] for row in rows}), 8)

    def test_stand_in_a_file_as_well(self) -> None:
        path = self.folder / "sweep.toml"
        path.write_text('guard = "none"\nrequests = [2, 4]\nwindow = ["0", "1ms"]\n')
        rows = self.rows(f"--config={path}")
        self.assertEqual(len(rows), 4)
        rows = self.rows(f"--config={path}", "--requests=3")
        self.assertEqual([row["requests"] for row in rows], ["3", "3"])
        path.write_text("requests = [2, 4]\nrequests = 8\n")
        self.assertEqual(run(f"--config={path}").returncode, 2)

    def test_that_cannot_be_are_answered_by_one_sentence(self) -> None:
        numbers = ",".join(str(number) for number in range(1, 102))
        for flags, words in [
            (["--requests=2,x"], ["--requests", "'x'", "1 to 10000000000"]),
            (["--requests=2,,4"], ["--requests", "'2,,4'", "empty item"]),
            (["--window=0,5"], ["--window", "'5'", "unit"]),
            (["--threads=2,0"], ["--threads", "'0'"]),
            (["--trials=2,3"], ["--trials", "'2,3'"]),
            (["--seed=1,2"], ["--seed", "'1,2'"]),
            (["--timeout=1s,2s"], ["--timeout", "'1s,2s'"]),
            ([f"--requests={numbers}", f"--keys={numbers}"], ["more than 10000 configurations"]),
            (["--requests=2,4", "--shrink"], ["--shrink", "sweep"]),
            (["--requests=5", "--threads=4,20"], ["--threads=20"]),
        ]:
            with self.subTest(flags):
                result = run("--guard=cas", *flags)
                self.assertEqual((result.returncode, result.stdout), (2, ""))
                self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
                for word in words:
                    self.assertIn(word, result.stderr)


class DryRuns(WithFolder):
    def test_run_nothing_and_touch_no_file(self) -> None:
        kept = self.folder / "kept.csv"
        kept.write_text("older results\n")
        files = [f"--csv={kept}", f"--json={self.folder}/new.json", f"--out={self.folder}/out"]
        # One trial would take a day, and a process that nobody waited for would keep standard output open.
        result = run("--guard=all", "--requests=2,20", "--payment=24h", "--timeout=24h", *files, "--dry-run", timeout=60)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(kept.read_text(), "older results\n")
        self.assertEqual([path.name for path in self.folder.iterdir()], ["kept.csv"])

    def test_show_the_plan(self) -> None:
        text = run("--guard=cas,synchronized", "--requests=2,20", "--trials=30", "--dry-run").stdout
        self.assertIn("2 configurations of 2 guards · 120 trials · and up to 10 controls", text)
        self.assertEqual(len(re.findall(r"^(2|20) +(cas|synchronized) +30 ", text, re.MULTILINE)), 4)

    def test_are_refused_as_the_run_would_be(self) -> None:
        for flag in ("--guard=cass", "--requests=x", "--reference=global"):
            self.assertEqual(run("--guard=cas", flag, "--dry-run").returncode, 2, flag)

    def test_say_about_how_long_it_takes(self) -> None:
        # Sleeps alone: no machine is too slow for them, only a crowded one, and that at most doubles them.
        flags = ["--scenario=counter", "--work=100ms", "--work-kind=sleep", "--requests=10"]
        flags += ["--guard=synchronized,none", "--trials=3"]
        text = run(*flags, "--dry-run").stdout
        estimate = int(re.search(r"about (\d+) s,", text)[1])
        begin = time.monotonic()
        self.assertEqual(run(*flags, "--snapshot=never").returncode, 0)
        taken = time.monotonic() - begin
        self.assertLess(taken / 2 - 0.5, estimate)
        self.assertGreater(taken * 2 + 0.5, estimate)


class References(unittest.TestCase):
    def test_that_are_not_compared_are_refused(self) -> None:
        for guards, reference in (("cas", "global"), ("cas,none", "none"), ("cas", "cass"), ("cas,global", "cas,global")):
            with self.subTest(reference):
                result = run(f"--guard={guards}", f"--reference={reference}")
                self.assertEqual((result.returncode, result.stdout), (2, ""))
                self.assertEqual(
                    result.stderr, f"ccbench: --reference: '{reference}' is not one of the guards that are compared\n"
                )

    def report(self, *flags: str) -> dict:
        guards = "--guard=cas,synchronized,global"
        result = run(guards, "--payment=5ms", "--db=0", "--trials=6", "--snapshot=never", *flags, "--json=-")
        self.assertEqual(result.returncode, 0, result.stderr)
        return {row["guard"]: row for row in json.loads(result.stdout)["comparison"]}

    def test_are_what_the_ratios_are_to(self) -> None:
        for flags, reference in (([], "cas"), (["--reference=global"], "global")):
            rows = self.report(*flags)
            self.assertEqual([name for name, row in rows.items() if row["reference"]], [reference])
            self.assertEqual((rows[reference]["ratio"]["low"], rows[reference]["ratio"]["high"]), (1, 1))
            self.assertIsNone(rows["none"]["ratio"])
            self.assertEqual(sorted(row["rank"] for row in rows.values() if row["rank"]), [1, 2, 3])

    def test_of_the_table_stand_in_its_head(self) -> None:
        guards = ["--guard=cas,synchronized", "--reference=synchronized"]
        text = run(*guards, "--payment=5ms", "--db=0", "--trials=6").stdout
        self.assertRegex(" ".join(text.split()), "ratio to .* synchronized")

    def test_are_told_to_the_same_digit_in_json_and_csv(self) -> None:
        """The medians and ratios of the report from the rows of the file, by the rules of src/stats/estimate.h."""
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        files = [f"--json={folder}/run.json", f"--csv={folder}/trials.csv"]
        run("--guard=cas,synchronized,none", *QUICK, "--trials=7", *files)
        rows = rows_of((folder / "trials.csv").read_text())
        report = {row["guard"]: row for row in json.loads((folder / "run.json").read_text())["comparison"]}
        walls = {guard: [int(row["wall_ns"]) for row in rows if row["guard"] == guard] for guard in report}
        self.assertEqual({len(times) for times in walls.values()}, {7})
        median = lambda values: sorted(values)[3]
        for guard, row in report.items():
            self.assertEqual(row["time_ns"]["median"], median(walls[guard]))
            self.assertEqual(row["beyond_section_ns"]["median"], median(walls[guard]) - 70_000_000)
            spread = {"min": min(walls[guard]), "p50": median(walls[guard]), "max": max(walls[guard])}
            self.assertEqual(row["wall_ns"], spread)
        ratios = [own / other for own, other in zip(walls["synchronized"], walls["cas"])]
        self.assertEqual(report["synchronized"]["ratio"]["median"], median(ratios))


class UntilFail(WithFolder):
    def test_ends_with_the_first_trial_that_fails(self) -> None:
        path = self.folder / "trials.csv"
        result = run("--guard=faulty-load-store,cas", *QUICK, "--until-fail", "--seed=1", f"--csv={path}")
        self.assertEqual(result.returncode, 3, result.stdout)
        rows = rows_of(path.read_text())
        self.assertEqual((rows[-1]["guard"], rows[-1]["verdict"]), ("faulty-load-store", "VIOLATION"))
        self.assertEqual([row["verdict"] for row in rows if row["role"] == "guard"].count("VIOLATION"), 1)

    def test_ends_after_as_many_trials_as_asked_for_where_none_fails(self) -> None:
        rows = rows_of(run("--guard=cas", *QUICK, "--until-fail", "--trials=3", "--control=never", "--csv=-").stdout)
        self.assertEqual(len(rows), 3)

    def test_is_repeated_by_what_it_prints(self) -> None:
        text = run("--guard=faulty-load-store", *QUICK, "--until-fail").stdout
        command = re.search(r"^repeat +faulty-load-store +(ccbench .*)$", text, re.MULTILINE)[1]
        self.assertEqual(self.in_a_shell(command), 3)

    def in_a_shell(self, command: str) -> int:
        (self.folder / "ccbench").symlink_to(CCBENCH)
        environment = {**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}"}
        return subprocess.run(command, shell=True, capture_output=True, env=environment, timeout=120).returncode

    def test_shrunk_ends_in_a_command_that_fails_again(self) -> None:
        path = self.folder / "run.json"
        flags = ["--guard=faulty-load-store", "--requests=8", "--payment=30ms", "--db=1ms", "--window=1ms"]
        result = run(*flags, "--snapshot-at=blocked >= 3", "--shrink", f"--json={path}")
        self.assertEqual(result.returncode, 3, result.stderr)
        command = result.stdout.rsplit("\nwarning", 1)[0].splitlines()[-1].strip()
        self.assertTrue(command.startswith("ccbench --guard=faulty-load-store --requests="), result.stdout)
        shrunk = json.loads(path.read_text())["shrunk"]
        self.assertEqual(shrunk["command"], command)
        self.assertIn(f"--requests={shrunk['requests']} ", command)
        # Two can lose this race, and the payment is window enough.
        self.assertEqual((shrunk["requests"], shrunk["window_ns"]), (2, 0), shrunk)
        self.assertNotIn("--window", command)
        self.assertIn("the smallest that still fails: 2 requests, window 0", result.stdout)
        again = shrunk["confirmations"][-1]
        self.assertEqual((again["requests"], again["window_ns"]), (2, 0))
        self.assertGreater(again["failed"], 0)
        self.assertIn(f"run again, failed in {again['failed']} of {again['trials']} trials", result.stdout)
        self.assertEqual(self.in_a_shell(command), 3)
        # What was found is in the files, too.
        (self.folder / "out").mkdir()
        path.rename(self.folder / "out" / "run.json")
        self.assertEqual(run("report", str(self.folder / "out")).stdout, result.stdout)

    def test_of_a_guard_that_failed_sometimes_is_repeated_until_it_fails(self) -> None:
        # Each trial fails or holds by its own seed: two requests of keys drawn at random meet on one, or do not.
        flags = ["--guard=faulty-load-store", "--requests=2", "--keys=3", "--key-skew=zipf:0", "--payment=30ms"]
        result = run(*flags, "--db=1ms", "--trials=12", "--seed=1", "--json=-")
        failed = [t["verdict"] for t in json.loads(result.stdout)["trials"] if t["role"] == "guard"].count("VIOLATION")
        self.assertTrue(0 < failed < 12, failed)
        command = re.search(r"^repeat +faulty-load-store +(ccbench .*)$", result.stderr, re.MULTILINE)[1]
        self.assertRegex(command, r" --until-fail --trials=\d+$")
        self.assertEqual(self.in_a_shell(command), 3)

    def test_shrinks_nothing_where_nothing_fails(self) -> None:
        result = run("--guard=cas", *QUICK, "--shrink", "--trials=2", "--json=-")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIsNone(json.loads(result.stdout)["shrunk"])
        self.assertIn("no trial failed: nothing to shrink", result.stderr)

    def test_shrinks_one_guard(self) -> None:
        result = run("--guard=cas,global", "--shrink")
        self.assertEqual((result.returncode, result.stderr), (2, "ccbench: --shrink: name one guard\n"))

    def test_keeps_what_it_has_when_the_shrinking_is_interrupted(self) -> None:
        path = self.folder / "run.json"
        # One request alone cannot fail, and is tried 20 times; alone is also who is left of many, in the two trials
        # before.
        process = self.start("--guard=faulty-load-store", "--payment=500ms", "--db=0", "--shrink", f"--json={path}")
        alone: set[int] = set()

        def ran_alone_four_times() -> bool:
            for trial in children_of(process.pid):
                try:
                    if threads_of(trial) == 2 and sleepers_of(trial) == 1:
                        alone.add(trial)
                except OSError:  # It has ended.
                    pass
            return len(alone) >= 4

        wait_until(ran_alone_four_times, "one request runs alone")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(60), 130)
        report = json.loads(path.read_text())
        self.assertEqual(report["trials"][-1]["verdict"], "VIOLATION")
        self.assertEqual(report["shrunk"]["steps"], [])
        self.assertEqual(report["shrunk"]["requests"], 20)
        self.assertTrue(report["shrunk"]["cut_short"])
        text = run("report", str(self.folder)).stdout
        self.assertIn("interrupted: smaller ones may fail, too; seen to fail: 20 requests", text)
        self.assertIn(f"of {report['planned_trials']} trials", text)
        self.assertGreater(report["planned_trials"], len(report["trials"]))


class Power(WithFolder):
    QUICK = ["--requests=2,8", "--window=0,1ms", "--trials=3"]

    def test_is_a_ladder_and_exits_0_whatever_it_sees(self) -> None:
        result = run("power", *self.QUICK, "--csv=-")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(
            result.stdout.splitlines()[0],
            "schema,run_id,scenario,start,requests,threads,window_ns,window_kind,trials,broken,low,high",
        )
        rows = rows_of(result.stdout)
        self.assertEqual(
            [(row["requests"], row["start"], row["window_ns"]) for row in rows],
            [(n, start, window) for n in "28" for start in ("aligned", "latch") for window in ("0", "1000000")],
        )
        for row in rows:
            self.assertEqual((row["schema"], row["trials"], row["window_kind"]), ("ccbench.power/1", "3", "fixed"))
            rate = int(row["broken"]) / 3
            self.assertTrue(float(row["low"]) <= rate <= float(row["high"]))
        cells = re.findall(r"(\d)/3", result.stderr)
        self.assertEqual(cells, [row["broken"] for row in rows])

    def test_where_nothing_can_break_exits_0_and_says_so(self) -> None:
        result = run("power", "--requests=1", "--window=0", "--start=latch", "--trials=3")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("0 of 1 settings lost the race in every trial, 1 in none.", result.stdout)
        self.assertIn("up to 71 %", " ".join(result.stdout.split()))

    def test_writes_its_own_file_and_that_of_its_trials(self) -> None:
        out = self.folder / "out"
        text = run("power", *self.QUICK, f"--out={out}", check=True).stdout
        self.assertEqual(len(rows_of((out / "power.csv").read_text())), 8)
        self.assertEqual(len(rows_of((out / "trials.csv").read_text())), 24)
        # And is reported as what it is.
        again = run("report", str(out), f"--csv={self.folder}/again.csv", check=True).stdout
        self.assertEqual(again, text)
        self.assertEqual((self.folder / "again.csv").read_bytes(), (out / "power.csv").read_bytes())

    def test_takes_no_duration_and_no_rate(self) -> None:
        for flag in ("--duration", "--rate"):
            result = run("power", f"{flag}=1s" if flag == "--duration" else f"{flag}=5")
            self.assertEqual((result.returncode, result.stdout), (2, ""))
            self.assertEqual(result.stderr, f"ccbench: {flag}: power releases its requests together\n")

    def test_takes_no_guard(self) -> None:
        result = run("power", "--guard=cas")
        self.assertEqual((result.returncode, result.stdout, result.stderr.count("\n")), (2, "", 1))
        self.assertIn("--guard", result.stderr)
        self.assertIn("'cas'", result.stderr)
        self.assertEqual(run("power", "--guard=none", "--dry-run").returncode, 0)

    def test_has_help_and_a_dry_run(self) -> None:
        self.assertEqual(run("power", "--help").stdout, run("--help").stdout)
        text = run("power", "--dry-run").stdout
        self.assertIn("36 configurations of 1 guard · 720 trials", text)


class Inconclusive(unittest.TestCase):
    def test_is_what_the_comparison_says_without_a_window_where_no_control_broke(self) -> None:
        flags = ["--guard=cas,synchronized", "--requests=1", "--payment=0", "--db=0", "--window=0", "--start=latch"]
        result = run(*flags, "--trials=6", "--json=-")
        self.assertEqual(result.returncode, 5)
        report = json.loads(result.stdout)
        for row in report["comparison"]:
            compared = (row["verdict"], row["rank"], row["ratio"], row["reference"])
            self.assertEqual(compared, ("INCONCLUSIVE", None, None, False))
            self.assertIsNotNone(row["time_ns"]["median"])
        self.assertIn("INCONCLUSIVE", result.stderr)
        self.assertNotIn("ratio", result.stderr)
        self.assertEqual(run(*flags, "--inconclusive=ok").returncode, 0)


if __name__ == "__main__":
    CCBENCH = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=1)
