"""Settings, their example, and the relations between them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured

from supportbot.env import (
    env_bool,
    env_float,
    env_int,
    env_list,
    env_networks,
    env_place,
    env_site,
    env_table,
    host_of,
    load_dotenv,
)

PROJECT = Path(__file__).resolve().parent.parent.parent


def test_every_variable_that_is_read_is_in_the_example() -> None:
    settings = (PROJECT / "supportbot/settings.py").read_text()
    read = set(re.findall(r'(?:env_\w+|os\.environ\.get)\(\s*"([A-Z_]+)"', settings))
    example = (PROJECT / ".env.example").read_text().splitlines()
    shown = {line.split("=")[0] for line in example if "=" in line and not line.startswith("#")}
    assert read == shown


def test_no_variable_of_the_developers_dotenv_reaches_a_test(monkeypatch, tmp_path) -> None:
    names = re.findall(r"^(\w+)=", (PROJECT / ".env.example").read_text(), re.MULTILINE)
    before = {name: os.environ.get(name) for name in names}
    file = tmp_path / ".env"
    file.write_text("".join(f"{name}=the developer's own\n" for name in names))
    load_dotenv(file)
    assert {name: os.environ.get(name) for name in names} == before


@pytest.mark.parametrize(
    ("read", "value", "sentence"),
    [
        (lambda: env_int("X", 1), "many", "X='many' is not a whole number"),
        (lambda: env_int("X", 1, least=1, most=9), "10", "X=10 is not between 1 and 9"),
        (lambda: env_float("X", 1), "1,5", "X='1,5' is not a number"),
        (lambda: env_bool("X"), "perhaps", "X='perhaps' is neither yes nor no"),
    ],
)
def test_a_value_that_cannot_be_used_stops_the_start(monkeypatch, read, value, sentence) -> None:
    monkeypatch.setenv("X", value)
    with pytest.raises(ImproperlyConfigured, match=re.escape(sentence)):
        read()


def test_an_empty_value_is_the_default(monkeypatch) -> None:
    monkeypatch.setenv("X", " ")
    assert env_int("X", 7) == 7
    assert env_list("X", "a, b") == ["a", "b"]


def test_a_table_is_named_values(monkeypatch) -> None:
    monkeypatch.setenv("X", "bge-m3=http://host:8080/v1, e5 = unix:/run/a=b.sock")
    assert env_table("X") == {"bge-m3": "http://host:8080/v1", "e5": "unix:/run/a=b.sock"}
    monkeypatch.setenv("X", "bge-m3")
    with pytest.raises(ImproperlyConfigured, match="not of the form name=value"):
        env_table("X")


def test_a_dotenv_line_that_is_no_assignment_is_named(tmp_path) -> None:
    file = tmp_path / ".env"
    file.write_text("# fine\nPORT 8000\n")
    with pytest.raises(ImproperlyConfigured, match=r"\.env, line 2"):
        load_dotenv(file)


@pytest.mark.parametrize(
    ("changed", "identity"),
    [
        ({"CHAT_FIRST_TOKEN_SECONDS": 90, "CHAT_ANSWER_SECONDS": 60}, "supportbot.E001"),
        ({"CHAT_LEASE_SECONDS": 2, "SWEEP_SECONDS": 3}, "supportbot.E002"),
        ({"CHAT_QUESTIONS_PER_MINUTE": 900}, "supportbot.E003"),
    ],
)
def test_settings_that_contradict_each_other_are_errors(settings, changed, identity) -> None:
    for name, value in changed.items():
        setattr(settings, name, value)
    assert identity in {message.id for message in run_checks()}


def run_manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_production_environment_is_clean_for_deployment() -> None:
    proxied = {"PUBLIC_URL": "https://help.example.com", "TRUSTED_PROXIES": "10.0.0.1,local"}
    done = run_manage("check", "--deploy", "--fail-level", "WARNING", **proxied)
    assert done.returncode == 0, done.stderr
    done = run_manage("check", "--deploy", "--fail-level", "WARNING", PUBLIC_URL="https://help.example.com")
    assert done.returncode == 1 and "TRUSTED_PROXIES is empty" in done.stderr


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ({"TRUSTED_PROXIES": "10.0.0.1, 10.0.0.300"}, "TRUSTED_PROXIES: '10.0.0.300' is no address such as 10.0.0.1"),
        ({"TRUSTED_PROXIES": "proxy.example"}, "TRUSTED_PROXIES: 'proxy.example' is no address such as 10.0.0.1"),
        ({"TRUSTED_PROXIES": "0.0.0.0/0"}, "TRUSTED_PROXIES: 0.0.0.0/0 is everybody; name the proxies alone"),
        ({"ADMIN_PATH": "<int:a>"}, "ADMIN_PATH='<int:a>' is not a path of letters, digits, - and _"),
        ({"ADMIN_PATH": "/"}, "ADMIN_PATH='/' is not a path"),
        ({"ADMIN_PATH": "staff//desk"}, "ADMIN_PATH='staff//desk' is not a path"),
        ({"PUBLIC_URL": "help.example.com"}, "PUBLIC_URL='help.example.com' is not of the form https://name"),
        ({"PUBLIC_URL": "https://help.example.com/chat"}, "is not of the form https://name or https://name:port"),
        ({"PUBLIC_URL": "https://ada:word@help.example.com"}, "is not of the form https://name or https://name:port"),
    ],
)  # fmt: skip
def test_an_address_or_a_path_that_cannot_be_is_told_in_a_sentence(monkeypatch, setting, sentence) -> None:
    ((name, value),) = setting.items()
    monkeypatch.setenv(name, value)
    read = {"TRUSTED_PROXIES": lambda: env_networks(name, "local"), "ADMIN_PATH": lambda: env_place(name, "admin/"),
            "PUBLIC_URL": lambda: env_site(name)}  # fmt: skip
    with pytest.raises(ImproperlyConfigured, match=re.escape(sentence)):
        read[name]()


@pytest.mark.parametrize(("url", "host"), [
    ("https://Help.example.com/", "help.example.com"), ("http://192.168.1.5:8000", "192.168.1.5"),
    ("https://[2001:db8::1]", "[2001:db8::1]"), ("https://[2001:db8::1]:8443", "[2001:db8::1]"),
])  # fmt: skip
def test_the_name_in_the_public_address_is_answered(monkeypatch, url, host) -> None:
    monkeypatch.setenv("PUBLIC_URL", url)
    assert host_of(env_site("PUBLIC_URL")) == host


@pytest.mark.parametrize("place", ["help/", "widget/desk/", "chat/", "static/", "health/", "demo/", "robots.txt/"])
def test_the_pages_of_staff_hide_no_others(settings, place) -> None:
    settings.ADMIN_PATH = place
    assert "supportbot.E005" in {message.id for message in run_checks()}


def test_the_pages_of_staff_may_be_anywhere_else(settings) -> None:
    for place in ("admin/", "back-office/", "a/b/"):
        settings.ADMIN_PATH = place
        assert "supportbot.E005" not in {message.id for message in run_checks()}


def test_the_models_have_their_migrations(services) -> None:
    done = run_manage("makemigrations", "--check", "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr


def settings_with(*expressions: str, **environment: str) -> list[str]:
    program = "from django.conf import settings; print(*[" + ", ".join(expressions) + "], sep='\\n')"
    done = run_manage("shell", "--no-imports", "-c", program, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_address_that_is_listened_on_is_answered_and_may_carry_the_widget() -> None:
    allowed = "settings.ALLOWED_HOSTS[3:], __import__('chat.origins').origins.own_origins()[2:]"
    assert settings_with(allowed, HOST="192.168.1.5", PORT="8000") == ["['192.168.1.5']", "['http://192.168.1.5:8000']"]
    assert settings_with(allowed, HOST="fd00::5", PORT="8000") == ["['[fd00::5]']", "['http://[fd00::5]:8000']"]
    assert settings_with(allowed, HOST="0.0.0.0") == ["[]", "[]"]


def test_options_of_the_database_url_are_kept_beside_our_own() -> None:
    url = "postgres://support@db.example/app?options=-c%20search_path%3Dhelp&sslmode=require"
    options, mode = settings_with(
        "settings.DATABASES['default']['OPTIONS']['options'], settings.DATABASES['default']['OPTIONS']['sslmode']",
        DATABASE_URL=url,
    )
    assert options.startswith("-c search_path=help -c hnsw.") and mode == "require"


def test_a_database_of_another_kind_is_refused_with_a_sentence() -> None:
    done = run_manage("check", DATABASE_URL="mysql://root@localhost/app")
    assert done.returncode != 0
    assert "DATABASE_URL must name a PostgreSQL server" in done.stderr
