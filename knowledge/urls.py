"""Addresses of the public help pages."""

from django.urls import path

from knowledge import views

urlpatterns = [
    path("", views.index, name="help"),
    path("<slug:slug>/", views.article, name="help-article"),
]
