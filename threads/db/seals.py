"""Sealed values: cursors and event ids that only the file they come from can read.

The numbers inside (the order of activity, row ids, positions in the event log) count what all users of
a file do. Shown as they are, or in base64, they tell a user how much the others write. So they are
encrypted with a key that is stored in the file: every process, also after a restart or on a restored
backup, can open them, and no one outside can read, compare, order or forge them.

- Text: the SIV construction of RFC 5297 with keyed BLAKE2b. The tag authenticates the content and is the
  nonce of the keystream, so equal contents give equal text, and nothing else is visible but the length.
- Numbers: a Feistel network of ten rounds, as in NIST's FF1, over 52 bits: the number and 16 zero bits,
  by which a forged one is known. The result has 16 digits and is exact in JavaScript.

Each value is bound to its purpose: a cursor of one list, or an event id of one owner, opens no other.
"""

from __future__ import annotations

import json
import os
import sqlite3
from base64 import b64decode, urlsafe_b64encode
from hashlib import blake2b
from hmac import compare_digest

from threads.db.queries import statements
from threads.errors import DatabaseError, InvalidCursor

KEY_BYTES = 32
TAG_BYTES = 16
BLOCK_BYTES = 64
MARK = "c"
"""The first character of a sealed text, so that none begins with a hyphen, which is an option's."""
HALF_BITS = 26
CHECK_BITS = 16
ROUNDS = 10
LARGEST = (1 << 2 * HALF_BITS - CHECK_BITS) - 1
FIRST = 1 << 2 * HALF_BITS
"""The smallest sealed number; the largest is one less than twice as much."""
HALF_MASK = (1 << HALF_BITS) - 1
NOT_OURS = "it is damaged, or belongs to another list or another file"

Purpose = tuple[str | None, ...]
"""What a value is for, and for whom."""


class Seals:
    """Seals and opens values with one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, purpose: Purpose, content: str) -> str:
        """`content` as text that is safe in URLs and on command lines."""
        return _sealed(self._key_for("text", purpose), content.encode())

    def open(self, purpose: Purpose, sealed: str) -> str:
        """The content of a sealed text; `InvalidCursor` if it was not sealed for this purpose."""
        if not isinstance(sealed, str) or not sealed.isascii():
            raise InvalidCursor(NOT_OURS)
        key, shown = self._key_for("text", purpose), sealed[len(MARK) :]
        try:
            raw = b64decode(shown + "=" * (-len(shown) % 4), altchars=b"-_", validate=True)
        except ValueError:
            raise InvalidCursor(NOT_OURS) from None
        data = _crypted(key, raw[:TAG_BYTES], raw[TAG_BYTES:])
        if not compare_digest(_sealed(key, data), sealed):
            raise InvalidCursor(NOT_OURS)
        return data.decode()

    def seal_number(self, purpose: Purpose, number: int) -> int:
        """A number from 0 on as another one, of 16 digits."""
        if not 0 <= number <= LARGEST:
            raise DatabaseError(f"number {number} cannot be sealed: it is not in 0 to {LARGEST}")
        key, block = self._key_for("number", purpose), number << CHECK_BITS
        left, right = block >> HALF_BITS, block & HALF_MASK
        for round_number in range(ROUNDS):
            left, right = right, left ^ _half(key, round_number, right)
        return FIRST | left << HALF_BITS | right

    def open_number(self, purpose: Purpose, sealed: int) -> int:
        """The number that was sealed; `InvalidCursor` if it was not sealed for this purpose."""
        if not FIRST <= sealed < 2 * FIRST:
            raise InvalidCursor(NOT_OURS)
        key, block = self._key_for("number", purpose), sealed - FIRST
        left, right = block >> HALF_BITS, block & HALF_MASK
        for round_number in reversed(range(ROUNDS)):
            left, right = right ^ _half(key, round_number, left), left
        number, check = divmod(left << HALF_BITS | right, 1 << CHECK_BITS)
        if check:
            raise InvalidCursor(NOT_OURS)
        return number

    def _key_for(self, kind: str, purpose: Purpose) -> bytes:
        return _hash(self._key, b"purpose", json.dumps([kind, *purpose]).encode(), KEY_BYTES)


def seals_of(connection: sqlite3.Connection) -> Seals:
    """The seals of this connection's file.

    A file that is only read and has no key, because it has no registry yet, uses a well-known one: its reader
    can read the file itself.
    """
    try:
        row = connection.execute(statements("secret")["key"]).fetchone()
    except sqlite3.OperationalError:  # no such table
        row = None
    return Seals(bytes(KEY_BYTES) if row is None else row[0])


def ensure_key(connection: sqlite3.Connection) -> None:
    """Give the file a key, if it has none."""
    connection.execute(statements("secret")["set_key"], {"key": os.urandom(KEY_BYTES)})


def _hash(key: bytes, personal: bytes, data: bytes, size: int) -> bytes:
    return blake2b(data, key=key, person=personal, digest_size=size).digest()


def _sealed(key: bytes, data: bytes) -> str:
    tag = _hash(key, b"tag", data, TAG_BYTES)
    return MARK + urlsafe_b64encode(tag + _crypted(key, tag, data)).decode().rstrip("=")


def _crypted(key: bytes, tag: bytes, data: bytes) -> bytes:
    """`data` with the keystream of `tag`: encrypts and decrypts."""
    numbers = range(-(-len(data) // BLOCK_BYTES))
    blocks = (_hash(key, b"stream", tag + number.to_bytes(4, "big"), BLOCK_BYTES) for number in numbers)
    return bytes(one ^ other for one, other in zip(data, b"".join(blocks), strict=False))


def _half(key: bytes, round_number: int, half: int) -> int:
    """The round function: bits that depend on one half of the block."""
    digest = _hash(key, b"round", bytes([round_number]) + half.to_bytes(4, "big"), 4)
    return int.from_bytes(digest, "big") & HALF_MASK
