"""What an article may be, for code that knows no models: the readers of imported files run without Django."""

LANGUAGES = [
    ("en", "English"), ("de", "German"), ("fr", "French"), ("es", "Spanish"), ("it", "Italian"), ("nl", "Dutch"),
    ("pt", "Portuguese"), ("da", "Danish"), ("sv", "Swedish"), ("no", "Norwegian"), ("fi", "Finnish"), ("ar", "Arabic"),
    ("ja", "Japanese"), ("zh", "Chinese"), ("pl", "Polish"), ("ru", "Russian"), ("tr", "Turkish"),
]  # fmt: skip
AUDIENCES = ("public", "customers", "internal")
MAX_TITLE_CHARS = 200
MAX_BODY_CHARS = 200_000
