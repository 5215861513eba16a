"""A window that shows the video while it is looked at."""

import time
from types import TracebackType
from typing import Any, Self

from PIL import Image

from agr.errors import VideoError

TITLE = "agr"
INSTEAD = "name a file with --output or --table instead"
SHARE = 0.9  # of the screen that a picture fills at most


class Window:
    """A window on this machine's display; use it in a ``with`` block.

    Parameters
    ----------
    live : bool
        Whether pictures are shown as they come; those of a file wait until their time.

    Attributes
    ----------
    closed : bool
        Whether the user closed it, or pressed Q or Esc.
    max_side : int
        Pixels of the longer side of a picture at most; larger ones are shrunk.

    Raises
    ------
    VideoError
        There is no display, or Python has no Tk.
    """

    def __init__(self, *, live: bool) -> None:
        self.closed = False
        self._live = live
        self._start: float | None = None  # when the first picture was shown
        try:
            import tkinter
        except ImportError:  # Debian and others part it from Python
            raise VideoError(
                "A window needs tkinter (apt install python3-tk, brew install python-tk); "
                f"{INSTEAD}."
            ) from None
        from PIL import ImageTk

        try:
            self._root = tkinter.Tk(className=TITLE)
        except tkinter.TclError:
            raise VideoError(f"There is no display to open a window on; {INSTEAD}.") from None
        self._make: Any = ImageTk.PhotoImage
        self._shown: Any = None
        self._label = tkinter.Label(self._root, borderwidth=0, background="black")
        self._label.pack(expand=True, fill="both")
        self._root.title(TITLE)
        self._root.protocol("WM_DELETE_WINDOW", self._close)
        for key in ("q", "<Escape>"):
            self._root.bind(key, self._close)
        screen = self._root.winfo_screenwidth(), self._root.winfo_screenheight()
        self._most = int(SHARE * screen[0]), int(SHARE * screen[1])
        self.max_side = max(self._most)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._root.destroy()

    def show(self, picture: Image.Image, seconds: float) -> None:
        """Show the next picture.

        Parameters
        ----------
        picture : PIL.Image.Image
            RGB.
        seconds : float
            When it is due, since the first.
        """
        if self.closed:
            return
        small = picture.copy()
        small.thumbnail(self._most)
        self._shown = self._make(small, master=self._root)  # Tk itself holds no reference
        self._label.configure(image=self._shown)
        if self._start is None:
            self._start = time.monotonic() - seconds
        self._root.update()
        while not self._live and not self.closed:
            wait = self._start + seconds - time.monotonic()
            if wait <= 0:
                break
            time.sleep(min(wait, 0.02))
            self._root.update()

    def _close(self, *_: Any) -> None:
        self.closed = True
        self._root.withdraw()
