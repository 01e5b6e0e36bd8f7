// Rows of any number, batch by batch, so that the page never holds a whole table.
import { queries } from './clients';
import type { Relation } from './generated/levada_api/v1/relation_pb';
import { rowsOf, type Rows } from './rows';

const CONTINUATION = 0xffffffff;
/** `MessageHeader` of Arrow's Message.fbs. */
const RECORD_BATCH = 3;

/** Fetch a relation, and yield its rows in the batches in which the server sends them; one without rows if there are none. */
export async function* batches(relation: Relation, signal: AbortSignal): AsyncGenerator<Rows> {
  let head = new Uint8Array();
  let rest = new Uint8Array();
  let none = true;
  for await (const piece of queries.fetchRelation({ relation }, { signal })) {
    rest = joined(rest, piece.arrowIpc);
    for (let end = messageEnd(rest); end !== undefined; end = messageEnd(rest)) {
      const message = rest.slice(0, end);
      rest = rest.slice(end);
      // The schema and the labels of enums come first, and belong to every batch.
      if (headerType(message) === RECORD_BATCH) {
        none = false;
        yield rowsOf(joined(head, message));
      } else head = joined(head, message);
    }
  }
  if (none) yield rowsOf(head);
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}

/**
 * Return where the first message ends; undefined if it has not arrived whole, or the stream ends there.
 *
 * Source: Arrow columnar format, "Encapsulated message format".
 */
function messageEnd(bytes: Uint8Array): number | undefined {
  if (bytes.length < 8) return undefined;
  const view = viewOf(bytes);
  const metadata = view.getInt32(4, true);
  if (view.getUint32(0, true) !== CONTINUATION || metadata === 0 || bytes.length < 8 + metadata) return undefined;
  const end = 8 + metadata + bodyLength(bytes);
  return bytes.length < end ? undefined : end;
}

/** Return the place of a field of the message's flatbuffer; 0 if it has its default. */
function field(view: DataView, index: number): number {
  const table = 8 + view.getInt32(8, true);
  const entries = table - view.getInt32(table, true);
  const place = 4 + 2 * index;
  const offset = place < view.getUint16(entries, true) ? view.getUint16(entries + place, true) : 0;
  return offset && table + offset;
}

function headerType(message: Uint8Array): number {
  const view = viewOf(message);
  const place = field(view, 1);
  return place && view.getUint8(place);
}

function bodyLength(bytes: Uint8Array): number {
  const view = viewOf(bytes);
  const place = field(view, 3);
  return place ? Number(view.getBigInt64(place, true)) : 0;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
