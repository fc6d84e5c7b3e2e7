"""Hold a conversation without turn detection: press Enter, talk, press Enter. Ctrl-D ends it.

python samples/push_to_talk.py [QUESTION.wav]    a recording speaks for your microphone, and there is no speaker
"""

import sys
from contextlib import suppress
from queue import Queue
from threading import Thread

from reelthyme_sync import RealtimeError, capture_audio, connect, events, stream
from reelthyme_sync.audio.software import SoftwareMicrophone, SoftwareSpeaker
from reelthyme_sync.audio.wav import read_wav
from reelthyme_sync.fallback import openai_or_local

NO_TURN_DETECTION = events.AudioConfig(input=events.AudioInput(turn_detection=None))


def talk(session, conversation) -> None:
    input("Press Enter and talk. ")
    session.send(events.ResponseCancel())  # whoever presses wants to be heard
    conversation.flush()
    with capture_audio(session):
        input("Press Enter when you are done. ")


def say(session, recording: str) -> None:
    microphone = SoftwareMicrophone(read_wav(recording))
    with capture_audio(session, microphone=microphone):
        microphone.wait_said()


def print_answers(conversation, answers: Queue) -> None:
    with suppress(RealtimeError):
        for event in conversation:
            match event:
                case events.ResponseOutputAudioTranscriptDone(transcript=text):
                    print("\nassistant:", text)
                case events.ResponseDone():
                    answers.put(event)
    answers.put(None)  # the session has ended


def main(recording: str | None = None) -> None:
    answers: Queue = Queue()
    with openai_or_local() as endpoint, connect(endpoint=endpoint) as session:
        session.send(events.SessionUpdate(session=events.RealtimeSession(audio=NO_TURN_DETECTION)))
        with stream(session, speaker=SoftwareSpeaker() if recording else None) as conversation:
            Thread(target=print_answers, args=(conversation, answers), daemon=True).start()
            while not session.closed:
                say(session, recording) if recording else talk(session, conversation)
                session.send(events.InputAudioBufferCommit())
                session.send(events.ResponseCreate())
                if recording and answers.get():
                    return


if __name__ == "__main__":
    with suppress(EOFError, KeyboardInterrupt):
        main(*sys.argv[1:])
