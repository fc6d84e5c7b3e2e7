"""Hold a conversation without turn detection: press Enter, talk, press Enter. Ctrl-D ends it.

python samples/push_to_talk.py [QUESTION.wav]    a recording speaks for your microphone, and there is no speaker
"""

import sys
from contextlib import suppress
from queue import Queue
from threading import Thread

from reelthyme_sync import RealtimeError, connect, events, stream
from reelthyme_sync.audio.software import SoftwareMicrophone, SoftwareSpeaker
from reelthyme_sync.audio.wav import read_wav
from reelthyme_sync.fallback import openai_or_local
from reelthyme_sync.push_to_talk import PushToTalk


def print_answers(conversation, answers: Queue) -> None:
    with suppress(RealtimeError):
        for event in conversation:
            match event:
                case events.ResponseOutputAudioTranscriptDone(transcript=text):
                    print("\nassistant:", text)
                case events.ResponseDone():
                    answers.put(event)
                case events.DeviceLost(message=message):
                    print(message)
    answers.put(None)  # the session has ended


def main(recording: str | None = None) -> None:
    answers: Queue = Queue()
    microphone = SoftwareMicrophone() if recording else None
    speaker = SoftwareSpeaker() if recording else None
    with (
        openai_or_local() as endpoint,
        connect(endpoint=endpoint) as session,
        stream(session, speaker=speaker) as conversation,
        PushToTalk(session, conversation, microphone=microphone) as talk,
    ):
        Thread(target=print_answers, args=(conversation, answers), daemon=True).start()
        if microphone is not None:
            talk.press()
            microphone.say(read_wav(recording))
            microphone.wait_said()
            talk.release()
            answers.get()
            return
        while not session.closed:
            input("Press Enter and talk. ")
            talk.press()  # whoever presses wants to be heard: the assistant falls silent
            input("Press Enter when you are done. ")
            if not talk.release():
                print("That was too short.")


if __name__ == "__main__":
    with suppress(EOFError, KeyboardInterrupt):
        main(*sys.argv[1:])
