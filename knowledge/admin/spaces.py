"""Embedding spaces: how far each is, what the comparison found, and a button for each verb of `spaces`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from knowledge import spaces
from knowledge.embedding import EmbeddingFailed, Recipe, default_recipe
from knowledge.indexing import recipe_of
from knowledge.models import EmbeddingSpace
from knowledge.space_progress import estimate, megabytes, progress, verdict
from knowledge.spaces import SpaceError

State = EmbeddingSpace.State
VERBS: dict[str, tuple[Callable[[EmbeddingSpace], Any], str]] = {
    "pause": (spaces.pause, "The space is paused."),
    "resume": (spaces.resume, "The space is being built again."),
    "compare": (spaces.compare_again, "The questions are asked again. The result appears here."),
    "switch": (spaces.switch, "Articles are searched by this space now."),
    "switch_anyway": (lambda space: spaces.switch(space, anyway=True), "Articles are searched by this space now."),
    "drop": (spaces.drop, "The space is being removed."),
}
CHIPS = {State.BUILDING: "moving", State.ACTIVE: "live", State.RETIRED: "retired", State.DROPPED: "waiting"}


class RecipeForm(forms.Form):
    """What a space is made of. Begins with what the settings ask for."""

    model = forms.CharField(max_length=spaces.MAX_NAME_CHARS, help_text="As the embeddings server calls it.")
    dimensions = forms.IntegerField(min_value=1, max_value=spaces.MAX_DIMENSIONS)
    query_prefix = forms.CharField(
        required=False,
        strip=False,
        max_length=spaces.MAX_PREFIX_CHARS,
        help_text="Before a question, as the model wants.",
    )
    passage_prefix = forms.CharField(
        required=False, strip=False, max_length=spaces.MAX_PREFIX_CHARS, help_text="Before a passage."
    )
    passage_tokens = forms.IntegerField(
        min_value=spaces.LEAST_PASSAGE_TOKENS,
        max_value=spaces.MOST_PASSAGE_TOKENS,
        help_text="The most a passage may have; the model must read 56 more.",
    )
    by_hand = forms.BooleanField(required=False, label="Do not switch by itself", help_text="Compare, then wait.")

    def recipe(self) -> Recipe:
        parts = {name: value for name, value in self.cleaned_data.items() if name != "by_hand"}
        return replace(default_recipe(), **parts)


@admin.register(EmbeddingSpace)
class EmbeddingSpaceAdmin(admin.ModelAdmin):
    class Media:
        css = {"all": ("admin/knowledge/articles.css", "admin/knowledge/spaces.css")}
        js = ("admin/knowledge/spaces.js",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def get_urls(self) -> Sequence[URLPattern]:
        def page(address: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
            return path(address, self.admin_site.admin_view(view), name=f"knowledge_embeddingspace_{name}")

        return [
            page("", self.changelist_view, "changelist"),
            page("states/", self.states, "states"),
            page("prepare/", self.prepare, "prepare"),
            page("back/", require_POST(self.back), "back"),
            page("<int:key>/", self.comparison, "change"),
            page("<int:key>/do/<slug:verb>/", require_POST(self.do), "do"),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        self._allow(request)
        rows = [_row(space) for space in EmbeddingSpace.objects.order_by("-pk")]
        order = [State.ACTIVE, State.BUILDING, State.RETIRED, State.DROPPED]
        rows.sort(key=lambda row: order.index(row["space"].state))
        context = {"rows": rows, "moving": any(row["moving"] for row in rows)}
        return self._page(request, "list.html", "Embedding spaces", context)

    def states(self, request: HttpRequest) -> HttpResponse:
        self._allow(request)
        return JsonResponse({"spaces": [_state(_row(space)) for space in EmbeddingSpace.objects.all()]})

    def prepare(self, request: HttpRequest) -> HttpResponse:
        self._allow(request, change=True)
        recipe = default_recipe()
        form = RecipeForm(request.POST or None, initial={name: getattr(recipe, name) for name in Recipe.__slots__})
        cost = ""
        if request.method == "POST" and form.is_valid():
            try:
                if "_estimate" in request.POST:
                    cost = estimate(form.recipe()).text
                else:
                    return self._begin(request, form)
            except (SpaceError, EmbeddingFailed) as error:
                form.add_error(None, str(error))
        return self._page(request, "prepare.html", "Prepare a space", {"form": form, "cost": cost})

    def _begin(self, request: HttpRequest, form: RecipeForm) -> HttpResponse:
        goal = spaces.WAIT if form.cleaned_data["by_hand"] else spaces.COMPARE
        space = spaces.prepare(form.recipe(), goal=goal)
        self.log_change(request, space, "Prepared.")
        self.message_user(request, "The space is being built. Customers notice nothing of it.", messages.SUCCESS)
        return _to_list()

    def comparison(self, request: HttpRequest, key: int) -> HttpResponse:
        self._allow(request)
        space = get_object_or_404(EmbeddingSpace, pk=key)
        found = space.comparison or {}
        context = {
            "row": _row(space),
            "found": found,
            "scores": _scores(space),
            "current": found.get("current_ndcg@10"),
            "candidate": found.get("candidate_ndcg@10"),
        }
        return self._page(request, "comparison.html", f"{space.recipe['model']}, {space.cut}", context)

    def back(self, request: HttpRequest) -> HttpResponse:
        self._allow(request, change=True)
        try:
            space = spaces.back()
        except SpaceError as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.log_change(request, space, "Went back to it.")
            done = "Articles are searched by the space before again."
            wait = "The space before catches up with what was published since; then it is searched again."
            self.message_user(request, done if space.state == State.ACTIVE else wait, messages.SUCCESS)
        return _to_list()

    def do(self, request: HttpRequest, key: int, verb: str) -> HttpResponse:
        self._allow(request, change=True)
        space = get_object_or_404(EmbeddingSpace, pk=key)
        if verb not in VERBS:
            raise Http404
        call, done = VERBS[verb]
        try:
            call(space)
        except SpaceError as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            self.log_change(request, space, f"{verb.replace('_', ' ').capitalize()}.")
            self.message_user(request, done, messages.SUCCESS)
        return _to_list()

    def _allow(self, request: HttpRequest, *, change: bool = False) -> None:
        allowed = self.has_change_permission if change else self.has_view_or_change_permission
        if not allowed(request):
            raise PermissionDenied

    def _page(self, request: HttpRequest, template: str, title: str, context: dict[str, Any]) -> HttpResponse:
        context |= {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "media": self.media,
            "may_change": self.has_change_permission(request),
        }
        return TemplateResponse(request, f"admin/knowledge/space/{template}", context)


def _to_list() -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:knowledge_embeddingspace_changelist"))


def _row(space: EmbeddingSpace) -> dict[str, Any]:
    """What the pages show of a space, and which buttons make sense."""
    now = progress(space)
    building = space.state == State.BUILDING
    before = spaces.one_before()
    worse = bool(space.comparison and space.comparison.get("worse"))
    loses = building and bool(spaces.lost_articles(space))
    waits = bool(space.trouble) and (now.step != "ready" or loses)
    return {
        "space": space,
        "recipe": recipe_of(space),
        "progress": now,
        "chip": "waiting" if building and (space.paused or space.trouble) else CHIPS[State(space.state)],
        "label": "Paused" if space.paused else "Ready" if now.step == "ready" else space.get_state_display(),
        "shows_bar": now.step in ("embedding", "paused"),
        "size": f"{megabytes(now.bytes_now)} on disk"
        + (f", {megabytes(now.bytes_expected)} when it is full" if building and now.step != "ready" else ""),
        "verdict": verdict(space),
        "worse": worse,
        "must_insist": worse or loses,
        "moving": (building and not space.paused) or space.state == State.DROPPED,
        "can_pause": building and not space.paused and now.step != "ready",
        "can_resume": building and (space.paused or waits),
        "can_compare": building and now.step == "ready",
        "can_switch": now.step == "ready" or (space.state == State.RETIRED and now.done >= now.total),
        "can_back": before is not None and space.pk == before.pk,
        "vectors": f"{now.done:,}",
        "can_drop": space.state in (State.BUILDING, State.RETIRED),
    }


def _state(row: dict[str, Any]) -> dict[str, Any]:
    """What the list looks at again and again. Another `key` means other buttons: the page is loaded anew."""
    now, space = row["progress"], row["space"]
    return {
        "id": space.pk,
        "key": f"{space.state} {now.step} {row['label']} {bool(space.comparison)}",
        "text": now.text,
        "trouble": space.trouble,
        "size": row["size"],
        "percent": now.percent,
        "moving": row["moving"],
    }


def _scores(space: EmbeddingSpace) -> list[dict[str, Any]]:
    """The two differences with their intervals, and where they lie on a line from -0.5 to 0.5."""
    found = space.comparison or {}
    names = {"ndcg@10": "nDCG@10", "recall@1": "R@1"}
    scores = []
    for name, label in names.items():
        if name in found:
            place = {
                part: round(200 + 400 * max(-0.5, min(0.5, found[name][part]))) for part in ("low", "value", "high")
            }
            scores.append({"label": label, **found[name], "at": place, "width": max(2, place["high"] - place["low"])})
    return scores
