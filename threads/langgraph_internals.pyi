from collections.abc import Callable, Mapping
from typing import Any, Final

from langgraph._internal._runnable import RunnableCallable as RunnableCallable
from langgraph._internal._serde import build_serde_allowlist as build_serde_allowlist
from langgraph.checkpoint.serde._msgpack import SAFE_MSGPACK_METHODS as SAFE_MSGPACK_METHODS
from langgraph.checkpoint.serde._msgpack import SAFE_MSGPACK_TYPES as SAFE_MSGPACK_TYPES
from langgraph.checkpoint.serde.jsonplus import EXT_CONSTRUCTOR_KW_ARGS as EXT_CONSTRUCTOR_KW_ARGS
from langgraph.checkpoint.serde.jsonplus import EXT_CONSTRUCTOR_POS_ARGS as EXT_CONSTRUCTOR_POS_ARGS
from langgraph.checkpoint.serde.jsonplus import EXT_CONSTRUCTOR_SINGLE_ARG as EXT_CONSTRUCTOR_SINGLE_ARG
from langgraph.checkpoint.serde.jsonplus import EXT_DELTA_SNAPSHOT as EXT_DELTA_SNAPSHOT
from langgraph.checkpoint.serde.jsonplus import EXT_METHOD_SINGLE_ARG as EXT_METHOD_SINGLE_ARG
from langgraph.checkpoint.serde.jsonplus import EXT_NUMPY_ARRAY as EXT_NUMPY_ARRAY
from langgraph.checkpoint.serde.jsonplus import EXT_PYDANTIC_V1 as EXT_PYDANTIC_V1
from langgraph.checkpoint.serde.jsonplus import EXT_PYDANTIC_V2 as EXT_PYDANTIC_V2
from langgraph.checkpoint.serde.jsonplus import _msgpack_ext_hook as msgpack_ext_hook
from langgraph.checkpoint.serde.jsonplus import _send_from_args as send_from_args
from langgraph.checkpoint.serde.types import _DeltaSnapshot as DeltaSnapshot
from langgraph.graph.message import _messages_delta_reducer as messages_delta_reducer
from langgraph.pregel._read import ChannelRead as ChannelRead
from langgraph.pregel._read import PregelNode as PregelNode
from langgraph.pregel._write import ChannelWrite as ChannelWrite
from langgraph.pregel._write import ChannelWriteTupleEntry as ChannelWriteTupleEntry
from langgraph.types import _interrupt_id as interrupt_id

CHECKED_ON: Mapping[str, str]
RUNTIME_KEY: Final = "__pregel_runtime"
REPLAY_STATE_KEY: Final = "__pregel_replay_state"
TASKS_CHANNEL: Final = "__pregel_tasks"
NULL_TASK_ID: Final = "00000000-0000-0000-0000-000000000000"
TASK_SEPARATOR: Final = ":"
NAMESPACE_SEPARATOR: Final = "|"
NODE_DUE_PREFIXES: tuple[str, ...]

def pydantic_setters(model: type) -> tuple[Callable[[Any, Any], None], ...]: ...

__all__ = [
    "CHECKED_ON",
    "EXT_CONSTRUCTOR_KW_ARGS",
    "EXT_CONSTRUCTOR_POS_ARGS",
    "EXT_CONSTRUCTOR_SINGLE_ARG",
    "EXT_DELTA_SNAPSHOT",
    "EXT_METHOD_SINGLE_ARG",
    "EXT_NUMPY_ARRAY",
    "EXT_PYDANTIC_V1",
    "EXT_PYDANTIC_V2",
    "NAMESPACE_SEPARATOR",
    "NODE_DUE_PREFIXES",
    "NULL_TASK_ID",
    "REPLAY_STATE_KEY",
    "RUNTIME_KEY",
    "SAFE_MSGPACK_METHODS",
    "SAFE_MSGPACK_TYPES",
    "TASKS_CHANNEL",
    "TASK_SEPARATOR",
    "ChannelRead",
    "ChannelWrite",
    "ChannelWriteTupleEntry",
    "DeltaSnapshot",
    "PregelNode",
    "RunnableCallable",
    "build_serde_allowlist",
    "interrupt_id",
    "messages_delta_reducer",
    "msgpack_ext_hook",
    "pydantic_setters",
    "send_from_args",
]
