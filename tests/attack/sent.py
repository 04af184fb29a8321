"""What was really sent to the engine: nothing secret, nothing of another visitor, nothing that is not public."""

import json

from django.conf import settings
from django.contrib.auth import get_user_model

from chat.models import ContactRequest
from tests.attack.scene import Scene
from tests.attack.tally import Tally
from tests.attack.things import HIDDEN

LEAST_CHARS = 6  # of a name that is looked for: "ada" stands in other words


def attack(scene: Scene) -> list[Tally]:
    """Comes last: it reads what the other attacks have caused."""
    dora, emil = scene.visitors
    with dora.arrive(scene.host) as line:
        line.answer(f"How long can I return a tent? {dora.secret}")
    tally = Tally("secrets in prompts", facts={"prompts read": len(scene.instance.tap.bodies)})
    secrets = _secrets(scene)
    for body in scene.instance.tap.bodies:
        sent = json.dumps(body, ensure_ascii=False)
        found = [name for name, secret in secrets.items() if secret in sent]
        tally.attempt(not found, f"{found} in {sent[-200:]}")
        mixed = dora.secret in sent and emil.secret in sent
        tally.attempt(not mixed, f"two visitors in one prompt: {sent[-200:]}")
    tally.attempt(bool(scene.instance.tap.bodies), "no prompt was seen: nothing was tried")
    return [tally]


def _secrets(scene: Scene) -> dict[str, str]:
    passwords = (scene.instance.data_dir / "first-passwords.txt").read_text().splitlines()
    found = {
        "the secret key": settings.SECRET_KEY,
        "the data folder": str(settings.DATA_DIR),
        "the database's address": settings.DATABASE_URL,
        "Redis' address": settings.REDIS_URL,
        "an article that is not public": HIDDEN,
        **{f"the password of {line.split()[0]}": line.split()[-1] for line in passwords if not line.startswith("#")},
    }
    for visitor in scene.visitors:
        found[f"{visitor.name}'s token"] = visitor.token
        found[f"{visitor.name}'s conversation"] = visitor.conversation
        found[f"{visitor.name}'s address"] = visitor.address
    for user in get_user_model().objects.all():
        found |= {f"the name of {user}": user.username} if len(user.username) >= LEAST_CHARS else {}
        found |= {f"{user}'s e-mail address": user.email} if user.email else {}
    found |= {f"contact {row.pk}": row.email for row in ContactRequest.objects.all()}
    return {name: secret for name, secret in found.items() if secret}
