"""The ground keeps no rows of its own. This one stands for the status page, so that it has a permission."""

from django.db import models


class Status(models.Model):
    class Meta:
        managed = False  # no table
        default_permissions = ("view",)
        verbose_name = verbose_name_plural = "status"
