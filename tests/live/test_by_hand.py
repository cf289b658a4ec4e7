"""`devnet deposit`, `balance`, `reorg` and `mine` against a running chain: a line each."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.live.chain_process import ChainProcess, started
from tests.live.request_recorder import RequestRecorder
from ztdx_devnet.cli import devnet
from ztdx_devnet.live.rpc_client import NoAnswer, RpcClient

PROGRAM = Path(sys.executable).with_name("devnet")


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChainProcess]:
    with started(tmp_path_factory.mktemp("chain"), "--automine") as process:
        yield process


@pytest.fixture(autouse=True)
def _fresh(chain: ChainProcess) -> None:
    RpcClient(chain.rpc_url).ask("anvil_reset")


def typed(chain: ChainProcess, *words: str) -> Result:
    return CliRunner().invoke(devnet, [*words, "--rpc-url", chain.rpc_url])


def said(chain: ChainProcess, *words: str) -> str:
    result = typed(chain, *words)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    assert result.stdout.count("\n") == 1
    return result.stdout.rstrip("\n")


def refused(chain: ChainProcess, *words: str) -> str:
    result = typed(chain, *words)
    assert (result.exit_code, result.stdout) == (3, ""), result.output
    assert result.stderr.count("\n") == 1
    return result.stderr.rstrip("\n")


def test_a_deposit_says_where_it_stands_and_when_it_is_credited(chain: ChainProcess) -> None:
    line = said(chain, "deposit", "alice", "0.5")
    assert line.startswith("alice deposits 0.5 DF: 0x")
    assert line.endswith(" in block 2, log 1; a listener credits it at block 22")
    assert said(chain, "balance", "alice").startswith(
        "alice: 999,999.5 DF in the wallet, 0.5 DF in the vault, 9,999.999"
    )


def test_a_balance_of_an_address(chain: ChainProcess) -> None:
    nobody = "0x" + "99" * 20
    assert said(chain, "balance", nobody) == (
        f"{nobody}: 0 DF in the wallet, 0 DF in the vault, 0 BNB (0x{'99' * 20})"
    )


def test_blocks_and_reorgs(chain: ChainProcess) -> None:
    assert said(chain, "mine") == "1 block mined: the head is 1"
    assert said(chain, "mine", "20") == "20 blocks mined: the head is 21"
    said(chain, "deposit", "bob", "1")
    assert said(chain, "reorg", "3") == (
        "3 blocks replaced by 4: the head is 24 on 'branch-2'; "
        "transactions: 2 included again, 0 waiting, 0 dropped"
    )


def test_a_reorg_can_drop_a_transaction(chain: ChainProcess) -> None:
    deposit = said(chain, "deposit", "bob", "1").split()[4]
    assert said(chain, "reorg", "1", "--drop", deposit).endswith(
        "transactions: 0 included again, 0 waiting, 1 dropped"
    )
    assert "0 DF in the vault" in said(chain, "balance", "bob")


def test_a_deposit_without_mining_says_what_to_do(chain: ChainProcess) -> None:
    client = RpcClient(chain.rpc_url)
    client.ask("evm_setAutomine", False)
    try:
        line = said(chain, "deposit", "carol", "1")
    finally:
        client.ask("evm_setAutomine", True)
    assert line.endswith(" waits for a block; `devnet mine 1` makes one")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("deposit", "zoe", "1"), "no user 'zoe': expected an address or one of alice, bob"),
        (("deposit", "alice", "0"), "amount '0': expected a number of DF above 0"),
        (("deposit", "alice", "-1"), "amount '-1': expected a number of DF above 0"),
        (("deposit", "alice", "ten"), "amount 'ten': expected a number of DF above 0"),
        (("deposit", "alice", "1e-19"), "amount '1e-19': expected a number of DF above 0"),
        (("deposit", "alice", "nan"), "amount 'nan': expected a number of DF above 0"),
        (("deposit", "bob", "9999999"), "bob has 1,000,000 DF, less than 9,999,999"),
        (("balance", "0x12"), "no user '0x12'"),
        (("reorg", "5"), "depth 5 reaches below genesis: the head is 0"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    chain: ChainProcess, words: tuple[str, ...], reason: str
) -> None:
    assert refused(chain, *words).startswith(f"devnet: {reason}")
    assert RpcClient(chain.rpc_url).ask("eth_blockNumber") == "0x0"
    assert RpcClient(chain.rpc_url).ask("txpool_status") == {"pending": "0x0", "queued": "0x0"}


def test_without_a_chain_it_says_how_to_start_one() -> None:
    result = CliRunner().invoke(devnet, ["mine", "--rpc-url", "http://127.0.0.1:1"])
    assert result.exit_code == 3
    assert "start one with `devnet chain`, or name another with --rpc-url" in result.stderr


def test_any_path_of_a_chain_is_served(chain: ChainProcess) -> None:
    result = CliRunner().invoke(devnet, ["mine", "--rpc-url", f"{chain.rpc_url}/not/a/chain"])
    assert result.exit_code == 0


COMMANDS = (
    ("deposit", "alice", "1"),
    ("balance", "alice"),
    ("reorg", "1"),
    ("mine",),
    ("token", "alice"),
    ("env",),
)


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_of_a_url_only_scheme_host_and_port_are_shown(words: tuple[str, ...]) -> None:
    url = "http://user:SECRET@127.0.0.1:9/SECRET?key=SECRET#SECRET"
    result = CliRunner().invoke(devnet, [*words, "--rpc-url", url])
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == (
        "devnet: no chain answers at http://127.0.0.1:9 (Connection refused): start one with "
        "`devnet chain`, or name another with --rpc-url\n"
    )


@pytest.mark.parametrize(
    "url",
    [
        "SECRET",
        "",
        "user:SECRET@127.0.0.1:9/K",
        "ftp://user:SECRET@127.0.0.1",
        "http:///SECRET",
        "http://user:SECRET@:9",
        "http://127.0.0.1:SECRET",
        "http://127.0.0.1:99999/SECRET",
        "http://[SECRET",
        "http://127.0.0.1/SECRET and more",
        "http://127.0.0.1/SECRET\x00",
        "http://127.0.0.1/SECR\u00c9T",
    ],
)
def test_what_is_no_url_is_not_shown(url: str) -> None:
    result = CliRunner().invoke(devnet, ["mine", "--rpc-url", url])
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == (
        "devnet: --rpc-url is not a URL such as http://127.0.0.1:8545 (its value may hold a key "
        "and is not shown)\n"
    )


def test_user_and_password_of_a_url_are_sent_and_not_shown() -> None:
    with RequestRecorder() as server:
        url = server.origin.replace("//", "//us%3Aer:SEC%40RET@")
        with pytest.raises(NoAnswer) as refused:
            RpcClient(url + "/SECRET").ask("eth_chainId")
    assert str(refused.value) == f"what answers at {server.origin} speaks no JSON-RPC"
    (request,) = server.requests
    assert b"\r\nAuthorization: Basic dXM6ZXI6U0VDQFJFVA==\r\n" in request
    assert request.startswith(b"POST /SECRET HTTP/1.1\r\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_an_answer_that_nobody_can_read_is_one_line(chain: ChainProcess) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [PROGRAM, "mine", "2", "--rpc-url", chain.rpc_url],
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
            text=True,
        )
    assert (done.returncode, done.stderr) == (
        3,
        "devnet: can't write: No space left on device\n",
    )


def test_the_program_itself(chain: ChainProcess) -> None:
    process = subprocess.run(
        [PROGRAM, "mine", "2", "--rpc-url", chain.rpc_url],
        capture_output=True,
        check=False,
        text=True,
    )
    assert (process.returncode, process.stdout) == (0, "2 blocks mined: the head is 2\n")


def test_the_ready_file_is_what_the_node_says(chain: ChainProcess) -> None:
    ready = json.loads(chain.ready_file.read_text("utf-8"))
    info = RpcClient(chain.rpc_url).ask("devnet_info")
    assert ready["vault"].lower() == info["vault"]
    assert ready["df_token"].lower() == info["dfToken"]
    named = {account["name"]: account["address"] for account in info["accounts"]}
    assert {user["name"]: user["address"].lower() for user in ready["users"]} == {
        name: address for name, address in named.items() if name not in ("owner", "withdraw_signer")
    }
    assert ready["owner"].lower() == named["owner"]
