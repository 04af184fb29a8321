"""Who may reach what: a row for every address, every page of the admin, every frame. The attack tries all the others.

Letters: `n` anybody, signed in or not; `a` agents, `e` editors, `m` managers, `A` administrators. An address that
has no row here fails a test.
"""

from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "security.md"
START, END = "<!-- who: begin -->", "<!-- who: end -->"
STAFF = "aemA"
EVERYBODY = "n" + STAFF


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may read the page (GET) and who may do what it does (POST).

    `origin`: the Origin is checked, and no cookie read. `fleeting`: a task may have taken the thing away meanwhile.
    """

    get: str = ""
    post: str = ""
    origin: bool = False
    fleeting: bool = False


@dataclass(frozen=True, slots=True)
class Model:
    """The pages that the admin makes of a model."""

    view: str
    add: str = ""
    change: str = ""
    delete: str = ""


# app_model -> who. What nobody may is done by no page, or by one of RULES.
MODELS = {
    "auth_user": Model("A", "A", "A", "A"),
    "auth_group": Model("A", "A", "A", "A"),
    "knowledge_category": Model("aemA", "eA", "eA", "eA"),
    "knowledge_article": Model("aemA", "aeA", "aeA", "eA"),
    "knowledge_importsource": Model("eA", "eA", "eA", "eA"),
    "chat_conversation": Model("amA"),
    "chat_widget": Model("A", "A", "A", "A"),
    "chat_contactrequest": Model("amA", "", "aA", "A"),
    "supportbot_auditentry": Model("mA"),
}
# Address as the URLconf writes it, with the admin at its usual place -> who.
RULES = {
    "": Rule(EVERYBODY),
    "favicon.ico": Rule(EVERYBODY),
    "health/live": Rule(EVERYBODY),
    "health/ready": Rule(EVERYBODY),
    "metrics": Rule(),  # this machine or METRICS_TOKEN; whoever comes through a proxy is nobody
    "help/": Rule(EVERYBODY),
    "help/<slug:slug>/": Rule(EVERYBODY),
    "help/<slug:slug>/helpful/": Rule(post=EVERYBODY),
    "help/category/<slug:slug>/": Rule(EVERYBODY),
    "help/sitemap-<int:number>.xml": Rule(EVERYBODY),
    "sitemap.xml": Rule(EVERYBODY),
    "robots.txt": Rule(EVERYBODY),
    "widget/<path:name>": Rule(EVERYBODY),
    "widget/<slug:key>.json": Rule(EVERYBODY),
    "widget/<slug:key>/frame/": Rule(EVERYBODY),  # within pages of the widget's own sites alone
    "chat/contact": Rule(post=EVERYBODY, origin=True),
    "chat/logout": Rule(post=EVERYBODY, origin=True),
    "demo/states/": Rule(EVERYBODY),
    "demo/preview/": Rule(EVERYBODY),
    "admin/": Rule(STAFF),
    "admin/login/": Rule(EVERYBODY, EVERYBODY),
    "admin/logout/": Rule(post=EVERYBODY),
    "admin/password_change/": Rule(STAFF, STAFF),
    "admin/password_change/done/": Rule(STAFF),
    "admin/autocomplete/": Rule(),  # no page of ours asks for it
    "admin/jsi18n/": Rule(STAFF),
    "admin/second-factor/": Rule(STAFF, STAFF),
    "admin/sign-in/code/": Rule(),  # who has given a right password, and nobody else
    "admin/sign-in/second-factor/": Rule(STAFF, STAFF),
    "admin/r/<path:content_type_id>/<path:object_id>/": Rule(STAFF),
    "admin/<app_label>/": Rule("aemA"),
    "admin/<path:url>": Rule(),
    "admin/try/": Rule(post="aeA"),
    "admin/auth/user/<id>/password/": Rule("A", "A"),
    "admin/supportbot/status/": Rule("mA"),
    "admin/knowledge/article/bulk/<uuid:key>/": Rule("aeA", "aeA"),
    "admin/knowledge/article/<uuid:key>/findings/": Rule("aemA"),
    "admin/knowledge/article/<uuid:key>/findings/<int:number>/": Rule("aemA", fleeting=True),
    "admin/knowledge/article/<uuid:key>/findings/<int:number>/dismiss/": Rule(post="aeA"),
    "admin/knowledge/article/preview/": Rule(post="aeA"),
    "admin/knowledge/article/autosave/": Rule(post="aeA"),
    "admin/knowledge/article/<uuid:key>/autosave/": Rule(post="aeA"),
    "admin/knowledge/article/<uuid:key>/state/": Rule("aemA"),
    "admin/knowledge/article/<uuid:key>/revisions/": Rule("aemA"),
    "admin/knowledge/article/<uuid:key>/revisions/<uuid:revision_key>/restore/": Rule(post="aeA"),
    "admin/knowledge/article/<uuid:key>/do/<slug:verb>/": Rule(post="aeA"),
    "admin/knowledge/article/<uuid:key>/questions/": Rule("aemA"),
    "admin/knowledge/article/<uuid:key>/questions/add/": Rule(post="aeA"),
    "admin/knowledge/article/<uuid:key>/questions/<int:number>/delete/": Rule(post="aeA"),
    "admin/knowledge/importsource/<int:key>/start/": Rule(post="eA"),
    "admin/knowledge/importsource/runs/<int:key>/": Rule("eA"),
    "admin/knowledge/importsource/runs/<int:key>/state/": Rule("eA"),
    "admin/knowledge/importsource/runs/<int:key>/cancel/": Rule(post="eA"),
    "admin/knowledge/importsource/runs/<int:key>/report.csv": Rule("eA"),
    "admin/knowledge/embeddingspace/": Rule("eA"),
    "admin/knowledge/embeddingspace/states/": Rule("eA"),
    "admin/knowledge/embeddingspace/prepare/": Rule("A", "A"),
    "admin/knowledge/embeddingspace/back/": Rule(post="A"),
    "admin/knowledge/embeddingspace/<int:key>/": Rule("eA"),
    "admin/knowledge/embeddingspace/<int:key>/do/<slug:verb>/": Rule(post="A"),
    "admin/chat/conversation/export/<str:form>/": Rule("mA"),
    "admin/chat/conversation/<uuid:pk>/desk/": Rule(post="aA"),
    "admin/chat/conversation/<uuid:pk>/typing/": Rule(post="aA"),
    "admin/chat/conversation/<uuid:pk>/live/": Rule("amA"),
    "admin/chat/conversation/<uuid:pk>/review/<uuid:answer>/": Rule(post="mA"),
}
# What a visitor may name in a frame, and whose it must be. Everything else in a frame is the speaker's own words.
FRAMES = {
    "hello": "its own conversation, reply and token; a known customer's by the company's signed word",
    "ask": "its own conversation; a question of its own that was asked before",
    "stop": "its own reply",
    "rate": "its own reply",
    "handover": "its own conversation",
    "typing": "nothing",
    "logout": "its own tokens",
    "ping": "nothing",
    "conversations": "nothing: those of the hello's own visitor are listed",
}


def rules_of_model(name: str, model: Model) -> dict[str, Rule]:
    """The rows of the pages that the admin makes of this model."""
    place = f"admin/{name.replace('_', '/', 1)}/"
    changers = "".join(letter for letter in STAFF if letter in model.view + model.change)
    # Django's own pages show an object to whoever may view or change it; adding and deleting are pages of their own.
    return {
        place: Rule(changers, changers),
        f"{place}add/": Rule(model.add, model.add),
        f"{place}<path:object_id>/": Rule(STAFF),  # leads on to change/, and shows nothing
        f"{place}<path:object_id>/history/": Rule(changers),
        f"{place}<path:object_id>/delete/": Rule(model.delete, model.delete),
        f"{place}<path:object_id>/change/": Rule(changers, model.change),
    }


def all_rules() -> dict[str, Rule]:
    rules = dict(RULES)
    for name, model in MODELS.items():
        rules |= rules_of_model(name, model)
    return rules


def as_table() -> str:
    """The table of docs/security.md, which `python -m tests.attack.who` writes anew."""
    names = {"a": "agent", "e": "editor", "m": "manager", "A": "administrator"}

    def said(letters: str) -> str:
        if "n" in letters:
            return "everybody"
        return ", ".join(names[letter] for letter in letters) or "–"

    lines = ["| address | reads (GET) | does (POST) |", "|---|---|---|"]
    for route, rule in sorted(all_rules().items()):
        address = f"/{route.replace('|', chr(92) + '|')}"
        lines.append(f"| `{address}` | {said(rule.get)} | {said(rule.post)}{' (Origin)' if rule.origin else ''} |")
    lines += ["", "| frame | may name |", "|---|---|"]
    lines += [f"| `{kind}` | {whose} |" for kind, whose in FRAMES.items()]
    return "\n".join(lines) + "\n"


def on_page(text: str) -> str:
    """The page with this table in place of the one that it has."""
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    return f"{before}{start}\n{as_table()}{end}{after}"


if __name__ == "__main__":
    PAGE.write_text(on_page(PAGE.read_text()))
