"""Addresses of sockets."""

from channels.routing import URLRouter
from django.urls import re_path

from chat.consumers import ChatConsumer, Nowhere

socket_application = URLRouter(
    [
        re_path(r"^ws/chat/(?P<key>[-a-zA-Z0-9_]{1,40})/$", ChatConsumer.as_asgi()),
        re_path(r"", Nowhere.as_asgi()),
    ]
)
