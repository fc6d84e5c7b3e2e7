"""Who answers the calls: OpenAI where there is a key, otherwise a local server in this process."""

import threading

from reelthyme_sync import endpoints, local_server

OPENAI = "https://api.openai.com"


class Service:
    """Starts a local server when it is first needed: a process that only forks, or only reloads others, has none."""

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._server: local_server.LocalServer | None = None

    def place(self) -> dict[str, str]:
        """What the functions of the library take to get there."""
        if endpoints.has_api_key():
            return {}
        with self._starting:
            if self._server is None:
                self._server = local_server.serve()
        return {"url": self._server.url}

    def calls_url(self) -> str | None:
        """Where a page posts its offer; None for OpenAI."""
        place = self.place()
        return place["url"].replace("ws", "http", 1) + "/calls" if place else None

    def origin(self) -> str:
        """Whom a page must be allowed to talk to."""
        url = self.calls_url()
        return OPENAI if url is None else url.partition("/v1/")[0]
