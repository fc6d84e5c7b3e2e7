"""What a web server asks of the service beside sessions: secrets for browsers, and the calls of browsers and phones.

    secret = create_client_secret(session=RealtimeSession(instructions="Be brief."))
    calls.accept(event.call_id, session=RealtimeSession(instructions="You are the front desk."))

Each function asks once and waits for the answer; each may be called by any thread. ``requests`` is imported by the
first of them.
"""

from . import calls
from .calls import Call
from .client_secrets import create_client_secret

__all__ = ["Call", "calls", "create_client_secret"]
