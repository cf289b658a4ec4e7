"""Every block that our chain builds, imported and validated by a py-evm chain of its own.

The other chain starts from the state of genesis and nothing else. It executes each block again and
compares every field of the header with ours; blocks inside runs of empty ones are imported too.
"""

from __future__ import annotations

from typing import Any

import pytest
from eth.chains.base import Chain as PyEvmChain
from eth.consensus import NoProofConsensus
from eth.db.atomic import AtomicDB
from eth.db.backends.memory import MemoryDB
from eth.vm.forks.prague import PragueVM
from eth.vm.forks.prague.blocks import PragueBlock
from eth_utils import ValidationError

from tests.unit.chain.builders import (
    BLOCKHASH_READER,
    add_deposit,
    creation_code,
    deploy,
    sign,
    sign_access_list,
    sign_delegation,
    sign_legacy,
    transfer,
)
from ztdx_devnet.chain.blocktree.blocks import Place
from ztdx_devnet.chain.building.reorgs import Reorg
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.evm.state import create_address
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.chain.origin.genesis import CHAIN_ID, TIMESTAMP_S, template

JUDY = USERS["judy"].address
PRECOMPILES = [number.to_bytes(20, "big") for number in (1, 2, 3, 4, 5, 8, 9, 10, 11)]
# Stores 1 in slot 0 if it is empty, and empties it otherwise, which refunds gas.
TOGGLE = bytes.fromhex("5f54155f5500")
# Sends its balance to judy and, outside of its creation, stays as it is (EIP-6780).
SELFDESTRUCT = b"\x73" + JUDY + b"\xff"
# Stores the hash of the block three back.
BLOCKHASH_KEEPER = bytes.fromhex("600343034060005500")

uses_selfdestruct = pytest.mark.filterwarnings("ignore:SELFDESTRUCT opcode:DeprecationWarning")


class Reference:
    """A py-evm chain that knows genesis and then what it imported."""

    def __init__(self) -> None:
        genesis = template(CHAIN_ID, TIMESTAMP_S)
        vm = PragueVM.configure(consensus_class=NoProofConsensus)
        kind = PyEvmChain.configure("Reference", vm_configuration=((0, vm),), chain_id=CHAIN_ID)
        nodes = AtomicDB(MemoryDB(dict(genesis.execution.nodes.kv_store)))
        self._chain: Any = kind.from_genesis_header(nodes, genesis.header)
        self._known = {genesis.header.hash}

    def accept(self, place: Place) -> None:
        """Import that block and all its ancestors; raises ValidationError when one is invalid."""
        branch = []
        step: Place | None = place
        while step is not None and step.hash not in self._known:
            branch.append(step)
            step = step.parent
        for each in reversed(branch):
            signed = [receipt.transaction.signed for receipt in each.receipts]
            block = PragueBlock(each.header, signed, [], [])
            imported = self._chain.import_block(block).imported_block
            assert imported.header.hash == each.hash
            assert imported.header == each.header
            self._known.add(each.hash)
            theirs = imported.get_receipts(self._chain.chaindb)
            assert [receipt.gas_used for receipt in theirs] == [
                receipt.cumulative_gas_used for receipt in each.receipts
            ]
            for receipt, ours in zip(theirs, each.receipts, strict=True):
                assert receipt.state_root == (b"\x01" if ours.succeeded else b"")
                assert receipt.bloom == ours.bloom
                assert [(log.address, log.topics, log.data) for log in receipt.logs] == [
                    (log.address, tuple(int.from_bytes(t, "big") for t in log.topics), log.data)
                    for log in ours.logs
                ]


def test_blocks_with_deposits_runs_and_reorgs_are_valid() -> None:
    chain, reference = Chain(), Reference()
    for user in ("alice", "bob", "carol"):
        add_deposit(chain, user, 10**18)
    chain.mine()
    chain.mine_empty(150)  # until the base fee is at its floor
    add_deposit(chain, "dave", 5)
    chain.mine()
    chain.mine_empty(3)
    abandoned = chain.head
    reference.accept(abandoned)

    for depth, delay_blocks in ((1, 0), (2, 1), (5, 2), (60, 3)):
        chain.reorg(Reorg(depth=depth, delay_blocks=delay_blocks))
        chain.add(transfer(chain, "erin", "judy", depth))
        chain.mine()
        reference.accept(chain.head)
    chain.switch(abandoned.hash)
    chain.mine(chain.head.timestamp_s + 1_000)
    chain.mine_empty(5, chain.head.timestamp_s + 77)
    reference.accept(chain.head)


def test_a_long_run_is_valid_block_by_block() -> None:
    chain = Chain()
    chain.mine_empty(200)
    Reference().accept(chain.head)


@uses_selfdestruct
def test_blocks_with_every_kind_of_transaction_are_valid() -> None:
    chain, reference = Chain(), Reference()
    token = creation_code("FeeOnTransferToken", ["uint256"], (3,))
    calls = [
        sign("alice", 0),
        sign_legacy("alice", 1),
        sign_legacy("alice", 2, chain_id=None),
        sign_access_list("bob", 0, access_list=[(JUDY, [0, 2**256 - 1]), (JUDY, [])]),
        sign_delegation("carol", 0, "dave", 0),
        sign_delegation("carol", 1, "carol", 2),
        sign_delegation("grace", 0, "heidi", 9),  # a wrong nonce: the authorization has no effect
        sign("erin", 0, to=b"", data=b"", gas=60_000),
        sign("erin", 1, to=b"", data=b"\xfe", gas=60_000, wei=0),
        sign("erin", 2, to=b"", data=token, gas=3_000_000, wei=0),
        sign("erin", 3, to=b"", data=SELFDESTRUCT, gas=100_000, wei=77),
        sign("frank", 0, to=USERS["frank"].address, wei=3),
        sign("frank", 1, wei=0),
        sign("frank", 2, to=bytes(19) + b"\x77", wei=0),
        sign("frank", 3, data=b"\x01" * 3_000, gas=200_000),
        sign("frank", 4, to=contracts.VAULT, data=b"\x12\x34\x56\x78", gas=200_000, wei=0),
    ]
    for transaction in calls:
        chain.add(transaction)
    receipts = chain.mine().receipts
    assert [receipt.transaction for receipt in receipts] == calls
    assert sum(not receipt.succeeded for receipt in receipts) == 2
    assert chain.state_at(chain.head).code(USERS["heidi"].address) == b""
    reference.accept(chain.head)


@pytest.mark.parametrize("precompile", PRECOMPILES, ids=lambda address: str(address[-1]))
def test_blocks_with_transactions_to_precompiles_are_valid(precompile: bytes) -> None:
    chain = Chain()
    for nonce, data in enumerate((b"", b"\x01" * 96, b"\xff" * 213, bytes(192))):
        chain.add(sign("alice", nonce, to=precompile, data=data, gas=300_000))
    assert len(chain.mine().receipts) == 4
    Reference().accept(chain.head)


@uses_selfdestruct
def test_blocks_with_storage_refunds_blockhash_and_selfdestruct_are_valid() -> None:
    chain, reference = Chain(), Reference()
    toggle = deploy(chain, TOGGLE)
    keeper = deploy(chain, BLOCKHASH_KEEPER)
    reader = deploy(chain, BLOCKHASH_READER)
    doomed = deploy(chain, SELFDESTRUCT)
    chain.mine_empty(300)
    for _ in range(3):
        for address in (toggle, keeper, reader, doomed):
            nonce = chain.next_nonce(USERS["bob"].address)
            chain.add(sign("bob", nonce, to=address, gas=100_000, wei=0))
        chain.mine()
        assert all(receipt.succeeded for receipt in chain.head.receipts)
    kept = chain.state_at(chain.head).storage(keeper, 0).to_bytes(32, "big")
    assert kept == chain.tree.at(chain.height - 3).hash
    chain.reorg(Reorg(depth=2))
    assert chain.state_at(chain.head).code(doomed) == SELFDESTRUCT
    reference.accept(chain.head)


def test_a_contract_is_created_where_sender_and_nonce_put_it() -> None:
    chain = Chain()
    for nonce in range(130):
        chain.add(sign("alice", nonce, wei=0))
    chain.mine()
    address = deploy(chain, b"\x00")
    assert address == create_address(USERS["alice"].address, 130)
    assert chain.head.receipts[0].contract_address == address
    Reference().accept(chain.head)


def test_the_reference_refuses_a_block_that_says_something_untrue() -> None:
    chain, reference = Chain(), Reference()
    chain.add(transfer(chain, "alice", "bob", 1))
    place = chain.mine()
    reference.accept(chain.tree.at(0))
    signed = [receipt.transaction.signed for receipt in place.receipts]
    for lie in ({"gas_used": 20_999}, {"state_root": bytes(32)}, {"bloom": 1}, {"timestamp": 5}):
        block = PragueBlock(place.header.copy(**lie), signed, [], [])
        with pytest.raises(ValidationError):
            reference._chain.import_block(block)
    reference.accept(place)
