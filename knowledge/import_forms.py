"""The form of a source: a file of their own, an address, or a folder that staff may import from."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from knowledge import import_files
from knowledge.forms import StorableField
from knowledge.importers import KINDS
from knowledge.models import ImportSource

ADDRESSES = ("http://", "https://")


def folder_refusal(location: str) -> str:
    """Why staff may not import from there; "" if they may."""
    if location.startswith(ADDRESSES):
        return next(filter(None, map(_address_refusal, location.split())), "")
    if not settings.IMPORT_FOLDERS:
        return "Begin the address with https://. Folders of the server can be imported with manage.py import_articles."
    path = Path(location).resolve()
    if any(path.is_relative_to(folder.resolve()) for folder in settings.IMPORT_FOLDERS):
        return ""
    allowed = ", ".join(str(folder) for folder in settings.IMPORT_FOLDERS)
    return f"Only addresses and these folders of the server can be imported here: {allowed}."


def _address_refusal(address: str) -> str:
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        host = None
    else:
        if "@" in parts.netloc:
            return "Leave the name and password out of the address: it is shown to everybody who may import."
    return "" if host and address.startswith(ADDRESSES) else f"{address} is not a whole address."


class ImportSourceForm(forms.ModelForm):
    name = StorableField(
        max_length=120, required=False, help_text="For your list of imports. Left empty, it is made from the source."
    )
    file = forms.FileField(required=False, label="File")
    location = StorableField(max_length=1000, required=False, label="Or an address")
    kind = forms.ChoiceField(required=False, choices=[("", "Found out from the source"), *KINDS.items()])

    class Meta:
        model = ImportSource
        fields = ("name", "location", "kind", "category", "language", "audience", "publish", "missing")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        file = self.fields["file"]
        file.widget.attrs["data-most-mb"] = settings.IMPORT_UPLOAD_MB
        kept = f"Now: {self.instance.upload_name}. Another one takes its place. " if self.instance.upload else ""
        file.help_text = (
            f"{kept}A zip of markdown or other documents, a CSV or JSON export, a PDF. "
            f"{settings.IMPORT_UPLOAD_MB:,} MB at most; kept for {settings.IMPORT_KEEP_DAYS} days."
        )
        folders = ", or a folder of the server" if settings.IMPORT_FOLDERS else ""
        self.fields[
            "location"
        ].help_text = f"https://… of a page, of several with spaces between them, or of a sitemap{folders}."

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file is not None:
            try:
                import_files.check_size(file.size)
                import_files.check_room(file.size)
            except import_files.UploadRefused as error:
                raise ValidationError(str(error)) from None
        return file

    def clean_location(self) -> str:
        location = self.cleaned_data["location"].strip()
        if location and location != self.instance.location and (why := folder_refusal(location)):
            raise ValidationError(why)
        return location

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        file, location = cleaned.get("file"), cleaned.get("location")
        if file and location:
            if location != self.instance.location:
                raise ValidationError("Give a file or an address, not both.")
            cleaned["location"] = ""
        if not (file or location or self.instance.upload or self.errors):
            raise ValidationError("Give a file or an address to import from.")
        if not cleaned.get("name") and not self.errors:
            cleaned["name"] = free_name(str(file.name) if file else location or self.instance.upload_name)
        return cleaned


def free_name(place: str) -> str:
    """A name for what lies there that no source has yet."""
    wished = place.rstrip("/").rsplit("/", 1)[-1][:100] or place[:100]
    taken = set(ImportSource.objects.filter(name__startswith=wished).values_list("name", flat=True))
    name, number = wished, 1
    while name in taken:
        number += 1
        name = f"{wished} {number}"
    return name
