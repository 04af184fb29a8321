"""What /metrics tells: read from the runtime's own counters when asked."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from supportbot.inference.runtime import Runtime

FIRST_WORD_BUCKETS = (0.1, 0.25, 0.5, 1.0, 1.5, 2.5, 5.0, 10.0, 30.0, 60.0)


class Meters(Collector):
    """One registry for each application, so that tests may make several."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.registry = CollectorRegistry()
        self.registry.register(self)
        self.first_word = Histogram(
            "model_first_word_seconds",
            "From the request to the first word.",
            buckets=FIRST_WORD_BUCKETS,
            registry=self.registry,
        )

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("model_ready", "1 when the models answer.", self._runtime.health().status == "ready")
        loaded = self._runtime.loaded
        if loaded is None:
            return
        engine, embedder = loaded.engine, loaded.embedder
        yield GaugeMetricFamily("model_running", "Answers being written.", engine.running)
        yield GaugeMetricFamily("model_waiting", "Answers waiting for a place.", engine.waiting)
        yield CounterMetricFamily("model_steps", "Steps of the engine.", engine.steps)
        yield CounterMetricFamily("model_prompt_tokens", "Prompt tokens computed.", engine.prompt_tokens)
        yield CounterMetricFamily("model_reused_tokens", "Prompt tokens taken from the cache.", engine.reused_tokens)
        yield CounterMetricFamily("model_written_tokens", "Tokens written.", engine.written_tokens)
        yield CounterMetricFamily("model_guessed_tokens", "Tokens of these that were guessed.", engine.guessed_tokens)
        yield GaugeMetricFamily("model_kept_tokens", "Tokens of ended answers that are kept.", engine.kept_tokens)
        yield GaugeMetricFamily("model_waiting_texts", "Texts waiting for vectors.", embedder.waiting)
        yield CounterMetricFamily("model_embedded_texts", "Texts embedded.", embedder.embedded_texts)
