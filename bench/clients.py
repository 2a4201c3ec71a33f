"""Many clients at once: a program of its own, so that the server's process does nothing but serve.

``python -m bench.clients PORT PATH CLIENTS REQUESTS`` prints what it found as JSON. Each client keeps its connection
and asks again as soon as it is answered.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass

from bench.pictures import load_jpegs
from bench.programs import ROOT

_BOUNDARY = "bench-boundary"


@dataclass(frozen=True, kw_only=True)
class Load:
    """What clients saw: seconds in all, each answer's seconds, and how many were not 200."""

    duration_s: float
    answers_s: list[float]
    failed: int

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.answers_s) / self.duration_s

    @property
    def p95_s(self) -> float:
        """The time within which 95 % were answered."""
        return sorted(self.answers_s)[int(0.95 * len(self.answers_s))]


def ask(port: int, path: str, clients: int, requests: int) -> Load:
    """Run the clients in another process."""
    command = [sys.executable, "-m", "bench.clients", str(port), path, str(clients), str(requests)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    return Load(**json.loads(done.stdout))


def encode_form(content: bytes) -> bytes:
    """A multipart form with one file."""
    head = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="slice.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    return head.encode() + content + f"\r\n--{_BOUNDARY}--\r\n".encode()


def _run(port: int, path: str, clients: int, requests: int) -> Load:
    bodies = [encode_form(jpeg) for jpeg in load_jpegs(50, None)]
    numbers, lock = iter(range(requests)), threading.Lock()
    answers: list[float] = []
    statuses: list[int] = []

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            started = time.perf_counter()
            headers = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
            connection.request("POST", path, bodies[number % len(bodies)], headers)
            answer = connection.getresponse()
            answer.read()
            answers.append(time.perf_counter() - started)
            statuses.append(answer.status)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    failed = sum(status != 200 for status in statuses) + requests - len(statuses)
    return Load(duration_s=time.perf_counter() - started, answers_s=answers, failed=failed)


if __name__ == "__main__":
    found = _run(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    print(json.dumps(asdict(found)))
