"""The verbs of the language, by their words. A new verb is a class in the module of its subject."""

from __future__ import annotations

from ztdx_devnet.scenario.verbs.api import AdminCredit, Api, ApiFault, SetEnvironment
from ztdx_devnet.scenario.verbs.chain import (
    ChargeTokenFees,
    HaltChain,
    Mine,
    MineEmpty,
    Reorg,
    ResetChain,
    ResumeChain,
    SetBlockTime,
    SwitchBranch,
)
from ztdx_devnet.scenario.verbs.concurrency import AtOnce
from ztdx_devnet.scenario.verbs.deposits import (
    Debit,
    Deposit,
    DepositLookalike,
    DepositNative,
    DepositOtherToken,
    DepositSeries,
    DepositThroughWallet,
    FeeTokenDeposit,
    ForeignEvent,
    MultiDeposit,
    TransferToVault,
)
from ztdx_devnet.scenario.verbs.faults import ClearFaults
from ztdx_devnet.scenario.verbs.flow import Expect, Note, Wait, WaitUntil
from ztdx_devnet.scenario.verbs.node import AnswerFault, NodeView, Pool
from ztdx_devnet.scenario.verbs.processes import (
    ClockJump,
    CrashAt,
    KillApi,
    KillListener,
    RestartApi,
    RestartListener,
    SecondListener,
    StartApi,
    StartListener,
    StopListener,
)
from ztdx_devnet.scenario.verbs.storage import DbFault, Tamper
from ztdx_devnet.scenario.verbs.transport import TransportFault
from ztdx_devnet.scenario.verbs.vault import (
    Approve,
    MintTokens,
    PauseVault,
    RegisterToken,
    UnpauseVault,
    UnregisterToken,
    Withdraw,
)
from ztdx_devnet.scenario.verbs.verb import Step, Verb
from ztdx_devnet.scenario.verbs.ws import Ws

VERBS: dict[str, type[Verb]] = {
    verb.KEY: verb
    for verb in (
        Deposit,
        MultiDeposit,
        DepositSeries,
        DepositOtherToken,
        DepositLookalike,
        FeeTokenDeposit,
        DepositNative,
        DepositThroughWallet,
        ForeignEvent,
        TransferToVault,
        Approve,
        Withdraw,
        Debit,
        MintTokens,
        PauseVault,
        UnpauseVault,
        RegisterToken,
        UnregisterToken,
        Mine,
        MineEmpty,
        HaltChain,
        ResumeChain,
        Reorg,
        SwitchBranch,
        ResetChain,
        SetBlockTime,
        ChargeTokenFees,
        AnswerFault,
        TransportFault,
        NodeView,
        Pool,
        ClearFaults,
        DbFault,
        Tamper,
        SecondListener,
        StartListener,
        StopListener,
        KillListener,
        RestartListener,
        StartApi,
        KillApi,
        RestartApi,
        CrashAt,
        ClockJump,
        ApiFault,
        AdminCredit,
        Api,
        SetEnvironment,
        Ws,
        AtOnce,
        Wait,
        WaitUntil,
        Expect,
        Note,
    )
}

__all__ = ["VERBS", "Step", "Verb"]
