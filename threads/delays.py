"""The delays that batch writes, in one place: each saves commits and adds a little latency.

From an event to the disk, in order:

    token or event -> EventWriter    EVENT_BATCHING   so that tokens of all runs share a transaction
    put_writes     -> pending writes PENDING_WRITES   so that results go with the checkpoint that follows
    put            -> checkpointer   PUT_GATHERING    so that what follows a checkpoint shares its commit
    write queue    -> commit         no delay         whoever gets the lock commits all that is queued

They do not add up: a checkpoint takes the pending results and events of its run along, and the end of a run
is not delayed and takes along all that is queued.
"""

EVENT_BATCHING = 0.015
"""Seconds that events of runs wait for others: a person sees tokens as they come, at 66 updates a second."""

PENDING_WRITES = 0.020
"""Seconds that the results of a task wait for the checkpoint that follows, before they are stored alone.

LangGraph calls `put` a few milliseconds after `put_writes`, unless another task of the step takes longer.
"""

PUT_GATHERING = 0.010
"""Seconds that a checkpoint of a run waits for more to commit with it; the run does not wait for it."""
