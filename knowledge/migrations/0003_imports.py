import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('knowledge', '0002_spaces'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ImportSource',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120, unique=True)),
                ('kind', models.CharField(blank=True, help_text='How to read it. Left empty, it is guessed.', max_length=20)),
                ('location', models.CharField(blank=True, help_text='An address, or a folder of the server.', max_length=1000)),
                ('upload', models.CharField(blank=True, editable=False, help_text='Its folder in the data folder.', max_length=60)),
                ('upload_name', models.CharField(blank=True, editable=False, help_text='What staff called it.', max_length=200)),
                ('uploaded', models.DateTimeField(editable=False, null=True)),
                ('language', models.CharField(choices=[('en', 'English'), ('de', 'German'), ('fr', 'French'), ('es', 'Spanish'), ('it', 'Italian'), ('nl', 'Dutch'), ('pt', 'Portuguese'), ('da', 'Danish'), ('sv', 'Swedish'), ('no', 'Norwegian'), ('fi', 'Finnish'), ('ar', 'Arabic'), ('ja', 'Japanese'), ('zh', 'Chinese'), ('pl', 'Polish'), ('ru', 'Russian'), ('tr', 'Turkish')], default='en', help_text='Of documents that do not say it.', max_length=8)),
                ('audience', models.CharField(choices=[('public', 'Public'), ('customers', 'Known customers'), ('internal', 'Internal')], default='public', help_text='Of documents that do not say it.', max_length=12)),
                ('publish', models.BooleanField(default=False, help_text='Otherwise all stay drafts until somebody publishes them.')),
                ('missing', models.CharField(choices=[('keep', 'Keep them as they are'), ('unpublish', 'Unpublish them'), ('archive', 'Archive them')], default='keep', help_text='What a run does when a document that it imported before is no longer there.', max_length=12, verbose_name='articles whose document is gone')),
                ('created', models.DateTimeField(auto_now_add=True)),
                ('by', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('category', models.ForeignKey(blank=True, help_text='For documents that name none.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='knowledge.category')),
            ],
            options={
                'verbose_name': 'import',
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='ImportRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('preview', models.BooleanField(default=False)),
                ('overwrite', models.BooleanField(default=False, help_text='Replace what was edited here since.')),
                ('allow_missing', models.BooleanField(default=False, help_text='Even if the source may be broken.')),
                ('state', models.CharField(choices=[('queued', 'Waiting'), ('reading', 'Reading'), ('writing', 'Writing'), ('done', 'Done'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], default='queued', max_length=12)),
                ('found', models.PositiveIntegerField(default=0)),
                ('counts', models.JSONField(default=dict, help_text='How many items of each action there are.')),
                ('planned', models.PositiveIntegerField(default=0, help_text='Documents that are to be written.')),
                ('written', models.PositiveIntegerField(default=0, help_text='Of these, how many are done.')),
                ('attempts', models.PositiveSmallIntegerField(default=0, help_text='How often a process began or continued it.')),
                ('cancel_asked', models.BooleanField(default=False)),
                ('error', models.CharField(blank=True, max_length=500)),
                ('created', models.DateTimeField(auto_now_add=True)),
                ('started', models.DateTimeField(null=True)),
                ('finished', models.DateTimeField(null=True)),
                ('heartbeat', models.DateTimeField(auto_now_add=True)),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('source', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='runs', to='knowledge.importsource')),
            ],
            options={
                'ordering': ['-pk'],
            },
        ),
        migrations.CreateModel(
            name='ImportedArticle',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=500)),
                ('text_digest', models.CharField(help_text='sha256 of title and body as they were written.', max_length=64)),
                ('content_digest', models.CharField(help_text="sha256 of the document's own text, to know it again.", max_length=64)),
                ('facts', models.JSONField(default=dict, help_text='Category, language and audience as the document said them.')),
                ('left_as', models.CharField(choices=[('draft', 'Draft'), ('published', 'Published'), ('archived', 'Archived')], max_length=12)),
                ('address', models.CharField(blank=True, help_text='Where the document was published.', max_length=1000)),
                ('missing_since', models.DateTimeField(null=True)),
                ('article', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='imported', to='knowledge.article')),
                ('last_seen', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='knowledge.importrun')),
                ('source', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='articles', to='knowledge.importsource')),
            ],
        ),
        migrations.CreateModel(
            name='ImportItem',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=500)),
                ('action', models.CharField(choices=[('failed', 'Failed'), ('held', 'Held back'), ('edited', 'Edited here since'), ('missing', 'Missing'), ('new', 'New'), ('changed', 'Changed'), ('moved', 'Moved'), ('unchanged', 'Unchanged')], max_length=12)),
                ('title', models.CharField(blank=True, max_length=200)),
                ('message', models.CharField(blank=True, max_length=300)),
                ('sample', models.TextField(blank=True, help_text='The beginning of the text, for the first items of a preview.')),
                ('article', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='knowledge.article')),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='items', to='knowledge.importrun')),
            ],
            options={
                'indexes': [models.Index(fields=['run', 'action'], name='knowledge_i_run_id_a450d7_idx')],
                'constraints': [models.UniqueConstraint(fields=('run', 'key'), name='one_item_a_run_and_key')],
            },
        ),
        migrations.AddConstraint(
            model_name='importrun',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ('queued', 'reading', 'writing'))), fields=('source',), name='one_run_a_source'),
        ),
        migrations.AddConstraint(
            model_name='importedarticle',
            constraint=models.UniqueConstraint(fields=('source', 'key'), name='one_article_a_source_and_key'),
        ),
    ]
