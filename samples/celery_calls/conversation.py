"""One call from our side, by whoever follows it now. It can be taken up in the middle.

The service is told to answer nobody by itself: the follower asks for each answer. So a question that comes while nobody
follows the call waits, and whoever takes the call over finds it at the end of the conversation, and has it answered.
"""

from reelthyme_sync import RealtimeClient, Session
from reelthyme_sync import events as ev
from reelthyme_sync.supervise import Line
from reelthyme_sync.tools import Tool

from .switchboard import Lease

HEARING = ev.AudioInput(
    transcription=ev.Transcription(model="gpt-transcribe"), turn_detection=ev.ServerVad(create_response=False)
)
SESSION = ev.RealtimeSession(instructions="You answer the telephone of a shop.", audio=ev.AudioConfig(input=HEARING))
GREETING = ev.ResponseParams(instructions="Say: Welcome to the shop.")


def order_status(number: int) -> str:
    """Get the status of an order by its number."""
    return f"Order {number} is on its way."


class Conversation:
    """Follows a call as long as the lease lasts; what is said goes to its readers."""

    def __init__(self, session: Session, lease: Lease, lines: dict[str, Line]) -> None:
        self._session = session
        self._lease = lease
        self._lines = lines  # of each item the latest
        self._heard: set[str] = set()  # items that came while we listened
        self._last: str | None = None  # the item after which we came
        self._mark = f"mark_{lease.token}"
        self._client = RealtimeClient(session, threaded=False, keep_audio=False)
        self._client.add_tool(order_status)

    def hold(self) -> None:
        """Until the call ends, or the session is closed. Raises ``Lost``."""
        mark = ev.SystemMessage(id=self._mark, content=[ev.InputText(text="Go on.")])
        with self._client:
            self._session.send(ev.ConversationItemCreate(item=mark))  # its place tells what the last item is
            for event in self._client.events():
                self._take(event)

    def _take(self, event: ev.ServerEvent) -> None:
        match event:
            case ev.ConversationItemAdded(item=ev.SystemMessage(id=self._mark), previous_item_id=last):
                self._session.send(ev.ConversationItemDelete(item_id=self._mark))
                self._take_over(last)
            case ev.ConversationItemAdded(item=item) | ev.ConversationItemDone(item=item):
                self._heard.add(item.id)
                self._write(item)
            case ev.ConversationItemRetrieved(item=item):
                self._write(item)
                if item.id == self._last:
                    self._answer(item)
            case ev.ConversationItemInputAudioTranscriptionCompleted(item_id=item_id, transcript=text):
                self._tell(Line(item_id, "user", text, True))
            case ev.ConversationItemInputAudioTranscriptionFailed(item_id=item_id):
                self._tell(Line(item_id, "user", "(not understood)", True))
            case ev.InputAudioBufferCommitted():
                self._lease.renew()
                self._client.create_response()

    def _take_over(self, last: str | None) -> None:
        """Ask for what was said while nobody listened: what had begun before, and the last item."""
        if last is None:
            self._client.create_response(GREETING)
            return
        self._last = last
        missed = {line.item_id for line in self._lines.values() if not line.done} | {last}
        for item_id in missed - self._heard:
            self._session.send(ev.ConversationItemRetrieve(item_id=item_id))

    def _answer(self, last: ev.Item) -> None:
        """Have the last thing that was said before we came answered, unless it is an answer."""
        self._lease.renew()
        if isinstance(last, ev.FunctionCall):
            output = Tool.of(order_status).call(last.arguments)
            self._session.send(
                ev.ConversationItemCreate(item=ev.FunctionCallOutput(call_id=last.call_id, output=output))
            )
        if not isinstance(last, ev.AssistantMessage):
            self._session.send(ev.ResponseCreate())  # refused if the one before us has just asked for it

    def _write(self, item: ev.Item) -> None:
        match item:
            case ev.AssistantMessage():
                self._tell(Line(item.id, "assistant", _text(item), item.status != "in_progress"))
            case ev.UserMessage():
                waits = any(isinstance(part, ev.InputAudio) and part.transcript is None for part in item.content)
                self._tell(Line(item.id, "user", _text(item), not waits))
            case ev.FunctionCallOutput():
                self._tell(Line(item.id, "tool", item.output, True))

    def _tell(self, line: Line) -> None:
        before = self._lines.get(line.item_id)
        if before is None or not before.done:
            self._lines[line.item_id] = line
            self._lease.write(line)


def _text(message: ev.AssistantMessage | ev.UserMessage) -> str:
    texts = (getattr(part, "transcript", None) or getattr(part, "text", None) for part in message.content)
    return " ".join(text for text in texts if text)
