"""``agr networks``."""

from agr.cli.console import show_table


def networks() -> None:
    """List the networks that --network takes.

    Size is in pixels; parameters and milliseconds (of one picture, on one core) are those at this
    size; weights is what --weights may say besides a file or a folder.
    """
    from agr.training.networks.registry import BACKBONES

    show_table(
        ("network", "size", "parameters", "ms", "weights", "what it is"),
        [
            (
                name,
                str(backbone.native_size),
                f"{backbone.n_parameters:,}",
                f"{backbone.milliseconds:.1f}",
                backbone.start or "random",
                backbone.summary,
            )
            for name, backbone in BACKBONES.items()
        ],
        numbers=("size", "parameters", "ms"),
    )
