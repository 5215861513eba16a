"""Videos and cameras: frames in, people out who keep their id.

Needs ``pip install "agr-faces[video]"``.

>>> from agr import Predictor
>>> from agr.video import People, Video
>>> people = People(Predictor())
>>> with Video("film.mp4") as video:  # doctest: +SKIP
...     for frame in video.frames(fps=10):
...         for person in people.look(frame.pixels, frame.time):
...             print(frame.time, person.id, person.age, person.gender)
>>> people.count
0
"""

from agr.errors import require

with require("video"):
    from agr.video.people import People, Person
    from agr.video.reading import Frame, Video

__all__ = ["Frame", "People", "Person", "Video"]
