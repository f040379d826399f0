"""How a server is reached: its address, the key and headers, checked before anything is sent. Plain Python, no I/O.

Rule: no error shows a key, the value of a header, or a password.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from stream_aligner_lc.errors import ConfigurationError

KEY_VARIABLE = "STREAM_ALIGNER_API_KEY"
NO_KEY = "EMPTY"
"""The client wants a key; a server without keys takes any."""
_A_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def check_address(base_url: Any) -> None:
    """Raise `ConfigurationError` unless a server can be at `base_url`."""
    if not isinstance(base_url, str) or not _is_address(base_url):
        # Where it is no address it is not known either which part of it is the password.
        shown = base_url.rpartition("@")[2].partition("?")[0] if isinstance(base_url, str) else base_url
        raise ConfigurationError(
            "`base_url` must be an address such as 'http://127.0.0.1:8000/v1', without spaces or a query (a key goes "
            f"into `api_key` or `default_headers`), got {shown!r}."
        )


def key_of(given: str | SecretStr | None) -> str:
    """Return the key to send; raises `ConfigurationError` for what cannot be one."""
    plain = given.get_secret_value() if isinstance(given, SecretStr) else given
    key: Any = plain or os.environ.get(KEY_VARIABLE) or NO_KEY
    # Read from a file, it ends in a line break.
    key = key.strip() if isinstance(key, str) else key
    if not _fits_a_header(key) or " " in key:
        raise ConfigurationError(
            f"`api_key` (or {KEY_VARIABLE}) is no text, or holds a space, a line break or a letter that no header can "
            "carry, so it cannot be a key. It is not shown here."
        )
    return str(key)


def headers_of(given: Any) -> Mapping[str, str]:
    """Return the headers to send beside the client's; raises `ConfigurationError` for what cannot be some."""
    if given is not None and not isinstance(given, Mapping):
        raise ConfigurationError(
            f"`default_headers` must map the names of headers to their values, got {type(given).__name__}."
        )
    headers: dict[str, str] = dict(given or {})
    for name, value in headers.items():
        if not _is_name(name):
            raise ConfigurationError(f"`default_headers` has the name {name!r}, which no header can have.")
        if not _fits_a_header(value):
            raise ConfigurationError(
                f"`default_headers` has a value for {name!r} that no header can carry: it must be a text in ASCII "
                "without line breaks. It is not shown here."
            )
    return headers


def without_secrets(base_url: str) -> str:
    """Return an address without the name and password that it may hold."""
    scheme, mark, rest = base_url.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"


def _is_address(base_url: str) -> bool:
    try:
        parts = urlsplit(base_url)
        # Reading the port is what checks it.
        is_there = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    is_whole = not re.search(r"\s", base_url) and not parts.query and not parts.fragment
    return is_there and is_whole and parts.scheme in {"http", "https"}


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and _A_NAME.fullmatch(name) is not None


def _fits_a_header(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable() and value == value.strip()
