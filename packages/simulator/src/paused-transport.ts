import { Code, ConnectError } from '@connectrpc/connect';
import type { Transport } from '@connectrpc/connect';

/** As a server whose methods are unavailable while there is a reason for it. */
export function pausedTransport(transport: Transport, reason: () => string | undefined): Transport {
  const assertGoesOn = (): void => {
    const message = reason();
    if (message !== undefined) throw new ConnectError(message, Code.Unavailable);
  };
  return {
    async unary(...call) {
      assertGoesOn();
      return await transport.unary(...call);
    },
    async stream(...call) {
      assertGoesOn();
      return await transport.stream(...call);
    },
  };
}
