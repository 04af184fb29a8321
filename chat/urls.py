"""Addresses of pages."""

from django.urls import path

from chat import contact, views

urlpatterns = [
    path("", views.demo, name="demo"),
    path("chat/contact", contact.leave, name="contact"),
]
