"""What is served of the widget is its source, only closer together."""

import re

import pytest

from chat import widget_files
from chat.widget_text import lighten, nicknames, rename, squeeze


@pytest.mark.parametrize(
    ("source", "served"),
    [
        ("const a = 1; // one\n/** two */\nconst b = a / 2 / 1;\n", "let a=1;let b=a/2/1;"),
        ('const url = "https://a b"; // why', 'let url="https://a b";'),
        ("const tick = /[/'\"` ]+ \\/ x/g.test(a);", "let tick=/[/'\"` ]+ \\/ x/g.test(a);"),
        ("return `a  ${b ? ` c ` : { d }.d}  // no comment`;", "return`a  ${b ? ` c ` : { d }.d}  // no comment`;"),
        ("const a = b + +c - -d;\nlet e", "let a=b+ +c- -d;let e"),
        ("let a = b\nfoo()\n", "let a=b\nfoo()"),
        ("f(a, [b, , c,], {\n  d,\n});\nif (e) {\n  g();\n}", "f(a,[b,,c],{d});if(e){g()}"),
        (
            "class A {\n  #long = 1;\n  get #short() { return this.#long; }\n}",
            "class A{#a=1;get #b(){return this.#a}}",
        ),
    ],
)
def test_blanks_and_comments_go_and_meaning_stays(source: str, served: str) -> None:
    assert lighten(source) == served + "\n"


def test_constants_get_short_names_and_nothing_else_does() -> None:
    one = (
        'const OPEN_MS = 5;\nexport const LONG = 1;\nf(a.OPEN_MS, ...OPEN_MS, "OPEN_MS", `${OPEN_MS}`, OPEN_MS_MORE);\n'
    )
    names = nicknames([one, "const LATER = 1;\n"])
    assert names == {"LATER": "A0", "LONG": "B0", "OPEN_MS": "C0"}
    assert rename(one, names) == (
        'const C0 = 5;\nexport const B0 = 1;\nf(a.OPEN_MS, ...C0, "OPEN_MS", `${C0}`, OPEN_MS_MORE);\n'
    )


def test_no_loop_of_the_widget_is_without_a_body() -> None:
    for module in widget_files.SOURCE.glob("*.js"):
        assert not re.search(r"\b(?:while|for|if) \([^()]*\);$|else;", module.read_text(), re.MULTILINE), module.name


def test_a_style_sheet_keeps_the_blanks_that_mean_something() -> None:
    sheet = (
        ".a .b > .c:not(:empty) { inline-size: calc(1px - 0.5em); margin: 0; }\n@media (width < 9px) { a { b: c; } }"
    )
    assert squeeze(sheet) == (".a .b>.c:not(:empty){inline-size:calc(1px - .5em);margin:0}@media (width < 9px){a{b:c}}")


def test_two_modules_with_a_name_in_common_are_refused(tmp_path, monkeypatch) -> None:
    (tmp_path / "one.js").write_text("const same = 1;\nexport function one() {}\n")
    (tmp_path / "panel.js").write_text(
        'import { one } from "./one.js";\n\nconst same = one();\nexport class Panel {}\n'
    )
    monkeypatch.setattr(widget_files, "SOURCE", tmp_path)
    with pytest.raises(ValueError, match="name in common: same"):
        widget_files.assemble("panel.js")
