// viem told of blocks and logs: subscriptions over WebSocket, filters over HTTP, and reorgs.

import assert from 'node:assert/strict'
import { createWalletClient, encodeFunctionData, getAddress, parseEther, webSocket } from 'viem'
import {
  approve,
  balanceOf,
  bank,
  chain,
  check,
  collector,
  deposit,
  depositCall,
  df,
  mine,
  mined,
  publicClient,
  ready,
  rpc,
  stranger,
  token,
  until,
  users,
  vault,
  walletClient,
  withSocket,
} from './support.mjs'

const head = () => publicClient.getBlock()
const receiptOf = (hash) => rpc('eth_getTransactionReceipt', hash)

// The socket of a test that failed closes under its watchers, which would hide the failure.
const onError = (error) => {
  if (error.name !== 'SocketClosedError') throw error
}

// What a reorg is called here; Hardhat has none. `keep` are transactions that are mined again. The
// new branch is as long as the old one, because anvil knows no other.
async function reorg(depth, drop, keep = []) {
  if (ready.peer !== 'anvil') return rpc('devnet_reorg', { depth, length: depth, drop, keep })
  const raw = await Promise.all(keep.map((hash) => rpc('eth_getRawTransactionByHash', hash)))
  return rpc(
    'anvil_reorg',
    depth,
    raw.map((bytes) => [bytes, 0]),
  )
}
const NO_REORG = { hardhat: 'has no reorg' }

// Both subscriptions of one socket as one list of messages, which is what the order is about.
async function announcements(client, filter = { address: vault }) {
  const said = collector()
  const seen =
    (kind, describe) =>
    ({ result }) =>
      said.add([kind, ...describe(result)])
  const heads = await client.transport.subscribe({
    params: ['newHeads'],
    onData: seen('head', (block) => [Number(block.number), block.hash]),
    onError,
  })
  const logs = await client.transport.subscribe({
    params: ['logs', filter],
    onData: seen('log', (log) => [Number(log.blockNumber), log.transactionHash, log.removed]),
    onError,
  })
  const stop = async () => [await heads.unsubscribe(), await logs.unsubscribe()]
  return { ...said, stop }
}

// --- WebSocket ----------------------------------------------------------------------------------

check('watchBlocks', () =>
  withSocket(async (client) => {
    const blocks = collector()
    const before = await head()
    const unwatch = client.watchBlocks({ onBlock: blocks.add, onError })
    await subscribed(client)
    await mine(3)
    await blocks.reach(3, 'block')
    unwatch()
    let parent = before
    // viem asks for each whole block, at once, and takes the answers as they come.
    for (const block of blocks.items.sort((a, b) => Number(a.number - b.number))) {
      assert.equal(block.number, parent.number + 1n)
      assert.equal(block.parentHash, parent.hash)
      assert.equal(block.hash, (await publicClient.getBlock({ blockNumber: block.number })).hash)
      parent = block
    }
  }),
)

// viem's watchers subscribe in the background; this is when the node has answered.
async function subscribed(client) {
  const { subscriptions } = await client.transport.getRpcClient()
  await until(() => subscriptions.size > 0, 'a subscription')
}

check('watchBlockHeaders', () =>
  withSocket(async (client) => {
    const headers = collector()
    const before = await head()
    const unwatch = client.watchBlockHeaders({ onBlockHeader: headers.add, onError })
    await subscribed(client)
    await mine(3)
    await headers.reach(3, 'header')
    unwatch()
    let parent = before
    for (const header of headers.items) {
      const block = await publicClient.getBlock({ blockNumber: parent.number + 1n })
      for (const [name, value] of Object.entries(header)) assert.deepEqual(value, block[name], name)
      assert.equal(header.parentHash, parent.hash)
      parent = block
    }
  }),
)

check('watchBlockNumber', () =>
  withSocket(async (client) => {
    const numbers = collector()
    const { number } = await head()
    const unwatch = client.watchBlockNumber({ onBlockNumber: numbers.add, onError })
    await subscribed(client)
    await mine(2)
    await numbers.reach(2, 'block number')
    unwatch()
    assert.deepEqual(numbers.items, [number + 1n, number + 2n])
  }),
)

check('watchContractEvent: of one account only', () =>
  withSocket(async (client) => {
    const { alice, bob } = users
    await approve(alice)
    await approve(bob)
    const logs = collector()
    const unwatch = client.watchContractEvent({
      ...bank,
      eventName: 'SpotDeposit',
      args: { account: bob.address },
      strict: true,
      onLogs: (some) => some.forEach(logs.add),
      onError,
    })
    await subscribed(client)
    await deposit(alice, 1n)
    const receipt = await deposit(bob, 2n)
    await logs.reach(1, 'log')
    unwatch()
    assert.equal(logs.items.length, 1)
    const [log] = logs.items
    assert.deepEqual(log.args, { account: bob.address, token: getAddress(df), amount: 2n })
    assert.equal(log.blockHash, receipt.blockHash)
    assert.equal(log.logIndex, 1)
    assert.equal(log.removed, false)
  }),
)

check('watchEvent: any event of two contracts', () =>
  withSocket(async (client) => {
    const { carol } = users
    await approve(carol)
    const logs = collector()
    const unwatch = client.watchEvent({
      address: [vault, df],
      onLogs: (some) => some.forEach(logs.add),
      onError,
    })
    await subscribed(client)
    const receipt = await deposit(carol, 3n)
    await logs.reach(2, 'log')
    unwatch()
    assert.deepEqual(
      logs.items.map((log) => [log.transactionHash, log.logIndex]),
      [
        [receipt.transactionHash, 0],
        [receipt.transactionHash, 1],
      ],
    )
  }),
)

check('watchPendingTransactions', () =>
  withSocket(async (client) => {
    const hashes = collector()
    const unwatch = client.watchPendingTransactions({
      onTransactions: (some) => some.forEach(hashes.add),
      onError,
    })
    await subscribed(client)
    await rpc('evm_setAutomine', false)
    try {
      const sent = await walletClient(users.alice).sendTransaction({ to: stranger(), value: 1n })
      await hashes.reach(1, 'pending transaction')
      assert.deepEqual(hashes.items, [sent])
    } finally {
      await rpc('evm_setAutomine', true)
      await mine(1)
      unwatch()
    }
  }),
)

check('requests over WebSocket: a deposit, a hundred calls at once, a decoded error', () =>
  withSocket(async (client) => {
    const { dave } = users
    await approve(dave)
    const own = webSocket(ready.ws_rpc_url, { key: 'wallet', reconnect: false })
    const wallet = createWalletClient({ account: dave, chain, transport: own })
    const hash = await wallet.writeContract(depositCall(5n))
    const receipt = await client.waitForTransactionReceipt({ hash, timeout: 10_000 })
    assert.equal(receipt.status, 'success')
    ;(await wallet.transport.getRpcClient()).close()

    const call = { ...token, functionName: 'balanceOf' }
    const everyone = Object.values(users).map((user) => user.address)
    const asked = Array.from({ length: 100 }, (_, i) => everyone[i % 10])
    const answers = await Promise.all(
      asked.map((address) => client.readContract({ ...call, args: [address] })),
    )
    const expected = await Promise.all(everyone.map((address) => balanceOf(address)))
    assert.deepEqual(
      answers,
      asked.map((_, i) => expected[i % 10]),
    )

    const zero = client.simulateContract({ ...depositCall(0n), account: dave })
    await assert.rejects(
      zero,
      (error) => error.walk().data?.errorName === 'ZeroAmount' || /ZeroAmount/.test(error),
    )
  }),
)

check('unsubscribing', () =>
  withSocket(async (client) => {
    const { subscriptionId } = await client.transport.subscribe({
      params: ['newHeads'],
      onData: () => {},
    })
    const unsubscribe = () =>
      client.request({ method: 'eth_unsubscribe', params: [subscriptionId] })
    assert.equal(await unsubscribe(), true)
    const again = await unsubscribe().catch(() => false)
    assert.equal(again, false)
  }),
)

check(
  'an ordinary block is its head, then its logs',
  {
    anvil: 'in either order',
    hardhat: 'in either order, the same while it runs',
  },
  () =>
    withSocket(async (client) => {
      const { erin } = users
      await approve(erin)
      const said = await announcements(client)
      const receipts = [await deposit(erin, 1n), await deposit(erin, 2n)]
      await said.reach(4, 'announcement')
      await said.stop()
      assert.deepEqual(
        said.items,
        receipts.flatMap(({ blockNumber, blockHash, transactionHash }) => [
          ['head', Number(blockNumber), blockHash],
          ['log', Number(blockNumber), transactionHash, false],
        ]),
      )
    }),
)

// --- HTTP ---------------------------------------------------------------------------------------

check('watchContractEvent by polling a filter', async () => {
  const { frank } = users
  await approve(frank)
  const logs = collector()
  const unwatch = publicClient.watchContractEvent({
    ...bank,
    eventName: 'SpotDeposit',
    strict: true,
    onLogs: (some) => some.forEach(logs.add),
    onError,
  })
  const sent = []
  // The watcher makes its filter at some time after this line, so there is a deposit until one is
  // seen; each after that is seen once.
  await until(async () => {
    sent.push((await deposit(frank, BigInt(sent.length + 1))).transactionHash)
    return logs.items.length > 0
  }, 'the first deposit')
  sent.push((await deposit(frank, 99n)).transactionHash)
  await until(() => logs.items.at(-1)?.args.amount === 99n, 'the last deposit')
  unwatch()
  const seen = logs.items.map((log) => log.transactionHash)
  assert.deepEqual(seen, sent.slice(-seen.length))
})

check('watchBlocks by polling misses none', async () => {
  const blocks = collector()
  const { number } = await head()
  const unwatch = publicClient.watchBlocks({
    emitMissed: true,
    emitOnBegin: true,
    onBlock: blocks.add,
    onError,
  })
  await blocks.reach(1, 'block')
  await mine(5)
  await until(() => blocks.items.at(-1)?.number === number + 5n, 'the fifth block')
  unwatch()
  assert.deepEqual(
    blocks.items.map((block) => block.number - number),
    [0n, 1n, 2n, 3n, 4n, 5n],
  )
})

// --- reorgs -------------------------------------------------------------------------------------

check(
  'a reorg that drops two deposits: logs removed, heads anew',
  {
    ...NO_REORG,
    anvil: 'announces no removed logs',
  },
  () =>
    withSocket(async (client) => {
      const { grace } = users
      await approve(grace)
      const funds = await balanceOf(grace.address)
      const said = await announcements(client)
      const receipts = [await deposit(grace, 1n), await deposit(grace, 2n)]
      await said.reach(4, 'announcement')
      const before = said.items.length
      const hashes = receipts.map((receipt) => receipt.transactionHash)
      await reorg(2, hashes)
      await said.reach(before + 4, 'announcement')
      const numbers = receipts.map(({ blockNumber }) => Number(blockNumber))
      const heads = await Promise.all(
        numbers.map(async (n) => (await publicClient.getBlock({ blockNumber: BigInt(n) })).hash),
      )
      assert.deepEqual(said.items.slice(before), [
        ['log', numbers[0], hashes[0], true],
        ['log', numbers[1], hashes[1], true],
        ['head', numbers[0], heads[0]],
        ['head', numbers[1], heads[1]],
      ])
      await said.stop()

      // Everything that follows the canonical chain has forgotten them…
      for (const [i, { blockHash, transactionHash }] of receipts.entries()) {
        assert.notEqual(heads[i], blockHash)
        assert.equal(await receiptOf(transactionHash), null)
      }
      const fromBlock = BigInt(numbers[0])
      assert.deepEqual(await publicClient.getLogs({ address: vault, fromBlock }), [])
      assert.equal(await balanceOf(grace.address), funds)
      const status = await rpc('txpool_status')
      assert.deepEqual(status, { pending: '0x0', queued: '0x0' })
      assert.equal((await deposit(grace, 3n)).status, 'success')
    }),
)

check(
  'an orphan stays readable by its hash',
  {
    ...NO_REORG,
    anvil: 'forgets it',
  },
  async () => {
    const { grace } = users
    await approve(grace)
    const { blockHash, blockNumber, transactionHash } = await deposit(grace, 1n)
    await reorg(1, [transactionHash])
    const orphan = await publicClient.getBlock({ blockHash })
    assert.equal(orphan.number, blockNumber)
    assert.deepEqual(orphan.transactions, [transactionHash])
    assert.notEqual((await publicClient.getBlock({ blockNumber })).hash, blockHash)
  },
)

check(
  'watchContractEvent passes on removed: true',
  {
    ...NO_REORG,
    anvil: 'announces no removed logs',
  },
  () =>
    withSocket(async (client) => {
      const { heidi } = users
      await approve(heidi)
      const logs = collector()
      const unwatch = client.watchContractEvent({
        ...bank,
        eventName: 'SpotDeposit',
        args: { account: heidi.address },
        strict: true,
        onLogs: (some) => some.forEach(logs.add),
        onError,
      })
      await subscribed(client)
      const { transactionHash, blockHash } = await deposit(heidi, 7n)
      await logs.reach(1, 'log')
      await reorg(1, [transactionHash])
      await logs.reach(2, 'log')
      unwatch()
      const seen = logs.items.map((log) => [log.removed, log.args.amount, log.blockHash])
      assert.deepEqual(seen, [
        [false, 7n, blockHash],
        [true, 7n, blockHash],
      ])
      // But for the flag it is the same log.
      assert.deepEqual({ ...logs.items[1], removed: false }, logs.items[0])
    }),
)

check(
  'a deposit that is mined again keeps its hash and gets a new block',
  {
    ...NO_REORG,
    anvil: 'announces no removed logs',
  },
  () =>
    withSocket(async (client) => {
      const { heidi } = users
      await approve(heidi)
      const said = await announcements(client)
      const first = await deposit(heidi, 8n)
      await said.reach(2, 'announcement')
      const before = said.items.length
      await reorg(1, [], [first.transactionHash])
      const hash = first.transactionHash
      const second = await mined(hash)
      await said.reach(before + 3, 'announcement')
      await said.stop()
      assert.notEqual(second.blockHash, first.blockHash)
      assert.deepEqual(said.items.slice(before), [
        ['log', Number(first.blockNumber), hash, true],
        ['head', Number(second.blockNumber), second.blockHash],
        ['log', Number(second.blockNumber), hash, false],
      ])
      const logs = await publicClient.getContractEvents({ ...bank, blockHash: second.blockHash })
      assert.deepEqual(
        logs.map((log) => log.args.amount),
        [8n],
      )
    }),
)

check(
  'an event filter over HTTP returns what was removed, then what is new',
  {
    ...NO_REORG,
    anvil: 'returns only the new ones',
  },
  async () => {
    const { ivan } = users
    await approve(ivan)
    const filter = await publicClient.createContractEventFilter({
      ...bank,
      strict: true,
      fromBlock: (await head()).number,
    })
    const changes = async () =>
      (await publicClient.getFilterChanges({ filter })).map((log) => [log.removed, log.args.amount])
    const gone = await deposit(ivan, 1n)
    const kept = await deposit(ivan, 2n)
    assert.deepEqual(await changes(), [
      [false, 1n],
      [false, 2n],
    ])
    // The second one needs the nonce of the first, so both go back and only they are mined again.
    await reorg(2, [], [gone.transactionHash, kept.transactionHash])
    const after = await until(async () => {
      const some = await changes()
      return some.length > 0 && some
    }, 'changes after the reorg')
    assert.deepEqual(after, [
      [true, 1n],
      [true, 2n],
      [false, 1n],
      [false, 2n],
    ])
    assert.deepEqual(await changes(), [])
    // What the filter would find now has each of them once.
    const all = await publicClient.getFilterLogs({ filter })
    assert.equal(all.filter((log) => log.args.account === ivan.address).length, 2)
  },
)

check('anvil_reorg as anvil has it: what is not handed back is gone', NO_REORG, async () => {
  const { judy } = users
  await approve(judy)
  const { to, data } = { to: vault, data: encodeFunctionData(depositCall(1n)) }
  const wallet = walletClient(judy)
  const raw = await wallet.signTransaction(await wallet.prepareTransactionRequest({ to, data }))
  const first = await mined(await wallet.sendRawTransaction({ serializedTransaction: raw }))
  const second = await deposit(judy, 2n)
  const nonce = await publicClient.getTransactionCount({ address: judy.address })
  await rpc('anvil_reorg', 2, [[raw, 1]])
  const again = await mined(first.transactionHash)
  // Block 1 of the two new ones, counted from 0.
  assert.equal(again.blockNumber, first.blockNumber + 1n)
  assert.notEqual(again.blockHash, first.blockHash)
  assert.equal(await receiptOf(second.transactionHash), null)
  assert.equal(await rpc('eth_getTransactionByHash', second.transactionHash), null)
  assert.equal((await head()).number, second.blockNumber)
  assert.equal(await publicClient.getTransactionCount({ address: judy.address }), nonce - 1)
  assert.equal((await deposit(judy, parseEther('1'))).status, 'success')
})

check(
  'branches: A, B, and A again',
  {
    anvil: 'has no devnet_*',
    hardhat: 'has no devnet_*',
  },
  () =>
    withSocket(async (client) => {
      const { judy } = users
      await approve(judy)
      const { transactionHash, blockHash, blockNumber } = await deposit(judy, 11n)
      const funds = await balanceOf(judy.address)
      await rpc('devnet_reorg', {
        depth: 1,
        length: 2,
        drop: [transactionHash],
        branch: 'without',
      })
      assert.equal(await receiptOf(transactionHash), null)
      assert.equal(await balanceOf(judy.address), funds + 11n)
      const without = await head()
      assert.match(JSON.stringify(await rpc('devnet_branches')), /"without"/)

      const said = await announcements(client)
      await rpc('devnet_switchBranch', blockHash)
      await said.reach(2, 'announcement')
      assert.deepEqual(said.items, [
        ['head', Number(blockNumber), blockHash],
        ['log', Number(blockNumber), transactionHash, false],
      ])
      assert.equal((await receiptOf(transactionHash)).blockHash, blockHash)
      assert.equal(await balanceOf(judy.address), funds)

      await rpc('devnet_switchBranch', 'without')
      assert.equal((await head()).hash, without.hash)
      await said.reach(5, 'announcement')
      assert.deepEqual(said.items.slice(2), [
        ['log', Number(blockNumber), transactionHash, true],
        ['head', Number(blockNumber), without.parentHash],
        ['head', Number(blockNumber) + 1, without.hash],
      ])
      await said.stop()
    }),
)

check('evm_revert is silent; the next block is not', () =>
  withSocket(async (client) => {
    const { erin } = users
    await approve(erin)
    const id = await rpc('evm_snapshot')
    const { number } = await head()
    const said = await announcements(client)
    await deposit(erin, 1n)
    await said.reach(2, 'announcement')
    await rpc('evm_revert', id)
    await mine(1)
    await said.reach(3, 'announcement')
    await said.stop()
    const [last, ...others] = said.items.slice(2)
    assert.deepEqual(others, [])
    const { hash } = await head()
    assert.deepEqual(last, ['head', Number(number) + 1, hash])
  }),
)
