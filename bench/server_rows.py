"""Rows 5 to 8: the server, as a user, a script and a browser meet it."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.clients import Load, ask
from bench.measure import Result, at_most, faster, time_in_turn
from bench.pictures import load_jpegs
from bench.programs import find_port, memory_mb, serve_article, serve_gyrus, start

CLIENTS = 32
ROUNDS = 3
REQUESTS = 192
"""A round of row 7; of the article's server a quarter, because it takes so much longer."""

CLICKS = 12
STARTS = 6


def measure_start(data: Path | None) -> list[Result]:
    """Row 5: until the server is ready."""

    def ours() -> None:
        port = find_port()
        with start(["app.py", "--port", str(port)], f"http://127.0.0.1:{port}/readyz"):
            times.append(time.perf_counter() - began)

    def theirs() -> None:
        subprocess.run([sys.executable, "-c", "import gradio"], check=True)

    times: list[float] = []
    their_times: list[float] = []
    for _ in range(STARTS):
        began = time.perf_counter()
        ours()
        began = time.perf_counter()
        theirs()
        their_times.append(time.perf_counter() - began)
    our_s, their_s = (statistics.median(each[1:]) for each in (times, their_times))  # the first one warms the disk
    return [at_most(5, "process start → `/readyz`; `python -c 'import gradio'`", our_s, their_s, 1.6)]


def measure_memory(data: Path | None, first: int = 1000, then: int = 10_000) -> list[Result]:
    """Row 6: memory after requests."""
    with serve_gyrus() as (port, program):
        failed = ask(port, "/api/classify", CLIENTS, first).failed
        before_mb = memory_mb(program)
        failed += ask(port, "/api/classify", CLIENTS, then - first).failed
        after_mb = memory_mb(program)
    note = f" ({failed} failed)" if failed else ""
    return [
        Result(
            row=6,
            what=f"memory of the server after {first:,} requests{note}",
            ours=f"{before_mb:.0f} MB",
            other="–",
            ratio="–",
            goal="≤ 400 MB",
            is_met=before_mb <= 400 and not failed,
        ),
        Result(
            row=6,
            what=f"memory of the server after {then:,} requests, above that",
            ours=f"{after_mb:.0f} MB",
            other=f"{before_mb:.0f} MB",
            ratio=f"{after_mb - before_mb:+.1f} MB",
            goal="≤ 10 MB",
            is_met=after_mb - before_mb <= 10,
        ),
    ]


def measure_load(data: Path | None) -> list[Result]:
    """Row 7: many clients at once."""
    ours: list[Load] = []
    theirs: list[Load] = []
    with serve_gyrus() as (our_port, _), serve_article("api") as their_port:
        ask(our_port, "/api/classify", CLIENTS, CLIENTS)
        ask(their_port, "/classify", CLIENTS, CLIENTS)
        for _ in range(ROUNDS):
            ours.append(ask(our_port, "/api/classify", CLIENTS, REQUESTS))
            theirs.append(ask(their_port, "/classify", CLIENTS, REQUESTS // 4))
    failed = sum(load.failed for load in (*ours, *theirs))
    note = f" ({failed} failed)" if failed else ""
    rate, their_rate = (statistics.median(load.rate for load in loads) for loads in (ours, theirs))
    p95_s, their_p95_s = (statistics.median(load.p95_s for load in loads) for loads in (ours, theirs))
    return [
        Result(
            row=7,
            what=f"{CLIENTS} clients on `/api/classify`; FastAPI around `model.predict`{note}",
            ours=f"{rate:.0f} images/s",
            other=f"{their_rate:.1f} images/s",
            ratio=f"{rate / their_rate:.3g}×",
            goal="≥ 8×",
            is_met=rate >= 8 * their_rate and not failed,
        ),
        at_most(7, "the same, 95 % are answered within", p95_s, their_p95_s, 0.2),
    ]


def measure_click(data: Path | None) -> list[Result]:
    """Row 8: from the click to the label in a browser."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return []
    browsers = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    path = os.environ.get("GYRUS_BROWSER") or next(filter(None, map(shutil.which, browsers)), None)
    if path is None:
        return [Result(row=8, what="click → label in a browser", ours="no browser", other="–", ratio="–")]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        picture = Path(folder) / "slice.jpg"
        picture.write_bytes(load_jpegs(1, data)[0])
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        with serve_gyrus() as (our_port, _), serve_article("page") as their_port:
            ours = _open(browser, our_port, "#image-file", picture)
            ours.wait_for_selector("#picture img", state="visible")
            theirs = _open(browser, their_port, "#image input[type=file]", picture)
            theirs.wait_for_selector("#image img", state="visible")
            times = time_in_turn(
                {"ours": lambda: _click(ours, _OURS), "theirs": lambda: _click(theirs, _THEIRS)}, CLICKS
            )
        browser.close()
    what = "click → label in a browser; the article's page in Gradio 6, the same architecture by `model.predict`"
    return [faster(8, what, times["ours"], times["theirs"], 3)]


def _open(browser: Any, port: int, field: str, picture: Path) -> Any:
    page = browser.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"http://127.0.0.1:{port}/", wait_until="networkidle")
    page.set_input_files(field, picture)
    page.wait_for_timeout(1000)
    return page


_OURS = """() => {
  const button = document.querySelector("#submit");
  const tone = document.querySelector("#verdict .verdict").dataset.tone;
  return tone !== "idle" && tone !== "busy" && button.getAttribute("aria-disabled") !== "true";
}"""
"""The sentence is there, and the next click is taken."""

_THEIRS = """() => window.seen && !document.querySelector("#label .wrap:not(.hide) .eta-bar")
  && !document.querySelector("#label .generating, #label .pending")"""
"""The label was written again, and nothing on it says that it is being worked on."""


def _click(page: Any, is_answered: str) -> None:
    """Press Submit and wait for the answer; the page itself looks, at each frame that it draws."""
    page.evaluate(
        """(isAnswered) => new Promise((done) => {
          window.seen = false;
          const label = document.querySelector("#label");
          if (label) {
            const watcher = new MutationObserver(() => {
              const shown = label.querySelector("[data-testid=label-output-value]");
              if (shown && !label.querySelector(".wrap.default.full:not(.hide)")) { window.seen = true; }
            });
            watcher.observe(label, { childList: true, subtree: true, attributes: true, characterData: true });
          }
          const check = eval(isAnswered);
          (document.querySelector("button#submit") || document.querySelector("#submit button")).click();
          const look = () => (check() ? done() : requestAnimationFrame(look));
          requestAnimationFrame(() => requestAnimationFrame(look));
        })""",
        is_answered,
    )
