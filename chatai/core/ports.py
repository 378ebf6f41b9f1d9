"""Ports: what a domain needs from outside, filled by an integration in `chatai.wiring`."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Port(Generic[T]):
    """A named place for an implementation of protocol `T`. Calling it gives what was bound."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._bound: T | None = None

    def bind(self, implementation: T | None) -> None:
        """Binds an implementation, or none: then the product goes on without it where it can."""
        self._bound = implementation

    def __call__(self) -> T:
        if self._bound is None:
            raise RuntimeError(f"nothing is bound to the port {self.name!r}; call chatai.wiring.bind first")
        return self._bound

    @property
    def optional(self) -> T | None:
        """What was bound, or None."""
        return self._bound
