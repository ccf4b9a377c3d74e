"""Does this rule speak wherever, and whenever, that one does?

Every yes is certain; a no may only say that it can't be told. Spec: docs/policy.md, "Warnings".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peertransfer.policy.globs import PathGlob
    from peertransfer.policy.items import ItemPattern, Span
    from peertransfer.policy.when import When


def covers_items(outer: ItemPattern, inner: ItemPattern, *, widely: bool) -> bool:
    """Tell whether a rule with ``outer`` speaks of all shares and entries of which one with ``inner`` shows.

    Args:
        outer: the items of the rule that would have to be the wider one.
        inner: those of a rule that shows, so they are read narrowly.
        widely: whether ``outer`` is of a rule that hides, so that it is read widely.
    """
    return (
        _covers_selection(outer, inner)
        and _covers_globs(outer.paths, inner.paths, widely=widely)
        and _covers_globs(outer.media, inner.media, widely=False)
        and _covers_span(outer.sizes, inner.sizes)
        and _covers_span(outer.ages, inner.ages)
    )


def covers_time(outer: When, inner: When) -> bool:
    """Tell whether a rule with ``outer`` speaks at all times at which one with ``inner`` does."""
    if outer.is_always:
        return True
    return _covers_dates(outer, inner) and (
        not outer.hours or (bool(inner.hours) and set(inner.hours) <= set(outer.hours))
    )


def _covers_selection(outer: ItemPattern, inner: ItemPattern) -> bool:
    if outer.selects_all:
        return True
    return not inner.selects_all and inner.shares <= outer.shares and inner.labels <= outer.labels


def _covers_globs(outer: tuple[PathGlob, ...], inner: tuple[PathGlob, ...], *, widely: bool) -> bool:
    if not outer:
        return True
    return bool(inner) and all(any(one.holds(glob, widely=widely) for one in outer) for glob in inner)


def _covers_span(outer: Span, inner: Span) -> bool:
    """Tell it of spans of which the inner one holds nothing that is not known, unless it holds all."""
    is_before_end = outer.end is None or (inner.end is not None and inner.end <= outer.end)
    return outer.least <= inner.least and is_before_end


def _covers_dates(outer: When, inner: When) -> bool:
    if not outer.dates:
        return True
    if len(outer.dates) > 1 or not inner.dates:
        return bool(inner.dates) and set(inner.dates) <= set(outer.dates)
    (span,) = outer.dates
    return all(span.begin <= one.begin and one.end <= span.end for one in inner.dates)
