"""Signing in, in two steps: the password, then the code. Nobody is signed in before both were right.

Between the steps the session holds whose password was right, for ten minutes; it opens no page.
"""

import time
from typing import Any

import django_otp
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import get_user_model, login
from django.contrib.auth.signals import user_login_failed
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django_otp.plugins.otp_static.models import StaticDevice

from supportbot import audit, lockout, two_factor

WAITING, ENROLLING = "second_step", "enrolling"
WAITING_SECONDS = 600
WRONG = "That code is not right. Codes of the app change every 30 seconds; after a wrong one, wait a moment."


class CodeForm(forms.Form):
    code = forms.CharField(max_length=32, strip=True, error_messages={"required": "Type the code."})


class Password(LoginView):
    """The first step: the admin's own form."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return lockout.answer(request) if lockout.address_is_locked(request) else super().post(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        user, request = form.get_user(), self.request
        enrolled = two_factor.device_of(user) is not None
        if not (enrolled or settings.TWO_FACTOR_REQUIRED):
            return super().form_valid(form)
        request.session.flush()
        request.session[WAITING] = {
            "user": str(user.pk),
            "backend": user.backend,
            "hash": user.get_session_auth_hash(),
            "at": time.time(),
            "next": self.get_success_url(),
        }
        return HttpResponseRedirect(reverse("admin:sign_in_code" if enrolled else "admin:second_factor_add"))


@sensitive_post_parameters("code")
@never_cache
def code(request: HttpRequest, site: Any) -> HttpResponse:
    """The second step: a code of the app, or a recovery code."""
    user = _waiting(request)
    if user is None:
        return HttpResponseRedirect(reverse("admin:login"))
    if lockout.address_is_locked(request) or lockout.is_locked(request, user.get_username()):
        return lockout.answer(request)
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        device = two_factor.verify(user, form.cleaned_data["code"])
        if device is not None:
            return _finish(request, user, device)
        credentials = {"username": user.get_username(), "step": "code"}
        user_login_failed.send(sender=__name__, credentials=credentials, request=request)
        form.add_error("code", WRONG)
    return _page(request, site, "registration/code.html", "Your code", form=form)


@sensitive_post_parameters("code")
@never_cache
def add_second_factor(request: HttpRequest, site: Any) -> HttpResponse:
    """For who is signed in without one, and for who must have one before signing in."""
    user = request.user if site.has_permission(request) else _waiting(request)
    if user is None:
        return HttpResponseRedirect(reverse("admin:login"))
    if two_factor.device_of(user) is not None:
        return HttpResponseRedirect(reverse("admin:second_factor"))
    device = two_factor.begin(user, request.session.get(ENROLLING))
    request.session[ENROLLING] = device.pk
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if two_factor.confirm(device, form.cleaned_data["code"]):
            return _added(request, site, user, device)
        form.add_error("code", WRONG)
    told = {"form": form, "required": settings.TWO_FACTOR_REQUIRED}
    picture, secret = two_factor.picture_of(device), two_factor.secret_of(device)
    shown = {"picture": picture, "secret": secret, "address": device.config_url}
    return _page(request, site, "registration/add_second_factor.html", "Protect your account", **told, **shown)


@sensitive_post_parameters("code")
@never_cache
def second_factor(request: HttpRequest, site: Any) -> HttpResponse:
    """What somebody has, for themselves: new recovery codes, or doing without where that is allowed."""
    user, form = request.user, CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if lockout.is_locked(request, user.get_username()):
            return lockout.answer(request)
        if two_factor.verify(user, form.cleaned_data["code"]) is None:
            credentials = {"username": user.get_username(), "step": "code"}
            user_login_failed.send(sender=__name__, credentials=credentials, request=request)
            form.add_error("code", WRONG)
        elif "_codes" in request.POST:
            audit.record("recovery_codes_made", request=request)
            return _codes(request, site, user)
        elif "_remove" in request.POST and not settings.TWO_FACTOR_REQUIRED:
            two_factor.forget(user)
            audit.record("second_factor_removed", request=request)
            messages.success(request, "The second factor was removed. Your password alone signs you in.")
            return HttpResponseRedirect(request.path)
    has, left = two_factor.device_of(user) is not None, two_factor.recovery_codes_left(user)
    told = {"form": form, "has": has, "left": left, "required": settings.TWO_FACTOR_REQUIRED}
    return _page(request, site, "registration/second_factor.html", "Second factor", **told)


def _finish(request: HttpRequest, user: Any, device: Any) -> HttpResponse:
    target = request.session[WAITING]["next"]
    _sign_in(request, user, device)
    if isinstance(device, StaticDevice):
        left = two_factor.recovery_codes_left(user)
        audit.record("recovery_code_used", request=request, detail=f"{left} left")
        messages.warning(request, f"You used a recovery code; {left} are left. Make new ones under “Second factor”.")
    return HttpResponseRedirect(target)


def _added(request: HttpRequest, site: Any, user: Any, device: Any) -> HttpResponse:
    target = request.session.get(WAITING, {}).get("next", reverse("admin:index"))
    if WAITING in request.session:
        _sign_in(request, user, device)
    else:
        django_otp.login(request, device)
        request.session.cycle_key()
        request.session.pop(ENROLLING, None)
    audit.record("second_factor_added", request=request)
    return _codes(request, site, user, target)


def _sign_in(request: HttpRequest, user: Any, device: Any) -> None:
    """From here on the session is theirs, under a new key."""
    backend = request.session.pop(WAITING)["backend"]
    request.session.pop(ENROLLING, None)
    user.otp_device = device  # django-otp puts it into the session
    login(request, user, backend=backend)


def _codes(request: HttpRequest, site: Any, user: Any, target: str = "") -> HttpResponse:
    shown = {"codes": two_factor.make_recovery_codes(user), "target": target or reverse("admin:second_factor")}
    return _page(request, site, "registration/recovery_codes.html", "Recovery codes", **shown)


def _waiting(request: HttpRequest) -> Any:
    """Whose password was right a moment ago, and still is."""
    kept = request.session.get(WAITING)
    if not kept or not 0 <= time.time() - kept["at"] <= WAITING_SECONDS:
        return None
    user = get_user_model().objects.filter(pk=kept["user"], is_active=True, is_staff=True).first()
    return user if user is not None and user.get_session_auth_hash() == kept["hash"] else None


def _page(request: HttpRequest, site: Any, template: str, title: str, **context: Any) -> HttpResponse:
    return TemplateResponse(request, template, {**site.each_context(request), "title": title, **context})
