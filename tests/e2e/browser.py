"""Chromium without a window, with a recording for its microphone: what a page does, and what went wrong in it."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
import wave
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, sync_playwright

from reelthyme_sync.pcm import SAMPLE_RATE, silence

PATIENCE = 30_000
"""Milliseconds that any wait in a page may take; only failure takes them."""

STATIC = Path(__file__).parents[2] / "reelthyme_sync" / "static"
PAGES = Path(__file__).parent / "pages"
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}

FLAGS = [
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
]

BEFORE_SPEECH, AFTER_SPEECH = 5_000, 20_000
"""Milliseconds of silence: the call is open and followed before the words, and the noise suppressor has settled; the
answer is over before they come again. They do for a call that a busy machine opened too late."""


def microphone_hears(sound: bytes, path: Path) -> Path:
    """A recording for the microphone, which begins again at its end: silence, the sound, silence."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", "not compressed"))
        file.writeframes(silence(BEFORE_SPEECH) + sound + silence(AFTER_SPEECH))
    return path


def until(page: Page, script: str) -> None:
    """Until it is true; ``wait_for_function`` does not work where the page forbids ``eval``."""
    deadline = time.monotonic() + PATIENCE / 1000
    while not page.evaluate(script):
        assert time.monotonic() < deadline, script
        page.wait_for_timeout(20)


@contextlib.contextmanager
def chromium(microphone: Path) -> Iterator[Browser]:
    """A browser, for as long as the block lasts. Who asks for the microphone hears the recording from its beginning."""
    executable = shutil.which("chromium") or pytest.skip("no browser (on Debian: apt-get install chromium)")
    before = set(_children())
    with sync_playwright() as playwright:
        with playwright.chromium.launch(
            executable_path=executable,
            args=[*FLAGS, f"--use-file-for-fake-audio-capture={microphone}"],
        ) as browser:
            yield browser
    deadline = time.monotonic() + PATIENCE / 1000
    while left := set(_children()) - before:
        assert time.monotonic() < deadline, f"the browser left processes behind: {left}"
        time.sleep(0.02)


@contextlib.contextmanager
def profile(browser: Browser, **options: Any) -> Iterator[BrowserContext]:
    """A user, who lets pages use the microphone."""
    with browser.new_context(**{"locale": "en-GB", "permissions": ["microphone"], **options}) as context:
        context.set_default_timeout(PATIENCE)
        yield context


@contextlib.contextmanager
def tab_of(user: BrowserContext, first: str = "") -> Iterator[Page]:
    """An empty tab, for any number of pages one after the other: a new one costs a second of a processor.

    The script ``first`` runs before those of a page.
    """
    with user.new_page() as tab:
        tab.add_init_script(first)
        yield tab


@contextlib.contextmanager
def page_in(tab: Page, url: str, *, expected: tuple[str, ...] = ()) -> Iterator[Page]:
    """The page, as long as the block lasts.

    Whatever the page complains of on its console fails the test, unless it is ``expected``.
    """
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(f"{message.text} {message.location.get('url', '')}")

    def failed(error: Error) -> None:
        complaints.append(str(error))

    tab.on("console", heard)
    tab.on("pageerror", failed)
    try:
        tab.goto(url)
        yield tab
    finally:
        tab.goto("about:blank")
        tab.unroute_all()
        tab.remove_listener("console", heard)
        tab.remove_listener("pageerror", failed)
    complaints = [each for each in complaints if not any(part in each for part in expected)]
    assert not complaints, complaints


class PageServer:
    """Serves the bare page and the module; what is posted to it, it keeps and answers as a test says.

    Attributes:
        url: the page's.
        posted: path, headers and body of every POST.
        answer: gives them status, headers and body.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.posted: list[tuple[str, dict[str, str], bytes]] = []
        self._over = threading.Event()
        self.forget()

    def hang(self) -> tuple[int, dict[str, str], bytes]:
        """An answer that comes when the test is over."""
        self._over.wait()
        return 503, {}, b""

    def forget(self) -> None:
        """Be as at the beginning: the test is over."""
        self._over.set()
        self._over = threading.Event()
        self.posted.clear()
        self.answer: Callable[[], tuple[int, dict[str, str], bytes]] = lambda: (404, {}, b"")


@contextlib.contextmanager
def page_server() -> Iterator[PageServer]:
    """Serve, on threads, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2] or "bare.html"
            path = next((folder / name for folder in (PAGES, STATIC) if (folder / name).is_file()), None)
            if path is None:
                self._send(204 if name == "favicon.ico" else 404, {}, b"")
            else:
                self._send(200, {"Content-Type": TYPES[path.suffix]}, path.read_bytes())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            server.posted.append((self.path, dict(self.headers), body))
            self._send(*server.answer())

        def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            with contextlib.suppress(OSError):
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        server = PageServer(f"http://127.0.0.1:{listening.server_address[1]}/")
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.forget()
            listening.shutdown()
            thread.join()


@contextlib.contextmanager
def bare_page(tab: Page, server: PageServer, *, expected: tuple[str, ...]) -> Iterator[Page]:
    """The bare page, once it has loaded the module."""
    with page_in(tab, server.url, expected=expected) as page:
        page.wait_for_function("window.ready")
        yield page


def refusal(status: int, **error: Any) -> tuple[int, dict[str, str], bytes]:
    """An answer as the service's errors are."""
    return status, {"Content-Type": "application/json"}, orjson.dumps({"error": error})


def _children() -> list[int]:
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # a thread that ends just now
            found += map(int, (task / "children").read_text().split())
    return found
