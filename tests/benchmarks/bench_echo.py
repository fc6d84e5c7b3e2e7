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


MOST_IN_PAUSES: Final = 0.75
"""Times what it takes while the assistant speaks: it rests when no echo is possible. AEC3 alone takes nine times as
much of zeros as of speech."""
MOST_WITH_HEADSET: Final = 0.6
"""The same where there is no echo, which is found within 0.6 s."""


def measure() -> dict[str, float]:
    """CPU time for each second of sound, in % of a core."""
    sys.path.append(str(Path(__file__).parent.parent))
    import rooms

    room = rooms.scene(rooms.linear, 0, user_db=0)
    noise = np.random.default_rng(0).normal(0, 20, len(room.near) // 2).astype("<i2").tobytes()
    ours, bare = cancel(room.near, room.far)
    half, _ = cancel(room.near + noise, room.far + bytes(len(noise)))
    headset, _ = cancel(noise, room.far)
    return {"ours": ours, "bare": bare, "half": half, "headset": headset}


def cancel(near: bytes, far: bytes) -> tuple[float, float]:
    """What ours takes, and WebRTC's alone."""
    from pywebrtc_audio import AudioProcessor

    from reelthyme_sync.echo import EchoCanceller

    canceller = EchoCanceller()
    processor = AudioProcessor(sample_rate=24_000, echo_cancellation=True, high_pass_filter=True)
    ours = bare = 0.0
    for at in range(0, len(near), BLOCK):
        near_block, far_block = near[at : at + BLOCK], far[at : at + BLOCK]
        near_samples, far_samples = np.frombuffer(near_block, "<i2"), np.frombuffer(far_block, "<i2")
        began = time.process_time()
        canceller.process(near_block, far_block)
        between = time.process_time()
        processor.process(near_samples, far_samples)
        ours, bare = ours + between - began, bare + time.process_time() - between
    seconds = len(near) / BLOCK / 100
    return 100 * ours / seconds, 100 * bare / seconds


def main() -> None:
    rounds = [figures.in_fresh_process(__file__, "measure") for _ in range(figures.ROUNDS)]
    taken = {name: [took[name] for took in rounds] for name in rounds[0]}
    figures.note("cancelling an echo, bare: CPU", taken["bare"], "% of a core")
    figures.note("cancelling an echo, with a headset: CPU", taken["headset"], "% of a core")
    said = figures.Figures()
    pauses = "cancelling an echo, the assistant silent half of the time: CPU"
    said.at_most(pauses, taken["half"], 2, "% of a core", binding=False)
    said.at_most("cancelling an echo: CPU", taken["ours"], 2, "% of a core", binding=False)
    said.at_most("cancelling an echo, CPU: ours / bare", figures.ratios(taken["ours"], taken["bare"]), MOST)
    pauses = figures.ratios(taken["half"], taken["ours"])
    said.at_most("cancelling an echo, CPU: half silent / speaking", pauses, MOST_IN_PAUSES)
    headset = figures.ratios(taken["headset"], taken["ours"])
    said.at_most("cancelling an echo, CPU: with a headset / with an echo", headset, MOST_WITH_HEADSET)
    said.exit()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure()))
    else:
        main()
