"""The four groups of staff, each with the least that its work needs."""

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations

READ_ARTICLES = ["knowledge.view_article", "knowledge.view_category", "knowledge.view_revision"]
WRITE_ARTICLES = [*READ_ARTICLES, "knowledge.add_article", "knowledge.change_article"]
READ_CONVERSATIONS = ["chat.view_conversation", "chat.view_message"]
GROUPS = {
    # Writes articles and answers customers who ask for a person.
    "agent": [
        *WRITE_ARTICLES,
        *READ_CONVERSATIONS,
        "chat.answer_conversation",
        "chat.view_contactrequest",
        "chat.change_contactrequest",
    ],
    # Owns the articles, and sees no conversation.
    "editor": [
        *WRITE_ARTICLES,
        "knowledge.delete_article",
        "knowledge.add_category",
        "knowledge.change_category",
        "knowledge.delete_category",
    ],
    # Reads what was said, judges it, exports it; changes no article.
    "manager": [
        *READ_ARTICLES,
        *READ_CONVERSATIONS,
        "chat.export_conversation",
        "chat.view_rating",
        "chat.view_review",
        "chat.add_review",
        "chat.change_review",
        "chat.view_contactrequest",
    ],
}


def make_groups(apps, schema_editor):
    # Permissions are made after the last migration; a group needs its own now.
    for label in ("auth", "knowledge", "chat"):
        config = installed.get_app_config(label)
        create_permissions(config, apps=apps, verbosity=0)
    Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")

    def permission(name):
        label, codename = name.split(".")
        return Permission.objects.get(content_type__app_label=label, codename=codename)

    for name, permissions in GROUPS.items():
        Group.objects.get_or_create(name=name)[0].permissions.set(permission(each) for each in permissions)
    every = Permission.objects.filter(content_type__app_label__in=("auth", "knowledge", "chat"))
    Group.objects.get_or_create(name="administrator")[0].permissions.set(every)


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0001_initial"),
        ("knowledge", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="conversation",
            options={
                "ordering": ["-updated"],
                "permissions": [
                    ("answer_conversation", "Can answer customers"),
                    ("export_conversation", "Can export conversations"),
                ],
            },
        ),
        migrations.RunPython(make_groups, migrations.RunPython.noop),
    ]
