"""Pictures as a message has them: a file or its bytes becomes a data URI."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, TypeAlias

from ..events import InputImage
from ..pcm import encode_base64

Image: TypeAlias = "bytes | bytearray | memoryview | str | os.PathLike[str]"
"""The bytes of a file, or where it is."""

_BEGINNINGS: Final = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF8", "gif"),
)


def input_image(image: Image) -> InputImage:
    """A picture as the wire has it, ``data:image/png;base64,...``; of what kind it is, its first bytes say.

    Raises:
        ValueError: it is no PNG, JPEG, WebP or GIF.
        OSError: the file cannot be read.
    """
    data = bytes(image) if isinstance(image, bytes | bytearray | memoryview) else Path(image).read_bytes()
    kind = next((kind for beginning, kind in _BEGINNINGS if data.startswith(beginning)), None)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        kind = "webp"
    if kind is None:
        raise ValueError(f"a picture is a PNG, JPEG, WebP or GIF file: these {len(data)} bytes are none of them")
    return InputImage(image_url=f"data:image/{kind};base64,{encode_base64(data)}")
