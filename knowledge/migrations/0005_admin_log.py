"""Who saved an article last is asked with each text that is kept while it is written, and on each page of the list."""

from django.db import migrations

INDEX = """CREATE INDEX IF NOT EXISTS admin_log_of_object
ON django_admin_log (content_type_id, object_id, id DESC)"""


class Migration(migrations.Migration):
    dependencies = [("knowledge", "0004_findings"), ("admin", "0003_logentry_add_action_flag_choices")]

    operations = [migrations.RunSQL(INDEX, "DROP INDEX IF EXISTS admin_log_of_object")]
