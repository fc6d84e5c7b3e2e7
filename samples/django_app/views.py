"""The pages of the application: the page talks to the service, and Python answers the tools."""

from functools import wraps

from django.http import Http404, HttpResponse, JsonResponse, StreamingHttpResponse
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_POST, require_safe

from samples.call_desk import desk, pages
from samples.call_desk.front_desk import Refused


def answering(view):
    """What the desk refuses, as an answer."""

    @wraps(view)
    def answer(request, **arguments):
        try:
            response = view(request, **arguments)
        except Refused as error:
            response = JsonResponse({"error": str(error)}, status=error.status)
        response["Cache-Control"] = "no-store"
        return response

    return answer


@require_safe
@ensure_csrf_cookie
def index(request):
    return file(request, "index.html")


@require_safe
def file(request, name):
    if name not in pages.FILES:
        raise Http404
    path, media_type = pages.FILES[name]
    return HttpResponse(path.read_bytes(), content_type=media_type)


@require_POST
@answering
def client_secret(request):
    return JsonResponse(desk.client_secret(request.body))


@require_POST
@answering
def sideband(request):
    return JsonResponse({"transcript": f"/transcript/{desk.follow(request.body)}"})


@require_GET
@answering
def transcript(request, token):
    last, threads = request.headers.get("Last-Event-ID"), request.environ["wsgi.multithread"]
    stream = desk.transcript(token, last, threads=threads)
    return StreamingHttpResponse(stream, content_type="text/event-stream", headers=pages.STREAM)
