"""Addresses. The socket's are in chat.routing."""

from django.conf import settings
from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

from chat import trying
from supportbot import health, metrics

admin.site.site_header = admin.site.site_title = "Supportbot"
admin.site.index_title = "Support desk"

urlpatterns = [
    # Browsers ask for it on pages that name no icon, such as the admin's.
    path("favicon.ico", RedirectView.as_view(url=static("site/mark.svg"))),
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("metrics", metrics.metrics, name="metrics"),
    path(f"{settings.ADMIN_PATH}try/", trying.try_question, name="try-question"),
    path(settings.ADMIN_PATH, admin.site.urls),
    path("help/", include("knowledge.urls")),
    path("", include("chat.urls")),
]
