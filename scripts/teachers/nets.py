"""Networks that answer all three tasks from one trunk, and what they learn.

The answers lie side by side: two genders, five races, one class for every year from 0 to 120.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

GENDERS = ("male", "female")
RACES = ("white", "black", "asian", "indian", "other")
YEARS = 121
WIDTHS = {"gender": len(GENDERS), "race": len(RACES), "age": YEARS}
AGE_SPREAD = 2.0  # standard deviation in years of the target of one age


def cut(answers):
    """Cut answers that lie side by side into one array or tensor for each task."""
    ends = np.cumsum([0, *WIDTHS.values()])
    return {task: answers[..., a:b] for task, a, b in zip(WIDTHS, ends, ends[1:], strict=False)}


def make_targets(faces, smoothing: float = 0.05) -> np.ndarray:
    """Turn labels into targets side by side; a missing label is a row of zeros.

    Parameters
    ----------
    faces : pandas.DataFrame
        With the columns gender, race and age, empty where unknown.
    smoothing : float, default=0.05
        Share of a label that goes to all classes alike, for gender and race.

    Returns
    -------
    array of shape (n, 128)
        float32.
    """
    targets = np.zeros((len(faces), sum(WIDTHS.values())), np.float32)
    parts = cut(targets)
    for task, names in (("gender", GENDERS), ("race", RACES)):
        code = faces[task].map({name: i for i, name in enumerate(names)})
        known = np.flatnonzero(code.notna())
        parts[task][known] = smoothing / len(names)
        parts[task][known, code.iloc[known].astype(int)] += 1 - smoothing
    known = np.flatnonzero(faces["age"].notna())
    ages = faces["age"].to_numpy(float)[known, None].clip(0, YEARS - 1)
    bell = np.exp(-0.5 * ((np.arange(YEARS) - ages) / AGE_SPREAD) ** 2)
    parts["age"][known] = bell / bell.sum(1, keepdims=True)
    return targets


def losses(logits: torch.Tensor, targets: torch.Tensor) -> dict[str, torch.Tensor]:
    """Mean cross-entropy of each task over the pictures that have its label."""
    result = {}
    for (task, z), t in zip(cut(logits).items(), cut(targets).values(), strict=True):
        each = -(t * torch.log_softmax(z.float(), 1)).sum(1)
        result[task] = each.sum() / (t.sum(1) > 0.5).sum().clamp(min=1)
    return result


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Turn logits that lie side by side into probabilities."""
    parts = []
    for z in cut(np.asarray(logits, np.float32)).values():
        e = np.exp(z - z.max(1, keepdims=True))
        parts.append(e / e.sum(1, keepdims=True))
    return np.concatenate(parts, 1)


class Joint(nn.Module):
    """A trunk, and one linear layer with the answers of all tasks.

    Parameters
    ----------
    trunk : module
        Gives ``trunk.width`` features from RGB pixels, channels first, 0 to 255.
    dropout : float, default=0.2
        Share of the features dropped while training.
    """

    def __init__(self, trunk: nn.Module, dropout: float = 0.2) -> None:
        super().__init__()
        self.trunk = trunk
        self.register_buffer("centre", torch.zeros(trunk.width))
        self.register_buffer("spread", torch.ones(trunk.width))
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.Linear(trunk.width, sum(WIDTHS.values()))

    def answer(self, features: torch.Tensor) -> torch.Tensor:
        """Turn the trunk's features into logits."""
        scaled = (features.float() - self.centre) / self.spread
        return self.heads(self.dropout(scaled))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give the logits."""
        return self.answer(self.trunk(x))


def fit_heads(net: Joint, features: torch.Tensor, targets: torch.Tensor, steps: int) -> None:
    """Fit only the heads, on features of the frozen trunk.

    Parameters
    ----------
    net : Joint
        Its ``centre``, ``spread`` and heads are set.
    features : tensor of shape (n, width)
        Of the pictures to learn from.
    targets : tensor of shape (n, 128)
        As `make_targets` gives them.
    steps : int
        Steps of 256 pictures.
    """
    net.centre.copy_(features.mean(0))
    net.spread.copy_(features.std(0) + 1e-2 * features.std())
    nn.init.normal_(net.heads.weight, std=0.01)
    nn.init.zeros_(net.heads.bias)
    optimizer = torch.optim.AdamW(net.heads.parameters(), lr=2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    chance = torch.Generator().manual_seed(0)
    net.train()
    for _ in range(steps):
        rows = torch.randint(len(features), (256,), generator=chance)
        loss = losses(net.answer(features[rows]), targets[rows])
        (loss["gender"] + loss["race"] + 0.5 * loss["age"]).backward()
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()


def to_tensor(pictures: np.ndarray) -> torch.Tensor:
    """Turn uint8 pictures (n, h, w, 3) into what the networks take."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float()


def to_engine(net: nn.Module, size: int):
    """Convert a network for OpenVINO: pixels (n, 3, size, size) to logits."""
    import openvino as ov

    net = net.eval().float()
    model = ov.convert_model(net, example_input=torch.zeros(2, 3, size, size))
    model.reshape([-1, 3, size, size])
    return model


def save_atomically(what: object, path: Path) -> None:
    """Write a file that is either the old or the new one, whenever the process ends."""
    beside = path.with_suffix(".part")
    torch.save(what, beside)
    beside.replace(path)
