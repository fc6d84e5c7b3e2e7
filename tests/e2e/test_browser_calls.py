"""The browser module and the local server: a page from elsewhere calls it, and either of them may suddenly be gone."""

import re
import subprocess
import sys
from contextlib import contextmanager

import keys
import pytest
from browser import bare_page, chromium, microphone_hears, page_server, tab_of

from reelthyme_sync import connect
from reelthyme_sync.audio.wav import read_wav
from reelthyme_sync.codec import unstructure
from reelthyme_sync.events import AudioConfig, AudioInput, RealtimeSession, Transcription
from reelthyme_sync.local_server import serve
from reelthyme_sync.rest import calls, create_client_secret

HEARING = AudioConfig(input=AudioInput(transcription=Transcription(model="gpt-transcribe")))
EXPECTED = ("Failed to load resource",)
SPOKEN = RealtimeSession(output_modalities=["audio"], audio=HEARING)


@pytest.fixture(scope="module")
def browser(tmp_path_factory, request):
    question = request.config.rootpath / "reelthyme_sync" / "recordings" / "question_1.wav"
    recording = tmp_path_factory.mktemp("browser") / "question.wav"
    with chromium(microphone_hears(read_wav(question), recording)) as browser:
        yield browser


@pytest.fixture(scope="module")
def pages():
    with page_server() as pages:
        yield pages


@pytest.fixture
def page(tab, pages):
    with bare_page(tab, pages, expected=EXPECTED) as page:
        yield page


@pytest.fixture
def orphan(user, pages):
    """A page whose server has been killed."""
    with tab_of(user) as tab, bare_page(tab, pages, expected=EXPECTED) as page, server_process() as (process, url):
        call(page, secret_of(url))
        process.kill()
        yield page


@pytest.fixture
def server():
    with serve(api_key=keys.TEST_KEY) as server:
        yield server


@contextmanager
def server_process():
    """A server that can be killed, and its URL."""
    command = [sys.executable, "-u", "-m", "reelthyme_sync", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process, re.search(r"ws://\S+", process.stdout.readline())[0]
        finally:
            process.kill()


def secret_of(url, session=SPOKEN):
    """As an application gives it to its page."""
    secret = unstructure(create_client_secret(session=session, url=url, api_key=keys.TEST_KEY))
    return {**secret, "url": url.replace("ws", "http", 1) + "/calls"}


def call(page, secret):
    # a server's first call took 15 s to open on a machine with ten things to do
    page.evaluate("secret => call(secret, {timeout: 60_000}).then(() => null)", secret)
    page.wait_for_function("current.state === 'open'")


def wait_for(page, condition):
    """Until an event of the server fits; gives it."""
    page.wait_for_function(f"current.told.some(({{detail: event}}) => {condition})")
    return page.evaluate(f"current.told.find(({{detail: event}}) => {condition}).detail")


def test_a_question_is_understood_and_the_answer_heard_while_a_page_finds_out_that_its_server_was_killed(
    page, server, orphan
):
    """Both take 15 s, and the time of a browser that waits is free."""
    call(page, secret_of(server.url))
    assert page.evaluate("loudness(current.audioElement.srcObject, 0.1)") > 0.1
    said = wait_for(page, "event?.type === 'conversation.item.input_audio_transcription.completed'")
    assert "how are you" in said["transcript"]
    answer = wait_for(page, "event?.type === 'response.output_audio_transcript.done'")
    assert "I am fine" in answer["transcript"]
    types = page.evaluate("current.told.map(({detail}) => detail?.type)")
    assert "response.output_audio.delta" not in types
    assert types.index("reelthyme.call_id") < types.index("session.created")
    orphan.wait_for_function("current.state === 'failed'", timeout=60_000)
    assert orphan.evaluate("current.told.at(-1).detail.code") == "connection_failed"
    assert orphan.evaluate("held().tracks") == 0


def test_a_session_of_text_is_silent_and_asks_for_no_microphone(page, server):
    secret = secret_of(server.url, RealtimeSession(output_modalities=["text"]))
    page.evaluate("secret => call(secret, {contentTypes: ['input_text'], timeout: 60_000}).then(() => null)", secret)
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "What is two plus three?"}]}
    page.evaluate("item => current.send({type: 'conversation.item.create', item})", item)
    page.evaluate("current.send({type: 'response.create'})")
    assert wait_for(page, "event?.type === 'response.output_text.done'")["text"] == "2 plus 3 is 5."
    assert page.evaluate("[held().asked, current.audioElement]") == [0, None]


def test_the_id_lets_an_application_join_and_hang_up(page, server):
    secret = secret_of(server.url)
    call(page, secret)
    call_id = page.evaluate("current.callId")
    with connect(url=server.url, call_id=call_id, api_key=secret["value"]) as sideband:
        assert sideband.receive(timeout=30).type == "session.created"
        calls.hangup(call_id, url=server.url, api_key=keys.TEST_KEY)
        page.wait_for_function("current.state === 'closed'")
    assert page.evaluate("current.told.at(-1).detail") == {"remote": True}
    assert page.evaluate("held()") == {"asked": 1, "tracks": 0, "contexts": 0, "peers": 0}


def test_a_wrong_secret_is_refused_to_a_page_of_another_origin(page, server):
    secret = {**secret_of(server.url), "value": "ek_wrong"}
    failed = page.evaluate("secret => failure(secret)", secret)
    assert (failed["status"], failed["code"]) == (401, "invalid_api_key")
    assert page.evaluate("held().tracks") == 0


def test_a_server_that_ends_hangs_up_and_frees_the_microphone(page):
    with server_process() as (process, url):
        call(page, secret_of(url))
        process.terminate()
        page.wait_for_function("current.state === 'closed'")
    assert page.evaluate("held().tracks") == 0
