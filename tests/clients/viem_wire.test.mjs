// What viem's test client puts on the wire, per mode. This needs no chain: it is the list that the
// server's methods are held against, and says so when a newer viem sends something else.
//
// Two things follow from it that no server can see for itself:
//  * setIntervalMining is one method for both modes, in seconds from `anvil`, milliseconds from
//    `hardhat`. (setBlockTimestampInterval differs too, but there the prefix tells them apart.)
//  * reset() without arguments sends {"forking":{"blockNumber":null}}: undefined is NaN is null.
// Where there are no parameters, the key `params` is absent.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestClient, custom } from 'viem'

const A = '0x00000000000000000000000000000000000000aa'
const H = `0x${'11'.repeat(32)}`

const actions = (mode) => [
  [(c) => c.dropTransaction({ hash: H }), `${mode}_dropTransaction`, [H]],
  [(c) => c.dumpState(), `${mode}_dumpState`],
  [(c) => c.getAutomine(), `${mode}_getAutomine`],
  [(c) => c.getTxpoolContent(), 'txpool_content'],
  [(c) => c.getTxpoolStatus(), 'txpool_status'],
  [(c) => c.impersonateAccount({ address: A }), `${mode}_impersonateAccount`, [A]],
  [(c) => c.increaseTime({ seconds: 60 }), 'evm_increaseTime', ['0x3c']],
  [(c) => c.inspectTxpool(), 'txpool_inspect'],
  [(c) => c.loadState({ state: '0x1234' }), `${mode}_loadState`, ['0x1234']],
  [(c) => c.mine({ blocks: 3 }), `${mode}_mine`, ['0x3', '0x0']],
  [(c) => c.mine({ blocks: 3, interval: 10 }), `${mode}_mine`, ['0x3', '0xa']],
  [(c) => c.removeBlockTimestampInterval(), `${mode}_removeBlockTimestampInterval`],
  [(c) => c.reset(), `${mode}_reset`, [{ forking: { blockNumber: null } }]],
  [
    (c) => c.reset({ blockNumber: 5n, jsonRpcUrl: 'http://localhost:1' }),
    `${mode}_reset`,
    [{ forking: { blockNumber: 5, jsonRpcUrl: 'http://localhost:1' } }],
  ],
  [(c) => c.revert({ id: '0x1' }), 'evm_revert', ['0x1']],
  [
    (c) => c.sendUnsignedTransaction({ from: A, to: A, value: 1n }),
    'eth_sendUnsignedTransaction',
    [{ from: A, to: A, value: '0x1' }],
  ],
  [(c) => c.setAutomine(false), 'evm_setAutomine', [false]],
  [(c) => c.setBalance({ address: A, value: 16n }), `${mode}_setBalance`, [A, '0x10']],
  [(c) => c.setBlockGasLimit({ gasLimit: 16n }), 'evm_setBlockGasLimit', ['0x10']],
  [
    (c) => c.setBlockTimestampInterval({ interval: 5 }),
    `${mode}_setBlockTimestampInterval`,
    [mode === 'hardhat' ? 5000 : 5],
  ],
  [(c) => c.setCode({ address: A, bytecode: '0x00' }), `${mode}_setCode`, [A, '0x00']],
  [(c) => c.setCoinbase({ address: A }), `${mode}_setCoinbase`, [A]],
  [
    (c) => c.setIntervalMining({ interval: 1 }),
    'evm_setIntervalMining',
    [mode === 'hardhat' ? 1000 : 1],
  ],
  [(c) => c.setLoggingEnabled(false), `${mode}_setLoggingEnabled`, [false]],
  [(c) => c.setMinGasPrice({ gasPrice: 16n }), `${mode}_setMinGasPrice`, ['0x10']],
  [
    (c) => c.setNextBlockBaseFeePerGas({ baseFeePerGas: 16n }),
    `${mode}_setNextBlockBaseFeePerGas`,
    ['0x10'],
  ],
  [(c) => c.setNextBlockTimestamp({ timestamp: 16n }), 'evm_setNextBlockTimestamp', ['0x10']],
  [(c) => c.setNonce({ address: A, nonce: 16 }), `${mode}_setNonce`, [A, '0x10']],
  [(c) => c.setRpcUrl('http://localhost:1'), `${mode}_setRpcUrl`, ['http://localhost:1']],
  [
    (c) => c.setStorageAt({ address: A, index: 2, value: H }),
    `${mode}_setStorageAt`,
    [A, '0x2', H],
  ],
  [(c) => c.snapshot(), 'evm_snapshot'],
  [(c) => c.stopImpersonatingAccount({ address: A }), `${mode}_stopImpersonatingAccount`, [A]],
]

for (const mode of ['anvil', 'hardhat'])
  test(`the test client in mode ${mode} sends`, async () => {
    const sent = []
    // As JSON, because that is what the server gets.
    const request = async (call) => (sent.push(JSON.parse(JSON.stringify(call))), '0x0')
    const client = createTestClient({ mode, transport: custom({ request }, { retryCount: 0 }) })

    for (const [act, method, params] of actions(mode)) {
      await act(client).catch((error) => {
        if (sent.length === 0) throw error // viem may not like our answer, only its request counts
      })
      const expected = params === undefined ? { method } : { method, params }
      assert.deepEqual(sent.splice(0), [expected])
    }
  })

test('the list above has every action that the test client has', () => {
  const client = createTestClient({
    mode: 'anvil',
    transport: custom({ request: async () => null }),
  })
  const base = [
    'account',
    'batch',
    'cacheTime',
    'ccipRead',
    'chain',
    'dataSuffix',
    'experimental_blockTag',
  ]
  const other = [
    'extend',
    'key',
    'mode',
    'name',
    'pollingInterval',
    'request',
    'tokens',
    'transport',
    'type',
    'uid',
  ]
  const here = Object.keys(client).filter((key) => ![...base, ...other].includes(key))
  const listed = new Set(actions('anvil').map(([act]) => /c\.(\w+)\(/.exec(String(act))[1]))
  assert.deepEqual(here.sort(), [...listed].sort())
})
