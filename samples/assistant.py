"""Talk with an assistant that calls a function of yours, and stops when you interrupt it. Ctrl-C ends it.

python samples/assistant.py                                    with your microphone and speaker
python samples/assistant.py "What is the weather in Paris?"    in writing, with as many questions as you like
"""

import contextlib
import sys

from reelthyme_sync import AudioUnavailable, RealtimeClient
from reelthyme_sync.fallback import openai_or_local


def talk(client) -> None:
    client.on("reply", lambda reply: reply.words and print("assistant:", reply.words))
    client.update_session(turn_detection="server_vad", input_audio_transcription="gpt-transcribe")
    client.play()
    client.capture(echo="auto")  # or the assistant would hear itself
    print("Speak.")
    for turn in client.transcripts():
        print("you:      ", turn.transcript)


def write(client, questions) -> None:
    client.update_session(output_modalities=["text"])
    for question in questions:
        print("you:      ", question)
        print("assistant:", client.say(question).text(timeout=30))


def main(*questions: str) -> None:
    with openai_or_local() as endpoint, RealtimeClient(endpoint=endpoint) as client:

        @client.tool
        def get_weather(city: str) -> dict[str, str]:
            """Get the weather forecast of a city."""
            return {"city": city, "forecast": "sunny, 20 degrees"}

        if questions:
            write(client, questions)
            return
        try:
            talk(client)
        except AudioUnavailable as error:
            print(f"{error} You can write instead: give your questions as arguments.")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(*sys.argv[1:])
