"""Damaged files by the thousand, first through `inference` in a process that is watched, then through the server.

An input is a number: ``--only NUMBER`` builds and reads that one alone. What breaks a rule is a finding, and lies in
the output folder with what was seen; a run that was stopped goes on where it was.
"""

from __future__ import annotations

import json
import select
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.stress.mutate import build_input
from tests.stress.reading import find_fault
from tests.stress.seeds import build_seeds
from tests.stress.server import ROOT, Server, run_server

LIMIT_S = 5.0
"""An input that takes longer hangs: seconds of computing, and `_WAITING` times as many of waiting, because the machine
may be busy."""

_WAITING = 12

LIMIT_BYTES = 2**30
"""An input that needs more memory is a finding: eight times the largest picture that is accepted, as RGB."""

SERVER_LIMIT_BYTES = 256 * 2**20
"""What the server may grow by over all inputs; its first answers, which warm it, are not counted."""

_WARMING = 200
_CLIENTS = 4
_KEPT_OF_A_KIND = 5
_SAVE_EVERY = 500


class Reader:
    """`tests.stress.reading` in a process of its own; it is started again when it has died."""

    def __init__(self, log: Path) -> None:
        self._log = log.open("ab")
        self._process: subprocess.Popen[bytes] | None = None

    def read(self, content: bytes) -> dict[str, Any]:
        """Have an input read; a hang or a crash is an answer too (``outcome``: hang, crash)."""
        process = self._process or self._start()
        before_s = _computed_s(process)
        assert process.stdin is not None and process.stdout is not None
        started = time.perf_counter()
        try:
            process.stdin.write(struct.pack(">I", len(content)) + content)
            process.stdin.flush()
        except BrokenPipeError:
            return self._bury("crash", started)
        while not select.select([process.stdout], [], [], 0.5)[0]:
            if _computed_s(process) - before_s > LIMIT_S or time.perf_counter() - started > _WAITING * LIMIT_S:
                return self._bury("hang", started)
        line = process.stdout.readline()
        return json.loads(line) if line.endswith(b"\n") else self._bury("crash", started)

    def _start(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.stress.reading"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        self.read(b"The first answer waits for what is imported.")
        return self._process

    def _bury(self, outcome: str, started: float) -> dict[str, Any]:
        process, self._process = self._process, None
        assert process is not None
        if outcome == "hang":
            process.kill()
        status = process.wait()
        seconds = round(time.perf_counter() - started, 3)
        return {"outcome": outcome, "detail": f"exit status {status}", "seconds": seconds, "grown_bytes": 0}

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._log.close()


def _computed_s(process: subprocess.Popen[bytes]) -> float:
    try:
        times = psutil.Process(process.pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


@dataclass
class Tally:
    """What came of the inputs so far; written to ``state.json``, from which a run goes on."""

    seed: int
    next: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    findings: dict[str, int] = field(default_factory=dict)
    longest_s: float = 0.0
    longest: int = 0
    most_grown_bytes: int = 0
    most_grown: int = 0
    elapsed_s: float = 0.0
    sentences: int = 0

    def add(self, number: int, answer: Mapping[str, Any]) -> None:
        """Count an answer."""
        self.outcomes[answer["outcome"]] = self.outcomes.get(answer["outcome"], 0) + 1
        if answer["seconds"] > self.longest_s:
            self.longest_s, self.longest = answer["seconds"], number
        if answer["grown_bytes"] > self.most_grown_bytes:
            self.most_grown_bytes, self.most_grown = answer["grown_bytes"], number


def judge(answer: Mapping[str, Any]) -> str:
    """The rule that an answer breaks, or nothing."""
    if answer["outcome"] in ("crash", "hang", "defect"):
        return str(answer["outcome"])
    if answer["seconds"] > LIMIT_S:
        return "slow"
    return "memory" if answer["grown_bytes"] > LIMIT_BYTES else ""


def fuzz_reading(folder: Path, seed: int, inputs: int) -> Tally:
    """Read inputs; those of an earlier run with the same seed are not read again."""
    seeds, tally = build_seeds(), _load(folder / "reading.json", seed)
    reader = Reader(folder / "reading.log")
    started, before_s = time.monotonic(), tally.elapsed_s
    try:
        for number in range(tally.next, inputs):
            name, content = build_input(seeds, seed, number)
            answer = reader.read(content)
            tally.add(number, answer)
            if broken := judge(answer):
                _keep(folder, tally, f"{broken}: {name}", number, content, answer)
            tally.next, tally.elapsed_s = number + 1, before_s + time.monotonic() - started
            if tally.next % _SAVE_EVERY == 0:
                _save(folder / "reading.json", tally)
                _tell(f"{tally.next:,} of {inputs:,} read, {sum(tally.findings.values())} findings")
    finally:
        _save(folder / "reading.json", tally)
        reader.close()
    return tally


def fuzz_server(folder: Path, seed: int, inputs: int, server: Server) -> Tally:
    """Send inputs to ``/api/classify``, several at once; then the server must be alive, and hardly larger."""
    seeds, tally = build_seeds(), Tally(seed)
    started, size_bytes = time.monotonic(), 0

    def ask(number: int) -> tuple[int, str, bytes, dict[str, Any]]:
        name, content = build_input(seeds, seed, number)
        answer = send(client, server.url, content)
        return number, name, content, send(client, server.url, content) if answer["seconds"] > LIMIT_S else answer

    with httpx.Client(timeout=30) as client, ThreadPoolExecutor(_CLIENTS) as pool:
        for number, name, content, answer in pool.map(ask, range(inputs)):
            tally.add(number, answer)
            if broken := judge(answer):
                _keep(folder, tally, f"server {broken}: {name}", number, content, answer)
            if number == min(_WARMING, inputs - 1):
                size_bytes = server.memory_bytes()
            if server.process.poll() is not None:
                break
            if (number + 1) % _SAVE_EVERY == 0:
                _tell(f"{number + 1:,} of {inputs:,} sent, {sum(tally.findings.values())} findings")
            tally.next = number + 1
    tally.elapsed_s = time.monotonic() - started
    if server.process.poll() is not None:
        tally.findings["the server died"] = 1
    else:
        tally.most_grown_bytes = max(server.memory_bytes() - size_bytes, 0)
        if tally.most_grown_bytes > SERVER_LIMIT_BYTES:
            tally.findings["the server grew"] = 1
        if httpx.get(f"{server.url}/healthz", timeout=10).status_code != 200:
            tally.findings["the server is not alive"] = 1
    return tally


def send(client: httpx.Client, url: str, content: bytes) -> dict[str, Any]:
    """Send one input; the answer is judged like that of `tests.stress.reading.read`."""
    started = time.perf_counter()
    outcome, detail = "defect", ""
    try:
        answer = client.post(f"{url}/api/classify", files={"file": ("x", content)})
        outcome, detail = _judge_http(answer)
    except (httpx.HTTPError, ValueError) as error:
        outcome, detail = "crash", f"{type(error).__name__}: {error}"
    return {
        "outcome": outcome,
        "detail": detail,
        "seconds": round(time.perf_counter() - started, 3),
        "grown_bytes": 0,
    }


def find_faults(status: int, body: Any) -> str:
    """What is wrong with an answer of the API, or nothing."""
    if status not in (200, 413, 422):
        return f"{status}: {str(body)[:300]}"
    rows = _flatten(body)
    if status != 200 and not rows[0]["error"]:
        return f"{status} without a sentence"
    sentences = [row["error"] for row in rows if row["error"]]
    return next((f"a sentence {fault}: {one}" for one in sentences if (fault := find_fault(one))), "")


def _judge_http(answer: httpx.Response) -> tuple[str, str]:
    body = answer.json()
    if fault := find_faults(answer.status_code, body):
        return "defect", fault
    rows = _flatten(body)
    return ("refused" if answer.status_code != 200 else "volume" if len(rows) > 1 else "picture"), rows[0][
        "error"
    ] or ""


def _flatten(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [body, *(row for key in ("slices", "scans") for inner in body.get(key, ()) for row in _flatten(inner))]


def _keep(folder: Path, tally: Tally, kind: str, number: int, content: bytes, answer: Mapping[str, Any]) -> None:
    """Count a finding and, of the first few of its kind, keep the input and what was seen."""
    tally.findings[kind] = tally.findings.get(kind, 0) + 1
    if tally.findings[kind] <= _KEPT_OF_A_KIND:
        found = folder / "findings"
        found.mkdir(exist_ok=True)
        (found / f"{number}.bin").write_bytes(content)
        text = json.dumps({"seed": tally.seed, "number": number, "kind": kind, **answer}, indent=1)
        (found / f"{number}.json").write_text(text, encoding="utf-8")


def _load(path: Path, seed: int) -> Tally:
    if path.exists():
        tally = Tally(**json.loads(path.read_text(encoding="utf-8")))
        if tally.seed == seed:
            return tally
    return Tally(seed)


def _save(path: Path, tally: Tally) -> None:
    path.write_text(json.dumps(asdict(tally), indent=1), encoding="utf-8")


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201


def summarise(name: str, tally: Tally) -> str:
    """Some lines for a person."""
    counts = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(tally.outcomes.items()))
    lines = [
        f"{name}: {tally.next:,} inputs in {tally.elapsed_s:,.0f} s (seed {tally.seed}): {counts}",
        f"  longest {tally.longest_s:.2f} s (input {tally.longest}); "
        f"grew by at most {tally.most_grown_bytes / 2**20:.0f} MB",
        f"  findings: {sum(tally.findings.values())}",
    ]
    return "\n".join([*lines, *(f"    {count} × {kind}" for kind, count in sorted(tally.findings.items()))])


def run_fuzz(folder: Path, seed: int, inputs: int, requests: int) -> int:
    """Both parts, and ``summary.json`` and ``summary.txt``; returns the exit status, 1 if there are findings."""
    folder.mkdir(parents=True, exist_ok=True)
    tallies = {"reading": fuzz_reading(folder, seed, inputs)}
    if requests:
        with run_server(folder / "server.log") as server:
            tallies["server"] = fuzz_server(folder, seed, requests, server)
    text = "\n".join(summarise(name, tally) for name, tally in tallies.items())
    (folder / "summary.txt").write_text(f"{text}\n", encoding="utf-8")
    document = {name: asdict(tally) for name, tally in tallies.items()}
    (folder / "summary.json").write_text(json.dumps(document, indent=1), encoding="utf-8")
    print(text)  # noqa: T201
    return 1 if any(tally.findings for tally in tallies.values()) else 0


def run_one(seed: int, number: int) -> int:
    """Build one input and read it in this process, so that a debugger sees it."""
    from tests.stress.reading import read

    name, content = build_input(build_seeds(), seed, number)
    print(json.dumps({"seed": name, "bytes": len(content), **read(content)}, indent=1))  # noqa: T201
    return 0
