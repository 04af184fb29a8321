"""Who may see whether everything works: managers and administrators. No table is made."""

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

GROUPS = ["manager", "administrator"]


def widen_groups(apps, schema_editor) -> None:
    # Permissions are made after the last migration; a group needs its own now.
    create_permissions(installed.get_app_config("supportbot"), apps=apps, verbosity=0)
    Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    status = Permission.objects.get(content_type__app_label="supportbot", codename="view_status")
    for group in Group.objects.filter(name__in=GROUPS):  # one that was renamed or deleted stays as it is
        group.permissions.add(status)


class Migration(migrations.Migration):
    initial = True
    dependencies = [("chat", "0002_people")]

    operations = [
        migrations.CreateModel(
            name="Status",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"))
            ],
            options={
                "verbose_name": "status",
                "verbose_name_plural": "status",
                "managed": False,
                "default_permissions": ("view",),
            },
        ),
        migrations.RunPython(widen_groups, migrations.RunPython.noop),
    ]
