"""The sample applications under real servers: a call is followed, its tools are answered, and all ends with SIGTERM."""

from __future__ import annotations

import signal

import pytest
import requests
from web_servers import SERVERS, Page, Transcript, web_server

ENDS_WITHIN = 5.0


@pytest.mark.parametrize("name", SERVERS)
def test_a_call_under(name):
    with web_server(SERVERS[name]) as server:
        with Page(server.url) as page, requests.Session() as http:
            page.call()
            followed = page.follow()
            assert followed.status_code == 200, server.printed
            url = server.url + followed.json()["transcript"].lstrip("/")
            page.write("What is the weather in Paris?")
            transcript = Transcript(http, url)
            transcript.read(lambda seen: bool(seen.texts("assistant")))
            assert "sunny" in transcript.texts("assistant")[0], server.printed
            assert transcript.texts("user") == ["What is the weather in Paris?"]
            assert transcript.texts("tool")[0] == 'get_weather({"city":"Paris"})'
            assert "sunny" in transcript.texts("tool")[1]
            assert (transcript.streams > 1) == ("sync" in name)

            page.write("Please hang up the phone.")
            transcript.read(lambda seen: False)
            assert transcript.ended == "finished"
            page.wait_until_hung_up()

        with Page(server.url) as page, requests.Session() as http:  # one that is under way when the end comes
            page.call()
            url = server.url + page.follow().json()["transcript"].lstrip("/")
            page.write("What is two plus two?")
            transcript = Transcript(http, url)
            transcript.read(lambda seen: bool(seen.texts("assistant")))
            with http.get(url, stream=True, timeout=ENDS_WITHIN):
                assert server.terminate() < ENDS_WITHIN, server.printed
        assert server.process.returncode in (0, -signal.SIGTERM)
        assert "Traceback" not in server.printed
        assert page.secret["value"] not in server.printed
