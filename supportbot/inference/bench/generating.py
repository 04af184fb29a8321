"""The peer `generate`: transformers as its documentation shows it, one question after the other with a streamer, or as
many as there are streams side by side, padded on the left."""

import time
from collections.abc import Sequence
from typing import Any

from supportbot.inference.bench.talking import Answer, Job, job_of, queue_of, round_told, talk


def load(given: dict[str, Any]) -> tuple[dict[str, Any], Answer]:
    """`folder` holds the weights; `batch`: side by side; `device` as torch names it."""
    import torch
    import transformers

    torch.set_num_threads(given["threads"])
    torch.set_flush_denormal(True)
    transformers.utils.logging.disable_progress_bar()
    model = transformers.AutoModelForCausalLM.from_pretrained(given["folder"], dtype="auto").eval().to(given["device"])
    model.generation_config.eos_token_id = None  # all peers write the same number of tokens
    told = {
        "version": f"transformers {transformers.__version__}, torch {torch.__version__}",
        "weights": sum(weight.numel() * weight.element_size() for weight in model.parameters()),
        "precision": str(next(model.parameters()).dtype).removeprefix("torch."),
    }
    return told, lambda work: answer(model, work["asked"], work["streams"], batch=given["batch"])


def answer(model: Any, asked: Sequence[dict[str, Any]], streams: int, *, batch: bool) -> dict[str, Any]:
    """So many streams ask at once; each asks its next question when it has its answer."""
    began = time.perf_counter()
    if batch:
        return _in_batches(model, asked, streams, began)
    jobs: list[Job] = []
    for number, one in queue_of(asked):
        job = job_of(number, one)
        job.asked = began if number < streams else jobs[number - streams].asked + jobs[number - streams].written[-1]
        _write(model, [job])
        jobs.append(job)
    return round_told(jobs, began)


def _in_batches(model: Any, asked: Sequence[dict[str, Any]], streams: int, began: float) -> dict[str, Any]:
    jobs: list[Job] = []
    for start in range(0, len(asked), streams):
        together = [job_of(start + place, one) for place, one in enumerate(asked[start : start + streams])]
        _write(model, together)
        jobs += together
    return round_told(jobs, began)


def _write(model: Any, jobs: Sequence[Job]) -> None:
    """Each token is told to those who still wait for one, when it is there."""
    import torch
    from transformers.generation.streamers import BaseStreamer

    class Clock(BaseStreamer):
        """Given the prompt first, then the newest token of every row."""

        def __init__(self) -> None:
            self.began = False

        def put(self, value: Any) -> None:
            now = time.perf_counter()
            if self.began:
                for job, token in zip(jobs, value.view(-1).tolist(), strict=True):
                    if not job.over:
                        job.written.append(now - job.asked)
                        job.output.append(token)
            self.began = True

        def end(self) -> None:
            pass

    longest = max(len(job.ids) for job in jobs)
    rows = [[0] * (longest - len(job.ids)) + job.ids for job in jobs]
    seen = [[0] * (longest - len(job.ids)) + [1] * len(job.ids) for job in jobs]
    with torch.inference_mode():
        model.generate(
            input_ids=torch.tensor(rows, device=model.device),
            attention_mask=torch.tensor(seen, device=model.device),
            max_new_tokens=max(job.tokens for job in jobs),
            do_sample=False,
            pad_token_id=0,
            streamer=Clock(),
        )


if __name__ == "__main__":
    talk(load)
