"""One web page, fetched safely: the number that was checked is the number that is connected to.

No proxy, no cookie, no password, no redirect that was not checked like the first address; and a bound on time, on
bytes, and on what they unpack to. `http.client` speaks the protocol over a connection that was made here.
"""

import http.client
import io
import socket
import ssl
import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from time import monotonic
from typing import Any
from urllib.parse import urljoin

from knowledge.importers.addresses import Allowed, Resolve, WebAddress, check, parse, resolve, resolve_within
from knowledge.importers.documents import MIB, BadDocument, Limits, mib

USER_AGENT = "SupportbotImport/1.0"
MAX_ADDRESSES = 4  # of one name that are tried
PIECE = 64 * 1024
REDIRECTS = {301, 302, 303, 307, 308}
RATIO_FROM = MIB  # anything small may be packed well: the ratio is looked at from here on
REASONS = {
    401: "It asks for a password.", 403: "The website does not let us read it.", 404: "There is no such page.",
    410: "The page was withdrawn.", 429: "The website asks to come back later.", 503: "The website is overloaded.",
}  # fmt: skip
HTML_TYPES = {"text/html", "application/xhtml+xml"}
XML_TYPES = {"text/xml", "application/xml", "application/x-gzip", "application/gzip", "text/plain"}
DOCX_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PAGE_TYPES = HTML_TYPES | {"application/pdf", DOCX_TYPE, "text/plain", "text/markdown"}


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came back: the address after all redirects, its media type and charset as the server said them."""

    address: str
    media: str
    charset: str
    data: bytes


class Deadline:
    """The end of a fetch, whatever it is busy with."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = monotonic() + seconds

    def left(self) -> float:
        """Seconds, always more than none. BadDocument when they are over."""
        left = self._end - monotonic()
        if left <= 0:
            raise BadDocument(f"The website took longer than {self.seconds:g} seconds.")
        return left


class TimedReader(io.RawIOBase):
    """What a connection brings, until the deadline: even if a byte comes now and then."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._socket, self._deadline = sock, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._socket.settimeout(self._deadline.left())
        return self._socket.recv_into(buffer)


class TimedSocket:
    """As much of a socket as `http.client` uses. The one who made the connection closes it."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._socket, self._deadline = sock, deadline

    def makefile(self, *_args: Any, **_more: Any) -> io.BufferedReader:
        return io.BufferedReader(TimedReader(self._socket, self._deadline), PIECE)

    def sendall(self, data: bytes) -> None:
        self._socket.settimeout(self._deadline.left())
        self._socket.sendall(data)

    def close(self) -> None:
        """Asked for as soon as the head has come; the body is still to be read."""


def no_tick() -> None:
    """For whoever does not want to know how reading goes on."""


class Fetcher:
    """Fetches pages within the limits. `resolver` looks names up; `tick` is called before each, and may raise."""

    def __init__(self, limits: Limits, *, resolver: Resolve = resolve, tick: Callable[[], None] = no_tick) -> None:
        self._limits, self._resolver, self._tick = limits, resolver, tick
        self._allowed = Allowed.parse(limits.allowed_networks)
        self._left = limits.bytes_in_all

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """Reads the machine's certificates once, not for every page."""
        return ssl.create_default_context()

    def fetch(self, address: str, *, accept: Collection[str] = PAGE_TYPES) -> Fetched:
        """The page at an address. BadDocument in one line for people, whatever is wrong with it."""
        self._tick()
        deadline = Deadline(self._limits.seconds_a_fetch)
        here = parse(address)
        for _ in range(self._limits.redirects + 1):
            try:
                answer, onward = self._ask(here, deadline, accept)
            except TimeoutError:
                raise BadDocument(f"The website took longer than {deadline.seconds:g} seconds.") from None
            except ssl.SSLCertVerificationError as error:
                raise BadDocument(f"The certificate of {here.host} is not valid: {error.verify_message}.") from None
            except ssl.SSLError:
                raise BadDocument(f"No secure connection to {here.host} could be made.") from None
            except (http.client.HTTPException, ValueError):
                raise BadDocument("The website's answer is not proper HTTP, or breaks off.") from None
            except OSError as error:
                raise BadDocument(f"{here.host} cannot be reached: {error.strerror or 'connection lost'}.") from None
            if answer is not None:
                return answer
            here = parse(_joined(here.text, onward))
        raise BadDocument(f"The page was redirected more than {self._limits.redirects} times.")

    def _ask(self, here: WebAddress, deadline: Deadline, accept: Collection[str]) -> tuple[Fetched | None, str]:
        """The page, or where it was redirected to."""
        connection = http.client.HTTPConnection(here.host, here.port)
        sock = self._connect(here, deadline)
        try:
            connection.sock = TimedSocket(sock, deadline)
            connection.putrequest("GET", here.target, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", here.authority)
            connection.putheader("User-Agent", USER_AGENT)
            connection.putheader("Accept", ", ".join(sorted(accept)))
            connection.putheader("Accept-Encoding", "gzip")
            connection.putheader("Connection", "close")
            connection.endheaders()
            response = connection.getresponse()
            if response.status in REDIRECTS and (onward := response.getheader("Location")):
                return None, onward
            if response.status != 200:
                reason = REASONS.get(response.status, "The page was not given.")
                raise BadDocument(f"{reason} (HTTP {response.status})")
            media, charset = _media(response)
            if media not in accept:
                raise BadDocument(f"There is no text at the address: it is of the type {media or 'that is not told'}.")
            return Fetched(here.text, media, charset, self._body(response)), ""
        finally:
            sock.close()

    def _connect(self, here: WebAddress, deadline: Deadline) -> socket.socket:
        """A connection to an address that was checked; every address of the name must pass."""
        found = resolve_within(here.host, here.port, deadline.left(), self._resolver)
        checked = [check(each, here.port, allowed=self._allowed, ports=self._limits.ports) for each in found]
        failure: OSError = OSError("no address")
        for address in checked[:MAX_ADDRESSES]:
            try:
                sock = socket.create_connection((str(address), here.port), timeout=deadline.left())
            except OSError as error:
                failure = error
                continue
            if here.scheme == "http":
                return sock
            try:
                sock.settimeout(deadline.left())
                return self._tls.wrap_socket(sock, server_hostname=here.host)
            except (OSError, ValueError):
                sock.close()
                raise
        raise failure

    def _body(self, response: http.client.HTTPResponse) -> bytes:
        most = min(self._limits.bytes_a_document, self._left)
        encoding = (response.getheader("Content-Encoding") or "identity").strip().lower()
        if encoding not in ("identity", "gzip", "x-gzip"):
            raise BadDocument(f"The page is packed as {encoding[:20]}, which was not asked for.")
        unpacker = zlib.decompressobj(wbits=31) if encoding != "identity" else None
        whole, came = bytearray(), 0
        while piece := response.read1(PIECE):
            came += len(piece)
            whole += _unpack(unpacker, piece, most + 1 - len(whole)) if unpacker else piece
            if len(whole) > most or came > most:
                raise BadDocument(f"The page is larger than {mib(most)}.")
            if unpacker and len(whole) > max(RATIO_FROM, self._limits.expansion * came):
                raise BadDocument(f"The page unpacks to more than {self._limits.expansion} times its size.")
        if response.length or (unpacker and not unpacker.eof):
            raise BadDocument("The page breaks off.")
        self._left -= len(whole)
        return bytes(whole)


def _unpack(unpacker: Any, piece: bytes, room: int) -> bytes:
    try:
        return unpacker.decompress(piece, max(1, room))
    except zlib.error:
        raise BadDocument("The page is packed in a wrong way.") from None


def _joined(base: str, location: str) -> str:
    """Where a redirect leads; servers write it in raw bytes now and then."""
    try:
        return urljoin(base, location.encode("latin-1").decode("utf-8", "replace").strip())
    except ValueError:
        raise BadDocument("The page was redirected to something that is no address.") from None


def _media(response: http.client.HTTPResponse) -> tuple[str, str]:
    return response.headers.get_content_type() if "Content-Type" in response.headers else "", str(
        response.headers.get_content_charset() or ""
    )
