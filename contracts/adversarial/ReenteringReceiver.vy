# pragma version 0.4.3
# SPDX-License-Identifier: MIT
"""
@title ReenteringReceiver
@notice An account that is a contract: whoever pays it BNB runs its code. It takes the BNB, or
        refuses it with the bytes it was told, or calls back into whoever paid, with as much of the
        BNB as it was told. A failing inner call fails the payment, or is swallowed. Anyone may
        steer it.
"""

MAX_CALLS: constant(uint256) = 4
MAX_CALL_BYTES: constant(uint256) = 1024

refuses: bool
revertData: Bytes[MAX_CALL_BYTES]
calls: DynArray[Bytes[MAX_CALL_BYTES], MAX_CALLS]
callValue: uint256
swallowsErrors: bool
# Inner calls of the last payment that were let through, and the first word each answered.
succeededCalls: public(uint256)
answers: public(HashMap[uint256, bytes32])


@external
@payable
def __default__():
    if self.refuses:
        raw_revert(self.revertData)
    self.succeededCalls = 0
    for data: Bytes[MAX_CALL_BYTES] in self.calls:
        succeeded: bool = False
        answer: Bytes[32] = b""
        succeeded, answer = raw_call(
            msg.sender, data, max_outsize=32, value=self.callValue, revert_on_failure=False
        )
        if succeeded:
            self.answers[self.succeededCalls] = convert(answer, bytes32)
            self.succeededCalls += 1
        elif not self.swallowsErrors:
            raw_revert(answer)


@external
def refuse(data: Bytes[MAX_CALL_BYTES]):
    self.refuses = True
    self.revertData = data


@external
def setCalls(
    calls: DynArray[Bytes[MAX_CALL_BYTES], MAX_CALLS], callValue: uint256, swallowsErrors: bool
):
    self.calls = calls
    self.callValue = callValue
    self.swallowsErrors = swallowsErrors


@external
@payable
def forward(target: address, calls: DynArray[Bytes[MAX_CALL_BYTES], MAX_CALLS]):
    """
    @notice Makes the receiver itself call `target`, several times in one transaction.
    """
    for data: Bytes[MAX_CALL_BYTES] in calls:
        raw_call(target, data, value=msg.value)
