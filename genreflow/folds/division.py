"""Division of groups of tracks into parts: even in all classes, and with as few placed groups moved as possible.

A group goes where the digest of its name points to. Then single groups move, each time the one that makes the parts
most alike. Groups that were placed before stay where they are, and move only where new ones alone cannot make the parts
even.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genreflow.store.digest import digest

NEW = -1
"""The part of a group that was not placed before."""

MOST_MOVED = 0.03
"""Upper bound of the share of placed tracks that move to make parts even again."""

_ATTEMPTS = 16
_EXCHANGED = 1_000  # groups of a part, and of all others, among which a pair to exchange is sought
_TOLERATED = 0.25  # unevenness for which no placed group moves, in groups of mean size
_TRIED = 100  # pairs
_LEAST = 1e-6  # change that counts, in squared tracks
_EVEN_SIZES = 0.05  # weight of the number of all tracks of a part beside the numbers of each class


@dataclass(frozen=True)
class Groups:
    """Groups of tracks that are divided.

    Attributes
    ----------
    names
        Their names, unique. Of groups alike, the first move first: sorted by a digest, these are not the same for
        all collections.
    counts
        Number of tracks of each class or tag, int [groups, K].
    sizes
        Number of tracks, int [groups].
    """

    names: Sequence[str]
    counts: np.ndarray
    sizes: np.ndarray

    def drawn(self, *seed: object) -> np.ndarray:
        """Return a number from 0 to 1 for each group that depends on the seed and the group's name alone."""
        return np.array([int(digest(*seed, name, length=13), 16) / 16**13 for name in self.names])


def divide(
    groups: Groups,
    shares: Sequence[float],
    seed: Sequence[object],
    placed: np.ndarray | None = None,
    most_moved: float = MOST_MOVED,
) -> np.ndarray:
    """Return the part of each group, int [groups]: 0 to P - 1.

    Parameters
    ----------
    groups
        The groups.
    shares
        Share of the tracks of each part, [P]. A class with too few groups for all parts is absent from the last ones.
    seed
        Seed of the draw.
    placed
        Part in which each group was placed before, or `NEW`. Placed groups move only where a part lacks a class, or
        where parts are clearly less even than those of a new draw.
    most_moved
        Upper bound of the share of placed tracks that move to make parts more even.
    """
    division = _drawn(groups, shares, seed)
    if placed is None or (placed == NEW).all():
        return division.part
    is_new, goal = placed == NEW, max(division.unevenness, _enough(groups), _TOLERATED * groups.sizes.mean())
    updated = _Division(groups, shares, np.where(is_new, _pointed_at(groups, shares, seed), placed))
    updated.improve(may_move=is_new, goal=_goal(groups))
    updated.improve(may_move=~is_new, goal=np.inf)
    updated.improve(may_move=~is_new, goal=goal, most=int(most_moved * groups.sizes[~is_new].sum()))
    return updated.part


def completed(groups: Groups, shares: Sequence[float], part: np.ndarray) -> np.ndarray:
    """Return the part of each group when as few as possible move so that no part lacks a class."""
    division = _Division(groups, shares, part)
    division.improve(may_move=np.ones(len(part), bool), goal=np.inf)
    return division.part


def unevenness(groups: Groups, shares: Sequence[float], part: np.ndarray) -> float:
    """Return the largest difference between the tracks of a class in a part and its share, in tracks."""
    return _Division(groups, shares, part).unevenness


def _drawn(groups: Groups, shares: Sequence[float], seed: Sequence[object]) -> "_Division":
    """Return the most even of several new divisions; the first that is even enough ends the search."""
    enough = _enough(groups)
    best: _Division | None = None
    for attempt in range(_ATTEMPTS):
        division = _Division(groups, shares, _pointed_at(groups, shares, [*seed, attempt] if attempt else seed))
        division.improve(may_move=np.ones(len(groups.sizes), bool), goal=_goal(groups))
        if best is None or division.rank < best.rank:
            best = division
        if best.is_complete and best.unevenness <= enough:
            break
    assert best is not None
    return best


def _enough(groups: Groups) -> float:
    """Return the unevenness, in tracks, that makes no difference."""
    return max(1.0, 0.001 * float(groups.sizes.sum()))


def _goal(groups: Groups) -> float:
    """Return the unevenness up to which a new division is improved: as long as possible, but not where tags overlap.

    There every move disturbs other tags, and to make them as even as classes takes very long.
    """
    return _enough(groups) if (groups.counts.sum(axis=1) > groups.sizes).any() else -1.0


def _pointed_at(groups: Groups, shares: Sequence[float], seed: Sequence[object]) -> np.ndarray:
    """Return the part that the digest of each group points to."""
    ends = np.cumsum(shares)[:-1] / np.sum(shares)
    return np.searchsorted(ends, groups.drawn(*seed), side="right")


class _Division:
    """Groups in parts, and what each move of a group would change.

    Attributes
    ----------
    part
        The part of each group, int [groups].
    """

    def __init__(self, groups: Groups, shares: Sequence[float], part: np.ndarray) -> None:
        self.part = part.copy()
        self._groups, self._n_parts = groups, len(shares)
        weights = np.asarray(shares, float) / np.sum(shares)
        self._counts = groups.counts.astype(float)
        self._targets = weights[:, None] * self._counts.sum(axis=0)
        self._has = groups.counts > 0
        self._kind = np.unique(groups.counts, axis=0, return_inverse=True)[1].reshape(-1)
        # The number of all tracks counts as one more class, of little weight.
        self._vectors = np.column_stack([self._counts, np.sqrt(_EVEN_SIZES) * groups.sizes])
        goal = weights[:, None] * self._vectors.sum(axis=0)
        self._excess = self._sums(self._vectors) - goal
        self._numbers = self._sums(self._has.astype(float))
        # A class with fewer groups than there are parts is absent somewhere, whatever moves: from the last ones.
        self._needs = np.arange(self._n_parts)[:, None] < self._has.sum(axis=0)
        # More than any move can gain in evenness.
        self._absence = 4 * max(1.0, float(groups.sizes.sum())) ** 2

    @property
    def unevenness(self) -> float:
        """Largest difference between the tracks of a class in a part and its share."""
        return float(np.abs(self._excess[:, :-1]).max(initial=0))

    @property
    def is_complete(self) -> bool:
        """Whether every part has every class that has groups enough."""
        return not self._absent.any()

    @property
    def rank(self) -> tuple[int, float]:
        """Absent classes and unevenness; the division with the least is the best."""
        return int(self._absent.sum()), self.unevenness

    @property
    def _absent(self) -> np.ndarray:
        """Which parts lack which classes, bool [P, K]."""
        return (self._numbers == 0) & self._needs

    def improve(self, may_move: np.ndarray, goal: float = -1, most: int | None = None) -> None:
        """Move groups, one by one, until all parts have all classes and are as even as `goal`, or no move helps.

        Parameters
        ----------
        may_move
            Which groups may move, bool [groups].
        goal
            Unevenness at which to stop.
        most
            Upper bound of the number of tracks that move; none if None.
        """
        left = np.inf if most is None else most
        while not (self.is_complete and self.unevenness <= goal):
            moves = self._best_move(may_move, left) or self._best_exchange(may_move, left)
            if not moves:
                return
            for group, to in moves:
                left -= self._groups.sizes[group]
                self._move(group, to)

    def _best_move(self, may_move: np.ndarray, left: float) -> list[tuple[int, int]]:
        """Return a group of at most `left` tracks whose move makes the parts more alike, and its new part."""
        movable = may_move & (self._groups.sizes <= left)
        # Most steps are decided by the groups of the least even class; looking at all of them takes long.
        return self._best_of(movable & self._touches_worst()) or self._best_of(movable)

    def _touches_worst(self) -> np.ndarray:
        """Return the groups, bool [groups], that can mend an absent class, else the class that is least even."""
        excess = self._excess[:, :-1]
        part, name = np.unravel_index(np.where(self._absent, np.inf, np.abs(excess)).argmax(), excess.shape)
        return self._has[:, name] & ((self.part == part) == (excess[part, name] > 0))

    def _best_of(self, movable: np.ndarray) -> list[tuple[int, int]]:
        """Return the move of a group, and its new part, that makes the parts most alike; none if no move does."""
        candidates = np.flatnonzero(movable)
        # Groups with the same numbers of tracks in the same part are interchangeable: the first moves.
        places = self._kind[candidates] * self._n_parts + self.part[candidates]
        group = candidates[np.unique(places, return_index=True)[1]]
        if not len(group):
            return []
        source, rows = self.part[group], np.arange(len(group))
        vectors, has = self._vectors[group], self._has[group].astype(float)
        pull = 2 * vectors @ self._excess.T
        enter = pull - self._absence * (has @ self._absent.T)
        leave = pull - self._absence * (has @ ((self._numbers == 1) & self._needs).T)
        enter[rows, source] = np.inf
        to = enter.argmin(axis=1)
        change = 2 * (vectors**2).sum(axis=1) + enter[rows, to] - leave[rows, source]
        best = int(change.argmin())
        return [(int(group[best]), int(to[best]))] if change[best] < -_LEAST else []

    def _best_exchange(self, may_move: np.ndarray, left: float) -> list[tuple[int, int]]:
        """Return the exchange with the least even part that makes the parts most alike: two groups, their new parts."""
        if not self.is_complete:
            return []
        least_even = int(np.abs(self._excess[:, :-1]).max(axis=1).argmax())
        movable = np.flatnonzero(may_move & (self._groups.sizes <= left))
        own, others = (
            movable[where][:_EXCHANGED]
            for where in (self.part[movable] == least_even, self.part[movable] != least_even)
        )
        if not len(own) or not len(others):
            return []
        mine, theirs = self._vectors[own], self._vectors[others]
        excess = self._excess[self.part[others]] - self._excess[least_even]
        change = (mine**2).sum(axis=1)[:, None] + (theirs**2).sum(axis=1) - 2 * mine @ theirs.T
        change += mine @ excess.T - (theirs * excess).sum(axis=1)
        change[self._groups.sizes[own][:, None] + self._groups.sizes[others] > left] = np.inf
        for best in np.argsort(change, axis=None)[:_TRIED]:
            a, b = np.unravel_index(best, change.shape)
            if not change[a, b] < -_LEAST:
                break
            moves = [(int(own[a]), int(self.part[others[b]])), (int(others[b]), least_even)]
            if self._keeps_classes(moves):
                return moves
        return []

    def _keeps_classes(self, moves: Sequence[tuple[int, int]]) -> bool:
        numbers = self._numbers.copy()
        for group, to in moves:
            numbers[self.part[group]] -= self._has[group]
            numbers[to] += self._has[group]
        return bool((numbers > 0)[self._needs].all())

    def _move(self, group: int, to: int) -> None:
        source = self.part[group]
        self._excess[source] -= self._vectors[group]
        self._excess[to] += self._vectors[group]
        self._numbers[source] -= self._has[group]
        self._numbers[to] += self._has[group]
        self.part[group] = to

    def _sums(self, values: np.ndarray) -> np.ndarray:
        """Return the sums of values [groups, n] in each part, [P, n]."""
        sums = np.zeros((self._n_parts, values.shape[1]))
        np.add.at(sums, self.part, values)
        return sums
