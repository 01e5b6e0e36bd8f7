"""Send a text to a webhook or by mail; these functions wait for the network, so they run in threads."""

from __future__ import annotations

import http.client
import json
import smtplib
import ssl
import urllib.error
import urllib.request
from email.message import EmailMessage
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from levada_server.config import MailSettings

TIMEOUT_S = 10.0
"""The longest time, in seconds, for each step."""
FAILURES = (OSError, ValueError, http.client.HTTPException, smtplib.SMTPException)
"""The errors of a text that could not be sent."""
MAX_SUBJECT = 150
_ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The text goes where the settings say, and nowhere else."""

    def redirect_request(self, *_: object) -> None:
        return None


def post(url: str, text: str) -> None:
    """Post a text as JSON in the form of Slack, which Mattermost, Teams and others take too.

    Raises:
        OSError: One of `FAILURES`: it did not arrive.
    """
    content = json.dumps({"text": text.translate(_ESCAPED)}).encode()
    request = urllib.request.Request(url, content, {"Content-Type": "application/json"})
    with urllib.request.build_opener(_NoRedirects()).open(request, timeout=TIMEOUT_S):
        pass


def mail(settings: MailSettings, text: str) -> None:
    """Send a text by mail, encrypted unless the mail server is on this machine.

    Raises:
        OSError: One of `FAILURES`: it was not accepted.
    """
    message = EmailMessage()
    message["Subject"] = text.partition("\n")[0][:MAX_SUBJECT]
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.recipients)
    message.set_content(text)
    authority = None if settings.authority is None else str(settings.authority)
    with smtplib.SMTP(settings.host, settings.port, timeout=TIMEOUT_S) as server:
        server.ehlo()
        if not settings.stays_here or server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context(cafile=authority))
        if settings.user is not None:
            server.login(settings.user, settings.password)
        server.send_message(message)


def shown(error: Exception) -> str:
    """Describe a failure without its text, which may have an address or a password."""
    match error:
        case urllib.error.HTTPError():
            return f"status {error.code}"
        case smtplib.SMTPResponseException():
            return f"{type(error).__name__}, code {error.smtp_code}"
        case urllib.error.URLError(reason=OSError() as cause):
            return shown(cause)
        case OSError(strerror=str(why)):
            return why
        case _:
            return type(error).__name__
