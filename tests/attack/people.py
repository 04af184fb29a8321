"""Two visitors, Dora and Emil, each with secrets of their own, and staff of the four groups with browsers' cookies."""

import secrets
from dataclasses import dataclass, field
from typing import Any

import httpx
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.contrib.sessions.backends.db import SessionStore

from tests.attack.lines import Line

GROUPS = {"agent": "a", "editor": "e", "manager": "m", "administrator": "A"}


@dataclass(slots=True)
class Visitor:
    """Somebody with a conversation; `secret` was said in it and may reach nobody else."""

    name: str
    address: str
    token: str = ""
    conversation: str = ""
    replies: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)

    @property
    def secret(self) -> str:
        return f"secret-of-{self.name}-7c1f"

    def arrive(self, host: str, **fields: Any) -> Line:
        """From a network of the moment: what one address may do is another attack's matter."""
        line = Line(host, "10." + ".".join(str(secrets.randbelow(254) + 1) for _ in range(3)))
        welcome = line.hello(**({"token": self.token or None, "conversation": self.conversation or None} | fields))
        if welcome is None or welcome["type"] != "welcome":
            raise RuntimeError(f"{self.name} was not welcomed: {welcome}")
        self.token = welcome["token"]
        return line

    def talk(self, host: str) -> None:
        """Two questions with the secret in them, each to its end."""
        with self.arrive(host) as line:
            for question in ("My order number is {}, where is it?", "How long can I return a tent? {}"):
                accepted = line.ask(question.format(self.secret))
                if accepted is None or accepted["type"] != "accepted":
                    raise RuntimeError(f"{self.name} was not heard: {accepted}")
                self.conversation = accepted["conversation"]
                self.replies.append(accepted["reply"])
                self.questions.append(accepted["message"])
                line.until("done", "failed", reply=accepted["reply"], seconds=60)

    def owns(self) -> list[str]:
        """What may be told to nobody else."""
        return [self.secret, self.conversation, *self.replies, *self.questions]


def visitors(host: str) -> tuple[Visitor, Visitor]:
    dora, emil = Visitor("dora", "198.51.100.1"), Visitor("emil", "198.51.100.2")
    dora.talk(host)
    emil.talk(host)
    return dora, emil


def person(name: str, group: str) -> Any:
    """Somebody of this group and of no other."""
    users = get_user_model().objects
    user, made = users.get_or_create(username=name, defaults={"is_staff": True, "first_name": name.title()})
    if made:
        user.set_unusable_password()
        user.save()
        user.groups.set(Group.objects.filter(name=group))
    return user


def browser_of(url: str, user: Any | None) -> httpx.Client:
    """A client signed in as `user`, with a token against forged requests, as a page would have it."""
    client = httpx.Client(base_url=url, timeout=60, follow_redirects=False)
    if user is not None:
        client.cookies.set(settings.SESSION_COOKIE_NAME, session_of(user))
    client.cookies.set(settings.CSRF_COOKIE_NAME, "a" * 32)
    client.headers["X-CSRFToken"] = "a" * 32
    client.headers["Origin"] = url
    client.headers["X-Forwarded-For"] = "198.51.100.50"  # not this machine: it may read what others may not
    return client


def session_of(user: Any) -> str:
    session = SessionStore()
    session["_auth_user_id"] = str(user.pk)
    session["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
    session["_auth_user_hash"] = user.get_session_auth_hash()
    session.create()
    assert session.session_key is not None
    return session.session_key


def staff(url: str) -> dict[str, httpx.Client]:
    """A client for each kind of person, by its letter in the table; n is nobody."""
    people = {letter: browser_of(url, person(f"attacked-{group}", group)) for group, letter in GROUPS.items()}
    return {"n": browser_of(url, None), **people}
