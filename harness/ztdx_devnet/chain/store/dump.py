"""Dumps: a chain as one string of bytes, the same for the same chain, that another can load."""

from __future__ import annotations

import json
import zlib

from ztdx_devnet.chain.blocktree.blocks import EmptyRun, ExecutedBlock, Place, Segment
from ztdx_devnet.chain.blocktree.headers import EmptyHeaders
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.errors import ChainError
from ztdx_devnet.chain.image import ChainImage
from ztdx_devnet.chain.store import records
from ztdx_devnet.chain.store.packing import pack, pack_integer, unpack, unpack_integer
from ztdx_devnet.chain.store.soundness import refuse_unsound

_MAGIC = b"ztdx-devnet state 1\n"
_MAX_BYTES = 2**28  # unpacked
_MAX_RUN = 10_000_000  # blocks


class BadDump(ChainError):
    """Not a dump of this devnet, or one of another chain."""

    code = "BAD_DUMP"


def dump(chain: Chain) -> bytes:
    """The whole chain, packed. Its hashes of empty blocks are left out: they can be worked out."""
    ids = {segment: number for number, segment in enumerate(chain.tree.segments)}
    nodes, added = chain.execution.nodes.kv_store, set(chain.execution.nodes.added)
    about = {
        "chain_id": chain.chain_id,
        "position": records.encode_position(chain, ids),
        "patches": {
            block.hex(): records.encode_patch(patch)
            for block, patch in sorted(chain.patches.items().items())
        },
    }
    keys = (*sorted(nodes.keys() - added), *sorted(added))
    content = pack(
        (
            json.dumps(about).encode(),
            pack(_encode_segment(segment, ids) for segment in chain.tree.segments),
            pack(item for key in keys for item in (key, nodes[key])),
            pack(records.encode_waiting(waiting) for waiting in chain.pool),
        )
    )
    return _MAGIC + zlib.compress(content)


def load(chain: Chain, raw: bytes) -> None:
    """Make `chain` what the dump holds. Raises BadDump, with nothing changed."""
    if not raw.startswith(_MAGIC):
        raise BadDump("not a state dump of ztdx-devnet: expected what anvil_dumpState answered")
    try:
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(raw[len(_MAGIC) :], _MAX_BYTES)
        if not unpacker.eof:
            raise BadDump(f"the dump is cut short, or longer than {_MAX_BYTES} bytes unpacked")
        about_json, *lists = unpack(content)
        encoded, nodes, waiting = map(unpack, lists)
        about = json.loads(about_json)
        if about["chain_id"] != chain.chain_id:
            raise BadDump(f"the dump is of chain {about['chain_id']}, this is {chain.chain_id}")
        segments: list[Segment] = []
        for fields in encoded:
            segments.append(_decode_segment(fields, segments))
        image = ChainImage(
            segments=segments,
            nodes=dict(zip(nodes[::2], nodes[1::2], strict=True)),
            waiting=[records.decode_waiting(each) for each in waiting],
            patches={
                bytes.fromhex(block): records.decode_patch(fields)
                for block, fields in about["patches"].items()
            },
            **records.decode_position(about["position"], segments),
        )
        refuse_unsound(image)
    except BadDump:
        raise
    except Exception as error:  # whatever a decoder meets in bytes that somebody changed
        raise BadDump(f"the dump is damaged: {error!r:.200}") from error
    chain.load(image)


def _encode_segment(segment: Segment, ids: dict[Segment, int]) -> bytes:
    """Header and parent's place; then the receipts of a block, or interval and count of a run."""
    parent = segment.parent
    place = (
        () if parent is None else (pack_integer(ids[parent.segment]), pack_integer(parent.offset))
    )
    head = (records.encode_header(segment.header_at(0)), pack(place))
    if isinstance(segment, ExecutedBlock):
        return pack((*head, records.encode_receipts(segment.receipts)))
    assert isinstance(segment, EmptyRun)
    return pack((*head, pack_integer(segment.headers.interval_s), pack_integer(segment.count)))


def _decode_segment(packed: bytes, segments: list[Segment]) -> Segment:
    header, place, *body = unpack(packed)
    parent = None
    if place:
        number, offset = map(unpack_integer, unpack(place))
        parent = Place(segments[number], offset)
        parent.hash  # noqa: B018 - raises IndexError beyond the end of a run
    if len(body) == 1:
        return records.restore_block(parent, header, body[0])
    interval_s, count = map(unpack_integer, body)
    if parent is None or not 0 < count <= _MAX_RUN:
        raise ValueError(f"a run of {count} blocks")
    headers = EmptyHeaders(records.decode_header(header), interval_s)
    headers.extend(count)
    return EmptyRun(parent, headers)
