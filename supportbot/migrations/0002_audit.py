"""The audit log: its table, what keeps it as it was written, what fills it from the admin's own log, and who may read.

The admin's log goes with its person and can be emptied; the copy stays until it is older than AUDIT_KEEP_DAYS.
"""

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

GROUPS = ["manager", "administrator"]

# A row is never changed, and deleted only when it is older than the least that AUDIT_KEEP_DAYS may be.
KEEP = """
CREATE OR REPLACE FUNCTION supportbot_audit_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND OLD.at < now() - interval '30 days' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the audit log can only be added to' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE OR REPLACE TRIGGER supportbot_audit_keep BEFORE UPDATE OR DELETE ON supportbot_auditentry
    FOR EACH ROW EXECUTE FUNCTION supportbot_audit_keep();
"""

COPY = """
CREATE OR REPLACE FUNCTION supportbot_audit_copy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO supportbot_auditentry (at, who, user_id, address, act, kind, object_id, object, detail)
    SELECT NEW.action_time, person.username, person.id, '',
           CASE NEW.action_flag WHEN 1 THEN 'added' WHEN 2 THEN 'changed' ELSE 'deleted' END,
           COALESCE(left(type.app_label || '.' || type.model, 80), ''), COALESCE(left(NEW.object_id, 64), ''),
           left(NEW.object_repr, 200), left(NEW.change_message, 2000)
    FROM auth_user AS person LEFT JOIN django_content_type AS type ON type.id = NEW.content_type_id
    WHERE person.id = NEW.user_id;
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER supportbot_audit_copy AFTER INSERT ON django_admin_log
    FOR EACH ROW EXECUTE FUNCTION supportbot_audit_copy();
"""

UNDO = """
DROP TRIGGER IF EXISTS supportbot_audit_copy ON django_admin_log;
DROP FUNCTION IF EXISTS supportbot_audit_copy();
DROP TRIGGER IF EXISTS supportbot_audit_keep ON supportbot_auditentry;
DROP FUNCTION IF EXISTS supportbot_audit_keep();
"""


def widen_groups(apps, schema_editor) -> None:
    # Permissions are made after the last migration; a group needs its own now.
    create_permissions(installed.get_app_config("supportbot"), apps=apps, verbosity=0)
    Group, Permission = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    view = Permission.objects.get(content_type__app_label="supportbot", codename="view_auditentry")
    for group in Group.objects.filter(name__in=GROUPS):  # one that was renamed or deleted stays as it is
        group.permissions.add(view)


class Migration(migrations.Migration):
    dependencies = [
        ("supportbot", "0001_status"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(db_index=True, verbose_name="when")),
                ("who", models.CharField(blank=True, max_length=150)),
                ("user_id", models.BigIntegerField(blank=True, db_index=True, null=True)),
                ("address", models.CharField(blank=True, max_length=45)),
                ("act", models.CharField(db_index=True, max_length=40)),
                ("kind", models.CharField(blank=True, max_length=80, verbose_name="kind of object")),
                ("object_id", models.CharField(blank=True, max_length=64)),
                ("object", models.CharField(blank=True, max_length=200)),
                ("detail", models.TextField(blank=True)),
            ],
            options={
                "verbose_name": "audit entry",
                "verbose_name_plural": "audit log",
                "ordering": ("-pk",),
                "default_permissions": ("view",),
            },
        ),
        migrations.RunSQL(KEEP + COPY, UNDO),
        migrations.RunPython(widen_groups, migrations.RunPython.noop),
    ]
