"""Imports in the admin: sources, previews, runs as they go, and their reports. Every button is a door to a verb."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from knowledge import import_files, import_report, import_tasks, imports
from knowledge.import_forms import ImportSourceForm, folder_refusal
from knowledge.importers import KINDS
from knowledge.models import ImportItem, ImportRun, ImportSource
from knowledge.rendering import to_html
from supportbot import audit

ITEMS_A_PAGE = 200
RUNS_SHOWN = 20
CHIPS = {
    "queued": "waiting", "reading": "moving", "writing": "moving", "done": "live", "failed": "failed",
    "cancelled": "draft",
}  # fmt: skip
ITEM_CHIPS = {"failed": "failed", "held": "failed", "edited": "waiting", "missing": "waiting", "new": "live",
              "changed": "moving", "moved": "moving", "unchanged": "draft"}  # fmt: skip


@admin.register(ImportSource)
class ImportSourceAdmin(admin.ModelAdmin):
    form = ImportSourceForm
    fieldsets = (
        ("Where the articles are", {"fields": ("file", "location", "kind", "name")}),
        ("What they become", {"fields": ("publish", ("category", "language", "audience"), "missing")}),
    )
    list_display = ("name", "place", "articles_here", "last_run")
    search_fields = ("name", "location", "upload_name")
    list_per_page = 50

    class Media:
        css = {"all": ("admin/knowledge/articles.css", "admin/knowledge/editor.css", "admin/knowledge/imports.css")}
        js = ("admin/knowledge/imports.js",)

    def get_urls(self) -> Sequence[URLPattern]:
        def page(address: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
            return path(address, self.admin_site.admin_view(view), name=f"knowledge_importsource_{name}")

        return [
            page("<int:key>/start/", require_POST(self.start), "start"),
            page("runs/<int:key>/", self.run, "run"),
            page("runs/<int:key>/state/", self.state, "state"),
            page("runs/<int:key>/cancel/", require_POST(self.cancel), "cancel"),
            page("runs/<int:key>/report.csv", self.report, "report"),
            *super().get_urls(),
        ]

    # --- The list ---------------------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[ImportSource]:
        held, gone = Count("articles"), Count("articles", filter=Q(articles__missing_since__isnull=False))
        return super().get_queryset(request).annotate(held=held, gone=gone)

    @admin.display(description="From")
    def place(self, source: ImportSource) -> str:
        label = KINDS.get(source.kind, "").split(":")[0]
        where = source.location or source.upload_name
        return format_html('<span class="kb-from">{}</span> <span class="kb-note">{}</span>', where, label)

    @admin.display(description="Articles", ordering="held")
    def articles_here(self, source: ImportSource) -> str:
        gone = f" ({source.gone} missing there)" if source.gone else ""
        return f"{source.held:,}{gone}"

    @admin.display(description="Last run")
    def last_run(self, source: ImportSource) -> str:
        run = source.runs.first()
        if run is None:
            return "–"
        return format_html(
            '<a href="{}">{}</a> {}',
            run_page(run),
            timezone.localtime(run.created).strftime("%Y-%m-%d %H:%M"),
            chip(run),
        )

    # --- The form ---------------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        source = self.get_object(request, object_id)
        runs = list(source.runs.select_related("by")[:RUNS_SHOWN]) if source else []
        rows = [(run, chip(run), import_report.summary(run.counts, preview=run.preview)) for run in runs]
        return super().change_view(request, object_id, form_url, (extra_context or {}) | {"runs": rows})

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Without the four little buttons beside a category: they leave it no room."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget
        return field

    def save_model(self, request: HttpRequest, obj: ImportSource, form: ImportSourceForm, change: bool) -> None:
        if not change:
            obj.by = request.user
        if form.cleaned_data["file"]:
            import_files.keep(obj, form.cleaned_data["file"])
        elif obj.location:
            import_files.drop(obj)
        obj.save()

    def delete_model(self, request: HttpRequest, obj: ImportSource) -> None:
        imports.delete(source=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ImportSource]) -> None:
        for source in queryset:
            imports.delete(source=source)

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """What the page that asks twice lists. The articles stay; what is deleted is where they came from."""
        sources = list(objs)
        runs = ImportRun.objects.filter(source__in=sources).count()
        needed = set() if self.has_delete_permission(request) else {str(self.opts.verbose_name)}
        shown = [f"{source} (its articles stay)" for source in sources]
        return shown, {"imports": len(sources), "runs and their reports": runs}, needed, []

    def response_add(
        self, request: HttpRequest, obj: ImportSource, post_url_continue: str | None = None
    ) -> HttpResponse:
        return self._run_if_asked(request, obj) or super().response_add(request, obj, post_url_continue)

    def response_change(self, request: HttpRequest, obj: ImportSource) -> HttpResponse:
        return self._run_if_asked(request, obj) or super().response_change(request, obj)

    def _run_if_asked(self, request: HttpRequest, source: ImportSource) -> HttpResponse | None:
        if not {"_preview", "_import"} & request.POST.keys():
            return None
        return self._begin(request, source, preview="_preview" in request.POST)

    # --- Runs -------------------------------------------------------------------------------------------------------

    def start(self, request: HttpRequest, key: int) -> HttpResponse:
        source = get_object_or_404(ImportSource, pk=key)
        if not self.has_change_permission(request, source):
            raise PermissionDenied
        return self._begin(
            request,
            source,
            preview=request.POST.get("mode") == "preview",
            overwrite="overwrite" in request.POST,
            allow_missing="allow_missing" in request.POST,
        )

    def _begin(self, request: HttpRequest, source: ImportSource, **options: bool) -> HttpResponse:
        back = reverse("admin:knowledge_importsource_change", args=[source.pk])
        if source.location and (why := folder_refusal(source.location)):
            self.message_user(request, why, messages.ERROR)
            return HttpResponseRedirect(back)
        try:
            run = import_tasks.begin(source=source, by=request.user, **options)
        except imports.ImportRefused as error:
            self.message_user(request, str(error), messages.ERROR)
            unfinished = source.runs.filter(state__in=ImportRun.UNFINISHED).first()
            return HttpResponseRedirect(run_page(unfinished) if unfinished else back)
        self.log_change(request, source, "Previewed." if run.preview else "Imported.")
        return HttpResponseRedirect(run_page(run))

    def run(self, request: HttpRequest, key: int) -> HttpResponse:
        run = self._run(request, key)
        action = request.GET.get("action", "")
        items = Paginator(import_report.items_of(run, action), ITEMS_A_PAGE).get_page(request.GET.get("page"))
        labels = dict(ImportItem.Action.choices)
        samples = run.items.exclude(sample="").order_by("pk") if run.is_finished else []
        context = {
            **self.admin_site.each_context(request),
            "title": str(run),
            "opts": self.opts,
            "run": run,
            "source": run.source,
            "state": as_json(run),
            "filters": [(value, labels[value], run.counts[value]) for value in labels if run.counts.get(value)],
            "chosen": action if action in labels else "",
            "items": [(item, ITEM_CHIPS[item.action]) for item in items],
            "page": items,
            "samples": [(item.title, to_html(item.sample, ids=False)) for item in samples],
            "may_change": self.has_change_permission(request),
            "media": self.media,
        }
        return TemplateResponse(request, "admin/knowledge/importsource/run.html", context)

    def state(self, request: HttpRequest, key: int) -> HttpResponse:
        return JsonResponse(as_json(self._run(request, key)))

    def cancel(self, request: HttpRequest, key: int) -> HttpResponse:
        run = self._run(request, key, change=True)
        imports.cancel(run=run)
        self.log_change(request, run.source, "Cancelled a run.")
        return HttpResponseRedirect(run_page(run))

    def report(self, request: HttpRequest, key: int) -> HttpResponse | StreamingHttpResponse:
        run = self._run(request, key)
        about = {"kind": "knowledge.importrun", "object_id": str(run.pk), "object": str(run)}
        audit.record("exported", request=request, detail="Its report.", **about)
        response = StreamingHttpResponse(import_report.as_csv(run), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="import-{run.pk}.csv"'
        return response

    def _run(self, request: HttpRequest, key: int, *, change: bool = False) -> ImportRun:
        run = get_object_or_404(ImportRun.objects.select_related("source", "by"), pk=key)
        allowed = self.has_change_permission if change else self.has_view_or_change_permission
        if not allowed(request, run.source):
            raise PermissionDenied
        return run


def run_page(run: ImportRun) -> str:
    return reverse("admin:knowledge_importsource_run", args=[run.pk])


def chip(run: ImportRun) -> str:
    label = "Preview" if run.preview and run.state == ImportRun.State.DONE else run.get_state_display()
    return format_html('<span class="kb-chip kb-{}">{}</span>', CHIPS[run.state], label)


def as_json(run: ImportRun) -> dict[str, Any]:
    """What the page of a run says of it, and asks for again every two seconds while it moves."""
    return {
        "kind": CHIPS[run.state],
        "label": run.get_state_display(),
        "text": _sentence(run),
        "value": run.written,
        "most": run.planned,
        "moving": not run.is_finished,
    }


def _sentence(run: ImportRun) -> str:
    match run.state:
        case "queued":
            waits = (timezone.now() - run.created).total_seconds()
            if ImportRun.objects.filter(state__in=("reading", "writing")).exists():
                return "It waits until another import is done."
            late = waits > imports.STALE_SECONDS
            return "It waits for a worker." + (" None has taken it yet: they are busy, or do not run." if late else "")
        case "reading":
            return f"{run.found:,} documents read. {'It is being cancelled.' if run.cancel_asked else ''}".strip()
        case "writing":
            verb = "looked at" if run.preview else "written"
            ends = " It is being cancelled." if run.cancel_asked else ""
            return f"{run.found:,} documents read. {run.written:,} of {run.planned:,} {verb}.{ends}"
    return " ".join([*([run.error] if run.error else []), *_told(run)]).strip()


def _told(run: ImportRun) -> Iterator[str]:
    if run.state == ImportRun.State.CANCELLED and not run.error:
        yield "Somebody cancelled it." if run.preview else "Somebody cancelled it. What was written stays."
    if run.counts:
        taken = (run.finished - run.started).total_seconds() if run.finished and run.started else 0
        yield f"{run.found:,} documents in {taken:.0f} s: {import_report.summary(run.counts, preview=run.preview)}."
