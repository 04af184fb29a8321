from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chat", "0005_desk_people")]

    operations = [
        migrations.AddField(
            model_name="message",
            name="stopped",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="What was held back from the customer, after its kind: a fact in no passage, or a sentence.",
                max_length=200,
            ),
        ),
        migrations.AddField(
            model_name="message",
            name="support",
            field=models.JSONField(
                blank=True,
                db_default=[],
                default=list,
                help_text="[{text, cited, score}]: how well the passages support each sentence, from 0 to 1.",
            ),
        ),
    ]
