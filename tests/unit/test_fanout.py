"""Who gets which entry, and when."""

from uuid import UUID, uuid4

import orjson

from db.session_log import LogEntry
from media_server.events import COACHED, EVERYONE, SERVER, MetricsUpdated, Pong, TranscriptPartial
from media_server.fanout import Fanout, Reader

SESSION, ORGANIZATION = uuid4(), uuid4()


class Screen:
    """What one participant received."""

    def __init__(self) -> None:
        self.events: list[int] = []
        self.live: list[str] = []
        self.forgotten: list[str] = []
        self.rooms = 1_000
        """How often there is room before the reader is given up."""

    def send_event(self, message: bytes) -> None:
        self.events.append(orjson.loads(message)["seq"])

    def send_live(self, message: bytes, place: str) -> None:
        self.live.append(orjson.loads(message)["type"])

    def forget_live(self, place: str) -> None:
        self.forgotten.append(place)

    async def room(self) -> bool:
        self.rooms -= 1
        return self.rooms >= 0


def entry(seq: int, audience: str = EVERYONE) -> LogEntry:
    return LogEntry(SESSION, ORGANIZATION, seq, 1, "error", 0, audience, b'{"code":"x","message":"y","fatal":false}')


class Log:
    """Earlier epochs in Postgres, this one in memory."""

    def __init__(self, stored: list[LogEntry], memory: list[LogEntry]) -> None:
        self.stored, self.memory = stored, memory
        self.fanout = Fanout(self.history, self.after)

    async def history(self, after: int, audiences: object) -> list[LogEntry]:
        return [e for e in self.stored if e.seq > after]

    def after(self, seq: int) -> list[LogEntry]:
        return [e for e in self.memory if e.seq > seq]

    def say(self, new: LogEntry) -> None:
        self.memory.append(new)
        self.fanout.publish(new)


def reader(participant_id: UUID | None = None, *, coached: bool = False) -> tuple[Screen, Reader]:
    screen = Screen()
    return screen, Reader(screen, str(participant_id or uuid4()), coached)


async def test_a_reader_gets_nothing_before_its_hello() -> None:
    log = Log([], [])
    screen, place = reader()
    log.fanout.add(place)
    log.say(entry(1))
    assert screen.events == []


async def test_zero_means_everything_once_and_in_order() -> None:
    log = Log([entry(1), entry(2), entry(11)], [entry(11), entry(12)])
    screen, place = reader()
    log.fanout.add(place)
    await log.fanout.attach(place, 0)
    log.say(entry(13))
    assert screen.events == [1, 2, 11, 12, 13]


async def test_null_means_from_now() -> None:
    log = Log([entry(1)], [entry(11)])
    screen, place = reader()
    log.fanout.add(place)
    await log.fanout.attach(place, None)
    log.say(entry(12))
    assert screen.events == [12]


async def test_a_number_means_what_came_after_it() -> None:
    log = Log([entry(1), entry(2)], [entry(11), entry(12)])
    screen, place = reader()
    log.fanout.add(place)
    await log.fanout.attach(place, 2)
    assert screen.events == [11, 12]


async def test_what_is_said_during_the_catch_up_is_neither_lost_nor_doubled() -> None:
    log = Log([entry(1)], [])
    screen, place = reader()

    async def slow_history(after: int, audiences: object) -> list[LogEntry]:
        log.say(entry(11))
        return [entry(1)]

    fanout = Fanout(slow_history, log.after)
    log.fanout = fanout
    fanout.add(place)
    await fanout.attach(place, 0)
    log.say(entry(12))
    assert screen.events == [1, 11, 12]


async def test_coaching_reaches_only_the_coached() -> None:
    log = Log([], [])
    host, host_place = reader(coached=True)
    customer, customer_place = reader()
    for place in (host_place, customer_place):
        log.fanout.add(place)
        await log.fanout.attach(place, 0)
    log.say(entry(1, COACHED))
    log.fanout.live(MetricsUpdated([], 0, 0), 0)
    assert (host.events, host.live) == ([1], ["metrics.updated"])
    assert (customer.events, customer.live) == ([], [])


async def test_an_error_reaches_only_the_one_it_is_for() -> None:
    alice, bob = uuid4(), uuid4()
    log = Log([], [])
    alices, alices_place = reader(alice)
    bobs, bobs_place = reader(bob)
    for place in (alices_place, bobs_place):
        log.fanout.add(place)
        await log.fanout.attach(place, 0)
    log.say(entry(1, f"participant:{alice}"))
    assert (alices.events, bobs.events) == ([1], [])


async def test_what_is_for_the_server_reaches_nobody() -> None:
    log = Log([], [])
    screen, place = reader(coached=True)
    log.fanout.add(place)
    await log.fanout.attach(place, 0)
    log.say(entry(1, SERVER))
    assert screen.events == []


async def test_live_messages_need_no_hello() -> None:
    log = Log([], [])
    screen, place = reader()
    log.fanout.add(place)
    log.fanout.live(Pong(), 0)
    assert screen.live == ["pong"]


async def test_who_says_hello_before_being_admitted_misses_nothing_in_between() -> None:
    log = Log([], [entry(1)])
    screen, place = reader()
    await log.fanout.attach(place, 0)
    log.say(entry(2))
    log.fanout.add(place)
    log.say(entry(3))
    assert screen.events == [1, 2, 3]


async def test_a_replay_goes_on_until_nothing_came_meanwhile() -> None:
    log = Log([entry(1)], [entry(11)])
    screen, place = reader()
    said = iter([entry(12), entry(13, COACHED), entry(14)])
    room = screen.room

    async def room_while_others_talk() -> bool:
        if (new := next(said, None)) is not None:
            log.say(new)
        return await room()

    screen.room = room_while_others_talk  # type: ignore[method-assign]
    log.fanout.add(place)
    await log.fanout.attach(place, 0)
    log.say(entry(15))
    assert screen.events == [1, 11, 12, 14, 15]


async def test_a_reader_that_takes_nothing_more_is_not_attached() -> None:
    log = Log([], [entry(1), entry(2), entry(3)])
    screen, place = reader()
    screen.rooms = 2
    log.fanout.add(place)
    await log.fanout.attach(place, 0)
    log.say(entry(4))
    assert (screen.events, place.is_attached) == ([1, 2], False)


async def test_a_final_takes_the_place_of_its_partials() -> None:
    log = Log([], [])
    screen, place = reader()
    log.fanout.add(place)
    partial = TranscriptPartial("u7", "p", "Ann", 0, 1, "", "hello")
    log.fanout.live(partial, 0)
    log.say(LogEntry(SESSION, ORGANIZATION, 1, 1, "transcript.final", 0, EVERYONE, b'{"utterance_id":"u7"}'))
    assert screen.forgotten == [partial.place]
    assert partial.place != TranscriptPartial("u8", "p", "Ann", 0, 1, "", "hello").place
