"""Answers over HTTP, and a page for phone and desktop; needs ``pip install "agr-faces[serve]"``."""
