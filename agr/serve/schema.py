"""The bodies of requests and answers, as the OpenAPI document shows them."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from agr.serve.picture import FIELD


class Result(BaseModel):
    """What was read from one face; with an error, everything but the picture's name is null."""

    image: str = Field(description="The picture's file name.")
    box: list[float] | None = Field(
        None,
        description="Left, top, right and bottom in pixels; only with faces=detect.",
        min_length=4,
        max_length=4,
    )
    score: float | None = Field(
        None, description="How sure the detector is, 0 to 1; only with faces=detect."
    )
    landmarks: dict[str, list[float]] | None = Field(
        None, description="x and y of the eyes, nose and mouth corners; only with faces=detect."
    )
    age: float | None = Field(description="Years.")
    age_interval: list[float] | None = Field(
        description="Low and high end in years; holds the true age in 90 % of cases.",
        min_length=2,
        max_length=2,
    )
    gender: str | None = Field(description="Likeliest label.")
    gender_probabilities: dict[str, float] | None = Field(description="By label; sum to 1.")
    race: str | None = Field(description="Likeliest label.")
    race_probabilities: dict[str, float] | None = Field(description="By label; sum to 1.")
    error: str | None = Field(description="Why the picture could not be read.")


class Results(BaseModel):
    """One row a face."""

    results: list[Result]


class Limits(BaseModel):
    """What may be sent."""

    picture_bytes: int = Field(description="Bytes of one picture.")
    request_bytes: int = Field(description="Bytes of one request.")
    pixels: int = Field(description="Width times height of one picture.")
    pictures: int = Field(description="Pictures in one request.")
    request_pixels: int = Field(
        description="Pixels that the pictures of one request may make the decoder go over."
    )


class Health(BaseModel):
    """A service that can answer."""

    status: Literal["ok"]
    version: str
    models: list[str] = Field(description="Tasks whose models are loaded.")
    faces: list[str] = Field(description="What the query's faces may be.")
    needs_key: bool = Field(description="Whether /v1/predict asks for a key.")
    limits: Limits


def picture_body(max_pictures: int) -> dict[str, Any]:
    """Describe the body of a prediction for the OpenAPI document.

    Parameters
    ----------
    max_pictures : int
        In one request.

    Returns
    -------
    dict
        An OpenAPI request body; it is read by `agr.serve.upload`, not by FastAPI.
    """
    files = {
        "type": "array",
        "minItems": 1,
        "maxItems": max_pictures,
        "items": {"type": "string", "format": "binary"},
        "description": "Pictures: AVIF, BMP, GIF, HEIC, JPEG, PNG, TIFF or WebP.",
    }
    schema = {
        "type": "object",
        "required": [FIELD],
        "properties": {FIELD: files},
        "additionalProperties": False,
    }
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
