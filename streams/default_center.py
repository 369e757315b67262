"""The contact center that the simulator simulates unless told otherwise: made up, around figures published of real ones."""

from math import ceil, sqrt
from typing import Final

from streams.center import (
    HALF_HOURS,
    Breaks,
    Callbacks,
    CallQueue,
    Center,
    ChatQueue,
    Duration,
    Survey,
    Team,
)

# Contacts by half hour in percent of the busiest one: humps before noon and in the afternoon.
# fmt: off
_AROUND_THE_CLOCK = (
    3, 2, 2, 2, 2, 1, 1, 1, 2, 2, 3, 4, 6, 10, 18, 30, 52, 72, 88, 96, 100, 99, 95, 90,
    80, 72, 70, 75, 84, 90, 92, 90, 86, 80, 70, 60, 50, 42, 36, 31, 27, 23, 20, 16, 13, 10, 7, 5,
)
_OFFICE_HOURS = (
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 10, 26, 60, 86, 98, 100, 99, 97, 92, 82,
    60, 48, 52, 70, 88, 95, 94, 90, 84, 72, 52, 34, 22, 15, 10, 8, 6, 5, 4, 3, 3, 2, 2, 1,
)
# fmt: on
# Share of the staff needed that is there, where it is not all: the late at nine, at lunch, a meeting at four.
_SHORT = {18: 0.84, 25: 0.90, 26: 0.82, 32: 0.88}
_SAFETY = 0.9  # people beyond the load, in square roots of the load
_SPECIALISTS = 0.8  # share of a queue's load that its own team carries
_RING_S = (1.0, 4.0)
_BREAKS: Final = Breaks(every=Duration(6_600, 1_800), length=Duration(720, 180))
_ON_BREAK: Final = 720 / (6_600 + 720)  # share of the people on shift
_CHAT_SLOTS: Final = 3
_CHATS_AT_ONCE: Final = 2.7  # that somebody has in a busy hour
_WITH_OTHERS: Final = 1.6  # so much longer a reply takes then


def default_center(volume: float = 1.0) -> Center:
    """Make a center of five queues of calls and three of chats: some 7,000 calls and 1,500 chats a day times `volume`.

    Each queue of calls has a team, and one team has all; one writes all chats. The figures are made up. Talk at billing has
    the mean and spread of a real bank's (185 s, SD 238; Brown et al., JASA 2005), and patience lies around that bank's
    370 s in January 1999 (waits of all ÷ abandons). Staff follows the contacts by the square-root rule (Halfin and Whitt,
    1981), but is short in some half hours, so that queues build and abate.
    """
    calls, chats = _call_queues(volume), _chat_queues(volume)
    return Center(
        queues=(*calls, *chats),
        teams=(*_call_teams(calls), _chat_team(chats)),
        ring_s=_RING_S,
        no_answer_share=0.01,
        breaks=_BREAKS,
        customers=ceil(200_000 * volume),
    )


def _scale(volume: float, peak_per_hour: float, shape: tuple[int, ...]) -> tuple[float, ...]:
    return tuple(volume * peak_per_hour * percent / 100 for percent in shape)


def _call_queues(volume: float) -> tuple[CallQueue, ...]:
    menu = Duration(32, 20)
    survey = Survey(offered_share=0.25, answered_share=0.35, delay=Duration(90, 60), good_share=0.82)
    callbacks = Callbacks(offered_after_s=90, accepted_share=0.3, due=Duration(1_200, 300))
    # fmt: off
    return (
        CallQueue(
            name="billing", per_hour=_scale(volume, 230, _AROUND_THE_CLOCK), talk=Duration(185, 238),
            wrap_up=Duration(28, 25), hold=Duration(45, 40), hold_share=0.15, hold_hang_up_share=0.02,
            consult=Duration(50, 30), consult_share=0.02, warm_share=0.3, patience=Duration(330), ivr=menu,
            ivr_hang_up_share=0.06, transfer_to=("support", "cards"), transfer_share=0.05,
            issues=("invoice", "payment", "refund", "fee"), survey=survey, callbacks=callbacks,
        ),
        CallQueue(
            name="support", per_hour=_scale(volume, 150, _AROUND_THE_CLOCK), talk=Duration(320, 290),
            wrap_up=Duration(45, 40), hold=Duration(70, 60), hold_share=0.25, hold_hang_up_share=0.03,
            consult=Duration(80, 50), consult_share=0.06, warm_share=0.4, patience=Duration(400), ivr=menu,
            ivr_hang_up_share=0.05, transfer_to=("billing", "business"), transfer_share=0.04,
            issues=("login", "app", "setup", "device"), survey=survey, callbacks=callbacks,
        ),
        CallQueue(
            name="cards", per_hour=_scale(volume, 180, _AROUND_THE_CLOCK), talk=Duration(130, 110),
            wrap_up=Duration(18, 15), hold=Duration(35, 30), hold_share=0.08, hold_hang_up_share=0.02,
            patience=Duration(260), ivr=menu, ivr_hang_up_share=0.03, transfer_to=("billing",), transfer_share=0.03,
            issues=("lost_card", "blocked_card", "limit", "pin"), priority="high", survey=survey,
        ),
        CallQueue(
            name="sales", per_hour=_scale(volume, 110, _OFFICE_HOURS), talk=Duration(250, 220),
            wrap_up=Duration(60, 45), hold=Duration(40, 30), hold_share=0.06, consult=Duration(45, 30),
            consult_share=0.03, warm_share=0.6, patience=Duration(200), ivr=menu, ivr_hang_up_share=0.08,
            transfer_to=("business", "billing"), transfer_share=0.04, issues=("offer", "order", "upgrade"),
            survey=survey, callbacks=callbacks,
        ),
        CallQueue(
            name="business", per_hour=_scale(volume, 60, _OFFICE_HOURS), talk=Duration(280, 260),
            wrap_up=Duration(55, 50), hold=Duration(60, 50), hold_share=0.20, consult=Duration(90, 60),
            consult_share=0.08, warm_share=0.3, patience=Duration(450), ivr=menu, ivr_hang_up_share=0.02,
            transfer_to=("support",), transfer_share=0.03, overflow_to="support", overflow_after_s=180,
            issues=("contract", "invoice", "migration"), priority="high", survey=survey, callbacks=callbacks,
        ),
    )
    # fmt: on


def _chat_queues(volume: float) -> tuple[ChatQueue, ...]:
    survey = Survey(offered_share=0.5, answered_share=0.3, delay=Duration(40, 30), good_share=0.86)
    thinking, reply_patience = Duration(35, 30), Duration(400, 320)
    # fmt: off
    return (
        ChatQueue(
            name="billing", per_hour=_scale(volume, 50, _AROUND_THE_CLOCK), typing=Duration(28, 20), thinking=thinking,
            replies=5, reply_patience=reply_patience, bot_turns=2, bot_share=0.25, patience=Duration(240),
            wrap_up=Duration(20, 15), transfer_to=("support",), transfer_share=0.04,
            issues=("invoice", "payment", "refund", "fee"), survey=survey,
        ),
        ChatQueue(
            name="support", per_hour=_scale(volume, 70, _AROUND_THE_CLOCK), typing=Duration(35, 25), thinking=thinking,
            replies=7, reply_patience=reply_patience, bot_turns=3, bot_share=0.35, patience=Duration(300),
            wrap_up=Duration(30, 25), transfer_to=("billing",), transfer_share=0.03,
            issues=("login", "app", "setup", "device"), survey=survey,
        ),
        ChatQueue(
            name="sales", per_hour=_scale(volume, 40, _OFFICE_HOURS), typing=Duration(25, 20), thinking=thinking,
            replies=4, reply_patience=reply_patience, patience=Duration(180), wrap_up=Duration(25, 20),
            issues=("offer", "order", "upgrade"), survey=survey,
        ),
    )
    # fmt: on


def _call_teams(queues: tuple[CallQueue, ...]) -> tuple[Team, ...]:
    loads = {queue.name: tuple(_load(queue, queues, half_hour) for half_hour in range(HALF_HOURS)) for queue in queues}
    own = {
        name: tuple(int(_SPECIALISTS * load * _there(half_hour)) for half_hour, load in enumerate(day))
        for name, day in loads.items()
    }
    needed = [load + _SAFETY * sqrt(load) for load in map(sum, zip(*loads.values(), strict=True))]
    there = [ceil(people * _there(half_hour)) for half_hour, people in enumerate(needed)]
    flexible = tuple(all_of - sum(team) for all_of, team in zip(there, zip(*own.values(), strict=True), strict=True))
    everything = tuple(queue.name for queue in queues)
    return (*(Team(name, (name,), staff) for name, staff in own.items()), Team("flex", everything, flexible))


def _there(half_hour: int) -> float:
    """Return the people on shift as a factor of those needed at work."""
    return _SHORT.get(half_hour, 1) / (1 - _ON_BREAK)


def _chat_team(queues: tuple[ChatQueue, ...]) -> Team:
    loads = [sum(_chat_load(queue, half_hour) for queue in queues) / _CHATS_AT_ONCE for half_hour in range(HALF_HOURS)]
    staff = tuple(ceil((load + _SAFETY * sqrt(load)) * _there(half_hour)) for half_hour, load in enumerate(loads))
    return Team("chat", tuple(queue.name for queue in queues), staff, channel="chat", slots=_CHAT_SLOTS)


def _chat_load(queue: ChatQueue, half_hour: int) -> float:
    """Return the chats that persons have at the same time in a half hour, if nobody leaves or is transferred."""
    writing_s = queue.replies * (queue.typing.mean_s * _WITH_OTHERS + queue.thinking.mean_s)
    return queue.per_hour[half_hour] * (1 - queue.bot_share) * (writing_s + queue.wrap_up.mean_s) / 3600


def _load(queue: CallQueue, queues: tuple[CallQueue, ...], half_hour: int) -> float:
    """Return the people whom a queue keeps busy in a half hour (erlang), if nobody abandons or is transferred twice."""
    calls = queue.per_hour[half_hour] * (1 - queue.ivr_hang_up_share)
    for other in queues:
        if queue.name in other.transfer_to:
            calls += other.per_hour[half_hour] * other.transfer_share / len(other.transfer_to)
    handle_s = queue.talk.mean_s + queue.hold_share * queue.hold.mean_s + queue.wrap_up.mean_s
    handle_s += 2 * queue.consult_share * queue.consult.mean_s  # of two people
    return calls * (handle_s + sum(_RING_S) / 2) / 3600
