"""The chat model that needs no key: it answers from the messages it is given.

It is for trying out threads without an account: it holds a small conversation, remembers facts that the user
states, and says so when it does not know. It is no language model. A reply is made in four steps: *read* the
messages into a table of facts (`dialogue`, `statements`, `facts`), *recall* the fact that a question covers
(`recall`), *call a tool* that suits the request (`tool_selection`), or *answer* in words (`text_answers`).
`reply` puts the steps in order, `text` reads sentences, `model` is LangChain's interface, and `language.toml`
has the words and sentence patterns.

The facts are read from the messages again on every call, so the model cannot carry anything from one thread
into another: isolation is the checkpointer's, and this model makes it visible.
"""

from threads.chat_models.offline.model import OfflineChatModel

__all__ = ["OfflineChatModel"]
