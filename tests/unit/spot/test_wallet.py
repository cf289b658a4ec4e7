"""The wallet's tokens: USDT and DF, in the envelope, with images that need no network."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from ztdx_spot.config import read_api_settings

from .api_client import JWT_SECRET, Api
from .world import DF, FakeClock


def test_usdt_and_df_are_listed_for_anybody(api: Api, clock: FakeClock) -> None:
    answer = api.get("/wallet/tokens")
    assert answer.status_code == 200
    envelope = answer.get_json()
    assert list(envelope) == ["success", "data", "error", "timestamp"]
    assert (envelope["success"], envelope["error"]) == (True, None)
    assert envelope["timestamp"] == int(clock.time_s)
    assert [list(token) for token in envelope["data"]] == [
        ["symbol", "image", "decimals", "chainId", "contract"]
    ] * 2
    shown = [
        (token["symbol"], token["decimals"], token["chainId"], token["contract"])
        for token in envelope["data"]
    ]
    assert shown == [("USDT", 6, 421614, None), ("DF", 18, 97, DF)]


def test_df_is_where_the_settings_say(api: Api) -> None:
    other = "0x" + "Ab" * 20
    environment = {
        "JWT_SECRET": JWT_SECRET,
        "SPOT_BSC_CHAIN_ID": "31337",
        "SPOT_DF_TOKEN_ADDRESS": other,
        "SPOT_DF_TOKEN_DECIMALS": "6",
    }
    elsewhere = replace(api, settings=read_api_settings(environment))
    _, df = elsewhere.get("/wallet/tokens").get_json()["data"]
    assert (df["decimals"], df["chainId"], df["contract"]) == (6, 31337, other.lower())


@pytest.mark.parametrize("place", [0, 1])
def test_an_image_is_a_drawing_in_the_answer_itself(api: Api, place: int) -> None:
    image = api.get("/wallet/tokens").get_json()["data"][place]["image"]
    kind, _, encoded = image.partition(",")
    assert kind == "data:image/svg+xml;base64"
    assert ElementTree.fromstring(b64decode(encoded)).tag.endswith("svg")
