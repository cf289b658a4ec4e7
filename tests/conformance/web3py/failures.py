"""Which tests of web3.py fail here, and why. Each of them has to fail: see conftest."""

SIMULATE = "eth_simulateV1 is not part of the method table"
RPC_ERROR = (
    "web3.py makes every error of a node a Web3RPCError, which is not the Web3ValueError here"
)
ASYNC_TYPED_DATA = (
    "AsyncWeb3 can't send objects in objects: async_map_if_collection of web3.py fails"
)

FAILURES = {
    "EthModuleTest.test_eth_simulate_v1": SIMULATE,
    "AsyncEthModuleTest.test_eth_simulate_v1": SIMULATE,
    "EthModuleTest.test_invalid_eth_sign_typed_data": RPC_ERROR,
    "AsyncEthModuleTest.test_eth_sign_typed_data": ASYNC_TYPED_DATA,
    "AsyncEthModuleTest.test_invalid_eth_sign_typed_data": ASYNC_TYPED_DATA,
}
"""Class and name of the test → why it fails."""
