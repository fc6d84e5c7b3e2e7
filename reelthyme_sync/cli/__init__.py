"""The command ``reelthyme``, also ``python -m reelthyme_sync``: talk, demo, serve, devices."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ..errors import RealtimeError

INTERRUPTED = 130
"""What a shell expects of a program that Ctrl-C ended."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Gives the exit status: 0, 1 for what went wrong, 2 for bad arguments, 130 for Ctrl-C."""
    try:
        from .arguments import parse  # only now: Ctrl-C may come while it is imported

        arguments = parse(argv)
        status: int = arguments.run(arguments)
    except ModuleNotFoundError as error:
        if error.name != "rich":
            raise
        print("reelthyme: the command needs more than the library. To install it:", file=sys.stderr)
        print('pip install "reelthyme_sync[all]"', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except RealtimeError as error:
        print(f"reelthyme: {error}", file=sys.stderr)
        return 1
    return status
