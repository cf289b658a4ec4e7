"""What users and the vault's owner do, seen on the block tree and in the ledger."""

from __future__ import annotations

import json

import pytest

from ztdx_devnet.chain.origin import contracts
from ztdx_devnet.scenario import loader
from ztdx_devnet.scenario.errors import BadScenario
from ztdx_devnet.scenario.verdict import Verdict
from ztdx_devnet.sim import cast, vault
from ztdx_devnet.sim.oracle import TrueDeposit
from ztdx_devnet.sim.world import World

from .played import perform, play

WEI = 10**18


def events(world: World) -> list[TrueDeposit]:
    """The vault's deposits of any token, in chain order."""
    return [d for block in world.chain.tree.executed_above(0) for d in world.oracle.in_block(block)]


def failed(world: World, name: str) -> bool:
    found = world.chain.inclusions.canonical(world.users.deposits[name].transaction_hash)
    assert found is not None
    return not found[1].succeeded


@pytest.mark.parametrize(
    ("verb", "token", "arrives_wei"),
    [
        ("deposit_other_token", cast.OTHER_TOKEN, 100 * WEI),
        ("deposit_lookalike", contracts.LOOKALIKE_TOKEN, 100 * WEI),
        ("fee_token_deposit", cast.FEE_TOKEN, 99 * WEI),
    ],
)
def test_a_deposit_of_another_token_is_the_vaults_and_says_what_arrived(
    verb: str, token: bytes, arrives_wei: int
) -> None:
    world = perform(f'\n  - {verb}: {{as: d1, user: bob, amount: "100"}}\n  - mine: 1\n')
    (event,) = events(world)
    assert (event.token, event.amount_wei) == (token, arrives_wei)
    assert event.account == cast.HOLDERS["bob"]
    assert vault.held_wei(world.chain, token) == arrives_wei


def test_no_deposit_of_another_token_is_credited() -> None:
    outcome = play(
        "steps:\n"
        '  - deposit_other_token: {as: o, user: bob, amount: "1"}\n'
        '  - deposit_lookalike: {as: l, user: bob, amount: "2"}\n'
        '  - fee_token_deposit: {as: f, user: bob, amount: "100"}\n'
        "  - register_token: BNB\n"
        "  - mine: 1\n"
        '  - deposit_native: {as: n, user: bob, amount: "4"}\n'
        "  - mine: 1\n"
        "  - expect: {mined: [o, l, f, n]}\n"
        "check:\n"
        "  always: [{not_credited: [o, l, f, n]}]\n"
        "  eventually: [{rows: 0, passed: [o, l, f, n]}]\n"
    )
    assert outcome.verdict is Verdict.HELD, outcome.failure


def test_bnb_is_taken_only_once_it_is_registered() -> None:
    send = '  - deposit_native: {as: %s, user: bob, amount: "2"}\n  - mine: 1\n'
    world = perform(
        "\n"
        + send % "n1"
        + "  - register_token: BNB\n  - mine: 1\n"
        + send % "n2"
        + "  - unregister_token: BNB\n  - mine: 1\n"
        + send % "n3"
    )
    assert [failed(world, name) for name in ("n1", "n2", "n3")] == [True, False, True]
    (event,) = events(world)
    assert (event.token, event.amount_wei) == (cast.NATIVE, 2 * WEI)
    assert vault.held_wei(world.chain, cast.NATIVE) == 2 * WEI


@pytest.mark.parametrize(
    "step",
    [
        'deposit: {as: d1, user: bob, amount: "1", approved: false}',
        'deposit: {as: d1, user: bob, amount: "0"}',
        'deposit: {as: d1, user: bob, amount: "1000000.000000000000000001"}',
        'deposit: {as: d1, user: bob, amount: "1", token: FALSE}',
    ],
    ids=["not approved", "nothing", "more than there is", "a token that says no"],
)
def test_a_deposit_that_the_vault_refuses_fails_on_the_chain_and_is_no_deposit(step: str) -> None:
    world = perform(f"\n  - {step}\n  - mine: 1\n")
    assert failed(world, "d1")
    assert events(world) == []


def test_what_was_approved_by_itself_can_be_deposited_without_another_approval() -> None:
    world = perform(
        '\n  - approve: {user: bob, amount: "5"}\n'
        '  - deposit: {as: d1, user: bob, amount: "3", approved: false}\n'
        '  - deposit: {as: d2, user: bob, amount: "3", approved: false}\n'
        "  - mine: 1\n"
    )
    assert [failed(world, name) for name in ("d1", "d2")] == [False, True]
    assert len(world.users.deposits["d1"].carried_by) == 1


def test_dust_is_credited_to_the_wei() -> None:
    outcome = play(
        'steps:\n  - deposit: {as: d1, user: bob, amount: "0.000000000000000001"}\n  - mine: 1\n'
        "check:\n  eventually: [{balance: {user: bob, available: '0.000000000000000001'}}]\n"
    )
    assert outcome.verdict is Verdict.HELD, outcome.failure


def test_a_paused_vault_refuses_until_it_is_unpaused() -> None:
    send = '  - deposit: {as: %s, user: bob, amount: "1"}\n  - mine: 1\n'
    world = perform(
        "\n  - pause_vault\n  - mine: 1\n" + send % "d1" + "  - unpause_vault\n" + send % "d2"
    )
    assert [failed(world, name) for name in ("d1", "d2")] == [True, False]
    assert not vault.is_paused(world.chain)


def test_a_token_that_is_no_longer_registered_is_refused() -> None:
    world = perform(
        "\n  - unregister_token: DF\n  - mine: 1\n"
        '  - deposit: {as: d1, user: bob, amount: "1"}\n  - mine: 1\n'
    )
    assert failed(world, "d1")
    assert not vault.is_registered(world.chain, contracts.DF_TOKEN)


def test_minted_tokens_carry_deposits_of_any_size() -> None:
    huge = 2**256 - 1 - 10 * 10**24  # all that the supply has left
    text = f"{huge // WEI}.{huge % WEI:018d}"
    world = perform(
        f'\n  - mint_tokens: {{user: bob, amount: "{text}"}}\n  - mine: 1\n'
        f'  - deposit: {{as: d1, user: bob, amount: "{text}"}}\n  - mine: 1\n'
    )
    assert [event.amount_wei for event in events(world)] == [huge]


def test_withdrawals_are_paid_in_turn_and_only_from_what_is_there() -> None:
    world = perform(
        '\n  - deposit: {as: d1, user: bob, amount: "10"}\n  - mine: 1\n'
        '  - withdraw: {user: bob, amount: "3"}\n  - withdraw: {user: bob, amount: "2"}\n'
        '  - mine: 1\n  - withdraw: {user: alice, amount: "4"}\n  - mine: 1\n'
        '  - withdraw: {user: bob, amount: "1.5"}\n  - mine: 1\n'
    )
    assert vault.withdrawn_wei(world.chain, contracts.DF_TOKEN) == 9 * WEI
    assert vault.held_wei(world.chain, contracts.DF_TOKEN) == WEI


def test_the_clones_event_is_on_the_chain_and_never_credited() -> None:
    text = (
        "steps:\n"
        '  - foreign_event: {user: judy, victim: alice, amount: "1000000000"}\n'
        '  - foreign_event: {user: judy, victim: alice, amount: "7",'
        ' around: {as: r, amount: "5"}}\n'
        "  - mine: 1\n"
    )
    world = perform(text.partition("steps:")[2])
    topics = [
        log.address
        for block in world.chain.tree.executed_above(0)
        for receipt in block.receipts
        for log in receipt.logs
        if log.topics[0] == contracts.SPOT_DEPOSIT_TOPIC
    ]
    assert topics == [cast.CLONE, cast.CLONE, contracts.VAULT, cast.CLONE]
    assert (
        len(
            {
                r.transaction.hash
                for b in world.chain.tree.executed_above(0)
                for r in b.receipts
                if sum(log.topics[0] == contracts.SPOT_DEPOSIT_TOPIC for log in r.logs) == 3
            }
        )
        == 1
    )
    outcome = play(
        f"{text}"
        "check:\n"
        "  never: [{rows: {user: alice, count: 1}}]\n"
        "  eventually:\n"
        '    - credited: [r]\n      balance: {user: clone, available: "5"}\n'
        '    - balance: {user: alice, available: "0"}\n      rows: 1\n'
    )
    assert outcome.verdict is Verdict.HELD, outcome.failure


def test_a_wallet_that_is_a_contract_is_the_account_that_is_credited() -> None:
    outcome = play(
        "steps:\n"
        '  - deposit_through_wallet: {as: d1, user: bob, amount: "5"}\n'
        "  - mine: 1\n"
        '  - expect: {deposited: {deposit: d1, amount: "5", account: wallet}}\n'
        "check:\n"
        "  eventually:\n"
        '    - balance: {user: wallet, available: "5"}\n      credited: [d1]\n'
        '    - balance: {user: bob, available: "0"}\n      rows: {user: bob, count: 0}\n'
    )
    assert outcome.verdict is Verdict.HELD, outcome.failure


def test_a_burst_is_one_block_with_one_approval_for_each_user() -> None:
    series = '{as: s, users: [bob, alice], amount: "1", count: 30, every_blocks: 0}'
    world = perform(f"\n  - deposit_series: {series}\n  - mine: 1\n")
    (block,) = world.chain.tree.executed_above(0)
    assert len(block.receipts) == 32
    assert [event.ordinal for event in events(world)] == [0] * 30
    accounts = [event.account for event in events(world)]
    assert accounts == [cast.HOLDERS["bob"], cast.HOLDERS["alice"]] * 15


def test_a_thousand_deposits_in_one_block_are_credited() -> None:
    outcome = play(
        "steps:\n"
        "  - deposit_series: {as: s, users: [alice, bob, carol, dave], amount: '1', count: 1000,"
        " every_blocks: 0}\n"
        "  - mine: 1\n"
        "check:\n"
        "  eventually: [{rows: 1000, total: {available: '1000'}, credited: [s-1, s-1000]}]\n"
    )
    assert outcome.verdict is Verdict.HELD, outcome.failure


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        ('deposit: {as: d, user: bob, amount: "1", token: OTHR}', "did you mean 'OTHER'?"),
        ("register_token: BNP", "did you mean 'BNB'?"),
        ('deposit_native: {as: d, user: wallet, amount: "1"}', "unknown user 'wallet'"),
        ('foreign_event: {user: judy, victim: alic, amount: "1"}', "did you mean 'alice'?"),
        ('deposit_other_token: {as: d, user: bob, amount: "1", token: DF}', "unknown field"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_there_is(step: str, problem: str) -> None:
    with pytest.raises(BadScenario, match=":3: ") as raised:
        loader.parse(f"title: t\nsteps:\n  - {step}\n", "t.yaml")
    assert problem in str(raised.value)


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        (
            '  - deposit_native: {as: n, user: bob, amount: "20000"}\n',
            "t.yaml:4: bob can't send 20000 BNB: insufficient funds",
        ),
        (
            '  - tamper: {user: bob, available: "5"}\n',
            "t.yaml:4: bob has no balance of DF to tamper with yet",
        ),
    ],
)
def test_what_nobody_can_do_is_a_mistake_at_its_line(steps: str, problem: str) -> None:
    with pytest.raises(BadScenario) as raised:
        play(f"steps:\n  - mine: 1\n{steps}  - mine: 1\n")
    assert str(raised.value).startswith(problem)


@pytest.mark.parametrize(
    "fields",
    [
        'token: [1], amount: "1"',
        'token: {a: 1}, amount: "1"',
        'token: null, amount: "1"',
        'token: "", amount: "1"',
        "token: DF, amount: [1]",
        "token: DF, amount: true",
        'token: DF, amount: "1e999999999"',
        'token: DF, amount: "1/3"',
        'token: DF, amount: "NaN"',
    ],
)
def test_an_admin_credit_is_sent_as_it_is_however_odd(fields: str) -> None:
    outcome = play(
        f"steps:\n  - mine: 1\n  - admin_credit: {{user: bob, {fields}, expect: {{status: 400}}}}\n"
        '  - admin_credit: {user: bob, amount: "1"}\n  - mine: 1\n'
    )
    assert outcome.verdict is Verdict.HELD, outcome.failure


@pytest.mark.parametrize("body", ["[" * 60000, '{"user_address": "0x0", "token": "DF", "amount": '])
def test_the_body_of_an_admin_credit_may_be_anything(body: str) -> None:
    bodies = [body] if body.startswith("[") else [f"{body}{odd}}}" for odd in ("Infinity", "NaN")]
    for text in bodies:
        outcome = play(
            "steps:\n  - api: {method: POST, path: /admin/spot/balances/credit,"
            f" headers: {{X-API-Key: x}}, text: {json.dumps(text)}, expect: {{status: 401}}}}\n"
            '  - admin_credit: {user: bob, amount: "1"}\n  - mine: 1\n'
        )
        assert outcome.verdict is Verdict.HELD, outcome.failure
