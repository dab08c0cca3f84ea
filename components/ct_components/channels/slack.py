"""A message for Slack's incoming webhooks, and for those that take the same: Mattermost, Rocket.Chat.

Slack shows the blocks; others show the text, as do Slack's notifications. What is told is text in both: `&`,
`<` and `>` are escaped, so that nothing in it is a link or a mention, and `@` names nobody.
"""

from typing import Any

from ct_components.channels.message import LONGEST, Message, clean, one_line

# Slack's own limits are 150 for a header and 3,000 for a block's text.
_HEADER = 150
_ABOUT = 1500
_SYMBOLS = {"promoted": "▲", "waiting": "■", "retained": "●", "failed": "✕"}
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# Mattermost takes a plain @channel for a mention; an invisible joint says that it is none.
_JOINT = "\u2060"
_NO_MENTION = f"@{_JOINT}"


def slack_payload(message: Message) -> dict[str, Any]:
    """Returns what is posted.

    >>> slack_payload(Message("shop", "failed", "shop: failed <!channel>"))["blocks"][0]["text"]["text"]
    '✕ shop: failed &lt;!channel&gt;'
    """
    title = f"{_SYMBOLS.get(message.event, '·')} {one_line(message.title, _HEADER)}"
    bodies, about, link = _bodies(message), escape(_about(message), _ABOUT), _link(message)
    elements = [{"type": "mrkdwn", "text": link}] if link else []
    return {
        "text": _fallback([title, *bodies], " · ".join(each for each in (link, about) if each)),
        "mrkdwn": False,
        "blocks": [
            {"type": "header", "text": _plain(escape(title, _HEADER))},
            *({"type": "section", "text": _plain(escape(body, LONGEST))} for body in bodies),
            {"type": "context", "elements": [*elements, _plain(about)]},
        ],
        # Nothing is fetched on behalf of whoever wrote an address into a message.
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _bodies(message: Message) -> list[str]:
    failure = clean(message.failure)
    if failure and message.failed_stage:
        failure = f"{one_line(message.failed_stage, 80)}: {failure}"
    figures = one_line(message.figures.text) if message.figures else ""
    return [body for body in (failure, clean(message.reason), figures) if body.strip()]


def _about(message: Message) -> str:
    """One line of what to ask for."""
    shown = {
        "page": "" if message.link else message.page,
        "run": message.run_id,
        "as of": message.as_of,
        "trigger reason": message.trigger_reason,
        "key": message.key,
    }
    named = [f"{name} {one_line(value, 300)}" for name, value in shown.items() if value]
    return " · ".join(named) or one_line(message.model, 300) or "–"


def _link(message: Message) -> str:
    """The only markup of a message: its address holds none of the signs that end it."""
    address = message.link
    return f"<{address.replace('&', '&amp;')}|page>" if address else ""


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _fallback(parts: list[str], last: str) -> str:
    """Returns all parts as one text, as much of them as fits beside the last one, which is escaped."""
    kept, left = [], LONGEST - _length(last)
    for part in parts:
        if left < 2:  # noqa: PLR2004 — one sign, and the end of its line
            break
        kept.append(escape(part, left - 1))
        left -= _length(kept[-1]) + 1
    return "\n".join([*kept, last])


def escape(text: str, limit: int) -> str:
    """Returns text as Slack takes it, of at most `limit` of its characters.

    >>> escape("a<b & @here", 100), escape("<<<<", 9)
    ('a&lt;b &amp; @\u2060here', '&lt;&lt;…')
    """
    # Where Markdown is spoken, "](" would make a link or a picture.
    signs = text.replace("](", f"]{_JOINT}(")
    pieces = [_ESCAPES.get(sign, _NO_MENTION if sign == "@" else sign) for sign in signs]
    if sum(map(_length, pieces)) <= limit:
        return "".join(pieces)
    kept, left = [], limit - 1
    for piece in pieces:
        left -= _length(piece)
        if left < 0:
            break
        kept.append(piece)
    return "".join(kept) + "…"


def _length(text: str) -> int:
    """Slack counts as JavaScript does: a sign beyond the first 65,536 is two."""
    return len(text) + sum(sign > "\uffff" for sign in text)
