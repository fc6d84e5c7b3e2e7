"""What the benchmarks say: a line for every figure, with its target, and an exit code for all of them.

The machine is never quiet, so every figure comes from several rounds. The median is shown; the best round decides,
because noise only ever makes a program look worse.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Final

ROUNDS: Final = 3


class Figures:
    """The figures of one benchmark."""

    def __init__(self) -> None:
        self._missed = False

    def at_most(
        self, what: str, rounds: Sequence[float], limit: float, unit: str = "times", *, binding: bool = True
    ) -> None:
        """A figure that should be small. What is not binding is told, and fails nothing: a time, on any machine."""
        self._say(what, rounds, min(rounds), f"at most {limit:g} {unit}", kept=min(rounds) <= limit, binding=binding)

    def at_least(self, what: str, rounds: Sequence[float], limit: float, unit: str = "times") -> None:
        """A figure that should be large."""
        self._say(what, rounds, max(rounds), f"at least {limit:g} {unit}", kept=max(rounds) >= limit, binding=True)

    def exit(self) -> None:
        """End the program: with 1 if a target was missed."""
        sys.exit(self._missed)

    def _say(self, what: str, rounds: Sequence[float], best: float, target: str, *, kept: bool, binding: bool) -> None:
        verdict = "ok" if kept else "MISSED"
        print(f"{what:<52} {statistics.median(rounds):9.2f}   best {best:9.2f}   {target:<19} {verdict}", flush=True)
        self._missed |= binding and not kept


def note(what: str, rounds: Sequence[float], unit: str) -> None:
    """A figure without a target: what the ratios are made of."""
    print(f"{what:<52} {statistics.median(rounds):9.2f} {unit}", flush=True)


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Round by round, since the two of one round met the same noise."""
    return [one / other for one, other in zip(above, below, strict=True)]


def in_fresh_process(*arguments: str) -> Any:
    """Run a Python program; gives what it prints, which is JSON."""
    done = subprocess.run([sys.executable, *arguments], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)
