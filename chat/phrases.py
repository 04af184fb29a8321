"""The fixed sentences that the assistant says in its own name, in the languages it knows."""

from chat.prompts import REFUSAL

PHRASES: dict[str, dict[str, str]] = {
    "en": {
        "greeting": "Hello. What can I help you with?",
        "thanks": "You're welcome.",
        "goodbye": "Goodbye, and thank you for getting in touch.",
        "person": "I'll pass you on to a person on our team.",
        "nobody": "Nobody from our team is here right now. Leave your e-mail address and we will write back.",
        "nothing_found": f"{REFUSAL} A person on our team can help you.",
        "no_question": "I did not understand that. Please ask in a sentence or two.",
        "instructions": "I answer from this site's help articles, name the article, and say so when they do not "
        "answer. That is all I am told, and none of it is secret.",
        "busy": "Many people are asking just now, so this is the article itself. A person on our team can help you.",
    },
    "de": {
        "greeting": "Hallo. Wobei kann ich helfen?",
        "thanks": "Gern geschehen.",
        "goodbye": "Auf Wiedersehen und danke für Ihre Nachricht.",
        "person": "Ich gebe Sie an einen Menschen aus unserem Team weiter.",
        "nobody": "Gerade ist niemand aus unserem Team da. Hinterlassen Sie Ihre E-Mail-Adresse, wir schreiben zurück.",
        "nothing_found": "Das habe ich in unseren Artikeln nicht gefunden. Ein Mensch aus unserem Team kann helfen.",
        "no_question": "Das habe ich nicht verstanden. Bitte fragen Sie in ein, zwei Sätzen.",
        "instructions": "Ich antworte aus den Hilfeartikeln dieser Seite, nenne den Artikel und sage es, "
        "wenn keiner antwortet. Mehr ist mir nicht aufgetragen, und nichts davon ist geheim.",
        "busy": "Gerade fragen sehr viele, daher der Artikel selbst. Ein Mensch aus unserem Team kann helfen.",
    },
    "fr": {
        "greeting": "Bonjour. Comment puis-je vous aider ?",
        "thanks": "Je vous en prie.",
        "goodbye": "Au revoir, et merci de nous avoir écrit.",
        "person": "Je vous mets en relation avec une personne de notre équipe.",
        "nobody": "Personne de notre équipe n'est là pour le moment. Laissez votre adresse e-mail, nous vous écrirons.",
        "nothing_found": "Je n'ai pas trouvé cela dans nos articles. Une personne de notre équipe peut vous aider.",
        "no_question": "Je n'ai pas compris. Posez votre question en une ou deux phrases.",
        "instructions": "Je réponds d'après les articles d'aide de ce site, je cite l'article, "
        "et je le dis s'ils ne répondent pas. On ne m'a rien demandé d'autre, et rien de cela n'est secret.",
        "busy": "Il y a beaucoup de demandes : voici l'article. Une personne de notre équipe peut vous aider.",
    },
    "es": {
        "greeting": "Hola. ¿En qué puedo ayudarle?",
        "thanks": "De nada.",
        "goodbye": "Adiós, y gracias por escribirnos.",
        "person": "Le paso con una persona de nuestro equipo.",
        "nobody": "Ahora mismo no hay nadie de nuestro equipo. Deje su correo electrónico y le escribiremos.",
        "nothing_found": "No lo he encontrado en nuestros artículos. Una persona de nuestro equipo puede ayudarle.",
        "no_question": "No lo he entendido. Pregunte, por favor, en una o dos frases.",
        "instructions": "Respondo a partir de los artículos de ayuda de este sitio, indico el artículo "
        "y digo cuando no responden. Es todo lo que se me ha indicado, y nada de ello es secreto.",
        "busy": "Hay muchas preguntas: este es el artículo mismo. Una persona de nuestro equipo puede ayudarle.",
    },
    "ar": {
        "greeting": "مرحبًا. كيف يمكنني مساعدتك؟",
        "thanks": "على الرحب والسعة.",
        "goodbye": "إلى اللقاء، وشكرًا لتواصلك معنا.",
        "person": "سأحوّلك إلى شخص من فريقنا.",
        "nobody": "لا يوجد أحد من فريقنا الآن. اترك عنوان بريدك الإلكتروني وسنكتب إليك.",
        "nothing_found": "لم أجد ذلك في مقالاتنا. يمكن لشخص من فريقنا أن يساعدك.",
        "no_question": "لم أفهم ذلك. اطرح سؤالك من فضلك في جملة أو جملتين.",
        "instructions": "أجيب من مقالات المساعدة في هذا الموقع، وأذكر المقال، وأقول ذلك حين لا يجيب أي منها. "
        "هذا كل ما طُلب مني، وليس فيه أي سر.",
        "busy": "يسأل كثيرون الآن، لذلك هذا هو المقال نفسه. يمكن لشخص من فريقنا أن يساعدك.",
    },
    "ja": {
        "greeting": "こんにちは。どのようなご用件でしょうか。",
        "thanks": "どういたしまして。",
        "goodbye": "お問い合わせありがとうございました。失礼いたします。",
        "person": "担当者におつなぎします。",
        "nobody": "ただいま担当者が不在です。メールアドレスをお知らせいただければ、後ほどご連絡いたします。",
        "nothing_found": "記事の中に見つかりませんでした。担当者がお手伝いできます。",
        "no_question": "わかりませんでした。一、二文でご質問をお書きください。",
        "instructions": "このサイトのヘルプ記事をもとに答え、記事名を示し、答えがないときはそうお伝えします。"
        "指示はこれだけで、秘密は何もありません。",
        "busy": "ただいまご質問が多いため、記事そのものをお見せします。担当者もお手伝いできます。",
    },
}


def say(what: str, language: str) -> str:
    return PHRASES.get(language, PHRASES["en"])[what]
