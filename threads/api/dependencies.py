"""How a route says what its caller needs: each route about a thread names the verb it stands for.

The id reaches the route only through `authorize`, so a route cannot forget to ask.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Header, Path, Request

from threads import Actor, authorize
from threads.api.errors import Refused
from threads.api.middleware import SLASH
from threads.api.state import Caller, Server, server_of
from threads.store.authorization import Verb


async def _server(request: Request) -> Server:
    return server_of(request.scope)


async def _caller(request: Request) -> Caller:
    caller = request.scope["threads.caller"]
    assert isinstance(caller, Caller)
    return caller


Serving = Annotated[Server, Depends(_server)]
Calling = Annotated[Caller, Depends(_caller)]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=255,
        description="The same key gives the same run, however often it is sent.",
    ),
]


def may(verb: Verb) -> Callable[..., str]:
    """The thread in the path, if the caller may do this with it; else there is none."""

    def admitted(
        server: Serving, caller: Calling, thread_id: Annotated[str, Path(description="The thread's id.")]
    ) -> str:
        return server.registry.admit(caller.actor, in_path(thread_id), verb)

    admitted.verb = verb  # type: ignore[attr-defined]  # for the table of who may do what
    return admitted


async def _admin(caller: Calling) -> Caller:
    if not authorize(caller.actor, None, "administer"):
        raise Refused(403, "AdminsOnly", "this is for admins")
    return caller


Readable = Annotated[str, Depends(may("read"))]
Writable = Annotated[str, Depends(may("write"))]
Deletable = Annotated[str, Depends(may("delete"))]
Admin = Annotated[Caller, Depends(_admin)]


def in_path(text: str) -> str:
    """A part of the path as it was meant."""
    return text.replace(SLASH, "/")


def owner_for(actor: Actor, said: str | None) -> str | None:
    """Whose threads a question is about: an admin may say, everybody else asks for his own.

    Who asks for somebody else's finds what there is of it for him: `NOBODY` owns nothing.
    """
    if actor.is_admin:
        return said
    return actor.name if said in (None, actor.name) else NOBODY


NOBODY = "nobody: " + "-" * 200
"""An owner that no user is called."""


def only_admins(caller: Caller, fields: Any, name: str) -> None:
    """Refuse a field that is for admins, where somebody else gives it."""
    if name in fields and not authorize(caller.actor, None, "administer"):
        raise Refused(403, "AdminsOnly", f"{name} is for admins", field=name)
