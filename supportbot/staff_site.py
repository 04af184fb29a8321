"""The admin's site with our way in: two steps to sign in, and a page for one's own second factor."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from supportbot import audit, sign_in


class StaffSite(admin.AdminSite):
    site_header = site_title = "Supportbot"
    index_title = "Support desk"

    def get_urls(self) -> list[URLPattern | URLResolver]:
        return [
            path("sign-in/code/", self._step(sign_in.code), name="sign_in_code"),
            path("sign-in/second-factor/", self._step(sign_in.add_second_factor), name="second_factor_add"),
            path("second-factor/", self.admin_view(self._step(sign_in.second_factor)), name="second_factor"),
            *super().get_urls(),
        ]

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        return super().admin_view(audit.says_from_where(view), cacheable)

    def _step(self, view: Callable[[HttpRequest, Any], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
        def step(request: HttpRequest) -> HttpResponse:
            request.current_app = self.name
            return view(request, self)

        return step

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """As Django's own, with our first step."""
        index = reverse("admin:index", current_app=self.name)
        if request.method == "GET" and self.has_permission(request):
            return HttpResponseRedirect(index)
        context = {
            **self.each_context(request),
            "title": "Log in",
            "subtitle": None,
            "app_path": request.get_full_path(),
            "username": request.user.get_username(),
        }
        if REDIRECT_FIELD_NAME not in request.GET and REDIRECT_FIELD_NAME not in request.POST:
            context[REDIRECT_FIELD_NAME] = index
        request.current_app = self.name
        first = sign_in.Password.as_view(
            extra_context=context | (extra_context or {}),
            authentication_form=AdminAuthenticationForm,
            template_name="registration/password.html",
        )
        return first(request)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Django ends the person's other sessions with it."""
        response = super().password_change(request, extra_context)
        if request.method == "POST" and response.status_code == 302:
            audit.record("password_changed", request=request)
        return response
