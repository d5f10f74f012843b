from collections.abc import Mapping

from langgraph._internal._runnable import RunnableCallable as RunnableCallable
from langgraph.pregel._read import ChannelRead as ChannelRead
from langgraph.pregel._read import PregelNode as PregelNode
from langgraph.pregel._write import ChannelWrite as ChannelWrite
from langgraph.pregel._write import ChannelWriteTupleEntry as ChannelWriteTupleEntry

CHECKED_ON: Mapping[str, str]
