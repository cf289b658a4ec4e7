"""Genesis: the documented addresses, what stands there, and the same bytes in every process."""

from __future__ import annotations

import hashlib
import hmac
import importlib.util
import json
import os
import subprocess
import sys
import unicodedata
from typing import Any

import pytest
import rlp
from eth_keys.datatypes import PrivateKey
from trie import HexaryTrie

from tests.unit.chain.builders import call_head, creation_code
from ztdx_devnet.artifacts import load
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.evm.state import create_address
from ztdx_devnet.chain.keccak import keccak256
from ztdx_devnet.chain.origin import accounts, contracts
from ztdx_devnet.chain.origin.accounts import OWNER, USERS, WITHDRAW_SIGNER
from ztdx_devnet.chain.origin.contracts import Call
from ztdx_devnet.chain.origin.genesis import (
    CHAIN_ID,
    GAS_LIMIT,
    NATIVE_WEI,
    TIMESTAMP_S,
    TOKEN_WEI,
    template,
)
from ztdx_devnet.chain.signing import sign_call

MNEMONIC = "test test test test test test test test test test test junk"
ADDRESSES = {  # as every devnet shows them
    "alice": "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266",
    "bob": "0x70997970c51812dc3a010c7d01b50e0d17dc79c8",
    "carol": "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc",
    "dave": "0x90f79bf6eb2c4f870365e785982e1f101e93b906",
    "erin": "0x15d34aaf54267db7d7c367839aaf71a00a2c6a65",
    "frank": "0x9965507d1a55bcc2695c58ba16fb37d819b0a4dc",
    "grace": "0x976ea74026e726554db657fa54763abd0c3a0aa9",
    "heidi": "0x14dc79964da2c08b23698b3d3cc7ca32193d9955",
    "ivan": "0x23618e81e3f5cdf7f54c3d65f7fbc0abf5b21e8f",
    "judy": "0xa0ee7a142d267c1f36714e4a8f75612f20a79720",
    "owner": "0xbcd4042de499d14e55001ccbb24a551f3b954096",
    "withdraw_signer": "0x71be63f3384f5fb98995898a86b02fb2426c5788",
}
PEOPLE = [*USERS.values(), OWNER, WITHDRAW_SIGNER]
PLACES = {
    "ZtdxSpotVault": (contracts.VAULT, "4fe0b354c5865ee9deb979a99030d757ae47664a"),
    "DFToken": (contracts.DF_TOKEN, "8063a43ed88397c1b10da23dcc60ba1e7a0bf555"),
    "LookalikeToken": (contracts.LOOKALIKE_TOKEN, "00000000000000000000000000000000000d0f01"),
    "DepositBatch": (contracts.DEPOSIT_BATCH, "00000000000000000000000000000000000d0f02"),
}
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
HARDENED = 2**31


def derived_key(index: int) -> PrivateKey:
    """BIP-39 and BIP-32, path m/44'/60'/0'/0/index."""
    words = unicodedata.normalize("NFKD", MNEMONIC).encode()
    seed = hashlib.pbkdf2_hmac("sha512", words, b"mnemonic", 2048)
    node = hmac.digest(b"Bitcoin seed", seed, "sha512")
    for step in (44 + HARDENED, 60 + HARDENED, HARDENED, 0, index):
        key, chain_code = node[:32], node[32:]
        shown = b"\0" + key
        if step < HARDENED:
            shown = PrivateKey(key).public_key.to_compressed_bytes()
        digest = hmac.digest(chain_code, shown + step.to_bytes(4, "big"), "sha512")
        number = (int.from_bytes(digest[:32], "big") + int.from_bytes(key, "big")) % CURVE_ORDER
        node = number.to_bytes(32, "big") + digest[32:]
    return PrivateKey(node[:32])


def asked(chain: Chain, to: bytes, signature: str, *arguments: Any) -> int:
    result = call_head(
        chain,
        sender=USERS["judy"].address,
        to=to,
        data=Call(signature, arguments).data,
        gas=200_000,
    )
    assert result.succeeded
    return int.from_bytes(result.output, "big")


def account(chain: Chain, address: bytes) -> tuple[int, bytes, bytes]:
    """Nonce, storage root and code hash, as the state trie has them."""
    nodes = chain.execution.nodes
    raw = HexaryTrie(nodes, chain.head.header.state_root)[keccak256(address)]
    nonce, _, storage_root, code_hash = rlp.decode(raw)
    return int.from_bytes(nonce, "big"), storage_root, code_hash


@pytest.mark.parametrize(("index", "person"), list(enumerate(PEOPLE)), ids=lambda value: str(value))
def test_the_named_accounts_are_those_of_the_documented_mnemonic(
    index: int, person: accounts.Account
) -> None:
    assert list(ADDRESSES)[index] == person.name
    assert person.address_hex == ADDRESSES[person.name] == "0x" + person.address.hex()
    assert person.private_key == "0x" + derived_key(index).to_bytes().hex()
    assert MNEMONIC in " ".join(str(accounts.__doc__).split())


def test_every_named_account_has_native_coins_and_every_user_has_tokens() -> None:
    chain = Chain()
    state = chain.state_at(chain.head)
    for person in PEOPLE:
        assert state.balance_wei(person.address) == NATIVE_WEI == 10_000 * 10**18
        assert state.nonce(person.address) == 0
        assert state.code(person.address) == b""
    for token in (contracts.DF_TOKEN, contracts.LOOKALIKE_TOKEN):
        for user in USERS.values():
            assert asked(chain, token, "balanceOf(address)", user.address) == TOKEN_WEI
        assert TOKEN_WEI == 1_000_000 * 10**18
        assert asked(chain, token, "balanceOf(address)", OWNER.address) == 0
        assert asked(chain, token, "totalSupply()") == TOKEN_WEI * len(USERS)


@pytest.mark.parametrize("name", PLACES)
def test_each_contract_stands_at_its_documented_address_with_the_code_of_its_artifact(
    name: str,
) -> None:
    address, documented = PLACES[name]
    assert address.hex() == documented
    chain = Chain()
    state = chain.state_at(chain.head)
    assert state.code(address) == load(name).runtime
    assert state.nonce(address) == 1
    assert state.balance_wei(address) == 0


def test_the_vault_knows_its_owner_its_signer_and_its_tokens() -> None:
    chain = Chain()
    owner = int.from_bytes(OWNER.address, "big")
    assert asked(chain, contracts.VAULT, "owner()") == owner
    assert asked(chain, contracts.DF_TOKEN, "owner()") == owner
    signer = int.from_bytes(WITHDRAW_SIGNER.address, "big")
    assert asked(chain, contracts.VAULT, "authorizationSigner()") == signer
    assert asked(chain, contracts.VAULT, "paused()") == 0
    for token, registered in (
        (contracts.DF_TOKEN, 1),
        (contracts.LOOKALIKE_TOKEN, 1),
        (contracts.DEPOSIT_BATCH, 0),
    ):
        assert asked(chain, contracts.VAULT, "registeredTokens(address)", token) == registered


def test_genesis_leaves_the_same_accounts_as_an_ordinary_deployment() -> None:
    chain = Chain()
    owner = OWNER.address

    def send(to: bytes, data: bytes) -> bytes:
        nonce = chain.next_nonce(owner)
        chain.add(
            sign_call(
                OWNER.key,
                chain_id=CHAIN_ID,
                nonce=nonce,
                to=to,
                data=data,
                gas=10_000_000,
                max_fee_wei=10**10,
                tip_wei=0,
            )
        )
        assert chain.mine().receipts[0].succeeded
        return create_address(owner, nonce)

    signers = (owner, WITHDRAW_SIGNER.address)
    vault_code = creation_code("ZtdxSpotVault", ["address", "address"], signers)
    token = send(b"", creation_code("DFToken", ["address"], (owner,)))
    lookalike = send(b"", creation_code("LookalikeToken", [], ()))
    vault = send(b"", vault_code)
    batch = send(b"", creation_code("DepositBatch", [], ()))
    for registered in (contracts.DF_TOKEN, contracts.LOOKALIKE_TOKEN):
        send(vault, contracts.set_token_registered(registered, True))
    for minted in (token, lookalike):
        for user in USERS.values():
            send(minted, contracts.mint(user.address, TOKEN_WEI))

    for deployed, documented in (
        (vault, contracts.VAULT),
        (token, contracts.DF_TOKEN),
        (lookalike, contracts.LOOKALIKE_TOKEN),
        (batch, contracts.DEPOSIT_BATCH),
    ):
        assert account(chain, deployed) == account(chain, documented)


def test_the_genesis_header_holds_nothing_of_the_machine() -> None:
    header = Chain().head.header
    assert header.block_number == 0
    assert header.parent_hash == bytes(32)
    assert header.timestamp == TIMESTAMP_S == 1_767_225_600
    assert header.gas_limit == GAS_LIMIT == 2**40
    assert (header.gas_used, header.bloom, header.difficulty) == (0, 0, 0)
    assert (header.mix_hash, header.nonce) == (bytes(32), bytes(8))
    assert header.extra_data == b"ztdx-devnet"
    assert header.coinbase.hex() == "00000000000000000000000000000000000c0ffe"
    assert header.hash == Chain().head.hash


def test_chains_from_one_template_do_not_touch_one_another() -> None:
    first, second = Chain(), Chain()
    before = len(second.execution.nodes)
    first.add(
        sign_call(
            USERS["alice"].key,
            chain_id=CHAIN_ID,
            nonce=0,
            to=USERS["bob"].address,
            gas=21_000,
            max_fee_wei=10**10,
            tip_wei=0,
        )
    )
    first.mine()
    assert second.height == 0
    assert len(second.execution.nodes) == before
    assert second.state_at(second.head).nonce(USERS["alice"].address) == 0
    assert Chain().head.hash == second.head.hash


def test_chain_id_and_time_of_genesis_can_be_chosen() -> None:
    chain = Chain(template(56, 1_000_000), block_time_s=3)
    assert chain.chain_id == 56
    assert chain.head.timestamp_s == 1_000_000
    assert chain.mine().timestamp_s == 1_000_003
    assert chain.mine_empty(4).timestamp_s == 1_000_015


STORY = """
import json
import sys
from tests.unit.chain.builders import add_deposit, deploy, transfer
from ztdx_devnet.chain.chain import Chain
from ztdx_devnet.chain.building.reorgs import Reorg

chain = Chain()
dropped, heads = [], [chain.head.hash.hex()]
chain.on_drop.append(lambda drop: dropped.append([drop.transaction.hash.hex(), drop.reason]))
for user in ("alice", "bob", "carol"):
    add_deposit(chain, user, 1_000)
chain.mine()
chain.mine_empty(50)
waiting = add_deposit(chain, "dave", 7)
chain.add(transfer(chain, "erin", "judy", 3))
chain.mine()
deploy(chain, bytes.fromhex("00"))
heads.append(chain.head.hash.hex())
late = [transfer(chain, user, "judy", 3) for user in ("frank", "grace", "heidi", "ivan")]
for entry in late:
    chain.add(entry)
drops = [waiting[0].hash, *(entry.hash for entry in late)]
chain.reorg(Reorg(depth=40, drop=drops, delay_blocks=2))
heads.append(chain.head.hash.hex())
chain.mine_empty(5)
heads.append(chain.head.hash.hex())
pool = [entry.transaction.hash.hex() for entry in chain.pool]
print(json.dumps(["sha3" in sys.modules, [heads, dropped, pool]]))
"""


def told(hash_seed: int, backend: str) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "PYTHONHASHSEED": str(hash_seed),
        "ETH_HASH_BACKEND": backend,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    return subprocess.Popen(
        [sys.executable, "-c", STORY], env=environment, stdout=subprocess.PIPE, text=True
    )


def test_every_process_and_every_keccak_tells_the_same_story() -> None:
    fast = "pysha3" if importlib.util.find_spec("sha3") else "pycryptodome"
    processes = [told(1, "pycryptodome"), told(2, fast)]
    answers = [json.loads(process.communicate(timeout=60)[0]) for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert [used_pysha3 for used_pysha3, _ in answers] == [False, fast == "pysha3"]
    assert answers[0][1] == answers[1][1]
    heads, dropped, pool = answers[0][1]
    assert heads[0] == Chain().head.hash.hex()
    assert len(set(heads)) == len(heads)
    assert len(dropped) == 5
    assert len(pool) == 1
