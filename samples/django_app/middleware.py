"""What holds for every request: nothing too large, nothing but JSON, and a page that keeps to itself."""

from django.http import JsonResponse

from samples.call_desk import desk, pages
from samples.call_desk.front_desk import BODY_LIMIT


def keep_to_itself(get_response):
    def answer(request):
        response = refusal(request) or get_response(request)
        for name, value in pages.headers(desk.service.origin()).items():
            response[name] = value
        return response

    return answer


def refusal(request):
    """The answer to a post that no view needs to see."""
    if request.method != "POST":
        return None
    if request.content_type != "application/json":  # what no form of another site can send
        return JsonResponse({"error": "Content-Type must be application/json"}, status=415)
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:  # Django's own server lets anything pass
        return JsonResponse({"error": "Content-Length must be a number"}, status=400)
    if length > BODY_LIMIT:
        return JsonResponse({"error": "The body is too large"}, status=413)
    return None
