"""The bounds within which the service works."""

import os
from typing import Any, Self

from agr.core.images import MAX_PIXELS
from agr.errors import ParameterError, nearest, require

with require("serve"):
    from pydantic import Field, ValidationError, field_validator, model_validator
    from pydantic_settings import BaseSettings, SettingsConfigDict

MIB = 2**20


def _default_readers() -> int:
    return min(max(2, os.cpu_count() or 1), 4)


class Settings(BaseSettings):
    """What the service takes before it refuses.

    Every value can also come from an environment variable: its name in capitals after ``AGR_``,
    for instance ``AGR_MAX_PIXELS``. What is passed here comes first.
    """

    model_config = SettingsConfigDict(env_prefix="AGR_", frozen=True, extra="forbid")

    max_picture_bytes: int = Field(10 * MIB, gt=0)
    max_request_bytes: int = Field(40 * MIB, gt=0)
    max_client_bytes: int = Field(80 * MIB, gt=0)
    max_held_bytes: int = Field(160 * MIB, gt=0)
    max_pixels: int = Field(25_000_000, gt=0, le=MAX_PIXELS)
    max_request_pixels: int = Field(400_000_000, gt=0)
    max_client_pixels: int = Field(800_000_000, gt=0)
    max_pictures: int = Field(32, gt=0)
    max_client_requests: int = Field(64, ge=0)
    queue_size: int = Field(256, gt=0)
    timeout: float = Field(30.0, gt=0)
    readers: int = Field(default_factory=_default_readers, ge=2)
    picture_seconds: float = Field(2.0, gt=0)
    picture_memory: int = Field(256 * MIB, ge=64 * MIB)
    max_connections: int = Field(1000, gt=0)
    max_header_bytes: int = Field(32 * 1024, ge=1024)
    header_seconds: float = Field(10.0, gt=0)
    drain_seconds: int = Field(20, gt=0)
    api_key: str | None = Field(None, repr=False)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ParameterError(" ".join(map(_sentence, error.errors()))) from None

    @field_validator("api_key")
    @classmethod
    def _check_key(cls, key: str | None) -> str | None:
        if key is None:
            return None
        if not key.strip():
            raise ValueError("api_key is empty; give a long random text, or none at all")
        # Clients disagree about the bytes of anything else in a header, so the right key fails.
        if key != key.strip() or not all(" " <= sign <= "~" for sign in key):
            raise ValueError(
                "api_key must consist of visible ASCII characters, since HTTP headers carry no "
                "others reliably; make one with: openssl rand -hex 24"
            )
        return key

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        pairs = [
            ("queue_size", "max_pictures"),
            ("max_held_bytes", "max_request_bytes"),
            ("max_client_bytes", "max_request_bytes"),
            ("max_request_pixels", "max_pixels"),
            ("max_client_pixels", "max_request_pixels"),
        ]
        for larger, smaller in pairs:
            if getattr(self, larger) < getattr(self, smaller):
                raise ValueError(
                    f"{larger} must hold at least one full request "
                    f"({smaller}={getattr(self, smaller)}), got {getattr(self, larger)}"
                )
        return self


def _sentence(error: Any) -> str:
    """Word one of pydantic's errors as agr words its own; the key is never repeated."""
    name = ".".join(map(str, error["loc"]))
    kind, message = error["type"], error["msg"]
    if kind == "value_error":
        return f"{message.removeprefix('Value error, ')}."
    if kind == "extra_forbidden":
        return f"Unknown setting {name!r}.{nearest(name, Settings.model_fields)}"
    limits = error.get("ctx", {})
    if kind == "greater_than":
        expected = "positive" if limits["gt"] == 0 else f"more than {limits['gt']}"
    elif kind == "greater_than_equal":
        expected = "positive or 0" if limits["ge"] == 0 else f"at least {limits['ge']:,}"
    elif kind == "less_than_equal":
        expected = f"at most {limits['le']:,}"
    else:
        expected = message.removeprefix("Input should be ")
    return f"{name} must be {expected}, got {error['input']!r}."
