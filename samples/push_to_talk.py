"""Hold a conversation without turn detection: press Enter, talk, press Enter. Ctrl-D ends it.

python samples/push_to_talk.py                 with your microphone and speaker
python samples/push_to_talk.py QUESTION.wav    with a recording for the microphone, and no speaker
"""

import sys
from contextlib import suppress
from threading import Event, Thread

from reelthyme_sync import capture_audio, connect, events, stream
from reelthyme_sync.audio.software import SoftwareMicrophone, SoftwareSpeaker
from reelthyme_sync.audio.wav import read_wav
from reelthyme_sync.fallback import openai_or_local

NO_TURN_DETECTION = events.AudioConfig(input=events.AudioInput(turn_detection=None))


def talk(session, conversation) -> None:
    conversation.flush()  # whoever presses wants to be heard
    with capture_audio(session):
        input("Press Enter when you are done. ")


def say(session, recording: str) -> None:
    microphone = SoftwareMicrophone(read_wav(recording))
    with capture_audio(session, microphone=microphone):
        microphone.wait_said()


def print_answers(conversation, answered: Event) -> None:
    for event in conversation:
        match event:
            case events.ResponseOutputAudioTranscriptDone(transcript=text):
                print("\nassistant:", text)
            case events.ResponseDone():
                answered.set()


def main(recording: str | None = None) -> None:
    with openai_or_local() as endpoint, connect(endpoint=endpoint) as session:
        session.send(events.SessionUpdate(session=events.RealtimeSession(audio=NO_TURN_DETECTION)))
        answered = Event()
        with stream(session, speaker=SoftwareSpeaker() if recording else None) as conversation:
            Thread(target=print_answers, args=(conversation, answered), daemon=True).start()
            while not answered.is_set() or not recording:
                if recording:
                    say(session, recording)
                else:
                    input("Press Enter and talk. ")
                    talk(session, conversation)
                session.send(events.InputAudioBufferCommit())
                session.send(events.ResponseCreate())
                if recording:
                    answered.wait()


if __name__ == "__main__":
    with suppress(EOFError, KeyboardInterrupt):
        main(*sys.argv[1:])
