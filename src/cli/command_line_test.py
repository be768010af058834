#!/usr/bin/env python3
"""Runs the real ccbench: exit codes, files, signals, bad input. Usage: command_line_test.py CCBENCH [unittest args]"""

from __future__ import annotations

import csv
import fcntl
import io
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
REQUESTS_HEADER = "schema,run_id,trial,request,thread,key,kind,outcome,reason,start_ns,enter_ns,leave_ns,end_ns"
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


def sleepers_of(process: int) -> int:
    places = [Path(f"/proc/{process}/task/{thread}/wchan").read_text() for thread in os.listdir(f"/proc/{process}/task")]
    return sum("nanosleep" in place for place in places)


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

    def trial_of(self, process: subprocess.Popen, threads: int = 1) -> int:
        """The process of the running trial, once it has that many threads besides its first."""
        wait_until(lambda: children_of(process.pid), "a trial runs")
        trial = children_of(process.pid)[0]
        wait_until(lambda: threads_of(trial) > threads, "its threads run")
        return trial


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
        self.assertEqual(set(rows), {"none", "global", "synchronized", "cas", "rwlock", "recursive", "single-flight"})
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


class Files(WithFolder):
    def test_are_all_written_agree_and_parse(self) -> None:
        result = run("--guard=cas,synchronized", *QUICK, "--snapshot=25ms", f"--out={self.folder}/deep/er", "--trials=2")
        self.assertEqual(result.returncode, 0, result.stderr)
        out = self.folder / "deep" / "er"
        trials = (out / "trials.csv").read_text()
        self.assertEqual(trials.splitlines()[0], TRIALS_HEADER)
        self.assertEqual((out / "requests.csv").read_text().splitlines()[0], REQUESTS_HEADER)
        self.assertEqual((out / "snapshots.csv").read_text().splitlines()[0], SNAPSHOTS_HEADER)
        rows = rows_of(trials)
        report = json.loads((out / "run.json").read_text())
        self.assertEqual(report["schema"], "ccbench.run/1")
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
            ["requests.csv", "run.json", "snapshots.csv", "threads.txt", "trials.csv"],
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
        self.assertEqual(good.read_text().splitlines()[0], TRIALS_HEADER)

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
        main, side = pty.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = subprocess.Popen(
            [CCBENCH, "--guard=none", *QUICK] if not flags else [CCBENCH, *QUICK, *flags],
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
                trial = self.trial_of(process)
                wait_until(lambda: threads_of(trial) == 2, "all but the winner have ended")
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
        flags = ["--guard=synchronized", "--payment=2s", "--db=0", "--control=never", "--snapshot=never"]
        process = self.start(*flags, f"--snapshots-csv={path}")
        trial = self.trial_of(process, threads=20)
        wait_until(lambda: sleepers_of(trial) == 1, "somebody pays")
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

    def test_a_trial_does_not_outlive_a_killed_ccbench(self) -> None:
        process = self.start("--guard=none", "--payment=60s")
        trial = self.trial_of(process)
        process.kill()
        wait_until(lambda: is_gone(trial), "the trial is gone")


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
            (["--requests=0"], ["--requests", "'0'", "1 to 2000000"]),
            (["--requests=12x"], ["--requests", "'12x'", "1 to 2000000"]),
            (["--requests=-5"], ["--requests", "'-5'"]),
            (["--requests=1e3"], ["--requests", "'1e3'"]),
            (["--requests=1000000000000000000000"], ["--requests", "2000000"]),
            (["--requests"], ["--requests", "missing"]),
            (["--requests=1", "--requests=2"], ["--requests", "twice"]),
            (["--requests=1000000"], ["--requests=1000000", "--threads"]),
            (["--threads=21"], ["--threads", "'21'", "1 to 20, the number of requests"]),
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
            (["explode"], ["'explode'", "run, list, bench"]),
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


class Texts(WithFolder):
    def test_list_shows_every_guard_and_scenario(self) -> None:
        text = run("list").stdout
        for word in ["none", "global", "synchronized", "cas", "rwlock", "recursive", "single-flight", "faulty-load-store",
                     "lotto-purchase", "counter", "promises: exclusive", "guards that fit"]:
            self.assertIn(word, text)

    def test_help_groups_its_flags_and_shows_three_examples(self) -> None:
        text = run("--help").stdout
        for heading in ["What to run:", "How to run it:", "Settings of the scenarios:", "Snapshots:", "Output:"]:
            self.assertIn(heading, text)
        self.assertEqual(text.count("\n  ccbench --"), 3)
        self.assertLessEqual(max(len(line) for line in text.splitlines()), 110)

    def test_help_has_many_names(self) -> None:
        text = run("--help").stdout
        for words in (["-h"], ["help"], ["run", "--help"], ["run", "-h"], ["list", "--help"], ["list", "-h"]):
            with self.subTest(words):
                result = run(*words)
                self.assertEqual((result.returncode, result.stdout, result.stderr), (0, text, ""))

    def test_help_has_the_range_of_every_number(self) -> None:
        for line in run("--help").stdout.splitlines():
            if re.match(r"  --\S+ [DNKRF](\[,|\s)", line) and "--seed" not in line and "--guard" not in line:
                self.assertRegex(line, r"\d(ms)? to \d+")

    def test_the_examples_of_the_help_work(self) -> None:
        for line in run("--help").stdout.splitlines():
            if not line.startswith("  ccbench --"):
                continue
            with self.subTest(line):
                flags = line.split()[1:]
                result = run(*flags, "--time-scale=0.1", cwd=self.folder)
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_version_names_compiler_and_build_type(self) -> None:
        self.assertRegex(run("--version").stdout, r"^ccbench \d+\.\d+\.\d+ \((g|clang)\+\+ [\d.]+, \w+, sanitizer: [\w,]+\)\n$")

    def test_bench_passes_flags_through(self) -> None:
        text = run("bench", "--benchmark_list_tests").stdout
        for name in ["existing_key/cas", "existing_key/cas/bare", "first_use/", "contended/", "workers/1000/ccbench"]:
            self.assertIn(name, text)


if __name__ == "__main__":
    CCBENCH = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=1)
