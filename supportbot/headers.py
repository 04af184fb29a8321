"""What browsers may do on our pages, beside what Django's and django-csp's middlewares say."""

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

HEADER = "Permissions-Policy"


@sync_and_async_middleware
def permissions_policy(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """No page of ours needs a camera, a place or a payment; nothing that got onto one shall have them."""

    async def later(request: HttpRequest) -> HttpResponse:
        response: HttpResponse = await get_response(request)
        response.setdefault(HEADER, settings.PERMISSIONS_POLICY)
        return response

    def now(request: HttpRequest) -> HttpResponse:
        response: HttpResponse = get_response(request)
        response.setdefault(HEADER, settings.PERMISSIONS_POLICY)
        return response

    return later if iscoroutinefunction(get_response) else now
