"""What the archive holds of a contact of which little more is expected."""

from typing import Final

import msgspec

from models.book import Key
from models.places import People


class Kept(msgspec.Struct, array_like=True):
    """A record that is put away.

    Where it is `over`, with what will be remembered of it: else it must be read for that. `past` is what is remembered.
    """

    packed: bytes
    over: bool = False
    key: Key | None = None
    people: People = ()
    past: bool = False


encode_kept: Final = msgspec.msgpack.Encoder().encode
decode_kept: Final = msgspec.msgpack.Decoder(Kept).decode
