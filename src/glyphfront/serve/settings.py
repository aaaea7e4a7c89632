"""What a service is started with; its workers are told through the environment."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields

from glyphfront.errors import GlyphfrontError
from glyphfront.ship import DEFAULT
from glyphfront.ship.recognizer import shipped

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
"""What this machine calls itself; nobody else can reach it there."""

VARIABLE = "GLYPHFRONT_SERVE"
"""Holds the settings as JSON in the processes of a service."""


@dataclass(frozen=True)
class Settings:
    """Models, limits and token of a service."""

    models: tuple[str, ...] = ()
    """Shipped names or paths, the default first; empty: all that are shipped."""
    token: str | None = None
    """That a caller of /v1 and /metrics sends as `Authorization: Bearer TOKEN`; None: nobody is asked."""
    local: bool = False
    """Answer only what calls this machine by its own names: no page from elsewhere, even one whose name leads here."""
    body_bytes: int = 16 * 2**20
    """Of a request."""
    pixels: int = 40_000_000
    """Of one picture."""
    pictures: int = 64
    """In one request."""
    requests: int = 128
    """At once in a worker; those beyond are answered 429."""
    seconds: float = 20.0
    """From a request's headers to its answer."""
    threads: int = 4
    """That read and normalise pictures in a worker."""
    gather_ms: float = 0.0
    """How long a batch waits for further images."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type in ("int", "float") and not (value > 0 or (value == 0 and field.name == "gather_ms")):
                raise GlyphfrontError(f"{field.name.replace('_', ' ')} must be above 0, got {value}")
        if not self.gather_ms <= 100:
            raise GlyphfrontError(f"a batch waits 100 milliseconds at most, got {self.gather_ms:g}")
        if self.token is not None and (not self.token.isascii() or not self.token.isprintable() or " " in self.token):
            raise GlyphfrontError("the token must be printable ASCII without spaces")

    def model_names(self) -> tuple[str, ...]:
        """The models to load, the default first."""
        if self.models:
            return self.models
        return tuple(sorted(shipped(), key=lambda name: (name != DEFAULT, name)))


def to_environment(settings: Settings) -> None:
    """Tell the processes that this one starts."""
    os.environ[VARIABLE] = json.dumps(asdict(settings))


def from_environment() -> Settings:
    """What `to_environment` told; the defaults where nothing was told."""
    given = json.loads(os.environ.get(VARIABLE, "{}"))
    return Settings(**{**given, "models": tuple(given.get("models", ()))})
