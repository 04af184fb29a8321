from django.conf import settings
from django.core.management.base import BaseCommand

from chat.models import Widget
from knowledge import demo

GREETING = "Hello, this is the assistant of Larkfield Outdoor. Ask me about orders, returns, repairs or hire."
SUGGESTIONS = [
    "How long do I have to return an item?",
    "How much does standard delivery cost?",
    "When will I get my refund?",
    "How do I book a repair?",
]


class Command(BaseCommand):
    help = "Load the demo shop's articles and its chat widget. Safe to run twice: what you changed since is kept."

    def handle(self, *args: object, **options: object) -> None:
        count = demo.load()
        widget, _ = Widget.objects.get_or_create(
            key="demo",
            defaults={
                "name": "Larkfield Outdoor",
                "greeting": GREETING,
                "suggestions": SUGGESTIONS,
                "privacy_url": "/help/privacy-notice/",
            },
        )
        where = settings.PUBLIC_URL or f"http://{settings.HOST}:{settings.PORT}"
        self.stdout.write(f"{count} articles published; the widget “{widget.name}” is on {where}/")
