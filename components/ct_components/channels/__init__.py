"""Channels that tell people what came of a run: Slack-compatible, any webhook, Alertmanager.

Light on purpose: the command line tells people too.
"""

from ct_components.channels.message import Figures, Message
from ct_components.channels.settings import SECRETS_DIR, SECRETS_FOLDER, find_secret, read_channels
from ct_components.channels.tell import Told, tell, told_text

__all__ = [
    "SECRETS_DIR",
    "SECRETS_FOLDER",
    "Figures",
    "Message",
    "Told",
    "find_secret",
    "read_channels",
    "tell",
    "told_text",
]
