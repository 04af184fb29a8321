from django.apps import AppConfig


class ChatConfig(AppConfig):
    name = "chat"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from chat import checks, status  # noqa: F401  (the checks are registered)
        from chat.coverage import ChatRecords
        from knowledge import usage

        usage.register(ChatRecords())
        status.register_all()
