"""The arguments of the command ``reelthyme``, and which command they run."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial

from ..endpoints import DEFAULT_MODEL, Endpoint
from ..version import __version__


def parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments, those of the process by default; ``run``, called with them all, runs the command.

    Raises:
        SystemExit: bad ones (2), or all they ask for has been printed (0).
    """
    return _parser().parse_args(argv)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="reelthyme", description="Voice conversations over OpenAI's Realtime API.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_talk(commands.add_parser("talk", help="talk with OpenAI, or without a key with a local server"))
    _add_demo(commands.add_parser("demo", help="a spoken conversation: live, or without a sound card from recordings"))
    _add_serve(commands.add_parser("serve", help="a local server that hears and talks, until Ctrl-C"))
    _add_devices(commands.add_parser("devices", help="list the sound devices, or check them"))
    return parser


def _add_talk(parser: argparse.ArgumentParser) -> None:
    _add_partner(parser)
    parser.add_argument("--voice", help="the assistant's voice, such as marin or cedar")
    parser.add_argument("--instructions", help="how the assistant should be")
    parser.add_argument("--input", metavar="FILE.wav", help="say this file instead of listening to the microphone")
    parser.add_argument("--output", metavar="FILE.wav", help="keep the conversation: user left, assistant right")
    _add_sound(parser)
    _add_echo_cancelling(parser)
    parser.add_argument("--list-devices", action="store_true", help="list the sound devices, and end")
    parser.set_defaults(run=_talk)


def _add_demo(parser: argparse.ArgumentParser) -> None:
    _add_partner(parser)
    parser.add_argument(
        "--output", metavar="FILE.wav", default="conversation.wav", help="keep the conversation here (%(default)s)"
    )
    parser.add_argument("--recorded", action="store_true", help="ask the recorded questions even with a microphone")
    _add_echo_cancelling(parser)
    parser.set_defaults(run=_demo)


def _add_sound(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--microphone", metavar="DEVICE", help="index or name of the device to listen to")
    parser.add_argument("--speaker", metavar="DEVICE", help="index or name of the device to play on")


def _add_echo_cancelling(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--no-echo-cancelling",
        dest="echo_cancelling",
        action="store_false",
        help="send what the microphone hears as it is; needs a headset",
    )


def _add_partner(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--url", type=_address, help="a server that speaks the protocol; default: OpenAI with a key, else a local one"
    )
    parser.add_argument("--model", default=DEFAULT_MODEL, help="the model to talk to (%(default)s)")


def _address(url: str) -> str:
    try:
        return Endpoint(url).url
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _add_devices(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--check", action="store_true", help="play a sound, and say whether one can talk without a headset"
    )
    _add_sound(parser)
    parser.set_defaults(run=partial(_devices, parser))


def _add_serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s: this machine only)")
    parser.add_argument("--port", type=int, default=8765, help="port to listen on, 0 for any free one (%(default)s)")
    parser.add_argument("--script", metavar="FILE.json", help="scripted answers, tried before the server's own")
    parser.set_defaults(run=_serve)


# Each command is imported when it runs: `reelthyme --help` needs none of their packages.


def _talk(arguments: argparse.Namespace) -> int:
    if arguments.list_devices:
        from .devices import devices

        return devices()
    from .talk import talk

    return talk(arguments)


def _demo(arguments: argparse.Namespace) -> int:
    from .demo import demo

    return demo(arguments)


def _serve(arguments: argparse.Namespace) -> int:
    from .serve import serve

    return serve(arguments)


def _devices(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    if arguments.check:
        from .check import check

        return check(arguments)
    if (arguments.speaker, arguments.microphone) != (None, None):
        parser.error("--speaker and --microphone name what to --check")
    from .devices import devices

    return devices()
