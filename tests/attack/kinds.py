"""The kinds of attack by name."""

from collections.abc import Callable

from tests.attack import faces, frames, fuzzing, injection, limits, markup, origins, reach, sent, tokens
from tests.attack.scene import Scene
from tests.attack.tally import Tally

KINDS: dict[str, Callable[[Scene], list[Tally]]] = {
    "reach": reach.attack,
    "frames": frames.attack,
    "origins": origins.attack,
    "tokens": tokens.attack,
    "markup": markup.attack,
    "faces": faces.attack,
    "limits": limits.attack,
    "fuzzing": fuzzing.attack,
    "injection": injection.attack,
    "sent": sent.attack,
}
REAL = ["injection", "sent"]
FAKE = [name for name in KINDS if name != "injection"]
