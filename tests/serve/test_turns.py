import pytest

from agr.serve.turns import Turns


@pytest.fixture
def turns():
    return Turns()


def take(turns, n, seconds=1.0, *, large=False):
    """Take n items, each of which takes so long; gives them."""
    taken = []
    for _ in range(n):
        item = turns.next(large=large)
        taken.append(item)
        turns.charge(item[0], item[:2], seconds)
    return taken


def add(turns, name, n=1, *, large=False):
    """Let n items of a request wait; its name's first letter is the client."""
    for _ in range(n):
        turns.add(name[0], name, name, large=large)


def test_nothing_waits(turns):
    assert turns.next(large=False) is None
    assert len(turns) == 0


def test_items_of_a_request_keep_their_order(turns):
    for i in range(3):
        turns.add("a", "a1", i)
    assert [turns.next(large=False) for _ in range(3)] == [0, 1, 2]


def test_clients_take_turns_however_many_items_they_have(turns):
    add(turns, "a1", 30)
    assert take(turns, 5) == ["a1"] * 5
    add(turns, "b1", 3)
    assert take(turns, 6).count("b1") == 3


def test_more_requests_give_a_client_no_more_turns(turns):
    for i in range(9):
        add(turns, f"a{i}", 4)
    add(turns, "b1", 9)
    assert take(turns, 18).count("b1") == 9


def test_requests_of_one_client_take_turns(turns):
    add(turns, "a1", 30)
    take(turns, 10)
    add(turns, "a2", 2)
    assert take(turns, 4).count("a2") == 2


def test_who_comes_anew_has_no_credit(turns):
    add(turns, "a1", 40)
    take(turns, 20)
    add(turns, "b1", 40)
    assert 4 <= take(turns, 10).count("b1") <= 6


def test_who_goes_and_comes_back_keeps_the_debt(turns):
    add(turns, "a1")
    add(turns, "b1", 30)
    turns.next(large=False)
    turns.charge("a", "a1", 10.0)
    turns.drop("a", "a1")
    take(turns, 2)
    add(turns, "a2", 5)
    assert "a2" not in take(turns, 6)


def test_long_items_count_more_than_short_ones(turns):
    add(turns, "a1", 20)
    add(turns, "b1", 20)
    order = []
    for _ in range(12):
        item = turns.next(large=False)
        turns.charge(item[0], item, 5.0 if item == "a1" else 1.0)
        order.append(item)
    assert order.count("a1") <= 3


def test_lanes_are_apart_and_share_the_account(turns):
    add(turns, "a1", 1, large=True)
    add(turns, "a2", 1)
    assert turns.next(large=True) == "a1"
    assert turns.next(large=True) is None
    turns.charge("a", "a1", 9.0)
    add(turns, "b1", 3)
    assert [turns.next(large=False) for _ in range(2)] == ["b1", "b1"]


def test_drop_gives_what_waited_and_forgets_it(turns):
    add(turns, "a1", 2)
    add(turns, "a1", 1, large=True)
    add(turns, "a2", 1)
    assert turns.waiting("a") == len(turns) == 4
    assert turns.drop("a", "a1") == ["a1"] * 3
    assert turns.drop("a", "a1") == []
    assert turns.next(large=False) == "a2"


def test_clients_that_are_done_are_forgotten(turns):
    for i in range(500):
        turns.add(f"client {i}", i, i)
        turns.next(large=False)
        turns.charge(f"client {i}", i, 0.1)
        turns.drop(f"client {i}", i)
    assert len(turns._clients) < 10
