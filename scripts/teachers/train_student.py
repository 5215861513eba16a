r"""Train students that see the same changed pictures as their teachers, in one process.

    python scripts/teachers/train_student.py --data DIR --network mobile --start FILE \
        --teacher 0:RUN0/teacher.xml --teacher 1:RUN1/teacher.xml --teacher 2:RUN2/teacher.xml \
        --nets all --output DIR

Each batch is changed once and shown to the teachers once; then every student takes a step.
``--nets all`` is one student of all tasks, whose trunk is a start for others; ``--nets gender race
age`` are three. A picture is judged by the teacher of its fold, which never saw it; those without a
fold, or whose fold has no teacher, by one of the teachers, drawn anew each time. ``--start`` is
what ``read_package.py`` wrote, agr's ``face_resnet.npz``, or the ``student-NAME.pt`` of an earlier
run. The same command goes on where a stopped run was.
"""

import argparse
import json
import math
import signal
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from engines import load_engine
from nets import WIDTHS, YEARS, Joint, cut, fit_heads, make_targets, probabilities, save_atomically
from scores import short_scores
from students import STUDENTS
from train_teacher import WEIGHTS, choose_rows, draw_batch, epoch_order, predict

FIRST_HEADS = 6400  # pictures on whose frozen features new heads are fitted


def load_teachers(items: list[str]) -> dict[int, list]:
    """Load ``FOLD:FILE[*WEIGHT]`` as lists of (weight, engine, size) by fold."""
    import openvino as ov

    teachers: dict[int, list] = {}
    for item in items:
        fold, _, rest = item.partition(":")
        path, _, weight = rest.partition("*")
        model = ov.Core().read_model(path)
        size = model.inputs[0].partial_shape[2].get_length()
        engine = load_engine(model, precision="bf16")
        teachers.setdefault(int(fold), []).append((float(weight or 1), engine, size))
    return teachers


def ask(teachers: dict[int, list], batch: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Probabilities of each picture from the teachers of its fold."""
    answers = np.empty((len(batch), sum(WIDTHS.values())), np.float32)
    for fold in np.unique(folds):
        rows = folds == fold
        total = sum(weight for weight, _, _ in teachers[fold])
        shown, mixed = batch[rows], 0.0
        for weight, engine, size in teachers[fold]:
            given = shown
            if size != shown.shape[-1]:
                pictures = shown.transpose(0, 2, 3, 1)
                resized = np.stack([cv2.resize(p, (size, size)) for p in pictures])
                given = np.ascontiguousarray(resized.transpose(0, 3, 1, 2))
            mixed = mixed + weight / total * probabilities(engine(given))
        answers[rows] = mixed
    return answers


def rarity(faces: pd.DataFrame, power: float) -> torch.Tensor:
    """Weigh rare ages and races more, each task's weights one on average.

    Parameters
    ----------
    faces : pandas.DataFrame
        With the columns part, race and age.
    power : float
        A weight is the share of a label, raised to minus this; from 1/3 to 3.

    Returns
    -------
    tensor of shape (n, 3)
        For gender (always one), race and age; one where the label is missing.
    """
    weights = np.ones((len(faces), len(WIDTHS)), np.float32)
    train = (faces["part"] == "train").to_numpy()
    for column, task in enumerate(WIDTHS):
        known = np.flatnonzero(faces[task].notna())
        if task == "gender" or not power:
            continue
        labels = faces[task].iloc[known]
        shares = labels[train[known]].value_counts(normalize=True)
        if task == "age":  # neighbouring years lend each other pictures
            years = np.arange(YEARS)
            bell = np.exp(-0.5 * ((years[:, None] - shares.index.to_numpy()) / 3) ** 2)
            shares = pd.Series(bell @ shares.to_numpy(), years)
        weight = labels.map(shares).to_numpy(float) ** -power
        weight = (weight / weight[train[known]].mean()).clip(1 / 3, 3)
        weights[known, column] = weight
    return torch.from_numpy(weights)


def distil(logits, labels, answers, weights, tasks, label_share: float) -> dict[str, torch.Tensor]:
    """Mean loss of some tasks: the label's share where there is one, the rest the teacher's."""
    result = {}
    parts = (cut(logits).items(), cut(labels).values(), cut(answers).values(), weights.T)
    for (task, z), label, answer, weight in zip(*parts, strict=True):
        if task in tasks:
            known = (label.sum(1, keepdim=True) > 0.5).float() * label_share
            target = known * label + (1 - known) * answer
            each = -(target * torch.log_softmax(z.float(), 1)).sum(1)
            result[task] = (weight * each).mean()
    return result


class Student:
    """One network, the tasks that it learns, and its optimizer.

    Parameters
    ----------
    name : {"all", "gender", "race", "age"}
        What it learns.
    network : str
        One of `students.STUDENTS`.
    start : path or None
        Starting weights.
    rate : float
        Highest learning rate of the trunk; that of the heads is twice as high.
    """

    def __init__(self, name: str, network: str, start: Path | None, rate: float) -> None:
        self.name, self.tasks = name, tuple(WIDTHS) if name == "all" else (name,)
        self.net = Joint(STUDENTS[network]())
        self.fresh = start is None or start.suffix != ".pt"
        if start is not None and self.fresh:
            self.net.trunk.start(start)
        elif start is not None:
            self.net.load_state_dict(torch.load(start, weights_only=True))
        self.net = self.net.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(
            [
                {"params": list(self.net.trunk.parameters()), "peak": rate},
                {"params": list(self.net.heads.parameters()), "peak": 2 * rate},
            ],
            weight_decay=0.02,
        )

    def step(self, x, labels, answers, weights, factor: float, label_share: float) -> float:
        """Learn from one batch; gives the loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        with torch.autocast("cpu", torch.bfloat16):
            features = self.net.trunk(x)
        logits = self.net.answer(features)
        each = distil(logits, labels, answers, weights, self.tasks, label_share)
        loss = sum(WEIGHTS[task] * value for task, value in each.items())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return float(loss)


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
        self.weights = rarity(self.faces, args.rarity)
        self.folds = self.faces["fold"].to_numpy()
        self.always, self.some = choose_rows(self.faces, "none")
        self.held = self.faces[self.faces["part"] == "validation"].reset_index(drop=True)
        self.held_pictures = np.load(args.data / "held112.npy")
        if args.size != self.held_pictures.shape[1]:
            self.held_pictures = np.stack(
                [cv2.resize(p, (args.size, args.size)) for p in self.held_pictures]
            )
        self.teachers = load_teachers(args.teacher)
        torch.manual_seed(args.seed)
        self.students = [Student(n, args.network, args.start, args.rate) for n in args.nets]
        self.epoch, self.step = 0, -1
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
            for student in self.students:
                student.net.load_state_dict(state[student.name]["net"])
                student.optimizer.load_state_dict(state[student.name]["optimizer"])
            self.epoch, self.step = state["epoch"], state["step"]
            self.say(f"goes on in epoch {self.epoch + 1} at step {self.step}")

    def save(self) -> None:
        """Write the state."""
        state = {"epoch": self.epoch, "step": self.step}
        for student in self.students:
            state[student.name] = {
                "net": student.net.state_dict(),
                "optimizer": student.optimizer.state_dict(),
            }
        save_atomically(state, self.file)

    def fit_heads(self) -> None:
        """Fit the heads of networks that have none yet, on frozen features."""
        rows = epoch_order(self.always, self.some, self.args.seed, 10**6)[:FIRST_HEADS]
        for student in self.students:
            if student.fresh:
                student.net.eval()
                features = []
                with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
                    for start in range(0, len(rows), 64):
                        self.stop_if_ended()
                        key = (self.args.seed, start, 9)
                        x = draw_batch(self.pictures, rows[start : start + 64], key, self.args.size)
                        features.append(student.net.trunk(x).float())
                fit_heads(student.net, torch.cat(features).clone(), self.targets[rows], 1000)
            self.say(f"{student.name} starts: {self.score(student)}")
        self.step = 0

    def score(self, student: Student) -> dict[str, float]:
        """Scores of its tasks on the validation pictures, without mirror images."""
        scores = short_scores(probabilities(predict(student.net, self.held_pictures)), self.held)
        return {k: v for k, v in scores.items() if any(task in k for task in student.tasks)}

    def train(self) -> None:
        """Train to the end."""
        total = self.args.epochs * self.steps
        saved = clock = time.monotonic()
        while self.epoch < self.args.epochs:
            order = epoch_order(self.always, self.some, self.args.seed, self.epoch)
            for student in self.students:
                student.net.train()
            sums, count = np.zeros(len(self.students)), 0
            while self.step < self.steps:
                start = self.step * self.args.batch
                rows = order[start : start + self.args.batch]
                key = (self.args.seed, self.epoch, self.step)
                x = draw_batch(self.pictures, rows, key, self.args.size)
                folds = self.folds[rows]
                chance = np.random.default_rng((*key, 1))
                drawn = chance.choice(sorted(self.teachers), len(rows))
                folds = np.where(np.isin(folds, list(self.teachers)), folds, drawn)
                given = np.ascontiguousarray(x.numpy())
                answers = torch.from_numpy(ask(self.teachers, given, folds))
                x = x.contiguous(memory_format=torch.channels_last)
                torch.manual_seed(self.epoch * 100_000 + self.step)
                done = self.epoch * self.steps + self.step
                factor = min(1.0, (done + 1) / 200) * 0.5 * (1 + math.cos(math.pi * done / total))
                lesson = (x, self.targets[rows], answers, self.weights[rows])
                losses = [s.step(*lesson, factor, self.args.label_share) for s in self.students]
                sums, self.step, count = sums + losses, self.step + 1, count + 1
                now = time.monotonic()
                if self.step % 50 == 0:
                    means = " ".join(
                        f"{s.name} {v / count:.4f}"
                        for s, v in zip(self.students, sums, strict=True)
                    )
                    speed = count * self.args.batch / (now - clock)
                    self.say(f"epoch {self.epoch + 1} step {self.step} {means} {speed:.1f} pic/s")
                    sums, count, clock = 0 * sums, 0, now
                if self.ended or now - saved > 150:
                    self.save()
                    saved = now
                self.stop_if_ended()
            self.epoch, self.step = self.epoch + 1, 0
            for student in self.students:
                scores = self.score(student)
                self.say(f"epoch {self.epoch} ends, {student.name}: {scores}")
                with (self.args.output / "epochs.jsonl").open("a") as lines:
                    row = {"epoch": self.epoch, "student": student.name, **scores}
                    print(json.dumps(row), file=lines)
            self.save()
            saved = clock = time.monotonic()
        for student in self.students:
            file = self.args.output / f"student-{student.name}.pt"
            save_atomically(student.net.state_dict(), file)
        self.say("done")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--teacher", action="append", required=True, metavar="FOLD:FILE[*WEIGHT]")
    parser.add_argument("--nets", nargs="+", choices=["all", *WIDTHS], default=["all"])
    parser.add_argument("--network", choices=list(STUDENTS), default="mobile")
    parser.add_argument("--start", type=Path)
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--label-share", type=float, default=0.3)
    parser.add_argument("--rarity", type=float, default=0.0, help="0.5: rare labels weigh more")
    parser.add_argument("--seed", type=int, default=0)
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
