"""Talk; the assistant answers aloud, and stops when you interrupt it. Ctrl-C ends it.

python samples/voice_chat.py                  with your microphone and speaker
python samples/voice_chat.py QUESTION.wav     with a recording for the microphone, and no speaker
"""

import contextlib
import sys

from reelthyme_sync import capture_audio, connect, stream
from reelthyme_sync.audio import SoftwareSpeaker, WavMicrophone
from reelthyme_sync.events import (
    AudioConfig,
    AudioInput,
    ConversationItemInputAudioTranscriptionCompleted,
    RealtimeSession,
    ResponseDone,
    ResponseOutputAudioTranscriptDone,
    SessionUpdate,
    Transcription,
)
from reelthyme_sync.fallback import openai_or_local

WRITE_DOWN_WHAT_I_SAY = SessionUpdate(
    session=RealtimeSession(audio=AudioConfig(input=AudioInput(transcription=Transcription(model="gpt-transcribe"))))
)


def main(question: str | None = None) -> None:
    microphone = speaker = None  # the system's own
    if question:
        microphone, speaker = WavMicrophone(question), SoftwareSpeaker()
    with (
        openai_or_local() as endpoint,
        connect(endpoint=endpoint) as session,
        stream(session, speaker=speaker) as events,
        capture_audio(session, microphone=microphone, echo="auto"),  # or the assistant would hear itself
    ):
        session.send(WRITE_DOWN_WHAT_I_SAY)
        print("Speak.")
        for event in events:
            match event:
                case ConversationItemInputAudioTranscriptionCompleted(transcript=text):
                    print("you:      ", text)
                case ResponseOutputAudioTranscriptDone(transcript=text):
                    print("assistant:", text)
                case ResponseDone() if question:
                    return events.stop(drain=True)
    return None


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(*sys.argv[1:])
