"""An assistant that answers the telephone of a shop.

python -m samples.phone_calls

Without a key a local server's telephone rings, and the conversation is printed. With OPENAI_API_KEY and
OPENAI_WEBHOOK_SECRET it takes the webhooks of real calls at http://127.0.0.1:8000/openai, which a proxy with TLS has to
make public.
"""

import logging
import os
import secrets
import threading

from werkzeug.serving import make_server

from reelthyme_sync import local_server
from reelthyme_sync.supervise import Supervisor

from .app import create_app


def tell(who: str, text: str) -> None:
    print(f"{who}: {text}", flush=True)


def main() -> None:
    supervisor = Supervisor()
    if "OPENAI_API_KEY" in os.environ:
        create_app(supervisor, tell=tell).run(port=8000)
        return
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    secret = secrets.token_hex()
    with local_server.serve() as server:
        web = make_server(
            "127.0.0.1", 0, create_app(supervisor, secret=secret, url=server.url, tell=tell), threaded=True
        )
        threading.Thread(target=web.serve_forever, daemon=True).start()
        phone = server.ring(f"http://127.0.0.1:{web.port}/openai", secret=secret, pace=4)
        phone.wait_heard("welcome")
        phone.press("17#")
        phone.wait_heard("order 17")
        phone.say("What is six times seven?")
        phone.wait_heard("42")
        phone.say("Good bye.")
        phone.wait("ended")
        supervisor.close()
        web.shutdown()


if __name__ == "__main__":
    main()
