"""The chat model that needs no key: it answers from the messages it is handed.

It is written for people trying out threads without an account: it holds a small conversation, remembers
what it is told and says so when it does not know. It is no language model. A reply is made in four
steps, each a few modules of plain tables: *read* the messages into a notebook of facts (`conversation`,
`statements`, `names`, `passing`, `amending`, `facts`), *recall* the fact a question covers (`questions`,
`recall`, `covering`, `confirming`, `looking_back`), *use a tool* when one is bound that suits the request
(`toolbox`, `arguments`, `results`), or *talk* (`smalltalk`, `acknowledge`, `persona`). `reply` puts the
steps in order and `model` wears LangChain's interface.

Because the notebook is made anew from the messages on every call, the model cannot carry anything from
one thread into another: isolation is the checkpointer's, and this model makes it visible.
"""

from agent.offline.model import OfflineChatModel

__all__ = ["OfflineChatModel"]
