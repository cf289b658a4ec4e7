"""The verbs of the language, by their words. A new verb is a class in the module of its subject."""

from __future__ import annotations

from ztdx_devnet.scenario.verbs.api import AdminCredit, Api, SetEnvironment
from ztdx_devnet.scenario.verbs.chain import (
    ChargeTokenFees,
    HaltChain,
    Mine,
    MineEmpty,
    Reorg,
    ResumeChain,
    SwitchBranch,
)
from ztdx_devnet.scenario.verbs.deposits import (
    Debit,
    Deposit,
    DepositSeries,
    MultiDeposit,
    TransferToVault,
)
from ztdx_devnet.scenario.verbs.faults import ClearFaults
from ztdx_devnet.scenario.verbs.flow import Expect, Note, Wait, WaitUntil
from ztdx_devnet.scenario.verbs.node import AnswerFault, Pool
from ztdx_devnet.scenario.verbs.processes import (
    CrashAt,
    KillListener,
    RestartListener,
    StartListener,
)
from ztdx_devnet.scenario.verbs.storage import DbFault
from ztdx_devnet.scenario.verbs.verb import Verb

VERBS: dict[str, type[Verb]] = {
    verb.KEY: verb
    for verb in (
        Deposit,
        MultiDeposit,
        DepositSeries,
        TransferToVault,
        Debit,
        Mine,
        MineEmpty,
        HaltChain,
        ResumeChain,
        Reorg,
        SwitchBranch,
        ChargeTokenFees,
        AnswerFault,
        Pool,
        ClearFaults,
        DbFault,
        StartListener,
        KillListener,
        RestartListener,
        CrashAt,
        AdminCredit,
        Api,
        SetEnvironment,
        Wait,
        WaitUntil,
        Expect,
        Note,
    )
}

__all__ = ["VERBS", "Verb"]
