"""Row 9: the command line over more and more files."""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.measure import Result
from bench.pictures import write_files
from bench.programs import run_measured

COUNTS = (100, 1000, 10_000)


def measure_command(data: Path | None, counts: tuple[int, ...] = COUNTS) -> list[Result]:
    """Time a file, without what a start takes, and the largest memory."""
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        empty = write_files(folder / "one", 1, data)
        starts = sorted(_run(empty, folder / f"one-{turn}.csv")[0] for turn in range(3))
        for count in counts:
            files = write_files(folder / str(count), count, data)
            turns = sorted(_run(files, folder / f"{count}-{turn}.csv") for turn in range(5 if count < 1000 else 1))
            found[count] = turns[len(turns) // 2]
    start_s = starts[1]
    least = counts[0]
    rows = []
    for count in counts[1:]:
        ratio = (found[count][0] - start_s) / count / ((found[least][0] - start_s) / least)
        more_mb = found[count][1] - found[least][1]
        rows.append(
            Result(
                row=9,
                what=f"command line over {count:,} files; over {least:,} (a file, start of {start_s:.2g} s left out)",
                ours=f"{1000 * (found[count][0] - start_s) / count:.3g} ms",
                other=f"{1000 * (found[least][0] - start_s) / least:.3g} ms",
                ratio=f"{ratio:.2f}× a file",
                goal="0.90 – 1.10",
                is_met=0.9 <= ratio <= 1.1,
            )
        )
        rows.append(
            Result(
                row=9,
                what=f"largest memory over {count:,} files; over {least:,}",
                ours=f"{found[count][1]:.0f} MB",
                other=f"{found[least][1]:.0f} MB",
                ratio=f"{more_mb:+.0f} MB",
                goal="≤ 10 % more",
                is_met=more_mb <= 0.1 * found[least][1],
            )
        )
    return rows


def _run(files: Path, out: Path) -> tuple[float, float]:
    return run_measured(["-m", "inference", str(files), "--out", str(out)])
