from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chat", "0002_people"), ("knowledge", "0004_findings")]

    operations = [
        migrations.AddField(
            model_name="widget",
            name="only_language",
            field=models.BooleanField(
                default=False,
                help_text="Answer from articles in the language of the question alone. Otherwise they only come first.",
                verbose_name="only in the customer's language",
            ),
        ),
    ]
