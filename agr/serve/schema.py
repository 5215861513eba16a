"""The bodies of requests and answers, as the OpenAPI document shows them."""

from functools import reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from pydantic import BaseModel, Field, create_model

from agr.prediction import FIELDS, Face, Prediction
from agr.serve.picture import FIELD


def _json_type(hint: Any) -> Any:
    """Turn tuples into lists of their length, as JSON has them."""
    kind, parts = get_origin(hint), tuple(map(_json_type, get_args(hint)))
    if kind is tuple:
        bounds = Field(min_length=len(parts), max_length=len(parts))
        return Annotated[list.__class_getitem__(parts[0]), bounds]
    if kind is UnionType:  # what may be None
        return reduce(or_, parts)
    return hint if kind is None else kind[parts]


def _fields() -> dict[str, Any]:
    """Give the fields of a result to pydantic; those of crops are always there."""
    hints = get_type_hints(Face)
    found: dict[str, Any] = {}
    for name, one in FIELDS[Face].items():
        about = one.metadata["about"]
        if name in FIELDS[Prediction]:
            found[name] = (_json_type(hints[name]), Field(description=about))
        else:
            about = f"{about.removesuffix('.')}; only with faces=detect."
            found[name] = (_json_type(hints[name]), Field(None, description=about))
    return found


Result = create_model(
    "Result",
    __doc__="What was read from one face; with an error, nothing was read.",
    image=(str, Field(description="The picture's file name.")),
    **_fields(),
)


class Results(BaseModel):
    """One row a face."""

    results: list[Result]  # type: ignore[valid-type]


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
    """Describe the body of a prediction for the OpenAPI document."""
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
