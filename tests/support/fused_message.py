"""A message whose decoding can be interrupted."""

from typing import Any

from langchain_core.messages import HumanMessage
from pydantic import model_validator


class Fuse:
    """What happens while a `Fused` is made."""

    raises: BaseException | type[BaseException] | None = None
    press: Any = None


class Fused(HumanMessage):
    """A message whose making may be interrupted."""

    @model_validator(mode="before")
    @classmethod
    def _burn(cls, values):
        if Fuse.press is not None:
            Fuse.press()
        if Fuse.raises is not None:
            raise Fuse.raises
        return values
