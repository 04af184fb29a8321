from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("knowledge", "0005_admin_log")]

    operations = [
        migrations.AddField(
            "checkup", "language", models.CharField(blank=True, default="", max_length=8), preserve_default=False
        )
    ]
