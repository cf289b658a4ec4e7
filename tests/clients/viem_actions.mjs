// Every action of viem's test client, in one mode, each by what it does to the chain.
//
// The two callers differ in the mode only. What each action sends is in viem_wire.test.mjs.
// The chain mines each transaction as it comes (--automine); what a test switches, it switches back.

import assert from 'node:assert/strict'
import { getAddress, isHex, keccak256, pad, parseEther, parseGwei, toHex } from 'viem'
import {
  approve,
  balanceOf,
  check,
  deposit,
  mined,
  rpc,
  stranger,
  testClient,
  until,
  users,
  walletClient,
} from './support.mjs'

// Runtime code: return 42; and: return the word in slot 2.
const RETURNS_42 = '0x602a60005260206000f3'
const RETURNS_SLOT_2 = '0x60025460005260206000f3'
const GWEI_1 = parseGwei('1')

export function testActions(mode) {
  const client = testClient(mode)
  const action = (name, ...rest) => check(`${mode}: ${name}`, ...rest)
  const head = () => client.getBlock()
  const next = async () => {
    await client.mine({ blocks: 1 })
    return head()
  }
  // Leaves the chain automining whatever happens to `body`.
  const withoutMining = async (body) => {
    await client.setAutomine(false)
    try {
      return await body()
    } finally {
      await client.setAutomine(true)
      await client.mine({ blocks: 1 })
    }
  }
  const pay = (from, to, options = {}) =>
    walletClient(from).sendTransaction({ to, value: 1n, gas: 21_000n, ...options })

  // --- mining ---------------------------------------------------------------------------------

  action('getAutomine and setAutomine: off, transactions wait; on, each is mined', async () => {
    assert.equal(await client.getAutomine(), true)
    const to = stranger()
    await client.setAutomine(false)
    try {
      assert.equal(await client.getAutomine(), false)
      const before = await client.getBlockNumber({ cacheTime: 0 })
      const hash = await pay(users.alice, to)
      assert.equal(await client.getBlockNumber({ cacheTime: 0 }), before)
      await assert.rejects(client.getTransactionReceipt({ hash }), {
        name: 'TransactionReceiptNotFoundError',
      })
      assert.equal((await client.getTransaction({ hash })).blockNumber, null)
      assert.equal(await client.getBalance({ address: to }), 0n)
      await client.mine({ blocks: 1 })
      assert.equal((await client.getTransactionReceipt({ hash })).blockNumber, before + 1n)
    } finally {
      await client.setAutomine(true)
    }
    assert.equal(await client.getAutomine(), true)
    await mined(await pay(users.alice, to))
    assert.equal(await client.getBalance({ address: to }), 2n)
  })

  action('mine: so many blocks', async () => {
    const before = await head()
    await client.mine({ blocks: 1 })
    await client.mine({ blocks: 7 })
    const after = await head()
    assert.equal(after.number, before.number + 8n)
    const blocks = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        client.getBlock({ blockNumber: before.number + 1n + BigInt(i) }),
      ),
    )
    let parent = before
    for (const block of blocks) {
      assert.equal(block.parentHash, parent.hash)
      assert.ok(block.timestamp >= parent.timestamp, `${block.timestamp} after ${parent.timestamp}`)
      parent = block
    }
  })

  action('mine: so many seconds apart', async () => {
    const { number } = await head()
    await client.mine({ blocks: 4, interval: 100 })
    const at = async (n) => (await client.getBlock({ blockNumber: number + n })).timestamp
    const times = [await at(1n), await at(2n), await at(3n), await at(4n)]
    assert.deepEqual(
      times.map((time) => time - times[0]),
      [0n, 100n, 200n, 300n],
    )
  })

  action(
    'setIntervalMining: a block each second, until it is 0',
    {
      ...(mode === 'hardhat' ? { anvil: 'takes the milliseconds of this mode for seconds' } : {}),
    },
    async () => {
      await client.setAutomine(false)
      try {
        await client.setIntervalMining({ interval: 1 })
        const start = await client.getBlockNumber({ cacheTime: 0 })
        const times = [0, 0, 0]
        for (const i of times.keys()) {
          await until(
            async () => (await client.getBlockNumber({ cacheTime: 0 })) > start + BigInt(i),
            `block ${i + 1} of a block each second`,
            5_000,
          )
          times[i] = performance.now()
        }
        const apart = (times[2] - times[0]) / 2
        assert.ok(apart > 700 && apart < 2_000, `${apart} ms between blocks`)
      } finally {
        await client.setIntervalMining({ interval: 0 })
        await client.setAutomine(true)
      }
      // A pending timer may still fire once at the moment it is switched off, so look twice.
      const stopped = await client.getBlockNumber({ cacheTime: 0 })
      await new Promise((resolve) => setTimeout(resolve, 1_500)) // longer than the interval
      assert.ok((await client.getBlockNumber({ cacheTime: 0 })) <= stopped + 1n)
    },
  )

  action('setLoggingEnabled: is only about what the node prints', async () => {
    await client.setLoggingEnabled(false)
    const { number } = await head()
    assert.equal((await next()).number, number + 1n)
    await client.setLoggingEnabled(true)
  })

  // --- the next block -------------------------------------------------------------------------

  action('increaseTime: moves the clock of all later blocks', async () => {
    const { timestamp } = await head()
    await client.increaseTime({ seconds: 3_600 })
    const later = await next()
    assert.ok(later.timestamp - timestamp >= 3_600n, `only ${later.timestamp - timestamp} s later`)
    assert.ok(later.timestamp - timestamp < 3_700n, `${later.timestamp - timestamp} s later`)
    const last = await next()
    assert.ok(last.timestamp >= later.timestamp && last.timestamp - later.timestamp < 100n)
  })

  action('setNextBlockTimestamp: exactly, once, and never backwards', async () => {
    const { timestamp } = await head()
    await client.setNextBlockTimestamp({ timestamp: timestamp + 1_000n })
    assert.equal((await next()).timestamp, timestamp + 1_000n)
    const after = await next()
    assert.ok(after.timestamp >= timestamp + 1_000n && after.timestamp < timestamp + 1_100n)
    await assert.rejects(client.setNextBlockTimestamp({ timestamp }), /timestamp/i)
  })

  action('setNextBlockTimestamp: holds for the block of an automined transaction', async () => {
    const { timestamp } = await head()
    await client.setNextBlockTimestamp({ timestamp: timestamp + 500n })
    const receipt = await mined(await pay(users.alice, stranger()))
    const block = await client.getBlock({ blockHash: receipt.blockHash })
    assert.equal(block.timestamp, timestamp + 500n)
  })

  action(
    'setBlockTimestampInterval and removeBlockTimestampInterval',
    {
      hardhat: 'has neither method',
      ...(mode === 'hardhat' ? { anvil: 'has neither method by this name' } : {}),
    },
    async () => {
      await client.setBlockTimestampInterval({ interval: 200 })
      try {
        const { timestamp } = await next()
        assert.equal((await next()).timestamp, timestamp + 200n)
        assert.equal((await next()).timestamp, timestamp + 400n)
      } finally {
        await client.removeBlockTimestampInterval()
      }
      const { timestamp } = await head()
      const apart = (await next()).timestamp - timestamp
      assert.ok(apart >= 0n && apart < 100n, `${apart} s after the interval was removed`)
    },
  )

  action('setNextBlockBaseFeePerGas: one block', async () => {
    await client.setNextBlockBaseFeePerGas({ baseFeePerGas: parseGwei('50') })
    const block = await next()
    assert.equal(block.baseFeePerGas, parseGwei('50'))
    // An empty block lowers the fee by an eighth, as EIP-1559 says.
    assert.equal((await next()).baseFeePerGas, (parseGwei('50') * 7n) / 8n)
    // Back to what it was, for the tests after this.
    await client.setNextBlockBaseFeePerGas({ baseFeePerGas: GWEI_1 })
    await next()
  })

  action('setCoinbase', async () => {
    const { miner } = await head()
    const address = getAddress(stranger())
    await client.setCoinbase({ address })
    try {
      assert.equal(getAddress((await next()).miner), address)
      const tip = { maxPriorityFeePerGas: GWEI_1, maxFeePerGas: parseGwei('100') }
      const before = await client.getBalance({ address })
      await mined(await pay(users.alice, stranger(), tip))
      assert.equal((await client.getBalance({ address })) - before, 21_000n * GWEI_1)
    } finally {
      await client.setCoinbase({ address: miner })
    }
  })

  action('setBlockGasLimit', async () => {
    const { gasLimit } = await head()
    await client.setBlockGasLimit({ gasLimit: 12_000_000n })
    try {
      assert.equal((await next()).gasLimit, 12_000_000n)
      assert.equal((await next()).gasLimit, 12_000_000n)
    } finally {
      await client.setBlockGasLimit({ gasLimit })
    }
    assert.equal((await next()).gasLimit, gasLimit)
  })

  action(
    'setMinGasPrice: what offers less is refused',
    {
      anvil: 'says that it has no meaning with EIP-1559',
      hardhat: 'says that it has no meaning with EIP-1559',
    },
    async () => {
      await client.setMinGasPrice({ gasPrice: parseGwei('20') })
      try {
        await assert.rejects(
          pay(users.alice, stranger(), { gasPrice: parseGwei('19') }),
          /underpriced/,
        )
        await mined(await pay(users.alice, stranger(), { gasPrice: parseGwei('20') }))
      } finally {
        await client.setMinGasPrice({ gasPrice: 0n })
      }
      await mined(await pay(users.alice, stranger(), { gasPrice: parseGwei('19') }))
    },
  )

  // --- the pool -------------------------------------------------------------------------------

  // One transaction that can be mined, and one behind a gap in the nonces.
  const twoWaiting = async (body) =>
    withoutMining(async () => {
      const to = stranger()
      const nonce = await client.getTransactionCount({ address: users.bob.address })
      const options = { gasPrice: parseGwei('30'), type: 'legacy' }
      const pending = await pay(users.bob, to, { ...options, nonce })
      const queued = await pay(users.bob, to, { ...options, nonce: nonce + 2 })
      try {
        await body({ to, nonce, pending, queued })
      } finally {
        await pay(users.bob, to, { ...options, nonce: nonce + 1 })
      }
    })
  // Nodes differ in the case of the addresses, clients don't care.
  const ofBob = (pool) =>
    Object.entries(pool).find(([from]) => getAddress(from) === users.bob.address)?.[1]

  action('getTxpoolStatus', { hardhat: 'has no txpool_*' }, async () => {
    assert.deepEqual(await client.getTxpoolStatus(), { pending: 0, queued: 0 })
    await twoWaiting(async () => {
      assert.deepEqual(await client.getTxpoolStatus(), { pending: 1, queued: 1 })
    })
    assert.deepEqual(await client.getTxpoolStatus(), { pending: 0, queued: 0 })
  })

  action('getTxpoolContent', { hardhat: 'has no txpool_*' }, async () => {
    await twoWaiting(async ({ to, nonce, pending, queued }) => {
      const content = await client.getTxpoolContent()
      const waiting = ofBob(content.pending)
      assert.deepEqual(Object.keys(waiting), [`${nonce}`])
      assert.deepEqual(Object.keys(ofBob(content.queued)), [`${nonce + 2}`])
      assert.equal(ofBob(content.queued)[nonce + 2].hash, queued)
      const transaction = waiting[nonce]
      assert.equal(transaction.hash, pending)
      assert.equal(getAddress(transaction.from), users.bob.address)
      assert.equal(getAddress(transaction.to), getAddress(to))
      assert.equal(transaction.nonce, toHex(nonce))
      assert.equal(transaction.value, '0x1')
      assert.equal(transaction.blockHash, null)
      assert.equal(transaction.blockNumber, null)
    })
  })

  action('inspectTxpool', { hardhat: 'has no txpool_*' }, async () => {
    await twoWaiting(async ({ to, nonce }) => {
      const { pending, queued } = await client.inspectTxpool()
      const line = /^(0x[0-9a-fA-F]{40}): 1 wei \+ 21000 gas × 30000000000 wei$/
      for (const text of [ofBob(pending)[nonce], ofBob(queued)[nonce + 2]]) {
        assert.match(text, line)
        assert.equal(getAddress(line.exec(text)[1]), getAddress(to))
      }
    })
  })

  action('dropTransaction: gone, and its nonce is free', async () => {
    const to = stranger()
    const nonce = await client.getTransactionCount({ address: users.carol.address })
    const hash = await withoutMining(async () => {
      const dropped = await pay(users.carol, to, { nonce })
      await client.getTransaction({ hash: dropped })
      await client.dropTransaction({ hash: dropped })
      await assert.rejects(client.getTransaction({ hash: dropped }), {
        name: 'TransactionNotFoundError',
      })
      return dropped
    })
    await assert.rejects(client.getTransactionReceipt({ hash }), {
      name: 'TransactionReceiptNotFoundError',
    })
    assert.equal(await client.getBalance({ address: to }), 0n)
    assert.equal(await client.getTransactionCount({ address: users.carol.address }), nonce)
    await mined(await pay(users.carol, to, { nonce, value: 2n }))
    assert.equal(await client.getBalance({ address: to }), 2n)
  })

  // --- accounts -------------------------------------------------------------------------------

  action('setBalance: at once, without a block, and it can be spent', async () => {
    const address = stranger()
    const { number } = await head()
    await client.setBalance({ address, value: parseEther('5') })
    assert.equal((await head()).number, number)
    assert.equal(await client.getBalance({ address }), parseEther('5'))
    assert.equal(await client.getBalance({ address: stranger() }), 0n)
    const to = stranger()
    await client.impersonateAccount({ address })
    await mined(await pay(address, to, { value: parseEther('4') }))
    await client.stopImpersonatingAccount({ address })
    assert.equal(await client.getBalance({ address: to }), parseEther('4'))
    await client.setBalance({ address, value: 0n })
    assert.equal(await client.getBalance({ address }), 0n)
  })

  action('setNonce: the next transaction has it', async () => {
    const address = stranger()
    await client.setBalance({ address, value: parseEther('1') })
    await client.setNonce({ address, nonce: 41 })
    assert.equal(await client.getTransactionCount({ address }), 41)
    await client.impersonateAccount({ address })
    const { transactionHash: hash } = await mined(await pay(address, stranger()))
    await client.stopImpersonatingAccount({ address })
    assert.equal((await client.getTransaction({ hash })).nonce, 41)
    assert.equal(await client.getTransactionCount({ address }), 42)
  })

  action('setCode: can be read, hashed and called', async () => {
    const address = stranger()
    await client.setCode({ address, bytecode: RETURNS_42 })
    assert.equal(await client.getCode({ address }), RETURNS_42)
    const { data } = await client.call({ to: address })
    assert.equal(data, pad('0x2a'))
    const { codeHash } = await client.getProof({ address, storageKeys: [] })
    assert.equal(codeHash, keccak256(RETURNS_42))
    await client.setCode({ address, bytecode: '0x' })
    assert.equal(await client.getCode({ address }), undefined)
  })

  action('setStorageAt: seen by the contract', async () => {
    const address = stranger()
    await client.setCode({ address, bytecode: RETURNS_SLOT_2 })
    const value = `0x${'ab'.repeat(32)}`
    await client.setStorageAt({ address, index: 2, value })
    assert.equal(await client.getStorageAt({ address, slot: '0x2' }), value)
    assert.equal((await client.call({ to: address })).data, value)
    await client.setStorageAt({ address, index: pad('0x2'), value: pad('0x7') })
    assert.equal((await client.call({ to: address })).data, pad('0x7'))
    await next()
    assert.equal((await client.call({ to: address })).data, pad('0x7'))
  })

  action('impersonateAccount and stopImpersonatingAccount', async () => {
    const address = getAddress(stranger())
    const to = stranger()
    await client.setBalance({ address, value: parseEther('1') })
    await assert.rejects(pay(address, to), 'a stranger that nobody impersonates can send')
    await client.impersonateAccount({ address })
    const receipt = await mined(await pay(address, to))
    assert.equal(getAddress(receipt.from), address)
    assert.equal(receipt.status, 'success')
    const transaction = await client.getTransaction({ hash: receipt.transactionHash })
    assert.equal(getAddress(transaction.from), address)
    await client.stopImpersonatingAccount({ address })
    await assert.rejects(pay(address, to), 'it still can send')
    assert.equal(await client.getBalance({ address: to }), 1n)
    assert.equal(await client.getTransactionCount({ address }), 1)
  })

  action(
    'sendUnsignedTransaction: from anyone, without impersonating first',
    {
      hardhat: 'has no eth_sendUnsignedTransaction',
    },
    async () => {
      const from = getAddress(stranger())
      const to = stranger()
      await client.setBalance({ address: from, value: parseEther('1') })
      const hash = await client.sendUnsignedTransaction({ from, to, value: 7n })
      const receipt = await mined(hash)
      assert.equal(getAddress(receipt.from), from)
      assert.equal(receipt.status, 'success')
      assert.equal(await client.getBalance({ address: to }), 7n)
      await assert.rejects(pay(from, to), 'it impersonates for good')
    },
  )

  // --- the whole chain ------------------------------------------------------------------------

  action('snapshot and revert', async () => {
    await approve(users.dave)
    const funds = await balanceOf(users.dave.address)
    const before = await head()
    const id = await client.snapshot()
    assert.ok(isHex(id), `${id} is no hex`)
    const receipt = await deposit(users.dave, parseEther('3'))
    await client.mine({ blocks: 5 })
    assert.equal(await balanceOf(users.dave.address), funds - parseEther('3'))

    await client.revert({ id })
    const after = await head()
    assert.equal(after.hash, before.hash)
    assert.equal(await balanceOf(users.dave.address), funds)
    const { transactionHash: hash } = receipt
    await assert.rejects(client.getTransactionReceipt({ hash }), {
      name: 'TransactionReceiptNotFoundError',
    })
    await assert.rejects(client.getBlock({ blockNumber: before.number + 1n }), {
      name: 'BlockNotFoundError',
    })
    // The nonce is free again.
    assert.equal((await deposit(users.dave, parseEther('3'))).status, 'success')
  })

  action(
    'setRpcUrl: nothing to fork from, so nothing changes',
    {
      hardhat: 'has no hardhat_setRpcUrl',
    },
    async () => {
      const before = await head()
      await client.setRpcUrl('http://127.0.0.1:1')
      assert.equal((await head()).hash, before.hash)
      assert.equal((await next()).number, before.number + 1n)
    },
  )

  action(
    'dumpState and loadState',
    {
      anvil: 'loads all but lower nonces',
      hardhat: 'has neither method',
    },
    async () => {
      await approve(users.erin)
      const address = stranger()
      await client.setBalance({ address, value: 5n })
      await client.setCode({ address, bytecode: RETURNS_SLOT_2 })
      await client.setStorageAt({ address, index: 2, value: pad('0x1') })
      const funds = await balanceOf(users.erin.address)
      const nonce = await client.getTransactionCount({ address: users.erin.address })
      const state = await client.dumpState()
      assert.ok(isHex(state), 'the dump is hex')

      await client.setBalance({ address, value: 7n })
      await client.setStorageAt({ address, index: 2, value: pad('0x2') })
      await deposit(users.erin, parseEther('1'))
      await client.loadState({ state })
      assert.equal(await client.getBalance({ address }), 5n)
      assert.equal((await client.call({ to: address })).data, pad('0x1'))
      assert.equal(await balanceOf(users.erin.address), funds)
      assert.equal(await client.getTransactionCount({ address: users.erin.address }), nonce)
      assert.equal((await deposit(users.erin, parseEther('1'))).status, 'success')
    },
  )

  action(
    'reset: back to genesis, contracts and all that genesis has',
    {
      anvil: 'can only reset to something it forks from, when viem asks',
      hardhat: 'has no hardhat_reset without a fork',
    },
    async () => {
      const genesis = await client.getBlock({ blockNumber: 0n })
      const address = stranger()
      await client.setBalance({ address, value: 5n })
      await approve(users.frank)
      const { transactionHash: hash } = await deposit(users.frank, parseEther('1'))

      await client.reset()
      assert.equal((await head()).hash, genesis.hash)
      assert.equal(await client.getBalance({ address }), 0n)
      assert.equal(await client.getBalance({ address: users.frank.address }), parseEther('10000'))
      assert.equal(await client.getTransactionCount({ address: users.frank.address }), 0)
      await assert.rejects(client.getTransactionReceipt({ hash }), {
        name: 'TransactionReceiptNotFoundError',
      })
      assert.equal(await balanceOf(users.frank.address), parseEther('1000000'))
      await approve(users.frank)
      assert.equal((await deposit(users.frank, parseEther('1'))).status, 'success')
    },
  )

  action(
    'revert: an id counts once, and later ones die with it',
    {
      anvil: 'reverts to the dead snapshot, and then has no latest block',
    },
    async () => {
      const id = await client.snapshot()
      const { number, hash } = await next()
      const later = await client.snapshot()
      assert.notEqual(later, id)
      await next()
      await client.revert({ id })
      // viem drops the answer. Hardhat says false, anvil fails with -32001.
      for (const dead of [id, later]) {
        const answer = await rpc('evm_revert', dead).catch(({ code }) => code)
        assert.ok(answer === false || answer === -32001, `${answer} for a dead snapshot`)
      }
      assert.equal((await head()).number, number - 1n)
      assert.equal((await next()).number, number)
      assert.ok(hash)
    },
  )
}
