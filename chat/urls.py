"""Addresses of pages."""

from django.urls import path

from chat import contact, views, widget_files

urlpatterns = [
    path("", views.demo, name="demo"),
    path("widget/<path:name>", widget_files.serve, name="widget-file"),
    path("chat/contact", contact.leave, name="contact"),
]
