"""The house rules, read from the source: imports point down, pure files stay pure, heavy packages have one home."""

import ast
import functools
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "reelthyme_sync"
MODULES = sorted(PACKAGE.rglob("*.py"))

LAYERS = [
    ["version", "errors", "meanings", "_retry_after", "pcm", "g711", "_addresses", "reconnect", "ids"],
    ["_credentials", "events", "beta"],
    ["codec", "endpoints", "playback", "schema", "formats", "vad", "placing", "echo", "tools"],
    ["usage", "turns"],
    ["conversation"],
    ["resume"],
    [
        "_bell",
        "_worker",
        "_alarm",
        "_home",
        "_exit",
        "_sigterm",
        "_mailbox",
        "_hooks",
        "_ending",
        "_routes",
        "transport",
        "rest",
        "webhooks",
        "audio.fading",
        "audio.far_end",
        "audio.gain",
        "audio.metering",
        "audio.prebuffer",
        "audio.devices",
        "audio.output",
        "audio.buffers",
        "audio.mono",
        "audio.device_list",
        "audio.ends",
        "audio.refusals",
        "audio.quiet",
        "audio.resampling",
        "audio.transcoding",
        "audio.in_order",
        "audio.packing",
        "audio.gate",
        "audio.valve",
        "audio.channel",
        "audio.wav",
    ],
    [
        "_link",
        "reply",
        "replies",
        "interpreting",
        "audio.clock",
        "audio.resampled_buffers",
        "audio.echo_free",
        "audio.carrier",
        "audio.portaudio",
        "audio.line",
        "audio.pyaudio_device",
        "audio.full_duplex",
        "audio.recording",
    ],
    ["_passage", "sequencer", "floor"],
    ["_lifeline"],
    ["session", "audio.player", "audio.recorder", "audio.software", "audio.wav_devices"],
    ["room"],
    ["connecting", "streaming", "capturing", "push_to_talk", "local_server", "tool_runner"],
    ["client", "supervise"],
    ["fallback", "testing", "pytest_plugin", "loop_check"],
    ["cli"],
    ["__main__", ""],
]
"""From the ground up. A module may import from its own row and from those above it in this list."""

PURE = ["errors", "pcm", "events", "beta", "codec", "schema", "endpoints", "playback", "_addresses", "_credentials"]
PURE += ["g711", "audio.mono", "audio.device_list", "audio.resampling", "audio.transcoding", "audio.in_order"]
PURE += [
    "conversation",
    "formats",
    "reconnect",
    "resume",
    "vad",
    "placing",
    "sequencer",
    "floor",
    "replies",
    "echo",
    "tools",
    "loop_check",
]
PURE += ["rest.places"]
PURE += ["supervise.line"]
PURE += ["usage", "turns", "reply", "interpreting"]
PURE += [
    f"client.{name}"
    for name in [
        "books",
        "content",
        "cutting",
        "follow_ups",
        "input_sound",
        "narration",
        "patches",
        "settings",
        "updates",
    ]
]
PURE += [f"audio.{name}" for name in ["channel", "ends", "gate", "packing", "refusals", "valve"]]
PURE += [f"audio.{name}" for name in ["fading", "gain", "metering", "prebuffer"]]
PURE += [
    f"local_server.{name}"
    for name in [
        "admission",
        "answers",
        "api_keys",
        "bodies",
        "brain",
        "call_brain",
        "call_request",
        "caller",
        "client_secrets",
        "conversation",
        "door",
        "input_buffer",
        "webrtc.timing",
        "jobs",
        "known_sounds",
        "numbering",
        "numbers",
        "outputs",
        "plan",
        "playout",
        "production",
        "reading",
        "refusal",
        "settings",
        "toolmatch",
        "unknown",
        "usage",
    ]
]
IMPURE = {"threading", "socket", "time", "queue", "selectors", "subprocess", "asyncio"}

HOMES = {
    "pyaudio": "audio.portaudio",
    "websocket": "transport",
    "python_socks": "transport.proxies",
    "soxr": "audio.resampling",
    "aiohttp": "local_server",
    "aiortc": "local_server.webrtc",
    "aioice": "local_server.webrtc",
    "av": "local_server.webrtc",
    "pocketsphinx": "local_server.sphinx",
    "espeakng_loader": "local_server.voice",
    "webrtcvad": "vad",
    "pywebrtc_audio": "echo.canceller",
    "msgspec": "tools",
    "docstring_parser": "tools",
    "rich": "cli",
    "pytest": "pytest_plugin",
    "cattrs": "codec",
    "requests": "rest.wire",
}
"""Packages that one place alone may name."""

LATE = {"pyaudio", "soxr", "aiohttp", "pocketsphinx", "espeakng_loader", "webrtcvad", "pywebrtc_audio"}
LATE |= {"numpy", "msgspec", "docstring_parser", "aiortc", "aioice", "av"}
"""Extras, and what takes long to import: imported when they are called."""


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


@functools.cache
def imports(path: Path, *, top_level_only: bool = False) -> frozenset[str]:
    """Absolute names of what a file imports; our own without the package's name."""
    tree = ast.parse(path.read_text())
    found = set()
    for node in tree.body if top_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [] if node.level == 0 else [".", *path.relative_to(PACKAGE).parts[: -node.level]]
            module = ".".join([*base[1:], *([node.module] if node.module else [])])
            if node.level:
                found.update(f"./{module}.{alias.name}" if module else f"./{alias.name}" for alias in node.names)
            else:
                found.add(module)
    return frozenset(found)


KNOWN = {name_of(module) for module in MODULES} - {""}
ROWS = {name: number for number, names in enumerate(LAYERS) for name in names}


def own_imports(path: Path) -> set[str]:
    """Modules of ours that a file imports."""
    names = {name.removeprefix("./") for name in imports(path) if name.startswith("./")}
    return {name if name in KNOWN else name.rpartition(".")[0] for name in names} - {""}


def row(module: str) -> int:
    """The layer of a module: that of the longest of its prefixes that is listed."""
    while module not in ROWS:
        assert module, "a module is in no layer"
        module = module.rpartition(".")[0]
    return ROWS[module]


def test_imports_point_down():
    upward = {
        name_of(path): names
        for path in MODULES
        if (names := {name for name in own_imports(path) if row(name) > row(name_of(path))})
    }
    assert not upward, "imported from above"


def test_pure_files_know_no_thread_no_socket_and_no_time():
    impure = {name_of(path): names for path in MODULES if is_pure(name_of(path)) and (names := imports(path) & IMPURE)}
    assert not impure


def is_pure(name: str) -> bool:
    return any(name == pure or name.startswith(pure + ".") for pure in PURE)


def test_packages_stay_in_their_homes():
    strangers = {
        name_of(path): names
        for path in MODULES
        if (
            names := {
                package for package in packages(path) & HOMES.keys() if not name_of(path).startswith(HOMES[package])
            }
        )
    }
    assert not strangers


def test_extras_and_slow_packages_are_imported_when_they_are_called():
    early = {name_of(path): names for path in MODULES if (names := packages(path, top_level_only=True) & LATE)}
    assert not early


def packages(path: Path, *, top_level_only: bool = False) -> set[str]:
    return {name.partition(".")[0] for name in imports(path, top_level_only=top_level_only)}


def test_session_and_audio_do_not_know_each_other():
    for path in MODULES:
        if name_of(path).startswith("audio."):
            assert not own_imports(path) & {"session", "streaming"}
        if name_of(path) in ("session", "_link"):
            assert not any(name.startswith("audio") for name in own_imports(path))


def test_files_are_small():
    long = {
        name_of(path): lines
        for path in MODULES
        if (lines := lines_of(path)) > (620 if name_of(path).startswith("events") else 400)
    }
    assert not long


def test_samples_are_short():
    samples = sorted((PACKAGE.parent / "samples").glob("*.py"))
    assert samples
    assert not {path.name: lines for path in samples if (lines := lines_of(path)) > 60}


def lines_of(path: Path) -> int:
    return len(path.read_text().splitlines())
