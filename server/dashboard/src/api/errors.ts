// Errors of calls as problems that people read.
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { Code, ConnectError } from '@connectrpc/connect';

/** Why something failed. `reason` is an ErrorReason of the API, `UNREACHABLE`, or `PAGE` for an error of the page itself. */
export interface Problem {
  reason: string;
  message: string;
  details: Record<string, string>;
}

/** Describe an error of a call, or any other. */
export function problemOf(error: unknown): Problem {
  const found = error instanceof ConnectError ? error : asConnectError(error);
  if (!found) {
    return { reason: 'PAGE', message: error instanceof Error ? error.message : String(error), details: {} };
  }
  for (const detail of found.details) {
    if ('type' in detail && detail.type === 'google.rpc.ErrorInfo') {
      const { reason, metadata } = readErrorInfo(detail.value);
      return { reason: reason.replace(/^ERROR_REASON_/, ''), message: found.rawMessage, details: metadata };
    }
  }
  if (found.code === Code.Unauthenticated) return { reason: 'UNAUTHENTICATED', message: found.rawMessage, details: {} };
  if (found.code === Code.Canceled) return { reason: 'CANCELLED', message: 'The call was cancelled.', details: {} };
  if (found.code === Code.DeadlineExceeded) {
    return { reason: 'DEADLINE_EXCEEDED', message: 'The server took too long to answer.', details: {} };
  }
  return {
    reason: 'UNREACHABLE',
    message: `The server does not answer (${found.rawMessage || 'no connection'}). Is it running, and is this computer connected?`,
    details: {},
  };
}

/** Return whether an error only says that the page itself cancelled the call. */
export function isCancelled(error: unknown): boolean {
  return (
    (error instanceof ConnectError && error.code === Code.Canceled) ||
    (error instanceof DOMException && error.name === 'AbortError')
  );
}

function asConnectError(error: unknown): ConnectError | undefined {
  // fetch throws a TypeError when there is no connection, and an AbortError when it is cancelled.
  if (error instanceof TypeError && /fetch|network|load failed/i.test(error.message)) {
    return new ConnectError('no connection', Code.Unavailable);
  }
  return isCancelled(error) ? new ConnectError('', Code.Canceled) : undefined;
}

/** Read a google.rpc.ErrorInfo: reason = 1, domain = 2, map metadata = 3. */
function readErrorInfo(bytes: Uint8Array): { reason: string; metadata: Record<string, string> } {
  const result = { reason: '', metadata: {} as Record<string, string> };
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1) result.reason = reader.string();
    else if (field === 3) {
      const entry = new BinaryReader(reader.bytes());
      let key = '';
      let value = '';
      while (entry.pos < entry.len) {
        const [part] = entry.tag();
        if (part === 1) key = entry.string();
        else value = entry.string();
      }
      result.metadata[key] = value;
    } else reader.skip(wireType, field);
  }
  return result;
}
