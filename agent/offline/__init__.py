"""The chat model that needs no key: it answers from the messages it is given.

It is made for trying out threads without an account: it holds a small conversation, remembers what it is told
and says so when it does not know. It is no language model. A reply is made in four steps: *read* the messages
into a notebook of facts (`conversation`, `statements`, `facts`), *recall* the fact that a question covers
(`recall`), *call a tool* that suits the request (`tools`), or *talk* (`replies`). `reply` puts the steps in
order, `model` is LangChain's interface, and `language.toml` holds the words and sentences known.

The notebook is made anew from the messages on every call, so the model cannot carry anything from one thread
into another: isolation is the checkpointer's, and this model makes it visible.
"""

from agent.offline.model import OfflineChatModel

__all__ = ["OfflineChatModel"]
