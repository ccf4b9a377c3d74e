"""Values that only one function may make.

A class with this metaclass has no public constructor: calling it raises ``ForgeryError``, and the
one function that may make it calls ``_create``. Import contracts say who may import that function.
This stops accidents and shows in review; Python cannot forbid ``object.__new__``.
"""

from __future__ import annotations

from typing import NoReturn, TypeVar

from peertransfer.errors import ForgeryError

T = TypeVar("T")


class Unforgeable(type):
    """Metaclass of the values that prove something by existing."""

    def __call__(cls, *_args: object, **_kwargs: object) -> NoReturn:
        """Refuse: there is no public constructor."""
        raise ForgeryError(f"{cls.__name__} has no public constructor")

    def _create(cls: type[T], *args: object, **kwargs: object) -> T:
        return super().__call__(*args, **kwargs)  # type: ignore[misc, no-any-return]
