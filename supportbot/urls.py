"""Addresses. The socket's are in chat.routing."""

from django.conf import settings
from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

from chat import trying
from knowledge import sitemaps
from supportbot import health, metrics

urlpatterns = [
    # Browsers ask for it on pages that name no icon, such as the admin's.
    path("favicon.ico", RedirectView.as_view(url=static("site/mark.svg"))),
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("metrics", metrics.metrics, name="metrics"),
    path(f"{settings.ADMIN_PATH}try/", trying.try_question, name="try-question"),
    path(settings.ADMIN_PATH, admin.site.urls),
    path("help/", include("knowledge.urls")),
    path("sitemap.xml", sitemaps.sitemap, name="sitemap"),
    path("robots.txt", sitemaps.robots, name="robots"),
    path("", include("chat.urls")),
]
