"""Editors import articles and see how they are embedded; administrators may do all that came with both."""

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

EDITORS = [
    "view_importsource",
    "add_importsource",
    "change_importsource",
    "delete_importsource",
    "view_embeddingspace",
]


def widen_groups(apps, schema_editor) -> None:
    # Permissions are made after the last migration; a group needs its own now.
    create_permissions(installed.get_app_config("knowledge"), apps=apps, verbosity=0)
    Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    ours = Permission.objects.filter(content_type__app_label="knowledge")
    wider = {"editor": ours.filter(codename__in=EDITORS), "administrator": ours}
    for group in Group.objects.filter(name__in=wider):  # one that was renamed or deleted stays as it is
        group.permissions.add(*wider[group.name])


class Migration(migrations.Migration):
    dependencies = [("chat", "0004_coverage"), ("knowledge", "0004_findings")]

    operations = [migrations.RunPython(widen_groups, migrations.RunPython.noop)]
