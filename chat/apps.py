from django.apps import AppConfig


class ChatConfig(AppConfig):
    name = "chat"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from chat import checks  # noqa: F401  (they are registered)
        from chat.coverage import ChatRecords
        from knowledge import usage

        usage.register(ChatRecords())
