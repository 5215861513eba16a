"""What the tests of trainings share."""

import pytest


@pytest.fixture(scope="session")
def build():
    """Give a function that builds a network of gender, by default the tiny one."""
    from agr.training.networks import build as networks

    def build(network="tiny", image_size=32, *, weights=None, n_outputs=3):
        return networks.build(
            network,
            image_size,
            weights=weights,
            dropout=0.1,
            last_layer=("years", 1) if n_outputs == 1 else ("softmax", n_outputs),
            task="gender",
        )

    return build
