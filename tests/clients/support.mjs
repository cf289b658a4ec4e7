// What every test file starts from: the chain that the ready file describes, its users, contracts.
//
// The ready file comes from DEVNET_READY_FILE. `devnet chain --ready-file` writes it; peers.mjs
// writes one for anvil and Hardhat, where the vault and the DF token are deployed here first.

import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import {
  createPublicClient,
  createTestClient,
  createWalletClient,
  http,
  maxUint256,
  parseEther,
  publicActions,
  webSocket,
} from 'viem'
import { mnemonicToAccount, privateKeyToAccount } from 'viem/accounts'
import { bscTestnet } from 'viem/chains'

const path = process.env.DEVNET_READY_FILE
if (!path) {
  console.error('DEVNET_READY_FILE names no ready file: run pytest tests/clients, or peers.mjs')
  process.exit(3)
}
export const ready = JSON.parse(readFileSync(path, 'utf8'))

const ARTIFACTS =
  process.env.DEVNET_ARTIFACTS ??
  new URL('../../harness/ztdx_devnet/artifacts', import.meta.url).pathname
export const artifact = (name) => JSON.parse(readFileSync(`${ARTIFACTS}/${name}.json`, 'utf8'))

export const vaultAbi = artifact('ZtdxSpotVault').abi
export const tokenAbi = artifact('DFToken').abi

// What a frontend for this chain uses: viem's own definition of BSC testnet. Clients poll faster
// than the default of 4 s, which is an option of theirs and changes nothing on the wire.
export const chain = bscTestnet
const POLLING = { pollingInterval: 50 }
export const transport = (options) => http(ready.rpc_url, options)
export const publicClient = createPublicClient({ chain, transport: transport(), ...POLLING })

// A client with a socket of its own, closed when `body` is done.
let sockets = 0
export async function withSocket(body) {
  const key = `socket-${(sockets += 1)}` // viem shares a socket among clients of the same key
  const own = webSocket(ready.ws_rpc_url, { key, reconnect: false })
  const client = createPublicClient({ chain, transport: own, ...POLLING })
  try {
    return await body(client)
  } finally {
    ;(await client.transport.getRpcClient()).close()
  }
}

export const testClient = (mode) =>
  createTestClient({ mode, chain, transport: transport(), ...POLLING }).extend(publicActions)
// An address signs in the node, a key here.
export const walletClient = (account) =>
  createWalletClient({ account, chain, transport: transport(), ...POLLING })

export const users = Object.fromEntries(
  ready.users.map((user) => [user.name, privateKeyToAccount(user.private_key)]),
)
const MNEMONIC = 'test test test test test test test test test test test junk'
export const owner = mnemonicToAccount(MNEMONIC, { addressIndex: 10 })
export const withdrawSigner = privateKeyToAccount(ready.withdraw_signer_private_key)

// An address that nothing has happened to yet.
let strangers = 0
export const stranger = () => {
  strangers += 1
  return `0x5712a46e${process.pid.toString(16).padStart(8, '0')}${strangers.toString(16).padStart(24, '0')}`
}

// One request past every client, for what they hide: results they drop, errors they wrap.
let ids = 0
export async function rpc(method, ...params) {
  const body = JSON.stringify({ jsonrpc: '2.0', id: (ids += 1), method, params })
  const headers = { 'Content-Type': 'application/json' }
  const response = await fetch(ready.rpc_url, { method: 'POST', headers, body })
  const { result, error } = await response.json()
  if (error) throw Object.assign(new Error(error.message), { code: error.code, data: error.data })
  return result
}

export const mine = async (blocks = 1) => {
  for (let mined = 0; mined < blocks; mined += 1) await rpc('evm_mine')
}

// Anvil answers a send before the block is there and has no word for "mined"; ours and Hardhat
// have the receipt when the send returns, so that there this asks once.
export const mined = (hash) => publicClient.waitForTransactionReceipt({ hash, timeout: 10_000 })

// Polls because the thing waited for happens in another process and has no event.
export async function until(condition, what, timeout = 10_000) {
  const end = Date.now() + timeout
  for (;;) {
    const value = await condition()
    if (value) return value
    if (Date.now() > end) throw new Error(`not within ${timeout} ms: ${what}`)
    await delay(20)
  }
}

// Everything a subscription says, in order, with a way to wait for the n-th.
export function collector() {
  const items = []
  return {
    items,
    add: (item) => items.push(item),
    reach: (count, what) =>
      until(() => items.length >= count, `${count} × ${what}, there are ${items.length}`),
  }
}

// A test with what is known to be different elsewhere: there it runs as `todo`, so a failure is
// shown and doesn't count. On our own chain nothing is ever excused.
export const check = (name, differences, body = differences) => {
  const reason = ready.peer && typeof differences === 'object' && differences[ready.peer]
  return test(
    name,
    { timeout: 60_000, ...(reason ? { todo: `${ready.peer}: ${reason}` } : {}) },
    body,
  )
}

async function deploy(name, args) {
  const { abi, bytecode } = artifact(name)
  const hash = await walletClient(owner).deployContract({ abi, bytecode, args })
  return (await mined(hash)).contractAddress
}

async function deployWorld() {
  const df = await deploy('DFToken', [owner.address])
  const vault = await deploy('ZtdxSpotVault', [owner.address, withdrawSigner.address])
  const write = async (call) => mined(await walletClient(owner).writeContract(call))
  const mint = { address: df, abi: tokenAbi, functionName: 'mint' }
  await write({
    address: vault,
    abi: vaultAbi,
    functionName: 'setTokenRegistered',
    args: [df, true],
  })
  for (const user of Object.values(users))
    await write({ ...mint, args: [user.address, parseEther('1000000')] })
  return { df, vault }
}

export const { vault, df } = ready.vault
  ? { vault: ready.vault, df: ready.df_token }
  : await deployWorld()

export const token = { address: df, abi: tokenAbi }
export const bank = { address: vault, abi: vaultAbi }

export const balanceOf = (address, block = {}) =>
  publicClient.readContract({ ...token, functionName: 'balanceOf', args: [address], ...block })

// Unlimited, once, so that a deposit is one transaction.
export async function approve(user) {
  const call = { ...token, functionName: 'approve', args: [vault, maxUint256] }
  await mined(await walletClient(user).writeContract(call))
}

export const depositCall = (amount) => ({ ...bank, functionName: 'deposit', args: [df, amount] })

export const deposit = async (user, amount) =>
  mined(await walletClient(user).writeContract(depositCall(amount)))

// The withdraw voucher of the vault, as EIP-712 has it.
export const voucher = (account, value, nonce, deadline) => ({
  domain: {
    name: 'ZTDX Spot Vault',
    version: '1',
    chainId: ready.chain_id,
    verifyingContract: vault,
  },
  types: {
    SpotReleaseFunds: [
      { name: 'account', type: 'address' },
      { name: 'token', type: 'address' },
      { name: 'value', type: 'uint256' },
      { name: 'nonce', type: 'uint256' },
      { name: 'deadline', type: 'uint256' },
    ],
  },
  primaryType: 'SpotReleaseFunds',
  message: { account, token: df, value, nonce, deadline },
})
