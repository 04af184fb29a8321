"""The ASGI application: Django's pages, and the chat's socket behind its own check of the Origin."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "supportbot.settings")

from django.core.asgi import get_asgi_application  # noqa: E402

pages = get_asgi_application()

from channels.routing import ProtocolTypeRouter  # noqa: E402

from chat.routing import socket_application  # noqa: E402

application = ProtocolTypeRouter({"http": pages, "websocket": socket_application})
