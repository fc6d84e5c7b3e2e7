"""The page that talks, in Chromium, served by Flask and by Django: from the click to the words, and back to silence."""

import pytest
from browser import chromium, microphone_hears, page_in, profile, tab_of, until
from playwright.sync_api import expect
from web_servers import SERVERS, web_server

from reelthyme_sync.audio.wav import read_wav

pytestmark = pytest.mark.usefixtures("patient")

REMEMBERS_THE_MICROPHONE = """
    window.microphones = [];
    const ask = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
    if (ask) navigator.mediaDevices.getUserMedia = async wanted => {
        const stream = await ask(wanted);
        microphones.push(...stream.getTracks());
        return stream;
    };
"""
LEVEL = "Number(document.getElementById('level').ariaValueNow)"
LOUD = "document.body.style.getPropertyValue('--said') > 0.4"


@pytest.fixture(scope="module")
def recordings(request):
    return request.config.rootpath / "reelthyme_sync" / "recordings"


@pytest.fixture(scope="module")
def browser(tmp_path_factory, recordings):
    folder = tmp_path_factory.mktemp("browser")
    with chromium(microphone_hears(read_wav(recordings / "question_1.wav"), folder / "question.wav")) as browser:
        yield browser


@pytest.fixture(scope="module")
def patient():
    expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def flask():
    with web_server(SERVERS["flask"]) as app:
        yield app


@pytest.fixture(scope="module")
def tab(user):
    with tab_of(user, REMEMBERS_THE_MICROPHONE) as tab:
        yield tab


@pytest.fixture
def page(tab, flask):
    with page_in(tab, flask.url) as page:
        yield page


def microphones(page):
    return page.evaluate("microphones.map(track => track.readyState)")


def press(page, name):
    page.get_by_role("button", name=name).click()


def choose(page, *names):
    for name in names:
        page.get_by_text(name, exact=True).click()


def write(page, text):
    page.get_by_label("Message").fill(text)
    page.keyboard.press("Enter")


def status(page):
    return page.get_by_role("status")


def line(page, who, text):
    return page.get_by_role("log").locator(f".{who}").filter(has_text=text)


def is_answered_aloud_and_by_python(page):
    """The spoken question, and then one that only a tool answers."""
    expect(line(page, "user", "how are you")).to_be_visible()
    until(page, LOUD)
    expect(line(page, "assistant", "I am fine, thank you")).to_be_visible()
    write(page, "What is the weather in Paris?")
    expect(line(page, "tool", "sunny, 20 degrees")).to_be_visible()
    expect(line(page, "assistant", "sunny")).to_be_visible()


def test_a_spoken_question_is_answered_aloud_and_a_tool_by_python_and_all_is_written_down(page, flask):
    press(page, "Start call")
    is_answered_aloud_and_by_python(page)
    assert microphones(page) == ["live"]
    press(page, "Hang up")
    expect(status(page)).to_have_text("You hung up")
    assert microphones(page) == ["ended"]
    assert "ek_" not in flask.printed


def test_with_django_too_and_a_recording_is_played_instead_of_the_microphone(tab, recordings):
    with web_server(SERVERS["django, waitress"]) as django, page_in(tab, django.url) as page:
        choose(page, "Sound file")
        page.get_by_label("A recording").set_input_files(recordings / "question_1.wav")
        press(page, "Start call")
        is_answered_aloud_and_by_python(page)
        until(page, f"{LEVEL} < 10")
        press(page, "Play again")
        until(page, f"{LEVEL} > 50")
        assert microphones(page) == []
        press(page, "Hang up")
        expect(status(page)).to_have_text("You hung up")
        assert "ek_" not in django.printed


def test_written_words_need_no_microphone_and_can_be_answered_in_writing(page):
    choose(page, "Keyboard", "Writes")
    press(page, "Start call")
    expect(status(page)).to_have_text("Connected")
    write(page, "What is two plus three?")
    expect(line(page, "user", "What is two plus three?")).to_be_visible()
    expect(line(page, "assistant", "2 plus 3 is 5.")).to_be_visible()
    expect(page.get_by_text("Tokens left")).to_be_visible()
    until(page, "Number(document.getElementById('total').textContent) > 0")
    assert microphones(page) == []


def test_who_is_asked_to_hangs_up(page):
    press(page, "Start call")
    expect(status(page)).to_have_text("Listening")
    write(page, "Please hang up the phone.")
    expect(status(page)).to_have_text("The assistant hung up")
    assert microphones(page) == ["ended"]
    press(page, "New call")
    expect(page.get_by_role("button", name="Start call")).to_be_focused()


def test_a_written_word_interrupts_what_is_said(page):
    choose(page, "Keyboard")
    press(page, "Start call")
    write(page, "Tell me a story.")
    until(page, LOUD)
    expect(status(page)).to_have_text("The assistant is speaking")
    write(page, "What is two plus three?")
    expect(line(page, "assistant", "2 plus 3 is 5.")).to_be_visible()
    expect(page.get_by_role("alert")).to_be_hidden()


def test_muting_sends_silence(page):
    press(page, "Start call")
    expect(status(page)).to_have_text("Listening")
    press(page, "Mute")
    expect(page.get_by_role("button", name="Mute")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("microphones[0].enabled") is False


@pytest.mark.parametrize(
    ("status_code", "words"), [(502, "The service gives no secret"), (503, "Too many calls are followed")]
)
def test_what_the_server_refuses_is_said_in_its_words(tab, flask, status_code, words):
    with page_in(tab, flask.url, expected=("Failed to load resource",)) as page:
        path = "**/client-secret" if status_code == 502 else "**/sideband"
        page.route(path, lambda route: route.fulfill(status=status_code, json={"error": words}))
        press(page, "Start call")
        expect(page.get_by_role("alert")).to_contain_text(words)
        expect(status(page)).to_have_text("Ready" if status_code == 502 else "Listening")


def test_a_microphone_that_is_not_allowed_is_said_in_words(browser, flask):
    with profile(browser, permissions=[]) as user, tab_of(user) as tab, page_in(tab, flask.url) as page:
        press(page, "Start call")
        expect(page.get_by_role("alert")).to_contain_text("The microphone was not allowed.")
        expect(page.get_by_role("button", name="Start call")).to_be_enabled()


def test_a_file_without_sound_is_said_in_words(page, recordings):
    choose(page, "Sound file")
    press(page, "Start call")
    expect(page.get_by_role("alert")).to_contain_text("Choose a sound file first.")
    page.get_by_label("A recording").set_input_files(recordings / "README.txt")
    press(page, "Start call")
    expect(page.get_by_role("alert")).to_contain_text("no sound that this browser can play")


def test_a_phone_shows_all_of_it_side_to_side(browser, flask):
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    with profile(browser, **phone) as user, tab_of(user) as tab, page_in(tab, flask.url) as page:
        choose(page, "Sound file")
        narrow = "document.documentElement.scrollWidth <= innerWidth"
        assert page.evaluate(narrow)
        choose(page, "Microphone")
        press(page, "Start call")
        expect(status(page)).to_have_text("Listening")
        assert page.evaluate(narrow)
        expect(page.get_by_role("button", name="Send")).to_be_in_viewport(ratio=1)


def test_the_keyboard_reaches_everything(page):
    for name in ("Microphone", "Speaks"):
        page.keyboard.press("Tab")
        expect(page.get_by_role("radio", name=name)).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Message")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("button", name="Hang up")).to_be_focused()
    page.keyboard.press("Enter")
    expect(status(page)).to_have_text("You hung up")
