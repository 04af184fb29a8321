"""The company's word about a known customer: what is believed, and every odd or forged word that is not."""

import base64
import json
import math
import time

import jwt
import pytest
from django.core.exceptions import ValidationError

from chat.identity import LEEWAY_SECONDS, LIFETIME_SECONDS, read_identity
from chat.models import Widget
from chat.tokens import BadToken

SECRET = "a secret of the shop and of its chat server alone"
BEFORE = "the secret that this shop had before the one above"
SHOP = Widget(key="demo", identity_secret=SECRET)


def part(value) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode().rstrip("=")


def claims(**other):
    return {"aud": "demo", "sub": "emil-7", "exp": int(time.time()) + 300, **other}


def vouch(secret=SECRET, headers=None, without=(), **other):
    made = {name: value for name, value in claims(**other).items() if name not in without}
    return jwt.encode(made, secret, "HS256", headers=headers)


def signed(header, payload, secret=SECRET) -> str:
    """A token of any header and any payload, with a signature that fits."""
    return made_of(part(header), part(payload), secret)


def made_of(header, payload, secret=SECRET) -> str:
    said = f"{header}.{payload}"
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(said.encode(), secret.encode())
    return f"{said}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


# Each is made when it is tried: a word lives for five minutes.
HS256 = {"alg": "HS256", "typ": "JWT"}


def test_the_companys_word_makes_a_known_customer():
    emil = read_identity(SHOP, vouch(name="Emil"))
    assert (emil.subject, emil.name) == ("emil-7", "Emil")


@pytest.mark.parametrize(
    "token",
    [
        lambda: vouch(exp=time.time() - LEEWAY_SECONDS + 30),
        lambda: vouch(exp=time.time() + LIFETIME_SECONDS + LEEWAY_SECONDS - 5),
        lambda: vouch(nbf=time.time() + LEEWAY_SECONDS - 30),
        lambda: vouch(iat=time.time() + LEEWAY_SECONDS - 30),
        lambda: vouch(exp=time.time() + 60.5),
        lambda: vouch(name=7),
        lambda: vouch(name=None, email="emil@customer.example", role="admin"),
        lambda: vouch(sub="Ünïcode 客户 7"),
        lambda: vouch(sub="x" * 200),
        lambda: vouch(headers={"kid": "anything"}),
        lambda: vouch(headers={"typ": "at+jwt"}),
    ],
    ids=[
        "a slow clock", "a fast clock", "nbf within the leeway", "iat within the leeway", "a fraction of a second",
        "a name that is none", "more claims than are read", "a subject in any script", "the longest subject",
        "a key's name", "a type",
    ],
)  # fmt: skip
def test_what_holds_is_believed(token):
    assert read_identity(SHOP, token()).subject


FORGED = {
    "another's secret": lambda: vouch(secret="somebody else's secret, which is long enough"),
    "no signature, and says so": lambda: jwt.encode(claims(), "", "none"),
    "None in capitals": lambda: f"{part({'alg': 'NONE'})}.{part(claims())}.",
    "its signature taken off": lambda: vouch().rpartition(".")[0] + ".",
    "two parts": lambda: vouch().rpartition(".")[0],
    "four parts": lambda: vouch() + ".AAAA",
    "another algorithm with our secret": lambda: jwt.encode(claims(), SECRET, "HS512"),
    "384 bits": lambda: jwt.encode(claims(), SECRET, "HS384"),
    "an asymmetric name over our secret": lambda: signed({"alg": "RS256"}, claims()),
    "no algorithm": lambda: signed({"typ": "JWT"}, claims()),
    "a list of algorithms": lambda: signed({"alg": ["HS256"]}, claims()),
    "a key of its own": lambda: vouch("k" * 40, headers={"jwk": {"kty": "oct", "k": part("k" * 40)}}),
    "a key from elsewhere": lambda: vouch(
        "k" * 40, headers={"jku": "https://evil.example/keys", "kid": "../../dev/null"}
    ),
    "an extension that must be known": lambda: vouch(headers={"crit": ["exp"]}),
    "a payload kept apart": lambda: signed({**HS256, "b64": False, "crit": ["b64"]}, claims()),
    "a header without end": lambda: made_of(part("[" * 2000), part(claims())),
    "a payload without end": lambda: made_of(part(HS256), part("[" * 2000)),
    "a header that is no object": lambda: made_of(part([1]), part(claims())),
    "a payload that is no object": lambda: made_of(part(HS256), part([claims()])),
    "a payload of text": lambda: made_of(part(HS256), part("emil-7")),
    "broken base64": lambda: made_of(part(HS256), "####"),
    "another widget": lambda: vouch(aud="other"),
    "a widget whose key begins alike": lambda: vouch(aud="demo2"),
    "several widgets": lambda: vouch(aud=["demo", "other"]),
    "a list of one widget": lambda: vouch(aud=["demo"]),
    "no widget": lambda: vouch(without=["aud"]),
    "an empty widget": lambda: vouch(aud=""),
    "over": lambda: vouch(exp=time.time() - LEEWAY_SECONDS - 30),
    "for longer than five minutes": lambda: vouch(exp=time.time() + LIFETIME_SECONDS + LEEWAY_SECONDS + 60),
    "for ever": lambda: vouch(exp=10**18),
    "an endless time": lambda: vouch(exp=math.inf),
    "no time at all": lambda: vouch(exp=math.nan),
    "a time in words": lambda: vouch(exp=str(int(time.time()) + 60)),
    "true": lambda: vouch(exp=True),
    "null": lambda: vouch(exp=None),
    "no end": lambda: vouch(without=["exp"]),
    "not yet": lambda: vouch(nbf=time.time() + LEEWAY_SECONDS + 60),
    "from a time in words": lambda: vouch(nbf=str(int(time.time()))),
    "not yet issued": lambda: vouch(iat=time.time() + LEEWAY_SECONDS + 60),
    "issued in words": lambda: vouch(iat="today"),
    "nobody": lambda: vouch(without=["sub"]),
    "an empty name": lambda: vouch(sub=""),
    "a number": lambda: signed(HS256, claims(sub=7)),
    "several people": lambda: signed(HS256, claims(sub=["emil-7"])),
    "a longer subject than is kept": lambda: vouch(sub="x" * 201),
    "a subject with NUL": lambda: vouch(sub="emil\0-7"),
    "a subject with half a character": lambda: signed(HS256, claims(sub="emil\ud800")),
    "a subject with space round it": lambda: vouch(sub=" emil-7 "),
    "a subject in two lines": lambda: vouch(sub="emil\r-7"),
    "no token": lambda: "not a token",
    "nothing": lambda: "",
    "dots": lambda: "..",
    "too long": lambda: "x" * 5000,
    "a character that no token has": lambda: vouch() + "\ud800",
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED.keys())
def test_a_word_that_does_not_hold_is_refused(token):
    with pytest.raises(BadToken):
        read_identity(SHOP, token())


def test_one_changed_character_is_one_too_many():
    token = vouch()
    for place in range(0, len(token) - 1, 5):
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        with pytest.raises(BadToken):
            read_identity(SHOP, changed)


def test_a_widget_without_a_secret_believes_nobody():
    for secret in ("", SECRET):
        with pytest.raises(BadToken):
            read_identity(Widget(key="demo"), jwt.encode(claims(), secret or "x", "HS256"))


def test_two_secrets_hold_while_one_is_replaced_and_then_one():
    both = Widget(key="demo", identity_secret=SECRET, identity_secret_before=BEFORE)
    assert read_identity(both, vouch()).subject == read_identity(both, vouch(BEFORE)).subject == "emil-7"
    for token in (vouch("neither of the two, though long enough"), vouch(BEFORE, aud="other")):
        with pytest.raises(BadToken):
            read_identity(both, token)
    with pytest.raises(BadToken):
        read_identity(SHOP, vouch(BEFORE))


def test_each_widget_has_secrets_of_its_own():
    other = Widget(key="other", identity_secret=BEFORE)
    with pytest.raises(BadToken):
        read_identity(other, vouch(SECRET, aud="other"))
    assert read_identity(other, vouch(BEFORE, aud="other")).subject == "emil-7"


def test_an_issuer_is_demanded_where_one_is_named():
    widget = Widget(key="demo", identity_secret=SECRET, identity_issuer="https://shop.example")
    assert read_identity(widget, vouch(iss="https://shop.example")).subject == "emil-7"
    for token in (vouch(), vouch(iss="https://evil.example"), vouch(iss="https://shop.example.evil.example")):
        with pytest.raises(BadToken):
            read_identity(widget, token)
    assert read_identity(SHOP, vouch(iss="anybody")).subject == "emil-7"


def test_a_name_is_cleaned_and_cut():
    assert read_identity(SHOP, vouch(name="E\0mil\u0007 " + "x" * 500)).name == ("Emil " + "x" * 500)[:120]


def test_a_short_secret_is_refused_where_it_is_typed():
    for field in ("identity_secret", "identity_secret_before"):
        with pytest.raises(ValidationError, match="32"):
            Widget(key="demo", name="Shop", **{field: "hunter2"}).clean_fields()
