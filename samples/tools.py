"""Let the assistant call a function of yours. Typed, so that it runs anywhere.

python samples/tools.py "What is the weather in Paris?"
"""

import sys

from reelthyme_sync import connect
from reelthyme_sync.events import (
    ConversationItemCreate,
    FunctionCall,
    FunctionCallOutput,
    InputText,
    RealtimeSession,
    ResponseCreate,
    ResponseDone,
    ResponseOutputTextDone,
    SessionUpdate,
    UserMessage,
)
from reelthyme_sync.fallback import openai_or_local
from reelthyme_sync.tools import Tool, error_output


def get_weather(city: str) -> dict[str, str]:
    """Get the weather forecast of a city."""
    return {"city": city, "forecast": "sunny, 20 degrees"}


def main(question: str = "What is the weather in Paris?") -> None:
    weather = Tool.of(get_weather)
    with openai_or_local() as endpoint, connect(endpoint=endpoint) as session:
        session.send(SessionUpdate(session=RealtimeSession(output_modalities=["text"], tools=[weather.declaration])))
        session.send(ConversationItemCreate(item=UserMessage(content=[InputText(text=question)])))
        session.send(ResponseCreate())
        for event in session.events():
            match event:
                case ResponseOutputTextDone(text=text):
                    print("assistant:", text)
                case ResponseDone(response=response):
                    calls = [item for item in response.output or [] if isinstance(item, FunctionCall)]
                    if not calls:
                        return
                    for call in calls:
                        print("tool:     ", call.name, call.arguments)
                        try:
                            output = weather.call(call.arguments)
                        except Exception as error:
                            output = error_output(error)  # the assistant can say so, or try again
                        item = FunctionCallOutput(call_id=call.call_id, output=output)
                        session.send(ConversationItemCreate(item=item))
                    session.send(ResponseCreate())


if __name__ == "__main__":
    main(*sys.argv[1:])
