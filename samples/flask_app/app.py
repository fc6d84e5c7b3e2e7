"""Voice calls in a Flask application: the page talks to the service, and Python answers the tools.

python -m samples.flask_app                                                        to try it, from a clone
gunicorn -c samples/call_desk/gunicorn_conf.py samples.flask_app.app:app           to serve it
waitress-serve --threads=120 --connection-limit=500 samples.flask_app.app:app

Each page that reads a transcript keeps a thread and a connection. Without OPENAI_API_KEY a local server
answers the calls.
"""

import hmac
import secrets

from flask import Flask, Response, abort, request

from samples.call_desk import desk, pages
from samples.call_desk.front_desk import BODY_LIMIT, Refused

app = Flask(__name__, static_folder=None)
app.config.update(MAX_CONTENT_LENGTH=BODY_LIMIT, TRUSTED_HOSTS=pages.HOSTS)


@app.get("/")
def index():
    response = file("index.html")
    token = request.cookies.get("csrftoken") or secrets.token_urlsafe(32)
    response.set_cookie("csrftoken", token, samesite="Strict", secure=request.is_secure)
    return response


@app.get("/page/<name>")
@app.get("/static/<name>")
def file(name):
    if name not in pages.FILES:
        abort(404)
    path, media_type = pages.FILES[name]
    return Response(path.read_bytes(), content_type=media_type)


@app.post("/client-secret")
def client_secret():
    return desk.client_secret(request.get_data())


@app.post("/sideband")
def sideband():
    return {"transcript": f"/transcript/{desk.follow(request.get_data())}"}


@app.get("/transcript/<token>")
def transcript(token):
    last, threads = request.headers.get("Last-Event-ID"), request.environ["wsgi.multithread"]
    stream = desk.transcript(token, last, threads=threads)
    return Response(stream, content_type="text/event-stream", headers=pages.STREAM)


@app.before_request
def only_from_our_page():
    if request.method != "POST":
        return
    if request.mimetype != "application/json":  # what no form of another site can send
        abort(415)
    token = request.cookies.get("csrftoken", "")
    if not token or not hmac.compare_digest(token.encode(), request.headers.get("X-CSRFToken", "").encode()):
        abort(403)


@app.errorhandler(Refused)
def refused(error):
    return {"error": str(error)}, error.status


@app.after_request
def keep_to_itself(response):
    response.headers.update(pages.headers(desk.service.origin()))
    if response.is_json:  # it holds a secret, or a token
        response.headers["Cache-Control"] = "no-store"
    return response
