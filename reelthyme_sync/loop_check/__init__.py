"""What the microphone hears of the speaker, and whether that can be taken out again: ``reelthyme devices --check``.

Makes the sound to play, and judges what came back. Pure; knows no device, no canceller and no clock: all is counted in
samples, at 24 kHz.
"""

from .examining import examine
from .probing import QUIET_MS, SWEEP_MS, probe
from .report import PERIOD_MS, Finding, LoopReport

__all__ = ["PERIOD_MS", "QUIET_MS", "SWEEP_MS", "Finding", "LoopReport", "examine", "probe"]
