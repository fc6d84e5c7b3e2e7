"""The browser module alone, in Chromium: what it asks for, what it says when it fails, and that it lets go of all."""

import keys
import pytest
from browser import bare_page, chromium, microphone_hears, page_server, profile, refusal, tab_of

SECRET = {"value": keys.TEST_KEY, "session": {"output_modalities": ["audio"]}}
NOTHING = {"tracks": 0, "contexts": 0, "peers": 0}
EXPECTED = ("Failed to load resource", "in JSON")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(microphone_hears(b"", tmp_path_factory.mktemp("browser") / "quiet.wav")) as browser:
        yield browser


@pytest.fixture(scope="module")
def serving():
    with page_server() as server:
        yield server


@pytest.fixture
def server(serving):
    yield serving
    serving.forget()


@pytest.fixture
def page(tab, server):
    with bare_page(tab, server, expected=EXPECTED) as page:
        yield page


def call(page, **options):
    """A call to the far side in the page; gives its state right after."""
    script = "async options => (await call(options.secret, {url: '/far', ...options})).state"
    return page.evaluate(script, {"secret": SECRET, **options})


def told(page):
    """What the call has told so far: names of what was dispatched, of events their type."""
    return page.evaluate("current.told.map(({name, detail}) => name === 'event' ? detail.type : name)")


def failure(page, secret, **options):
    return page.evaluate("([secret, options]) => failure(secret, options)", [secret, options])


def held(page):
    return {name: count for name, count in page.evaluate("held()").items() if name != "asked"}


def test_a_refusal_tells_status_code_and_message_and_never_the_secret(page, server):
    server.answer = lambda: refusal(
        401, message=f"Incorrect API key provided: {keys.TEST_KEY}.", code="invalid_api_key"
    )
    error = failure(page, {**SECRET, "url": f"{server.url}calls"})
    assert error == {
        "name": "RealtimeError",
        "message": "The call was refused (401): Incorrect API key provided: ek_….",
        "status": 401,
        "code": "invalid_api_key",
    }
    assert held(page) == NOTHING
    assert page.evaluate("held().asked") == 1


def test_the_offer_is_posted_as_sdp_with_the_secret_as_bearer(page, server):
    server.answer = lambda: refusal(400, message="no")
    failure(page, SECRET, url="/calls")
    ((path, headers, body),) = server.posted
    assert path == "/calls"
    assert headers["Authorization"] == f"Bearer {keys.TEST_KEY}"
    assert headers["Content-Type"] == "application/sdp"
    offer = body.decode()
    assert offer.count("m=audio") == 1
    assert "m=application" in offer
    assert "a=candidate" in offer


@pytest.mark.parametrize(
    ("of_the_secret", "option", "goes_to"),
    [
        ({}, {}, "https://api.openai.com/v1/realtime/calls"),
        ({"url": None}, {}, "https://api.openai.com/v1/realtime/calls"),
        ({"url": "http://there.example/calls"}, {}, "http://there.example/calls"),
        ({"url": "http://there.example/calls"}, {"url": "https://here.example/calls"}, "https://here.example/calls"),
    ],
)
def test_the_offer_goes_to_openai_unless_the_secret_or_the_caller_says_where(page, of_the_secret, option, goes_to):
    page.evaluate("() => { window.fetch = async url => { posted = String(url); throw new TypeError('no network'); } }")
    assert failure(page, {**SECRET, **of_the_secret}, **option)["code"] == "unreachable"
    assert page.evaluate("posted") == goes_to


class TestFailing:
    """Whatever goes wrong while connecting, nothing stays open, and the microphone's light goes out."""

    def test_a_server_that_does_not_answer(self, page, server):
        server.answer = server.hang
        error = failure(page, SECRET, url="/calls", timeout=700)
        assert (error["code"], error["message"]) == ("timeout", "The call was not open within 0.7 s.")
        assert held(page) == NOTHING

    def test_an_answer_that_is_none(self, page, server):
        server.answer = lambda: (201, {"Content-Type": "application/sdp"}, b"not sdp")
        assert failure(page, SECRET, url="/calls")["name"] == "OperationError"
        assert held(page) == NOTHING

    def test_an_error_that_is_no_json(self, page, server):
        server.answer = lambda: (502, {}, b"Bad gateway")
        error = failure(page, SECRET, url="/calls")
        assert (error["status"], error["code"]) == (502, None)
        assert error["message"] == "The call was refused (502): Bad gateway"

    def test_an_address_where_nobody_is(self, page):
        error = failure(page, SECRET, url="http://127.0.0.1:9/calls")
        assert (error["code"], error["message"]) == ("unreachable", "127.0.0.1:9 cannot be reached.")
        assert held(page) == NOTHING

    def test_the_caller_gives_up(self, page, server):
        server.answer = server.hang
        script = """secret => {
            const giving = new AbortController();
            const failing = failure(secret, {url: "/calls", signal: giving.signal});
            setTimeout(() => giving.abort(new Error("changed my mind")), 400);
            return failing;
        }"""
        assert page.evaluate(script, SECRET)["message"] == "changed my mind"
        assert held(page) == NOTHING

    def test_the_caller_gives_up_before_the_user_has_said_yes_to_the_microphone(self, page):
        script = """async secret => {
            const giving = new AbortController();
            const ask = navigator.mediaDevices.getUserMedia;
            let yes;
            const allowed = new Promise(resolve => { yes = resolve; });
            const given = new Promise(resolve => {
                navigator.mediaDevices.getUserMedia = async wanted => {
                    await allowed;
                    const stream = await ask(wanted);
                    setTimeout(resolve, 0, stream);
                    return stream;
                };
            });
            const failing = failure(secret, {url: "/calls", signal: giving.signal});
            giving.abort(new Error("changed my mind"));
            const failed = await failing;
            yes();
            await given;
            return failed;
        }"""
        assert page.evaluate(script, SECRET)["message"] == "changed my mind"
        assert held(page) == NOTHING

    def test_a_microphone_that_is_denied(self, browser, server):
        with (
            profile(browser, permissions=[]) as user,
            tab_of(user) as tab,
            bare_page(tab, server, expected=EXPECTED) as page,
        ):
            assert failure(page, SECRET, url="/calls")["name"] == "NotAllowedError"
            assert held(page) == NOTHING

    def test_a_page_that_may_have_no_microphone_at_all(self, page):
        page.evaluate("Object.defineProperty(navigator, 'mediaDevices', {value: undefined})")
        assert failure(page, SECRET, url="/calls")["code"] == "insecure_page"
        assert held(page) == NOTHING

    def test_a_connection_that_comes_to_nothing_after_the_answer(self, page):
        page.evaluate("farSide({dies: true})")
        page.evaluate("holdTimer(15_000)")
        assert call(page) == "connecting"
        page.evaluate("timeIsUp()")
        page.wait_for_function("current.state === 'failed'")
        assert page.evaluate("current.told.at(-1).detail.code") == "timeout"
        assert held(page) == NOTHING


class TestWhatIsSent:
    def test_the_microphone_only_when_sound_is_to_be_sent(self, page):
        page.evaluate("farSide()")
        call(page, contentTypes=["input_text"])
        assert page.evaluate("[held().asked, current.track.kind]") == [0, "audio"]
        page.evaluate("current.close()")
        page.wait_for_function("held().contexts === 0 && current.track.readyState === 'ended'")

    def test_a_track_of_the_callers_own_is_sent_and_stays_the_callers(self, page):
        page.evaluate("farSide()")
        script = (
            "async secret => { window.mine = tone(440); await call(secret, {url: '/far', mediaStreamTrack: mine}); }"
        )
        page.evaluate(script, SECRET)
        page.wait_for_function("current.state === 'open'")
        sent = "new MediaStream(far.peer.getReceivers().map(receiver => receiver.track))"
        assert page.evaluate(f"loudness({sent}, 0.3)") > 0.3
        page.evaluate("current.close()")
        assert page.evaluate("[held().asked, mine.readyState]") == [0, "live"]

    def test_events_sent_before_the_call_is_open_arrive_in_order(self, page):
        page.evaluate("farSide({waits: true})")
        script = """async secret => {
            const calling = await call(secret, {url: "/far"});
            for (let n = 0; n < 50; n++) calling.send({type: "test", n});
            const before = calling.state;
            calling.addEventListener("open", () => calling.send({type: "test", n: 50}));
            return before;
        }"""
        assert page.evaluate(script, SECRET) == "connecting"
        page.evaluate("far.come()")
        page.wait_for_function("far.heard.length === 51")
        assert page.evaluate("far.heard.map(event => event.n)") == list(range(51))

    def test_an_event_that_is_too_large_fails_where_it_is_sent(self, page):
        page.evaluate("farSide()")
        call(page)
        page.wait_for_function("current.state === 'open'")
        assert page.evaluate("complaint({text: 'x'.repeat(300_000)}).code") == "message_too_large"
        assert page.evaluate("complaint({text: 'x'})") is None

    def test_after_the_end_sending_says_so(self, page):
        page.evaluate("farSide()")
        call(page)
        page.evaluate("current.close()")
        told = "The call has ended: response.create cannot be sent."
        assert page.evaluate("complaint({type: 'response.create'})") == {"code": "call_ended", "message": told}


class TestWhatIsTold:
    def test_the_id_comes_before_every_event_of_the_server(self, page):
        page.evaluate("farSide({location: 'https://api.example/v1/realtime/calls/rtc_abc?x=1'})")
        call(page)
        page.wait_for_function("current.told.length >= 3")
        assert told(page) == ["reelthyme.call_id", "open", "session.created"]
        assert page.evaluate("[current.callId, current.told[0].detail.call_id]") == ["rtc_abc", "rtc_abc"]

    def test_a_server_that_tells_no_id(self, page):
        page.evaluate("farSide({location: null})")
        call(page)
        page.wait_for_function("current.told.length >= 2")
        assert told(page) == ["open", "session.created"]
        assert page.evaluate("current.callId") is None

    def test_the_far_side_hangs_up(self, page):
        page.evaluate("farSide()")
        call(page)
        page.wait_for_function("current.state === 'open'")
        page.evaluate("far.peer.close()")
        page.wait_for_function("current.state === 'closed'")
        assert page.evaluate("current.told.at(-1)") == {"name": "closed", "detail": {"remote": True}}
        assert held(page) == {**NOTHING, "peers": 0}

    def test_hanging_up_twice_tells_it_once_and_frees_everything(self, page):
        page.evaluate("farSide()")
        call(page)
        page.wait_for_function("current.state === 'open'")
        page.evaluate("(current.close(), current.close())")
        assert told(page).count("closed") == 1
        assert page.evaluate("current.told.at(-1).detail") == {"remote": False}
        assert page.evaluate("[current.track.readyState, current.audioElement.srcObject]") == ["ended", None]
        page.evaluate("far.peer.close()")
        assert held(page) == NOTHING

    def test_a_message_that_is_no_json_ends_nothing(self, page):
        page.evaluate("farSide()")
        call(page)
        page.wait_for_function("current.state === 'open'")
        page.evaluate("(far.channel.send('{'), far.channel.send('{\"type\": \"after\"}'))")
        page.wait_for_function("current.told.at(-1).detail?.type === 'after'")


class TestWhatIsHeard:
    def test_an_answer_that_speaks_is_played(self, page):
        page.evaluate("farSide()")
        page.evaluate("far.peer.addTrack(tone(660))")
        call(page)
        assert page.evaluate("loudness(current.audioElement.srcObject, 0.3)") > 0.3
        assert page.evaluate("!current.audioElement.paused")

    def test_a_session_of_text_plays_nothing(self, page):
        page.evaluate("farSide()")
        call(page, secret={**SECRET, "session": {"output_modalities": ["text"]}})
        page.wait_for_function("current.state === 'open'")
        assert page.evaluate("current.audioElement") is None
