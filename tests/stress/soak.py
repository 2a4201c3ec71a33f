"""Many visitors at once for a long time: nothing may be lost, nothing may be mixed up, and memory may not grow.

Every picture is asked alone first. Then the clients ask for the same pictures, good and bad, in any order, by the API
and by the page's own route, slowly, or hanging up in the middle; whoever does not hang up must get the answer that was
given alone.
"""

from __future__ import annotations

import io
import json
import math
import random
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np

from tests.stress.fuzz import find_faults
from tests.stress.mutate import build_input
from tests.stress.seeds import build_seeds
from tests.stress.server import Server, run_server

CLIENTS = 16
GROWTH_LIMIT_BYTES = 10 * 2**20
"""What a straight line through the memory, after the warm-up, may rise by."""

_WARM_UP = 0.2
"""This share of the time is left out of the line: pools fill, arenas settle."""

_SAMPLE_S = 2.0
_TOLERANCE = 1e-3
"""Probabilities may differ by so much: the sums of a batch are rounded in another order than those of one picture."""

_ANSWER_LIMIT_S = 60.0
_BAD_INPUTS = 40
_SAID = ("verdict", "sentence", "candidates", "novelty", "notes", "error", "tone", "named", "percents")
_TOO_LARGE_BYTES = 65 * 2**20


@dataclass(frozen=True)
class WorkItem:
    """One file, and what it was answered alone: by the API, with a heat map, and on the page."""

    name: str
    content: bytes
    plain: tuple[int, Any]
    explained: tuple[int, Any]
    paged: Any


@dataclass
class Ledger:
    """What has been asked and answered; shared by the clients."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    asked: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    refused_for_load: int = 0
    faults: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def ask(self, kind: str) -> None:
        """Count a request that is about to be sent."""
        with self.lock:
            self.asked[kind] += 1

    def answer(self, kind: str, started: float, fault: str) -> None:
        """Count its answer, and what is wrong with it."""
        with self.lock:
            self.answered[kind] += 1
            self.seconds.append(time.perf_counter() - started)
            if fault:
                self.faults.append(f"{kind}: {fault}")


def same(one: Any, other: Any) -> bool:
    """Whether two answers say the same."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, abs_tol=_TOLERANCE)
    return bool(one == other)


class Visitor:
    """What one client does, again and again."""

    def __init__(self, url: str, cases: Sequence[WorkItem], ledger: Ledger, seed: int) -> None:
        self._url, self._cases, self._ledger = url, cases, ledger
        self._chance = random.Random(seed)
        self._client = httpx.Client(timeout=_ANSWER_LIMIT_S)
        self._kinds: dict[str, tuple[float, Callable[[WorkItem], str]]] = {
            "plain": (0.62, self._ask_plain),
            "explained": (0.12, self._ask_explained),
            "page": (0.12, self._ask_page),
            "slow": (0.03, self._ask_slowly),
            "hung up": (0.05, self._hang_up),
            "probe": (0.055, self._probe),
            "too large": (0.005, self._ask_too_large),
        }

    def visit(self, until_s: float) -> None:
        """Ask until the time is over."""
        names, weights = list(self._kinds), [share for share, _ in self._kinds.values()]
        while time.monotonic() < until_s:
            kind = self._chance.choices(names, weights)[0]
            self._ledger.ask(kind)
            started = time.perf_counter()
            try:
                fault = self._kinds[kind][1](self._chance.choice(self._cases))
            except Exception as error:  # noqa: BLE001 - whatever it is, there was no answer
                fault = f"lost: {type(error).__name__} {error}"
            self._ledger.answer(kind, started, fault)

    def _send(self, path: str, **options: Any) -> httpx.Response:
        """Send a request; one that is refused because too many ask is sent again when the server says so."""
        while True:
            answer = self._client.request("POST", f"{self._url}{path}", **options)
            if answer.status_code not in (429, 503) or "Retry-After" not in answer.headers:
                return answer
            self._ledger.refused_for_load += 1
            time.sleep(min(float(answer.headers["Retry-After"]), 5.0))

    def _ask_plain(self, case: WorkItem) -> str:
        return compare(case, case.plain, read_answer(self._send("/api/classify", files={"file": ("x", case.content)})))

    def _ask_explained(self, case: WorkItem) -> str:
        answer = self._send("/api/classify?explain=1", files={"file": ("x", case.content)})
        return compare(case, case.explained, read_answer(answer))

    def _ask_page(self, case: WorkItem) -> str:
        return compare(case, case.paged, ask_page(self._send, case.content))

    def _ask_slowly(self, case: WorkItem) -> str:
        body, headers = encode_form(case.content)

        def trickle() -> Any:
            for at in range(0, len(body), max(len(body) // 5, 1)):
                time.sleep(0.5)
                yield body[at : at + max(len(body) // 5, 1)]

        answer = self._client.post(f"{self._url}/api/classify", content=trickle(), headers=headers)
        return "" if answer.status_code in (429, 503) else compare(case, case.plain, read_answer(answer))

    def _hang_up(self, case: WorkItem) -> str:
        """Send half of a form, or all of it, and close the connection without waiting."""
        body, headers = encode_form(case.content)
        sent = body[: self._chance.choice((0, len(body) // 2, len(body)))]
        self._post(f"Content-Type: {headers['Content-Type']}\r\nContent-Length: {len(body)}", sent).close()
        return ""

    def _probe(self, _: WorkItem) -> str:
        path, status = self._chance.choice((("/readyz", 200), ("/healthz", 200), ("/api/models", 200), ("/", 200)))
        answer = self._client.get(f"{self._url}{path}")
        return "" if answer.status_code in (status, 429) else f"{path} answered {answer.status_code}"

    def _ask_too_large(self, _: WorkItem) -> str:
        """Promise more than is accepted: the answer must come before the body does."""
        form = "Content-Type: multipart/form-data; boundary=x\r\n"
        with self._post(f"{form}Content-Length: {_TOO_LARGE_BYTES}", b"") as connection:
            line = connection.makefile("rb").readline().decode()
        return "" if line.split()[1] in ("413", "429", "503") else f"a file that is too large was answered {line}"

    def _post(self, headers: str, body: bytes) -> socket.socket:
        """Send what no library would: a body that is shorter than it was said to be."""
        where = urlsplit(self._url)
        connection = socket.create_connection((where.hostname, where.port), timeout=_ANSWER_LIMIT_S)
        connection.sendall(f"POST /api/classify HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n".encode() + body)
        return connection


def encode_form(content: bytes) -> tuple[bytes, dict[str, str]]:
    """A form with one file, and its headers."""
    request = httpx.Request("POST", "http://x", files={"file": ("x", content)})
    return request.read(), {"Content-Type": request.headers["Content-Type"]}


def ask_page(send: Callable[..., httpx.Response], content: bytes) -> tuple[int, Any]:
    """Ask as the page does: upload, then the event of its button. Of its answer only what it says is kept."""
    uploaded = send("/gradio_api/upload", files={"files": ("x", content)}).json()[0]
    value = {"path": uploaded, "meta": {"_type": "gradio.FileData"}}
    answer = send("/gradio_api/run/classify", json={"data": [value, None]})
    if answer.status_code != 200:
        return answer.status_code, answer.text[:300]
    numbers, verdict = answer.json()["data"]
    return answer.status_code, [numbers, {name: verdict[name] for name in _SAID}]


def read_answer(answer: httpx.Response) -> tuple[int, Any]:
    """Status and row; of a picture with a heat map the row is in the header."""
    if answer.headers["Content-Type"] == "image/png":
        return answer.status_code, [json.loads(answer.headers["Gyrus-Row"]), len(answer.content) > 100]
    return answer.status_code, answer.json()


def compare(case: WorkItem, expected: Any, received: Any) -> str:
    """What is wrong with an answer, or nothing."""
    if same(list(expected), list(received)):
        return ""
    return f"{case.name} was answered {str(received)[:300]} and alone {str(expected)[:300]}"


def build_cases(url: str) -> list[WorkItem]:
    """The seeds and some that were damaged, each asked alone."""
    seeds = build_seeds()
    files = {
        **seeds,
        **{
            f"damaged {number} ({name})": content
            for number in range(_BAD_INPUTS)
            for name, content in [build_input(seeds, 3, number)]
        },
    }
    cases = []
    with httpx.Client(timeout=_ANSWER_LIMIT_S, base_url=url) as client:

        def send(path: str, **options: Any) -> httpx.Response:
            return client.post(path, **options)

        for name, content in files.items():
            form = {"file": ("x", content)}
            plain = read_answer(client.post("/api/classify", files=form))
            if fault := find_faults(*plain):
                raise RuntimeError(f"{name}, asked alone: {fault}")
            explained = read_answer(client.post("/api/classify?explain=1", files=form))
            cases.append(WorkItem(name, content, plain, explained, ask_page(send, content)))
    return cases


@dataclass
class Watch:
    """Samples of the server while it is asked."""

    seconds: list[float] = field(default_factory=list)
    memory_bytes: list[int] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def run(self, server: Server, ledger: Ledger, until_s: float) -> None:
        """Sample until the time is over, or the server is."""
        started = time.monotonic()
        while time.monotonic() < until_s and server.process.poll() is None:
            self.seconds.append(time.monotonic() - started)
            self.memory_bytes.append(server.memory_bytes())
            self.answers.append(sum(ledger.answered.values()))
            time.sleep(_SAMPLE_S)

    def fit_growth(self) -> tuple[float, float]:
        """Bytes at the start and at the end of a straight line through what was measured after the warm-up."""
        seconds, memory = np.array(self.seconds), np.array(self.memory_bytes, float)
        late = seconds >= seconds[-1] * _WARM_UP
        slope, at_zero = np.polyfit(seconds[late], memory[late], 1)
        return float(at_zero + slope * seconds[late][0]), float(at_zero + slope * seconds[-1])


def run_soak(out: Path, minutes: float, seed: int) -> int:
    """Strain the server and write ``soak.json``, ``soak.svg`` and ``SOAK.md``; returns the exit status."""
    out.mkdir(parents=True, exist_ok=True)
    ledger, watch = Ledger(), Watch()
    with (
        tempfile.TemporaryDirectory() as folder,
        run_server(Path(folder) / "server.log", "--log-level", "info") as server,
    ):
        cases = build_cases(server.url)
        until_s = time.monotonic() + 60 * minutes
        visitors = [Visitor(server.url, cases, ledger, seed + number) for number in range(CLIENTS)]
        threads = [threading.Thread(target=visitor.visit, args=(until_s,), daemon=True) for visitor in visitors]
        for thread in threads:
            thread.start()
        watch.run(server, ledger, until_s)
        for thread in threads:
            thread.join(_ANSWER_LIMIT_S + 10)
        is_alive = server.process.poll() is None
        log = server.log.read_text(encoding="utf-8", errors="replace")
    summary = summarise(ledger, watch, cases, is_alive, log, minutes)
    document = {**summary, "seconds": watch.seconds, "memory_bytes": watch.memory_bytes, "answers": watch.answers}
    (out / "soak.json").write_text(json.dumps(document, indent=None), encoding="utf-8")
    draw(out / "soak.svg", watch)
    text = describe(summary)
    (out / "SOAK.md").write_text(text, encoding="utf-8")
    print(text)  # noqa: T201
    return 0 if summary["passed"] else 1


def summarise(
    ledger: Ledger, watch: Watch, cases: Sequence[WorkItem], is_alive: bool, log: str, minutes: float
) -> dict[str, Any]:
    """The figures of a run."""
    first, last = watch.fit_growth()
    asked, answered = sum(ledger.asked.values()), sum(ledger.answered.values())
    faults = [*ledger.faults, *(["the server died"] if not is_alive else [])]
    errors = sum(" ERROR " in line for line in log.splitlines())
    times = np.array(ledger.seconds or [0.0])
    return {
        "minutes": minutes,
        "clients": CLIENTS,
        "files": len(cases),
        "asked": dict(ledger.asked),
        "lost": asked - answered,
        "wrong": len(faults),
        "faults": faults[:50],
        "errors_in_log": errors,
        "refused_for_load": ledger.refused_for_load,
        "median_s": round(float(np.median(times)), 3),
        "p95_s": round(float(np.percentile(times, 95)), 3),
        "first_bytes": round(first),
        "last_bytes": round(last),
        "passed": asked == answered and not faults and not errors and last - first <= GROWTH_LIMIT_BYTES,
    }


def describe(summary: dict[str, Any]) -> str:
    """The figures for a person."""
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(summary["asked"].items()))
    first, last = summary["first_bytes"] / 2**20, summary["last_bytes"] / 2**20
    faults = "".join(f"\n- {fault}" for fault in summary["faults"])
    return (
        f"# Soak\n\n`make soak`: {summary['clients']} clients for {summary['minutes']:g} minutes, {summary['files']} "
        f"files, good and bad.\n\n"
        f"- {sum(summary['asked'].values()):,} requests ({kinds}); {summary['lost']} lost, {summary['wrong']} answered "
        f"otherwise than alone, {summary['errors_in_log']} errors in the log, {summary['refused_for_load']} sent again "
        f"because the queue was full.\n"
        f"- Half within {summary['median_s']} s, 95 % within {summary['p95_s']} s.\n"
        f"- Memory, by a straight line after the first {_WARM_UP:.0%} of the time: {first:.0f} MB → {last:.0f} MB "
        f"(at most {GROWTH_LIMIT_BYTES / 2**20:.0f} MB more are accepted).\n"
        f"- {'Passed' if summary['passed'] else 'Failed'}.\n{faults}\n![Memory of the server](soak.svg)\n"
    )


def draw(path: Path, watch: Watch) -> None:
    """Draw memory, its line, and answers a second."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "gyrus"
    from matplotlib import pyplot

    minutes = np.array(watch.seconds) / 60
    first, last = watch.fit_growth()
    rates = np.gradient(np.array(watch.answers, float), np.array(watch.seconds))
    figure, (upper, lower) = pyplot.subplots(2, 1, figsize=(8, 5), sharex=True, layout="constrained")
    upper.plot(minutes, np.array(watch.memory_bytes) / 2**20, linewidth=1, label="resident memory")
    upper.plot([minutes[-1] * _WARM_UP, minutes[-1]], [first / 2**20, last / 2**20], label="straight line")
    upper.set(ylabel="MB", ylim=(0, None))
    upper.legend(frameon=False)
    lower.plot(minutes, np.convolve(rates, np.ones(5) / 5, "same"), linewidth=1)
    lower.set(xlabel="minutes", ylabel="answers a second", ylim=(0, None))
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None})
    path.write_text("\n".join(line.rstrip() for line in stream.getvalue().splitlines()) + "\n", encoding="utf-8")
    pyplot.close(figure)
