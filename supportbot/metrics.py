"""/metrics, for Prometheus: every process's meters, the state of every part, and the model server's own, in one text.

Numbers alone, under names and labels that our code makes. Who may read them: docs/decisions/metrics.md.
"""

import asyncio
import hmac
import ipaddress
from collections.abc import Callable, Iterator

import httpx
from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from supportbot import meter_relay, status
from supportbot.health import PROBE_SECONDS

LOOK_SECONDS = 6.0
MOST_MODEL_BYTES = 262_144
FORWARDING = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via")
REFUSED = "Not for you: see METRICS_TOKEN in docs/operations.md.\n"


async def metrics(request: HttpRequest) -> HttpResponse:
    if not may_read(request):
        return HttpResponse(REFUSED, status=403, content_type="text/plain")
    groups, model = await asyncio.gather(_groups(), _models_text())
    text = await sync_to_async(exposition, thread_sensitive=False)(groups)
    return HttpResponse(text + model, content_type="text/plain; version=0.0.4", headers={"Cache-Control": "no-store"})


def may_read(request: HttpRequest) -> bool:
    """Who has the token; without one, this machine alone, and nobody as soon as the site has an address of its own."""
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode())
    if settings.PUBLIC_URL or any(name in request.headers for name in FORWARDING):
        return False  # a proxy of this machine stands between: its peer is anybody
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR") or "").is_loopback
    except ValueError:
        return False


async def _groups() -> list[status.Group]:
    """What hangs is waited for a moment: the meters are told without it."""
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            return await database_sync_to_async(status.recent, thread_sensitive=False)()
    except TimeoutError:
        return []


def exposition(groups: list[status.Group]) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Metrics(meter_relay.metrics))
    registry.register(_Metrics(lambda: figures(groups)))
    return generate_latest(registry)


def figures(groups: list[status.Group]) -> Iterator[Metric]:
    """The state of every part, and the numbers that it gave."""
    parts = [part for group in groups for part in group.parts]
    state = GaugeMetricFamily("supportbot_part_state", "1 for the state that a part is in.", labels=["part", "state"])
    found: dict[str, GaugeMetricFamily] = {}
    for part in parts:
        for each in status.State:
            state.add_metric([part.key, each.value], float(part.state == each))
        for figure in part.figures:
            labels = list(figure.labels)
            family = found.setdefault(figure.name, GaugeMetricFamily(figure.name, figure.text, labels=labels))
            family.add_metric([figure.labels[name] for name in labels], figure.value)
    yield state
    yield from found.values()


class _Metrics(Collector):
    def __init__(self, metrics: Callable[[], Iterator[Metric]]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return self._metrics()

    def describe(self) -> list[Metric]:
        return []  # else registering would ask for them


async def _models_text() -> bytes:
    """The metrics of our own model server, which listens on a socket that Prometheus cannot reach."""
    if not settings.MODEL_URL.startswith("unix:"):
        return b""
    transport = httpx.AsyncHTTPTransport(uds=settings.MODEL_URL.removeprefix("unix:"), verify=False)
    try:
        async with httpx.AsyncClient(transport=transport, timeout=PROBE_SECONDS) as client:
            answer = await client.get("http://model/metrics")
    except httpx.HTTPError:
        return b""
    text = answer.content
    if not answer.is_success or len(text) > MOST_MODEL_BYTES or not text.startswith(b"# HELP model_"):
        return b""
    return text
