#!/usr/bin/env python3
"""`ccbench explore` as a user runs it. Usage: explore_command_test.py CCBENCH [unittest args]"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

CCBENCH = ""


def run(*flags: str) -> subprocess.CompletedProcess:
    return subprocess.run([CCBENCH, "explore", *flags], capture_output=True, text=True, timeout=120)


def on_terminal(*flags: str) -> str:
    """What a terminal gets of both outputs."""
    main, side = pty.openpty()
    process = subprocess.Popen([CCBENCH, "explore", *flags], stdout=side, stderr=side)
    os.close(side)
    text = b""
    with contextlib.suppress(OSError):  # The last writer has gone.
        while chunk := os.read(main, 65536):
            text += chunk
    os.close(main)
    process.wait(60)
    return text.decode()


class Progress(unittest.TestCase):
    def test_is_shown_on_a_terminal_and_gone_at_the_end(self) -> None:
        # Until it has been long enough: however fast this machine is, it is interrupted by its budget.
        flags = ["--guard=none,synchronized", "--scenario=counter", "--requests=9", "--strategy=dfs", "--budget=1s"]
        text = on_terminal(*flags)
        self.assertRegex(text, r"\r\x1b\[Kguard 2 of 2: synchronized: \d+ schedules")
        self.assertGreater(text.rindex("\r\x1b[K"), text.rindex("guard 2 of 2"))
        self.assertNotIn("guard 2 of 2", on_terminal(*flags, "--no-progress"))
        self.assertNotIn("guard 2 of 2", run(*flags).stderr)


class Verdicts(unittest.TestCase):
    def test_prove_a_guard_that_holds(self) -> None:
        found = run("--guard=cas", "--requests=8", "--scenario=counter", "--require=exhaustive")
        self.assertEqual(found.returncode, 0, found.stdout + found.stderr)
        self.assertIn("OK (exhaustive: ", found.stdout)
        self.assertIn(" classes, sequentially consistent, symmetric)", found.stdout)

    def test_name_the_bound_of_what_was_not_proven(self) -> None:
        flags = ["--guard=synchronized", "--strategy=dfs", "--preemptions=1"]
        found = run(*flags)
        self.assertEqual(found.returncode, 0)
        self.assertIn("OK (bounded: preemptions ≤ 1)", found.stdout)
        self.assertEqual(run(*flags, "--require=exhaustive").returncode, 5)

    def test_show_a_violation_and_repeat_it(self) -> None:
        found = run("--guard=none", "--requests=2")
        self.assertEqual(found.returncode, 3)
        self.assertIn("one payment sent: 2 instead of 1", found.stdout)
        self.assertIn("← not to be repaired", found.stdout)
        command = re.search(r"repeat it: ccbench explore (.*)", found.stdout)
        self.assertIsNotNone(command)
        again = run(*command[1].split())
        self.assertEqual(again.returncode, 3)
        self.assertIn("one payment sent: 2 instead of 1", again.stdout)

    def test_show_old_values_where_nothing_orders_the_last_ones(self) -> None:
        flags = ["--guard=faulty-relaxed", "--scenario=counter", "--requests=2"]
        found = run(*flags)
        self.assertEqual(found.returncode, 3, found.stdout + found.stderr)
        self.assertRegex(found.stdout, r"load cell#\d+, an old value\n")
        command = re.search(r"repeat it: ccbench explore (.*)", found.stdout)[1].split()
        again = run(*command)
        self.assertEqual(again.returncode, 3)
        self.assertIn(", an old value", again.stdout)
        blind = run(*flags, "--memory-model=sequential")
        self.assertEqual(blind.returncode, 0)
        self.assertIn(" classes, sequentially consistent, symmetric)", blind.stdout)
        # What it takes to be seen are last values, which a weaker memory has, too.
        asked = run("--guard=faulty-unvalidated-read", "--scenario=counter", "--read-ratio=0.5",
                    "--memory-model=release-acquire")
        self.assertEqual(asked.returncode, 3)

    def test_say_which_memory_they_are_about(self) -> None:
        for guard, ratio, memory, shown in (("cas", 0, "release-acquire", "release-acquire"),
                                            ("cas", 0, "sequential", "sequential"),
                                            ("stamped", 0.5, "release-acquire", "oldest"),
                                            ("none", 0, "release-acquire", "sequential"),
                                            ("faulty-relaxed", 0, "release-acquire", "oldest")):
            flags = [f"--guard={guard}", "--scenario=counter", "--requests=2", f"--read-ratio={ratio}",
                     f"--memory-model={memory}"]
            (row,) = csv.DictReader(run(*flags, "--csv=-").stdout.splitlines())
            self.assertEqual(row["memory_model"], shown, guard)
            (search,) = json.loads(run(*flags, "--json=-").stdout)["searches"]
            self.assertEqual(search["memory_model"], shown, guard)

    def test_say_where_a_replay_goes_another_way(self) -> None:
        found = run("--guard=cas", "--requests=2", "--replay=1:0.lock")
        self.assertEqual(found.returncode, 7)
        self.assertIn("DIVERGED at step 1: expected request 0 to lock", found.stdout)

    def test_say_who_waits_for_whom(self) -> None:
        found = run("--guard=faulty-reentry", "--requests=1", "--reenter=1")
        self.assertEqual(found.returncode, 6)
        self.assertIn("HUNG (deadlock)", found.stdout)
        self.assertRegex(found.stdout, r"request 0 waits for mutex#\d+, held by itself")

    def test_are_inconclusive_where_the_budget_ends(self) -> None:
        found = run("--guard=synchronized", "--strategy=dpor", "--schedules=1", "--symmetry=off")
        self.assertEqual(found.returncode, 5)
        self.assertIn("INCONCLUSIVE (budget: some schedules have not been tried)", found.stdout)
        self.assertEqual(run("--guard=synchronized", "--strategy=dpor", "--schedules=1", "--symmetry=off",
                             "--inconclusive=ok").returncode, 0)


# Of every guard that is wrong in the order of its steps: the flags under which three requests, or as many as it takes,
# show it; and a correct guard that they do not convict.
FAULTY = {
    "abandon": ("", "synchronized"),
    "blind-retry": ("--scenario=vm-lookup --failure-rate=1", "synchronized"),
    "dead-consumer": ("--failure-rate=1 --failure=throws", "fair"),
    "early-commit": ("", "fair"),
    "early-unlock": ("--scenario=seat-reservation", "synchronized"),
    "extra-permit": ("", "semaphore"),
    "failure-spreads": ("--scenario=fan-out --keys=2", "supervised"),
    "find-all": ("--scenario=vm-lookup --keys=3", "single-flight"),
    "first-part": ("--scenario=vm-lookup --key-parts=two --keys=4", "single-flight"),
    "foreign-delete": ("--scenario=counter --keys=2 --work=50ms --work-kind=sleep --ttl=150ms --requests=4", "idempotency-key"),
    "forgets-children": ("--scenario=fan-out --keys=2", "all-or-nothing"),
    "forgets-sleepers": ("", "synchronized"),
    "ignored-timeout": ("", "try-lock"),
    "impatient": ("", "synchronized"),
    "inner-unlock": ("--reenter=1", "recursive"),
    "load-store": ("", "cas"),
    "lock-order": ("--keys=2", "synchronized"),
    "loser-clears": ("", "cas"),
    "lost-permit": ("--failure-rate=1 --failure=throws", "semaphore"),
    "lost-wakeup": ("", "synchronized"),
    "read-lock": ("", "rwlock"),
    "reentry": ("--reenter=1", "recursive"),
    "relaxed": ("--scenario=counter", "spin"),
    "reopens": ("", "cas"),
    "stale-retry": ("--scenario=point-balance", "optimistic"),
    "stripes": ("--keys=2 --stripes=2", "striped"),
    "two-consumers": ("", "fair"),
    "unchecked-version": ("--scenario=seat-reservation", "optimistic"),
    "unvalidated-read": ("--scenario=counter --read-ratio=0.5", "stamped"),
    "upgrade": ("", "stamped"),
    "wrong-stamp": ("", "stamped"),
}
# What these do wrong is a matter of times or places, and no order of steps has it.
NOT_BY_ORDER = {"barging", "erase-late", "no-expiry", "shared-lock"}


class FaultyGuards(unittest.TestCase):
    def test_are_caught_and_repeated(self) -> None:
        for name, (flags, _) in FAULTY.items():
            with self.subTest(name):
                found = run(f"--guard=faulty-{name}", *flags.split(), "--json=-")
                self.assertIn(found.returncode, (3, 6), found.stderr)
                self.assertTrue(json.loads(found.stdout)["searches"][0]["found"]["confirmed"])

    def test_are_caught_by_what_does_not_convict_a_correct_one(self) -> None:
        for name, (flags, correct) in FAULTY.items():
            with self.subTest(name):
                found = run(f"--guard={correct}", *flags.split(), "--budget=2s", "--inconclusive=ok")
                self.assertEqual(found.returncode, 0, found.stdout + found.stderr)

    def test_are_all_here(self) -> None:
        listed = subprocess.run([CCBENCH, "list", "--faulty"], capture_output=True, text=True).stdout
        self.assertEqual(set(FAULTY) | NOT_BY_ORDER, set(re.findall(r"^\s+faulty-([a-z-]+)", listed, re.MULTILINE)))


class Files(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def test_are_the_same_in_every_run(self) -> None:
        def columns() -> list[dict[str, str]]:
            path = Path(self.folder.name) / "explore.csv"
            run("--guard=all", "--scenario=counter", f"--csv={path}")
            rows = list(csv.DictReader(path.read_text().splitlines()))
            for row in rows:
                del row["cpu_ns"]
            return rows

        first = columns()
        self.assertGreater(len(first), 5)
        self.assertEqual(first, columns())

    def test_hold_what_was_found(self) -> None:
        path = Path(self.folder.name) / "explore.json"
        found = run("--guard=none,cas", f"--json={path}")
        self.assertEqual(found.returncode, 3)
        document = json.loads(path.read_text())
        self.assertEqual(document["schema"], "ccbench.explore/1")
        none, cas = document["searches"]
        self.assertEqual((none["verdict"], cas["verdict"]), ("VIOLATION", "OK"))
        self.assertTrue(none["found"]["confirmed"])
        self.assertEqual(sum(step["breaks"] for step in none["found"]["trace"]), 1)
        self.assertTrue(cas["exhaustive"])
        self.assertTrue(any(len(step["inside"]) == 2 for step in none["found"]["trace"]))

    def test_hold_who_waits_for_whom(self) -> None:
        found = run("--guard=faulty-reentry", "--requests=1", "--reenter=1", "--json=-")
        (search,) = json.loads(found.stdout)["searches"]
        (blocked,) = search["found"]["blocked"]
        self.assertEqual((blocked["request"], blocked["inside"]), (0, False))
        self.assertRegex(blocked["why"], r"waits for mutex#\d+, held by itself")

    def test_may_be_standard_output(self) -> None:
        found = run("--guard=cas", "--csv=-")
        self.assertEqual([row["guard"] for row in csv.DictReader(found.stdout.splitlines())], ["cas"])
        self.assertIn("OK (exhaustive", found.stderr)

    def test_are_a_page_to_look_at(self) -> None:
        path = Path(self.folder.name) / "explore.html"
        data = Path(self.folder.name) / "explore.json"
        found = run("--guard=none,cas", "--requests=2", f"--html={path}", f"--json={data}")
        self.assertEqual(found.returncode, 3)
        self.assertIn("← not to be repaired", found.stdout)
        page = ElementTree.fromstring(path.read_text())
        sections = {section.get("id"): section for section in page.iter("section")}
        self.assertEqual(list(sections), ["verdicts", "guard-none", "options"])
        printed = re.search(r"repeat it: (.*)", found.stdout)[1]
        commands = ["".join(code.itertext()) for code in page.iter("code")]
        self.assertEqual(commands, [printed, "ccbench explore --guard=none,cas --requests=2"])
        steps = [part for part in sections["guard-none"].iter("g") if part.get("class") == "step"]
        self.assertEqual(len(steps), len(json.loads(data.read_text())["searches"][0]["found"]["trace"]))

    def test_are_a_page_on_standard_output(self) -> None:
        found = run("--guard=cas", "--requests=2", "--html=-")
        self.assertEqual(found.returncode, 0)
        self.assertEqual(ElementTree.fromstring(found.stdout).tag, "html")
        self.assertIn("OK (exhaustive", found.stderr)


class Usage(unittest.TestCase):
    def assert_refused(self, flags: list[str], sentence: str) -> None:
        found = run(*flags)
        self.assertEqual(found.returncode, 2, found.stdout)
        self.assertEqual(found.stderr.count("\n"), 1, found.stderr)
        self.assertIn(sentence, found.stderr)

    def test_is_answered_in_one_sentence(self) -> None:
        self.assert_refused(["--guard=queue"], "queue cannot be explored: its queue is Boost.Lockfree's")
        self.assert_refused(["--trials=3"], "--trials: explore has no such flag")
        self.assert_refused(["--requests=33"], "--requests: '33' is not a whole number from 1 to 32")
        self.assert_refused(["--requests=2,3"], "--requests: explore takes one value")
        self.assert_refused(["--strategy=fast"], "--strategy")
        self.assert_refused(["--preemptions=1"], "--preemptions bounds --strategy=dfs")
        self.assert_refused(["--replay=1:0.lick"], "is no schedule that ccbench explore has printed")
        self.assert_refused(["--guard=cas,none", "--replay=1:0.lock"], "--replay: a schedule is of one guard")
        self.assert_refused(["--csv=/nowhere/x.csv"], "--csv: /nowhere/x.csv cannot be written")
        self.assert_refused(["--html=/nowhere/x.html"], "--html: /nowhere/x.html cannot be written")
        self.assert_refused(["--csv=-", "--json=-"], "one of them may be standard output")
        self.assert_refused(["--json=-", "--html=-"], "one of them may be standard output")

    def test_has_its_own_help(self) -> None:
        found = run("--help")
        self.assertEqual(found.returncode, 0)
        self.assertIn("--strategy auto|random|pct|dfs|dpor", found.stdout)
        self.assertIn("--html=explore.html", found.stdout)
        self.assertNotIn("--snapshot", found.stdout)


class Interruption(unittest.TestCase):
    def test_ends_a_search_and_writes_what_it_has(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "explore.csv"
            process = subprocess.Popen([CCBENCH, "explore", "--strategy=dfs", "--scenario=vm-lookup",
                                        "--guard=single-flight", "--requests=8", "--budget=0", f"--csv={path}"],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            while not path.exists() and process.poll() is None:
                time.sleep(0.01)
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
            self.assertEqual(process.returncode, 130)
            self.assertEqual(len(list(csv.DictReader(path.read_text().splitlines()))), 1)


if __name__ == "__main__":
    CCBENCH = sys.argv.pop(1)
    unittest.main()
