"""The bounds within which the service works."""

from dataclasses import dataclass, field, fields

from agr.core.images import MAX_PIXELS
from agr.errors import ParameterError

MIB = 2**20


@dataclass(frozen=True)
class Settings:
    """What the service takes before it refuses.

    Attributes
    ----------
    max_picture_bytes : int
        Bytes of one picture; a larger one is answered with an error in its row.
    max_request_bytes : int
        Bytes of one request.
    max_held_bytes : int
        Bytes of all requests that are being received or answered.
    max_pixels : int
        Pixels of one picture, looked up before it is decoded.
    max_pictures : int
        Pictures in one request.
    max_client_requests : int
        Requests of one client at a time; 0 for any number.
    timeout : float
        Seconds in which a request must have arrived, and again in which it must be answered.
    queue_size : int
        Pictures that may wait.
    batch_size : int
        Pictures that are read together at most.
    batch_wait : float
        Seconds that a picture waits for others to join it.
    api_key : str or None
        What clients must send as ``Authorization: Bearer``; None lets everybody in.
    """

    max_picture_bytes: int = 10 * MIB
    max_request_bytes: int = 40 * MIB
    max_held_bytes: int = 256 * MIB
    max_pixels: int = 25_000_000
    max_pictures: int = 32
    max_client_requests: int = 64
    timeout: float = 30.0
    queue_size: int = 256
    batch_size: int = 32
    batch_wait: float = 0.003
    api_key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        may_be_zero = {"max_client_requests", "batch_wait"}
        for name in (f.name for f in fields(self) if f.name != "api_key"):
            value = getattr(self, name)
            if value < 0 or (value == 0 and name not in may_be_zero):
                raise ParameterError(f"{name} must be positive, got {value!r}.")
        if self.max_pixels > MAX_PIXELS:
            raise ParameterError(
                f"max_pixels must be at most {MAX_PIXELS:,}, got {self.max_pixels:,}."
            )
        if self.queue_size < self.max_pictures:
            raise ParameterError(
                "queue_size must hold at least one full request "
                f"(max_pictures={self.max_pictures}), got {self.queue_size}."
            )
        if self.max_held_bytes < self.max_request_bytes:
            raise ParameterError(
                "max_held_bytes must hold at least one full request "
                f"(max_request_bytes={self.max_request_bytes}), got {self.max_held_bytes}."
            )
        if self.api_key is not None and not self.api_key.strip():
            raise ParameterError("api_key is empty; give a long random text, or none at all.")
