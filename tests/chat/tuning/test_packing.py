import pytest
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from chat.prompts import REFUSAL, show_question
from chat.tuning.examples import Line, Sheet
from chat.tuning.packing import answer_loss, attention, pack
from chat.tuning.pool import Shown
from supportbot.inference.weights import generator_folder

SHEET = Sheet(
    "demo",
    (
        Shown("a", "Returns", "", "You can return items within 60 days."),
        Shown("b", "Bikes", "Hire", "A day costs £25."),
    ),
    (
        Line("1", "How long can I return?", "You can return items within 60 days. [1]", True),
        Line("2", "What does a bike cost?", "A day costs £25. [2]", True),
        Line("3", "Do you sell cars?", REFUSAL, False),
    ),
)


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(generator_folder())


@pytest.fixture(scope="module")
def tiny_model(tokenizer):
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4
    )
    return LlamaForCausalLM(config).eval()


def test_a_packed_sheet_has_the_loss_of_its_questions_asked_one_by_one(tokenizer, tiny_model):
    with torch.no_grad():
        together = answer_loss(tiny_model, pack(SHEET, tokenizer))
        alone = sum(
            answer_loss(tiny_model, pack(Sheet("demo", SHEET.passages, (line,)), tokenizer)) for line in SHEET.lines
        )
    assert together.item() == pytest.approx(alone.item(), rel=1e-4)


def test_a_packed_loss_is_the_loss_that_the_library_gives_for_a_plain_conversation(tokenizer, tiny_model):
    packed = pack(Sheet("demo", SHEET.passages, SHEET.lines[:1]), tokenizer)
    tokens = torch.tensor([[*packed.tokens, packed.wanted[-1]]])
    labels = torch.full_like(tokens, -100)
    labels[0, [index + 1 for index in packed.predicts]] = torch.tensor(packed.wanted)
    with torch.no_grad():
        plain = tiny_model(input_ids=tokens, labels=labels).loss * len(packed.wanted)
        ours = answer_loss(tiny_model, packed)
    assert ours.item() == pytest.approx(plain.item(), rel=1e-4)


def test_the_passages_are_read_once_and_only_answers_are_learned(tokenizer):
    packed = pack(SHEET, tokenizer)
    text = tokenizer.decode(packed.tokens)
    beside_questions = sum(
        show_question(line.question, SHEET.passages).count("within 60 days.") for line in SHEET.lines
    )
    assert text.count("within 60 days.") == 2 + beside_questions  # the passage, once, and the first answer
    assert tokenizer.decode(packed.wanted) == "".join(line.target + "<|im_end|>" for line in SHEET.lines)


def test_a_branch_sees_the_passages_and_itself_but_no_other_branch(tokenizer):
    packed = pack(SHEET, tokenizer)
    seen = attention(packed)[0, 0]
    last = len(packed.branches) - 1
    second = packed.branches.index(2)
    assert seen[last, 0] and seen[last, last] and not seen[last, second]
