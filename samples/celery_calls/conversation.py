"""One call from our side, by whoever follows it now. It can be taken up in the middle.

The service is told to answer nobody by itself: the follower asks for each answer. So a question that comes while nobody
follows the call waits, and whoever takes the call over finds it at the end of the conversation, and has it answered.
The model has heard everything; of several turns that nobody followed, only the last one's id can be learned, and shown.
"""

from reelthyme_sync import RealtimeClient, RealtimeConversation, Session
from reelthyme_sync import events as ev
from reelthyme_sync.supervise import Line
from reelthyme_sync.tools import Tool, error_output

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
        self._last = None  # the item that was the last when we came
        self._missed = []  # items that were complete before

    def hold(self) -> None:
        """The whole of it. Raises ``Lost``."""
        client = RealtimeClient(self._session, threaded=False, keep_audio=False)
        client.add_tool(order_status)
        with client:
            mark = ev.SystemMessage(id=self._lease.token, content=[ev.InputText(text="Go on.")])
            self._session.send(ev.ConversationItemCreate(item=mark))  # its place tells what the last item is
            for event in client.events():
                self._take(event, client)

    def _take(self, event: ev.ServerEvent, client: RealtimeClient) -> None:
        match event:
            case ev.ConversationItemAdded(item=ev.SystemMessage(id=self._lease.token), previous_item_id=last):
                self._session.send(ev.ConversationItemDelete(item_id=self._lease.token))
                self._look_back(last)
            case ev.ConversationItemRetrieved(item=item):
                if item.status != "in_progress" and self._book.get_item(item.id) is None:  # else the client has it
                    self._missed.append(item)
                    self._write(ev.ConversationItemDone(item=item))
                if item.id == self._last:
                    self._catch_up(client)
            case ev.InputAudioBufferCommitted():
                client.create_response()
        if not isinstance(event, ev.ConversationItemInputAudioTranscriptionDelta):  # half a line must not look whole
            self._write(event)

    def _look_back(self, last: str | None) -> None:
        """Ask for what was not complete when it was written down, for the calls of functions, and for the last item."""
        self._last = last
        if last is None:
            self._session.send(ev.ResponseCreate(response=GREETING))
            return
        ids = {line.item_id for line in self._lines.values() if line.who == "tool" or not (line.done and line.text)}
        for item_id in (*(ids - {last}), last):
            self._session.send(ev.ConversationItemRetrieve(item_id=item_id))

    def _catch_up(self, client: RealtimeClient) -> None:
        """Have everything answered that nobody answers."""
        calls = {item.call_id: item for item in self._missed if isinstance(item, ev.FunctionCall)}
        given = {item.call_id for item in self._missed if isinstance(item, ev.FunctionCallOutput)}
        waiting = [call for call in calls.values() if call.status != "incomplete" and call.call_id not in given]
        for call in waiting:
            client.send_tool_output(call.call_id, _output_of(call))
        if waiting:
            client.create_response()  # after the one that called, should that go on
        elif self._missed and isinstance(self._missed[-1], ev.UserMessage | ev.FunctionCallOutput):
            self._session.send(ev.ResponseCreate())  # refused if whoever was here before us has just asked for it

    def _write(self, event: ev.ServerEvent) -> None:
        """Tell readers what an event makes of a line: that it begins, and what it is in the end."""
        line = (update := self._book.process_event(event)) and Line.of(update.item)
        if line and (line.done or line.item_id not in self._lines) and line != self._lines.get(line.item_id):
            self._lines[line.item_id] = line
            self._lease.write(line)


def _output_of(call: ev.FunctionCall) -> str:
    try:
        return Tool.of(order_status).call(call.arguments)
    except Exception as error:
        return error_output(error)
