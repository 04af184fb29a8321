import time

import pytest

from chat.tokens import BadToken, Bearer, make_token, read_token


def test_a_token_names_the_visitor_and_the_generation():
    dora = Bearer.stranger()
    assert read_token("demo", make_token("demo", dora)) == dora


def test_two_strangers_are_two_visitors():
    assert Bearer.stranger().visitor != Bearer.stranger().visitor


@pytest.mark.parametrize("spoil", ["", "x", "x" * 5000, "a:b:c", "::", "\ud800"])
def test_what_is_no_token_is_refused(spoil):
    with pytest.raises(BadToken):
        read_token("demo", spoil)


def test_a_changed_token_is_refused():
    token = make_token("demo", Bearer.stranger())
    for place in range(0, len(token), 7):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        with pytest.raises(BadToken):
            read_token("demo", changed)


def test_a_token_of_another_widget_is_refused():
    with pytest.raises(BadToken):
        read_token("demo", make_token("other", Bearer.stranger()))


def test_a_token_of_another_server_is_refused(settings):
    token = make_token("demo", Bearer.stranger())
    settings.SECRET_KEY = "another key of another server, also quite long"
    with pytest.raises(BadToken):
        read_token("demo", token)


def test_a_token_grows_old(settings, monkeypatch):
    token = make_token("demo", Bearer.stranger())
    now = time.time()
    monkeypatch.setattr("django.core.signing.time.time", lambda: now + settings.TOKEN_DAYS * 86400 - 60)
    read_token("demo", token)
    monkeypatch.setattr("django.core.signing.time.time", lambda: now + settings.TOKEN_DAYS * 86400 + 60)
    with pytest.raises(BadToken):
        read_token("demo", token)


def test_a_known_customers_token_lives_for_hours(settings, monkeypatch):
    token, now = make_token("demo", Bearer.stranger()), time.time()
    monkeypatch.setattr("django.core.signing.time.time", lambda: now + settings.KNOWN_TOKEN_HOURS * 3600 + 60)
    read_token("demo", token)
    with pytest.raises(BadToken):
        read_token("demo", token, known=True)
