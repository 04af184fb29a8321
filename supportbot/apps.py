from django.apps import AppConfig


class SupportbotConfig(AppConfig):
    name = "supportbot"
    verbose_name = "Supportbot"

    def ready(self) -> None:
        from supportbot import audit, celery, checks, parts  # noqa: F401  (tasks find their broker; checks register)

        parts.register_all()
        audit.listen()
