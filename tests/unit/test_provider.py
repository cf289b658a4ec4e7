"""The in-process providers, as anybody's web3.py code uses them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from typing import Any

import pytest
from eth_account import Account
from web3 import AsyncWeb3, Web3
from web3.exceptions import (
    ContractCustomError,
    MethodUnavailable,
    TransactionNotFound,
    Web3RPCError,
)

import ztdx_devnet
from ztdx_devnet import AsyncDevnetProvider, Devnet, DevnetProvider
from ztdx_devnet.artifacts import load
from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.chain.origin.accounts import USERS
from ztdx_devnet.chain.rpc.endpoint import MAX_BATCH

VAULT = Web3.to_checksum_address(contracts.VAULT)
DF_TOKEN = Web3.to_checksum_address(contracts.DF_TOKEN)
ALICE, BOB = (Web3.to_checksum_address(USERS[name].address) for name in ("alice", "bob"))


@pytest.fixture
def w3() -> Web3:
    return Web3(DevnetProvider())


def vault_of(w3: Any) -> Any:
    return w3.eth.contract(address=VAULT, abi=load("ZtdxSpotVault").abi)


def token_of(w3: Any) -> Any:
    return w3.eth.contract(address=DF_TOKEN, abi=load("DFToken").abi)


def deposit(w3: Web3, user: str, amount_wei: int) -> Any:
    """Approve and deposit; the receipt of the deposit."""
    token_of(w3).functions.approve(VAULT, amount_wei).transact({"from": user})
    sent = vault_of(w3).functions.deposit(DF_TOKEN, amount_wei).transact({"from": user})
    return w3.eth.wait_for_transaction_receipt(sent)


def ask(w3: Web3, method: Any, *params: Any) -> Any:
    """The result of a method that web3.py has no name for."""
    response = w3.provider.make_request(method, list(params))
    assert "error" not in response, response
    return response["result"]


class TestChains:
    def test_each_provider_has_a_chain_of_its_own(self, w3: Web3) -> None:
        other = Web3(DevnetProvider())
        deposit(w3, ALICE, 1)
        assert (w3.eth.block_number, other.eth.block_number) == (2, 0)

    def test_the_same_calls_give_the_same_hashes(self, w3: Web3) -> None:
        other = Web3(DevnetProvider())
        receipts = [deposit(each, ALICE, 7) for each in (w3, other)]
        assert receipts[0] == receipts[1]
        assert w3.eth.get_block("latest") == other.eth.get_block("latest")

    def test_a_devnet_can_be_shown_by_several_providers(self) -> None:
        devnet = Devnet()
        one, other = Web3(DevnetProvider(devnet)), Web3(DevnetProvider(devnet))
        receipt = deposit(one, ALICE, 1)
        assert other.eth.get_transaction_receipt(receipt["transactionHash"]) == receipt
        devnet.mining.mine()
        assert one.eth.block_number == other.eth.block_number == 3

    def test_the_devnet_of_a_provider_is_at_hand(self) -> None:
        provider = DevnetProvider()
        provider.devnet.mining.mine_blocks(5)
        assert Web3(provider).eth.block_number == 5

    def test_threads_take_turns(self, w3: Web3) -> None:
        def send(name: str) -> None:
            sender = Web3.to_checksum_address(USERS[name].address)
            for _ in range(5):
                w3.eth.send_transaction({"from": sender, "to": BOB, "value": 1})

        threads = [threading.Thread(target=send, args=[name]) for name in ("carol", "dave", "erin")]
        before_wei = w3.eth.get_balance(BOB)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert w3.eth.get_balance(BOB) == before_wei + 15
        assert w3.eth.block_number == 15


class TestRequests:
    def test_it_is_connected(self, w3: Web3) -> None:
        assert w3.is_connected(show_traceback=True)
        assert w3.eth.chain_id == 97
        assert str(w3.provider) == "devnet 97 in this process"

    def test_a_deposit_goes_in_by_contract_objects_and_comes_out_as_an_event(
        self, w3: Web3
    ) -> None:
        vault, token = vault_of(w3), token_of(w3)
        receipt = deposit(w3, ALICE, 10**18)
        assert receipt["status"] == 1
        assert token.functions.balanceOf(VAULT).call() == 10**18
        (event,) = vault.events.SpotDeposit().get_logs(from_block=0)
        assert event["transactionHash"] == receipt["transactionHash"]
        assert event["logIndex"] == 1  # behind the token's Transfer
        assert dict(event["args"]) == {"account": ALICE, "token": DF_TOKEN, "amount": 10**18}
        assert len(w3.eth.get_logs({"fromBlock": 0, "address": VAULT})) == 1

    def test_a_transaction_can_be_signed_away_from_the_node(self, w3: Web3) -> None:
        account = Account.from_key(USERS["alice"].private_key)
        approval = token_of(w3).functions.approve(VAULT, 5)
        unsigned = approval.build_transaction({"from": ALICE, "nonce": 0})
        sent = w3.eth.send_raw_transaction(account.sign_transaction(unsigned).raw_transaction)
        assert w3.eth.get_transaction_receipt(sent)["status"] == 1
        assert token_of(w3).functions.allowance(ALICE, VAULT).call() == 5

    def test_a_batch_is_answered_in_its_order(self, w3: Web3) -> None:
        ask(w3, "evm_mine", {"blocks": 9})
        with w3.batch_requests() as batch:
            for number in (7, 3, 9, 0):
                batch.add(w3.eth.get_block(number))
            answers: list[Any] = batch.execute()
        assert [block["number"] for block in answers] == [7, 3, 9, 0]

    def test_a_batch_beyond_the_limit_is_refused_whole(self, w3: Web3) -> None:
        with w3.batch_requests() as batch:
            for _ in range(MAX_BATCH + 1):
                batch.add(w3.eth.get_block(0))
            with pytest.raises(Web3RPCError, match="batch too large: 1001 requests, at most 1000"):
                batch.execute()

    def test_filters_tell_what_came_up(self, w3: Web3) -> None:
        blocks, deposits = w3.eth.filter("latest"), vault_of(w3).events.SpotDeposit
        events = deposits.create_filter(from_block="latest")
        receipt = deposit(w3, ALICE, 3)
        assert blocks.get_new_entries()[-1] == receipt["blockHash"]
        assert [event["args"]["amount"] for event in events.get_new_entries()] == [3]
        assert events.get_new_entries() == []

    def test_a_reorg_drops_a_deposit_and_tells_it(self, w3: Web3) -> None:
        events = vault_of(w3).events.SpotDeposit.create_filter(from_block="latest")
        receipt = deposit(w3, ALICE, 3)
        ask(w3, "evm_mine", {"blocks": 2})
        dropped = receipt["transactionHash"].to_0x_hex()
        outcome = ask(w3, "devnet_reorg", {"depth": 3, "drop": [dropped]})
        assert outcome["ancestor"]["number"] == "0x1"
        assert [entry["hash"] for entry in outcome["dropped"]] == [dropped]
        with pytest.raises(TransactionNotFound):
            w3.eth.get_transaction_receipt(receipt["transactionHash"])
        assert w3.eth.get_block(receipt["blockHash"])["number"] == 2  # orphans stay readable
        assert w3.eth.get_block(2)["hash"] != receipt["blockHash"]
        assert [log["removed"] for log in w3.eth.get_filter_changes(events.filter_id)] == [
            False,
            True,
        ]
        assert vault_of(w3).events.SpotDeposit().get_logs(from_block=0) == []


class TestErrors:
    def test_an_error_of_the_contract_is_a_custom_error_with_its_data(self, w3: Web3) -> None:
        with pytest.raises(ContractCustomError) as caught:
            vault_of(w3).functions.deposit(BOB, 1).call({"from": ALICE})
        data = bytes.fromhex(str(caught.value.data)[2:])
        assert contracts.decode_revert("ZtdxSpotVault", data) == (
            f"TokenNotRegistered({BOB.lower()})"
        )

    def test_a_refused_transaction_is_an_error_with_the_node_s_words(self, w3: Web3) -> None:
        spent = {"from": ALICE, "to": BOB, "value": 1, "nonce": 0}
        w3.eth.send_transaction(spent)
        with pytest.raises(Web3RPCError, match="nonce too low: next nonce 1, tx nonce 0"):
            w3.eth.send_transaction(spent)

    def test_what_is_pushed_needs_the_server(self, w3: Web3) -> None:
        response = w3.provider.make_request("eth_subscribe", ["newHeads"])
        assert response["error"]["code"] == -32601
        with pytest.raises(MethodUnavailable):
            w3.manager.request_blocking("devnet_unknown", [])


class TestAsync:
    def test_requests_and_batches(self) -> None:
        devnet = Devnet()

        async def play() -> None:
            w3 = AsyncWeb3(AsyncDevnetProvider(devnet))
            assert await w3.is_connected(show_traceback=True)
            sent = await token_of(w3).functions.approve(VAULT, 5).transact({"from": ALICE})
            assert (await w3.eth.wait_for_transaction_receipt(sent))["status"] == 1
            async with w3.batch_requests() as batch:
                batch.add(w3.eth.get_block(1))
                batch.add(w3.eth.get_block(0))
                answers: list[Any] = await batch.async_execute()
            assert [block["number"] for block in answers] == [1, 0]

        asyncio.run(play())
        assert devnet.chain.height == 1
        assert str(AsyncDevnetProvider(devnet)) == "devnet 97 in this process"


class TestThePackage:
    def test_importing_it_loads_neither_an_evm_nor_web3(self) -> None:
        heavy = "{'eth', 'web3', 'rlp', 'ztdx_devnet.chain'}"
        run_python(f"import sys, ztdx_devnet; assert not {heavy} & set(sys.modules)")

    def test_the_devnet_does_not_load_web3(self) -> None:
        run_python("import sys; from ztdx_devnet import Devnet; assert 'web3' not in sys.modules")

    def test_without_web3_the_provider_says_how_to_install_it(self) -> None:
        failed = run_python(
            "import sys; sys.modules['web3'] = None; from ztdx_devnet import DevnetProvider",
            succeeds=False,
        )
        assert failed.endswith(
            "ImportError: DevnetProvider needs web3, which is not installed: "
            "pip install 'ztdx-devnet[web3]'\n"
        )

    def test_its_names_are_listed(self) -> None:
        assert set(ztdx_devnet.__all__) <= set(dir(ztdx_devnet))
        for name in ztdx_devnet.__all__:
            assert getattr(ztdx_devnet, name).__name__ == name
        assert not hasattr(ztdx_devnet, "Anvil")


def run_python(program: str, succeeds: bool = True) -> str:
    """What a program says on standard error, in a process of its own."""
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=False, text=True
    )
    assert (process.returncode == 0) == succeeds, process.stderr
    return process.stderr
