"""Train one teacher: an encoder that knows faces, fine-tuned for all three tasks at once.

    python scripts/teachers/train_teacher.py --data DIR --encoder FILE.onnx --fold 0 --output DIR

``--data`` is what ``prepare.py`` wrote. The teacher of fold k never sees fold k; ``--fold none``
learns from all training pictures. The heads are fitted on the frozen features first. The same
command goes on where a stopped run was; ``log.txt`` and ``epochs.jsonl`` in the output tell the
course, ``teacher.pt`` is the result. One thread: run the folds side by side.
"""

import argparse
import json
import math
import signal
import time
from pathlib import Path

import camera
import cv2
import numpy as np
import pandas as pd
import torch
from converted import load_trunk
from nets import Joint, fit_heads, losses, make_targets, probabilities, save_atomically, to_tensor
from scores import short_scores

SIZE = 112
WEIGHTS = {"gender": 1.0, "race": 1.0, "age": 0.5}
OTHERS_SHARE = 3  # one in so many of the pictures of LFW and CelebA is shown in each epoch


def choose_rows(faces: pd.DataFrame, fold: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows shown in every epoch (UTKFace, MEBeauty), and those of which a share is shown."""
    train = faces["part"] == "train"
    own = train & (faces["source"] == "utkface")
    if fold != "none":
        own &= faces["fold"] != int(fold)
    always = own | (train & (faces["source"] == "mebeauty"))
    return np.flatnonzero(always), np.flatnonzero(train & faces["source"].isin(["lfw", "celeba"]))


def epoch_order(always: np.ndarray, some: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """Draw the pictures of an epoch in their order; the same numbers give the same order."""
    rng = np.random.default_rng((seed, epoch))
    shown = rng.choice(some, len(some) // OTHERS_SHARE, replace=False)
    return rng.permutation(np.concatenate([always, shown]))


def draw_batch(
    pictures: np.ndarray, rows: np.ndarray, key: tuple[int, ...], size: int = SIZE
) -> torch.Tensor:
    """Draw changed copies of some pictures by a key."""
    rng = np.random.default_rng(key)
    return to_tensor(np.stack([camera.draw(pictures[row], size, rng) for row in rows]))


def predict(net: Joint, pictures: np.ndarray) -> np.ndarray:
    """Logits of pictures of the right size."""
    net.eval()
    answers = []
    with torch.inference_mode():
        for start in range(0, len(pictures), 64):
            with torch.autocast("cpu", torch.bfloat16):
                features = net.trunk(to_tensor(pictures[start : start + 64]))
            answers.append(net.answer(features).numpy())
    return np.concatenate(answers)


class Run:
    """State of one training, kept in a file.

    Parameters
    ----------
    args : argparse.Namespace
        The command's settings.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.faces = pd.read_csv(args.data / "faces.csv", low_memory=False)
        self.pictures = np.load(args.data / "pictures.npy", mmap_mode="r")
        self.targets = torch.from_numpy(make_targets(self.faces))
        self.always, self.some = choose_rows(self.faces, args.fold)
        self.held = self.faces[self.faces["part"] == "validation"].reset_index(drop=True)
        self.held_pictures = np.load(args.data / "held112.npy", mmap_mode="r")
        torch.manual_seed(args.seed)
        self.net = Joint(load_trunk(args.encoder)).to(memory_format=torch.channels_last)
        heads = list(self.net.heads.parameters())
        self.optimizer = torch.optim.AdamW(
            [
                {"params": list(self.net.trunk.parameters()), "peak": args.trunk_rate},
                {"params": heads, "peak": args.head_rate},
            ],
            weight_decay=0.02,
        )
        self.epoch, self.step = 0, -1  # -1: the heads are not fitted yet
        self.steps = len(epoch_order(self.always, self.some, args.seed, 0)) // args.batch
        self.file = args.output / "state.pt"
        self.ended = False
        signal.signal(signal.SIGTERM, self.end)

    def end(self, *_: object) -> None:
        """Stop after this step, as a signal asks."""
        self.ended = True

    def stop_if_ended(self) -> None:
        """Leave, if a signal asked for it."""
        if self.ended:
            raise SystemExit("stopped; the same command goes on")

    def say(self, text: str) -> None:
        """Write a line into the log."""
        with (self.args.output / "log.txt").open("a") as log:
            print(time.strftime("%H:%M:%S"), text, file=log)

    def load(self) -> None:
        """Go on from the file, if there is one."""
        if self.file.exists():
            state = torch.load(self.file, weights_only=True)
            self.net.load_state_dict(state["net"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.epoch, self.step = state["epoch"], state["step"]
            self.say(f"goes on in epoch {self.epoch + 1} at step {self.step}")

    def save(self) -> None:
        """Write the state."""
        state = {"net": self.net.state_dict(), "optimizer": self.optimizer.state_dict()}
        save_atomically(state | {"epoch": self.epoch, "step": self.step}, self.file)

    def fit_heads(self) -> None:
        """Fit the heads on the frozen features of one changed copy of every picture."""
        rows = epoch_order(self.always, self.some, self.args.seed, 10**6)
        self.net.eval()
        features = []
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            for start in range(0, len(rows), 64):
                self.stop_if_ended()
                x = draw_batch(self.pictures, rows[start : start + 64], (self.args.seed, start, 9))
                features.append(self.net.trunk(x).float())
        fit_heads(self.net, torch.cat(features).clone(), self.targets[rows], 1500)
        self.step = 0
        self.say(f"heads: {self.score()}")

    def score(self) -> dict[str, float]:
        """Scores on the validation pictures, without mirror images."""
        return short_scores(probabilities(predict(self.net, self.held_pictures)), self.held)

    def set_rate(self) -> None:
        """Set the learning rates: a short rise, then a cosine down to zero."""
        done = self.epoch * self.steps + self.step
        share = done / (self.args.epochs * self.steps)
        factor = min(1.0, (done + 1) / 100) * 0.5 * (1 + math.cos(math.pi * share))
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * factor

    def train(self) -> None:
        """Train to the end."""
        trunk = (
            torch.compile(self.net.trunk, dynamic=False) if self.args.compile else self.net.trunk
        )
        saved = clock = time.monotonic()
        while self.epoch < self.args.epochs:
            order = epoch_order(self.always, self.some, self.args.seed, self.epoch)
            self.net.train()
            sums, count = {}, 0
            while self.step < self.steps:
                self.set_rate()
                start = self.step * self.args.batch
                rows = order[start : start + self.args.batch]
                x = draw_batch(self.pictures, rows, (self.args.seed, self.epoch, self.step))
                x = x.contiguous(memory_format=torch.channels_last)
                torch.manual_seed(self.epoch * 100_000 + self.step)
                with torch.autocast("cpu", torch.bfloat16):
                    features = trunk(x)
                each = losses(self.net.answer(features), self.targets[rows])
                sum(WEIGHTS[task] * loss for task, loss in each.items()).backward()
                torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
                self.optimizer.step()
                self.optimizer.zero_grad()
                self.step, count = self.step + 1, count + 1
                sums = {task: sums.get(task, 0.0) + float(loss) for task, loss in each.items()}
                if self.step % 50 == 0:
                    now = time.monotonic()
                    means = " ".join(f"{task} {s / count:.4f}" for task, s in sums.items())
                    speed = count * self.args.batch / (now - clock)
                    self.say(f"epoch {self.epoch + 1} step {self.step} {means} {speed:.1f} pic/s")
                    sums, count, clock = {}, 0, now
                if self.ended or time.monotonic() - saved > 150:
                    self.save()
                    saved = time.monotonic()
                self.stop_if_ended()
            self.epoch, self.step = self.epoch + 1, 0
            scores = self.score()
            self.say(f"epoch {self.epoch} ends: {scores}")
            with (self.args.output / "epochs.jsonl").open("a") as lines:
                print(json.dumps({"epoch": self.epoch, **scores}), file=lines)
            self.save()
            saved = clock = time.monotonic()
        save_atomically(self.net.state_dict(), self.args.output / "teacher.pt")
        self.say("done")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--fold", choices=["0", "1", "2", "none"], default="none")
    parser.add_argument("--epochs", type=int, default=7)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--trunk-rate", type=float, default=4e-4)
    parser.add_argument("--head-rate", type=float, default=8e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--compile", action="store_true", help="translate the trunk to C++ first")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    run = Run(args)
    run.load()
    if run.step < 0:
        run.fit_heads()
        run.save()
    run.train()


if __name__ == "__main__":
    main()
