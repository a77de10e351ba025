# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the guard thinks of a mount, and what it does next: pure, one step per look.

One file longer than others, so that the whole table can be read in one place.

Three questions are kept apart: does the process live, does the mount answer, do bytes move. S3 is asked
directly before the mount is blamed: when S3 itself is away, a remount helps nobody, and Plex only has to
stand still until it is back. Slow is not dead: one late answer is a suspicion, never a verdict.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

STARTING = "starting"
PREWARM = "prewarm"
HEALTHY = "healthy"
SUSPECT = "suspect"
S3_DOWN = "s3_down"
HUNG = "hung"
DEAD = "dead"
REPAIRING = "repairing"
PROBATION = "probation"
GIVEN_UP = "given_up"

ASK_S3 = "ask_s3"
FREEZE = "freeze"
REPAIR = "repair"
PROVE = "prove"
THAW = "thaw"
GIVE_UP = "give_up"


@dataclass(frozen=True)
class Patience:
    """How long the guard waits before it believes, in seconds."""

    suspect_after: float = 3.0  # bytes stand still while somebody waits
    freeze_after: float = 8.5  # the same; a spike of 5 s must not freeze
    hang_after: float = 34.0  # rclone gives up a dead connection after 30 s and heals itself
    statfs_misses: int = 2  # answers of the mount that did not come within their deadline
    read_failures: int = 2  # cold reads that ended in an error
    s3_limit: float = 1800.0  # S3 away for so long: a person is needed
    probation: float = 60.0
    repairs_in_a_row: int = 3
    repairs_an_hour: int = 5
    backoff: float = 2.0  # before the second repair in a row, then doubled


@dataclass(frozen=True)
class Signs:
    """One look at everything; None means not known yet."""

    at: float  # seconds, of a clock that never goes back
    process: bool = True  # rclone lives
    covered: bool = True  # the living generation is the top layer
    statfs_misses: int = 0  # in a row
    stalled: float = 0.0  # for how long somebody has waited while no byte moved
    read_failures: int = 0  # cold reads in a row that ended in an error
    reads: int = 0  # cold reads that brought bytes, in all
    s3: bool | None = None  # S3 asked directly since the suspicion began
    listed: bool = True  # the directory listing is complete
    proved: bool | None = None  # the proof after a repair
    proving: float = 0.0  # for how long that proof has been under way


@dataclass(frozen=True)
class Mind:
    """What the guard remembers between two looks."""

    state: str = STARTING
    since: float = 0.0
    cause: str = ""
    frozen: bool = False
    repairs: tuple[float, ...] = ()  # when each repair began
    in_a_row: int = 0
    not_before: float = 0.0
    reads: int = 0  # Signs.reads when the suspicion began
    unproved: bool = False  # a repair whose proof is still to come


def _ill(signs: Signs, patience: Patience) -> tuple[str, str]:
    """Name what is certain, as (state, cause), or nothing as two empty texts."""
    if not signs.process:
        return DEAD, "the process of the mount ended"
    if not signs.covered:
        return DEAD, "the mount is not where Plex looks"
    if signs.statfs_misses >= patience.statfs_misses:
        return HUNG, "the mount does not answer"
    if signs.stalled >= patience.hang_after and signs.s3:
        return HUNG, f"no byte moved for {signs.stalled:.0f} s though S3 answers"
    if signs.read_failures >= patience.read_failures and signs.s3:
        return HUNG, "reads fail though S3 answers"
    return "", ""


def _doubt(signs: Signs, patience: Patience) -> str:
    """Say what is odd but proves nothing."""
    if signs.statfs_misses:
        return "the mount was late to answer"
    if signs.stalled >= patience.suspect_after:
        return "bytes stand still"
    if signs.read_failures:
        return "a cold read failed"
    return ""


def step(mind: Mind, signs: Signs, patience: Patience) -> tuple[Mind, tuple[str, ...]]:
    """Look once: the mind after it, and what to do, in this order."""
    handler = _HANDLERS[mind.state]
    return handler(mind, signs, patience)


def _go(mind: Mind, state: str, at: float, cause: str = "", **changes: t.Any) -> Mind:
    return replace(mind, state=state, since=at, cause=cause, **changes)


def _freeze(mind: Mind) -> tuple[str, ...]:
    return () if mind.frozen else (FREEZE,)


def _condemn(mind: Mind, signs: Signs, verdict: tuple[str, str]) -> tuple[Mind, tuple[str, ...]]:
    """Freeze first; the next step repairs."""
    return _go(mind, verdict[0], signs.at, verdict[1], frozen=True), _freeze(mind)


def _condemned(mind: Mind, signs: Signs, patience: Patience) -> tuple[Mind, tuple[str, ...]]:
    cause = mind.cause
    recent = tuple(at for at in mind.repairs if signs.at - at < 3600)
    if mind.in_a_row >= patience.repairs_in_a_row or len(recent) >= patience.repairs_an_hour:
        why = f"{cause}, and {mind.in_a_row} repairs in a row or {len(recent)} within an hour did not last"
        return _go(mind, GIVEN_UP, signs.at, why), (GIVE_UP,)
    pause = patience.backoff * 2 ** (mind.in_a_row - 1) if mind.in_a_row else 0.0
    after = _go(
        mind,
        REPAIRING,
        signs.at,
        cause,
        repairs=(*recent, signs.at),
        in_a_row=mind.in_a_row + 1,
        not_before=signs.at + pause if pause else 0.0,
        unproved=True,
    )
    return after, () if pause else (REPAIR,)


def _starting(mind: Mind, signs: Signs, patience: Patience) -> tuple[Mind, tuple[str, ...]]:
    if signs.process and signs.covered and not signs.statfs_misses:
        return _go(mind, PREWARM, signs.at, mind.cause), ()
    if mind.frozen and signs.process and not signs.covered:
        # Somebody took it away while no guard watched: it does not come back by itself.
        return _condemn(mind, signs, (DEAD, "the mount is not where Plex looks"))
    ill = not signs.process or not signs.covered or signs.statfs_misses >= patience.statfs_misses
    if ill and signs.at - mind.since > patience.hang_after:
        return _condemn(mind, signs, (DEAD, "the mount did not come up"))
    return mind, ()


def _prewarm(mind: Mind, signs: Signs, patience: Patience) -> tuple[Mind, tuple[str, ...]]:
    if (ill := _ill(signs, patience))[0]:
        return _condemn(mind, signs, ill)
    if not signs.listed:
        return mind, ()
    if mind.frozen:
        # A guard that died while Plex stood still left it so: the mount has to prove itself as after a repair.
        return _go(mind, REPAIRING, signs.at, mind.cause, unproved=True), ()
    return _go(mind, HEALTHY, signs.at), ()


def _healthy(mind: Mind, signs: Signs, patience: Patience) -> tuple[Mind, tuple[str, ...]]:
    if (ill := _ill(signs, patience))[0]:
        return _condemn(mind, signs, ill)
    if doubt := _doubt(signs, patience):
        return _go(mind, SUSPECT, signs.at, doubt, reads=signs.reads), (ASK_S3,)
    if mind.state == PROBATION and signs.at - mind.since >= patience.probation:
        return _go(mind, HEALTHY, signs.at, in_a_row=0), ()
    return mind, ()


def _suspect(mind: Mind, signs: Signs, patience: Patience) -> tuple[Mind, tuple[str, ...]]:
    if (ill := _ill(signs, patience))[0]:
        return _condemn(mind, signs, ill)
    sure = signs.stalled >= patience.freeze_after or signs.read_failures > 0
    if signs.s3 is False and sure:
        return _go(mind, S3_DOWN, signs.at, "S3 itself does not answer", frozen=True), (*_freeze(mind), ASK_S3)
    if not _doubt(signs, patience):
        # What is frozen reads nothing, so that nothing waits proves nothing: a cold read has to come through.
        if mind.frozen and signs.reads <= mind.reads:
            return mind, ()
        return _go(mind, PROBATION if mind.in_a_row else HEALTHY, signs.at, frozen=False), (
            (THAW,) if mind.frozen else ()
        )
    if signs.stalled >= patience.freeze_after and not mind.frozen:
        return replace(mind, frozen=True, reads=signs.reads), (FREEZE, ASK_S3)
    return mind, (ASK_S3,)


def _s3_down(mind: Mind, signs: Signs, patience: Patience) -> tuple[Mind, tuple[str, ...]]:
    if not signs.process or not signs.covered:
        return _condemn(mind, signs, _ill(signs, patience))
    if signs.s3 and mind.unproved:
        return _go(mind, REPAIRING, signs.at, "S3 is back"), ()
    if signs.s3:
        # Still frozen: the mount has to show that it reads again, or that it hangs.
        return _go(mind, SUSPECT, signs.at, "S3 is back", reads=signs.reads), (ASK_S3,)
    if signs.at - mind.since > patience.s3_limit:
        why = f"S3 did not answer for {patience.s3_limit:.0f} s"
        return _go(mind, GIVEN_UP, signs.at, why), (GIVE_UP,)
    return mind, (ASK_S3,)


def _repairing(mind: Mind, signs: Signs, patience: Patience) -> tuple[Mind, tuple[str, ...]]:
    if mind.not_before:
        return (mind, ()) if signs.at < mind.not_before else (replace(mind, not_before=0.0), (REPAIR,))
    if signs.proved:
        return _go(mind, PROBATION, signs.at, mind.cause, frozen=False, unproved=False), (THAW,)
    late = signs.proved is False or signs.proving >= patience.suspect_after
    if late and signs.s3 is False:
        # It is not the generation's fault, and the next one would do no better.
        return _go(mind, S3_DOWN, signs.at, "S3 itself does not answer"), (ASK_S3,)
    hung = signs.proving > 0 and signs.statfs_misses >= patience.statfs_misses
    if hung or (signs.proved is False and signs.s3):
        why = "the mount does not answer" if hung else "the mount did not prove itself after a repair"
        return _condemn(mind, signs, (HUNG, why))
    asked = (ASK_S3,) if late else ()
    return mind, asked if signs.proved is False else (PROVE, *asked)


def _given_up(mind: Mind, _signs: Signs, _patience: Patience) -> tuple[Mind, tuple[str, ...]]:
    return mind, ()


_HANDLERS: t.Final[dict[str, t.Callable[[Mind, Signs, Patience], tuple[Mind, tuple[str, ...]]]]] = {
    STARTING: _starting,
    PREWARM: _prewarm,
    HEALTHY: _healthy,
    SUSPECT: _suspect,
    S3_DOWN: _s3_down,
    HUNG: _condemned,
    DEAD: _condemned,
    REPAIRING: _repairing,
    PROBATION: _healthy,
    GIVEN_UP: _given_up,
}
