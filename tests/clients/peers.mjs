// The same tests against anvil or Hardhat, to see that they ask nothing that only we answer.
//
//     npm i --prefix peers @foundry-rs/anvil@1.7.1 hardhat@3.18 node@22 \
//         @nomicfoundation/edr-linux-x64-gnu@0.22.0 --force
//     PEERS=peers node peers.mjs anvil [--block-time 1] viem_anvil.test.mjs ...
//
// ONLY=pattern runs the tests whose name has it.
//
// Neither is a dependency, so nothing here runs in CI. Hardhat needs a newer Node than we do.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mnemonicToAccount } from 'viem/accounts'
import { toHex } from 'viem'

const MNEMONIC = 'test test test test test test test test test test test junk'
const NAMES = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank', 'grace', 'heidi', 'ivan', 'judy']
const [peer, ...rest] = process.argv.slice(2)
const files = rest.filter((argument) => argument.endsWith('.mjs'))
const flags = rest.filter((argument) => !argument.endsWith('.mjs'))
const PEERS = process.env.PEERS ?? 'peers'
const bin = (path) => join(PEERS, 'node_modules', path)

const ended = (child) => new Promise((resolve) => child.on('exit', resolve))

function start(directory) {
  if (peer === 'anvil')
    return spawn(bin('.bin/anvil'), [
      '--port',
      '0',
      '--chain-id',
      '97',
      '--accounts',
      '12',
      ...flags,
    ])
  const node = { type: 'edr-simulated', chainId: 97 }
  const config = `export default { networks: { node: ${JSON.stringify(node)} } }\n`
  writeFileSync(join(directory, 'hardhat.config.js'), config)
  writeFileSync(join(directory, 'package.json'), '{"type": "module"}\n')
  const options = ['node', '--port', '0', '--hostname', '127.0.0.1', ...flags]
  const command = [bin('hardhat/dist/src/cli.js'), ...options]
  return spawn(bin('.bin/node'), command, { cwd: directory })
}

const listening = (server) =>
  new Promise((resolve, reject) => {
    let output = ''
    server.stdout.on('data', (data) => {
      output += data
      const found = /(?:Listening on |server at http:\/\/)(127\.0\.0\.1:\d+)/.exec(output)
      if (found) resolve(found[1])
    })
    server.stderr.on('data', (data) => process.stderr.write(data))
    server.on('exit', () => reject(new Error(`${peer} ended: ${output}`)))
  })

const account = (addressIndex) => {
  const { address, getHdKey } = mnemonicToAccount(MNEMONIC, { addressIndex })
  return { address, private_key: toHex(getHdKey().privateKey) }
}

for (const name of files) {
  // Inside PEERS, because Hardhat runs only for a project that it is installed in.
  const directory = mkdtempSync(join(PEERS, 'run-'))
  const server = start(directory)
  try {
    const address = await listening(server)
    const ready = {
      peer,
      rpc_url: `http://${address}`,
      ws_rpc_url: `ws://${address}`,
      chain_id: 97,
      confirmation_depth: 20,
      owner: account(10).address,
      withdraw_signer_private_key: account(11).private_key,
      users: NAMES.map((user, index) => ({ name: user, ...account(index) })),
    }
    const file = join(directory, 'ready.json')
    writeFileSync(file, JSON.stringify(ready))
    const env = { ...process.env, DEVNET_READY_FILE: file }
    const only = process.env.ONLY ? [`--test-name-pattern=${process.env.ONLY}`] : []
    const args = ['--test', '--test-reporter=spec', ...only, name]
    await ended(spawn(process.execPath, args, { env, stdio: 'inherit' }))
  } finally {
    const end = ended(server)
    server.kill()
    await end
    rmSync(directory, { recursive: true })
  }
}
