import { testActions } from './viem_actions.mjs'

testActions('anvil')
