"""A session cookie says who is there; a thread_id says which conversation is meant.

    python cookie_or_thread.py

A web application in few lines. It believes the cookie, which it has given out itself. A thread_id comes from
the client and is only a wish: the server looks whose thread that is.
"""

from __future__ import annotations

import secrets

import threads
from agent import build_agent


class Shop:
    """What a server keeps: sessions for an hour or so, threads for years."""

    def __init__(self, registry: threads.Registry) -> None:
        self.registry = registry
        self.agent = build_agent(checkpointer=registry.checkpointer)
        self.sessions: dict[str, str] = {}

    def log_in(self, user: str) -> str:
        """A new cookie; each browser gets its own."""
        cookie = secrets.token_urlsafe()
        self.sessions[cookie] = user
        return cookie

    def log_out(self, cookie: str) -> None:
        del self.sessions[cookie]

    def say(self, cookie: str, thread_id: str, text: str) -> str:
        """Who speaks is in the cookie; where, in the thread_id; and whether they may is looked up."""
        user = self.sessions.get(cookie)
        if user is None:
            return "401: please log in"
        thread = self.registry.create(id=thread_id, owner=user, if_exists="do_nothing")
        if thread.owner != user:
            return "404: no such thread"
        state = self.agent.invoke({"messages": [{"role": "user", "content": text}]}, thread.config)
        return str(state["messages"][-1].text)


def main() -> None:
    with threads.open(":memory:") as registry:
        shop = Shop(registry)
        laptop, bob = shop.log_in("alice"), shop.log_in("bob")
        print("Alice's laptop, thread lamp: ", shop.say(laptop, "lamp", "Hi, I'm Alice."))
        print("Alice's laptop, thread chair:", shop.say(laptop, "chair", "What's my name?"))
        print("Bob, thread lamp:            ", shop.say(bob, "lamp", "What's my name?"))
        shop.log_out(laptop)
        print("the old cookie, thread lamp: ", shop.say(laptop, "lamp", "What's my name?"))
        phone = shop.log_in("alice")
        print("Alice's phone, thread lamp:  ", shop.say(phone, "lamp", "What's my name?"))
        print("threads of Alice:", [thread.id for thread in registry.list(owner="alice")])


if __name__ == "__main__":
    main()
