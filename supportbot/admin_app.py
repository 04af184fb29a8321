"""Django's admin with our way in. Apart from apps.py, which may declare one default only."""

from django.contrib.admin.apps import AdminConfig


class StaffAdminConfig(AdminConfig):
    default_site = "supportbot.staff_site.StaffSite"
