"""The CPU time of cancelling an echo, for sound that comes in blocks of 10 ms, as a callback of a device gives it.

Ours is WebRTC's canceller, and what is done behind it: what finds the user's voice, the residual suppressor and the
meters, in numpy, frame by frame. The sound is speech in a room, with the user speaking in between. Both take turns with
every block, so that none finds its caches warmer than in life, where other work is done between two blocks.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Final

import figures
import numpy as np

BLOCK: Final = 480  # bytes: 10 ms
MOST: Final = 1.75
"""Times what WebRTC's canceller takes alone: 2 % of a core is 2.6 times that on a machine where it takes 0.75 %."""


def measure() -> dict[str, float]:
    """CPU time for each second of sound, in % of a core."""
    from pywebrtc_audio import AudioProcessor

    from reelthyme_sync.echo import EchoCanceller

    sys.path.append(str(Path(__file__).parent.parent))
    import rooms

    room = rooms.scene(rooms.linear, 0, user_db=0)
    canceller = EchoCanceller()
    processor = AudioProcessor(sample_rate=24_000, echo_cancellation=True, high_pass_filter=True)
    ours = bare = 0.0
    for at in range(0, len(room.near), BLOCK):
        near, far = room.near[at : at + BLOCK], room.far[at : at + BLOCK]
        near_samples, far_samples = np.frombuffer(near, "<i2"), np.frombuffer(far, "<i2")
        began = time.process_time()
        canceller.process(near, far)
        between = time.process_time()
        processor.process(near_samples, far_samples)
        ours, bare = ours + between - began, bare + time.process_time() - between
    seconds = len(room.near) / BLOCK / 100
    return {"ours": 100 * ours / seconds, "bare": 100 * bare / seconds}


def main() -> None:
    rounds = [figures.in_fresh_process(__file__, "measure") for _ in range(figures.ROUNDS)]
    taken = {name: [took[name] for took in rounds] for name in ("ours", "bare")}
    figures.note("cancelling an echo, bare: CPU", taken["bare"], "% of a core")
    said = figures.Figures()
    said.at_most("cancelling an echo: CPU", taken["ours"], 2, "% of a core", binding=False)
    said.at_most("cancelling an echo, CPU: ours / bare", figures.ratios(taken["ours"], taken["bare"]), MOST)
    said.exit()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure()))
    else:
        main()
