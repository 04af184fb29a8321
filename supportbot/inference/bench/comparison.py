"""The comparison: weights and lengths made ready once, then rounds in an order of chance, peer by peer."""

import hashlib
import json
import os
import random
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from supportbot.inference.bench.figures import Heard, Round, ratio, row, share_of_roof, token, whole
from supportbot.inference.bench.peers import Peer, PeerFailed, PeerMissing
from supportbot.inference.bench.serving import Server
from supportbot.inference.weights import base_sha256, file_sha256

OURS, PEERS = "ours", ("ours", "generate", "generate_batch", "llamacpp")
QUEUED, MOST_QUEUED = "generate", 4
WARM, WARM_TOKENS = 2, 8
CONTEXT_STEP = 256
HOW_TO_GET = "pip install -r requirements-bench.txt (it is compiled: minutes), or --python PATH of one that has it"
Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Plan:
    """`least`: questions in a round, where the streams are fewer. `python`: the one that has llama_cpp."""

    peers: tuple[str, ...]
    streams: tuple[int, ...]
    repeats: int
    least: int
    threads: int
    python: str
    device: str = "cpu"  # of our server, of transformers and of the roof, as torch names it
    seed: int = 1

    @property
    def needed(self) -> int:
        """Questions, of which none is asked of a peer twice: an engine would remember it. Two are to warm up with."""
        return self.repeats * sum(self.size(streams) for streams in self.streams) + WARM

    def size(self, streams: int) -> int:
        return max(streams, self.least)


@dataclass(frozen=True, slots=True)
class Model:
    """What is compared: the base, the adapter that is merged into it, and the name our server knows it by."""

    name: str
    source: Path
    adapter: Path
    models: Path  # where conversions are kept
    place: Path  # where this benchmark keeps what it made

    @property
    def key(self) -> str:
        digests = base_sha256(self.source, self.models) + file_sha256(self.adapter / "adapter_model.safetensors")
        return hashlib.sha256(digests.encode()).hexdigest()[:12]


@dataclass(slots=True)
class Comparison:
    plan: Plan
    model: Model
    prompts: Sequence[tuple[str, list[dict[str, str]]]]  # a name and the chat messages
    most_tokens: int
    say: Say
    missing: dict[str, str] = field(default_factory=dict)
    rounds: list[Round] = field(default_factory=list)
    roofs: list[dict[str, float]] = field(default_factory=list)

    def run(self) -> dict[str, Any]:
        """Raises PeerFailed."""
        place = self.model.place / self.model.key
        place.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack, tempfile.TemporaryDirectory(prefix="bench-") as folder:
            server = Server(Path(folder) / "model.sock", place / "ours.log", self.model.name, self.plan.threads)
            stack.callback(server.stop)
            merged, given = self._questions(place, server)
            peers = {peer.name: peer for peer in self._started(merged, given, place, server, stack)}
            given_roof = {"threads": self.plan.threads, "device": self.plan.device}
            roof = Peer("roof", "roof", given_roof, place / "roof.log")
            stack.callback(roof.stop)
            roof.start()
            questions = given[:-WARM]
            self._warm(peers, given[-WARM:])
            self._rounds(peers, roof, questions)
            told = {name: peer.facts | peer.memory() for name, peer in peers.items()}
            if OURS in told:
                told[OURS]["reused"] = server.reused()
        return self._result(told, questions)

    def _questions(self, place: Path, server: Server) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Where the merged weights are, and each question with its tokens and the length of its answer."""
        self.say("merging the adapter, reading the questions")
        model = self.model
        paths = {"source": model.source, "adapter": model.adapter, "place": place, "models": model.models}
        given = {name: str(path) for name, path in paths.items()} | {"threads": self.plan.threads}
        merging = Peer("merging", "merging", given, place / "merging.log")
        try:
            merging.start()
            ids = merging.ask({"prompts": [messages for _, messages in self.prompts]})["ids"]
        finally:
            merging.stop()
        made = [
            {"question": name, "messages": messages, "ids": tokens}
            for (name, messages), tokens in zip(self.prompts, ids, strict=True)
        ]
        lengths = self._lengths(place, made, server)
        return merging.facts, [one | {"tokens": length} for one, length in zip(made, lengths, strict=True)]

    def _lengths(self, place: Path, asked: Sequence[Mapping[str, Any]], server: Server) -> list[int]:
        """As long as our model makes its answers, kept for the next time: it must not have seen the questions then."""
        prompts = json.dumps([one["ids"] for one in asked] + [self.most_tokens])
        kept = place / f"lengths-{hashlib.sha256(prompts.encode()).hexdigest()[:12]}.json"
        if not kept.exists():
            self.say(f"asking {len(asked)} questions for the lengths of their answers")
            try:
                server.start()
                lengths = server.natural_lengths([{**one, "tokens": self.most_tokens} for one in asked])
            finally:
                server.stop()
            kept.write_text(json.dumps(lengths))
        return [int(length) for length in json.loads(kept.read_text())]

    def _started(
        self,
        merged: dict[str, Any],
        questions: Sequence[dict[str, Any]],
        place: Path,
        server: Server,
        stack: ExitStack,
    ) -> Iterator[Peer | Server]:
        """Each peer that is there; `missing` says why one is not."""
        if OURS in self.plan.peers:
            self.say(f"starting {OURS}")
            server.start()
            server.facts["weights"] = _parameters(place) * server.facts.get("bytes_a_weight", 2)
            yield server
        for peer in self._others(merged, questions, place):
            stack.callback(peer.stop)
            self.say(f"starting {peer.name}")
            try:
                peer.start()
            except PeerMissing as error:
                self.missing[peer.name] = f"not installed ({error}): {HOW_TO_GET}"
                self.say(f"{peer.name} is {self.missing[peer.name]}")
            else:
                yield peer

    def _others(self, merged: dict[str, Any], questions: Sequence[dict[str, Any]], place: Path) -> Iterator[Peer]:
        plan = self.plan
        for name in ("generate", "generate_batch"):
            if name in plan.peers:
                given = {"folder": merged["folder"], "threads": plan.threads, "device": plan.device}
                given["batch"] = name == "generate_batch"
                yield Peer(name, "generating", given, place / f"{name}.log")
        if "llamacpp" not in plan.peers:
            return
        longest = max(len(one["ids"]) + one["tokens"] for one in questions)
        context = -(-longest // CONTEXT_STEP) * CONTEXT_STEP
        for name, file in (("llamacpp", str(self.model.source)), ("llamacpp_16bit", merged["file"])):
            if not file.endswith(".gguf"):
                self.missing[name] = "left out: the base does not come as a GGUF file"
                continue
            given = {"file": file, "threads": plan.threads, "streams": max(plan.streams), "context": context}
            yield Peer(name, "llamacpp", given, place / f"{name}.log", python=plan.python)

    def _warm(self, peers: Mapping[str, Peer | Server], questions: Sequence[dict[str, Any]]) -> None:
        """The first use of each kernel is slow, and so is the first reading of a file."""
        asked = [one | {"tokens": WARM_TOKENS} for one in questions]
        for peer in peers.values():
            peer.ask({"streams": min(2, max(self.plan.streams)), "asked": asked})

    def _rounds(self, peers: Mapping[str, Peer | Server], roof: Peer, questions: Sequence[dict[str, Any]]) -> None:
        start, chance = 0, random.Random(self.plan.seed)
        for repeat in range(self.plan.repeats):
            self.roofs.append(roof.ask({}))
            asked = {}
            for streams in self.plan.streams:
                end = start + self.plan.size(streams)
                asked[streams] = [questions[number % len(questions)] for number in range(start, end)]
                start = end
            order = [(name, streams) for name in peers for streams in self.plan.streams if _is_asked(name, streams)]
            chance.shuffle(order)
            for name, streams in order:
                told = peers[name].ask({"streams": streams, "asked": asked[streams]})
                self.rounds.append(_round(name, streams, repeat, told, asked[streams]))
            self.say(f"repeat {repeat + 1} of {self.plan.repeats}, load {os.getloadavg()[0]:.1f}")

    def _result(self, facts: Mapping[str, dict[str, Any]], questions: Sequence[dict[str, Any]]) -> dict[str, Any]:
        bandwidth = median(max(roof.values()) for roof in self.roofs)
        rows = []
        for streams in self.plan.streams:
            for name, told in facts.items():
                if not _is_asked(name, streams):
                    self.missing[f"{name} with more than {MOST_QUEUED} streams"] = (
                        "left out: a longer queue, nothing else"
                    )
                    continue
                figures = row([one for one in self.rounds if (one.peer, one.streams) == (name, streams)])
                if streams == 1 and figures["decode_rate"]:
                    figures["share_of_roof"] = share_of_roof(figures["decode_rate"], told["weights"], bandwidth)
                for column, seconds in (("times_ours", whole), ("token_times_ours", token)):
                    if name != OURS and (found := ratio(self.rounds, OURS, name, streams, seconds)):
                        figures[column] = asdict(found)
                rows.append(figures)
        return {
            "rows": rows,
            "peers": dict(facts),
            "missing": self.missing,
            "roof": {"bytes_a_second": bandwidth, "each": self.roofs},
            "questions": {
                "asked": len(questions),
                "again": len(questions) + WARM < self.plan.needed,
                "prompt_tokens": median(len(one["ids"]) for one in questions),
                "new_tokens": median(one["tokens"] for one in questions),
            },
            "rounds": [asdict(one) for one in self.rounds],
        }


def _round(name: str, streams: int, repeat: int, told: Mapping[str, Any], asked: Sequence[Mapping[str, Any]]) -> Round:
    """PeerFailed where a peer read or wrote another number of tokens than it was given: nothing could be compared."""
    heard = []
    for one, given in zip(told["heard"], asked, strict=True):
        if (one["prompt"], one["tokens"]) != (len(given["ids"]), given["tokens"]):
            raise PeerFailed(
                f"{name} read {one['prompt']} and wrote {one['tokens']} tokens of question {given['question']}, "
                f"in place of {len(given['ids'])} and {given['tokens']}."
            )
        heard.append(Heard(given["question"], one["prompt"], one["tokens"], one["first"], one["whole"]))
    return Round(name, streams, repeat, told["wall"], tuple(heard))


def _is_asked(name: str, streams: int) -> bool:
    """What writes one answer after the other tells nothing new with more in the queue."""
    return name != QUEUED or streams <= MOST_QUEUED


def _parameters(place: Path) -> int:
    """Of the merged model, which is kept in 16 bits."""
    return sum(file.stat().st_size for file in (place / "merged").glob("*.safetensors")) // 2
