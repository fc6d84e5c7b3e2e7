"""The local server in a process of its own, so that its threads, sockets and memory count in nobody's census.

python elsewhere.py [CERTIFICATE] prints the server's URL, and serves until its standard input ends.
"""

from __future__ import annotations

import contextlib
import ssl
import subprocess
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def server_elsewhere(certificate: str | None = None) -> Iterator[str]:
    """A server as long as the block; gives its URL.

    Args:
        certificate: a PEM file with key and chain, for ``wss``.
    """
    command = [sys.executable, __file__, *([certificate] if certificate else [])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate()


def main(certificate: str | None) -> None:
    from reelthyme_sync.local_server import serve

    tls = None
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
    with serve(tls=tls) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else None)
