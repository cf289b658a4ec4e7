"""JSON-RPC itself: requests, batches, notifications, identifiers, error codes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance.node import Node
from ztdx_devnet.chain.rpc.endpoint import MAX_BATCH, answer
from ztdx_devnet.chain.rpc.errors import RpcError

PARSE, INVALID, NOT_FOUND, PARAMS = -32700, -32600, -32601, -32602


def single(**fields: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "method": "eth_chainId", "params": [], **fields}).encode()


def code(response: Any) -> int:
    assert set(response) == {"jsonrpc", "id", "error"}
    assert response["jsonrpc"] == "2.0"
    assert isinstance(response["error"]["message"], str)
    return int(response["error"]["code"])


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[", b"}", b"nonsense", b"\xff\xfe\xfd", b'{"id":1,}', b"'a'", b"[1,2", b"0x1"],
    ids=repr,
)
def test_what_is_no_json_is_a_parse_error(node: Node, body: bytes) -> None:
    response = node.post(body)
    assert code(response) == PARSE
    assert response["id"] is None


@pytest.mark.parametrize("body", [b"1", b'"a"', b"null", b"true", b"1.5", b"{}"], ids=repr)
def test_json_that_is_no_request_is_an_invalid_request(node: Node, body: bytes) -> None:
    response = node.post(body)
    assert code(response) == INVALID
    assert response["id"] is None


@pytest.mark.parametrize("method", [None, 5, ["eth_chainId"], {}, True])
def test_a_method_is_a_string(node: Node, method: Any) -> None:
    assert code(node.post(single(id=1, method=method))) == INVALID


def test_a_request_without_a_method_is_invalid(node: Node) -> None:
    assert code(node.post(b'{"jsonrpc":"2.0","id":1}')) == INVALID


@pytest.mark.parametrize("request_id", [0, 7, -1, 2**80, 1.5, "", "a", "é", None])
def test_the_answer_carries_the_id_of_the_request(node: Node, request_id: Any) -> None:
    response = node.post(single(id=request_id))
    assert response == {"jsonrpc": "2.0", "id": request_id, "result": "0x61"}
    failed = node.post(single(id=request_id, method="eth_nothing"))
    assert code(failed) == NOT_FOUND
    assert failed["id"] == request_id


@pytest.mark.parametrize("request_id", [{}, {"a": 1}, [], [1], True, False])
def test_an_id_of_another_type_is_an_invalid_request(node: Node, request_id: Any) -> None:
    response = node.post(single(id=request_id))
    assert code(response) == INVALID
    assert response["id"] is None


def test_a_notification_is_carried_out_and_not_answered(node: Node) -> None:
    assert node.post(single()) is None
    assert node.post(b"[" + single() + b"," + single() + b"]") is None
    mixed = node.post(b"[" + single() + b"," + single(id=3) + b"]")
    assert mixed == [{"jsonrpc": "2.0", "id": 3, "result": "0x61"}]


def test_an_unknown_method_is_named_in_the_error(node: Node) -> None:
    for method in ("eth_nothing", "", "eth_chainid", "__class__", "eth_chainId "):
        number, message = node.fail(method)
        assert number == NOT_FOUND
        assert message == f"the method {method} does not exist/is not available"


@pytest.mark.parametrize(
    ("method", "params", "wanted"),
    [
        ("eth_chainId", [1], "0"),
        ("eth_getBalance", [], "1 to 2"),
        ("eth_getBalance", ["0x", "latest", None], "1 to 2"),
        ("eth_getStorageAt", ["0x"], "2 to 3"),
        ("eth_getLogs", [], "1"),
        ("eth_feeHistory", [1], "2 to 3"),
    ],
)
def test_the_number_of_parameters_is_checked(
    node: Node, method: str, params: list[Any], wanted: str
) -> None:
    number, message = node.fail(method, *params)
    assert number == PARAMS
    assert message == f"{method}: expected {wanted} parameters, got {len(params)}"


@pytest.mark.parametrize("params", [{}, {"a": 1}, "a", 5, True])
def test_parameters_are_an_array(node: Node, params: Any) -> None:
    response = node.post(single(id=4, params=params))
    assert code(response) == PARAMS
    assert response["id"] == 4


def test_parameters_may_be_left_out(node: Node) -> None:
    body = b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}'
    assert node.post(body)["result"] == "0x61"


@pytest.mark.parametrize(
    "value",
    ["0x", "0x00", "0x01", "1", 1, 1.0, "0xg", "0x-1", " 0x1", "0x1 ", "0x1\n", "0x" + "f" * 65],
    ids=repr,
)
def test_a_quantity_has_one_spelling(node: Node, value: Any) -> None:
    assert node.fail("eth_getBlockByNumber", value)[0] == PARAMS
    assert node.fail("eth_call", {"gas": value})[0] == PARAMS
    assert node.fail("eth_call", {"value": value})[0] == PARAMS


def test_an_unknown_tag_is_answered_with_those_that_exist(node: Node) -> None:
    message = node.fail("eth_getBlockByNumber", "newest")[1]
    assert message == (
        "block: expected a hex quantity or one of latest, pending, safe, finalized, earliest, "
        "got 'newest'"
    )


@pytest.mark.parametrize(
    "value",
    ["", "0x1", "0xzz", "0X00", "00", 5, None, [], {}, "0x" + "00" * 19, "0x" + "00" * 21],
    ids=repr,
)
def test_an_address_is_twenty_bytes_of_hex(node: Node, value: Any) -> None:
    number, message = node.fail("eth_getBalance", value)
    assert number == PARAMS
    assert message.startswith("address: expected 20 bytes of hex data, got ")
    if value is not None:
        assert node.fail("eth_call", {"to": value})[0] == PARAMS
        assert node.fail("eth_call", {"from": value})[0] == PARAMS


@pytest.mark.parametrize("value", ["true", 1, 0, None, [], {}], ids=repr)
def test_a_flag_is_true_or_false(node: Node, value: Any) -> None:
    assert node.fail("eth_getBlockByNumber", "latest", value)[0] == PARAMS
    assert node.fail("eth_getBlockByHash", "0x" + "00" * 32, value)[0] == PARAMS


@pytest.mark.parametrize("value", ["0x", "0x" + "00" * 31, "0x" + "00" * 33, 5, None], ids=repr)
def test_a_hash_is_thirty_two_bytes_of_hex(node: Node, value: Any) -> None:
    for method in (
        "eth_getBlockByHash",
        "eth_getTransactionByHash",
        "eth_getTransactionReceipt",
    ):
        assert node.fail(method, value)[0] == PARAMS


@pytest.mark.parametrize("value", [None, [], "0x", 5], ids=repr)
def test_a_call_is_an_object(node: Node, value: Any) -> None:
    for method in ("eth_call", "eth_estimateGas"):
        number, message = node.fail(method, value)
        assert number == PARAMS
        assert message.startswith("transaction: expected an object, got ")


def test_messages_show_no_more_than_a_piece_of_what_was_sent(node: Node) -> None:
    whole, cut = "x" * 78, "x" * 79  # two quotes make it 80
    expected = "address: expected 20 bytes of hex data, got "
    assert node.fail("eth_getBalance", whole)[1] == f"{expected}'{whole}'"
    assert node.fail("eth_getBalance", cut)[1] == f"{expected}'{'x' * 76}..."
    for params in (["0x" + "00" * 10_000], [["x"] * 10_000]):
        assert len(node.fail("eth_getBalance", *params)[1]) < 200
    assert len(node.fail("eth_getStorageAt", "0x" + "00" * 20, "0x" + "0" * 10_000)[1]) < 200


def test_a_batch_is_answered_in_its_order_with_an_answer_for_each(node: Node) -> None:
    parts = [
        single(id=1),
        b"5",
        single(id="b", method="eth_nothing"),
        b"[]",
        single(id=3, params={}),
        b"null",
        single(id=1),
    ]
    response = node.post(b"[" + b",".join(parts) + b"]")
    assert [each["id"] for each in response] == [1, None, "b", None, 3, None, 1]
    codes = [each.get("error", {}).get("code") for each in response]
    assert codes == [None, INVALID, NOT_FOUND, INVALID, PARAMS, INVALID, None]


def test_an_empty_batch_is_an_invalid_request(node: Node) -> None:
    response = node.post(b" [ ] ")
    assert code(response) == INVALID
    assert response["id"] is None


def test_a_batch_has_a_limit(node: Node) -> None:
    most = b"[" + b",".join([single(id=1)] * MAX_BATCH) + b"]"
    assert len(node.post(most)) == MAX_BATCH == 1_000
    over = b"[" + b",".join([single(id=1)] * (MAX_BATCH + 1)) + b"]"
    response = node.post(over)
    assert code(response) == INVALID
    assert "1001" in response["error"]["message"]


def test_answers_are_compact_utf8(node: Node) -> None:
    class Echo:
        def call(self, method: str, arguments: list[Any]) -> Any:
            return [method, *arguments]

    body = json.dumps({"jsonrpc": "2.0", "id": "ü", "method": "m", "params": ["é"]}).encode()
    answered = answer(Echo(), body)
    assert answered == '{"jsonrpc":"2.0","id":"ü","result":["m","é"]}'.encode()


def test_an_id_beyond_64_bits_comes_back_as_it_was_sent(node: Node) -> None:
    request_id = 2**70
    body = {"jsonrpc": "2.0", "id": request_id, "method": "eth_chainId", "params": []}
    assert node.post(json.dumps(body).encode())["id"] == request_id


def test_a_batch_whose_answers_are_too_large_is_cut_off_with_errors() -> None:
    class Large:
        def call(self, method: str, arguments: list[Any]) -> Any:
            return "x" * 10_000_000

    batch = [{"jsonrpc": "2.0", "id": n, "method": "m"} for n in range(5)]
    batch.insert(4, {"jsonrpc": "2.0", "method": "m"})
    answers = json.loads(answer(Large(), json.dumps(batch).encode()))
    assert [each["id"] for each in answers] == [0, 1, 2, 3, 4]
    assert ["result" in each for each in answers] == [True, True, True, False, False]
    assert answers[3]["error"] == {"code": -32003, "message": "response too large"}


def test_the_data_of_an_error_is_beside_its_message() -> None:
    class Failing:
        def call(self, method: str, arguments: list[Any]) -> Any:
            raise RpcError(3, "no", arguments[0] if arguments else None)

    assert json.loads(answer(Failing(), single(id=1, params=["0x01"])))["error"] == {
        "code": 3,
        "message": "no",
        "data": "0x01",
    }
    assert json.loads(answer(Failing(), single(id=1)))["error"] == {"code": 3, "message": "no"}
