from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("knowledge", "0003_imports")]

    operations: list = []
