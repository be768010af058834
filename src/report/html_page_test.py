#!/usr/bin/env python3
"""Makes a report with the real ccbench and looks at it as a browser does. Usage: html_page_test.py CCBENCH [unittest args]

Where there is no Chromium the tests that need it are skipped and say so, unless CCBENCH_REQUIRE_CHROMIUM=1.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

CCBENCH = ""
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
REQUIRED = os.environ.get("CCBENCH_REQUIRE_CHROMIUM") == "1"

QUICK = ["--payment=20ms", "--db=10ms", "--snapshot=10ms", "--quiet", "--no-progress"]
GUARDS = "cas,synchronized,single-flight,faulty-load-store"
SECTIONS = ["verdicts", "remarks", "outcomes", "cost", "time", "timeline", "blocked", "waiting", "order", "distrust"]
SECTIONS += ["options", "trials"]
MOST_BYTES = 2_000_000

# What should take room: everything but what is folded away.
BOXES = """
[...document.querySelectorAll('section, figure, section svg, table')].filter(e => !e.closest('details')).map(e => {
  const box = e.getBoundingClientRect();
  return [e.tagName.toLowerCase(), e.id || (e.closest('section') || {}).id || '', box.width, box.height];
})
"""

# Tables of sentences have no reason to be wider than a screen.
CUT = """
[...document.querySelectorAll('.scroll > table.pairs')].map(e => e.parentElement).filter(e => e.scrollWidth > e.clientWidth)
  .map(e => e.closest('section').id)
"""


def run(*flags: str) -> None:
    # 3: a guard that is wrong on purpose is among them.
    done = subprocess.run([CCBENCH, *flags], capture_output=True, text=True, timeout=300)
    if done.returncode not in (0, 3):
        raise AssertionError(f"ccbench ended with {done.returncode}: {done.stderr}")


class Browser:
    """Chromium without a window, spoken to through its DevTools protocol over a pair of pipes."""

    def __init__(self) -> None:
        from_us, self.out = os.pipe()
        self.incoming, to_us = os.pipe()
        self.profile = tempfile.mkdtemp()
        # The protocol's pipes are the descriptors 3 and 4.
        command = f'exec "$@" 3<&{from_us} 4>&{to_us}'
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe"]
        flags += [f"--user-data-dir={self.profile}", "about:blank"]
        self.process = subprocess.Popen(
            ["bash", "-c", command, "chromium", CHROMIUM, *flags],
            pass_fds=(from_us, to_us),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(from_us)
        os.close(to_us)
        self.buffer = b""
        self.events: list[dict] = []
        self.calls = 0

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.out)
        os.close(self.incoming)
        shutil.rmtree(self.profile, ignore_errors=True)

    def read(self) -> dict:
        while b"\0" not in self.buffer:
            piece = os.read(self.incoming, 1 << 16)
            if not piece:
                raise AssertionError("the browser ended")
            self.buffer += piece
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def call(self, method: str, session: str | None = None, **parameters) -> dict:
        self.calls += 1
        message = {"id": self.calls, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == self.calls:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def wait_for(self, method: str) -> None:
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self.read())

    def complaints(self) -> list[str]:
        found = []
        for event in self.events:
            if event.get("method") == "Log.entryAdded":
                found.append(event["params"]["entry"]["text"])
            elif event.get("method") == "Runtime.exceptionThrown":
                found.append("an exception")
            elif event.get("method") == "Runtime.consoleAPICalled":
                found.append("the page wrote to the console")
            elif event.get("method") == "Network.requestWillBeSent":
                url = event["params"]["request"]["url"]
                if not url.startswith("file://"):
                    found.append(f"it asked for {url}")
        return found


def look_at(page: Path, scheme: str, width: int) -> dict:
    """What a browser says of the page, in this theme, at this width."""
    with Browser() as browser:
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Log", "Runtime", "Network"):
            browser.call(f"{domain}.enable", session)
        browser.call("Emulation.setEmulatedMedia", session, features=[{"name": "prefers-color-scheme", "value": scheme}])
        browser.call("Emulation.setDeviceMetricsOverride", session, width=width, height=900, deviceScaleFactor=1, mobile=width < 500)
        begin = time.perf_counter()
        browser.call("Page.navigate", session, url=page.as_uri())
        browser.wait_for("Page.loadEventFired")

        def value(expression: str):
            result = browser.call("Runtime.evaluate", session, expression=expression, returnByValue=True, awaitPromise=True)
            return result["result"].get("value")

        # Two frames later everything is drawn.
        value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        drawn_after = time.perf_counter() - begin
        return {
            "drawn_after_s": drawn_after,
            "boxes": value(BOXES),
            "cut": value(CUT),
            "width": value("document.documentElement.scrollWidth"),
            "ground": value("getComputedStyle(document.body).backgroundColor"),
            "ink": value("getComputedStyle(document.body).color"),
            "complaints": browser.complaints(),
        }


def faults_of(seen: dict, width: int, scheme: str, sections: list[str] = SECTIONS) -> list[str]:
    """What is wrong with what a browser saw. Empty: nothing."""
    faults = list(seen["complaints"])
    boxes = {name: (w, h) for tag, name, w, h in seen["boxes"] if tag == "section"}
    for name in sections:
        if name not in boxes:
            faults.append(f"no section {name}")
        elif min(boxes[name]) <= 0:
            faults.append(f"section {name} takes no room")
    for tag, name, w, h in seen["boxes"]:
        if w <= 0 or h <= 0:
            faults.append(f"a {tag} of {name} takes no room")
    faults += [f"a table of {name} is cut on the right" for name in seen["cut"] if width >= 1200]
    if seen["width"] > width:
        faults.append(f"{seen['width']} dots wide on a screen of {width}")
    is_dark = sum(int(part) for part in re.findall(r"\d+", seen["ground"])[:3]) < 3 * 128
    if is_dark != (scheme == "dark"):
        faults.append(f"ground {seen['ground']} in the {scheme} theme")
    return faults


class Page(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        run(f"--guard={GUARDS}", "--trials=7", f"--out={cls.folder}", *QUICK)
        cls.page = cls.folder / "report.html"
        cls.text = cls.page.read_text()
        cls.tree = ElementTree.fromstring(cls.text)
        cls.trials = list(csv.DictReader((cls.folder / "trials.csv").read_text().splitlines()))
        cls.json = json.loads((cls.folder / "run.json").read_text())

    def section(self, name: str) -> ElementTree.Element:
        return next(section for section in self.tree.iter("section") if section.get("id") == name)

    def rows_of_guards(self, name: str) -> list[ElementTree.Element]:
        body = next(self.section(name).iter("tbody"))
        return [row for row in body.iter("tr") if row.find("th") is not None]

    def test_needs_nothing_from_elsewhere(self) -> None:
        rest = self.text.replace('http-equiv="Content-Security-Policy"', "", 1)
        for foreign in ("http", "<script", "url(", "<link", "<img", "@import", "@font-face"):
            self.assertNotIn(foreign, rest)

    def test_has_the_table_of_trials_csv_to_the_digit(self) -> None:
        section = self.section("trials")
        table = next(section.iter("table"))
        names = [cell.text for cell in table.find("thead").iter("th")]
        rows = [["".join(cell.itertext()) for cell in row] for row in table.find("tbody")]
        same = dict(code.text.split("=", 1) for code in section.find(".//p[@class='same']").iter("code"))
        self.assertEqual(len(rows), len(self.trials))
        self.assertIn("wall_ns", names)
        for row, trial in zip(rows, self.trials):
            for name, value in trial.items():
                shown = row[names.index(name)] if name in names else same.get(name, "")
                self.assertEqual(shown, value, name)

    def test_says_medians_intervals_and_ratios_as_the_json_report_does(self) -> None:
        by_name = {row["guard"]: row for row in self.json["comparison"]}
        shown = 0
        for row in self.rows_of_guards("verdicts"):
            guard = by_name[row.find("th").text.strip().removesuffix(" (control)")]
            titles = [cell.get("title", "") for cell in row.iter("td")]
            for name, unit in (("time_ns", " ns"), ("ratio", "")):
                if guard[name] is None:
                    continue
                shown += 1
                figures = [float(guard[name][key]) for key in ("median", "low", "high") if guard[name][key] is not None]
                found = [[float(number) for number in re.findall(r"[\d.e+-]+(?=%s(?:,| to|$| of))" % unit, title)] for title in titles]
                self.assertTrue(any(all(figure in numbers for figure in figures) for numbers in found), (name, figures, titles))
            for column in ("wait_p50_ns", "wait_max_ns"):
                spread = guard[column]
                text = f"median {spread['p50']} ns, {spread['min']} ns to {spread['max']} ns"
                self.assertIn(text, titles)
        self.assertGreaterEqual(shown, 7)

    def test_has_who_is_wrong_and_the_control_below_the_line(self) -> None:
        body = next(self.section("verdicts").iter("tbody"))
        rows = ["".join(row.itertext()) for row in body]
        line = next(i for i, row in enumerate(rows) if row.startswith("not ranked"))
        self.assertEqual([i > line for i, row in enumerate(rows) if "faulty-load-store" in row], [True])
        self.assertEqual([i > line for i, row in enumerate(rows) if "none (control)" in row], [True])
        self.assertEqual([row[0] for row in rows[:line]], ["1", "2", "3"])

    def test_stays_below_two_megabytes_with_a_thousand_requests(self) -> None:
        page = self.folder / "big.html"
        run("--guard=all", "--requests=1000", f"--html={page}", *QUICK)
        self.assertLess(page.stat().st_size, MOST_BYTES)
        ElementTree.fromstring(page.read_text())


@unittest.skipUnless(CHROMIUM or REQUIRED, "SKIPPED: there is no Chromium")
class InABrowser(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.page = cls.folder / "report.html"
        run(f"--guard={GUARDS}", "--trials=2", f"--html={cls.page}", *QUICK)

    def look(self, page: Path, scheme: str = "light", width: int = 1200) -> list[str]:
        return faults_of(look_at(page, scheme, width), width, scheme)

    def twin(self, old: str, new: str) -> Path:
        text = self.page.read_text()
        self.assertIn(old, text)
        twin = self.folder / "twin.html"
        twin.write_text(text.replace(old, new, 1))
        return twin

    def test_shows_every_section_in_both_themes_and_on_a_phone(self) -> None:
        for scheme, width in (("light", 1200), ("dark", 1200), ("light", 390)):
            self.assertEqual(self.look(self.page, scheme, width), [], (scheme, width))

    def test_shows_a_sweep_without_complaint(self) -> None:
        page = self.folder / "sweep.html"
        run("--guard=cas,synchronized", "--requests=2,8", f"--html={page}", *QUICK)
        self.assertEqual(look_at(page, "light", 1200)["complaints"], [])

    def test_shows_what_was_explored_in_both_themes_and_on_a_phone(self) -> None:
        page = self.folder / "explore.html"
        run("explore", "--guard=none,cas", "--requests=3", f"--html={page}")
        for scheme, width in (("light", 1200), ("dark", 1200), ("light", 390)):
            seen = look_at(page, scheme, width)
            self.assertEqual(faults_of(seen, width, scheme, ["verdicts", "guard-none", "options"]), [], (scheme, width))
            self.assertIn("svg", [tag for tag, *_ in seen["boxes"]])

    def test_finds_what_is_wrong_in_twins(self) -> None:
        section = '<section id="cost">'
        twins = {
            "a path that is none": ('<path class="bar', '<path d="M1 x" class="bar'),
            "a section that is not there": (section, '<section id="x">'),
            "a section that cannot be seen": (section, section[:-1] + ' style="display: none">'),
            "a script that the policy refuses": ("<main>", "<main><script>1</script>"),
            "a picture from elsewhere": ("<main>", '<main><img src="missing.png" alt="" />'),
            "a table that is too wide": ("<main>", '<main><p style="width: 3000px">wide</p>'),
            "a table of sentences that does not wrap": (".pairs { ", ".pairs th, .pairs td { white-space: nowrap; } .pairs { min-width: max-content; "),
            "a page that is always dark": ("--ground: #fff;", "--ground: #000;"),
        }
        for what, (old, new) in twins.items():
            with self.subTest(what):
                self.assertNotEqual(self.look(self.twin(old, new)), [])


if __name__ == "__main__":
    CCBENCH = sys.argv.pop(1)
    if not CHROMIUM:
        print("InABrowser SKIPPED: there is no Chromium", file=sys.stderr)
    unittest.main(verbosity=1)
