"""The classes of faults that a fault sweep tries, each at every place where it can hit.

A class is the step that arms it, without name and place. A correct listener survives each of them
once: what only a lasting fault does (a node that is behind for good) is a scenario's business.
"""

from __future__ import annotations

from typing import Any

TRANSPORT: tuple[dict[str, Any], ...] = (
    {"kind": "delay", "delay": "3s"},
    {"kind": "hang"},
    {"kind": "trickle"},
    {"kind": "reset"},
    {"kind": "reset_mid_body"},
    {"kind": "cut_body"},
    {"kind": "rate_limited"},
    {"kind": "rate_limited", "retry_after_s": 2},
    {"kind": "too_large"},
    {"kind": "gateway"},
    {"kind": "html"},
    {"kind": "wrong_id"},
    {"kind": "bad_gzip"},
    {"kind": "not_json"},
    {"kind": "refused"},
)
ANSWERS: tuple[dict[str, Any], ...] = (
    {"method": "*", "kind": "error"},
    {"method": "*", "kind": "null_result"},
    {"method": "*", "kind": "no_result"},
    {"method": "*", "kind": "result_text"},
    {"method": "*", "kind": "empty"},
    {"method": "*", "kind": "truncated"},
    {"method": "*", "kind": "drop_one"},
    {"method": "*", "kind": "duplicated"},
    {"method": "*", "kind": "shuffled"},
    {"method": "*", "kind": "stale", "lag_blocks": 25},
    {"method": "*", "kind": "pre_reorg"},
    {"method": "*", "kind": "removed"},
    {"method": "*", "kind": "foreign"},
    {"method": "*", "kind": "unfiltered"},
    {"method": "*", "kind": "widened"},
    {"method": "*", "kind": "renumbered", "numbering": "per_transaction"},
    {"method": "*", "kind": "renumbered", "numbering": "repeated"},
    {"method": "*", "kind": "renumbered", "numbering": "from_one"},
    {"method": "*", "kind": "undecodable"},
    {"method": "*", "kind": "swapped_topics"},
    {"method": "*", "kind": "unindexed"},
    {"method": "*", "kind": "dirty_topics"},
    {"method": "*", "kind": "missing_fields"},
    {"method": "*", "kind": "null_fields"},
    {"method": "*", "kind": "failed_receipt"},
    {"method": "*", "kind": "bloom_zeroed"},
    {"method": "*", "kind": "head_ahead", "ahead_blocks": 120},
    {"method": "*", "kind": "head_behind", "behind_blocks": 30},
    {"method": "*", "kind": "head_garbage", "head": "0x8000000000000000"},
    {"method": "*", "kind": "wrong_chain"},
)
STORAGE: tuple[dict[str, Any], ...] = (
    {"kind": "full"},
    {"kind": "full", "at": "commit"},
    {"kind": "read_only"},
    {"kind": "io_error"},
    {"kind": "io_error", "at": "commit"},
    {"kind": "corrupt"},
)

CLASSES: tuple[dict[str, Any], ...] = (
    *({"transport_fault": fields} for fields in TRANSPORT),
    *({"answer_fault": fields} for fields in ANSWERS),
    *({"db_fault": {**fields, "process": "main"}} for fields in STORAGE),
)
