"""Who is next: in rounds, a visitor after the other; how far it is; and who is turned away."""

import random
from contextlib import AsyncExitStack

import pytest

from chat.seats import Seats


class Hall:
    """Seats, and people in front of them."""

    def __init__(self, count, most=None):
        self.seats = Seats(count, most)
        self.stacks = {}

    async def comes(self, name, visitor):
        self.stacks[name] = AsyncExitStack()
        return await self.stacks[name].enter_async_context(self.seats.wait(visitor))

    async def goes(self, name):
        await self.stacks.pop(name).aclose()


async def test_who_comes_first_is_seated_first_and_places_are_true():
    hall = Hall(1)
    tickets = {name: await hall.comes(name, name) for name in ("dora", "emil", "finn", "gina")}
    assert [ticket.seated for ticket in tickets.values()] == [True, False, False, False]
    assert [tickets[name].place for name in ("emil", "finn", "gina")] == [1, 2, 3]
    await hall.goes("finn")  # gave up
    assert [tickets[name].place for name in ("emil", "gina")] == [1, 2]
    await hall.goes("dora")
    assert tickets["emil"].seated and tickets["gina"].place == 1


async def test_ten_questions_of_one_visitor_do_not_stand_before_one_of_another():
    hall = Hall(1)
    await hall.comes("first", "busy")
    many = [await hall.comes(f"busy {n}", "busy") for n in range(10)]  # on ten lines, or on one
    dora, emil = await hall.comes("dora", "dora"), await hall.comes("emil", "emil")
    assert [many[0].place, dora.place, emil.place] == [1, 2, 3]
    assert [ticket.place for ticket in many[1:]] == list(range(4, 13))
    seated, waiting = ["first"], {"dora": dora, "emil": emil} | {f"busy {n}": t for n, t in enumerate(many)}
    order = []
    while waiting:
        expected = next(name for name, ticket in waiting.items() if ticket.place == 1)
        await hall.goes(seated.pop())
        (name,) = [name for name, ticket in waiting.items() if ticket.seated]
        assert name == expected
        order.append(name)
        seated.append(name)
        del waiting[name]
    assert order[:4] == ["busy 0", "dora", "emil", "busy 1"]


@pytest.mark.parametrize("seed", range(20))
async def test_every_place_that_is_told_is_the_order_in_which_they_are_seated(seed):
    dice, hall = random.Random(seed), Hall(1)
    await hall.comes("holder", "nobody")
    tickets = {n: await hall.comes(n, dice.choice("abcd")) for n in range(12)}
    places = {ticket.place: n for n, ticket in tickets.items()}
    assert sorted(places) == list(range(1, 13))
    order, holder = [], "holder"
    while len(order) < 12:
        await hall.goes(holder)
        (holder,) = [n for n, ticket in tickets.items() if ticket.seated and n not in order]
        order.append(holder)
    assert order == [places[place] for place in range(1, 13)]


async def test_over_the_bound_nobody_waits():
    hall = Hall(1, most=2)
    await hall.comes("dora", "dora")
    assert [(await hall.comes(n, n)).turned_away for n in range(4)] == [False, False, True, True]
    await hall.goes(3)
    assert hall.seats.waiting == 2
    await hall.goes("dora")
    assert hall.seats.waiting == 1 and not (await hall.comes("emil", "emil")).turned_away


async def test_a_seat_that_was_given_and_left_is_free_again():
    hall = Hall(2)
    for name in "abcd":
        await hall.comes(name, name)
    for name in "abcd":
        await hall.goes(name)
    assert (hall.seats._free, hall.seats.waiting) == (2, 0)
    assert (await hall.comes("e", "e")).seated
