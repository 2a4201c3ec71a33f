"""``python -m bench``: measure, print the table, and write it to ``bench/RESULTS.md`` when every row was measured."""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from bench.measure import Result

TARGET = Path(__file__).with_name("RESULTS.md")
PACKAGES = (
    *("onnxruntime", "openvino", "ai-edge-litert", "tensorflow", "keras", "gradio", "fastapi", "numpy"),
    *("opencv-python-headless", "pillow"),
)


def find_rows() -> dict[int, Callable[[Path | None], list[Result]]]:
    """What each row measures."""
    from bench import command_row, engine_rows, server_rows

    return {
        1: engine_rows.measure_label,
        2: engine_rows.measure_network,
        3: engine_rows.measure_jpeg,
        4: engine_rows.measure_many,
        5: server_rows.measure_start,
        6: server_rows.measure_memory,
        7: server_rows.measure_load,
        8: server_rows.measure_click,
        9: command_row.measure_command,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Measure; returns the exit status, 1 if a goal was missed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Gyrus; see bench/RESULTS.md.")
    parser.add_argument("--rows", default="", help="only these, as 1,2,3; then nothing is written")
    parser.add_argument("--data", type=Path, help="a folder with JPEG files to use in place of made-up ones")
    options = parser.parse_args(argv)
    rows = find_rows()
    chosen = [int(row) for row in options.rows.split(",") if row] or list(rows)
    unknown = set(chosen) - set(rows)
    if unknown:
        parser.error(f"rows are {min(rows)} to {max(rows)}; received {', '.join(map(str, sorted(unknown)))}")
    results: list[Result] = []
    started = time.monotonic()
    for row in chosen:
        for result in _measure(row, rows[row], options.data):
            results.append(result)
            print(_line(result), flush=True)
        if not options.rows:  # after each row: a run that is stopped keeps what it has
            TARGET.write_text(render(results, time.monotonic() - started), encoding="utf-8")
    return 1 if any(result.is_met is False for result in results) else 0


def _measure(row: int, measure: Callable[[Path | None], list[Result]], data: Path | None) -> list[Result]:
    """One row that breaks costs none of the others."""
    try:
        return measure(data)
    except Exception as error:  # noqa: BLE001  (whatever it is, the other rows are measured)
        traceback.print_exc()
        what = f"could not be measured: {type(error).__name__}"
        return [Result(row=row, what=what, ours="–", other="–", ratio="–", is_met=False)]


def render(results: Sequence[Result], duration_s: float) -> str:
    """The page."""
    head = ["row", "what; beside what", "Gyrus", "the other", "ratio", "goal", ""]
    lines = [
        "# What it costs",
        "",
        "Written by `make bench`. Each pair was measured in turn within one run, several rounds; medians. The pictures",
        "are made in code. Absolute figures are this machine's and this hour's, ratios are what counts.",
        "",
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *map(_line, results),
        "",
        f"Measured on {datetime.date.today().isoformat()} in {duration_s / 60:.0f} minutes; {describe_machine()}.",
        "",
    ]
    return "\n".join(lines)


def _line(result: Result) -> str:
    verdict = {True: "met", False: "**missed**", None: ""}[result.is_met]
    cells = (result.row, result.what, result.ours, result.other, result.ratio, result.goal, verdict)
    return f"| {' | '.join(map(str, cells))} |"


def describe_machine() -> str:
    """Processor, cores, memory, what else runs, versions; no name and no path."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        named = [line for line in cpuinfo.read_text(encoding="utf-8").splitlines() if line.startswith("model name")]
        model = named[0].partition(":")[2].strip() if named else model
    memory = f"{psutil.virtual_memory().total / 2**30:.0f} GiB"
    system = f"{platform.system()}, Python {platform.python_version()}"
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return f"{model}, {os.cpu_count()} cores, {memory}, {system}, load at the end {busy:.1f}; {', '.join(_versions())}"


def _versions() -> list[str]:
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"no {name}")
    return found


if __name__ == "__main__":
    sys.exit(main())
