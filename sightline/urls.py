"""URLs without their credentials. Whatever is stored, sent, logged or shown passes through here first."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

__all__ = ["HIDDEN", "lacks_credentials", "names_a_secret", "shown_url", "without_credentials"]

HIDDEN = "…"
"""What takes the place of a parameter with a credential."""

_UNSAFE = re.compile(r"""[\s"'<>`|\\^{}]""")
_URL = re.compile(r"""\b[a-z][a-z0-9+.-]+:/{1,3}[^\s"'<>`|\\^{}]+""", re.IGNORECASE)
_WEB = re.compile(r"(?:https?|ftps?|wss?):", re.IGNORECASE)
_LOCAL = re.compile(r"(?:file|s3[an]?):", re.IGNORECASE)  # a name may have any sign, and there are no parameters
# RFC 3986 ends the user information at the first slash. Whoever writes a password with a / or # in it means this:
# something that is no port follows the colon, and the host comes after a later @.
_USER = re.compile(
    r"""([a-z][a-z0-9+.-]+:/{1,3})
        ( [^/?#@]*@ (?:[^/?#@]*@)*
        | [^/?#@\[]*:(?!\d{0,5}(?:[/?#,.;:)\]]|$))\S*@ )""",
    re.IGNORECASE | re.VERBOSE,
)
_INNER_USER = re.compile(r"(?<=/)(https?:/{1,2})[^/?#@]*@", re.IGNORECASE)  # of a URL in the path of another
_PARAMETER = re.compile(r"([?&;#])([^=&?#;]+)=([^&#;]*)")
_REPEATED = re.compile(f"{HIDDEN}(?:[&;]{HIDDEN})+")
_MAX_NESTED = 3

_WORDS = (
    "token", "secret", "passw", "passphrase", "pwd", "signature", "credential", "apikey", "accesskey", "privatekey",
    "subscriptionkey", "authoriz", "sessionid", "jwt", "hmac", "bearer",
)  # fmt: skip
_NAMES = frozenset(
    ("sig", "sign", "key", "auth", "authkey", "sas", "code", "session", "sid", "hdnts", "hdnea", "policy", "keypairid",
     "googleaccessid", "pass", "pw", "pin", "otp", "ticket", "nonce", "hm")
)  # fmt: skip
_VALUE = re.compile(
    r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[\w-]{30,}|gh[opsu]_\w{30,}|sk[-_]\w[\w-]{18,}"
)


def without_credentials(text: str) -> str:
    """Return a URL, or a text with URLs in it, without the credentials of the URLs.

    >>> without_credentials("GET https://ana:pa55@host/a.png?width=9&X-Amz-Signature=0f3c failed")
    'GET https://host/a.png?width=9&… failed'

    User names and passwords are removed, and so are parameters, also in fragments and in URLs within URLs, whose names
    or values are those of credentials: signatures of S3, Google Cloud, Azure and CloudFront, tokens, keys, passwords.
    A path or the URI of a file is returned unchanged.
    """
    return _URL.sub(lambda match: _cleaned(match[0], 0), text) if ":/" in text else text


def shown_url(url: str) -> str:
    """Return one URL without its credentials, whatever signs are in it. A URL without credentials is unchanged."""
    quoted = _UNSAFE.sub(lambda match: quote(match[0]), url)
    cleaned = without_credentials(quoted)
    return url if cleaned == quoted else cleaned


def lacks_credentials(url: str) -> bool:
    """Return whether credentials were removed from the parameters of a URL, so that it cannot be requested."""
    return any(f"{sign}{HIDDEN}" in url for sign in "?&;#")


def names_a_secret(name: str) -> bool:
    """Return whether a parameter of this name holds a credential."""
    normal = "".join(filter(str.isalnum, unquote(name))).lower()
    return normal in _NAMES or any(word in normal for word in _WORDS)


def _cleaned(url: str, nested: int) -> str:
    is_web = _WEB.match(url) is not None
    if not _LOCAL.match(url):
        url = _INNER_USER.sub(r"\1", url)
    user = _USER.match(url)
    if user and (is_web or (":" in user[2] and not url.lower().startswith("file:"))):
        url = user[1] + url[user.end() :]
    if _LOCAL.match(url) or not (is_web or "://" in url):
        return url
    return _REPEATED.sub(HIDDEN, _PARAMETER.sub(lambda match: _parameter(match, nested), url))


def _parameter(match: re.Match[str], nested: int) -> str:
    sign, name, text = match.groups()
    value = unquote(text)
    if names_a_secret(name) or _VALUE.search(value):
        return f"{sign}{HIDDEN}"
    if ":/" in value and nested < _MAX_NESTED:
        cleaned = _URL.sub(lambda inner: _cleaned(inner[0], nested + 1), value)
        if cleaned != value:
            return f"{sign}{name}={quote(cleaned, safe='')}"
    return match[0]
