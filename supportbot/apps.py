from django.apps import AppConfig


class SupportbotConfig(AppConfig):
    name = "supportbot"
    verbose_name = "Supportbot"

    def ready(self) -> None:
        from supportbot import celery, checks, parts  # noqa: F401  (tasks find their broker; the checks are registered)

        parts.register_all()
