"""The files of the page, and the headers that keep it to itself."""

import os
from importlib import resources
from pathlib import Path

PAGE = Path(__file__).parents[1] / "call_page"
MODULE = resources.files("reelthyme_sync") / "static" / "reelthyme.js"

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
}
FILES = {name: (PAGE / name, TYPES[PAGE.joinpath(name).suffix]) for name in ("index.html", "page.js", "page.css")}
FILES["reelthyme.js"] = (MODULE, TYPES[".js"])
HOSTS = os.environ.get("ALLOWED_HOSTS", "127.0.0.1 localhost").split()
"""Under which names the page is served: or one of another site whose name leads here could call, too."""

STREAM = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # or nginx holds lines back


def headers(origin: str) -> dict[str, str]:
    """For every answer: the page takes nothing from elsewhere, and talks to ``origin`` only.

    Args:
        origin: where the calls are.
    """
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "media-src": "'self' blob: mediastream:",
        "connect-src": f"'self' {origin}",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Permissions-Policy": "microphone=(self)",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
