"""One telephone call from our side: tools, keys that the caller types, and hanging up once the goodbye has sounded."""

import contextlib

from reelthyme_sync import RealtimeClient, RequestFailed, Session, calls
from reelthyme_sync import events as ev

INSTRUCTIONS = "You answer the telephone of a lamp shop. Be brief. When the caller says good bye, end the call."
GREETING = "Say: Welcome to the lamp shop. Please type the number of your order, and then the hash key."
ORDERS = {17: "on its way to you", 42: "delivered since yesterday"}


class Conversation:
    """One call.

    Args:
        call_id: of the call.
        place: where ``calls.hangup`` is to ask.
        tell: gets who says something, and what.
    """

    def __init__(self, call_id: str, place: dict[str, str], tell=None) -> None:
        self._call_id = call_id
        self._place = place
        self._tell = tell or (lambda who, text: None)
        self._typed = ""
        self._leaving = False
        self._goodbye = None  # the id of the response

    def order_status(self, number: int) -> str:
        """Get the status of an order by its number."""
        return f"Order {number} is {ORDERS.get(number, 'not known to us')}."

    def end_call(self) -> str:
        """End the call, when the caller says good bye."""
        self._leaving = True
        return "Thank you for calling the lamp shop. Good bye!"

    def hold(self, session: Session) -> None:
        """The whole of it, on one thread; tools run beside it."""
        client = RealtimeClient(session, threaded=False, keep_audio=False)
        client.add_tool(self.order_status)
        client.add_tool(self.end_call)
        with client:
            client.create_response({"instructions": GREETING})
            for event in client.events():
                self._take(event, client)

    def _take(self, event: ev.ServerEvent, client: RealtimeClient) -> None:
        match event:
            case ev.InputAudioBufferDtmfEventReceived(event="#"):
                if self._typed:
                    client.say(f"What is the status of order {self._typed}?")
                self._typed = ""
            case ev.InputAudioBufferDtmfEventReceived(event=key):
                self._typed += key
            case ev.ResponseCreated(response=response) if self._leaving and self._goodbye is None:
                self._goodbye = response.id
            case ev.OutputAudioBufferStopped(response_id=self._goodbye):
                with contextlib.suppress(RequestFailed):  # the caller has been quicker
                    calls.hangup(self._call_id, **self._place)
            case ev.OutputAudioBufferCleared(response_id=self._goodbye):
                self._leaving, self._goodbye = False, None  # interrupted: the caller has something else to say
            case ev.ConversationItemInputAudioTranscriptionCompleted(transcript=words):
                self._tell("caller", words)
            case ev.ResponseOutputAudioTranscriptDone(transcript=words):
                self._tell("assistant", words)
