"""How long the import takes, against that of the official SDK: fresh processes, with compiled bytecode for both.

In CPU time: an import waits for nothing but its turn.
"""

from __future__ import annotations

from typing import Final

import figures

REPEATS: Final = 5  # a round
RATIO: Final = 120 / 330

_TIMED: Final = "import time; began = time.process_time(); import {}; print((time.process_time() - began) * 1e3)"


def milliseconds(package: str) -> float:
    return min(figures.in_fresh_process("-c", _TIMED.format(package)) for _ in range(REPEATS))


def main() -> None:
    for package in ("reelthyme_sync", "openai"):  # writes the bytecode
        figures.in_fresh_process("-c", _TIMED.format(package))
    rounds = [(milliseconds("reelthyme_sync"), milliseconds("openai")) for _ in range(figures.ROUNDS)]
    ours, official = ([pair[side] for pair in rounds] for side in (0, 1))
    figures.note("import openai", official, "ms")
    figures.note("import reelthyme_sync", ours, "ms")
    said = figures.Figures()
    said.at_most("import: ours / openai", figures.ratios(ours, official), round(RATIO, 2))
    said.exit()


if __name__ == "__main__":
    main()
