"""One call from our side, by whoever follows it now. It can be taken up in the middle.

The service is told to answer nobody by itself: the follower asks for each answer. So a question that comes while nobody
follows the call waits, and whoever takes the call over finds it at the end of the conversation, and has it answered.
"""

from reelthyme_sync import RealtimeClient, RealtimeConversation, Session
from reelthyme_sync import events as ev
from reelthyme_sync.supervise import Line
from reelthyme_sync.tools import Tool

from .switchboard import Lease

DETECTION = ev.ServerVad(create_response=False)
HEARING = ev.AudioInput(transcription=ev.Transcription(model="gpt-transcribe"), turn_detection=DETECTION)
SESSION = ev.RealtimeSession(instructions="You answer the telephone of a shop.", audio=ev.AudioConfig(input=HEARING))
GREETING = ev.ResponseParams(instructions="Say: Welcome to the shop.")


def order_status(number: int) -> str:
    """Get the status of an order by its number."""
    return f"Order {number} is on its way."


class Conversation:
    """Follows a call until it ends, or its session is closed.

    Args:
        session: of the call.
        lease: the right to follow it.
        lines: what was said before, the latest line of each item.
    """

    def __init__(self, session: Session, lease: Lease, lines: dict[str, Line]) -> None:
        self._session, self._lease, self._lines = session, lease, lines
        self._book = RealtimeConversation(keep_audio=False)
        self._mark = f"mark_{lease.token}"
        self._last = None  # the item that was the last when we came

    def hold(self) -> None:
        """The whole of it. Raises ``Lost``."""
        client = RealtimeClient(self._session, threaded=False, keep_audio=False)
        client.add_tool(order_status)
        with client:
            mark = ev.SystemMessage(id=self._mark, content=[ev.InputText(text="Go on.")])
            self._session.send(ev.ConversationItemCreate(item=mark))  # its place tells what the last item is
            for event in client.events():
                self._take(event, client)

    def _take(self, event: ev.ServerEvent, client: RealtimeClient) -> None:
        match event:
            case ev.ConversationItemAdded(item=ev.SystemMessage(id=self._mark), previous_item_id=last):
                self._session.send(ev.ConversationItemDelete(item_id=self._mark))
                self._take_over(last, client)
            case ev.ConversationItemRetrieved(item=item):
                goes_on = item.status == "in_progress"
                self._write((ev.ConversationItemAdded if goes_on else ev.ConversationItemDone)(item=item))
                if item.id == self._last:
                    self._answer(item)
            case ev.InputAudioBufferCommitted():
                client.create_response()
        self._write(event)

    def _take_over(self, last: str | None, client: RealtimeClient) -> None:
        """Ask for what was said while nobody listened: what had begun before, and the last item."""
        if last is None:
            client.create_response(GREETING)
        elif self._book.get_item(last) is None:  # or it came while we listened
            self._last = last
            unfinished = {line.item_id for line in self._lines.values() if not (line.done and line.text)}
            for item_id in unfinished | {last}:
                self._session.send(ev.ConversationItemRetrieve(item_id=item_id))

    def _answer(self, last: ev.Item) -> None:
        """Have the last thing that was said before we came answered, unless it is an answer."""
        if isinstance(last, ev.FunctionCall):
            output = ev.FunctionCallOutput(call_id=last.call_id, output=Tool.of(order_status).call(last.arguments))
            self._session.send(ev.ConversationItemCreate(item=output))
        if not isinstance(last, ev.AssistantMessage):
            self._session.send(ev.ResponseCreate())  # refused if whoever was here before us has just asked for it

    def _write(self, event: ev.ServerEvent) -> None:
        """Tell readers what an event makes of a line: that it begins, and what it is in the end."""
        update = self._book.process_event(event)
        line = update and Line.of(update.item)
        if line and (line.done or line.item_id not in self._lines) and line != self._lines.get(line.item_id):
            self._lines[line.item_id] = line
            self._lease.write(line)
