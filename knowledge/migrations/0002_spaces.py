import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('knowledge', '0001_initial'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='chunk',
            name='chunk_position_once',
        ),
        migrations.AddField(
            model_name='chunk',
            name='cut',
            field=models.CharField(default='1/200', help_text='How the revision was cut: version of the rules / most tokens.', max_length=16),
        ),
        migrations.AddConstraint(
            model_name='chunk',
            constraint=models.UniqueConstraint(fields=('revision', 'cut', 'position'), name='chunk_position_once'),
        ),
        migrations.AlterModelOptions(
            name='embeddingspace',
            options={'ordering': ['pk']},
        ),
        migrations.AlterField(
            model_name='embeddingspace',
            name='recipe',
            field=models.JSONField(help_text='model, dimensions, query_prefix, passage_prefix, normalise, chunking, passage_tokens'),
        ),
        migrations.AlterField(
            model_name='embeddingspace',
            name='state',
            field=models.CharField(choices=[('building', 'Being built'), ('active', 'Searched'), ('retired', 'The way back'), ('dropped', 'Being removed')], default='building', max_length=12),
        ),
        migrations.AddField(
            model_name='embeddingspace',
            name='goal',
            field=models.CharField(choices=[('compare', 'Compare, and switch if it is not worse'), ('wait', 'Compare, and wait for a person'), ('switch', 'Switch')], default='compare', max_length=12),
        ),
        migrations.AddField(
            model_name='embeddingspace',
            name='paused',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='embeddingspace',
            name='rate',
            field=models.FloatField(help_text='Passages a second, as last measured.', null=True),
        ),
        migrations.AddField(
            model_name='embeddingspace',
            name='trouble',
            field=models.CharField(blank=True, help_text='Why it does not go on, as a sentence.', max_length=300),
        ),
        migrations.AddField(
            model_name='embeddingspace',
            name='comparison',
            field=models.JSONField(help_text='With the space that was searched then: see spaces.compare.', null=True),
        ),
        migrations.CreateModel(
            name='Attempt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('count', models.PositiveSmallIntegerField(default=0)),
                ('retry_at', models.DateTimeField(null=True)),
                ('error', models.CharField(blank=True, max_length=300)),
                ('article', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='knowledge.article')),
                ('space', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='attempts', to='knowledge.embeddingspace')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('space', 'article'), name='one_attempt_a_space_and_article')],
            },
        ),
        migrations.AddIndex(
            model_name='chunk',
            index=models.Index(condition=models.Q(('live', True)), fields=['cut', 'audience', 'language'], name='chunk_live_faces'),
        ),
        migrations.AddIndex(
            model_name='embedding',
            index=models.Index(fields=['space', 'audience', 'language'], name='embedding_faces'),
        ),
    ]
