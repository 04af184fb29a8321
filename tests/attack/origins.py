"""The table of origins over real handshakes: whose page may open the socket, and what never may."""

from chat.models import Widget
from tests.attack.lines import handshake
from tests.attack.scene import Scene
from tests.attack.tally import Tally

SITE = "https://shop.example"
ROWS = [SITE, "https://help.shop.example:8443/", "http://[2001:db8::1]:8080", "*", "null", "https://", "https://*.example",
        "shop.example", "https://xn--bcher-kva.example"]  # fmt: skip
TAKEN = [
    SITE, "https://SHOP.example", "HTTPS://shop.example", "https://shop.example:443", "https://help.shop.example:8443",
    "http://[2001:db8::1]:8080", "https://xn--bcher-kva.example",
]  # fmt: skip
REFUSED = [
    "", " ", "null", "NULL", "undefined", "*", "file://", "about:blank", "data:text/html,x", "javascript:alert(1)",
    "http://shop.example", "https://shop.example:80", "https://shop.example:8443", "https://www.shop.example",
    "https://shop.example.evil.example", "https://shop.example-evil.example", "https://evil-shop.example",
    "https://evilshop.example", "https://shop.examples", "https://shop.exampl", "https://hop.example",
    "https://shop.example@evil.example", "https://shop.example:443@evil.example", "https://evil.example/shop.example",
    "https://evil.example?https://shop.example", "https://evil.example#https://shop.example",
    "https://evil.example\\shop.example", "https://shop.example\\.evil.example", "https://shop.example/",
    "https://shop.example/page", "https://shop.example#x", "https://shop.example?x", "https://user@shop.example",
    "https://user:pass@shop.example", "https://@shop.example", "https://shop.example:", "https://shop.example:x",
    "https://shop.example:-443", "https://shop.example:443443", "https://shop.example:0", "https://shop.example:65536",
    "https://shop.example:+443", "https://shop.example: 443", "https://shop.example:4 43", "https://shop..example",
    "https://.shop.example", "https://shop.example.", "https://shop_example", "//shop.example", "shop.example",
    "https:/shop.example", "https:shop.example", "https://", "https://*.example", "https://a.example",
    "https://xn--shop-5na.example", "https://b\u00fccher.example", "https://bucher.example", "https://sh\u043ep.example",
    "https://shop\u3002example", "https://shop\uff0eexample", "https://shop.example\u200b", "https://\u200bshop.example",
    "https://shop%2eexample", "https://%73hop.example", "wss://shop.example", "ws://shop.example", "ftp://shop.example",
    "chrome-extension://shop.example", "http://127.0.0.1", "http://localhost", "http://127.1:8000",
    "http://2130706433:8000", "http://0x7f000001", "http://[::1]", "http://[::ffff:127.0.0.1]", "http://[2001:db8::1]",
    "http://[2001:db8:0:0:0:0:0:1]:8080", "http://2001:db8::1:8080", "https://shop.example, https://evil.example",
    "https://evil.example, https://shop.example", "https://shop.example https://evil.example",
    "https://shop.example\thttps://evil.example", "https://" + "a" * 400 + ".example",
    "https://" + "shop.example" * 200,
]  # fmt: skip


def attack(scene: Scene) -> list[Tally]:
    Widget.objects.update_or_create(key="origins", defaults={"name": "Origins", "allowed_origins": "\n".join(ROWS)})
    path = "/ws/chat/origins/"
    tally = Tally("origins", facts={"taken": 0})
    own = [f"http://{scene.host}", f"http://localhost:{scene.instance.port}"]
    for origin in [*TAKEN, *own]:
        status = handshake(scene.host, _line(origin), path)
        tally.facts["taken"] += status == 101
        tally.attempt(status == 101, f"{origin!r} was refused: {status}")
    for origin in REFUSED:
        status = handshake(scene.host, _line(origin), path)
        tally.attempt(status in (400, 403), f"{origin!r}: {status}")
    for what, headers in {
        "none": b"",
        "two, good first": _line(SITE) + _line("https://evil.example"),
        "two, good last": _line("https://evil.example") + _line(SITE),
        "two good ones": _line(SITE) + _line(SITE),
        "folded": b"Origin: https://evil.example\r\n https://shop.example\r\n",
        "not UTF-8": b"Origin: https://shop\xff.example\r\n",
        "in another header": b"X-Origin: https://shop.example\r\nReferer: https://shop.example\r\n",
        "forwarded": b"X-Forwarded-Host: shop.example\r\nForwarded: host=shop.example\r\n",
    }.items():
        status = handshake(scene.host, headers, path)
        tally.attempt(status in (0, 400, 403), f"{what}: {status}")
    for key in ("no-such-widget", "demo%00", "..", "demo%2f..%2fdemo", "x" * 41, "demo' OR '1'='1"):
        status = handshake(scene.host, _line(own[0]), f"/ws/chat/{key.replace(' ', '%20')}/")
        tally.attempt(status in (0, 400, 403, 404), f"widget {key!r}: {status}")
    Widget.objects.filter(key="origins").update(active=False)
    tally.attempt(handshake(scene.host, _line(SITE), path) == 403, "a widget that is switched off was opened")
    return [tally]


def _line(origin: str) -> bytes:
    return b"Origin: " + origin.encode() + b"\r\n"
