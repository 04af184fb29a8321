"""The pages of staff about the chat, a file for each thing they are of."""

from chat.admin.conversations import ConversationAdmin
from chat.admin.widgets import ContactRequestAdmin, WidgetAdmin

__all__ = ["ContactRequestAdmin", "ConversationAdmin", "WidgetAdmin"]
