"""Seeded damage: bytes, words and plain values that something may choke on."""

import copy
import random
import struct
from typing import Any

NUMBERS = (0, 1, -1, 2, 7, 127, 128, 255, 256, 32767, 65535, 2**31 - 1, 2**31, 2**32 - 1)
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 16, 112, 1e308, 10**400, float("nan"), float("inf"), 0.5, "",
    "a", "\0", "\ud800", "../..", "female", [], [[]], {}, {"a": 1}, ["female", "male"], "x" * 5000,
)  # fmt: skip
WORDS = (
    "", " ", "\0", "\n", '"', ",", ";", "\t", "\ufeff", "\u0662\u0666", "nan", "inf", "-1", "1e999",
    "999", "120", "121", "26", "female", "Male", "white", "other", "1_000", "0x1a", "=1+1",
    "\ud800", "\u00e9" * 300, "x" * 3000, "a.jpg", "../a.jpg", "/", ".", "~", "-",
    "26_1_0_2017.jpg",
)  # fmt: skip


def damage(rng: random.Random, data: bytes) -> bytes:
    """Alter a file in one to four ways."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        if not data:
            return rng.randbytes(20)
        data = rng.choice(WAYS)(rng, data)
    return data


def _flip(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 3, 20))):
        changed[_place(rng, data)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _set(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 8))):
        changed[_place(rng, data)] = rng.choice((0, 1, 127, 128, 254, 255, rng.randrange(256)))
    return bytes(changed)


def _number(rng: random.Random, data: bytes) -> bytes:
    """Write a number that sizes and lengths hardly ever are."""
    form = rng.choice(("<H", ">H", "<I", ">I"))
    written = struct.pack(form, rng.choice(NUMBERS) & (0xFFFF if form[1] == "H" else 0xFFFFFFFF))
    place = _place(rng, data)
    return data[:place] + written + data[place + len(written) :]


def _cut(rng: random.Random, data: bytes) -> bytes:
    return data[: _place(rng, data)]


def _drop(rng: random.Random, data: bytes) -> bytes:
    start = _place(rng, data)
    return data[:start] + data[start + rng.choice((1, 4, 64)) :]


def _repeat(rng: random.Random, data: bytes) -> bytes:
    start = _place(rng, data)
    piece = data[start : start + rng.choice((1, 4, 12, 200))]
    return data[:start] + piece * rng.choice((2, 3, 50)) + data[start:]


def _insert(rng: random.Random, data: bytes) -> bytes:
    start = _place(rng, data)
    return data[:start] + rng.randbytes(rng.choice((1, 4, 100))) + data[start:]


def _swap(rng: random.Random, data: bytes) -> bytes:
    one, two = sorted((_place(rng, data), _place(rng, data)))
    n = rng.choice((1, 4, 30))
    return data[:one] + data[two : two + n] + data[one + n : two] + data[one : one + n] + data[two:]


def _blank(rng: random.Random, data: bytes) -> bytes:
    start, n = _place(rng, data), rng.choice((4, 32, 500))
    return (
        data[:start]
        + bytes([rng.choice((0, 255))]) * len(data[start : start + n])
        + data[start + n :]
    )


def _place(rng: random.Random, data: bytes) -> int:
    """Half of the time near the start, where sizes and tables are."""
    return rng.randrange(min(len(data), rng.choice((64, 400, len(data), len(data)))))


WAYS = (_flip, _set, _number, _number, _cut, _drop, _repeat, _insert, _swap, _blank)


def disturb(rng: random.Random, value: Any) -> Any:
    """Put something else into one or two places of a plain value."""
    value = copy.deepcopy(value)
    for _ in range(rng.choice((1, 1, 2))):
        spots = list(_spots(value))
        if not spots:
            return rng.choice(VALUES)
        inside, key = rng.choice(spots)
        way = rng.randrange(6)
        if way == 0 and isinstance(inside, dict):
            del inside[key]
        elif way == 1:
            inside[key] = [inside[key]]
        elif way == 2 and isinstance(inside[key], list):
            inside[key] = inside[key] * 2
        elif way == 3 and isinstance(inside[key], int | float):
            inside[key] = inside[key] * rng.choice((-1, 0, 1.5, 1e9, 10**9))
        elif way == 4:
            for _ in range(rng.choice((5, 300))):
                inside[key] = [inside[key]]
        else:
            inside[key] = rng.choice(VALUES)
    return value


def _spots(value: Any) -> Any:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        keys = (
            list(one) if isinstance(one, dict) else range(len(one)) if isinstance(one, list) else ()
        )
        for key in keys:
            yield one, key
            waiting.append(one[key])
