"""Addresses of pages."""

from django.urls import path

from chat import contact, framing, leaving, views, widget_files

urlpatterns = [
    path("", views.demo, name="demo"),
    path("demo/states/", views.states, name="demo-states"),
    path("demo/preview/", views.preview, name="demo-preview"),
    path("widget/<slug:key>.json", views.widget_settings, name="widget-settings"),
    path("widget/<slug:key>/frame/", framing.page, name="widget-frame"),
    path("widget/<path:name>", widget_files.serve, name="widget-file"),
    path("chat/contact", contact.leave, name="contact"),
    path("chat/logout", leaving.leave, name="chat-logout"),
]
