"""``agr networks``."""

from agr.cli.console import show_table


def networks() -> None:
    """List the networks that --network takes.

    Size is in pixels, parameters are those at this size with one output, and weights what --weights
    may say besides a file or a folder.
    """
    from agr.training.networks.registry import BACKBONES

    show_table(
        ("network", "size", "parameters", "weights", "what it is"),
        [
            (
                name,
                str(backbone.native_size),
                f"{backbone.n_parameters:,}",
                backbone.start or "random",
                backbone.summary,
            )
            for name, backbone in BACKBONES.items()
        ],
        numbers=("size", "parameters"),
    )
