"""Look at a whole video, draw what is seen and write it down."""

from collections.abc import Iterator

from agr.errors import VideoError
from agr.photo.annotate import annotate
from agr.video.people import People, Person, person_lines
from agr.video.reading import Frame, Video
from agr.video.table import Table
from agr.video.window import Window
from agr.video.writing import VideoWriter


def record(
    video: Video,
    people: People,
    *,
    fps: float | None = None,
    writer: VideoWriter | None = None,
    table: Table | None = None,
    window: Window | None = None,
) -> Iterator[tuple[Frame, list[Person]]]:
    """Look at the frames of a video; what a table already tells is taken from it."""
    # One is fetched ahead: the file must be read to its end before rows are added to it.
    recalled = iter(()) if table is None else table.recalled()
    earlier = next(recalled, None)
    for frame in video.frames(fps):
        if earlier is not None:
            number, seen = earlier
            if number != frame.number:
                raise VideoError(f"The unfinished table {table} is not of this video.")
            people.recall(frame.pixels, frame.time, seen)
            earlier = next(recalled, None)
        else:
            seen = people.look(frame.pixels, frame.time)
            if table is not None:
                table.write(frame, seen)
        sides = [one.max_side for one in (writer, window) if one is not None]
        if sides:
            drawn = annotate(frame.pixels, seen, max_side=sides[0], lines=person_lines)
        if writer is not None:
            writer.write(drawn, frame.time)
        if window is not None:
            window.show(drawn, frame.time)
        yield frame, seen
