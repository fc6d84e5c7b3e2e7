"""Speech to text without a network: pocketsphinx with its own model of American English.

Owns the decoder, of which a process has one (29 MB, half a second to load). ``recognise`` blocks for about a third of
the sound's length and belongs on a worker thread, beside which the others run; ``close`` may be called from any.
"""

from __future__ import annotations

import functools
import importlib.util
import logging
import threading
from typing import Any, Final

from .. import pcm
from ..audio.resampling import resample
from .sphinx import decoder

logger = logging.getLogger(__name__)

_RATE: Final = 16_000
_BLOCK: Final = pcm.ms_to_bytes(20, _RATE)
"""What is decoded between two looks at whether to stop."""

_MARGIN: Final = pcm.silence(100, _RATE)
_QUIET: Final = 0.02
"""What is below this part of the loudest moment, at the beginning or the end, is silence."""

_MEAN_GRAMMAR: Final = "#JSGF V1.0; grammar mean; public <mean> = no;"
_MEAN_PRIOR_FRAMES: Final = 500
"""With how many frames the decoder weighs the mean that it had before an utterance."""


class Ears:
    """Recognises English sentences. Without pocketsphinx it hears nothing, and says once on the log what to install."""

    def __init__(self) -> None:
        self._closed = threading.Event()

    def prepare(self) -> None:
        """Load the model now, so that the first sentence need not wait for it."""
        if _installed():
            _decoder()

    def recognise(self, sound: bytes) -> str:
        """The words in 24 kHz PCM16, in lower case without punctuation; ``""`` when there are none."""
        if not _installed():
            return ""
        with _lock:
            return _decoder().recognise(resample(sound, pcm.SAMPLE_RATE, _RATE), self._closed)

    def close(self) -> None:
        """End a recognition that is under way, within a block. Any thread, idempotent."""
        self._closed.set()


class _Decoder:
    """Two passes: the first only measures the mean of the features, the second recognises with it.

    A decoder that starts from a mean of other speech hears "seven times six" as "sheldon time six". The usual cure, to
    feed some speech beforehand, makes every result depend on the sentences before it. The first pass has a grammar of
    one word and costs 50 ms a sentence. Silence would dilute the mean, so that it is cut off: 4 words of 100 are wrong
    (flite's voice rms, 41 sentences), whatever came before and however loud.
    """

    def __init__(self) -> None:
        self._sphinx: Any = decoder(_RATE)
        self._language: str = self._sphinx.current_search()
        self._sphinx.add_jsgf_string("mean", _MEAN_GRAMMAR)

    def recognise(self, sound: bytes, stop: threading.Event) -> str:
        speech = _without_silence(sound)
        self._sphinx.activate_search("mean")
        self._sphinx.set_cmn("0")
        self._feed(speech, stop)
        mean = self._mean()
        self._sphinx.activate_search(self._language)
        self._sphinx.set_cmn(mean)
        self._feed(_MARGIN + speech + _MARGIN, stop)
        hypothesis = self._sphinx.hyp()
        return "" if hypothesis is None else str(hypothesis.hypstr)

    def _feed(self, sound: bytes, stop: threading.Event) -> None:
        self._sphinx.start_utt()
        for start in range(0, len(sound), _BLOCK):
            if stop.is_set():
                break
            self._sphinx.process_raw(sound[start : start + _BLOCK])
        self._sphinx.end_utt()

    def _mean(self) -> str:
        """The mean of this utterance alone: the decoder gives one that is thinned by 500 frames of the zeros before."""
        frames = max(1, self._sphinx.n_frames())
        thinned = [float(number) for number in self._sphinx.get_cmn(True).split(",")]
        return ",".join(str(number * (_MEAN_PRIOR_FRAMES + frames) / frames) for number in thinned)


def _without_silence(sound: bytes) -> bytes:
    import numpy as np

    frame = pcm.ms_to_samples(10, _RATE)
    samples = np.frombuffer(sound, np.int16)
    frames = samples[: len(samples) // frame * frame].reshape(-1, frame).astype(np.float64)
    levels = np.sqrt((frames * frames).mean(axis=1))
    loud = np.flatnonzero(levels > levels.max(initial=0.0) * _QUIET)
    return samples[loud[0] * frame : (loud[-1] + 1) * frame].tobytes() if len(loud) else b""


_lock = threading.Lock()
"""Guards the one decoder of the process, which remembers an utterance between its calls."""


@functools.lru_cache(maxsize=1)
def _decoder() -> _Decoder:
    return _Decoder()


@functools.lru_cache(maxsize=1)
def _installed() -> bool:
    if all(importlib.util.find_spec(name) for name in ("pocketsphinx", "soxr")):
        return True
    logger.warning('the local server cannot hear words: pip install "reelthyme_sync[local]"')
    return False
