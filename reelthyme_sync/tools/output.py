"""What the model is given back: the result of a function, or what went wrong, as text."""

from __future__ import annotations


def output_text(result: object) -> str:
    """A string as it is, anything else as JSON.

    Raises:
        TypeError, ValueError, RecursionError: it cannot be made JSON, or the text cannot be encoded.
    """
    import msgspec

    if isinstance(result, str):
        return result.encode().decode()  # plain, also if it was a subclass; a lone surrogate fails here, not in a send
    return msgspec.json.encode(result).decode()


def error_output(error: BaseException) -> str:
    """What the model is told of an exception: ``{"error": "ValueError: no such city"}``. Never a traceback.

    The message is passed on word for word: keep out of it what the user must not hear.
    """
    return refusal(error_text(error))


def refusal(reason: str) -> str:
    """What the model is told when there is no result, in words: ``{"error": "cancelled"}``."""
    import msgspec

    # Names of files may hold lone surrogates, and this must not fail.
    return msgspec.json.encode({"error": reason.encode(errors="backslashreplace").decode()}).decode()


def error_text(error: BaseException) -> str:
    """The type of an exception, and its message if it has one and can say it."""
    try:
        message = f": {error}" if str(error) else ""
    except Exception:  # its own ``__str__`` failed
        message = ""
    return f"{type(error).__name__}{message}"
