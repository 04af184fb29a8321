from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("chat", "0002_people"), ("knowledge", "0004_findings")]

    operations: list = []
