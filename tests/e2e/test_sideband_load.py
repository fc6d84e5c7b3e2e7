"""Many calls that one gunicorn worker follows: every line of every one reaches its page, and all end in time."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from load_service import QUESTIONS
from web_servers import GUNICORN, PATIENCE, ROOT, Transcript, WebServer, web_server

ENDS_WITHIN = 15.0  # a second; gunicorn waits 30 for streams that stay
OFFER = b"v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"


@contextlib.contextmanager
def load_service() -> Iterator[str]:
    command = [sys.executable, Path(__file__).with_name("load_service.py")]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait(PATIENCE)


def follow_one(server: WebServer, token: str) -> str:
    """Call, and have the call followed; gives the address of its transcript."""
    headers = {"Content-Type": "application/json", "X-CSRFToken": token, "Cookie": f"csrftoken={token}"}
    body = {"output_modalities": ["text"]}
    secret = requests.post(f"{server.url}client-secret", json=body, headers=headers, timeout=PATIENCE).json()
    bearer = {"Content-Type": "application/sdp", "Authorization": f"Bearer {secret['value']}"}
    answer = requests.post(secret["url"], data=OFFER, headers=bearer, timeout=PATIENCE)
    claim = {"call_id": answer.headers["Location"].rpartition("/")[2], "client_secret": secret["value"]}
    followed = requests.post(f"{server.url}sideband", json=claim, headers=headers, timeout=PATIENCE)
    assert followed.status_code == 200, followed.text
    return server.url + followed.json()["transcript"].lstrip("/")


def complete(seen: Transcript) -> bool:
    return len(seen.texts("assistant")) == QUESTIONS


@pytest.mark.parametrize("count", [10, pytest.param(100, marks=pytest.mark.slow)])
def test_no_line_of_many_calls_is_lost(count, capsys):
    with contextlib.ExitStack() as running:
        environment = {"LOAD_SERVICE": running.enter_context(load_service()), "PYTHONPATH": "tests/e2e"}
        server = running.enter_context(web_server([*GUNICORN, "load_app:app"], environment))
        token = requests.get(server.url, timeout=PATIENCE).cookies["csrftoken"]
        with requests.Session() as http:  # the first imports what all need
            first = Transcript(http, follow_one(server, token)).read(complete)
        before = requests.get(f"{server.url}weight", timeout=PATIENCE).json()

        complete_ones = threading.Semaphore(0)
        transcripts: list[Transcript] = []
        others = count - 1

        def read_along(_number: int) -> None:
            with requests.Session() as http:
                transcript = Transcript(http, follow_one(server, token))
                transcripts.append(transcript)

                def told(seen: Transcript) -> bool:
                    if complete(seen) and not seen.told:
                        seen.told = True
                        complete_ones.release()
                    return False

                transcript.read(told)

        with ThreadPoolExecutor(others) as readers:
            reading = [readers.submit(read_along, number) for number in range(others)]
            for _ in range(others):
                if not complete_ones.acquire(timeout=2 * PATIENCE):
                    break
            after = requests.get(f"{server.url}weight", timeout=PATIENCE).json()
            took = server.terminate()
        for done in reading:
            done.result()

        assert complete(first)
        lines = [line["text"] for seen in transcripts for line in seen.lines.values() if line["who"] == "user"]
        assert len(lines) == len(set(lines)) == others * QUESTIONS
        for seen in transcripts:
            assert [line["who"] for line in seen.lines.values()] == ["user", "assistant"] * QUESTIONS
            for question, answer in zip(seen.texts("user"), seen.texts("assistant"), strict=True):
                _what, _is, one, _plus, other = question.rstrip("?").split()
                assert str(int(one) + int(other)) in answer
        assert {seen.ended for seen in transcripts} == {"closed"}
        assert {seen.streams for seen in transcripts} == {1}
        assert after["calls"] == count
        assert took < ENDS_WITHIN, server.printed
        assert server.process.returncode == 0
        assert "Traceback" not in server.printed
        each = (after["kib"] - before["kib"]) / others
        ours = {role: number for role, number in after["threads"].items() if role.startswith("reelthyme")}
        with capsys.disabled():
            sys.stdout.write(f"\n{count} calls: {each:.0f} KiB each, {ours}, ended in {took:.2f} s\n")
        assert sum(ours.values()) <= 3 * count + 1  # reader, writer, conversation; and one that watches all
        assert each < 2048
