import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.contrib.postgres.operations
import django.db.models.deletion
import django.db.models.functions.text
import uuid6
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('knowledge', '0003_imports'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        # HOT updates: the index counts its attempts on each row while it embeds, and bodies are indexed by their words.
        migrations.RunSQL('ALTER TABLE knowledge_article SET (fillfactor = 80)', migrations.RunSQL.noop),
        django.contrib.postgres.operations.TrigramExtension(),
        migrations.CreateModel(
            name='BulkChange',
            fields=[
                ('id', models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                ('verb', models.CharField(choices=[('publish', 'Publish'), ('unpublish', 'Unpublish'), ('archive', 'Archive'), ('reembed', 'Embed again'), ('category', 'Set category'), ('owner', 'Set owner'), ('language', 'Set language')], max_length=12)),
                ('value', models.CharField(blank=True, help_text='The category, owner or language to set.', max_length=40)),
                ('articles', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=20000)),
                ('created', models.DateTimeField(auto_now_add=True)),
                ('confirmed_at', models.DateTimeField(null=True)),
                ('claimed_until', models.DateTimeField(help_text="By the database's clock: somebody is at it.", null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('done', models.PositiveIntegerField(default=0)),
                ('failed', models.PositiveIntegerField(default=0)),
                ('failures', models.JSONField(default=list, help_text='The first failures: title and sentence.')),
            ],
        ),
        migrations.CreateModel(
            name='Checkup',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slug', models.CharField(max_length=120)),
                ('audience', models.CharField(blank=True, max_length=12)),
                ('updated', models.DateTimeField()),
                ('revision', models.UUIDField(help_text='The live one.', null=True)),
                ('compared', models.UUIDField(help_text='The live one whose passages were compared: it had its vectors.', null=True)),
                ('checked_at', models.DateTimeField(auto_now=True)),
            ],
        ),
        migrations.CreateModel(
            name='Finding',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('contradiction', 'Says otherwise'), ('overlap', 'Overlap'), ('broken_link', 'Broken link'), ('test_question_lost', 'Question lost')], max_length=20)),
                ('text_hash', models.CharField(help_text='sha256 of what was looked at in the article.', max_length=64)),
                ('other_hash', models.CharField(blank=True, help_text='The same of the other article.', max_length=64)),
                ('details', models.JSONField(default=dict, help_text='A few short fields for the page, by kind.')),
                ('found_at', models.DateTimeField(auto_now_add=True)),
                ('dismissed_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='InternalLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slug', models.CharField(db_index=True, max_length=120)),
            ],
        ),
        migrations.CreateModel(
            name='TestQuestion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('question', models.CharField(max_length=500)),
                ('created', models.DateTimeField(auto_now_add=True)),
                ('last_rank', models.PositiveSmallIntegerField(help_text="The article's place; empty: not found.", null=True)),
                ('last_checked', models.DateTimeField(help_text='Empty: not searched for yet.', null=True)),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
        migrations.AddIndex(
            model_name='article',
            index=django.contrib.postgres.indexes.GinIndex(django.contrib.postgres.indexes.OpClass(django.db.models.functions.text.Upper('title'), name='gin_trgm_ops'), name='article_title_words'),
        ),
        migrations.AddIndex(
            model_name='article',
            index=django.contrib.postgres.indexes.GinIndex(django.contrib.postgres.indexes.OpClass(django.db.models.functions.text.Upper('body'), name='gin_trgm_ops'), name='article_body_words'),
        ),
        migrations.AddField(
            model_name='bulkchange',
            name='by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='checkup',
            name='article',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='checkup', to='knowledge.article'),
        ),
        migrations.AddField(
            model_name='finding',
            name='article',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='findings', to='knowledge.article'),
        ),
        migrations.AddField(
            model_name='finding',
            name='dismissed_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='finding',
            name='other',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='knowledge.article'),
        ),
        migrations.AddField(
            model_name='internallink',
            name='article',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='internal_links', to='knowledge.article'),
        ),
        migrations.AddField(
            model_name='testquestion',
            name='article',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='test_questions', to='knowledge.article'),
        ),
        migrations.AddField(
            model_name='testquestion',
            name='created_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name='bulkchange',
            index=models.Index(condition=models.Q(('confirmed_at__isnull', False), ('finished_at__isnull', True)), fields=['created'], name='bulk_unfinished'),
        ),
        migrations.AddIndex(
            model_name='finding',
            index=models.Index(condition=models.Q(('dismissed_at__isnull', True)), fields=['kind', 'article'], name='finding_open'),
        ),
        migrations.AddIndex(
            model_name='finding',
            index=models.Index(condition=models.Q(('dismissed_at__isnull', True)), fields=['kind', 'other'], name='finding_open_other'),
        ),
        migrations.AddConstraint(
            model_name='finding',
            constraint=models.UniqueConstraint(fields=('article', 'other', 'kind', 'text_hash', 'other_hash'), name='finding_once', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='internallink',
            constraint=models.UniqueConstraint(fields=('article', 'slug'), name='internal_link_once'),
        ),
        migrations.AddConstraint(
            model_name='testquestion',
            constraint=models.UniqueConstraint(fields=('article', 'question'), name='test_question_once'),
        ),
    ]
