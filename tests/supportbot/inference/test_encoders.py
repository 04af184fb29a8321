"""Another encoder is a folder; the one before is served beside it for as long as it is searched."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from supportbot.inference.encoder import Encoder
from supportbot.inference.encoders import Encoders
from supportbot.inference.refusals import NotReady, UnknownModel
from supportbot.inference.weights import ENCODER_NAME, WeightsError, encoder_folder, encoder_folders

from .test_digests import flip

POOLING = ("pooling_mode_cls_token", "pooling_mode_mean_tokens")


def make_encoder(folder: Path, dimensions: int = 32) -> Path:
    """A small random encoder that reads what the shipped one reads."""
    torch.manual_seed(7)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(encoder_folder())
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=dimensions, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=128,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def notes(settings, tmp_path) -> None:
    """What the encoders of a test were is noted for that test alone."""
    settings.DATA_DIR = tmp_path / "data"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    return make_encoder(tmp_path_factory.mktemp("encoders") / "tiny")


def pooled_by(folder: Path, place: Path, mode: str) -> Path:
    copy = shutil.copytree(folder, place)
    (copy / "1_Pooling").mkdir()
    (copy / "1_Pooling" / "config.json").write_text(json.dumps({name: name == mode for name in (*POOLING, mode)}))
    return copy


def test_a_folder_says_how_long_and_how_wide_it_is(tiny):
    encoder = Encoder(tiny, torch.float32)
    assert (encoder.dimensions, encoder.length) == (32, 128)
    vectors = torch.tensor(encoder.vectors(encoder.tokenize(["one text", "another, longer text"])))
    assert vectors.shape == (2, 32)
    assert torch.allclose(vectors.norm(dim=1), torch.ones(2), atol=1e-5)


def test_the_first_token_or_the_mean_as_the_folder_asks(tiny, tmp_path):
    mean, first = (
        Encoder(pooled_by(tiny, tmp_path / mode, mode), torch.float32)
        for mode in ("pooling_mode_mean_tokens", POOLING[0])
    )
    tokens = mean.tokenize(["how do I return my order"])
    assert mean.vectors(tokens) == Encoder(tiny, torch.float32).vectors(tokens)
    assert mean.vectors(tokens) != first.vectors(tokens)


def test_what_is_not_done_is_refused_and_not_left_out(tiny, tmp_path):
    with pytest.raises(WeightsError, match="max_tokens"):
        Encoder(pooled_by(tiny, tmp_path / "max", "pooling_mode_max_tokens"), torch.float32)
    dense = shutil.copytree(tiny, tmp_path / "dense")
    (dense / "modules.json").write_text(json.dumps([{"type": "sentence_transformers.models.Dense"}]))
    with pytest.raises(WeightsError, match="Dense"):
        Encoder(dense, torch.float32)


def test_encoders_are_named_by_the_settings_and_by_their_folders(tiny, settings, tmp_path):
    settings.ENCODERS_DIR, settings.ENCODER_WEIGHTS = tmp_path, None
    shutil.copytree(tiny, tmp_path / "tiny")
    own = encoder_folder()
    assert encoder_folders(ENCODER_NAME) == {ENCODER_NAME: own, "tiny": tmp_path / "tiny"}
    assert encoder_folders("tiny") == {"tiny": tmp_path / "tiny", ENCODER_NAME: own}
    settings.ENCODER_WEIGHTS = str(tiny)
    assert encoder_folders("mine") == {"mine": tiny, ENCODER_NAME: own, "tiny": tmp_path / "tiny"}


def test_an_encoder_is_loaded_once_and_what_cannot_be_is_told(tiny, tmp_path):
    broken = shutil.copytree(tiny, tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"not weights")
    encoders = Encoders(lambda: {"tiny": tiny, "broken": broken}, torch.float32)
    assert encoders.get("tiny") is encoders.get("tiny") is encoders.first()
    with pytest.raises(NotReady, match="broken cannot be loaded"):
        encoders.get("broken")
    with pytest.raises(UnknownModel, match="tiny, broken"):
        encoders.get("other")


def test_an_encoder_that_changed_since_it_was_first_used_is_refused_and_named(tiny, tmp_path):
    mine = shutil.copytree(tiny, tmp_path / "mine")
    assert Encoders(lambda: {"mine": mine}, torch.float32).get("mine").dimensions == 32
    flip(mine / "model.safetensors")
    with pytest.raises(NotReady, match=r"mine/model\.safetensors differs"):
        Encoders(lambda: {"mine": mine}, torch.float32).get("mine")
    flip(mine / "model.safetensors")
    assert Encoders(lambda: {"mine": mine}, torch.float32).get("mine").dimensions == 32
