// ethers 6, unchanged: JsonRpcProvider and WebSocketProvider, signers here and in the node.

import assert from 'node:assert/strict'
import {
  Contract,
  ContractFactory,
  Interface,
  JsonRpcProvider,
  JsonRpcSigner,
  MaxUint256,
  NonceManager,
  Wallet,
  WebSocketProvider,
  getAddress,
  hexlify,
  id,
  isError,
  parseEther,
  parseUnits,
  randomBytes,
  toBeHex,
  verifyMessage,
  verifyTypedData,
} from 'ethers'
import {
  artifact,
  check,
  collector,
  df,
  owner,
  ready,
  tokenAbi,
  until,
  users as viemUsers,
  vault,
  vaultAbi,
  voucher,
  withdrawSigner,
} from './support.mjs'

// The vault hands on the token's errors.
const allErrors = [...vaultAbi, ...tokenAbi.filter((entry) => entry.type === 'error')]
const stranger = () => getAddress(hexlify(randomBytes(20)))
const keys = Object.fromEntries(ready.users.map((user) => [user.name, user.private_key]))

// By default ethers repeats an answer for a quarter of a second, and with it a nonce that a block
// has used: too long for a chain that mines at once, on every devnet.
const NO_CACHE = { cacheTimeout: -1 }

// A provider of its own for each test; it stops polling when the test is done.
async function withProvider(body) {
  const provider = new JsonRpcProvider(ready.rpc_url, undefined, NO_CACHE)
  provider.pollingInterval = 50
  try {
    return await body(provider)
  } finally {
    provider.destroy()
  }
}

async function withSocket(body) {
  const provider = new WebSocketProvider(ready.ws_rpc_url, undefined, NO_CACHE)
  try {
    return await body(provider)
  } finally {
    await provider.destroy()
  }
}

const bank = (runner) => new Contract(vault, allErrors, runner)
const coin = (runner) => new Contract(df, tokenAbi, runner)
const sent = async (response) => (await response).wait(1, 10_000)
const approve = (wallet) => sent(coin(wallet).approve(vault, MaxUint256))
const errors = new Interface(allErrors)
const named =
  (name, ...args) =>
  (error) => {
    assert.ok(isError(error, 'CALL_EXCEPTION'), error)
    // ethers decodes what a call was answered, and hands on the bytes of an estimate.
    const revert = error.revert ?? errors.parseError(error.data)
    assert.deepEqual([revert?.name, ...(revert?.args ?? [])], [name, ...args])
    return true
  }
const mine = async (provider, blocks = 1) => {
  for (let mined = 0; mined < blocks; mined += 1) await provider.send('evm_mine', [])
}

check('a wallet approves and deposits', () =>
  withProvider(async (provider) => {
    const alice = new Wallet(keys.alice, provider)
    const amount = parseEther('2.5')
    const before = await coin(provider).balanceOf(alice.address)
    await sent(coin(alice).approve(vault, amount))
    const response = await bank(alice).deposit(df, amount)
    const receipt = await response.wait(1, 10_000)
    assert.equal(receipt.status, 1)
    assert.equal(receipt.type, 2)
    assert.equal(receipt.hash, response.hash)
    assert.equal(await coin(provider).balanceOf(alice.address), before - amount)
    const event = receipt.logs.find((log) => log.eventName === 'SpotDeposit')
    assert.deepEqual([...event.args], [alice.address, getAddress(df), amount])
    assert.equal(event.index, 1)
    const block = await receipt.getBlock()
    assert.equal(block.number, receipt.blockNumber)
    assert.deepEqual(block.transactions, [receipt.hash])
    const transaction = await provider.getTransaction(receipt.hash)
    assert.equal(transaction.from, alice.address)
    assert.equal(transaction.blockHash, receipt.blockHash)
    assert.equal(await transaction.confirmations(), 1)
    assert.equal(
      (await receipt.getTransaction()).signature.serialized,
      transaction.signature.serialized,
    )
  }),
)

check('a signer of the node deposits', () =>
  withProvider(async (provider) => {
    const accounts = await provider.listAccounts()
    assert.deepEqual(
      accounts.slice(0, 10).map(({ address }) => address),
      ready.users.map(({ address }) => getAddress(address)),
    )
    const bob = await provider.getSigner(viemUsers.bob.address)
    await approve(bob)
    const receipt = await sent(bank(bob).deposit(df, 1n))
    assert.equal(receipt.from, viemUsers.bob.address)
    assert.equal(receipt.status, 1)
  }),
)

check('custom errors are decoded by name and arguments', () =>
  withProvider(async (provider) => {
    const dave = new Wallet(keys.dave, provider)
    const unknown = stranger()
    await assert.rejects(bank(dave).deposit(df, 0n), named('ZeroAmount'))
    await assert.rejects(bank(dave).deposit.staticCall(df, 0n), named('ZeroAmount'))
    await assert.rejects(bank(dave).deposit.estimateGas(df, 0n), named('ZeroAmount'))
    await assert.rejects(
      bank(dave).deposit.staticCall(unknown, 1n),
      named('TokenNotRegistered', unknown),
    )
    const unapproved = named('ERC20InsufficientAllowance', getAddress(vault), 0n, 7n)
    await assert.rejects(bank(dave).deposit.staticCall(df, 7n), unapproved)
    const pause = bank(dave).pause.staticCall()
    await assert.rejects(pause, named('OwnableUnauthorizedAccount', dave.address))
  }),
)

check(
  'a transaction that reverts: wait says so, with the receipt',
  {
    hardhat: 'mines it and answers the send with an error',
  },
  () =>
    withProvider(async (provider) => {
      const dave = new Wallet(keys.dave, provider)
      const response = await bank(dave).deposit(df, 0n, { gasLimit: 200_000n })
      await assert.rejects(response.wait(1, 10_000), (error) => {
        assert.ok(isError(error, 'CALL_EXCEPTION'), error)
        assert.equal(error.receipt.status, 0)
        return true
      })
    }),
)

check(
  'the errors of a node that ethers has codes for',
  {
    anvil: 'words them in its own way',
    hardhat: 'words them in its own way',
  },
  () =>
    withProvider(async (provider) => {
      const carol = new Wallet(keys.carol, provider)
      const poor = Wallet.createRandom().connect(provider)
      const pay = (wallet, options) =>
        wallet.sendTransaction({ to: stranger(), value: 1n, gasLimit: 21_000n, ...options })
      await assert.rejects(pay(poor), { code: 'INSUFFICIENT_FUNDS' })
      await sent(pay(carol))
      await assert.rejects(pay(carol, { nonce: 0 }), { code: 'NONCE_EXPIRED' })
      await assert.rejects(provider.send('eth_noSuchMethod', []), { code: 'UNSUPPORTED_OPERATION' })
      assert.equal(await provider.getTransaction(id('nothing')), null)
      assert.equal(await provider.getTransactionReceipt(id('nothing')), null)
      assert.equal(await provider.getBlock(1_000_000_000), null)
    }),
)

check('legacy, access list and dynamic fee transactions', () =>
  withProvider(async (provider) => {
    const erin = new Wallet(keys.erin, provider)
    await approve(erin)
    const gasPrice = parseUnits('40', 'gwei')
    const accessList = [{ address: getAddress(df), storageKeys: [toBeHex(1, 32)] }]
    const kinds = [
      { type: 0, gasPrice },
      { type: 1, gasPrice, accessList },
      {
        type: 2,
        maxFeePerGas: gasPrice,
        maxPriorityFeePerGas: parseUnits('1', 'gwei'),
        accessList,
      },
    ]
    for (const kind of kinds) {
      const receipt = await sent(bank(erin).deposit(df, 1n, kind))
      const transaction = await provider.getTransaction(receipt.hash)
      assert.equal(receipt.type, kind.type)
      assert.equal(transaction.type, kind.type)
      assert.equal(receipt.status, 1)
      if (kind.type < 2) assert.equal(receipt.gasPrice, gasPrice)
      if (kind.type > 0) assert.deepEqual(transaction.accessList, accessList)
      assert.equal(BigInt(transaction.chainId), BigInt(ready.chain_id))
    }
  }),
)

check('fees, balances, code, storage and nonces, now and before', () =>
  withProvider(async (provider) => {
    assert.equal((await provider.getNetwork()).chainId, BigInt(ready.chain_id))
    const { gasPrice, maxFeePerGas, maxPriorityFeePerGas } = await provider.getFeeData()
    assert.ok(gasPrice > 0n && maxFeePerGas > maxPriorityFeePerGas && maxPriorityFeePerGas > 0n)
    const to = stranger()
    const frank = new Wallet(keys.frank, provider)
    const nonce = await frank.getNonce()
    const { blockNumber } = await sent(frank.sendTransaction({ to, value: 5n }))
    assert.equal(await provider.getBalance(to), 5n)
    assert.equal(await provider.getBalance(to, blockNumber - 1), 0n)
    assert.equal(await frank.getNonce(), nonce + 1)
    assert.equal(await provider.getTransactionCount(frank.address, blockNumber - 1), nonce)
    assert.ok((await provider.getCode(vault)).length > 1_000)
    assert.equal(await provider.getCode(to), '0x')
    assert.equal(await provider.getStorage(to, 0), toBeHex(0, 32))
    for (const tag of ['earliest', 'finalized', 'safe', 'latest'])
      assert.ok(await provider.getBlock(tag), tag)
    const block = await provider.getBlock(blockNumber, true)
    assert.equal(block.prefetchedTransactions[0].to, to)
    assert.deepEqual(block.hash, (await provider.getBlock(block.hash)).hash)
    assert.ok(block.baseFeePerGas > 0n)
  }),
)

check(
  'the pending block has a number, and what waits',
  {
    hardhat: 'gives it no number, which ethers refuses',
  },
  () =>
    withProvider(async (provider) => {
      const frank = new Wallet(keys.frank, provider)
      await provider.send('evm_setAutomine', [false])
      try {
        const { hash, nonce } = await frank.sendTransaction({ to: stranger(), value: 1n })
        const block = await provider.getBlock('pending')
        assert.equal(block.number, (await provider.getBlockNumber()) + 1)
        assert.deepEqual(block.transactions, [hash])
        assert.equal(await frank.getNonce('pending'), nonce + 1)
        assert.equal(await frank.getNonce('latest'), nonce)
      } finally {
        await provider.send('evm_setAutomine', [true])
        await mine(provider)
      }
    }),
)

check('a contract is deployed and used', () =>
  withProvider(async (provider) => {
    const grace = new Wallet(keys.grace, provider)
    const { abi, bytecode } = artifact('DFToken')
    const contract = await new ContractFactory(abi, bytecode, grace).deploy(grace.address)
    await contract.waitForDeployment()
    assert.equal(await contract.owner(), grace.address)
    await sent(contract.mint(grace.address, 9n))
    assert.equal(await contract.balanceOf(grace.address), 9n)
    assert.equal(await contract.symbol(), 'DF')
  }),
)

check('wait(3) is over when there are three confirmations', () =>
  withProvider(async (provider) => {
    const heidi = new Wallet(keys.heidi, provider)
    const response = await heidi.sendTransaction({ to: stranger(), value: 1n })
    const { blockNumber } = await response.wait(1, 10_000)
    let over = false
    const third = response.wait(3, 10_000).then((receipt) => ((over = true), receipt))
    await mine(provider, 1)
    // Two polls see the second block, and the promise is still there.
    await until(
      async () => (await provider.getBlockNumber()) === blockNumber + 1,
      'the second block',
    )
    await new Promise((resolve) => setTimeout(resolve, 2 * provider.pollingInterval))
    assert.equal(over, false)
    await mine(provider, 1)
    const receipt = await third
    assert.equal(receipt.blockNumber, blockNumber)
    assert.ok((await receipt.confirmations()) >= 3)
  }),
)

check(
  'a nonce manager sends ten at once',
  {
    hardhat: 'refuses a nonce ahead of the next one while it automines',
  },
  () =>
    withProvider(async (provider) => {
      const ivan = new NonceManager(new Wallet(keys.ivan, provider))
      const to = stranger()
      const responses = await Promise.all(
        Array.from({ length: 10 }, () =>
          ivan.sendTransaction({ to, value: 1n, gasLimit: 21_000n }),
        ),
      )
      await Promise.all(responses.map((response) => response.wait(1, 10_000)))
      assert.equal(await provider.getBalance(to), 10n)
      assert.equal(new Set(responses.map(({ nonce }) => nonce)).size, 10)
    }),
)

check('typed data: the node and the key sign the same, and the vault takes it', () =>
  withProvider(async (provider) => {
    const judy = new Wallet(keys.judy, provider)
    await approve(judy)
    await sent(bank(judy).deposit(df, 10n))
    const { timestamp } = await provider.getBlock('latest')
    const nonce = await bank(provider).releaseNonces(judy.address)
    const { domain, types, message } = voucher(judy.address, 4n, nonce, BigInt(timestamp) + 1_000n)
    const remote = await provider.getSigner(withdrawSigner.address)
    const signature = await remote.signTypedData(domain, types, message)
    const local = new Wallet(ready.withdraw_signer_private_key)
    assert.equal(signature, await local.signTypedData(domain, types, message))
    assert.equal(verifyTypedData(domain, types, message, signature), withdrawSigner.address)

    const withdraw = bank(judy).withdraw
    const args = [df, 4n, message.deadline]
    const forged = await judy.signTypedData(domain, types, message)
    await assert.rejects(withdraw.staticCall(...args, forged), named('InvalidSignature'))
    const receipt = await sent(withdraw(...args, signature))
    const event = receipt.logs.find((log) => log.eventName === 'SpotWithdrawal')
    assert.deepEqual([...event.args], [judy.address, getAddress(df), 4n, nonce])
  }),
)

check('messages: personal_sign, and eth_sign', () =>
  withProvider(async (provider) => {
    const { address } = viemUsers.bob
    const bob = await provider.getSigner(address)
    const message = 'Login to ZTDX'
    const signature = await bob.signMessage(message)
    assert.equal(signature, await new Wallet(keys.bob).signMessage(message))
    assert.equal(verifyMessage(message, signature), address)
    assert.equal(await bob._legacySignMessage(message), signature)
  }),
)

check('getLogs and queryFilter', () =>
  withProvider(async (provider) => {
    const carol = new Wallet(keys.carol, provider)
    await approve(carol)
    const receipts = [
      await sent(bank(carol).deposit(df, 1n)),
      await sent(bank(carol).deposit(df, 2n)),
    ]
    const [first, second] = receipts.map(({ blockNumber }) => blockNumber)
    const { filters } = bank(provider)
    const mineOnly = filters.SpotDeposit(carol.address)
    const events = await bank(provider).queryFilter(mineOnly, first, second)
    assert.deepEqual(
      events.map(({ args }) => args.amount),
      [1n, 2n],
    )
    assert.deepEqual(await bank(provider).queryFilter(filters.SpotDeposit(stranger()), first), [])
    const topics = [id('SpotDeposit(address,address,uint256)')]
    const logs = await provider.getLogs({
      address: [vault],
      topics,
      blockHash: receipts[1].blockHash,
    })
    assert.deepEqual(
      logs.map(({ transactionHash }) => transactionHash),
      [receipts[1].hash],
    )
    assert.equal(logs[0].removed, false)
  }),
)

check('provider.send: evm_* and hardhat_*', () =>
  withProvider(async (provider) => {
    const address = stranger()
    await provider.send('hardhat_setBalance', [address, toBeHex(parseEther('3'))])
    assert.equal(await provider.getBalance(address), parseEther('3'))
    await provider.send('hardhat_setNonce', [address, '0x5'])
    assert.equal(await provider.getTransactionCount(address), 5)
    await provider.send('hardhat_setCode', [address, '0x602a60005260206000f3'])
    assert.equal(await provider.call({ to: address }), toBeHex(42, 32))
    await provider.send('hardhat_setStorageAt', [address, '0x0', toBeHex(9, 32)])
    assert.equal(await provider.getStorage(address, 0), toBeHex(9, 32))

    const before = await provider.getBlock('latest')
    const snapshot = await provider.send('evm_snapshot', [])
    await provider.send('evm_increaseTime', [1_000])
    await provider.send('evm_mine', [])
    const later = await provider.getBlock('latest')
    assert.equal(later.number, before.number + 1)
    assert.ok(later.timestamp - before.timestamp >= 1_000)
    await provider.send('evm_setNextBlockTimestamp', [later.timestamp + 50])
    await provider.send('evm_mine', [])
    assert.equal((await provider.getBlock('latest')).timestamp, later.timestamp + 50)
    await provider.send('hardhat_mine', [toBeHex(10), '0x5'])
    assert.equal((await provider.getBlock('latest')).number, later.number + 11)
    assert.equal(await provider.send('evm_revert', [snapshot]), true)
    assert.equal((await provider.getBlock('latest')).hash, before.hash)

    const who = stranger()
    await provider.send('hardhat_setBalance', [who, toBeHex(parseEther('1'))])
    await provider.send('hardhat_impersonateAccount', [who])
    const signer = new JsonRpcSigner(provider, who)
    const receipt = await sent(signer.sendTransaction({ to: owner.address, value: 1n }))
    assert.equal(receipt.from, who)
    await provider.send('hardhat_stopImpersonatingAccount', [who])
    await assert.rejects(signer.sendTransaction({ to: owner.address, value: 1n }))
  }),
)

// ethers has no provider.on for these without a poll, which is a filter here and a subscription
// over WebSocket. Both get every test.
for (const [kind, open] of [
  ['http', withProvider],
  ['socket', withSocket],
]) {
  check(`${kind}: on block`, () =>
    open(async (provider) => {
      const blocks = collector()
      const start = await provider.getBlockNumber()
      await provider.on('block', blocks.add)
      // The first poll of ethers tells of no block, it learns where the chain is.
      await until(async () => {
        await mine(provider)
        return blocks.items.length > 0
      }, 'a block')
      const from = blocks.items[0]
      await mine(provider, 3)
      const end = await provider.getBlockNumber()
      await until(() => blocks.items.at(-1) >= end, 'the last block')
      assert.ok(from > start)
      assert.deepEqual(
        blocks.items.slice(0, end - from + 1),
        Array.from({ length: end - from + 1 }, (_, i) => from + i),
      )
    }),
  )

  check(`${kind}: contract events`, () =>
    open(async (provider) => {
      const wallet = new Wallet(keys.frank, provider)
      await approve(wallet)
      const seen = collector()
      await bank(provider).on('SpotDeposit', (account, token, amount, payload) =>
        seen.add([account, token, amount, payload.log.removed, payload.log.transactionHash]),
      )
      await listening(provider)
      const { hash } = await sent(bank(wallet).deposit(df, 21n))
      await seen.reach(1, 'event')
      assert.deepEqual(seen.items, [[wallet.address, getAddress(df), 21n, false, hash]])
    }),
  )

  check(`${kind}: once, by argument`, () =>
    open(async (provider) => {
      const grace = new Wallet(keys.grace, provider)
      const heidi = new Wallet(keys.heidi, provider)
      await approve(grace)
      await approve(heidi)
      const seen = collector()
      const ofHeidi = bank(provider).filters.SpotDeposit(heidi.address)
      await bank(provider).once(ofHeidi, (payload) => seen.add(payload.args.amount))
      await listening(provider)
      await sent(bank(grace).deposit(df, 1n))
      await sent(bank(heidi).deposit(df, 2n))
      await seen.reach(1, 'event')
      assert.deepEqual(seen.items, [2n])
      await listening(provider) // ethers unsubscribes in the background, too
    }),
  )

  check(
    `${kind}: an event is removed by a reorg`,
    {
      anvil: 'announces no removed logs',
      hardhat: 'has no reorg',
    },
    () =>
      open(async (provider) => {
        const judy = new Wallet(keys.judy, provider)
        await approve(judy)
        const seen = collector()
        const removed = collector()
        await bank(provider).on(bank(provider).filters.SpotDeposit(judy.address), ({ log }) =>
          seen.add(log),
        )
        await listening(provider)
        const { hash, blockHash } = await sent(bank(judy).deposit(df, 33n))
        await seen.reach(1, 'event')
        // ethers gives a removed log to those who listen for just that log, and to nobody else. (The
        // event that log.removedEvent() makes lacks fields, so in 6.17 it is never emitted.)
        const log = { ...seen.items[0].toJSON(), removed: true }
        await provider.on({ orphan: 'drop-log', log }, removed.add)
        await (ready.peer
          ? provider.send('anvil_reorg', [1, []])
          : provider.send('devnet_reorg', [{ depth: 1, drop: [hash] }]))
        // A filter is polled when there is a block, as far as ethers knows.
        await mine(provider)
        await removed.reach(1, 'removed event')
        assert.equal(removed.items[0].removed, true)
        assert.equal(removed.items[0].blockHash, blockHash)
        assert.equal(removed.items[0].transactionHash, hash)
        assert.equal(seen.items.length, 1)
        assert.equal(await provider.getTransactionReceipt(hash), null)
      }),
  )
}

// ethers makes filters and subscriptions in the background. It asks in order, one provider at a
// time, so after an answer to a later request they are there.
async function listening(provider) {
  for (let i = 0; i < 3; i += 1) await provider.send('eth_chainId', [])
}

check('socket: pending transactions', () =>
  withSocket(async (provider) => {
    const hashes = collector()
    await provider.on('pending', hashes.add)
    await listening(provider)
    await provider.send('evm_setAutomine', [false])
    try {
      const alice = new Wallet(keys.alice, provider)
      const { hash } = await alice.sendTransaction({ to: stranger(), value: 1n })
      await hashes.reach(1, 'pending transaction')
      assert.deepEqual(hashes.items, [hash])
    } finally {
      await provider.send('evm_setAutomine', [true])
      await mine(provider)
    }
  }),
)

check('socket: a wallet deposits', () =>
  withSocket(async (provider) => {
    const alice = new Wallet(keys.alice, provider)
    await approve(alice)
    const receipt = await sent(bank(alice).deposit(df, 1n))
    assert.equal(receipt.status, 1)
    await assert.rejects(bank(alice).deposit(df, 0n), named('ZeroAmount'))
  }),
)
