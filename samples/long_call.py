"""A conversation that outlives its connections: here each lasts two seconds, with OpenAI an hour. No sound, no key.

python samples/long_call.py
"""

import time

from reelthyme_sync import Reconnect, connect, local_server
from reelthyme_sync.events import (
    ConversationItemCreate,
    Disconnected,
    InputText,
    RealtimeSession,
    Reconnected,
    ResponseCreate,
    ResponseDone,
    ResponseOutputTextDelta,
    SessionUpdate,
    UserMessage,
)

NUMBERS = ("three", "four", "five", "six", "seven", "eight", "nine")


def ask(session, question: str) -> None:
    print(f"you> {question}")
    session.send(ConversationItemCreate(item=UserMessage(content=[InputText(text=question)])))
    session.send(ResponseCreate())


def print_answer(session) -> None:
    for event in session.events():
        match event:
            case ResponseOutputTextDelta(delta=text):
                print(text, end="", flush=True)
            case ResponseDone(response=response) if response.status == "failed":
                print(" … (cut off: asking again)")
                session.send(ResponseCreate())  # waits until there is a new connection
            case ResponseDone():
                print()
                return
            case Disconnected():
                print(" [disconnected]")
            case Reconnected():
                print(f"[a new connection; the server has been told {len(event.restored)} items again]")


def main() -> None:
    policy = Reconnect(max_age=2)  # seconds; an hour unless given
    with local_server.serve() as server, connect(url=server.url, reconnect=policy) as session:
        session.send(SessionUpdate(session=RealtimeSession(output_modalities=["text"])))
        for number in NUMBERS:
            time.sleep(0.4)  # somebody types
            ask(session, f"What is {number} times {number}?")
            print_answer(session)


if __name__ == "__main__":
    main()
