import django.contrib.postgres.indexes
from django.db import migrations, models


class Migration(migrations.Migration):
    """Which article answered what, and what it was only near to: read by article, newest first."""

    dependencies = [("chat", "0003_widget_language")]

    operations = [
        migrations.AddIndex(
            model_name="message",
            index=django.contrib.postgres.indexes.GinIndex(
                condition=models.Q(("outcome", "abstained")),
                fields=["nearest"],
                name="message_nearest",
                opclasses=["jsonb_path_ops"],
            ),
        ),
        migrations.AddIndex(
            model_name="retrievedpassage",
            index=models.Index(fields=["revision", "message"], name="passage_revision_message"),
        ),
    ]
