"""The ground keeps what staff did; and `Status` stands for the status page, so that it has a permission."""

from django.db import models


class Status(models.Model):
    class Meta:
        managed = False  # no table
        default_permissions = ("view",)
        verbose_name = verbose_name_plural = "status"


class AuditEntry(models.Model):
    """Something that a person of the staff did, or tried. Triggers of the database keep it as it was written.

    Names are copied: an entry stays when its person or its object is deleted.
    """

    at = models.DateTimeField("when", db_index=True)
    who = models.CharField(max_length=150, blank=True)
    user_id = models.BigIntegerField(null=True, blank=True, db_index=True)
    address = models.CharField(max_length=45, blank=True)
    act = models.CharField(max_length=40, db_index=True)
    kind = models.CharField("kind of object", max_length=80, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    object = models.CharField(max_length=200, blank=True)
    detail = models.TextField(blank=True)

    class Meta:
        default_permissions = ("view",)
        ordering = ("-pk",)
        verbose_name = "audit entry"
        verbose_name_plural = "audit log"

    def __str__(self) -> str:
        return f"{self.who or 'somebody'}: {self.act}"
