"""Addresses of the public help pages."""

from django.urls import path

from knowledge import sitemaps, views

urlpatterns = [
    path("", views.index, name="help"),
    path("sitemap-<int:number>.xml", sitemaps.part, name="help-sitemap"),
    path("category/<slug:slug>/", views.category, name="help-category"),
    path("<slug:slug>/", views.article, name="help-article"),
    path("<slug:slug>/helpful/", views.vote, name="help-vote"),
]
