"""Sort what is said under topics, beside the conversation: that goes on meanwhile, and never knows.

python samples/classify.py "My lamp is broken!" "Where is my order?" "How are you?"
"""

import sys
from typing import Literal

from reelthyme_sync import RealtimeClient
from reelthyme_sync.events import ResponseParams
from reelthyme_sync.fallback import openai_or_local
from reelthyme_sync.tools import Tool


def sort(topic: Literal["anything else", "lamp", "order"]) -> str:
    """Sort a message under what it is about."""
    return topic


SORT = Tool.of(sort)  # the schema leaves the model no other word
CHOOSE = ResponseParams(tools=[SORT.declaration], tool_choice="required")


def main(*messages: str) -> None:
    with openai_or_local() as endpoint, RealtimeClient(endpoint=endpoint) as client:
        client.update_session(output_modalities=["text"])
        for message in messages or ("My lamp is broken!", "Where is my order?", "How are you?"):
            answer = client.say(message)
            sorting = client.ask("Sort the message.", conversation="none", input=[message], response=CHOOSE)
            call = sorting.wait(timeout=30).calls[0]
            print(f"you, about {SORT.call(call.arguments)}: {message}")
            print("assistant:", answer.text(timeout=30))
        print(f"The conversation has {len(client.conversation.get_items())} items.")


if __name__ == "__main__":
    main(*sys.argv[1:])
