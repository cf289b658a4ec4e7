// viem's public and wallet client, as a frontend and a backend use them, over HTTP.
//
// Each test has its own user or a stranger, so they depend on no order.

import assert from 'node:assert/strict'
import {
  BaseError,
  ContractFunctionRevertedError,
  createPublicClient,
  encodeDeployData,
  encodeFunctionData,
  fromRlp,
  getAddress,
  getContract,
  hexToBigInt,
  keccak256,
  maxUint256,
  nonceManager,
  numberToHex,
  pad,
  parseEther,
  parseEventLogs,
  parseGwei,
  recoverMessageAddress,
  toHex,
  toRlp,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import {
  approve,
  artifact,
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
  owner,
  publicClient as client,
  ready,
  rpc,
  stranger,
  token,
  tokenAbi,
  transport,
  until,
  users,
  vault,
  vaultAbi,
  voucher,
  walletClient,
  withdrawSigner,
} from './support.mjs'

const RETURNS_42 = '0x602a60005260206000f3'
const RETURNS_SLOT_2 = '0x60025460005260206000f3'
// The vault hands on the token's errors, so a wallet decodes with both lists.
const allErrors = [...vaultAbi, ...tokenAbi.filter((entry) => entry.type === 'error')]
const latest = (options) => client.getBlock(options)
const pay = (from, options) =>
  walletClient(from).sendTransaction({ value: 1n, to: stranger(), ...options })

// The named error that viem finds in what a call was answered.
async function revertOf(promise) {
  const error = await promise.then(
    () => assert.fail('it did not revert'),
    (reason) => reason,
  )
  assert.ok(error instanceof BaseError, error)
  const revert = error.walk((cause) => cause instanceof ContractFunctionRevertedError)
  assert.ok(revert, error)
  return [revert.data?.errorName ?? revert.raw, ...(revert.data?.args ?? [])]
}

// --- deposits and withdrawals -------------------------------------------------------------------

check('approve and deposit, as a wallet does it', async () => {
  const { alice } = users
  const wallet = walletClient(alice)
  const amount = parseEther('12.5')
  const before = await balanceOf(alice.address)

  const approval = await wallet.writeContract({
    ...token,
    functionName: 'approve',
    args: [vault, amount],
  })
  assert.equal((await mined(approval)).status, 'success')
  assert.equal(
    await client.readContract({
      ...token,
      functionName: 'allowance',
      args: [alice.address, vault],
    }),
    amount,
  )
  const { request } = await client.simulateContract({ ...depositCall(amount), account: alice })
  const hash = await wallet.writeContract(request)
  const receipt = await mined(hash)

  assert.equal(receipt.status, 'success')
  assert.equal(receipt.type, 'eip1559')
  assert.equal(getAddress(receipt.from), alice.address)
  assert.equal(getAddress(receipt.to), getAddress(vault))
  assert.equal(receipt.contractAddress ?? null, null)
  const [event] = parseEventLogs({ abi: vaultAbi, logs: receipt.logs, eventName: 'SpotDeposit' })
  assert.deepEqual(event.args, { account: alice.address, token: getAddress(df), amount })
  assert.equal(event.transactionHash, hash)
  assert.equal(event.blockHash, receipt.blockHash)
  assert.equal(event.removed, false)
  assert.deepEqual(
    receipt.logs.map((log) => log.logIndex),
    [0, 1],
  )
  assert.equal(await balanceOf(alice.address), before - amount)
  const { timestamp, baseFeePerGas } = await client.getBlock({ blockHash: receipt.blockHash })
  assert.ok(timestamp > 0n)
  assert.ok(receipt.effectiveGasPrice >= baseFeePerGas)
  assert.ok(receipt.gasUsed > 21_000n && receipt.cumulativeGasUsed === receipt.gasUsed)
})

check('the node signs for its own accounts', async () => {
  const addresses = await walletClient().getAddresses()
  assert.deepEqual(
    addresses.slice(0, 10),
    Object.values(users).map((user) => user.address),
  )
  const { bob } = users
  await approve(bob.address)
  const receipt = await deposit(bob.address, parseEther('1'))
  assert.equal(receipt.status, 'success')
  assert.equal(getAddress(receipt.from), bob.address)
})

check(
  'eth_requestAccounts is eth_accounts, as for a wallet',
  {
    hardhat: 'has no eth_requestAccounts',
  },
  async () => {
    const addresses = await walletClient().getAddresses()
    assert.deepEqual(await walletClient().requestAddresses(), addresses)
  },
)

check('an impersonated account deposits', async () => {
  const address = getAddress(stranger())
  const wallet = walletClient(address)
  const transfer = { ...token, functionName: 'transfer', args: [address, parseEther('9')] }
  await mined(await walletClient(users.alice).writeContract(transfer))
  await rpc('hardhat_setBalance', address, numberToHex(parseEther('1')))
  await rpc('hardhat_impersonateAccount', address)
  await mined(
    await wallet.writeContract({ ...token, functionName: 'approve', args: [vault, maxUint256] }),
  )
  const { logs } = await mined(await wallet.writeContract(depositCall(parseEther('9'))))
  await rpc('hardhat_stopImpersonatingAccount', address)
  const [{ args }] = parseEventLogs({ abi: vaultAbi, logs, eventName: 'SpotDeposit' })
  assert.equal(args.account, address)
  assert.equal(await balanceOf(address), 0n)
})

check('a withdrawal with a voucher that the node signs, and one that a key signs', async () => {
  const { carol } = users
  await approve(carol)
  await deposit(carol, parseEther('10'))
  const funds = await balanceOf(carol.address)
  const deadline = (await latest()).timestamp + 86_400n
  const withdraw = (value, until, signature) => ({
    address: vault,
    abi: allErrors,
    functionName: 'withdraw',
    args: [df, value, until, signature],
    account: carol,
  })

  for (const [nonce, signer] of [withdrawSigner, withdrawSigner.address].entries()) {
    const typed = voucher(carol.address, parseEther('4'), BigInt(nonce), deadline)
    const signature = await walletClient(signer).signTypedData(typed)
    // Deterministic (RFC 6979), so whoever signs comes to the same bytes.
    assert.equal(signature, await withdrawSigner.signTypedData(typed))
    assert.ok(
      await client.verifyTypedData({ ...typed, address: withdrawSigner.address, signature }),
    )
    const { request } = await client.simulateContract(
      withdraw(parseEther('4'), deadline, signature),
    )
    const { logs } = await mined(await walletClient(carol).writeContract(request))
    const [{ args }] = parseEventLogs({ abi: vaultAbi, logs, eventName: 'SpotWithdrawal' })
    assert.deepEqual(args, {
      account: carol.address,
      token: getAddress(df),
      amount: parseEther('4'),
      nonce: BigInt(nonce),
    })
    // The voucher is spent.
    const again = client.simulateContract(withdraw(parseEther('4'), deadline, signature))
    assert.deepEqual(await revertOf(again), ['InvalidSignature'])
  }
  assert.equal(await balanceOf(carol.address), funds + parseEther('8'))

  const past = client.simulateContract(withdraw(1n, 1n, '0x'))
  const [name, until] = await revertOf(past)
  assert.deepEqual([name, until], ['SignatureExpired', 1n])
})

// --- errors -------------------------------------------------------------------------------------

// Every way to break a rule of the vault, or of the token behind it, and what it is called.
const broken = () => {
  const unknown = getAddress(stranger())
  const zero = { ...depositCall(0n), abi: allErrors }
  const much = ['ERC20InsufficientAllowance', getAddress(vault), 0n, parseEther('1')]
  return [
    [zero, ['ZeroAmount']],
    [{ ...zero, args: [unknown, 1n] }, ['TokenNotRegistered', unknown]],
    [{ ...zero, args: [df, parseEther('1')] }, much],
  ]
}

check('custom errors are decoded by name, from a call, an estimate and a send', async () => {
  const account = users.dave
  for (const [call, error] of broken()) {
    assert.deepEqual(await revertOf(client.simulateContract({ ...call, account })), error)
    assert.deepEqual(await revertOf(client.estimateContractGas({ ...call, account })), error)
    // viem estimates before it signs, so nothing is sent.
    assert.deepEqual(await revertOf(walletClient(account).writeContract(call)), error)
  }
  const { address } = account
  const paused = client.simulateContract({ ...bank, functionName: 'pause', account: address })
  assert.deepEqual(await revertOf(paused), ['OwnableUnauthorizedAccount', address])
})

check(
  'the node estimates before it signs, too',
  {
    anvil: 'sends what can only revert, with the gas of a block',
  },
  async () => {
    for (const [call, error] of broken())
      assert.deepEqual(await revertOf(walletClient(users.dave.address).writeContract(call)), error)
  },
)

check(
  'a transaction that reverts is mined, with status 0',
  {
    hardhat: 'mines it and answers the send with an error',
  },
  async () => {
    const { dave } = users
    const nonce = await client.getTransactionCount({ address: dave.address })
    const hash = await walletClient(dave).writeContract({ ...depositCall(0n), gas: 200_000n })
    const receipt = await mined(hash)
    assert.equal(receipt.status, 'reverted')
    assert.deepEqual(receipt.logs, [])
    assert.equal(await client.getTransactionCount({ address: dave.address }), nonce + 1)
  },
)

check(
  'errors have the codes and words that viem knows',
  {
    hardhat: 'says "not supported" where the method does not exist',
  },
  async () => {
    const fails = (promise, name) =>
      assert.rejects(promise, (error) => {
        assert.ok(
          error.walk((cause) => cause.name === name),
          `${name} is not in: ${error}`,
        )
        return true
      })
    const { dave } = users
    const poor = privateKeyToAccount(`0x${'42'.repeat(32)}`)
    const gas = 21_000n
    const nonce = await client.getTransactionCount({ address: dave.address })
    assert.ok(nonce >= 0)
    await fails(client.request({ method: 'eth_noSuchMethod' }), 'MethodNotFoundRpcError')
    await fails(pay(poor, { gas }), 'InsufficientFundsError')
    await mined(await pay(dave, { gas }))
    await fails(pay(dave, { gas, nonce: 0 }), 'NonceTooLowError')
    await fails(pay(dave, { gas: 20_000n }), 'IntrinsicGasTooLowError')
    await fails(client.getTransaction({ hash: `0x${'11'.repeat(32)}` }), 'TransactionNotFoundError')
    await fails(client.getBlock({ blockNumber: 10n ** 9n }), 'BlockNotFoundError')
  },
)

// --- transactions -------------------------------------------------------------------------------

check(
  'legacy, access list and dynamic fee transactions',
  {
    hardhat: 'has no eth_createAccessList',
  },
  async () => {
    const { erin } = users
    await approve(erin)
    const price = parseGwei('40')
    const { accessList } = await client.createAccessList({
      account: erin.address,
      to: vault,
      data: encodeFunctionData(depositCall(1n)),
    })
    const kinds = {
      legacy: { gasPrice: price },
      eip2930: { gasPrice: price, accessList },
      eip1559: { maxFeePerGas: price, maxPriorityFeePerGas: parseGwei('2'), accessList },
    }
    for (const [type, fields] of Object.entries(kinds)) {
      const hash = await walletClient(erin).writeContract({ ...depositCall(1n), type, ...fields })
      const receipt = await mined(hash)
      const transaction = await client.getTransaction({ hash })
      const { baseFeePerGas } = await client.getBlock({ blockHash: receipt.blockHash })
      const dynamic =
        baseFeePerGas + parseGwei('2') < price ? baseFeePerGas + parseGwei('2') : price
      assert.equal(receipt.status, 'success')
      assert.equal(receipt.type, type)
      assert.equal(transaction.type, type)
      assert.equal(receipt.effectiveGasPrice, type === 'eip1559' ? dynamic : price)
      assert.equal(transaction.chainId, ready.chain_id)
      if (type !== 'legacy') assert.deepEqual(lower(transaction.accessList), lower(accessList))
      // The bytes that were signed are the bytes that are kept.
      assert.equal(getAddress(transaction.from), erin.address)
      assert.equal(transaction.input, encodeFunctionData(depositCall(1n)))
      assert.ok(transaction.r && transaction.s && transaction.v >= 0n)
      assert.equal(
        transaction.yParity,
        type === 'legacy' ? transaction.yParity : Number(transaction.v),
      )
      const raw = await walletClient(erin).signTransaction({
        ...depositEnvelope(transaction),
        type,
        ...fields,
      })
      assert.equal(keccak256(raw), hash)
    }
  },
)

const lower = (list) => JSON.parse(JSON.stringify(list).toLowerCase())
const depositEnvelope = ({ to, input, gas, nonce }) => ({ to, data: input, gas, nonce })

check(
  'eth_createAccessList finds what a deposit touches',
  {
    hardhat: 'has no eth_createAccessList',
  },
  async () => {
    const { erin } = users
    await approve(erin)
    const call = { account: erin.address, to: vault, data: encodeFunctionData(depositCall(1n)) }
    const { accessList, gasUsed } = await client.createAccessList(call)
    const touched = accessList.map(({ address }) => getAddress(address)).sort()
    assert.deepEqual(touched, [getAddress(df), getAddress(vault)].sort())
    for (const { storageKeys } of accessList) assert.ok(storageKeys.length >= 3)
    assert.ok(gasUsed > 30_000n)
  },
)

check(
  'estimateGas is enough',
  {
    hardhat: 'estimates 21,001 for a plain payment',
  },
  async () => {
    const { frank } = users
    await approve(frank)
    const gas = await client.estimateContractGas({
      ...depositCall(parseEther('1')),
      account: frank,
    })
    const hash = await walletClient(frank).writeContract({ ...depositCall(parseEther('1')), gas })
    assert.equal((await mined(hash)).status, 'success')
    assert.equal(await client.estimateGas({ account: frank, to: stranger(), value: 1n }), 21_000n)
  },
)

check('deployContract', async () => {
  const { grace } = users
  const { abi, bytecode } = artifact('DFToken')
  const hash = await walletClient(grace).deployContract({ abi, bytecode, args: [grace.address] })
  const receipt = await mined(hash)
  assert.equal(receipt.status, 'success')
  assert.equal(receipt.to, null)
  const address = receipt.contractAddress
  assert.ok((await client.getCode({ address })).length > 1_000)
  assert.equal(await client.readContract({ address, abi, functionName: 'owner' }), grace.address)
  const mine = getContract({
    address,
    abi,
    client: { public: client, wallet: walletClient(grace) },
  })
  await mined(await mine.write.mint([grace.address, 5n]))
  assert.equal(await mine.read.balanceOf([grace.address]), 5n)
})

check(
  'a replaced transaction is followed to the one that took its nonce',
  {
    hardhat: 'replaces, but needs the pending transaction to be of the same kind',
  },
  async () => {
    const { heidi } = users
    await rpc('evm_setAutomine', false)
    try {
      const nonce = await client.getTransactionCount({ address: heidi.address })
      const to = stranger()
      const fees = (gwei) => ({
        maxFeePerGas: parseGwei(gwei),
        maxPriorityFeePerGas: parseGwei(gwei),
      })
      const first = await pay(heidi, { to, nonce, gas: 21_000n, ...fees('20') })
      const replacements = []
      // viem must have seen the first one before it is replaced, or else it can't know what was.
      const asked = collector()
      const onFetchRequest = async (request) => {
        asked.add((await request.clone().json()).method)
      }
      const watching = createPublicClient({
        chain,
        transport: transport({ onFetchRequest }),
        pollingInterval: 50,
      })
      const receipt = watching.waitForTransactionReceipt({
        hash: first,
        timeout: 10_000,
        onReplaced: (replacement) => replacements.push(replacement),
      })
      const seen = () => asked.items.join().match(/eth_getTransactionByHash.*eth_blockNumber/)
      await until(seen, 'viem looks at the transaction')
      const second = await pay(heidi, { to, nonce, gas: 21_000n, ...fees('40') })
      assert.equal(
        await client.getTransactionCount({ address: heidi.address, blockTag: 'pending' }),
        nonce + 1,
      )
      await rpc('evm_mine')
      assert.equal((await receipt).transactionHash, second)
      assert.equal(replacements[0].reason, 'repriced')
    } finally {
      await rpc('evm_setAutomine', true)
    }
  },
)

check('waits for confirmations', async () => {
  const hash = await pay(users.grace, { gas: 21_000n })
  await mined(hash)
  const waiting = client.waitForTransactionReceipt({ hash, confirmations: 3, timeout: 10_000 })
  await mine(2)
  const receipt = await waiting
  assert.ok((await client.getTransactionConfirmations({ hash })) >= 3n)
  assert.ok((await client.getBlockNumber({ cacheTime: 0 })) >= receipt.blockNumber + 2n)
})

check(
  'a nonce manager sends many at once',
  {
    hardhat: 'refuses a nonce ahead of the next one while it automines',
  },
  async () => {
    // A key of its own, because the manager counts for the account.
    const many = privateKeyToAccount(`0x${'77'.repeat(32)}`, { nonceManager })
    await rpc('hardhat_setBalance', many.address, numberToHex(parseEther('1')))
    const to = stranger()
    const wallet = walletClient(many)
    const hashes = await Promise.all(
      Array.from({ length: 10 }, () => wallet.sendTransaction({ to, value: 1n, gas: 21_000n })),
    )
    assert.equal(new Set(hashes).size, 10)
    await Promise.all(hashes.map(mined))
    assert.equal(await client.getBalance({ address: to }), 10n)
  },
)

check('messages: personal_sign by the node is the signature by the key', async () => {
  const { ivan } = users
  const message = 'Login to ZTDX'
  const signature = await walletClient(ivan.address).signMessage({ message })
  assert.equal(signature, await ivan.signMessage({ message }))
  assert.equal(await recoverMessageAddress({ message, signature }), ivan.address)
  assert.ok(await client.verifyMessage({ address: ivan.address, message, signature }))
  assert.ok(!(await client.verifyMessage({ address: owner.address, message, signature })))
})

// --- reading ------------------------------------------------------------------------------------

check('chain id, fees and nonces', async () => {
  assert.equal(await client.getChainId(), chain.id)
  const { baseFeePerGas } = await latest()
  const tip = await client.estimateMaxPriorityFeePerGas()
  assert.ok((await client.getGasPrice()) >= baseFeePerGas)
  const { maxFeePerGas, maxPriorityFeePerGas } = await client.estimateFeesPerGas()
  assert.ok(maxFeePerGas >= baseFeePerGas + maxPriorityFeePerGas)
  assert.equal(maxPriorityFeePerGas, tip)
  assert.equal(await client.getTransactionCount({ address: stranger() }), 0)
})

check('feeHistory', async () => {
  for (const tip of ['1', '2', '3'])
    await mined(
      await pay(users.judy, {
        maxPriorityFeePerGas: parseGwei(tip),
        maxFeePerGas: parseGwei('90'),
      }),
    )
  const head = await latest()
  const history = await client.getFeeHistory({ blockCount: 3, rewardPercentiles: [0, 50, 100] })
  assert.equal(history.oldestBlock, head.number - 2n)
  assert.equal(history.gasUsedRatio.length, 3)
  for (const ratio of history.gasUsedRatio) assert.ok(ratio > 0 && ratio < 1)
  // What each block's only transaction paid to its miner.
  const gwei = (n) => Array(3).fill(parseGwei(n))
  assert.deepEqual(history.reward, [gwei('1'), gwei('2'), gwei('3')])
  assert.equal(history.baseFeePerGas.length, 4)
  assert.equal(history.baseFeePerGas[2], head.baseFeePerGas)
  await mine(1)
  assert.equal((await latest()).baseFeePerGas, history.baseFeePerGas[3])
})

check('blocks by number, by hash, whole, and the tags', async () => {
  const hash = await pay(users.judy, { gas: 21_000n })
  const { blockNumber, blockHash, transactionIndex } = await mined(hash)
  const byNumber = await client.getBlock({ blockNumber })
  const byHash = await client.getBlock({ blockHash })
  assert.deepEqual(byNumber, byHash)
  assert.deepEqual(byHash.transactions, [hash])
  assert.equal(await client.getBlockTransactionCount({ blockHash }), 1)
  assert.equal(await client.getBlockTransactionCount({ blockNumber }), 1)
  const whole = await client.getBlock({ blockHash, includeTransactions: true })
  const transaction = await client.getTransaction({ hash })
  assert.deepEqual(whole.transactions[0], transaction)
  assert.deepEqual(await client.getTransaction({ blockHash, index: transactionIndex }), transaction)
  assert.deepEqual(await client.getTransaction({ blockNumber, index: 0 }), transaction)
  assert.equal((await client.getBlock({ blockTag: 'earliest' })).number, 0n)
  const parent = await client.getBlock({ blockHash: byHash.parentHash })
  assert.equal(parent.number, blockNumber - 1n)
})

check(
  'tags: finalized is behind safe, safe behind latest, pending after it',
  {
    hardhat: 'safe and finalized are latest',
  },
  async () => {
    await rpc('hardhat_mine', numberToHex(100), '0x1')
    const number = async (blockTag) => (await client.getBlock({ blockTag })).number
    const [finalized, safe, last] = [
      await number('finalized'),
      await number('safe'),
      await number('latest'),
    ]
    assert.ok(0n < finalized && finalized < safe && safe < last, `${finalized} ${safe} ${last}`)
    const pending = await client.getBlock({ blockTag: 'pending' })
    assert.equal(pending.parentHash, (await latest()).hash)

    const address = stranger()
    await mined(await pay(users.judy, { to: address }))
    const balance = (blockTag) => client.getBalance({ address, blockTag })
    assert.deepEqual(
      [
        await balance('finalized'),
        await balance('safe'),
        await balance('latest'),
        await balance('pending'),
      ],
      [0n, 0n, 1n, 1n],
    )
  },
)

check('pending: the nonce and the block of what waits', async () => {
  const { judy } = users
  const nonce = await client.getTransactionCount({ address: judy.address })
  await rpc('evm_setAutomine', false)
  try {
    const hash = await pay(judy, { nonce, gas: 21_000n })
    assert.equal(await client.getTransactionCount({ address: judy.address }), nonce)
    assert.equal(
      await client.getTransactionCount({ address: judy.address, blockTag: 'pending' }),
      nonce + 1,
    )
    const { transactions } = await client.getBlock({ blockTag: 'pending' })
    assert.ok(transactions.includes(hash))
    assert.equal((await client.getTransaction({ hash })).blockHash, null)
  } finally {
    await rpc('evm_setAutomine', true)
    await mine(1)
  }
})

check('historical state, by number and by tag', async () => {
  const { ivan } = users
  await approve(ivan)
  const before = await client.getBlockNumber({ cacheTime: 0 })
  const funds = await balanceOf(ivan.address)
  await deposit(ivan, parseEther('1'))
  await mine(3)
  assert.equal(await balanceOf(ivan.address, { blockNumber: before }), funds)
  assert.equal(await balanceOf(ivan.address, { blockNumber: before + 1n }), funds - parseEther('1'))
  assert.equal(
    await client.getCode({ address: vault, blockNumber: before }),
    await client.getCode({ address: vault }),
  )
})

check('getProof proves the account and a storage slot against the state root', async () => {
  const address = stranger()
  await rpc('hardhat_setCode', address, RETURNS_SLOT_2)
  await rpc('hardhat_setStorageAt', address, '0x2', pad('0x1234'))
  await rpc('hardhat_setBalance', address, '0x7')
  await mine(1)
  const { number, stateRoot } = await latest()
  const slot = pad('0x2')
  const proof = await client.getProof({
    address,
    storageKeys: [slot, pad('0x3')],
    blockNumber: number,
  })
  assert.equal(proof.balance, 7n)
  assert.equal(proof.codeHash, keccak256(RETURNS_SLOT_2))
  assert.deepEqual(
    proof.storageProof.map(({ value }) => value),
    [0x1234n, 0n],
  )
  const account = toRlp([
    proof.nonce ? toHex(proof.nonce) : '0x',
    toHex(proof.balance),
    proof.storageHash,
    proof.codeHash,
  ])
  assert.equal(proven(stateRoot, keccak256(address), proof.accountProof), account)
  const [present, absent] = proof.storageProof
  assert.equal(proven(proof.storageHash, keccak256(slot), present.proof), toRlp('0x1234'))
  assert.equal(proven(proof.storageHash, keccak256(pad('0x3')), absent.proof), undefined)
})

// The value at a key of a Merkle Patricia trie, by its proof; undefined if the proof shows there
// is none.
function proven(root, key, nodes) {
  let path = key.slice(2)
  let expected = root
  for (const node of nodes) {
    assert.equal(keccak256(node), expected)
    const items = fromRlp(node)
    if (items.length === 17) {
      expected = items[Number.parseInt(path[0], 16)]
      path = path.slice(1)
      if (expected === '0x') return undefined
      continue
    }
    const [encoded, next] = items
    const odd = Number.parseInt(encoded[2], 16) & 1
    const part = encoded.slice(odd ? 3 : 4)
    if (!path.startsWith(part)) return undefined
    path = path.slice(part.length)
    if (Number.parseInt(encoded[2], 16) >= 2) return next
    expected = next
  }
  assert.fail('the proof ends before the key does')
}

check('calls with other state than there is', async () => {
  const address = stranger()
  const at = (override) => [{ address, ...override }]
  const returned = async (call) => (await client.call(call)).data
  assert.equal(await returned({ to: address }), undefined)
  assert.equal(
    await returned({ to: address, stateOverride: at({ code: RETURNS_42 }) }),
    pad('0x2a'),
  )
  const diff = at({ code: RETURNS_SLOT_2, stateDiff: [{ slot: pad('0x2'), value: pad('0x9') }] })
  assert.equal(await returned({ to: address, stateOverride: diff }), pad('0x9'))
  // `state` replaces all of an account's storage, `stateDiff` a part of it.
  await rpc('hardhat_setCode', address, RETURNS_SLOT_2)
  await rpc('hardhat_setStorageAt', address, '0x2', pad('0x5'))
  const other = [{ slot: pad('0x1'), value: pad('0x1') }]
  assert.equal(await returned({ to: address, stateOverride: at({ stateDiff: other }) }), pad('0x5'))
  assert.equal(await returned({ to: address, stateOverride: at({ state: other }) }), pad('0x0'))
  // And nothing of it stays.
  assert.equal(await returned({ to: address }), pad('0x5'))
})

check(
  'a call can only spend what is there, or what it says is there',
  {
    anvil: 'checks no balances in eth_call',
    hardhat: 'checks no balances in eth_call',
  },
  async () => {
    const poor = stranger()
    const spend = { account: poor, to: stranger(), value: parseEther('3') }
    const rich = [{ address: poor, balance: parseEther('4') }]
    await assert.rejects(client.estimateGas(spend))
    assert.equal(await client.estimateGas({ ...spend, stateOverride: rich }), 21_000n)
    await client.call({ ...spend, stateOverride: rich })
    assert.equal(await client.getBalance({ address: poor }), 0n)
    await assert.rejects(client.call(spend))
  },
)

check('a call of code that was never deployed', async () => {
  const { abi, bytecode } = artifact('DFToken')
  const code = encodeDeployData({ abi, bytecode, args: [owner.address] })
  const name = await client.readContract({ abi, code, functionName: 'symbol' })
  assert.equal(name, 'DF')
})

// --- logs and batches ---------------------------------------------------------------------------

check('getLogs: by event, by argument, by block', async () => {
  const { grace, heidi } = users
  const fromBlock = (await client.getBlockNumber({ cacheTime: 0 })) + 1n
  await approve(grace)
  await approve(heidi)
  await deposit(grace, 1n)
  const second = await deposit(heidi, 2n)
  await deposit(grace, 3n)
  const events = (args, options = { fromBlock }) =>
    client.getContractEvents({ ...bank, eventName: 'SpotDeposit', args, strict: true, ...options })
  const amounts = async (...query) => (await events(...query)).map(({ args }) => args.amount)
  assert.deepEqual(await amounts({}), [1n, 2n, 3n])
  assert.deepEqual(await amounts({ account: grace.address }), [1n, 3n])
  assert.deepEqual(await amounts({ account: [grace.address, heidi.address] }), [1n, 2n, 3n])
  assert.deepEqual(await amounts({ account: stranger() }), [])
  assert.deepEqual(await amounts({ token: df, account: heidi.address }), [2n])
  const { blockHash, blockNumber } = second
  assert.deepEqual(await amounts({}, { blockHash }), [2n])
  assert.deepEqual(await amounts({}, { fromBlock: blockNumber, toBlock: blockNumber }), [2n])
  const [log] = await events({}, { blockHash })
  assert.equal(log.blockNumber, blockNumber)
  assert.equal(log.transactionHash, second.transactionHash)
  assert.equal(log.logIndex, 1)
  assert.equal(getAddress(log.address), getAddress(vault))
  // Both contracts, any event.
  const all = await client.getLogs({ address: [vault, df], blockHash })
  assert.deepEqual(
    all.map(({ logIndex }) => logIndex),
    [0, 1],
  )
})

check(
  'filters: events, blocks and pending transactions',
  {
    hardhat: 'tells a new block filter of the block that was there',
  },
  async () => {
    const { heidi } = users
    await approve(heidi)
    const eventFilter = await client.createContractEventFilter({
      ...bank,
      eventName: 'SpotDeposit',
      strict: true,
    })
    const blockFilter = await client.createBlockFilter()
    const pendingFilter = await client.createPendingTransactionFilter()
    const receipt = await deposit(heidi, 17n)
    const [log, ...others] = await client.getFilterChanges({ filter: eventFilter })
    assert.deepEqual(others, [])
    assert.equal(log.args.amount, 17n)
    assert.equal(log.transactionHash, receipt.transactionHash)
    assert.deepEqual(await client.getFilterChanges({ filter: blockFilter }), [receipt.blockHash])
    assert.deepEqual(await client.getFilterChanges({ filter: pendingFilter }), [
      receipt.transactionHash,
    ])
    for (const filter of [eventFilter, blockFilter, pendingFilter])
      assert.deepEqual(await client.getFilterChanges({ filter }), [])
    const kept = await client.getFilterLogs({ filter: eventFilter })
    assert.equal(kept.at(-1)?.transactionHash, receipt.transactionHash)
    assert.equal(await client.uninstallFilter({ filter: eventFilter }), true)
    assert.equal(await client.uninstallFilter({ filter: eventFilter }), false)
    await client.uninstallFilter({ filter: blockFilter })
    await client.uninstallFilter({ filter: pendingFilter })
  },
)

check(
  'batches: many requests are one POST, each with its own answer or error',
  {
    hardhat: 'says "not supported" where the method does not exist',
  },
  async () => {
    let posts = 0
    const count = () => void (posts += 1) // what it returns, viem would fetch
    const batching = createPublicClient({
      chain,
      transport: transport({ batch: true, onFetchRequest: count }),
    })
    const addresses = Object.values(users).map((user) => user.address)
    const answers = await Promise.allSettled([
      ...addresses.map((address) =>
        batching.readContract({ ...token, functionName: 'balanceOf', args: [address] }),
      ),
      batching.getBlockNumber({ cacheTime: 0 }),
      batching.request({ method: 'eth_noSuchMethod' }, { retryCount: 0 }),
      batching.simulateContract({ ...depositCall(0n), account: owner }),
    ])
    assert.equal(posts, 1)
    const [number, unknown, reverted] = answers.slice(-3)
    assert.equal(number.status, 'fulfilled')
    assert.equal(unknown.reason.name, 'MethodNotFoundRpcError')
    assert.deepEqual(await revertOf(Promise.reject(reverted.reason)), ['ZeroAmount'])
    for (const [index, { value }] of answers.slice(0, 10).entries())
      assert.equal(value, await balanceOf(addresses[index]))
    assert.ok(hexToBigInt(toHex(number.value)) > 0n)
  },
)
