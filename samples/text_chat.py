"""Chat by typing; no sound. Talks with OpenAI when OPENAI_API_KEY is set, otherwise with a local server.

python samples/text_chat.py
"""

from reelthyme_sync import connect
from reelthyme_sync.events import (
    ConversationItemCreate,
    Error,
    InputText,
    RealtimeSession,
    ResponseCreate,
    ResponseDone,
    ResponseOutputTextDelta,
    SessionUpdate,
    UserMessage,
)
from reelthyme_sync.fallback import openai_or_local


def print_answer(session) -> None:
    for event in session.events():
        match event:
            case ResponseOutputTextDelta(delta=text):
                print(text, end="", flush=True)
            case ResponseDone():
                print()
                return
            case Error(error=error):
                print(f"[{error.message}]")
                return


def main() -> None:
    with openai_or_local() as endpoint, connect(endpoint=endpoint) as session:
        session.send(SessionUpdate(session=RealtimeSession(output_modalities=["text"])))
        print("Type something; an empty line ends it.")
        while line := read_line("you> "):
            session.send(ConversationItemCreate(item=UserMessage(content=[InputText(text=line)])))
            session.send(ResponseCreate())
            print("assistant> ", end="", flush=True)
            print_answer(session)


def read_line(prompt: str) -> str:
    try:
        return input(prompt).strip()
    except EOFError:
        return ""


if __name__ == "__main__":
    main()
