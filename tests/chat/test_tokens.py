import time

import jwt
import pytest

from chat.tokens import BadToken, Bearer, make_token, read_identity, read_token

SECRET = "a secret of the shop and of its chat server alone"


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


def vouch(secret=SECRET, algorithm="HS256", **claims):
    return jwt.encode({"aud": "demo", "sub": "emil-7", "exp": time.time() + 300, **claims}, secret, algorithm)


def test_the_companys_word_makes_a_known_customer():
    emil = read_identity("demo", SECRET, vouch(name="Emil"))
    assert (emil.subject, emil.name) == ("emil-7", "Emil")


@pytest.mark.parametrize(
    "token",
    [
        vouch(secret="somebody else's secret, which is long enough"),
        vouch(aud="other"),
        vouch(exp=time.time() - 120),
        vouch(exp=time.time() + 3600),
        vouch(sub=""),
        vouch(sub="x" * 201),
        vouch(sub="a\0b"),
        vouch(secret="", algorithm="none"),
        jwt.encode({"aud": "demo", "sub": "emil-7"}, SECRET, "HS256"),
        jwt.encode({"aud": "demo", "exp": time.time() + 60}, SECRET, "HS256"),
        "not a token",
        "x" * 5000,
    ],
)
def test_a_word_that_does_not_hold_is_refused(token):
    with pytest.raises(BadToken):
        read_identity("demo", SECRET, token)


def test_a_widget_without_a_secret_believes_nobody():
    with pytest.raises(BadToken):
        read_identity("demo", "", vouch())
