"""Many pictures: what is read, the formats of the rows that are written, and runs that go on.

>>> from agr import bulk
>>> bulk.predict.__name__
'predict'
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agr.bulk.parts import Counts as Counts
    from agr.bulk.run import predict as predict

__all__ = ["Counts", "predict"]


if not TYPE_CHECKING:  # as in agr itself

    def __getattr__(name: str) -> Any:
        if name == "predict":
            from agr.bulk.run import predict

            return predict
        if name == "Counts":
            from agr.bulk.parts import Counts

            return Counts
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
