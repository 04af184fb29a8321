import pytest

from knowledge.languages import language_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How long do I have to return an item?", "en"),
        ("what does a prepaid label cost", "en"),
        ("Wie lange dauert die Lieferung nach Österreich?", "de"),
        ("Was kostet der Versand?", "de"),
        ("Combien coûte la livraison ?", "fr"),
        ("Quelles cartouches de gaz sont vendues en France ?", "fr"),
        ("¿Cuánto cuesta el envío a España?", "es"),
        ("مرحبا، أين طلبي؟", "ar"),
        ("Где мой заказ?", "ru"),
        ("私の注文はどこですか", "ja"),
        ("我的订单在哪里", "zh"),
    ],
)
def test_the_language_of_a_question(text, language):
    assert language_of(text) == language


def test_a_text_that_says_too_little_is_of_the_pages_language():
    assert language_of("refund", default="de") == "de"
    assert language_of("🙂", default="fr") == "fr"
    assert language_of("48213") == "en"
