"""The ASGI application: Django's pages, and the chat's socket behind its own check of the Origin."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "supportbot.settings")

from django.core.asgi import get_asgi_application  # noqa: E402

pages = get_asgi_application()

from channels.routing import ProtocolTypeRouter  # noqa: E402
from django.conf import settings  # noqa: E402

from chat.lifespan import lifespan  # noqa: E402
from chat.routing import socket_application  # noqa: E402
from supportbot import meter_relay  # noqa: E402
from supportbot.addresses import BelievedProtocol  # noqa: E402
from supportbot.request_size import RequestSize  # noqa: E402

MOST_MB = 8  # an article of the widest script has less than one
IMPORTS = f"/{settings.ADMIN_PATH}knowledge/importsource/"
pages = BelievedProtocol(RequestSize(pages, MOST_MB, {IMPORTS: settings.IMPORT_UPLOAD_MB + 1}))

application = ProtocolTypeRouter({"http": pages, "websocket": socket_application, "lifespan": lifespan})
meter_relay.begin("web")
